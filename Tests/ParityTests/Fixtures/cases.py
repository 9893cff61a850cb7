"""The option cases that the goldens cover, as keyword arguments of the reference."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    """One run: its name, the options that are not default, and the input file's name."""

    name: str
    options: dict = dataclasses.field(default_factory=dict)
    input: str = "screen.h5ad"

    def command_line_options(self):
        """Method and options as the command line names them; an array is the path of a dataset."""
        given = {
            name.replace("_", "-"): f"inputs/{name}" if isinstance(value, np.ndarray) else value
            for name, value in self.options.items()
        }
        return {"method": "nb-glm", "freeze-control": "on", **given}


# What the secondary cases test: the largest perturbation, a middle one, and the one of three cells.
SOME = ["HLA-A/B", "TP53", "KLF1"]


def only(threshold, value):
    """Thresholds under which `threshold` alone decides: the other three drop almost any gene."""
    thresholds = {
        "min_pct_ctrl": 1.0,
        "min_pct_pert": 1.0,
        "min_mean_ctrl": 1e6,
        "min_mean_pert": 1e6,
    }
    return {**thresholds, threshold: value}


def user_size_factors(cells, seed=7):
    """Factors with every kind of entry that has to be replaced by the median of the others."""
    factors = np.random.default_rng(seed).lognormal(0.3, 0.4, cells)
    factors[[3, 50, 400, 401]] = [np.nan, 0.0, -1.0, np.inf]
    return factors


def simulated_cases(cells, control_cells):
    """The option matrix on the simulated screen.

    The two percentages are attained exactly by some gene (11 of 110 cells, 58 control cells), so
    that a comparison with "or equal" in it would show. Most cases test three perturbations, which
    leaves the global stage as it is and the goldens small.
    """
    given = user_size_factors(cells)
    whole = {
        "default": {},
        "min-mu-0": {"min_mu": 0.0},
        "lfc-base-ln": {"lfc_base": "ln"},
        "bonferroni": {"corr_method": "bonferroni"},
        "perturbations": {"perturbations": ["MYC", "A,B", "TP53"]},
    }
    some = {
        "min-mu-0.1": {"min_mu": 0.1},
        "max-iter-3": {"max_iter": 3},
        "tol-1e-3": {"tol": 1e-3},
        "min-cells-expressed": {"min_cells_expressed": 200},
        "nothing-tested": {"min_cells_expressed": cells + 1},
        "min-pct-ctrl": only("min_pct_ctrl", 58 / control_cells),
        "min-pct-pert": only("min_pct_pert", 0.1),
        "min-mean-ctrl": only("min_mean_ctrl", 0.5),
        "min-mean-pert": only("min_mean_pert", 0.3),
        "min-pct-both": {"min_pct_both": 0.15, "min_mean_ctrl": 0.5, "min_mean_pert": 0.5},
        "filters-off": dict.fromkeys(only("min_pct_ctrl", 0.0), 0.0),
        "unscaled-size-factors": {"scale_size_factors": False},
        "user-size-factors": {"size_factors": given},
        "user-size-factors-unscaled": {"size_factors": given, "scale_size_factors": False},
    }
    listed = [Case(name, options) for name, options in whole.items()]
    listed += [Case(name, {**options, "perturbations": SOME}) for name, options in some.items()]
    return [*listed, Case("integers", {"perturbations": SOME}, "screen_int64.h5ad")]


def pbmc68k_cases():
    """The real counts are compared with default options only."""
    return [Case("default")]
