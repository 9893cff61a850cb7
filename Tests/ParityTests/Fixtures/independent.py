"""The frozen-control NB-GLM written a second time, from its formulas alone, in NumPy.

Nothing here imports or follows the reference's source: where the two agree, a mistake would have
to be made twice. All arithmetic is double precision, logarithms of counts included.
"""

import numpy as np
from scipy.special import ndtr

from bounded_minimiser import minimise

RIDGE = 1e-6
DEFAULTS = {
    "min_mu": 0.5,
    "max_iter": 25,
    "tol": 1e-6,
    "lfc_base": "log2",
    "corr_method": "benjamini-hochberg",
    "min_cells_expressed": 0,
    "min_pct_ctrl": 0.01,
    "min_pct_pert": 0.002,
    "min_mean_ctrl": 0.05,
    "min_mean_pert": 0.005,
    "scale_size_factors": True,
    "size_factors": None,
    "perturbations": None,
}


def settings(options):
    """The defaults with `options` put over them; `min_pct_both` stands for both percentages."""
    unknown = set(options) - set(DEFAULTS) - {"min_pct_both"}
    if unknown:
        raise ValueError(f"options that the independent version does not know: {sorted(unknown)}")
    merged = {**DEFAULTS, **options}
    both = merged.pop("min_pct_both", None)
    if both is not None:
        merged["min_pct_ctrl"] = merged["min_pct_pert"] = both
    return merged


def finish_size_factors(factors, scale):
    """Replaces unusable factors by the median of the others; `scale` makes their mean log zero."""
    usable = np.isfinite(factors) & (factors > 0)
    factors = np.where(usable, factors, np.median(factors[usable]))
    if not scale:
        return factors
    return factors / np.exp(np.mean(np.log(np.maximum(factors, 1e-12))))


def sparse_size_factors(counts, scale=True):
    """Median over a cell's expressed genes of count / geometric mean over expressing cells."""
    expressed = counts > 0
    logs = np.log(np.where(expressed, counts, 1.0))
    cells = expressed.sum(axis=0)
    centre = np.where(cells > 0, np.exp(logs.sum(axis=0) / np.maximum(cells, 1)), np.nan)
    factors = np.full(counts.shape[0], np.nan)
    for cell in np.flatnonzero(expressed.any(axis=1)):
        genes = expressed[cell]
        factors[cell] = np.median(counts[cell, genes] / centre[genes])
    return finish_size_factors(factors, scale)


def working_quantities(predictor, counts, offset, dispersion, floor):
    """Weight, response without offset and moment summand at clamped fitted means."""
    low = np.log(floor) if floor > 0 else -np.inf
    eta = np.clip(predictor, low, 20.0)
    mu = np.maximum(np.exp(eta), floor)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        weight = mu * mu / np.maximum(mu + dispersion * mu * mu, floor)
        response = eta + (counts - mu) / np.maximum(mu, floor) - offset
        moment = ((counts - mu) ** 2 - counts) / np.maximum(mu * mu, floor)
    return weight, response, moment


def control_statistics(counts, offset, floor, max_iter, tol):
    """Intercept-only fit of the control cells, all genes stopping together."""
    cells, genes = counts.shape
    column = offset[:, None]
    factors = np.exp(offset)
    intercept = np.log(np.maximum(counts.mean(axis=0) / factors.mean(), 1e-10))
    dispersion = np.full(genes, 0.1)
    rounds, settled = 0, False
    while rounds < max_iter and not settled:
        rounds += 1
        weight, response, moment = working_quantities(
            intercept + column, counts, column, dispersion, floor
        )
        with np.errstate(invalid="ignore"):
            update = (weight * response).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-10)
        settled = bool(np.max(np.abs(update - intercept)) < tol)
        intercept = update
        if not settled:
            estimate = np.clip(moment.sum(axis=0) / max(cells - 1, 1), 1e-8, 1e6)
            dispersion = np.where(np.isfinite(estimate), estimate, dispersion)
    weight, _, _ = working_quantities(intercept + column, counts, column, dispersion, floor)
    return {
        "control_intercept": intercept,
        "control_dispersion": dispersion,
        "control_weight": weight.sum(axis=0),
        "control_mean": (counts / factors[:, None]).mean(axis=0),
        "control_expressing": (counts > 0).sum(axis=0),
        "control_rounds": rounds,
    }


def minimise_trend(inverse_mean, dispersion, start):
    """Minimises mean(d/f + ln f), f = a0 + a1/x, both at least 1e-12; also whether it succeeded."""
    basis = np.column_stack([np.ones_like(inverse_mean), inverse_mean])

    def loss_and_gradient(at):
        fitted = np.maximum(basis @ at, 1e-10)
        slope = (dispersion / fitted - 1.0) / fitted
        return np.mean(dispersion / fitted + np.log(fitted)), -(slope @ basis) / dispersion.size

    return minimise(loss_and_gradient, start, 1e-12)


def dispersion_trend(mean, dispersion):
    """Trend a0 + a1/mean refitted while genes far from it are removed; also the rounds' values."""
    usable = np.isfinite(mean) & np.isfinite(dispersion) & (mean > 0) & (dispersion > 0)
    if usable.sum() < 3:
        level = np.median(dispersion[usable]) if usable.any() else 0.1
        return np.full(mean.size, level), np.empty((0, 3))
    inverse, values = 1.0 / mean[usable], dispersion[usable]
    at, before, rounds = np.ones(2), np.full(2, 0.1), []
    for index in range(20):
        if (at <= 1e-10).any():
            break
        if index > 0 and np.sum(np.log(np.abs(at / before)) ** 2) < 1e-6:
            break
        before = at
        found, succeeded = minimise_trend(inverse, values, at)
        rounds.append((*found, float(succeeded)))
        if not succeeded:
            break
        at = found
        ratio = values / np.maximum(at[0] + at[1] * inverse, 1e-10)
        kept = (ratio >= 1e-4) & (ratio < 15.0)
        if kept.sum() < 3:
            break
        inverse, values = inverse[kept], values[kept]
    trend = np.maximum(at[0] + at[1] / np.maximum(mean, 1e-8), 1e-8)
    return trend, np.array(rounds)


def global_dispersion(counts, offset):
    """Moment estimate over all cells, its trend, and the geometric mean of the two."""
    factors = np.exp(offset)
    mean = (counts / factors[:, None]).mean(axis=0)
    level = np.log(np.maximum(mean * factors.mean(), 1e-10))
    mu = np.maximum(np.exp(np.clip(level + offset[:, None], -30.0, 30.0)), 1e-10)
    moments = ((counts - mu) ** 2 - counts) / np.maximum(mu * mu, 1e-10)
    moments = np.clip(moments.sum(axis=0) / max(counts.shape[0] - 1, 1), 1e-8, 10.0)
    trend, rounds = dispersion_trend(mean, moments)
    shrunk = np.exp(0.5 * (np.log(moments) + np.log(np.maximum(trend, 1e-8))))
    return {
        "mean": mean,
        "dispersion_moments": moments,
        "dispersion_trend": trend,
        "dispersion": np.clip(shrunk, 1e-8, 10.0),
        "trend_rounds": rounds,
    }


def tested_genes(counts, factors, control, cells, chosen):
    """The genes of one perturbation that pass both expression filters; also its own numbers."""
    expressing = (counts > 0).sum(axis=0)
    mean = (counts / factors[:, None]).sum(axis=0) / counts.shape[0]
    dropped = (control["control_expressing"] / cells < chosen["min_pct_ctrl"]) & (
        control["control_mean"] < chosen["min_mean_ctrl"]
    )
    dropped &= (expressing / counts.shape[0] < chosen["min_pct_pert"]) & (
        mean < chosen["min_mean_pert"]
    )
    enough = expressing + control["control_expressing"] >= chosen["min_cells_expressed"]
    share = np.where(enough, expressing / counts.shape[0], 0.0).astype(np.float32)
    return enough & ~dropped, share


def fit_perturbation(counts, offset, control, dispersion, chosen):
    """Effect with the control intercept held fixed; flags, counts and standard error."""
    genes = counts.shape[1]
    fixed, column = control["control_intercept"], offset[:, None]
    effect, flagged = np.zeros(genes), np.zeros(genes, bool)
    iterations, weight = np.zeros(genes, int), np.zeros(genes)
    for round_number in range(1, chosen["max_iter"] + 1):
        weights, response, _ = working_quantities(
            fixed + effect + column, counts, column, dispersion, chosen["min_mu"]
        )
        weight = weights.sum(axis=0)
        total = (weights * response).sum(axis=0)
        update = (total - weight * fixed) / np.maximum(weight + RIDGE, 1e-12)
        flagged |= np.abs(update - effect) < chosen["tol"]
        iterations[~flagged] = round_number
        effect = update
        if flagged.all():
            break
    both = control["control_weight"] + weight
    determinant = (both + RIDGE) * (weight + RIDGE) - weight * weight
    determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
    cross, own = -weight / determinant, (both + RIDGE) / determinant
    variance = cross * cross * both + 2 * cross * own * weight + own * own * weight
    return effect, np.sqrt(np.maximum(variance, 1e-12)), flagged, iterations


def adjust(pvalues, method):
    """Benjamini-Hochberg or Bonferroni over the finite p-values of one row."""
    adjusted = pvalues.copy()
    tested = np.flatnonzero(np.isfinite(pvalues))
    if method == "bonferroni":
        adjusted[tested] = np.minimum(pvalues[tested] * tested.size, 1.0)
        return adjusted
    order = tested[np.argsort(pvalues[tested], kind="stable")]
    scaled = pvalues[order] * tested.size / np.arange(1, tested.size + 1)
    adjusted[order] = np.clip(np.minimum.accumulate(scaled[::-1])[::-1], 0.0, 1.0)
    return adjusted


def result_row(counts, offset, control, shared, cells, chosen):
    """Every layer of one perturbation."""
    genes = counts.shape[1]
    valid, share = tested_genes(counts, np.exp(offset), control, cells, chosen)
    own = {name: value[valid] for name, value in control.items() if np.ndim(value) == 1}
    effect, error, flagged, rounds = fit_perturbation(
        counts[:, valid], offset, own, shared["dispersion"][valid], chosen
    )
    reported = flagged & np.isfinite(effect) & np.isfinite(error) & (error > 0)

    def spread(values):
        row = np.full(genes, np.nan)
        row[np.flatnonzero(valid)[reported]] = values[reported]
        return row

    converged, iterations = np.zeros(genes, np.float32), np.zeros(genes, np.float32)
    converged[valid], iterations[valid] = flagged, rounds
    natural, error = spread(effect), spread(error)
    # A perturbation without a tested gene reports no dispersion either.
    known = {
        name: values if valid.any() else np.full(genes, np.nan)
        for name, values in shared.items()
        if name in ("dispersion", "dispersion_trend")
    }
    unit = np.log(2.0) if chosen["lfc_base"] == "log2" else 1.0
    score = natural / error
    pvalues = 2.0 * ndtr(-np.abs(score))
    return {
        "X": natural / unit,
        "z_score": score,
        "pvalue": pvalues,
        "pvalue_adj": adjust(pvalues, chosen["corr_method"]),
        "logfoldchanges": natural / unit,
        "logfoldchange_raw": natural / unit,
        "logfoldchange_raw_ln": natural,
        "intercept": spread(own["control_intercept"]),
        "standard_error": error / unit,
        "standard_error_ln": error,
        "dispersion": known["dispersion"],
        "dispersion_raw": known["dispersion"],
        "dispersion_trend": known["dispersion_trend"],
        "converged": converged,
        "iterations": iterations,
        "pts": share,
        "pts_rest": (control["control_expressing"] / cells).astype(np.float32),
    }


def run(counts, labels, control_label, **options):
    """The whole analysis of a dense cells x genes matrix; same keys as `run_frozen`."""
    chosen = settings(options)
    counts = np.asarray(counts, dtype=np.float64)
    labels = np.asarray(labels, dtype=str)
    if chosen["size_factors"] is None:
        factors = sparse_size_factors(counts, chosen["scale_size_factors"])
    else:
        given = np.array(chosen["size_factors"], dtype=np.float64)
        factors = finish_size_factors(given, chosen["scale_size_factors"])
    offset = np.log(np.maximum(factors, 1e-8))
    is_control = labels == control_label
    control = control_statistics(
        counts[is_control], offset[is_control], chosen["min_mu"], chosen["max_iter"], chosen["tol"]
    )
    shared = global_dispersion(counts, offset)
    names = chosen["perturbations"]
    if names is None:
        names = [name for name in dict.fromkeys(labels.tolist()) if name != control_label]
    cells, rows = is_control.sum(), []
    for name in names:
        own = labels == name
        rows.append(result_row(counts[own], offset[own], control, shared, cells, chosen))
    return {
        "perturbations": list(names),
        "layers": {name: np.array([row[name] for row in rows]) for name in rows[0]},
        "size_factors": factors,
        "stages": {**control, **shared},
    }
