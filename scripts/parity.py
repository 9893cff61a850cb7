"""Compares crispyx-coordinator with crispyx 0.0.4 and other packages on fresh random screens.

    scripts/parity.sh [--seed N] [--screens N] [--case NAME]... [--method NAME]... [--markdown FILE]

Before anything is compared, copies of a result with planted differences must fail. Every case
runs the reference and this project on the same file and prints, per layer, the element that is
furthest from its tolerance; then the t-test and Wilcoxon stand beside scanpy, illico and pdex, and
one perturbation of the GLM beside PyDESeq2. Exit status 1 when something is beyond tolerance, 2
when a side failed to run. `--against reference` puts the reference itself in the executable's
place, and `--against independent` (frozen control only) the NumPy version of the fixtures.
"""

import argparse
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile

import anndata
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests" / "ParityTests" / "Fixtures"))
sys.dont_write_bytecode = True

import comparison  # noqa: E402
import independent  # noqa: E402
import method_cases  # noqa: E402
import method_screens  # noqa: E402
import parity_peers  # noqa: E402
import parity_report  # noqa: E402
import reference_methods  # noqa: E402
import reference_run  # noqa: E402
import screens  # noqa: E402
from method_cases import MethodCase  # noqa: E402

COLUMN = "perturbation"
RUN_LIMIT_SECONDS = 600


class RunFailed(RuntimeError):
    """The executable did not produce a result."""


def frozen_cases(screen, rng, reference_factors):
    """Cases of the frozen path; `reference_factors` is what the reference computed by default."""
    labels = [name for name in screen.obs[COLUMN].cat.categories if name != screens.CONTROL]
    subset = [str(name) for name in rng.choice(labels, 3, replace=False)]
    options = {
        "default": {},
        "min-mu-0": {"min_mu": 0.0},
        "min-mu-0.1": {"min_mu": 0.1},
        "max-iter-3": {"max_iter": 3},
        "tol-1e-3": {"tol": 1e-3},
        "lfc-base-ln": {"lfc_base": "ln"},
        "bonferroni": {"corr_method": "bonferroni"},
        "min-cells-expressed": {"min_cells_expressed": int(rng.integers(10, 100))},
        "thresholds": {
            "min_pct_ctrl": 0.3,
            "min_pct_pert": float(rng.uniform(0.05, 0.5)),
            "min_mean_ctrl": float(rng.uniform(0.1, 1.0)),
            "min_mean_pert": 0.5,
        },
        "unscaled-size-factors": {"scale_size_factors": False},
        "user-size-factors": {"size_factors": rng.lognormal(0.0, 0.4, screen.n_obs)},
        "reference-size-factors": {
            "size_factors": reference_factors,
            "scale_size_factors": False,
        },
        "perturbations": {"perturbations": subset},
    }
    cases = [
        MethodCase(f"frozen/{name}", "nb-glm", {"freeze_control": True, **chosen}, "frozen.h5ad")
        for name, chosen in options.items()
    ]
    integers = MethodCase(
        "frozen/integers", "nb-glm", {"freeze_control": True}, "frozen_int64.h5ad"
    )
    return [*cases, integers]


def write_screens(seed, genes, folder):
    """Writes the fresh files of one seed and returns the cases to run on them."""
    rng = np.random.default_rng([seed, 1])
    sizes = method_screens.random_sizes(rng)
    labels = [name for name in sizes if name != screens.CONTROL]
    others = [name for name in labels if name not in ("TP53", "HLA-A/B")]
    chosen = ["TP53", "HLA-A/B", str(rng.choice(others))]
    log = method_screens.log_screen(seed, max(genes // 4, 40), sizes)
    single = log.copy()
    single.X = single.X.astype(np.float32)
    counts = method_screens.count_screen(seed, max(genes // 4, 72), sizes=sizes)
    floats = counts.copy()
    floats.X = floats.X.astype(np.float32)
    sparse = method_screens.count_screen(seed + 1, max(genes // 4, 72), 0.04, sizes)
    files = {
        "log.h5ad": single,
        "log_float64.h5ad": log,
        "log_untidy.h5ad": method_screens.untidy(single, seed),
        "screen.h5ad": floats,
        "screen_int64.h5ad": counts,
        "sparse_int64.h5ad": sparse,
        "untidy_int64.h5ad": method_screens.untidy(counts, seed),
        "chunks.h5ad": method_screens.chunk_screen(seed),
        "frozen.h5ad": screens.random_screen(seed, genes, np.float32),
        "frozen_int64.h5ad": screens.random_screen(seed, genes, np.int64),
    }
    for name, screen in files.items():
        method_screens.write(screen, folder / name)
    names = {"screen.h5ad": "log.h5ad", "screen_float64.h5ad": "log_float64.h5ad"}
    names["untidy.h5ad"] = "log_untidy.h5ad"
    cases = [
        MethodCase(x.name, x.method, x.options, names[x.input], names.get(x.tidy))
        for x in method_cases.rank_and_t_cases(single, rng.permutation(labels)[:3].tolist())
    ]
    cases += [
        MethodCase(f"{x.method}/chunks", x.method, x.options, "chunks.h5ad")
        for x in method_cases.chunk_cases()
    ]
    default = reference_methods.run_nb_glm(
        folder / "frozen.h5ad", COLUMN, screens.CONTROL, freeze_control=True
    )
    cases += frozen_cases(files["frozen.h5ad"], rng, default["size_factors"])
    return cases + method_cases.count_cases(counts, chosen)


def command_line(options, folder):
    """The options as arguments of the executable; size factors become a file, one a line."""
    arguments = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, np.ndarray):
            path = folder / f"{name}.txt"
            path.write_text("".join(f"{entry!r}\n" for entry in value.tolist()))
            arguments += [flag, str(path)]
        elif isinstance(value, list):
            for entry in value:
                arguments += [flag, str(entry)]
        else:
            arguments += [flag, str(value)]
    return arguments


def run_coordinator(case, folder, source):
    """Runs the executable on a case and reads its result."""
    binaries = pathlib.Path(os.environ.get("CRISPYX_BIN") or ROOT / ".build" / "release")
    output = folder / "ours.h5ad"
    command = [str(binaries / "crispyx-coordinator")]
    options = dict(case.options)
    if case.method == "shrink":
        command += ["shrink", str(source), "--method", options.pop("shrink_method", "stats")]
        if case.options.get("shrink_method") == "full":
            command += ["--input", str(folder / case.input)]
    else:
        command += ["run", str(folder / case.input), "--method", case.method]
        command += ["--perturbation-column", COLUMN, "--control-label", screens.CONTROL]
    if case.name == "cached/min-total-count":
        # Without effect there, and refused for that: the reference's numbers are those without it.
        options.pop("min_total_count")
    if case.method == "nb-glm":
        command += ["--freeze-control", "on" if options.pop("freeze_control", False) else "off"]
    command += ["--compat", "crispyx-0.0.4", "--force", "--output", str(output)]
    command += command_line(options, folder)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-5:])
        raise RunFailed(f"{' '.join(command)}\nexit status {done.returncode}\n{last}")
    result = anndata.read_h5ad(output)
    layers = {"X": np.asarray(result.X)}
    layers.update({name: np.asarray(values) for name, values in result.layers.items()})
    return {
        "perturbations": [str(name) for name in result.obs_names],
        "genes": [str(name) for name in result.var_names],
        "layers": layers,
        "size_factors": result.uns.get("size_factors"),
    }


def run_reference(case, folder, source, keep=None):
    """Runs the reference on a case, on the tidy file where it has one."""
    where = (folder / (case.tidy or case.input), COLUMN, screens.CONTROL)
    if case.method == "t-test":
        return reference_methods.run_t_test(*where, **case.options)
    if case.method == "wilcoxon":
        return reference_methods.run_wilcoxon(*where, **case.options)
    if case.method == "shrink":
        return reference_methods.run_shrink(source, **case.options)
    return reference_methods.run_nb_glm(*where, keep=keep, **case.options)


def run_independent(case, folder):
    """Runs the NumPy version of the frozen path on the same counts."""
    screen = anndata.read_h5ad(folder / case.input)
    counts = screen.X.toarray().astype(np.float64)
    labels = screen.obs[COLUMN].astype(str).to_numpy()
    options = {name: value for name, value in case.options.items() if name != "freeze_control"}
    result = independent.run(counts, labels, screens.CONTROL, **options)
    return {**result, "genes": list(screen.var_names)}


def labelled_only(case, folder, result):
    """The result without the size factors of cells that have no label."""
    if case.tidy is None or result.get("size_factors") is None:
        return result
    known = anndata.read_h5ad(folder / case.input, backed="r").obs[COLUMN].notna().to_numpy()
    factors = np.asarray(result["size_factors"])
    # Ours are those of the labelled cells alone.
    return {**result, "size_factors": factors if len(factors) == known.sum() else factors[known]}


def insecure(case, folder, reference, source):
    """Pairs whose posterior mode the reference's minimiser can miss, or nil."""
    is_full = case.options.get("shrink_method") == "full"
    if not is_full and case.options.get("lfc_shrinkage_type") != "apeglm":
        return None
    # The dispersions that the effects were shrunk with.
    if is_full:
        dispersion = anndata.read_h5ad(source).layers["dispersion"]
    else:
        dispersion = reference["layers"]["dispersion"]
    screen = anndata.read_h5ad(folder / case.input)
    labels = screen.obs[COLUMN].astype(str).to_numpy()
    totals = [
        np.asarray(screen.X[np.isin(labels, [screens.CONTROL, name])].sum(axis=0)).ravel()
        for name in reference["perturbations"]
    ]
    return (np.array(totals) > 1e6) | (np.asarray(dispersion) < 1e-3)


def compare_case(case, against, folder):
    """Runs both sides of one case; returns the findings of its layers."""
    source = folder / f"kept-{(case.source or case.name).replace('/', '+')}.h5ad"
    reference = run_reference(case, folder, source, keep=source)
    if against == "independent":
        result = run_independent(case, folder)
    elif against == "reference":
        result = run_reference(case, folder, source)
    else:
        result = labelled_only(case, folder, run_coordinator(case, folder, source))
    is_same = parity_report.shares_size_factors(case)
    bounds = comparison.bounds_of(case.method, case.options, is_same)
    return comparison.compare(
        reference,
        result,
        bounds,
        min_mu=case.options.get("min_mu", 0.5) if case.method == "nb-glm" else 0.5,
        excluded=insecure(case, folder, reference, source),
    )


def self_test(cases, folder):
    """Plants differences in a result of each method; returns what went unnoticed."""
    unnoticed = []
    for method in ("t-test", "wilcoxon", "nb-glm"):
        case = next(case for case in cases if case.method == method)
        reference = run_reference(case, folder, None)
        bounds = comparison.bounds_of(method, case.options, False)
        unnoticed += [f"{method}: {line}" for line in comparison.self_test(reference, bounds)]
    return unnoticed


def is_wanted(case, chosen):
    """Whether the command line asks for a case; a name asks for all that begin with it."""
    by_name = not chosen.case or any(case.name.startswith(name) for name in chosen.case)
    is_frozen = case.method == "nb-glm" and case.options.get("freeze_control")
    possible = chosen.against != "independent" or (is_frozen and case.input.startswith("frozen"))
    return by_name and possible and (not chosen.method or case.method in chosen.method)


def compare_screen(seed, chosen, folder, report):
    """Runs the wanted cases on the screens of one seed; returns the names that failed."""
    print(f"seed {seed} (replay with --seed {seed})")
    cases = write_screens(seed, chosen.genes, folder)
    for line in (unnoticed := self_test(cases, folder)):
        print(f"self-test: {line}")
    if unnoticed:
        return ["self-test"], []
    failed, broken = [], []
    wanted = [case for case in cases if is_wanted(case, chosen)]
    sources = {case.source for case in wanted}
    for case in cases:
        if case not in wanted:
            if case.name in sources:
                path = folder / f"kept-{case.name.replace('/', '+')}.h5ad"
                run_reference(case, folder, None, keep=path)
            continue
        try:
            findings = compare_case(case, chosen.against, folder)
        except RunFailed as error:
            print(f"{case.name}: DID NOT RUN\n{error}", flush=True)
            broken.append(case.name)
            continue
        passed = all(finding.passed for finding in findings)
        print(f"{case.name}: {'within tolerance' if passed else 'BEYOND TOLERANCE'}", flush=True)
        for finding in findings:
            print(finding.line())
        report.add(case, findings)
        if not passed:
            failed.append(case.name)
    return failed, broken


def run_peers(chosen, folder, report):
    """Stands beside scanpy, illico, pdex and PyDESeq2; returns the names that failed."""

    def run(case):
        if chosen.against == "coordinator":
            return run_coordinator(case, folder, None)
        return run_reference(case, folder, None)

    failed, broken = [], []
    for name, compare in parity_peers.COMPARISONS.items():
        if chosen.case and name not in chosen.case:
            continue
        try:
            lines = compare(run, folder)
        except RunFailed as error:
            print(f"{name}: DID NOT RUN\n{error}")
            broken.append(name)
            continue
        print(f"{name}:")
        for line in lines:
            print(line.text())
        report.add_peer(name, lines)
        if not all(line.passed for line in lines):
            failed.append(name)
    return failed, broken


def main():
    """Reads the command line, compares every screen and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="replays a screen; random when omitted")
    parser.add_argument("--screens", type=int, default=1, help="how many seeds in a row")
    parser.add_argument("--genes", type=int, default=400)
    parser.add_argument(
        "--case", action="append", default=[], help="cases that begin with this; repeatable"
    )
    parser.add_argument(
        "--method", action="append", default=[], choices=list(reference_methods.TYPES)
    )
    parser.add_argument("--markdown", type=pathlib.Path, help="writes a table of the differences")
    parser.add_argument("--no-peers", action="store_true", help="only crispyx, no other package")
    parser.add_argument(
        "--against", choices=("coordinator", "reference", "independent"), default="coordinator"
    )
    chosen = parser.parse_args()
    first = secrets.randbelow(2**31) if chosen.seed is None else chosen.seed
    seeds = range(first, first + chosen.screens)
    report, failed, broken = parity_report.Report(seeds), [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="parity-") as name:
            folder = pathlib.Path(name)
            try:
                found = [compare_screen(seed, chosen, folder, report)]
                if not (chosen.no_peers or chosen.method or chosen.against == "independent"):
                    found.append(run_peers(chosen, folder, report))
            except reference_run.ReferenceError as error:
                print(f"seed {seed}: {error}", file=sys.stderr)
                return 2
            failed += [f"seed {seed}: {name}" for names, _ in found for name in names]
            broken += [f"seed {seed}: {name}" for _, names in found for name in names]
    if chosen.markdown:
        chosen.markdown.write_text(report.markdown(), encoding="utf-8")
    if failed:
        print("parity: beyond tolerance: " + "; ".join(failed))
    elif not broken:
        print("parity: everything within tolerance")
    if broken:
        print("parity: did not run: " + "; ".join(broken))
    return 2 if broken else int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
