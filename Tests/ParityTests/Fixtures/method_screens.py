"""Builds the matrices on which the goldens of every method run, and their untidy copies."""

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sparse

import screens

CONTROL = screens.CONTROL

LOG_GROUPS = {
    CONTROL: 150,
    "TP53": 90,
    "HLA-A/B": 60,
    "A,B": 40,
    "βTrCP": 20,
    "KLF1": 3,
    "SPI1": 1,
}
CHUNK_GROUPS = {CONTROL: 2600, "TP53": 1600, "HLA-A/B": 800, "KLF1": 30}
COUNT_GROUPS = {CONTROL: 120, "TP53": 70, "HLA-A/B": 45, "MYC": 30, "A,B": 20, "KLF1": 3}

# Columns that a whole file shares with every file made from it.
STRING_COLUMNS = ("lane",)


def shuffled_labels(rng, sizes):
    """The label of every cell, in random order."""
    labels = np.repeat(list(sizes), list(sizes.values()))
    return labels[rng.permutation(labels.size)]


def log_normalised(counts, target=1e4):
    """ln(1 + count / total of the cell * target); a cell without counts stays zero."""
    total = counts.sum(axis=1, keepdims=True)
    return np.log1p(counts / np.maximum(total, 1.0) * target)


def draw_log_values(rng, labels, genes):
    """Log-normalised values as doubles, with changed genes in every group but the control."""
    mean = screens.gene_means(rng, genes)
    depth = rng.lognormal(0.0, 0.4, labels.size)
    fold = np.zeros((labels.size, genes))
    for label in np.unique(labels[labels != CONTROL]):
        effect = np.where(rng.random(genes) < 0.25, rng.normal(0.0, 1.0, genes), 0.0)
        fold[labels == label] = effect
    counts = screens.negative_binomial(
        rng, mean * np.exp(fold) * depth[:, None], np.full(genes, 0.3)
    )
    return log_normalised(counts)


def add_log_edge_cases(rng, values, labels):
    """Overwrites genes 0-20, in place.

    0 and 1 are zero everywhere, 2 in the control, 3 in the largest perturbation; 4 is expressed by
    one control cell, 5 is the same value in every cell, 6 has a mean of 3 and little spread, 7-12
    take multiples of one half (large tie blocks), 13 is 2 or zero, 14-20 are expressed by one to
    seven cells.
    """
    cells = labels.size
    control = np.flatnonzero(labels == CONTROL)
    values[:, 0:2] = 0
    values[control, 2] = 0
    values[labels == "TP53", 3] = 0
    values[:, 4] = 0
    values[control[5], 4] = 1.25
    values[:, 5] = 1.5
    values[:, 6] = 3 + 0.05 * rng.normal(size=cells)
    for gene in range(7, 13):
        values[:, gene] = 0.5 * rng.poisson(0.4 * (gene - 6), cells)
    values[:, 13] = np.where(rng.random(cells) < 0.4, 2.0, 0.0)
    for gene in range(14, 21):
        values[:, gene] = 0
        chosen = rng.choice(cells, gene - 13, replace=False)
        values[chosen, gene] = rng.uniform(0.5, 3.0, gene - 13)


def log_screen(seed=31, genes=56, sizes=LOG_GROUPS):
    """364 cells x 56 genes of log-normalised doubles; `var` holds a second name of each gene."""
    rng = np.random.default_rng(seed)
    labels = shuffled_labels(rng, sizes)
    values = draw_log_values(rng, labels, genes)
    add_log_edge_cases(rng, values, labels)
    screen = screens.as_anndata(values, labels, "perturbation", dtype=np.float64)
    screen.var["symbol"] = [f"Symbol-{index}" for index in range(genes)]
    return screen


def chunk_screen(seed=32, genes=6):
    """5,030 cells x 6 genes: every group lies in two chunks of 4,096 rows."""
    rng = np.random.default_rng(seed)
    labels = shuffled_labels(rng, CHUNK_GROUPS)
    mean = np.geomspace(0.1, 6.0, genes)
    depth = rng.lognormal(0.0, 0.3, labels.size)
    fold = np.where((labels == "TP53")[:, None], np.linspace(-0.4, 0.4, genes), 0.0)
    counts = screens.negative_binomial(
        rng, mean * np.exp(fold) * depth[:, None], np.full(genes, 0.2)
    )
    values = np.log1p(np.minimum(counts, 12) * np.round(20 / depth[:, None]) / 8)
    return screens.as_anndata(values, labels, "perturbation", dtype=np.float32)


def draw_covariates(rng, cells):
    """Columns of `obs` that serve as covariates and as size factors, and their effect on depth.

    `batch` has a level that no cell has and one cell without a level; `donor` lists its levels in
    another order than the alphabet's; `lane` is written as plain strings; `treated` is a flag;
    `depth_factor` holds a missing entry, a zero, a negative one and infinity.
    """
    batch = rng.choice(["b1", "b2", "b3"], cells, p=[0.5, 0.3, 0.2])
    codes = pd.Categorical(batch, categories=["b1", "b2", "never", "b3"])
    codes[17] = np.nan
    factor = np.round(rng.lognormal(0.2, 0.4, cells), 6)
    factor[[3, 50, 120, 121]] = [np.nan, 0.0, -1.0, np.inf]
    frame = {
        "batch": codes,
        "donor": pd.Categorical(rng.choice(["d1", "d2"], cells), categories=["d2", "d1"]),
        "lane": rng.choice(["lane 10", "lane 2", "Lane 3"], cells),
        "age": np.round(rng.normal(0.0, 1.0, cells), 3),
        "treated": rng.random(cells) < 0.4,
        "depth_factor": factor,
    }
    return frame, batch


def count_screen(seed=33, genes=72, density=1.0, sizes=COUNT_GROUPS):
    """288 cells x 72 genes of counts with covariates.

    With `density` 1, genes 60-71 are expressed by every cell and every cell has counts; below 1,
    means are that much smaller, no gene is in every cell, and two cells are empty. Genes 20-21 are
    zero everywhere, 22-24 in the control, 25-27 in TP53, 28-31 are expressed by one to four cells,
    32 has counts in the ten thousands, 33-37 have no overdispersion.
    """
    rng = np.random.default_rng(seed)
    labels = shuffled_labels(rng, sizes)
    cells = labels.size
    columns, batch = draw_covariates(rng, cells)
    mean = rng.permutation(np.geomspace(0.03, 12.0, genes)) * density
    dispersion = 0.05 + 0.3 * rng.lognormal(0.0, 0.5, genes)
    dispersion[33:38] = 0.0
    mean[60:72] = np.linspace(25.0, 60.0, 12) * density
    dispersion[60:72] = 0.05
    mean[32], dispersion[32] = 12000.0, 0.5
    fold = np.zeros((cells, genes))
    for label in sizes:
        if label != CONTROL:
            effect = np.where(rng.random(genes) < 0.3, rng.normal(0.0, 0.8, genes), 0.0)
            fold[labels == label] = effect
    fold += np.where((batch == "b2")[:, None], rng.normal(0.0, 0.3, genes), 0.0)
    fold += 0.15 * columns["age"][:, None] * rng.normal(0.0, 1.0, genes)
    depth = rng.lognormal(0.0, 0.35, cells)
    depth[labels == "HLA-A/B"] *= 0.6
    counts = screens.negative_binomial(rng, mean * np.exp(fold) * depth[:, None], dispersion)
    if density == 1.0:
        counts[:, 60:72] = np.maximum(counts[:, 60:72], 1)
    counts[:, 20:22] = 0
    counts[np.ix_(labels == CONTROL, range(22, 25))] = 0
    counts[np.ix_(labels == "TP53", range(25, 28))] = 0
    for gene in range(28, 32):
        counts[:, gene] = 0
        counts[rng.choice(cells, gene - 27, replace=False), gene] = 1
    if density < 1.0:
        counts[[40, 141]] = 0
    screen = screens.as_anndata(counts, labels, "perturbation", dtype=np.int64)
    for name, values in columns.items():
        screen.obs[name] = values
    return screen


def untidy(screen, seed=34, extra=7):
    """The same screen as a careless tool writes it; no result may differ from the tidy one's.

    Cells without a label are put between the others, zeros are stored, some values are stored as
    two entries that add up to them, and genes are not in order within a cell.
    """
    rng = np.random.default_rng(seed)
    dense = screen.X.toarray()
    places = np.sort(rng.choice(screen.n_obs, extra, replace=False))
    order = np.insert(np.arange(screen.n_obs), places, -1)
    starts, genes, values = [0], [], []
    for cell in order:
        row = dense[cell] if cell >= 0 else dense[rng.integers(screen.n_obs)] * 3
        entries = []
        for gene in rng.permutation(screen.n_vars):
            whole = row[gene]
            if whole == 0:
                entries += [(gene, 0)] if rng.random() < 0.05 else []
            elif rng.random() < 0.05:
                part = whole / 2 if dense.dtype.kind == "f" else whole // 2
                entries += [(gene, part), (gene, whole - part)]
            else:
                entries.append((gene, whole))
        genes += [gene for gene, _ in entries]
        values += [value for _, value in entries]
        starts.append(len(genes))
    matrix = sparse.csr_matrix((order.size, screen.n_vars), dtype=dense.dtype)
    matrix.data = np.array(values, dense.dtype)
    matrix.indices = np.array(genes, np.int32)
    matrix.indptr = np.array(starts, np.int32)
    obs = screen.obs.iloc[np.maximum(order, 0)].copy()
    obs.index = [f"cell{index:04d}" for index in range(order.size)]
    obs.loc[order < 0, "perturbation"] = np.nan
    return anndata.AnnData(matrix, obs=obs, var=screen.var.copy())


def random_sizes(rng):
    """Cells per group of a fresh screen: those that the edge cases need, and some others."""
    sizes = {CONTROL: int(rng.integers(130, 400))}
    for label, least in (("TP53", 30), ("HLA-A/B", 20), ("A,B", 2), ("βTrCP", 2)):
        sizes[label] = int(rng.integers(least, 120))
    for index in range(int(rng.integers(1, 4))):
        sizes[f"target {index}"] = int(rng.integers(2, 40))
    return sizes


def write(screen, path):
    """Writes a screen in the layout of HDF5 1.10, which is the smallest.

    Columns of `STRING_COLUMNS` stay strings, which anndata would make categories.
    """
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        anndata.io.write_elem(file, "/", screen, dataset_kwargs=packed)
        for name in STRING_COLUMNS:
            if name in screen.obs:
                del file["obs"][name]
                values = screen.obs[name].astype(str).to_numpy(object)
                anndata.io.write_elem(file["obs"], name, values, dataset_kwargs=packed)
