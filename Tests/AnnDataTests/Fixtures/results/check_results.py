"""Checks results with anndata and scanpy: python check_results.py RESULT.h5ad... [--plot PNG]

Opens each without a warning, writes it again and compares; reads rank_genes_groups, where there is
one, as scanpy's users do and compares it with the layers. Fails at the first difference.
"""

import os
import sys
import tempfile
import warnings

import anndata
import h5py
import numpy as np
import pandas as pd

FIELDS = {
    "scores": "z_score",
    "logfoldchanges": "logfoldchanges",
    "pvals": "pvalue",
    "pvals_adj": "pvalue_adj",
}


def same(left, right, where):
    np.testing.assert_array_equal(np.asarray(left), np.asarray(right), err_msg=where)


def check_again(result, path):
    """What anndata writes of what it read is what was there."""
    with tempfile.TemporaryDirectory() as directory:
        copy = os.path.join(directory, "copy.h5ad")
        result.write_h5ad(copy)
        again = anndata.read_h5ad(copy)
    assert list(again.obs.columns) == list(result.obs.columns)
    assert list(again.obs_names) == list(result.obs_names)
    assert list(again.var_names) == list(result.var_names)
    same(again.X, result.X, path)
    assert set(again.layers) == set(result.layers)
    for name in result.layers:
        same(again.layers[name], result.layers[name], f"{path} {name}")
        assert again.layers[name].dtype == result.layers[name].dtype


def check_groups(result, path):
    """rank_genes_groups holds the layers, each row in the order of its scores."""
    import scanpy

    groups = list(result.obs_names)
    stored = result.uns["rank_genes_groups"]
    assert list(stored["names"].dtype.names) == groups
    positions = {}
    for row, group in enumerate(groups):
        scores = result.layers["z_score"][row]
        # numpy puts NaN last; a stable sort keeps ties in order.
        order = np.argsort(-scores, kind="stable")
        positions[group] = order
        same(stored["names"][group], result.var_names[order], f"{path} names of {group}")
        for field, layer in FIELDS.items():
            same(stored[field][group], result.layers[layer][row][order], f"{path} {field}")
    if "pts" in stored:
        for name in ["pts", "pts_rest"]:
            same(stored[name][groups].to_numpy().T, result.layers[name], f"{path} {name}")
            assert list(stored[name].index) == list(result.var_names)
    for chosen in [groups[0], groups[:2], None]:
        table = scanpy.get.rank_genes_groups_df(result, chosen)
        names = groups if chosen is None else [chosen] if isinstance(chosen, str) else chosen
        assert len(table) == len(names) * result.n_vars, (len(table), path)
        part = table if isinstance(chosen, str) else table[table["group"] == groups[0]]
        order = positions[groups[0]]
        assert list(part["names"]) == list(result.var_names[order])
        for field, layer in FIELDS.items():
            same(part[field], result.layers[layer][0][order], f"{path} {field}")
        if "pts" in stored:
            same(part["pct_nz_group"], result.layers["pts"][0][order], f"{path} pts")
            same(part["pct_nz_reference"], result.layers["pts_rest"][0][order], f"{path} rest")
    small = scanpy.get.rank_genes_groups_df(result, groups[0], pval_cutoff=0.5, log2fc_min=-0.5)
    kept = (result.layers["pvalue_adj"][0] < 0.5) & (result.layers["logfoldchanges"][0] > -0.5)
    assert len(small) == kept.sum()


def plot(result, target):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot
    import scanpy

    scanpy.pl.rank_genes_groups(result, n_genes=10, show=False)
    matplotlib.pyplot.savefig(target, dpi=60)


def main(arguments):
    target = None
    if "--plot" in arguments:
        at = arguments.index("--plot")
        target = arguments[at + 1]
        del arguments[at : at + 2]
    for path in arguments:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with h5py.File(path) as file:
                repeated = len(set(file["var/_index"][()])) < len(file["var/_index"])
            if repeated:
                warnings.filterwarnings("ignore", message="Variable names are not unique")
            result = anndata.read_h5ad(path)
            assert isinstance(result.obs["status"].dtype, pd.CategoricalDtype)
            with_groups = "rank_genes_groups" in result.uns
            backed = anndata.read_h5ad(path, backed="r")
            same(backed.X[:], result.X, path)
            backed.file.close()
            check_again(result, path)
        if with_groups:
            check_groups(result, path)
        print("ok", path, "with rank_genes_groups" if with_groups else "")
    if target:
        plot(result, target)


if __name__ == "__main__":
    main(sys.argv[1:])
