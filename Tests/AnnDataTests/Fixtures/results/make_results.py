"""Makes results of the Python package for the tests of reading them.

Run with crispyx 0.0.4, anndata and h5py of Tests/ParityTests/Fixtures/requirements.lock, in this
directory. values.tsv holds every stored number as h5py reads it: file, layer, row, gene, value.
"""

import gzip
import os
import tempfile
import warnings

import anndata
import crispyx.de
import h5py
import numpy as np
import pandas as pd
import scipy.sparse

warnings.simplefilter("ignore")
here = os.getcwd()
random = np.random.default_rng(5)
labels = np.repeat(["control", "GATA1", "HLA-A"], [40, 12, 12])
means = random.gamma(1.0, 3.0, 6)
counts = random.poisson(means, (len(labels), len(means))).astype(np.float32)
counts[40:52, 1] *= 4
screen = anndata.AnnData(
    scipy.sparse.csr_matrix(counts),
    obs=pd.DataFrame({"perturbation": labels}, index=[f"c{i}" for i in range(len(labels))]),
    var=pd.DataFrame(index=[f"G{i}" for i in range(len(means))]),
)

with tempfile.TemporaryDirectory() as scratch:
    os.chdir(scratch)
    screen.write_h5ad("counts.h5ad")
    logged = screen.copy()
    logged.X = scipy.sparse.csr_matrix(np.log1p(counts / counts.sum(1, keepdims=True) * 1e4))
    logged.write_h5ad("logged.h5ad")
    common = dict(perturbation_column="perturbation", control_label="control", output_dir=here)
    paths = [
        crispyx.de.t_test("logged.h5ad", data_name="a", **common).result_path,
        crispyx.de.wilcoxon_test("logged.h5ad", data_name="b", **common).result_path,
        crispyx.de.nb_glm_test("counts.h5ad", data_name="c", **common).result_path,
    ]
    paths.append(crispyx.de.shrink_lfc(paths[-1], output_dir=here).result_path)
    os.chdir(here)

names = ["t_test.h5ad", "wilcoxon.h5ad", "nb_glm.h5ad", "nb_glm_shrunk.h5ad"]
# A result that anndata read and wrote again, compressed, with categorical labels.
again = anndata.read_h5ad(paths[0])
again.obs["perturbation"] = again.obs["perturbation"].astype("category")
again.obs.index.name = None
again.write_h5ad("t_test_rewritten.h5ad", compression="gzip")

with open("values.tsv", "w") as values:
    print("file", "layer", "row", "gene", "value", sep="\t", file=values)
    for path, name in zip(paths, names):
        os.replace(path, name)
    for name in names + ["t_test_rewritten.h5ad"]:
        if name == "nb_glm.h5ad":
            os.remove(name)
            continue
        with h5py.File(name) as file:
            for layer in ["X"] + sorted(file["layers"]):
                matrix = file[layer if layer == "X" else f"layers/{layer}"][()]
                for (row, gene), value in np.ndenumerate(matrix):
                    print(name, layer, row, gene, repr(float(value)), sep="\t", file=values)
        with open(name, "rb") as plain, open(name + ".gz", "wb") as packed:
            packed.write(gzip.compress(plain.read(), 9, mtime=0))
        os.remove(name)
