"""Builds the count matrices that the parity tests run on."""

import warnings

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sparse

CONTROL = "control"

# Cells per group. The labels hold every character that a list or a path could trip over; the two
# smallest groups reach the edges of the fit (three cells, one cell).
GROUP_SIZES = {
    CONTROL: 291,
    "TP53": 220,
    "HLA-A/B": 110,
    "A,B": 90,
    "βTrCP": 80,
    "GATA1": 60,
    "MYC": 45,
    "KLF1": 3,
    "SPI1": 1,
}


def gene_means(rng, genes):
    """Mean count of each gene at size factor 1, from 0.02 to 30, in random order."""
    return rng.permutation(np.exp(np.linspace(np.log(0.02), np.log(30.0), genes)))


def negative_binomial(rng, mean, dispersion):
    """Counts with variance mean + dispersion * mean^2; a zero dispersion gives Poisson counts."""
    shape = 1.0 / np.maximum(dispersion, 1e-12)
    gamma = rng.gamma(np.broadcast_to(shape, mean.shape), mean / shape)
    return rng.poisson(np.where(dispersion > 0, gamma, mean)).astype(np.float64)


def draw_counts(rng, sizes, genes, depth_sd=0.4):
    """Draws labels and a dense cells x genes matrix of counts with known edge cases.

    Depth varies log-normally; the cells of one perturbation are sequenced 0.6 times as deeply,
    those of another carry half of all genes changed, and each other one a tenth.
    """
    labels = np.repeat(list(sizes), list(sizes.values()))
    labels = labels[rng.permutation(labels.size)]
    mean = gene_means(rng, genes)
    dispersion = 0.05 + 0.25 * mean ** -0.3 * rng.lognormal(0.0, 0.5, genes)
    dispersion[rng.random(genes) < 0.1] = 0.0
    depth = rng.lognormal(0.0, depth_sd, labels.size)
    fold = np.zeros((labels.size, genes))
    for position, label in enumerate(name for name in sizes if name != CONTROL):
        share = 0.5 if position == 2 else 0.1
        effect = np.where(rng.random(genes) < share, rng.normal(0.0, 1.0, genes), 0.0)
        effect[position] = -3.0
        fold[labels == label] = effect
        if position == 4:
            depth[labels == label] *= 0.6
    counts = negative_binomial(rng, mean * np.exp(fold) * depth[:, None], dispersion)
    add_edge_cases(rng, counts, labels)
    return labels, counts


def add_edge_cases(rng, counts, labels):
    """Overwrites some genes and two cells, in place, with what real screens contain at the edges.

    Genes 20-23 are zero everywhere, 24-31 zero in the control, 32-39 zero in the largest
    perturbation, 40-43 are expressed by two control cells with large counts, 44-47 by one to four
    cells with one count, 48 has counts in the ten thousands. Two cells hold no count at all.
    """
    cells = labels.size
    control = np.flatnonzero(labels == CONTROL)
    groups, group_cells = np.unique(labels[labels != CONTROL], return_counts=True)
    largest = groups[np.argmax(group_cells)]
    counts[:, 20:24] = 0
    counts[:, 24:32] = rng.poisson(np.geomspace(0.05, 5.0, 8), (cells, 8))
    counts[control, 24:32] = 0
    counts[:, 32:40] = rng.poisson(np.geomspace(0.2, 12.0, 8), (cells, 8))
    counts[labels == largest, 32:40] = 0
    counts[:, 40:48] = 0
    for gene in range(40, 44):
        counts[rng.choice(control, 2, replace=False), gene] = rng.integers(8, 40, 2)
    for gene in range(44, 48):
        counts[rng.choice(cells, gene - 43, replace=False), gene] = 1
    counts[:, 48] = negative_binomial(rng, np.full(cells, 5000.0), np.array(0.8))
    counts[control[7]] = 0
    counts[np.flatnonzero(labels == largest)[11]] = 0


def as_anndata(counts, labels, column, genes=None, dtype=np.float32):
    """Wraps counts as cells x genes AnnData with a CSR matrix and one categorical column."""
    matrix = sparse.csr_matrix(counts.astype(dtype))
    matrix.sort_indices()
    width = len(str(counts.shape[0] - 1))
    obs = pd.DataFrame(
        {column: pd.Categorical(labels)},
        index=[f"cell{index:0{width}d}" for index in range(counts.shape[0])],
    )
    names = genes if genes is not None else [f"GENE{index}" for index in range(counts.shape[1])]
    return anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=list(names)))


def simulated_screen(seed=20, dtype=np.float32):
    """The 900 x 300 screen of the goldens."""
    labels, counts = draw_counts(np.random.default_rng(seed), GROUP_SIZES, 300)
    return as_anndata(counts, labels, "perturbation", dtype=dtype)


def random_screen(seed, genes=400, dtype=np.float32):
    """A fresh screen: everything drawn from the seed, group sizes included."""
    rng = np.random.default_rng(seed)
    sizes = {CONTROL: int(rng.integers(150, 500))}
    for index in range(int(rng.integers(5, 12))):
        sizes[f"target {index}"] = int(rng.integers(2, 150))
    sizes["HLA-A/B"] = int(rng.integers(20, 80))
    sizes["A,B"] = int(rng.integers(20, 80))
    labels, counts = draw_counts(rng, sizes, genes, depth_sd=rng.uniform(0.1, 0.7))
    return as_anndata(counts, labels, "perturbation", dtype=dtype)


def pbmc68k_screen():
    """Counts recovered from the reduced PBMC data set that scanpy carries.

    Its `raw` holds log1p(count / n_counts * 1e4); undoing that leaves every value within 0.1 of a
    whole number, to which it is rounded. Cell types stand for perturbations.
    """
    import scanpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = scanpy.datasets.pbmc68k_reduced()
    scaled = np.expm1(source.raw.X.toarray().astype(np.float64))
    values = scaled * source.obs["n_counts"].to_numpy(np.float64)[:, None] / 1e4
    counts = np.round(values)
    if np.abs(values - counts).max() > 0.1:
        raise ValueError("pbmc68k_reduced: the stored values do not come from whole counts")
    labels = source.obs["bulk_labels"].astype(str).to_numpy()
    return as_anndata(counts, labels, "bulk_labels", genes=source.raw.var_names)
