"""Makes the files of the benchmarks: simulated counts, their log-normalised form, a result.

Sizes are those of `simulate`; the same sizes give the same files on every machine.
"""

import dataclasses
import pathlib
import subprocess

TARGET_SUM = 1e4


@dataclasses.dataclass(frozen=True)
class Size:
    """How large a simulated screen is."""

    perturbations: int
    genes: int
    cells_per_perturbation: int = 168

    @property
    def name(self):
        """Part of a file name."""
        return f"{self.perturbations}x{self.genes}x{self.cells_per_perturbation}"


def simulate(coordinator, size, path):
    """Writes raw counts, float32 CSR."""
    command = [coordinator, "simulate", path, "--seed", "1", "--quiet", "--force"]
    for option, value in dataclasses.asdict(size).items():
        command += ["--" + option.replace("_", "-"), value]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def log_normalise(counts, path):
    """Writes ln(1 + counts scaled to 10,000 a cell), float32 CSR, as anndata lays it out."""
    import anndata
    import numpy as np

    screen = anndata.read_h5ad(counts)
    matrix = screen.X.tocsr()
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    factors = TARGET_SUM / np.where(totals > 0, totals, 1.0)
    scaled = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    matrix.data = np.log1p(scaled).astype(np.float32)
    plain = anndata.AnnData(matrix, obs=screen.obs[["perturbation"]], var=screen.var[[]])
    plain.uns["log1p"] = {"base": None}
    plain.write_h5ad(path)


def reference_result(counts, path):
    """Writes the reference's frozen-control result, for `shrink`; it names the file of counts."""
    import tempfile
    import warnings

    import crispyx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crispyx.nb_glm_test(
            str(counts), perturbation_column="perturbation", control_label="control",
            freeze_control=True, n_jobs=1, output_dir=folder, force=True,
        )
        path.write_bytes((pathlib.Path(folder) / "crispyx_nb_glm.h5ad").read_bytes())


class Files:
    """The files of a run, made when they are first asked for."""

    def __init__(self, coordinator, folder):
        self.coordinator, self.folder = coordinator, folder

    def path(self, kind, size):
        """The file of a kind: `counts`, `log` or `result`."""
        path = self.folder / f"{kind}-{size.name}.h5ad"
        if not path.exists():
            if kind == "counts":
                simulate(self.coordinator, size, path)
            elif kind == "log":
                log_normalise(self.path("counts", size), path)
            else:
                reference_result(self.path("counts", size), path)
        return path


def read_into_memory(path):
    """Reads a file, so that every program finds it in the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
