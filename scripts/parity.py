"""Compares crispyx-coordinator with crispyx 0.0.4 on a fresh random screen.

    scripts/parity.sh [--seed N] [--screens N] [--genes N] [--case NAME]...

Before anything is compared, copies of a result with planted differences must fail. Every case
runs the reference's frozen-control NB-GLM and this project's on the same file and
prints, per layer, the element that is furthest from its tolerance. Exit status 1 when one is
beyond it, 2 when a side failed to run. `--against independent` puts the NumPy version of the
fixtures in the executable's place, which shows what double precision can attain.
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
import reference_run  # noqa: E402
import screens  # noqa: E402

COLUMN = "perturbation"
RUN_LIMIT_SECONDS = 600


class RunFailed(RuntimeError):
    """The executable did not produce a result."""


def option_cases(screen, rng, reference_factors):
    """Case name to options of the reference; the same names, hyphenated, are the command line's.

    `reference_factors` returns the size factors that the reference computed for the default case.
    """
    labels = [name for name in screen.obs[COLUMN].cat.categories if name != screens.CONTROL]
    subset = [str(name) for name in rng.choice(labels, 3, replace=False)]
    return {
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
        "integers": {},
    }


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


def run_coordinator(path, options, folder, name):
    """Runs the executable and reads its result."""
    binaries = pathlib.Path(os.environ.get("CRISPYX_BIN") or ROOT / ".build" / "release")
    output = folder / f"{name}.h5ad"
    command = [str(binaries / "crispyx-coordinator"), str(path), "--method", "nb-glm"]
    command += ["--compat", "crispyx-0.0.4", "--freeze-control", "on", "--output", str(output)]
    command += ["--perturbation-column", COLUMN, "--control-label", screens.CONTROL]
    command += command_line(options, folder)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)}\nexit status {done.returncode}\n{done.stderr}")
    result = anndata.read_h5ad(output)
    layers = {"X": np.asarray(result.X)}
    layers.update({name: np.asarray(values) for name, values in result.layers.items()})
    return {
        "perturbations": [str(name) for name in result.obs_names],
        "genes": [str(name) for name in result.var_names],
        "layers": layers,
        "size_factors": result.uns.get("size_factors"),
    }


def run_independent(screen, options):
    """Runs the NumPy version on the same counts."""
    counts = screen.X.toarray().astype(np.float64)
    labels = screen.obs[COLUMN].astype(str).to_numpy()
    result = independent.run(counts, labels, screens.CONTROL, **options)
    return {**result, "genes": list(screen.var_names)}


def compare_case(name, options, screen, path, against, folder):
    """Runs both sides of one case; returns whether every layer is within tolerance."""
    reference = reference_run.run_frozen(path, COLUMN, screens.CONTROL, folder, **options)
    if against == "independent":
        result = run_independent(screen, options)
    else:
        result = run_coordinator(path, options, folder, name)
    findings = comparison.compare(
        reference,
        result,
        min_mu=options.get("min_mu", 0.5),
        same_size_factors="size_factors" in options or name == "integers",
    )
    passed = all(finding.passed for finding in findings)
    print(f"{name}: {'within tolerance' if passed else 'BEYOND TOLERANCE'}")
    for finding in findings:
        print(finding.line())
    return passed


def compare_screen(seed, genes, wanted, against, folder):
    """Runs the wanted cases on the screen of one seed; returns the names that failed."""
    print(f"seed {seed} (replay with --seed {seed})")
    rng = np.random.default_rng([seed, 1])
    paths = {}
    for kind in (np.float32, np.int64):
        screen = screens.random_screen(seed, genes, kind)
        paths[kind] = folder / f"screen_{np.dtype(kind).name}.h5ad"
        screen.write_h5ad(paths[kind])
    screen = screens.random_screen(seed, genes)
    print(f"{screen.n_obs} cells, {screen.n_vars} genes, {screen.obs[COLUMN].nunique()} groups")
    default = reference_run.run_frozen(paths[np.float32], COLUMN, screens.CONTROL, folder)
    unnoticed = comparison.self_test(default)
    for line in unnoticed:
        print(f"self-test: {line}")
    if unnoticed:
        return ["self-test"]
    failed = []
    for name, options in option_cases(screen, rng, default["size_factors"]).items():
        if wanted and name not in wanted:
            continue
        path = paths[np.int64 if name == "integers" else np.float32]
        if not compare_case(name, options, screen, path, against, folder):
            failed.append(name)
    return failed


def main():
    """Reads the command line, compares every screen and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="replays a screen; random when omitted")
    parser.add_argument("--screens", type=int, default=1, help="how many seeds in a row")
    parser.add_argument("--genes", type=int, default=400)
    parser.add_argument("--case", action="append", default=[], help="only this case; repeatable")
    parser.add_argument(
        "--against", choices=("coordinator", "independent"), default="coordinator"
    )
    chosen = parser.parse_args()
    first = secrets.randbelow(2**31) if chosen.seed is None else chosen.seed
    failed = []
    for seed in range(first, first + chosen.screens):
        with tempfile.TemporaryDirectory(prefix="parity-") as folder:
            try:
                names = compare_screen(
                    seed, chosen.genes, chosen.case, chosen.against, pathlib.Path(folder)
                )
            except (RunFailed, reference_run.ReferenceError) as error:
                print(f"seed {seed}: {error}", file=sys.stderr)
                return 2
            failed += [f"seed {seed}: {name}" for name in names]
    print("parity: " + ("; ".join(failed) if failed else "everything within tolerance"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
