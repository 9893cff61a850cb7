"""Runs a command and measures it over its whole process tree: wall time, CPU time, memory.

    python measure.py [--interval SECONDS] -- COMMAND [ARGUMENT]...

The command keeps stdin, stdout and stderr; the measurement is one line of JSON on stderr after it
has ended, or in the file of `--json`. The exit status is the command's, 128 + N after signal N.

Memory is PSS (proportional set size: a page shared by n processes counts 1/n in each), summed over
all processes of the tree at each sample. A peak between two samples is not seen.
"""

import argparse
import ctypes
import dataclasses
import json
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

PROC = pathlib.Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a command cost, descendants included."""

    exit_status: int
    wall_seconds: float
    cpu_seconds: float
    peak_pss_bytes: int
    peak_processes: int


def processes():
    """Process id to (parent id, CPU seconds of it and of the children it waited for)."""
    found = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name, in parentheses, may hold spaces and parentheses itself.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / TICKS_PER_SECOND)
    return found


def tree(root):
    """Process id to CPU seconds, for `root` and all its living descendants."""
    known = processes()
    children = {}
    for process, (parent, _) in known.items():
        children.setdefault(parent, []).append(process)
    found, waiting = {}, [root]
    while waiting:
        process = waiting.pop()
        if process in known and process not in found:
            found[process] = known[process][1]
            waiting += children.get(process, [])
    return found


def tree_cpu_seconds(root):
    """CPU seconds used so far by `root`, its living descendants and whatever they waited for."""
    return sum(tree(root).values())


def pss_bytes(process):
    """PSS of one process; 0 when it has ended or belongs to someone else."""
    try:
        for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Sampler(threading.Thread):
    """Samples the summed PSS of all descendants of this process until it is stopped."""

    def __init__(self, interval=0.05):
        super().__init__(daemon=True)
        self.interval, self.samples = interval, []
        self._asked_to_stop = threading.Event()

    def run(self):
        """Takes samples; the cost of a sample is part of its interval."""
        here = os.getpid()
        while not self._asked_to_stop.is_set():
            started = time.monotonic()
            below = [process for process in tree(here) if process != here]
            self.samples.append((started, sum(map(pss_bytes, below)), len(below)))
            spent = time.monotonic() - started
            self._asked_to_stop.wait(max(self.interval - spent, 0.001))

    def stop(self):
        """Takes no further samples and waits for the last one."""
        self._asked_to_stop.set()
        self.join()

    def peak(self, start=float("-inf"), end=float("inf")):
        """Largest PSS and process count seen between two times of `time.monotonic()`."""
        seen = [sample for sample in self.samples if start <= sample[0] <= end]
        return max((pss for _, pss, _ in seen), default=0), max((n for _, _, n in seen), default=0)


def adopt_orphans():
    """Makes this process the parent of orphaned descendants, so that none leaves the tree."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def waited_cpu_seconds():
    """CPU seconds of all descendants that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(command, interval=0.05, **options):
    """Runs `command`, a list, to its end; `options` go to `subprocess.Popen`.

    The caller must have no other child. Descendants that outlive the command are left running and
    counted as far as they got.
    """
    adopt_orphans()
    before = waited_cpu_seconds()
    sampler = Sampler(interval)
    sampler.start()
    started = time.monotonic()
    try:
        status = subprocess.Popen(command, **options).wait()
        wall = time.monotonic() - started
    finally:
        sampler.stop()
    left = sum(cpu for process, cpu in tree(os.getpid()).items() if process != os.getpid())
    cpu = waited_cpu_seconds() - before + left
    return Measurement(status, wall, cpu, *sampler.peak())


def main():
    """Measures the command of the command line and returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interval", type=float, default=0.05, help="seconds between samples")
    parser.add_argument("--json", metavar="FILE", help="where the measurement goes, not stderr")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    chosen = parser.parse_args()
    command = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
    if not command:
        parser.error("no command given")
    try:
        found = measure(command, chosen.interval)
    except OSError as error:
        print(f"measure: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    text = json.dumps(dataclasses.asdict(found))
    if chosen.json:
        pathlib.Path(chosen.json).write_text(text + "\n")
    else:
        print(text, file=sys.stderr)
    return found.exit_status if found.exit_status >= 0 else 128 - found.exit_status


if __name__ == "__main__":
    sys.exit(main())
