"""Measures crispyx 0.0.4's frozen-control NB-GLM on one file, cold and warm.

    python reference.py SCREEN.h5ad --perturbation-column NAME --control-label NAME [--n-jobs N]

The first run in a process compiles the reference's kernels; the second run in the same process,
with its workers still alive, is the warm one. Prints one JSON object. Memory and CPU time cover
the process and all its workers; sampling happens in a process of its own, which is not counted.
Needs the packages of Tests/ParityTests/Fixtures/requirements.lock.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import measure


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("screen", type=pathlib.Path)
    parser.add_argument("--perturbation-column", required=True)
    parser.add_argument("--control-label", required=True)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--min-mu", type=float, default=0.5)
    parser.add_argument("--max-iter", type=int, default=25)
    parser.add_argument("--warm-runs", type=int, default=1, help="the median is reported")
    parser.add_argument("--interval", type=float, default=0.05, help="seconds between samples")
    parser.add_argument("--keep", metavar="DIR", help="keep the result in this folder")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_once(chosen, folder):
    """Runs the test once; returns start and end on the monotonic clock and CPU seconds."""
    import crispyx

    here = os.getpid()
    used, started = measure.tree_cpu_seconds(here), time.monotonic()
    crispyx.nb_glm_test(
        str(chosen.screen),
        perturbation_column=chosen.perturbation_column,
        control_label=chosen.control_label,
        min_mu=chosen.min_mu,
        max_iter=chosen.max_iter,
        freeze_control=True,
        n_jobs=chosen.n_jobs,
        output_dir=folder,
        force=True,
    )
    ended = time.monotonic()
    return {"start": started, "end": ended, "cpu": measure.tree_cpu_seconds(here) - used}


def inner(chosen):
    """Runs the test in this process, cold and then warm, and prints the times of every run."""
    import warnings
    from importlib import metadata

    # The reference takes logarithms of zero on purpose; its warnings would drown the JSON.
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        runs = [run_once(chosen, chosen.keep or scratch) for _ in range(1 + chosen.warm_runs)]
    versions = {name: metadata.version(name) for name in ("crispyx", "numpy", "scipy", "numba")}
    print(json.dumps({"runs": runs, "versions": versions}))
    return 0


def main():
    """Starts the measured process, samples its memory and prints the result."""
    chosen = arguments()
    if chosen.warm_runs < 1:
        print("reference: --warm-runs must be at least 1", file=sys.stderr)
        return 64
    if chosen.inner:
        return inner(chosen)
    measure.adopt_orphans()
    sampler = measure.Sampler(chosen.interval)
    sampler.start()
    command = [sys.executable, __file__, *sys.argv[1:], "--inner"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    sampler.stop()
    if done.returncode != 0:
        print(f"reference: the run failed with status {done.returncode}", file=sys.stderr)
        return 1
    found = json.loads(done.stdout.splitlines()[-1])
    cold, *warm = found["runs"]
    middle = sorted(warm, key=lambda run: run["end"] - run["start"])[len(warm) // 2]
    print(
        json.dumps(
            {
                "screen": str(chosen.screen),
                "n_jobs": chosen.n_jobs,
                "cpus": len(os.sched_getaffinity(0)),
                "wall_seconds_cold": cold["end"] - cold["start"],
                "wall_seconds_warm": middle["end"] - middle["start"],
                "cpu_seconds_warm": middle["cpu"],
                "peak_pss_bytes": sampler.peak(warm[0]["start"], warm[-1]["end"])[0],
                "peak_pss_bytes_with_start": sampler.peak()[0],
                "processes": sampler.peak(warm[0]["start"], warm[-1]["end"])[1],
                "versions": found["versions"],
            },
            indent=1,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
