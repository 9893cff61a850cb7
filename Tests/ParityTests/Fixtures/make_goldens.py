"""Writes the golden values of crispyx 0.0.4 beside this file; see README.md for the layout.

    python make_goldens.py [--only NAME]...

Needs the packages of requirements.lock and nothing that changes the reference's decisions
(psutil must be absent). Every run uses one core.
"""

import argparse
import hashlib
import json
import pathlib
import platform
import tempfile
from importlib import metadata

import anndata
import h5py
import numpy as np

import cases
import independent
import method_cases
import method_screens
import reference_methods
import reference_run
import screens

HERE = pathlib.Path(__file__).resolve().parent
VERSIONS = ("crispyx", "numpy", "scipy", "numba", "anndata", "h5py", "pandas", "scanpy")
INDEPENDENT_CASES = ("default", "min-mu-0")
PBMC_CONTROL = "CD14+ Monocyte"


class GoldenFile:
    """An HDF5 file without times, in which arrays with equal bytes are one linked dataset.

    The layout of HDF5 1.10 is used because that of 1.8 spends two kilobytes on every dataset.
    """

    def __init__(self, path):
        creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        creation.set_obj_track_times(False)
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
        flags = h5py.h5f.ACC_TRUNC
        self.file = h5py.File(h5py.h5f.create(str(path).encode(), flags, creation, access))
        self.known = {}

    def array(self, path, values):
        """Stores an array, or links it to the one that already holds these bytes."""
        values = np.ascontiguousarray(values)
        key = (values.dtype.str, values.shape, hashlib.sha256(values.tobytes()).digest())
        self._make_groups(path)
        if key in self.known:
            self.file[path] = self.file[self.known[key]]
            return
        self.known[key] = path
        packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
        self.file.create_dataset(
            path, data=values, chunks=values.shape, track_times=False, **packed
        )

    def scalar(self, path, value):
        """Stores one number."""
        self._make_groups(path)
        self.file.create_dataset(path, data=value, track_times=False)

    def close(self):
        """Closes the file."""
        self.file.close()

    def _make_groups(self, path):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            group = "/".join(parts[:depth])
            if group not in self.file:
                creation = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
                creation.set_obj_track_times(False)
                h5py.h5g.create(self.file.id, group.encode(), gcpl=creation)


def write_stages(golden, group, stages):
    """Writes the per-gene arrays and the scalars of a global stage."""
    for name, value in stages.items():
        if np.ndim(value) == 0:
            golden.scalar(f"{group}/{name}", np.int32(value))
        elif np.issubdtype(np.asarray(value).dtype, np.integer):
            golden.array(f"{group}/{name}", np.asarray(value, np.int32))
        else:
            golden.array(f"{group}/{name}", np.asarray(value, np.float64))


def write_case(golden, case, found):
    """Writes one run of the reference."""
    group = f"cases/{case.name}"
    for name, values in found["layers"].items():
        kind = np.float32 if name in reference_run.FLOAT32_LAYERS else np.float64
        golden.array(f"{group}/{name}", values.astype(kind, copy=False))
    golden.array(f"{group}/order", found["order"].astype(np.int32))
    golden.array(f"{group}/size_factors", found["size_factors"])
    write_stages(golden, f"{group}/stages", found["stages"])
    for name, value in case.options.items():
        if isinstance(value, np.ndarray):
            golden.array(f"{group}/inputs/{name}", value)


def write_method_case(golden, case, found):
    """Writes one run of `reference_methods`."""
    group = f"cases/{case.name}"
    for name, values in found["layers"].items():
        golden.array(f"{group}/{name}", values)
    golden.array(f"{group}/order", found["order"].astype(np.int32))
    if "size_factors" in found:
        golden.array(f"{group}/size_factors", found["size_factors"])
    write_stages(golden, f"{group}/stages", found["stages"])


def write_independent(golden, screen, column, control, case, found):
    """Writes the global stage as the independent version has it, at the reference's factors."""
    again = independent.run(
        dense(screen),
        screen.obs[column].astype(str).to_numpy(),
        control,
        **{**case.options, "size_factors": found["size_factors"], "scale_size_factors": False},
    )
    write_stages(golden, f"independent/{case.name}", again["stages"])


def dense(screen):
    """The counts as a dense matrix of doubles."""
    return screen.X.toarray().astype(np.float64)


def make(name, screen, column, control, all_cases):
    """Writes one data set: its files, `reference.h5` and `cases.json`."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    for kind, file in ((np.float32, "screen.h5ad"), (np.int64, "screen_int64.h5ad")):
        if any(case.input == file for case in all_cases):
            typed = screen.copy()
            typed.X = typed.X.astype(kind)
            typed.write_h5ad(folder / file, compression="gzip", compression_opts=9)
    golden, described = GoldenFile(folder / "reference.h5"), []
    for case in all_cases:
        found = reference_run.run_frozen(folder / case.input, column, control, **case.options)
        write_case(golden, case, found)
        if case.name in INDEPENDENT_CASES:
            write_independent(golden, screen, column, control, case, found)
        described.append(
            {
                "name": case.name,
                "input": case.input,
                "options": case.command_line_options(),
                "perturbations": found["perturbations"],
            }
        )
        print(f"{name}/{case.name}: {len(found['perturbations'])} x {len(found['genes'])}")
    golden.array("independent/size_factors", independent.sparse_size_factors(dense(screen)))
    golden.close()
    write_manifest(
        folder, screen, column, control, {"nb-glm": reference_methods.TYPES["nb-glm"]}, described
    )


def write_manifest(folder, screen, column, control, layers, described):
    """Writes `cases.json`."""
    manifest = {
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in VERSIONS},
        "perturbationColumn": column,
        "controlLabel": control,
        "cells": screen.n_obs,
        "genes": list(screen.var_names),
        "layers": layers,
        "cases": described,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (folder / "cases.json").write_text(text, encoding="utf-8")


def run_method_case(folder, case, results):
    """Runs one case; `results` is the folder in which results wait for their shrinkage."""
    where = (folder / (case.tidy or case.input), "perturbation", screens.CONTROL)
    if case.method == "t-test":
        return reference_methods.run_t_test(*where, **case.options)
    if case.method == "wilcoxon":
        return reference_methods.run_wilcoxon(*where, **case.options)
    if case.method == "shrink":
        return reference_methods.run_shrink(results / kept_name(case.source), **case.options)
    keep = results / kept_name(case.name)
    return reference_methods.run_nb_glm(*where, keep=keep, **case.options)


def total_counts(path, perturbations):
    """Counts of each gene over control and each perturbation: K x G."""
    screen = anndata.read_h5ad(path)
    labels = screen.obs["perturbation"].astype(str).to_numpy()
    matrix = screen.X.astype(np.float64)
    sums = [matrix[np.isin(labels, [screens.CONTROL, name])].sum(axis=0) for name in perturbations]
    return np.concatenate([np.asarray(row) for row in sums])


def reads_counts(case):
    """Whether fold changes are shrunk with the counts in hand."""
    full = case.options.get("shrink_method") == "full"
    return full or case.options.get("lfc_shrinkage_type") == "apeglm"


def kept_name(case_name):
    """The file in which a case's result waits."""
    return case_name.replace("/", "+") + ".h5ad"


def make_methods(name, files, all_cases):
    """Writes a data set whose cases run several methods: its files, arrays and `cases.json`."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    for file, screen in files.items():
        method_screens.write(screen, folder / file)
    screen = files["screen.h5ad"]
    golden, described, inputs = GoldenFile(folder / "reference.h5"), [], {}
    with tempfile.TemporaryDirectory() as results:
        for case in all_cases:
            found = run_method_case(folder, case, pathlib.Path(results))
            if reads_counts(case):
                file = folder / (case.tidy or inputs.get(case.source, case.input))
                found["stages"]["total_count"] = total_counts(file, found["perturbations"])
            inputs[case.name] = case.input
            write_method_case(golden, case, found)
            entry = {
                "name": case.name,
                "input": inputs.get(case.source, case.input),
                "options": case.command_line_options(),
                "perturbations": found["perturbations"],
            }
            for key, value in (("path", found.get("path")), ("source", case.source)):
                if value is not None:
                    entry[key] = value
            if found["genes"] != list(screen.var_names):
                entry["genes"] = found["genes"]
            described.append({**entry, "uns": found["uns"]})
            print(f"{name}/{case.name}: {found.get('path', '')} {found['layers']['X'].shape}")
    golden.close()
    used = {case.method for case in all_cases}
    layers = {kind: types for kind, types in reference_methods.TYPES.items() if kind in used}
    write_manifest(folder, screen, "perturbation", screens.CONTROL, layers, described)


def make_log1p():
    """t-test and Wilcoxon on a log-normalised screen."""
    double = method_screens.log_screen()
    single = double.copy()
    single.X = single.X.astype(np.float32)
    files = {
        "screen.h5ad": single,
        "screen_float64.h5ad": double,
        "untidy.h5ad": method_screens.untidy(single),
    }
    make_methods("log1p", files, method_cases.rank_and_t_cases(single))


def make_chunks():
    """t-test and Wilcoxon where groups span chunks of rows."""
    files = {"screen.h5ad": method_screens.chunk_screen()}
    make_methods("chunks", files, method_cases.chunk_cases())


def make_counts():
    """The NB-GLM by every path, and shrinkage."""
    integers = method_screens.count_screen()
    single = integers.copy()
    single.X = single.X.astype(np.float32)
    files = {
        "screen.h5ad": single,
        "screen_int64.h5ad": integers,
        "sparse_int64.h5ad": method_screens.count_screen(seed=35, density=0.04),
        "untidy_int64.h5ad": method_screens.untidy(integers),
    }
    make_methods("counts", files, method_cases.count_cases(integers))


def make_simulated():
    """The frozen-control NB-GLM on a simulated screen."""
    screen = screens.simulated_screen()
    control_cells = int((screen.obs["perturbation"] == screens.CONTROL).sum())
    chosen = cases.simulated_cases(screen.n_obs, control_cells)
    make("simulated", screen, "perturbation", screens.CONTROL, chosen)


def make_pbmc68k():
    """The frozen-control NB-GLM on real counts."""
    screen = screens.pbmc68k_screen()
    make("pbmc68k", screen, "bulk_labels", PBMC_CONTROL, cases.pbmc68k_cases())


DATA_SETS = {
    "simulated": make_simulated,
    "pbmc68k": make_pbmc68k,
    "log1p": make_log1p,
    "chunks": make_chunks,
    "counts": make_counts,
}


def main():
    """Reads the command line and writes the data sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=DATA_SETS, default=[])
    wanted = parser.parse_args().only
    reference_run.require_no_psutil()
    for name, write in DATA_SETS.items():
        if not wanted or name in wanted:
            write()


if __name__ == "__main__":
    main()
