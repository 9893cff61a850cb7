"""Writes dispersions of single comparisons as crispyx 0.0.4 estimates them.

cells.tsv  data set, size factor and the counts of 14 genes, one line per cell
genes.tsv  data set, scale, trend, moments, posterior maximum, Cox-Reid maximum, empirical Bayes

The fitted mean of a cell is scale x size factor. `moments`, `posterior` and `empirical Bayes` come
from the package; the Cox-Reid column is the formula in SciPy (two groups: the first third of the
cells is the perturbation's, weights are floored nowhere). Counts are integers, other numbers
hexadecimal doubles.

Usage: python make_dispersions.py
(made with crispyx 0.0.4, scipy 1.17.1, numpy 2.4.6, Python 3.11)
"""

import pathlib

import numpy as np
from crispyx.glm import estimate_dispersion_map, shrink_dispersions
from scipy.special import gammaln

FOLDER = pathlib.Path(__file__).parent
GENES = 14
SETS = {"few cells": (12, 1), "some cells": (60, 2), "many cells": (400, 3), "flat": (90, 4)}


def draw(cells, seed, flat):
    random = np.random.default_rng(seed)
    factors = np.exp(random.normal(0, 0.4, cells))
    scales = np.exp(np.linspace(np.log(0.02), np.log(300), GENES))
    alphas = np.exp(random.normal(-1, 1.5, GENES))
    if flat:
        alphas[:] = 1e-6
    means = factors[:, None] * scales
    counts = random.poisson(means * random.gamma(1 / alphas, alphas, (cells, GENES)))
    counts[:, 3] = 0
    trend = np.exp(random.normal(-1, 0.3, GENES)) + 0.1 / scales
    trend[6] = 1e-8
    return factors, scales, counts.astype(float), trend


def cox_reid(counts, means):
    cells = len(means)
    perturbed = np.arange(cells) < cells // 3
    best = []
    for gene in range(GENES):
        y, mu = counts[:, gene], means[:, gene]
        values = []
        for alpha in 10 ** np.linspace(-3, 2, 10):
            rho = 1 / alpha
            likelihood = np.sum(
                gammaln(y + rho) - gammaln(rho) - gammaln(y + 1)
                + rho * (np.log(rho) - np.log(rho + mu + 1e-12))
                + y * np.log(mu / (rho + mu + 1e-12) + 1e-12)
            )
            weights = mu / (1 + alpha * mu)
            total, group = weights.sum(), weights[perturbed].sum()
            values.append(likelihood - 0.5 * np.log(max(total * group - group**2, 1e-12)))
        best.append((10 ** np.linspace(-3, 2, 10))[np.argmax(values)])
    return np.array(best)


def line(name, numbers):
    return "\t".join([name] + [float(number).hex() for number in numbers])


cells_lines = ["\t".join(["data set", "size factor"] + [f"gene {i}" for i in range(GENES)])]
genes_lines = ["data set\tscale\ttrend\tmoments\tposterior\tCox-Reid\tempirical Bayes"]
for name, (cells, seed) in SETS.items():
    factors, scales, counts, trend = draw(cells, seed, name == "flat")
    means = factors[:, None] * scales
    squares = np.maximum(means**2, 1e-10)
    moments = np.clip(
        (((counts - means) ** 2 - counts) / squares).sum(0) / max(cells - 2, 1), 1e-8, 1e6
    )
    posterior = estimate_dispersion_map(
        counts, means.copy(), trend, max_disp=max(10.0, float(cells))
    )
    shrunken = shrink_dispersions(moments, trend)
    columns = (scales, trend, moments, posterior, cox_reid(counts, means), shrunken)
    cells_lines += [
        "\t".join([line(name, [factor])] + [str(int(count)) for count in row])
        for factor, row in zip(factors, counts)
    ]
    genes_lines += [line(name, values) for values in zip(*columns)]
(FOLDER / "cells.tsv").write_text("\n".join(cells_lines) + "\n")
(FOLDER / "genes.tsv").write_text("\n".join(genes_lines) + "\n")
