"""Writes what crispyx 0.0.4 shrinks fold changes to, and what SciPy's brentq and L-BFGS-B find.

cells.tsv: size factor, 1 for the perturbation's cells, three covariates (two dummies, a number).
counts.tsv: one gene a line, one count a cell.
two_groups.tsv: gene, floor of the mean, prior scale, intercept, effect, error, dispersion, then the
mode, posterior error and convergence flag of the reference.
design.tsv: the same with three more coefficients, no floor.
prior_scales.tsv: number of the pairs' set, scale; pairs.tsv: number of the set, effect, error.
wald.tsv: number, effect, error, scale, mode, posterior error.
roots.tsv: function, ends, tolerance, root; nan where there is none.
boxes.tsv: problem, variables, starts, lower, upper bounds, point reached (four columns each, unused
ones 0), iterations, 1 for success.
Numbers are hexadecimal doubles. The tests write the same functions in Swift.

Usage: python make_cases.py
(made with crispyx 0.0.4, scipy 1.17.1, numpy 2.4.6, Python 3.11)
"""

import math
import pathlib

import numpy as np
import scipy.optimize
from crispyx import glm

HERE = pathlib.Path(__file__).parent


def write(name, titles, rows):
    """Writes a table of hexadecimal numbers, strings as they are."""
    lines = ["\t".join(titles)]
    for row in rows:
        lines.append("\t".join(v if isinstance(v, str) else float(v).hex() for v in row))
    (HERE / name).write_text("\n".join(lines) + "\n")


def counts_and_cells(rng):
    """A small screen: genes of all depths, one silent in each group, one silent, one enormous."""
    control, perturbed, genes = 170, 45, 36
    cells = control + perturbed
    factors = np.exp(rng.normal(0, 0.5, cells))
    indicator = np.r_[np.zeros(control), np.ones(perturbed)]
    batch = rng.integers(0, 3, cells)
    covariates = np.c_[batch == 1, batch == 2, rng.normal(0, 1, cells)].astype(float)
    means = np.exp(rng.uniform(-3.5, 3, genes))
    effects = np.where(rng.random(genes) < 0.5, rng.normal(0, 1.2, genes), 0)
    means[30:33] = [40000, 800, 9000]
    effects[30:33] = [0.06, -1.5, 0]
    size = 1 / np.exp(rng.normal(-1, 0.8, genes))
    mu = factors[:, None] * means * np.exp(indicator[:, None] * effects + 0.4 * covariates[:, :1])
    counts = rng.poisson(rng.gamma(size, mu / size))
    counts[:control, 33] = 0
    counts[control:, 34] = 0
    counts[:, 35] = 0
    write(
        "cells.tsv",
        ["factor", "perturbed", "batch 1", "batch 2", "number"],
        np.c_[factors, indicator, covariates],
    )
    lines = [" ".join(map(str, row)) for row in counts.T]
    (HERE / "counts.tsv").write_text("\n".join(lines) + "\n")
    return counts.astype(float), factors, indicator, covariates, size


def shrunken(counts, design, factors, dispersion, start, error, scale, floor):
    """One gene by the reference."""
    mode, posterior, converged = glm.shrink_lfc_apeglm(
        counts[:, None],
        design,
        factors,
        np.array([dispersion]),
        np.array(start)[:, None],
        np.array([error]),
        prior_scale=scale,
        n_jobs=1,
        min_mu=floor,
    )
    return mode[1, 0], posterior[0], converged[0]


def posterior_cases(rng):
    """The likelihood posterior of every gene, from estimates near and far, some of them unusable."""
    counts, factors, indicator, covariates, size = counts_and_cells(rng)
    control = indicator == 0
    two_groups, full = [], []
    for gene in range(counts.shape[1]):
        y = counts[:, gene]
        means = [max(y[m].sum() / factors[m].sum(), 1e-4) for m in (control, ~control)]
        start = [math.log(means[0]), math.log(means[1] / means[0])]
        dispersion = 1 / size[gene] * math.exp(rng.normal(0, 0.3))
        error = math.exp(rng.uniform(-3, 0))
        for scale, floor in ((0.02, 0), (0.15, 0), (1, 0), (0.15, 0.5), (0.001, 0), (0.4, 0.01)):
            two_groups.append((gene, floor, scale, *start, error, dispersion))
        for other in ([-36.0, 2.0], [start[0], -24.0], [0.0, 0.0], [math.nan, 0.5]):
            two_groups.append((gene, 0, 0.3, *other, error, dispersion))
        for scale in (0.05, 0.5):
            full.append((gene, 0, scale, *start, 0.1, -0.1, 0.01, error, dispersion))
        full.append((gene, 0, 0.3, 0, 0, 0, 0, 0, error, dispersion))
    for gene, effect, dispersion, error in (
        (5, 0.4, 0.002, 0.2),
        (5, 1.4, 0.002, 0.2),
        (6, 0.5, math.nan, math.nan),
        (6, math.nan, 0.3, math.nan),
        (6, 0.5, 0, 0.25),
        (7, 0.5, -1, math.inf),
        (7, 0.5, 3000.0, 0.5),
        (5, 1.4, 1e-4, 0.2),
        (8, -1.2, 1e-4, 0.2),
        (9, 1.1, 1e-5, 0.2),
        (2, 1.05, 1e-8, 0.2),
        (30, 1.05, 1e-3, 0.2),
    ):
        two_groups.append((gene, 0, 0.2, 0.5, effect, error, dispersion))
    design = np.c_[np.ones(len(indicator)), indicator]
    wide = np.c_[design, covariates]
    titles = ["gene", "floor", "scale", "intercept", "effect"]
    ends = ["error", "dispersion", "mode", "posterior error", "converged"]
    write(
        "two_groups.tsv",
        titles + ends,
        [
            (str(int(g)), f, s, b0, b1, e, a)
            + shrunken(counts[:, g], design, factors, a, (b0, b1), e, s, f)
            for g, f, s, b0, b1, e, a in two_groups
        ],
    )
    write(
        "design.tsv",
        titles + ["batch 1", "batch 2", "number"] + ends,
        [
            (str(int(g)), f, s, *b, e, a) + shrunken(counts[:, g], wide, factors, a, b, e, s, f)
            for g, f, s, *b, e, a in full
        ],
    )


def prior_scales(rng):
    """Sets of pairs whose scale is inside, at each end, and where the root finder fails."""
    sets = [
        (rng.normal(0, 0.3, 80), np.exp(rng.normal(-1.5, 0.5, 80))),
        (rng.normal(0, 0.05, 60), np.exp(rng.normal(-4, 1, 60))),
        (rng.normal(0, 0.02, 50), np.full(50, 0.1)),
        (rng.normal(0, 15, 60), np.full(60, 0.2)),
        (rng.normal(0, 25, 60), np.full(60, 0.2)),
        (np.r_[rng.normal(0, 0.4, 40), np.nan, 1, 2], np.r_[np.full(40, 0.1), 0.1, 0, np.nan]),
        (np.array([np.nan, 1.0]), np.array([1.0, -1.0])),
        (np.array([0.7]), np.array([0.2])),
        (np.r_[rng.standard_cauchy(60) * 0.1], np.exp(rng.normal(-2, 1, 60))),
    ]
    rows, pairs = [], []
    for number, (effects, errors) in enumerate(sets):
        rows.append((str(number), glm._estimate_apeglm_prior_scale(effects, errors)))
        pairs += [(str(number), b, e) for b, e in zip(effects, errors)]
    write("prior_scales.tsv", ["set", "scale"], rows)
    write("pairs.tsv", ["set", "effect", "error"], pairs)


def wald_cases(rng):
    """Shrinkage by estimate and error, from both sides of where it is bimodal."""
    cases = [(2.0, 0.25, s) for s in (1e-3, 0.05, 0.1, 0.3, 1.0)]
    cases += [(math.nan, 0.1, 0.2), (1.0, math.nan, 0.2), (1.0, 0.0, 0.2), (0.0, 0.3, 0.2)]
    for _ in range(80):
        scale = 10 ** rng.uniform(-3, 0)
        cases.append((rng.normal(0, 1.5), math.exp(rng.uniform(-6, 2)), scale))
    rows = []
    for effect, error, scale in cases:
        mode, posterior, _, _ = glm.shrink_lfc_apeglm_from_stats(
            np.array([effect]),
            np.array([error]),
            prior_scale=scale,
            use_gene_specific_prior=False,
        )
        rows.append((str(len(rows)), effect, error, scale, mode[0], posterior[0]))
    write("wald.tsv", ["case", "effect", "error", "scale", "mode", "posterior error"], rows)


def roots():
    """Functions with a simple, a flat, a steep and no root."""
    functions = {
        "cubic": lambda x: x * x * x - 2 * x - 5,
        "flat": lambda x: (x - 1) * (x - 1) * (x - 1) * (x - 1) * (x - 1),
        "ratio": lambda x: 3 / (1 + x) - 0.01 * x,
        "step": lambda x: -1.0 if x < 0.3 else 1.0,
        "positive": lambda x: 1 + x * x,
    }
    rows = []
    for name, ends in (
        ("cubic", (2, 3)),
        ("cubic", (-1, 30)),
        ("cubic", (3, 2)),
        ("flat", (0, 2.5)),
        ("flat", (1, 4)),
        ("flat", (-8, 1)),
        ("ratio", (1e-6, 400)),
        ("step", (-1, 1)),
        ("positive", (-1, 1)),
    ):
        for tolerance in (1e-6, 1e-12):
            try:
                root = scipy.optimize.brentq(functions[name], *ends, xtol=tolerance)
            except (ValueError, RuntimeError):
                root = math.nan
            rows.append((name, *ends, tolerance, root))
    write("roots.tsv", ["function", "from", "to", "tolerance", "root"], rows)


def spheres(at):
    """Ellipsoid whose axes lie across the variables."""
    n = len(at)
    value, slope = 0.0, np.zeros(n)
    for i in range(n):
        t = at[i] - 0.5 * at[i - 1] - 1 - i
        value += (i + 1) * t * t
        slope[i] += 2 * (i + 1) * t
        slope[i - 1] -= (i + 1) * t
    return value, slope


def quartic(at):
    """Wells of two depths in every variable."""
    value, slope = 0.0, np.zeros(len(at))
    for i, x in enumerate(at):
        value += x * x * x * x / 4 - 2 * x * x + 0.3 * x
        slope[i] = x * x * x - 4 * x + 0.3
    t = at[0] - at[-1]
    return value + t * t / 8, slope + t / 4 * np.r_[1, np.zeros(len(at) - 2), -1]


def falling(at):
    """Falls towards the upper bounds."""
    slope = -np.arange(1.0, len(at) + 1)
    return float(np.sum(slope * at)), slope


def boxes():
    """Minima in boxes of two to four variables, inside and on their faces."""
    rows = []
    for function, start, lower, upper in (
        (spheres, (0, 0), (-30, -30), (30, 30)),
        (spheres, (50, -50), (-30, -30), (30, 30)),
        (spheres, (0, 0), (-1, -1), (1, 9)),
        (spheres, (4, 0), (-9, -9), (9, 1.5)),
        (spheres, (0, 0, 0), (-30,) * 3, (30,) * 3),
        (spheres, (1, 2, 3), (-5, 0, -1), (3, 2.5, 4)),
        (spheres, (1, -2, 3, 7), (-30,) * 4, (30,) * 4),
        (spheres, (0, 0, 0, 0), (-2, -2, -2, -2), (2, 3, 6, 2)),
        (quartic, (0.1, -0.1), (-3, -3), (3, 3)),
        (quartic, (2.5, 2.5), (-3, -1), (3, 3)),
        (quartic, (0.4, 0.1, -2.6), (-3,) * 3, (3,) * 3),
        (quartic, (0, 1, 2, -1), (-1.5, -3, -3, -3), (3, 3, 1, 3)),
        (falling, (0, 0), (-30, -30), (30, 30)),
        (falling, (0, 0, 0), (-1, -1, -1), (2, 30, 5)),
    ):
        for limit in (100, 4):
            found = scipy.optimize.minimize(
                function,
                np.array(start, float),
                jac=True,
                method="L-BFGS-B",
                bounds=list(zip(lower, upper)),
                options={"maxiter": limit, "ftol": 1e-8, "gtol": 1e-8},
            )
            pad = (0,) * (4 - len(start))
            rows.append(
                (function.__name__, len(start), *start, *pad, *lower, *pad, *upper, *pad)
                + (*found.x, *pad, found.nit, float(found.success))
            )
    names = [f"{what} {i}" for what in ("start", "lower", "upper", "minimum") for i in range(4)]
    write("boxes.tsv", ["problem", "variables", *names, "iterations", "success"], rows)


def main():
    rng = np.random.default_rng(20240611)
    posterior_cases(rng)
    prior_scales(rng)
    wald_cases(rng)
    roots()
    boxes()


if __name__ == "__main__":
    main()
