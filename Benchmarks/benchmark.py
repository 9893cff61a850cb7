"""Measures this project beside other packages and prints Markdown.

    Benchmarks/run.sh [NAME...] [--quick] [--rounds N] [--stored DIR] [--markdown FILE]

NAME is wilcoxon, t-test, frozen, cached, apeglm or shrink; all by default. Slow peers take a
quarter of an hour together: with --stored DIR what was measured of them goes to that folder and is
not measured again there. Exit status 1 when two programs disagree, 2 when one did not run.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import agreement
import contests
import prepare
import report

HERE = pathlib.Path(__file__).resolve().parent


class DidNotRun(RuntimeError):
    """A program failed."""


def note(text):
    """Progress, beside the Markdown."""
    print(text, file=sys.stderr, flush=True)


def run(command):
    """Runs a command of Python with what it prints as JSON or text; raises when it fails."""
    done = subprocess.run(
        [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-12:])
        raise DidNotRun(f"exit status {done.returncode}\n{last}")
    return done.stdout


class Bench:
    """One run of the benchmarks in a folder of its own."""

    def __init__(self, chosen, folder):
        self.chosen, self.folder = chosen, folder
        self.coordinator = chosen.binaries / "crispyx-coordinator"
        self.files = prepare.Files(self.coordinator, folder)
        self.versions, self.disagreements = {}, []

    def ours(self, contest, path, counts, output):
        """Measures one run of ours; returns the measurement and the summary it printed."""
        command = contest.our_command(self.coordinator, path, counts, output)
        measured = self.folder / "measured.json"
        printed = run(
            [HERE / "measure.py", "--interval", "0.02", "--json", measured, "--", *command]
        )
        return json.loads(measured.read_text()), json.loads(printed)

    def peer(self, contest, peer, path):
        """Measures a peer; returns the measurement and the folder of its result."""
        size = contest.chosen_size(self.chosen.quick)
        name = f"{peer.name}-{size.name}"
        is_stored = peer.is_slow and self.chosen.stored is not None
        results = (self.chosen.stored if is_stored else self.folder) / name
        measured = results / "measured.json"
        if is_stored and measured.exists():
            stored = json.loads(measured.read_text())
            if stored["machine"] == report.machine():
                self.versions = stored["versions"]
                return stored, results
        results.mkdir(parents=True, exist_ok=True)
        command = [HERE / "peers.py", peer.name, path, "--results", results]
        if peer.is_slow:
            command += ["--warm-up", self.files.path(contest.kind, contest.quick)]
        found = json.loads(run(command).splitlines()[-1])
        measured.write_text(json.dumps({**found, "machine": report.machine()}))
        self.versions = found["versions"]
        return found, results

    def contest(self, contest):
        """Measures one analysis in rounds; returns its section."""
        size = contest.chosen_size(self.chosen.quick)
        path, counts = self.files.path(contest.kind, size), self.files.path("counts", size)
        output = self.folder / f"ours-{contest.name}.h5ad"
        ours, stages, theirs, folders = [], [], {peer.name: [] for peer in contest.peers}, {}
        for number in range(self.chosen.rounds):
            for file in {path, counts}:
                prepare.read_into_memory(file)
            note(f"{contest.name}: round {number + 1}, ours")
            measured, summary = self.ours(contest, path, counts, output)
            ours.append(measured)
            stages.append(summary["seconds"])
            for peer in contest.peers:
                if number == 0 or not peer.is_slow:
                    note(f"{contest.name}: round {number + 1}, {peer.name}")
                    measured, folders[peer.name] = self.peer(contest, peer, path)
                    theirs[peer.name].append(measured)
        inputs = {"nonzeros": summary.get("nonzeros")}
        if contest.kind == "result":
            inputs["result"] = path
        rows = []
        for peer in contest.peers:
            once = " (once)" if peer.is_slow and self.chosen.rounds > 1 else ""
            agrees = self.agreement(contest, peer, output, folders[peer.name], inputs)
            aim = "" if self.chosen.quick else peer.aim
            rows.append((peer.title, theirs[peer.name], once, aim, agrees))
        return report.contest(contest.title, self.screen(size, counts), ours, stages, rows)

    def agreement(self, contest, peer, output, folder, inputs):
        """Compares numbers; a disagreement becomes part of the table and of the exit status."""
        try:
            return peer.agree(output, folder, inputs)
        except agreement.Disagreement as error:
            self.disagreements.append(f"{contest.name}, {peer.name}: {error}")
            return "**DIFFERS**"

    def screen(self, size, counts):
        """The size of the screen, in words."""
        printed = subprocess.run(
            [self.coordinator, "inspect", counts, "--json"], stdout=subprocess.PIPE, check=True
        ).stdout
        found = json.loads(printed)
        cells, nonzeros = found["cells"], found["matrices"][0]["stored"]
        return (
            f"{cells:,} cells x {size.genes:,} genes x {size.perturbations} perturbations, "
            f"{nonzeros / 1e6:.3g} million nonzeros"
        )


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [contest.name for contest in contests.CONTESTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="tiny screens: does it all work?")
    parser.add_argument("--rounds", type=int, help="3, or 1 with --quick")
    parser.add_argument("--stored", type=pathlib.Path, metavar="DIR", help="keeps slow peers' runs")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="not only stdout")
    parser.add_argument(
        "--binaries", type=pathlib.Path, default=HERE.parent / ".build" / "release", metavar="DIR"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(names):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    return chosen


def main():
    """Runs what was asked for and prints it; returns the exit status."""
    chosen = arguments()
    wanted = [x for x in contests.CONTESTS if not chosen.names or x.name in chosen.names]
    sections = []
    with tempfile.TemporaryDirectory(prefix="crispyx-benchmark-") as folder:
        bench = Bench(chosen, pathlib.Path(folder))
        try:
            version = subprocess.run(
                [bench.coordinator, "--version"], stdout=subprocess.PIPE, text=True, check=True
            ).stdout.strip()
            for contest in wanted:
                sections += bench.contest(contest)
        except (DidNotRun, OSError, subprocess.CalledProcessError) as error:
            note(f"benchmark: {error}")
            return 2
    text = "\n".join(report.heading(chosen.rounds, version, bench.versions) + sections)
    print(text)
    if chosen.markdown:
        chosen.markdown.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    for line in bench.disagreements:
        note(f"benchmark: disagreement: {line}")
    return int(bool(bench.disagreements))


if __name__ == "__main__":
    sys.exit(main())
