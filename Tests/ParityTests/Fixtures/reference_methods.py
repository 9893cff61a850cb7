"""Runs every analysis of crispyx 0.0.4 and records what it computed on the way.

`reference_run.py` does this for the frozen-control NB-GLM; here are the others. Every run uses one
core. What the reference does to its input by mistake is kept out: labels without ASCII form are
renamed for its Wilcoxon test, and cells that a t-test was not asked about are removed beforehand.
"""

import contextlib
import pathlib
import sys
import tempfile
import warnings

import anndata
import numpy as np
import scipy.optimize

import reference_run

TYPES = {
    "t-test": {
        "X": "float32",
        **dict.fromkeys(("z_score", "pvalue", "pvalue_adj"), "float64"),
        **dict.fromkeys(("logfoldchanges", "pts", "pts_rest"), "float32"),
    },
    "wilcoxon": {
        "X": "float64",
        **dict.fromkeys(("z_score", "pvalue", "pvalue_adj", "logfoldchanges"), "float64"),
        "u_statistic": "float64",
        **dict.fromkeys(("pts", "pts_rest"), "float32"),
    },
    "nb-glm": {
        "X": "float64",
        **dict.fromkeys(reference_run.FLOAT64_LAYERS, "float64"),
        **dict.fromkeys(reference_run.FLOAT32_LAYERS, "float32"),
    },
    # What `shrink` changes, and what it must leave alone.
    "shrink": dict.fromkeys(
        ("X", "logfoldchanges", "standard_error", "z_score", "pvalue", "pvalue_adj"), "float64"
    ),
}


@contextlib.contextmanager
def _quiet():
    """A folder for the result, without warnings."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        with np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield pathlib.Path(folder)


def _read(path, method):
    """Names and layers of a result file."""
    written = anndata.read_h5ad(path)
    layers = {
        name: np.asarray(written.X if name == "X" else written.layers[name])
        for name in TYPES[method]
    }
    for name, kind in TYPES[method].items():
        if layers[name].dtype != kind:
            raise reference_run.ReferenceError(f"{name} is {layers[name].dtype}, not {kind}")
    uns = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in written.uns.items()
        if isinstance(value, (str, int, float, np.generic)) and "path" not in name
    }
    return {
        "perturbations": [str(name) for name in written.obs_names],
        "genes": [str(name) for name in written.var_names],
        "layers": layers,
        "uns": uns,
    }, written


def run_t_test(path, column, control, *, cell_chunk_size=4096, **options):
    """Runs `t_test` on one core, in chunks of 4,096 rows whatever the memory of the machine."""
    reference_run.require_no_psutil()
    import crispyx

    with _quiet() as folder:
        wanted = options.pop("perturbations", None)
        if wanted is not None:
            screen = anndata.read_h5ad(path)
            keep = screen.obs[column].astype(str).isin([*wanted, control]).to_numpy()
            path = folder / "asked.h5ad"
            screen[keep].copy().write_h5ad(path)
            options["perturbations"] = list(wanted)
        found = crispyx.t_test(
            str(path),
            perturbation_column=column,
            control_label=control,
            cell_chunk_size=cell_chunk_size,
            n_jobs=1,
            force=True,
            output_dir=str(folder),
            **options,
        )
        result, _ = _read(folder / "crispyx_t_test.h5ad", "t-test")
    return {**result, "order": np.asarray(found.order), "stages": {}}


def run_wilcoxon(path, column, control, **options):
    """Runs `wilcoxon_test` on one core, all genes in one chunk."""
    reference_run.require_no_psutil()
    import crispyx

    with _quiet() as folder:
        screen = anndata.read_h5ad(path)
        names = {label: _ascii(label) for label in screen.obs[column].cat.categories}
        if any(label != plain for label, plain in names.items()):
            screen.obs[column] = screen.obs[column].cat.rename_categories(names)
            path = folder / "ascii.h5ad"
            screen.write_h5ad(path)
        if options.get("perturbations") is not None:
            options["perturbations"] = [names[label] for label in options["perturbations"]]
        found = crispyx.wilcoxon_test(
            str(path),
            perturbation_column=column,
            control_label=control,
            chunk_size=4096,
            n_jobs=1,
            force=True,
            output_dir=str(folder),
            **options,
        )
        result, _ = _read(folder / "crispyx_wilcoxon.h5ad", "wilcoxon")
    back = {plain: label for label, plain in names.items()}
    result["perturbations"] = [back[label] for label in result["perturbations"]]
    return {**result, "order": np.asarray(found.order), "stages": {}}


def _ascii(label):
    return label.encode("ascii", "backslashreplace").decode()


class _Recorder:
    """What one NB-GLM run computed between its input and its layers, by perturbation."""

    def __init__(self):
        self.cache, self.global_trend, self.rounds = None, None, []
        self.fits, self.rows = set(), {}

    def note(self, row, name, value):
        """Keeps a value of one perturbation, or of the whole screen when `row` is nil."""
        self.rows.setdefault(row, {})[name] = value


def _current_row():
    """The perturbation that the reference is working on: a local variable of its caller."""
    frame = sys._getframe(1)
    while frame is not None:
        if "group_idx" in frame.f_locals and "label" in frame.f_locals:
            return frame.f_locals["group_idx"]
        frame = frame.f_back
    return None


def _caller_has(name):
    """A local variable of the nearest caller that has it."""
    frame = sys._getframe(1)
    while frame is not None:
        if name in frame.f_locals:
            return frame.f_locals[name]
        frame = frame.f_back
    raise reference_run.ReferenceError(f"the reference has no {name} here")


@contextlib.contextmanager
def _recording():
    """Puts recording functions in the place of the reference's own."""
    import crispyx.de as de
    import crispyx.glm as glm

    recorder, fitter = _Recorder(), glm.NBGLMBatchFitter
    places = [
        (de, "precompute_control_statistics"),
        (de, "precompute_control_statistics_streaming"),
        (glm, "fit_dispersion_trend"),
        (glm, "_nb_map_grid_search_with_refinement_numba"),
        (glm, "_estimate_apeglm_prior_scale"),
        (de, "_compute_subset_size_factors"),
        (fitter, "fit_batch"),
        (fitter, "fit_batch_with_control_cache"),
        (fitter, "fit_batch_with_frozen_control"),
        (scipy.optimize, "minimize"),
    ]
    own = {(owner, name): getattr(owner, name) for owner, name in places}
    also = [(de, "fit_dispersion_trend")]

    def control(original, *args, **kwargs):
        recorder.cache = original(*args, **kwargs)
        return recorder.cache

    def minimise(original, loss, *args, **kwargs):
        found = original(loss, *args, **kwargs)
        if len(found.x) == 2 and kwargs.get("bounds") == [(1e-12, np.inf)] * 2:
            recorder.rounds.append((*found.x, float(found.success)))
        return found

    def trend(original, means, dispersions, **kwargs):
        recorder.rounds = []
        fitted = original(means, dispersions, **kwargs)
        row = _current_row()
        recorder.note(row, "trend_mean", np.array(means))
        recorder.note(row, "trend_dispersion", np.array(dispersions))
        recorder.note(row, "trend", np.array(fitted))
        recorder.note(row, "trend_rounds", np.array(recorder.rounds).reshape(-1, 3))
        return fitted

    def posterior(original, counts, mean, log_trend, grid, variance, **kwargs):
        recorder.note(_current_row(), "prior_variance", float(variance))
        return original(counts, mean, log_trend, grid, variance, **kwargs)

    def prior(original, *args, **kwargs):
        scale = original(*args, **kwargs)
        recorder.note(_current_row(), "prior_scale", float(scale))
        return scale

    def subset(original, *args, **kwargs):
        factors = original(*args, **kwargs)
        recorder.note(_current_row(), "size_factors", np.array(factors))
        return factors

    def fit(original, self, *args, **kwargs):
        found = original(self, *args, **kwargs)
        row, genes = _current_row(), _caller_has("n_genes")
        recorder.fits.add(original.__name__)
        tested = np.arange(genes)
        if original.__name__ == "fit_batch":
            tested = _caller_has("valid_indices")
        error = np.full(genes, np.nan)
        error[tested] = found.se[:, 1]
        recorder.note(row, "fitted_error", error)
        if found.coef.shape[1] > 2:
            coefficients = np.full((found.coef.shape[1], genes), np.nan)
            coefficients[:, tested] = found.coef.T
            recorder.note(row, "coefficients", coefficients)
        return found

    kinds = dict(zip(own, (control, control, trend, posterior, prior, subset, fit, fit, fit)))
    kinds[scipy.optimize, "minimize"] = minimise
    for (owner, name), wrapper in kinds.items():
        setattr(owner, name, _wrapped(own[owner, name], wrapper))
    for owner, name in also:
        setattr(owner, name, getattr(glm, name))
    try:
        yield recorder
    finally:
        for (owner, name), original in own.items():
            setattr(owner, name, original)
        for owner, name in also:
            setattr(owner, name, own[glm, name])


def _wrapped(original, wrapper):
    def call(*args, **kwargs):
        return wrapper(original, *args, **kwargs)

    return call


PATHS = {
    "fit_batch": "full design",
    "fit_batch_with_control_cache": "cached",
    "fit_batch_with_frozen_control": "frozen",
}


def run_nb_glm(path, column, control, *, keep=None, size_factor_column=None, **options):
    """Runs `nb_glm_test` on one core by the path that its options choose.

    `size_factor_column` gives the size factors by a column of `obs`. With `keep` the result is
    also written to that file, for `shrink`. Raises `ReferenceError` when a perturbation failed or
    when the fits went by more than one path.
    """
    reference_run.require_no_psutil()
    import crispyx

    options.setdefault("freeze_control", False)
    if size_factor_column is not None:
        obs = anndata.read_h5ad(path, backed="r").obs
        options["size_factors"] = obs[size_factor_column].to_numpy(np.float64).copy()
    if options.get("size_factors") is not None:
        options["size_factors"] = np.array(options["size_factors"])
    lines = reference_run._Recorder()
    with _quiet() as folder, _recording() as recorder, _listening(lines):
        found = crispyx.nb_glm_test(
            str(path),
            perturbation_column=column,
            control_label=control,
            n_jobs=1,
            force=True,
            output_dir=str(folder),
            **options,
        )
        written = folder / "crispyx_nb_glm.h5ad"
        result, table = _read(written, "nb-glm")
        if keep is not None:
            pathlib.Path(keep).write_bytes(written.read_bytes())
    failed = [line for line in lines.lines if line.startswith("Failed")]
    if failed or len(recorder.fits) > 1:
        raise reference_run.ReferenceError(f"{failed} {recorder.fits}")
    return {
        **result,
        "size_factors": np.asarray(table.uns["size_factors"]),
        "order": np.asarray(found.order),
        "path": PATHS[next(iter(recorder.fits))] if recorder.fits else "nothing fitted",
        "stages": _stages(recorder, len(result["perturbations"])),
    }


@contextlib.contextmanager
def _listening(handler):
    import logging

    logger = logging.getLogger("crispyx")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _stages(recorder, count):
    """Arrays of the whole screen, and arrays whose first axis is the perturbation."""
    stages, cache = {}, recorder.cache
    if cache is not None:
        stages["control_intercept"] = cache.beta_intercept
        stages["control_dispersion"] = cache.control_dispersion
        stages["control_mean"] = cache.control_mean_expr
        stages["control_expressing"] = np.asarray(cache.control_expr_counts)
        if cache.use_frozen_control:
            stages["control_weight"] = cache.frozen_control_W_sum
    whole = recorder.rows.get(None, {})
    if "trend_mean" in whole:
        stages["mean"] = whole["trend_mean"]
        stages["dispersion_moments"] = whole["trend_dispersion"]
        stages["trend_rounds"] = whole["trend_rounds"]
        stages["dispersion_trend"] = cache.global_dispersion_trend
        stages["dispersion"] = cache.global_dispersion
    rows = [recorder.rows.get(row, {}) for row in range(count)]
    for name in ("trend_mean", "fitted_error", "coefficients", "prior_variance", "prior_scale"):
        known = [np.asarray(row[name]) for row in rows if name in row]
        if known:
            missing = np.full(known[0].shape, np.nan)
            stages[name] = np.array([row.get(name, missing) for row in rows])
    rounds = [
        np.insert(row["trend_rounds"], 0, index, axis=1)
        for index, row in enumerate(rows)
        if "trend_rounds" in row
    ]
    if rounds:
        stages["row_trend_rounds"] = np.concatenate(rounds)
    for index, row in enumerate(rows):
        if "size_factors" in row:
            stages[f"row_size_factors/{index}"] = row["size_factors"]
    return stages


def run_shrink(path, *, shrink_method="stats", **options):
    """Runs `shrink_lfc` on a result of `run_nb_glm`; `prior_scale` is recorded."""
    reference_run.require_no_psutil()
    import crispyx.de as de

    scales = []
    original = de._estimate_apeglm_prior_scale
    de._estimate_apeglm_prior_scale = lambda *args: scales.append(original(*args)) or scales[-1]
    try:
        with _quiet() as folder:
            found = de.shrink_lfc(
                str(path),
                method=shrink_method,
                output_dir=str(folder),
                data_name="shrunk",
                n_jobs=1,
                **options,
            )
            result, _ = _read(folder / "crispyx_shrunk.h5ad", "shrink")
    finally:
        de._estimate_apeglm_prior_scale = original
    if options.get("prior_scale_mode") == "per_comparison":
        rows = scales[1:]
    else:
        rows = scales[:1] * len(result["perturbations"])
    return {
        **result,
        "order": np.asarray(found.order),
        "stages": {"prior_scale": np.array(rows), "prior_scale_global": np.array(scales[:1])},
    }
