"""Stands the t-test, Wilcoxon and the GLM beside the packages that define what users expect.

Every function takes `run`, which runs a case by the executable (or the reference) and returns its
result, and the folder with the screens. Filters are off, so that every gene is compared.
"""

import warnings

import anndata
import numpy as np
import pandas as pd

from method_cases import MethodCase
from parity_report import PeerLine
from screens import CONTROL

COLUMN = "perturbation"
ALL_GENES = dict.fromkeys(
    ("min_pct_ctrl", "min_pct_pert", "min_mean_ctrl", "min_mean_pert"), 0.0
)


def log_screen(folder):
    """The log-normalised screen and the perturbations of at least two cells."""
    screen = anndata.read_h5ad(folder / "log.h5ad")
    counts = screen.obs[COLUMN].value_counts()
    labels = [str(name) for name in screen.obs[COLUMN].unique() if counts[name] >= 2]
    return screen, [name for name in labels if name != CONTROL]


def apart(ours, theirs):
    """Largest absolute and relative difference where both have a finite value."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    both = np.isfinite(ours) & np.isfinite(theirs)
    difference = np.abs(ours - theirs)[both]
    scale = np.maximum(np.abs(theirs)[both], 1e-300)
    return float(difference.max()), float((difference / scale)[difference > 0].max(initial=0.0))


def rows_of(result, labels):
    """The rows of some perturbations."""
    index = [result["perturbations"].index(label) for label in labels]
    return {name: values[index] for name, values in result["layers"].items()}


def scanpy_table(screen, labels, method, **options):
    """What `rank_genes_groups` computes, as matrices labels x genes."""
    import scanpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = [*labels]
        scanpy.tl.rank_genes_groups(
            screen, COLUMN, groups=groups, reference=CONTROL, method=method, **options
        )
    found = screen.uns["rank_genes_groups"]
    matrices = {}
    for key in ("scores", "pvals", "pvals_adj", "logfoldchanges"):
        matrices[key] = np.array(
            [
                pd.Series(found[key][label], index=found["names"][label]).loc[screen.var_names]
                for label in labels
            ]
        )
    return matrices


def scanpy_t_test(run, folder):
    """Welch's t-test: scanpy sums in double precision, the reference in single."""
    screen, labels = log_screen(folder)
    ours = rows_of(run(MethodCase("peer", "t-test", ALL_GENES, "log.h5ad")), labels)
    theirs = scanpy_table(screen, labels, "t-test")
    # scanpy gives a gene without variance p = 1; the reference does not test it.
    tested = np.isfinite(ours["pvalue"]) & np.isfinite(theirs["scores"])
    steady = tested & (np.abs(ours["logfoldchanges"]) < 20)
    score = scaled(ours["z_score"], theirs["scores"], tested)
    logarithm = scaled(ln(ours["pvalue"]), ln(theirs["pvals"]), tested)
    change, _ = apart(ours["logfoldchanges"][steady], theirs["logfoldchanges"][steady])
    return [
        PeerLine("score, relative to 1 + its size", score, 1e-2),
        PeerLine("ln p, relative to 1 + its size", logarithm, 2e-2),
        PeerLine("log2 fold change", change, 1e-3),
    ]


def scaled(ours, theirs, where):
    """Largest difference relative to 1 + |value|."""
    difference = np.abs(np.asarray(ours, float) - theirs) / (1 + np.abs(theirs))
    return float(difference[where].max())


def ln(pvalues):
    """ln of p-values, floored where doubles end."""
    return np.log(np.maximum(np.asarray(pvalues, float), 1e-290))


def scanpy_wilcoxon(run, folder):
    """Wilcoxon with and without tie correction; scanpy stores scores in single precision."""
    screen, labels = log_screen(folder)
    lines = []
    for correct in (True, False):
        options = {**ALL_GENES, "tie_correct": correct}
        ours = rows_of(run(MethodCase("peer", "wilcoxon", options, "log.h5ad")), labels)
        theirs = scanpy_table(screen, labels, "wilcoxon", tie_correct=correct)
        kind = "with tie correction" if correct else "without tie correction"
        # Where all values are tied, scanpy divides zero by zero.
        both = np.isfinite(theirs["scores"])
        changed = both & (np.abs(theirs["logfoldchanges"]) < 20)
        score = scaled(ours["z_score"], theirs["scores"], both)
        _, share = apart(ours["pvalue"][both], theirs["pvals"][both])
        change, _ = apart(ours["logfoldchanges"][changed], theirs["logfoldchanges"][changed])
        lines += [
            PeerLine(f"score, {kind}", score, 1e-6),
            PeerLine(f"p, relative, {kind}", share, 1e-9),
            PeerLine(f"log2 fold change, {kind}", change, 2e-4),
        ]
    return lines


def long_table(frame, group, gene, value, labels, genes):
    """One column of a long table as a matrix labels x genes."""
    wide = frame.pivot(index=group, columns=gene, values=value)
    return wide.reindex(index=labels, columns=genes).to_numpy(float)


def rank_statistics(frame, group, gene, labels, genes):
    """U and p of a long table, as matrices."""
    u = column_named(frame, "statistic", "u_statistic")
    p = column_named(frame, "p_value", "pvalue")
    return [long_table(frame, group, gene, value, labels, genes) for value in (u, p)]


def column_named(frame, *names):
    """The first of some columns that a table has."""
    for name in names:
        if name in frame.columns:
            return name
    raise KeyError(f"none of {names} among {list(frame.columns)}")


def illico(run, folder):
    """Wilcoxon: U exactly, p without continuity correction."""
    from illico import asymptotic_wilcoxon

    screen, labels = log_screen(folder)
    screen.X.sort_indices()
    ours = rows_of(run(MethodCase("peer", "wilcoxon", ALL_GENES, "log.h5ad")), labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = asymptotic_wilcoxon(
            screen, group_keys=COLUMN, reference=CONTROL, is_log1p=True, n_threads=1,
            use_continuity=False,
        ).reset_index()
    group = column_named(frame, COLUMN, "pert", "group")
    gene = column_named(frame, "feature", "gene", "names")
    u, p = rank_statistics(frame, group, gene, labels, screen.var_names)
    return [
        PeerLine("U", apart(ours["u_statistic"], u)[0], 0.0),
        PeerLine("p, relative", apart(ours["pvalue"], p)[1], 1e-10),
    ]


def pdex(run, folder):
    """Wilcoxon: U exactly; its p has a continuity correction, so it is reported only."""
    import pdex

    screen, labels = log_screen(folder)
    screen.X.sort_indices()
    ours = rows_of(run(MethodCase("peer", "wilcoxon", ALL_GENES, "log.h5ad")), labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pdex.pdex(
            screen, COLUMN, mode="ref", threads=1, is_log1p=True, as_pandas=True, reference=CONTROL
        )
    group, gene = column_named(frame, "target", "group"), column_named(frame, "feature", "gene")
    u, p = rank_statistics(frame, group, gene, labels, screen.var_names)
    return [
        PeerLine("U", apart(ours["u_statistic"], u)[0], 0.0),
        PeerLine("p, relative (continuity correction)", apart(ours["pvalue"], p)[1]),
    ]


def pydeseq2(run, folder):
    """One perturbation fitted for itself; the packages differ in size factors and outliers."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.default_inference import DefaultInference
    from pydeseq2.ds import DeseqStats

    screen = anndata.read_h5ad(folder / "screen_int64.h5ad")
    label = "TP53"
    options = {
        **ALL_GENES,
        "perturbations": [label, "HLA-A/B"],
        "dispersion_scope": "per_comparison",
    }
    ours = rows_of(run(MethodCase("peer", "nb-glm", options, "screen_int64.h5ad")), [label])
    ours = {name: values[0] for name, values in ours.items()}
    subset = screen[screen.obs[COLUMN].isin([CONTROL, label])]
    counts = pd.DataFrame(subset.X.toarray(), index=subset.obs_names, columns=subset.var_names)
    condition = np.where(subset.obs[COLUMN] == label, "B", "A")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inference = DefaultInference(n_cpus=1)
        data = DeseqDataSet(
            counts=counts,
            metadata=pd.DataFrame({"condition": condition}, index=subset.obs_names),
            design="~condition",
            refit_cooks=False,
            quiet=True,
            inference=inference,
        )
        data.deseq2()
        tests = DeseqStats(
            data,
            contrast=["condition", "B", "A"],
            cooks_filter=False,
            independent_filter=False,
            quiet=True,
            inference=inference,
        )
        tests.summary()
    theirs = tests.results_df
    dispersions = np.asarray(
        data.var["dispersions"] if "dispersions" in data.var else data.varm["dispersions"]
    )
    both = np.isfinite(ours["z_score"]) & np.isfinite(theirs["stat"].to_numpy())
    # A gene silent on one side has no finite effect; both end somewhere.
    both &= np.abs(theirs["log2FoldChange"].to_numpy()) < 8

    def correlation(first, second):
        return float(np.corrcoef(first[both], second[both])[0, 1])

    lfc = theirs["log2FoldChange"].to_numpy()
    effects = correlation(ours["logfoldchanges"], lfc)
    typical = float(np.median(np.abs(ours["logfoldchanges"] - lfc)[both]))
    scores = correlation(ours["z_score"], theirs["stat"].to_numpy())
    logarithms = correlation(np.log(ours["dispersion"]), np.log(dispersions))
    spread = np.abs(ln(ours["pvalue"]) - ln(theirs["pvalue"]))[both].max() / np.log(10)
    return [
        PeerLine("correlation of log2 fold changes", effects, least=0.95),
        PeerLine("median difference of log2 fold changes", typical, 0.25),
        PeerLine("correlation of z", scores, least=0.95),
        PeerLine("correlation of ln dispersion", logarithms, least=0.7),
        PeerLine("largest difference of log10 p", float(spread)),
    ]


COMPARISONS = {
    "scanpy-t-test": scanpy_t_test,
    "scanpy-wilcoxon": scanpy_wilcoxon,
    "illico": illico,
    "pdex": pdex,
    "pydeseq2": pydeseq2,
}
