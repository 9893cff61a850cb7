"""Writes the golden values of crispyx 0.0.4 beside this file; see README.md for the layout.

    python make_goldens.py [--only simulated|pbmc68k]

Needs the packages of requirements.lock and nothing that changes the reference's decisions
(psutil must be absent). Every run uses one core and `freeze_control=True`.
"""

import argparse
import hashlib
import json
import pathlib
import platform
from importlib import metadata

import h5py
import numpy as np

import cases
import independent
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
    manifest = {
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in VERSIONS},
        "perturbationColumn": column,
        "controlLabel": control,
        "cells": screen.n_obs,
        "genes": list(screen.var_names),
        "layers": {
            "X": "float64",
            **dict.fromkeys(reference_run.FLOAT64_LAYERS, "float64"),
            **dict.fromkeys(reference_run.FLOAT32_LAYERS, "float32"),
        },
        "cases": described,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (folder / "cases.json").write_text(text, encoding="utf-8")


def main():
    """Reads the command line and writes the data sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("simulated", "pbmc68k"))
    only = parser.parse_args().only
    reference_run.require_no_psutil()
    if only != "pbmc68k":
        screen = screens.simulated_screen()
        control_cells = int((screen.obs["perturbation"] == screens.CONTROL).sum())
        chosen = cases.simulated_cases(screen.n_obs, control_cells)
        make("simulated", screen, "perturbation", screens.CONTROL, chosen)
    if only != "simulated":
        screen = screens.pbmc68k_screen()
        make("pbmc68k", screen, "bulk_labels", PBMC_CONTROL, cases.pbmc68k_cases())


if __name__ == "__main__":
    main()
