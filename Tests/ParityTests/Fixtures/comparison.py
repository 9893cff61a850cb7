"""Compares a result with the reference's, layer by layer, and names the worst element of each."""

import dataclasses

import numpy as np

EXACT = "exact"


@dataclasses.dataclass(frozen=True)
class Bound:
    """How far a layer may be from the reference's.

    |difference| <= absolute + relative * |reference| + per_error * (that element's standard
    error) + steps * (distance of single precision numbers there); with `logarithm`, of ln of the
    values. `beside` allows a share of the elements to be one off.
    """

    absolute: float = 0.0
    relative: float = 0.0
    per_error: float = 0.0
    logarithm: bool = False
    beside: float = 0.0
    steps: float = 0.0

    def text(self):
        """What is allowed, in few words."""
        if self.beside:
            return f"{self.beside:.0e} of the elements one off"
        parts = [f"{self.absolute:.0e}"] if self.absolute else []
        parts += [f"{self.relative:.0e} relative"] if self.relative else []
        parts += [f"{self.per_error:.0e} standard errors"] if self.per_error else []
        parts += [f"{self.steps:.0f} step of single precision"] if self.steps else []
        return " + ".join(parts) + (" in ln" if self.logarithm else "")


def table(effect, intercept, error, score, pvalue, dispersion, trend, iterations):
    """Bounds by layer."""
    names = ("X", "logfoldchanges", "logfoldchange_raw", "logfoldchange_raw_ln")
    return {
        **dict.fromkeys(names, effect),
        "intercept": intercept,
        **dict.fromkeys(("standard_error", "standard_error_ln"), error),
        "z_score": score,
        **dict.fromkeys(("pvalue", "pvalue_adj"), pvalue),
        **dict.fromkeys(("dispersion", "dispersion_raw"), dispersion),
        "dispersion_trend": trend,
        "iterations": iterations,
        **dict.fromkeys(("converged", "pts", "pts_rest"), EXACT),
    }


# Both sides given the same size factors, or a file of integers, whose logarithms the reference
# takes as doubles: only the order of additions and the last digit of exp and log differ. A p-value
# is compared as ln p, because z enters it squared.
SAME = {
    **table(
        effect=Bound(absolute=1e-10, per_error=1e-10),
        intercept=Bound(absolute=1e-10),
        error=Bound(relative=1e-9),
        score=Bound(absolute=1e-9, relative=1e-9),
        pvalue=Bound(absolute=1e-9, relative=1e-9, logarithm=True),
        dispersion=Bound(absolute=1e-11, relative=1e-9),
        trend=Bound(relative=1e-9),
        iterations=EXACT,
    ),
    "size_factors": Bound(relative=1e-12),
}

# Own size factors: the reference takes the logarithms of float32 counts in float32, ours are
# doubles, which moves a size factor by up to 4e-8 and everything after it in proportion. A moment
# estimate near zero is the difference of large sums, so that its relative error has no bound. A
# gene whose last step is that close to `tol` takes one iteration more or less.
OWN = {
    **table(
        effect=Bound(absolute=1e-7, per_error=3e-7),
        intercept=Bound(absolute=1e-7),
        error=Bound(relative=1e-6),
        score=Bound(absolute=1e-6, relative=1e-6),
        pvalue=Bound(absolute=3e-6, relative=3e-6, logarithm=True),
        dispersion=Bound(absolute=1e-6, relative=1e-5),
        trend=Bound(relative=1e-6),
        iterations=Bound(beside=1e-3),
    ),
    "size_factors": Bound(relative=1e-7),
}

# Without the floor on fitted means, a gene that is silent in the control has no intercept: the
# reference's is where its iterations ran out, and its standard error is the difference of numbers
# a billion times larger, so that its fourth digit depends on the order of additions. One such
# p-value moves the adjusted ones of its row.
SILENT = table(
    effect=Bound(absolute=1e-3),
    intercept=Bound(absolute=1e-3),
    error=Bound(relative=1e-2),
    score=Bound(absolute=1e-3, relative=1e-2),
    pvalue=Bound(absolute=1e-2, relative=3e-2, logarithm=True),
    dispersion=OWN["dispersion"],
    trend=OWN["dispersion_trend"],
    iterations=Bound(beside=1e-2),
)

# Layers in which a silent gene moves the others of its row.
ROWWISE = ("pvalue_adj", "dispersion_trend")

# Welch's t-test: the reference's sums in single precision are repeated in its order; its tail of
# the t distribution is good to 2e-9; expm1 and log2 can tip the rounding of a fold change.
T_TEST = {
    **dict.fromkeys(("X", "z_score", "pts", "pts_rest"), EXACT),
    **dict.fromkeys(("pvalue", "pvalue_adj"), Bound(relative=1e-8)),
    "logfoldchanges": Bound(steps=1.0),
}

# Wilcoxon: sums of halves and whole numbers are exact; erfc differs by 6e-11 in the far tail; the
# reference's means and their logarithms are single precision.
WILCOXON = {
    **dict.fromkeys(("X", "u_statistic", "pts", "pts_rest"), EXACT),
    "z_score": Bound(relative=1e-13),
    **dict.fromkeys(("pvalue", "pvalue_adj"), Bound(relative=1e-10)),
    "logfoldchanges": Bound(absolute=2e-5),
}

# A trend for each comparison: the reference stops minimising 2e-6 from the minimum.
OWN_TREND = {"dispersion_trend": Bound(relative=1e-5)}
# Without a floor moment estimates go from 1e-8 to 1e6, and the last digit of one moves the end of
# the reference's minimiser by 2e-5.
UNSTEADY_TREND = {"dispersion_trend": Bound(relative=1e-4)}
# A full design without a floor: a gene silent in one group moves by nearly whole steps until its
# iterations run out, by nearly singular equations.
WITHOUT_FLOOR = {
    **dict.fromkeys(
        ("X", "logfoldchanges", "logfoldchange_raw", "logfoldchange_raw_ln", "intercept"),
        Bound(absolute=1e-9, relative=1e-8, per_error=1e-10),
    ),
    **dict.fromkeys(("standard_error", "standard_error_ln"), Bound(relative=1e-7)),
    "z_score": Bound(absolute=1e-9, relative=1e-7),
    **dict.fromkeys(
        ("pvalue", "pvalue_adj"), Bound(absolute=1e-7, relative=3e-7, logarithm=True)
    ),
}
# Dispersions drawn to it in closed form follow in proportion.
EMPIRICAL_BAYES = {"dispersion": Bound(absolute=1e-6, relative=1e-5)}
# The posterior mode is refined until ln of the dispersion moves by 1e-4 of itself, which is at most
# 4e-5 of a dispersion of any size; the standard error follows at most by half, and z enters ln p
# squared.
POSTERIOR_MODE = {
    "dispersion": Bound(absolute=2e-5, relative=1e-4),
    **dict.fromkeys(
        ("standard_error", "standard_error_ln", "z_score"), Bound(absolute=1e-9, relative=5e-5)
    ),
    **dict.fromkeys(
        ("pvalue", "pvalue_adj"), Bound(absolute=5e-5, relative=1e-4, logarithm=True)
    ),
}
# Effects and errors of the posterior, found with the counts in hand: the reference's minimiser
# stops at 1e-8 of the objective. With next to no dispersion, or more than a million counts, it
# stops anywhere; those are left out.
POSTERIOR = ("X", "logfoldchanges", "standard_error", "standard_error_ln")
POSTERIOR_EFFECTS = dict.fromkeys(POSTERIOR, Bound(absolute=1e-4, relative=1e-3))
# From effects and errors alone: the same Newton steps. The scale of the prior is found to 1e-6, and
# the effects follow it.
SHRINK_STATS = {
    **dict.fromkeys(POSTERIOR[:3], Bound(absolute=1e-5, relative=1e-5)),
    **dict.fromkeys(("z_score", "pvalue", "pvalue_adj"), EXACT),
}
SHRINK_FULL = {**SHRINK_STATS, **POSTERIOR_EFFECTS}


def bounds_of(method, options, same_size_factors):
    """The bounds for a run with these options of the reference."""
    if method == "t-test":
        return T_TEST
    if method == "wilcoxon":
        return WILCOXON
    if method == "shrink":
        return SHRINK_FULL if options.get("shrink_method") == "full" else SHRINK_STATS
    bounds = dict(SAME if same_size_factors else OWN)
    is_cached = (
        options.get("use_control_cache", True)
        and not options.get("covariates")
        and options.get("size_factor_scope", "global") == "global"
    )
    draws, by_mode = options.get("shrink_dispersion", True), options.get("use_map_dispersion", True)
    is_global = options.get("dispersion_scope", "global") == "global"
    has_floor = options.get("min_mu", 0.5) > 0
    if same_size_factors and not has_floor and not is_cached:
        bounds |= WITHOUT_FLOOR
    if draws and not (is_cached and is_global and by_mode):
        bounds |= OWN_TREND if has_floor else UNSTEADY_TREND
        bounds |= POSTERIOR_MODE if by_mode else EMPIRICAL_BAYES
    if options.get("lfc_shrinkage_type") == "apeglm":
        bounds |= POSTERIOR_EFFECTS
    return bounds


SMALLEST_P = 1e-290


@dataclasses.dataclass
class Finding:
    """What the comparison of one layer found; `excess` above 1 is beyond tolerance."""

    layer: str
    excess: float
    where: str = ""
    expected: float = np.nan
    found: float = np.nan
    problem: str = ""
    absolute: float = 0.0
    relative: float = 0.0
    allowed: str = "equal"

    @property
    def passed(self):
        """Whether the layer is within tolerance and nothing else is wrong with it."""
        return not self.problem and self.excess <= 1.0

    def line(self):
        """One line of the report."""
        verdict = "ok  " if self.passed else "FAIL"
        if self.problem:
            return f"  {verdict} {self.layer:<22} {self.problem}"
        difference = abs(self.found - self.expected)
        scale = abs(self.expected)
        relative = difference / scale if scale > 0 else 0.0
        return (
            f"  {verdict} {self.layer:<22} |d| {difference:8.1e}  rel {relative:8.1e}  "
            f"of tolerance {self.excess:7.1e}  {self.expected!r} {self.found!r}  {self.where}"
        )


def excess(expected, found, bound, error):
    """Difference over its bound, element by element; 0 where both are equal or both missing."""
    same = (np.isnan(expected) & np.isnan(found)) | (expected == found)
    out = np.where(same, 0.0, np.inf)
    if bound == EXACT:
        return out
    known = np.isfinite(expected) & np.isfinite(found) & ~same
    a, b = expected[known].astype(np.float64), found[known].astype(np.float64)
    if bound.beside:
        steps = np.abs(a - b)
        share = np.count_nonzero(~same) / max(bound.beside * expected.size, 1.0)
        out[known] = np.where(steps <= 1, share, np.inf)
        return out
    if bound.logarithm:
        # A negative value is no probability and must not vanish in the clamp.
        b = np.where(b >= 0, np.log(np.maximum(b, SMALLEST_P)), np.inf)
        a = np.log(np.maximum(a, SMALLEST_P))
    allowed = bound.absolute + bound.relative * np.abs(a)
    if bound.steps:
        allowed = allowed + bound.steps * np.spacing(np.abs(a).astype(np.float32))
    if bound.per_error:
        allowed = allowed + bound.per_error * np.nan_to_num(error[known])
    out[known] = np.abs(a - b) / np.maximum(allowed, 1e-300)
    return out


def worst(layer, over, expected, found, name_of):
    """The finding for a layer from its element-wise excess."""
    at = np.unravel_index(np.argmax(over), over.shape)
    finding = Finding(
        layer, float(over[at]), name_of(at), expected[at].item(), found[at].item()
    )
    if np.isinf(over[at]):
        beyond = int(np.isinf(over).sum())
        finding.problem = (
            f"{beyond} elements differ where they must be equal or missing together, first: "
            f"{finding.where}: {finding.expected!r} {finding.found!r}"
        )
    return finding


def compare(reference, result, bounds, *, min_mu=0.5, excluded=None):
    """Compares two results (`perturbations`, `genes`, `layers`, `size_factors`).

    Masks are part of every comparison: a value missing on one side only is a failure. `excluded`
    marks pairs whose posterior effects are not compared. Returns one `Finding` per layer, and one
    for the size factors of a method that has them.
    """
    for axis in ("perturbations", "genes"):
        if list(reference[axis]) != list(result[axis]):
            return [Finding(axis, np.inf, problem="other names, or in another order")]
    layers = dict(reference["layers"])
    is_silent = min_mu == 0 and "iterations" in layers
    silent = (layers["pts_rest"] == 0) if is_silent else np.zeros(layers["X"].shape, bool)
    if reference.get("size_factors") is not None:
        layers["size_factors"] = reference["size_factors"]
    findings = []
    for layer, expected in layers.items():
        side = result if layer == "size_factors" else result["layers"]
        found = side.get(layer)
        if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
            kind = "absent" if found is None else f"{found.dtype} {found.shape}"
            problem = f"{kind}, expected {expected.dtype} {expected.shape}"
            findings.append(Finding(layer, np.inf, problem=problem))
            continue
        error_layer = "standard_error_ln" if layer.endswith("_ln") else "standard_error"
        error = layers.get(error_layer)
        over = excess(expected, found, bounds[layer], error)
        counted = np.ones(expected.shape, bool)
        if layer in SILENT and silent.any():
            is_loose = silent | (layer in ROWWISE)
            loose = excess(expected, found, SILENT[layer], error)
            over, counted = np.where(is_loose, loose, over), ~is_loose
        if excluded is not None and layer in POSTERIOR:
            over = np.where(excluded, 0.0, over)

        def name(at, rows=reference["perturbations"], genes=reference["genes"]):
            return f"cell {at[0]}" if len(at) == 1 else f"{rows[at[0]]!r} x {genes[at[1]]!r}"

        finding = worst(layer, over, expected, found, name)
        counted &= (over > 0) & np.isfinite(over)
        if counted.any():
            apart = np.abs(expected[counted].astype(float) - found[counted].astype(float))
            size = np.abs(expected[counted].astype(float))
            finding.absolute = float(np.nanmax(apart))
            finding.relative = float(np.nanmax(apart / np.maximum(size, 1e-300)))
        if bounds[layer] != EXACT:
            finding.allowed = bounds[layer].text()
        findings.append(finding)
    return findings


def self_test(reference, bounds):
    """Changes copies of a result in ways that must be noticed; returns what went unnoticed."""
    unnoticed = []
    has_factors = reference.get("size_factors") is not None

    def copy():
        layers = {name: values.copy() for name, values in reference["layers"].items()}
        factors = reference["size_factors"].copy() if has_factors else None
        return {**reference, "layers": layers, "size_factors": factors}

    def must_fail(what, changed, layer):
        failed = [found.layer for found in compare(reference, changed, bounds) if not found.passed]
        if failed != [layer]:
            unnoticed.append(f"{what}: failed {failed}, expected only {layer}")

    if not all(found.passed for found in compare(reference, copy(), bounds)):
        unnoticed.append("an identical copy fails")
    for layer, values in reference["layers"].items():
        tested = np.argwhere(np.isfinite(values) & (values != 0) & (values != 1))
        at = tuple(tested[len(tested) // 2] if len(tested) else (0, 0))
        for what, new in (
            ("value changed", values[at] * 1.001 + (2 if layer == "iterations" else 0.001)),
            ("value lost", np.nan),
            ("value infinite", np.inf),
        ):
            changed = copy()
            changed["layers"][layer][at] = new
            must_fail(f"{layer}: {what}", changed, layer)
        missing = np.argwhere(np.isnan(values))
        if len(missing):
            changed = copy()
            changed["layers"][layer][tuple(missing[0])] = 0.5
            must_fail(f"{layer}: value invented", changed, layer)
        changed = copy()
        kind = np.float32 if values.dtype == np.float64 else np.float64
        changed["layers"][layer] = values.astype(kind)
        must_fail(f"{layer}: other type", changed, layer)
        changed = copy()
        del changed["layers"][layer]
        must_fail(f"{layer}: absent", changed, layer)
    if "iterations" in reference["layers"]:
        changed = copy()
        changed["layers"]["iterations"] += 1
        must_fail("iterations: all one higher", changed, "iterations")
    if has_factors:
        changed = copy()
        changed["size_factors"][3] *= 1 + 1e-6
        must_fail("size factor changed", changed, "size_factors")
    for axis in ("perturbations", "genes"):
        must_fail(f"{axis} reversed", {**copy(), axis: reference[axis][::-1]}, axis)
    return unnoticed
