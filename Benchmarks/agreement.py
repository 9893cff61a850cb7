"""Checks that programs which are timed against each other computed the same numbers.

Every check takes our result and the folder with the peer's, and returns what it found in few
words; it raises `Disagreement` when the numbers are apart. Against crispyx the tolerances are those
of the parity tests; scanpy's t-test sums in double precision where the reference's is single.
"""

import pathlib
import sys

import anndata
import numpy as np

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "ParityTests" / "Fixtures"
sys.path.append(str(FIXTURES))
sys.dont_write_bytecode = True

import comparison  # noqa: E402
import reference_methods  # noqa: E402


class Disagreement(RuntimeError):
    """Two programs did not compute the same."""


def read(path, method=None):
    """Names, layers and size factors of a result file; of `method`, if given, those it defines."""
    written = anndata.read_h5ad(path)
    layers = {"X": np.asarray(written.X)}
    layers.update({name: np.asarray(values) for name, values in written.layers.items()})
    if method is not None:
        layers = {name: layers[name] for name in reference_methods.TYPES[method]}
    return {
        "perturbations": [str(name) for name in written.obs_names],
        "genes": [str(name) for name in written.var_names],
        "layers": layers,
        "size_factors": written.uns.get("size_factors") if method != "shrink" else None,
    }


def crispyx(method, file, **options):
    """A check against a result of crispyx 0.0.4, by the tolerances of the parity tests."""

    def check(ours, folder, inputs):
        reference = read(folder / file, method)
        result = read(ours)
        excluded = None
        if method == "shrink" or options.get("lfc_shrinkage_type") == "apeglm":
            excluded = insecure(reference, inputs)
        bounds = comparison.bounds_of(method, options, False)
        found = comparison.compare(reference, result, bounds, excluded=excluded)
        if failed := [finding.line().strip() for finding in found if not finding.passed]:
            raise Disagreement("; ".join(failed))
        nearest = max(found, key=lambda finding: finding.excess)
        tested = int(np.isfinite(reference["layers"]["pvalue"]).sum())
        if nearest.excess == 0:
            return f"{len(found)} layers, {tested:,} tests: equal"
        share = f"{100 * nearest.excess:.2g} % of it"
        return f"{len(found)} layers, {tested:,} tests within tolerance (`{nearest.layer}` {share})"

    return check


def insecure(reference, inputs):
    """Pairs whose posterior mode the reference's minimiser can miss: hardly any dispersion."""
    layers = reference["layers"]
    if "dispersion" not in layers:
        layers = read(inputs["result"])["layers"]
    return layers["dispersion"] < 1e-3


def aligned(ours, path):
    """Our layers and a peer's, both as perturbations x genes in our order."""
    result, peer = read(ours), np.load(path)
    for axis in ("perturbations", "genes"):
        if sorted(result[axis]) != sorted(peer[axis].tolist()):
            raise Disagreement(f"other {axis}")
    rows = {name: at for at, name in enumerate(peer["perturbations"].tolist())}
    columns = {name: at for at, name in enumerate(peer["genes"].tolist())}
    order = np.ix_(
        [rows[name] for name in result["perturbations"]],
        [columns[name] for name in result["genes"]],
    )
    names = set(peer.files) - {"perturbations", "genes"}
    return result["layers"], {name: peer[name][order] for name in names}


def largest(what, difference, allowed, where=None):
    """The largest element, as text; raises when it is above what is allowed."""
    values = difference if where is None else difference[where]
    if not values.size or not np.isfinite(values).all() or values.max() > allowed:
        top = values.max() if values.size else np.nan
        raise Disagreement(f"{what}: {top:.2g} apart, allowed {allowed:.2g}")
    return f"{what} {values.max():.0e}" if values.max() > 0 else f"{what} equal"


def relative(ours, theirs):
    """|difference| over the size of theirs; 0 where both are equal, 0 included."""
    apart = np.abs(ours - theirs)
    return np.where(apart == 0, 0.0, apart / np.maximum(np.abs(theirs), 1e-300))


def same_tests(ours, theirs):
    """Where both have a test; raises when that is not nearly everywhere."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    # A gene without any variance has no test here and p = 1, or 0 / 0, elsewhere.
    if both.mean() < 0.98:
        raise Disagreement(f"only {100 * both.mean():.1f} % of the tests on both sides")
    return both


def scanpy_wilcoxon(ours, folder, inputs):
    """Scores, stored in single precision, and p-values."""
    layers, peer = aligned(ours, folder / "scanpy-wilcoxon.npz")
    both = same_tests(layers["z_score"], peer["scores"])
    score = np.abs(layers["z_score"] - peer["scores"]) / (1 + np.abs(peer["scores"]))
    return ", ".join(
        [
            f"{int(both.sum()):,} tests",
            largest("z", score, 1e-6, both),
            largest("p", relative(layers["pvalue"], peer["pvals"]), 1e-8, both),
        ]
    )


def scanpy_t_test(ours, folder, inputs):
    """Scores and ln p: scanpy's sums are in double precision."""
    layers, peer = aligned(ours, folder / "scanpy-t-test.npz")
    both = same_tests(layers["z_score"], peer["scores"])
    score = np.abs(layers["z_score"] - peer["scores"]) / (1 + np.abs(peer["scores"]))
    logs = [np.log(np.maximum(p, 1e-290)) for p in (layers["pvalue"], peer["pvals"])]
    change = np.abs(logs[0] - logs[1]) / (1 + np.abs(logs[1]))
    return ", ".join(
        [
            f"{int(both.sum()):,} tests",
            largest("t", score, 1e-2, both),
            largest("ln p", change, 2e-2, both),
        ]
    )


def illico_wilcoxon(ours, folder, inputs):
    """U exactly, and p without continuity correction."""
    layers, peer = aligned(ours, folder / "illico-wilcoxon.npz")
    both = same_tests(layers["pvalue"], peer["p"])
    return ", ".join(
        [
            f"{int(both.sum()):,} tests",
            largest("U", np.abs(layers["u_statistic"] - peer["u"]), 0.0, both),
            largest("p", relative(layers["pvalue"], peer["p"]), 1e-8, both),
        ]
    )


def h5py_read(ours, folder, inputs):
    """The same number of elements."""
    read_by_it = int(np.load(folder / "h5py-read.npz")["nonzeros"])
    if inputs["nonzeros"] != read_by_it:
        raise Disagreement(f"{inputs['nonzeros']:,} and {read_by_it:,} nonzeros")
    return f"{read_by_it:,} nonzeros; reads only"
