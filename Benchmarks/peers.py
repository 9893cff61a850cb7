"""Measures one run of another package, warm: times, CPU seconds, memory; keeps its result.

    python peers.py PEER INPUT.h5ad --results FOLDER [--warm-up FILE] [--source RESULT.h5ad]

The first run in a process compiles kernels and starts workers; the second run in the same process
is the measured one. Imports are in neither. Prints one JSON object. Memory and CPU time cover the
process and all its workers; sampling happens in a process of its own, which is not counted.
Needs the packages of Tests/ParityTests/Fixtures/requirements.lock.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import measure

COLUMN, CONTROL = "perturbation", "control"
SCREEN = {"perturbation_column": COLUMN, "control_label": CONTROL}
# Filters off, so that every package tests every gene.
ALL_GENES = dict.fromkeys(
    ("min_pct_ctrl", "min_pct_pert", "min_mean_ctrl", "min_mean_pert"), 0.0
)
PACKAGES = ("crispyx", "scanpy", "illico", "anndata", "h5py", "numpy", "scipy", "numba")


def crispyx_glm(chosen, path, **options):
    """The NB-GLM of crispyx, from file to file."""
    import crispyx

    crispyx.nb_glm_test(
        str(path), **SCREEN, n_jobs=chosen.threads, output_dir=chosen.results, force=True, **options
    )


def crispyx_frozen(chosen, path):
    """With intercept and dispersion at their control values."""
    crispyx_glm(chosen, path, freeze_control=True)


def crispyx_cached(chosen, path):
    """With the control cells' part of the equations computed once."""
    crispyx_glm(chosen, path, freeze_control=False)


def crispyx_apeglm(chosen, path):
    """With fold changes shrunk right after the fit."""
    crispyx_glm(chosen, path, freeze_control=False, lfc_shrinkage_type="apeglm")


def crispyx_shrink(chosen, path):
    """Shrinkage of a result with the counts read again; the result names their file."""
    import crispyx

    crispyx.shrink_lfc(
        str(path), method="full", output_dir=chosen.results, data_name="shrunk",
        n_jobs=chosen.threads,
    )


def crispyx_t_test(chosen, path):
    """Welch's t-test of crispyx, from file to file, with the chunks that parity is defined by."""
    import crispyx

    crispyx.t_test(
        str(path), **SCREEN, **ALL_GENES, cell_chunk_size=4096, n_jobs=chosen.threads,
        output_dir=chosen.results, force=True,
    )


def crispyx_wilcoxon(chosen, path):
    """The rank sum test of crispyx, from file to file."""
    import crispyx

    crispyx.wilcoxon_test(
        str(path), **SCREEN, **ALL_GENES, n_jobs=chosen.threads, output_dir=chosen.results,
        force=True,
    )


def scanpy_test(path, method, **options):
    """`rank_genes_groups` against the control, with the read of the file; result in memory."""
    import anndata
    import scanpy

    screen = anndata.read_h5ad(path)
    screen.uns["log1p"] = {"base": None}
    scanpy.tl.rank_genes_groups(screen, COLUMN, reference=CONTROL, method=method, **options)
    return lambda file: save_scanpy(screen, file)


def save_scanpy(screen, file):
    """Keeps what `rank_genes_groups` found, as matrices perturbations x genes."""
    import numpy as np

    found = screen.uns["rank_genes_groups"]
    labels = found["names"].dtype.names
    place = {gene: at for at, gene in enumerate(screen.var_names)}
    layers = {}
    for key in ("scores", "pvals", "logfoldchanges"):
        layers[key] = np.empty((len(labels), screen.n_vars))
        for row, label in enumerate(labels):
            layers[key][row, [place[gene] for gene in found["names"][label]]] = found[key][label]
    np.savez(file, perturbations=np.array(labels), genes=np.array(screen.var_names, str), **layers)


def scanpy_t_test(_, path):
    """Welch's t-test of scanpy."""
    return scanpy_test(path, "t-test")


def scanpy_wilcoxon(_, path):
    """The rank sum test of scanpy, with the correction for ties that the others make too."""
    return scanpy_test(path, "wilcoxon", tie_correct=True)


def illico_wilcoxon(chosen, path):
    """The rank sum test of illico, with the read of the file; result in memory."""
    import anndata
    import illico

    screen = anndata.read_h5ad(path)
    frame = illico.asymptotic_wilcoxon(
        screen, group_keys=COLUMN, reference=CONTROL, is_log1p=True, n_threads=chosen.threads,
        use_continuity=False,
    )
    return lambda file: save_illico(frame.reset_index(), screen.var_names, file)


def save_illico(frame, genes, file):
    """Keeps U and p as matrices perturbations x genes."""
    import numpy as np

    def named(*names):
        return next(name for name in names if name in frame.columns)

    group, gene = named(COLUMN, "pert", "group"), named("feature", "gene", "names")
    frame = frame[frame[group].astype(str) != CONTROL]
    columns = {"u": named("statistic", "u_statistic"), "p": named("p_value", "pvalue")}
    wide = {key: frame.pivot(index=group, columns=gene, values=columns[key]) for key in columns}
    layers = {key: table.reindex(columns=genes).to_numpy(float) for key, table in wide.items()}
    labels = np.array(wide["u"].index, str)
    np.savez(file, perturbations=labels, genes=np.array(genes, str), **layers)


def h5py_read(_, path):
    """Reads the three arrays of the matrix and nothing else: what any program has to do."""
    import h5py
    import numpy as np

    with h5py.File(path) as file:
        arrays = [file["X"][name][:] for name in ("data", "indices", "indptr")]
    return lambda file: np.savez(file, nonzeros=len(arrays[0]), sum=arrays[0].sum(dtype=float))


PEERS = {
    "crispyx-frozen": crispyx_frozen,
    "crispyx-cached": crispyx_cached,
    "crispyx-apeglm": crispyx_apeglm,
    "crispyx-shrink": crispyx_shrink,
    "crispyx-t-test": crispyx_t_test,
    "crispyx-wilcoxon": crispyx_wilcoxon,
    "scanpy-t-test": scanpy_t_test,
    "scanpy-wilcoxon": scanpy_wilcoxon,
    "illico-wilcoxon": illico_wilcoxon,
    "h5py-read": h5py_read,
}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("input", type=pathlib.Path, help="the screen, or a result to shrink")
    parser.add_argument("--results", required=True, help="folder for what it computes")
    parser.add_argument("--warm-up", type=pathlib.Path, help="input of the first run, if another")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--interval", type=float, default=0.02, help="seconds between samples")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_once(chosen, path):
    """Runs the peer once; returns start and end on the monotonic clock, CPU seconds, a saver."""
    here = os.getpid()
    used, started = measure.tree_cpu_seconds(here), time.monotonic()
    save = PEERS[chosen.peer](chosen, path)
    ended = time.monotonic()
    cpu = measure.tree_cpu_seconds(here) - used
    return {"start": started, "end": ended, "cpu": cpu}, save


def inner(chosen):
    """Runs the peer in this process, cold and then warm, and prints the times of both."""
    import contextlib
    import importlib
    import warnings
    from importlib import metadata

    # Logarithms of zero are taken on purpose; warnings and progress would drown the JSON.
    warnings.simplefilter("ignore")
    for package in ("crispyx", "scanpy", "illico"):
        if chosen.peer.startswith(package):
            importlib.import_module(package)
    with contextlib.redirect_stdout(sys.stderr):
        # The saver holds the first run's data: it must be gone before the second begins.
        cold, _ = run_once(chosen, chosen.warm_up or chosen.input)
        del _
        warm, save = run_once(chosen, chosen.input)
        if save is not None:
            save(pathlib.Path(chosen.results) / f"{chosen.peer}.npz")
    versions = {name: metadata.version(name) for name in PACKAGES}
    print(json.dumps({"cold": cold, "warm": warm, "versions": versions}))
    return 0


def main():
    """Starts the measured process, samples its memory and prints the result."""
    chosen = arguments()
    if chosen.inner:
        return inner(chosen)
    measure.adopt_orphans()
    sampler = measure.Sampler(chosen.interval)
    sampler.start()
    command = [sys.executable, __file__, *sys.argv[1:], "--inner"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    sampler.stop()
    if done.returncode != 0:
        print(f"peers: {chosen.peer} failed with status {done.returncode}", file=sys.stderr)
        return 1
    found = json.loads(done.stdout.splitlines()[-1])
    cold, warm = found["cold"], found["warm"]
    pss, processes = sampler.peak(warm["start"], warm["end"])
    print(
        json.dumps(
            {
                "wall_seconds": warm["end"] - warm["start"],
                "cpu_seconds": warm["cpu"],
                "peak_pss_bytes": pss,
                "peak_processes": processes,
                "cold_wall_seconds": cold["end"] - cold["start"],
                "versions": found["versions"],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
