"""The option cases of every method, as keyword arguments of the reference.

Options that the reference has under another name are those of `reference_methods.py`.
"""

import dataclasses

from cases import only
from screens import CONTROL

# The largest perturbation, one sequenced less deeply, and the one of three cells.
SOME = ["TP53", "HLA-A/B", "KLF1"]
MAIN = ("map", "eb", "min-mu-0", "apeglm", "no-cache", "covariates-batch-age", "per-comparison")
COUNTS, SPARSE = "screen_int64.h5ad", "sparse_int64.h5ad"


@dataclasses.dataclass(frozen=True)
class MethodCase:
    """One run: its name, method, options that are not default, and the input file's name.

    `tidy` names the file on which the reference runs when it would go wrong on `input`; `source`
    names the case whose result is shrunk.
    """

    name: str
    method: str
    options: dict = dataclasses.field(default_factory=dict)
    input: str = "screen.h5ad"
    tidy: str | None = None
    source: str | None = None

    def command_line_options(self):
        """Method and options under the names of the command line."""
        options = {"method": self.method}
        if self.method == "nb-glm":
            options["freeze-control"] = "on" if self.options.get("freeze_control") else "off"
        for name, value in self.options.items():
            if name != "freeze_control":
                options[name.replace("_", "-")] = value
        return options


def attained_share(screen, label, near):
    """The share of a label's cells that some gene attains exactly, next to `near`."""
    cells = screen.X[(screen.obs["perturbation"] == label).to_numpy()]
    shares = cells.getnnz(axis=0) / cells.shape[0]
    return float(shares[abs(shares - near).argmin()])


def filter_shares(screen):
    """Shares for the filter, chosen so that a comparison with "or equal" in it would show."""
    return attained_share(screen, CONTROL, 0.4), attained_share(screen, "HLA-A/B", 0.3)


def filter_cases(mean_control, mean_perturbed, share_control, share_perturbed):
    """Every threshold of the low-expression filter alone, two together, and none."""
    return {
        "min-pct-ctrl": only("min_pct_ctrl", share_control),
        "min-pct-pert": only("min_pct_pert", share_perturbed),
        "min-mean-ctrl": only("min_mean_ctrl", mean_control),
        "min-mean-pert": only("min_mean_pert", mean_perturbed),
        "min-pct-both": {
            "min_pct_both": share_perturbed,
            "min_mean_ctrl": mean_control,
            "min_mean_pert": mean_perturbed,
        },
        "filters-off": dict.fromkeys(only("min_pct_ctrl", 0.0), 0.0),
    }


def rank_and_t_cases(screen, chosen_labels=("A,B", "TP53", "KLF1")):
    """t-test and Wilcoxon on the log-normalised screen."""
    shared = {
        **filter_cases(1.0, 0.8, *filter_shares(screen)),
        "min-cells-expressed": {"min_cells_expressed": 60},
        "perturbations": {"perturbations": list(chosen_labels)},
    }
    t_test = {
        "default": {},
        "gene-name-column": {"gene_name_column": "symbol"},
        **shared,
    }
    wilcoxon = {
        "default": {},
        "no-tie-correct": {"tie_correct": False},
        "bonferroni": {"corr_method": "bonferroni"},
        **shared,
        # A gene that fails is missing or 1 by whether another perturbation listed tests it.
        "min-cells-expressed-two": {"min_cells_expressed": 60, "perturbations": ["HLA-A/B", "A,B"]},
    }
    listed = []
    for method, options in (("t-test", t_test), ("wilcoxon", wilcoxon)):
        for name, chosen in options.items():
            listed.append(MethodCase(f"{method}/{name}", method, chosen))
        listed.append(MethodCase(f"{method}/double", method, {}, "screen_float64.h5ad"))
        listed.append(MethodCase(f"{method}/untidy", method, {}, "untidy.h5ad", "screen.h5ad"))
    return listed


def chunk_cases():
    """Groups in several chunks of rows."""
    return [MethodCase(f"{method}/default", method) for method in ("t-test", "wilcoxon")]


def cached_cases(shares):
    """The cached-control path."""
    per_comparison = {"dispersion_scope": "per_comparison"}
    return {
        "map": per_comparison,
        "map-min-mu-0": {**per_comparison, "min_mu": 0.0},
        "map-min-mu-0.1": {**per_comparison, "min_mu": 0.1},
        "eb": {**per_comparison, "use_map_dispersion": False},
        "no-map": {"use_map_dispersion": False},
        "no-shrink-dispersion": {"shrink_dispersion": False},
        "no-shrink-dispersion-ln": {"shrink_dispersion": False, "lfc_base": "ln"},
        "fisher": {"se_method": "fisher"},
        "map-fisher": {**per_comparison, "se_method": "fisher"},
        "bonferroni": {"corr_method": "bonferroni"},
        "max-iter-3": {"max_iter": 3},
        "tol-1e-3": {"tol": 1e-3},
        "min-mu-0": {"min_mu": 0.0},
        "min-mu-0.1": {"min_mu": 0.1},
        "unscaled": {"scale_size_factors": False},
        "deseq2": {"size_factor_method": "deseq2"},
        "deseq2-unscaled": {"size_factor_method": "deseq2", "scale_size_factors": False},
        "column": {"size_factor_column": "depth_factor"},
        "column-unscaled": {"size_factor_column": "depth_factor", "scale_size_factors": False},
        "min-cells-expressed": {"min_cells_expressed": 60},
        "min-total-count": {"min_total_count": 40.0},
        **filter_cases(1.0, 0.8, *shares),
        "apeglm": {"lfc_shrinkage_type": "apeglm"},
        "apeglm-map": {**per_comparison, "lfc_shrinkage_type": "apeglm"},
        "apeglm-min-mu-0-ln": {"lfc_shrinkage_type": "apeglm", "min_mu": 0.0, "lfc_base": "ln"},
    }


def design_cases(shares):
    """The full-design path: without the control cache, by covariates, by comparison."""
    plain = {"use_control_cache": False}
    scope = {"size_factor_scope": "per_comparison"}
    both = {"covariates": ["batch", "age"]}
    changes = {
        "moments": {"dispersion_method": "moments"},
        "eb": {"use_map_dispersion": False},
        "no-shrink-dispersion": {"shrink_dispersion": False},
        "min-mu-0": {"min_mu": 0.0},
        "max-iter-3": {"max_iter": 3},
    }
    cases = {
        "no-cache": plain,
        "no-cache-moments-raw": {
            **plain,
            "dispersion_method": "moments",
            "shrink_dispersion": False,
        },
        "no-cache-min-mu-0.1": {**plain, "min_mu": 0.1},
        "no-cache-tol-1e-3": {**plain, "tol": 1e-3},
        "no-cache-poisson-init-iter-0": {**plain, "poisson_init_iter": 0},
        "no-cache-min-total-count": {**plain, "min_total_count": 40.0},
        "no-cache-min-cells-expressed": {**plain, "min_cells_expressed": 60},
        "no-cache-ln-bonferroni": {**plain, "lfc_base": "ln", "corr_method": "bonferroni"},
        "no-cache-column": {**plain, "size_factor_column": "depth_factor"},
        "no-cache-apeglm": {**plain, "lfc_shrinkage_type": "apeglm"},
    }
    for name, change in changes.items():
        cases[f"no-cache-{name}"] = {**plain, **change}
        cases[f"covariates-{name}"] = {**both, **change}
    for name, thresholds in filter_cases(1.0, 0.8, *shares).items():
        cases[f"no-cache-{name}"] = {**plain, **thresholds}
    cases |= {
        "covariates-batch": {"covariates": ["batch"]},
        "covariates-age": {"covariates": ["age"]},
        "covariates-batch-age": both,
        "covariates-lane-donor": {"covariates": ["lane", "donor"]},
        "covariates-treated": {"covariates": ["treated"]},
        "covariates-age-batch-donor-lane": {"covariates": ["age", "batch", "donor", "lane"]},
        "covariates-poisson-init-iter-0": {**both, "poisson_init_iter": 0},
        "covariates-deseq2": {**both, "size_factor_method": "deseq2"},
        "covariates-apeglm": {**both, "lfc_shrinkage_type": "apeglm"},
        "per-comparison": scope,
        "per-comparison-eb": {**scope, "use_map_dispersion": False},
        "per-comparison-min-mu-0": {**scope, "min_mu": 0.0},
        "per-comparison-column": {**scope, "size_factor_column": "depth_factor"},
        "per-comparison-covariates": {**scope, **both},
        "per-comparison-apeglm": {**scope, "lfc_shrinkage_type": "apeglm"},
    }
    return cases


def shrink_cases():
    """Shrinkage of a result: each method and prior, and results that are special."""
    kinds = {
        "stats": {},
        "stats-per-comparison": {"prior_scale_mode": "per_comparison"},
        "full": {"shrink_method": "full"},
        "full-per-comparison": {"shrink_method": "full", "prior_scale_mode": "per_comparison"},
        "full-min-mu-0.5": {"shrink_method": "full", "min_mu": 0.5},
    }
    wanted = {
        "cached/integers": list(kinds),
        "cached/map": ["stats", "full"],
        "cached/no-shrink-dispersion": ["full"],
        "cached/no-shrink-dispersion-ln": ["stats", "full"],
        "cached/min-mu-0": ["stats", "full"],
        "cached/apeglm": ["stats"],
        "frozen/deseq2": ["stats", "full"],
        "design/covariates-batch-age": ["full"],
        "design/per-comparison": ["full"],
    }
    return [
        MethodCase(
            f"shrink/{source.replace('/', '-')}/{kind}", "shrink", kinds[kind], source=source
        )
        for source, chosen in wanted.items()
        for kind in chosen
    ]


def count_cases(screen, chosen_labels=SOME):
    """The NB-GLM by every path, and shrinkage, on the counts with covariates.

    The main cases test three perturbations, the others two, which keeps the goldens small.
    """
    shares = filter_shares(screen)
    cached, design = cached_cases(shares), design_cases(shares)
    some = {"perturbations": list(chosen_labels)}
    listed = [
        MethodCase("cached/default", "nb-glm"),
        MethodCase("cached/integers", "nb-glm", some, COUNTS),
        MethodCase("cached/untidy", "nb-glm", some, "untidy_int64.h5ad", COUNTS),
        MethodCase("cached/sparse", "nb-glm", some, SPARSE),
        MethodCase(
            "cached/sparse-map", "nb-glm", {**some, "dispersion_scope": "per_comparison"}, SPARSE
        ),
        MethodCase(
            "cached/sparse-deseq2", "nb-glm", {**some, "size_factor_method": "deseq2"}, SPARSE
        ),
        MethodCase("design/covariates-float", "nb-glm", {**some, "covariates": ["batch", "age"]}),
        MethodCase(
            "design/sparse-per-comparison",
            "nb-glm",
            {**some, "size_factor_scope": "per_comparison"},
            SPARSE,
        ),
    ]
    for folder, chosen in (("cached", cached), ("design", design)):
        for name, options in chosen.items():
            asked = list(chosen_labels)[0 if name in MAIN else 1 :]
            options = {**options, "perturbations": asked}
            listed.append(MethodCase(f"{folder}/{name}", "nb-glm", options, COUNTS))
    for name in ("deseq2", "column"):
        options = {**cached[name], "freeze_control": True, **some}
        listed.append(MethodCase(f"frozen/{name}", "nb-glm", options, COUNTS))
    return listed + shrink_cases()
