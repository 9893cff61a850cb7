"""Runs the frozen-control NB-GLM of crispyx 0.0.4 and records what it computed on the way."""

import contextlib
import importlib.util
import logging
import pathlib
import tempfile
import warnings

import anndata
import numpy as np
import scipy.optimize

FLOAT32_LAYERS = ("converged", "iterations", "pts", "pts_rest")
FLOAT64_LAYERS = (
    "z_score",
    "pvalue",
    "pvalue_adj",
    "logfoldchanges",
    "logfoldchange_raw",
    "logfoldchange_raw_ln",
    "intercept",
    "standard_error",
    "standard_error_ln",
    "dispersion",
    "dispersion_raw",
    "dispersion_trend",
)


class ReferenceError(RuntimeError):
    """The reference did not run the way the comparison needs."""


class _Recorder(logging.Handler):
    """Keeps log lines, the control cache and the trend rounds of one run."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.lines, self.cache, self.trend_input, self.rounds = [], None, None, []
        self.frozen_fits = 0

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _recording():
    """Wraps the reference's own functions so that their inputs and outputs are kept."""
    import crispyx.de as de
    import crispyx.glm as glm

    recorder = _Recorder()
    fit = glm.NBGLMBatchFitter.fit_batch_with_frozen_control
    control = de.precompute_control_statistics_streaming
    trend, minimize = glm.fit_dispersion_trend, scipy.optimize.minimize

    def recorded_control(*args, **kwargs):
        recorder.cache = control(*args, **kwargs)
        return recorder.cache

    def recorded_fit(self, *args, **kwargs):
        recorder.frozen_fits += 1
        return fit(self, *args, **kwargs)

    def recorded_trend(means, dispersions, **kwargs):
        recorder.trend_input = (np.array(means), np.array(dispersions))
        return trend(means, dispersions, **kwargs)

    def recorded_minimize(loss, *args, **kwargs):
        found = minimize(loss, *args, **kwargs)
        recorder.rounds.append((*found.x, float(found.success)))
        return found

    logger = logging.getLogger("crispyx")
    level = logger.level
    de.precompute_control_statistics_streaming = recorded_control
    glm.NBGLMBatchFitter.fit_batch_with_frozen_control = recorded_fit
    glm.fit_dispersion_trend = recorded_trend
    scipy.optimize.minimize = recorded_minimize
    logger.addHandler(recorder)
    logger.setLevel(logging.INFO)
    try:
        yield recorder
    finally:
        de.precompute_control_statistics_streaming = control
        glm.NBGLMBatchFitter.fit_batch_with_frozen_control = fit
        glm.fit_dispersion_trend = trend
        scipy.optimize.minimize = minimize
        logger.removeHandler(recorder)
        logger.setLevel(level)


def require_no_psutil():
    """Refuses to run beside psutil, which changes decisions that the reference takes itself."""
    if importlib.util.find_spec("psutil") is not None:
        raise ReferenceError("psutil is installed: remove it, the reference decides by it")


def run_frozen(path, column, control, folder=None, **options):
    """Runs `nb_glm_test` with `freeze_control=True` on one core and returns its numbers.

    Returns a dict: `perturbations`, `genes`, `layers` (name to K x G array, `X` included),
    `size_factors`, `order` (K x G), `stages` (per-gene arrays of the global stage).
    Raises `ReferenceError` when the frozen path did not run for every perturbation.
    """
    require_no_psutil()
    import crispyx

    if options.get("size_factors") is not None:
        options["size_factors"] = np.array(options["size_factors"])
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
        recorder = stack.enter_context(_recording())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(np.errstate(all="ignore"))
        warnings.simplefilter("ignore")
        found = crispyx.nb_glm_test(
            str(path),
            perturbation_column=column,
            control_label=control,
            freeze_control=True,
            n_jobs=1,
            force=True,
            output_dir=str(folder),
            **options,
        )
        written = anndata.read_h5ad(pathlib.Path(folder) / "crispyx_nb_glm.h5ad")
    perturbations = [str(name) for name in written.obs_names]
    layers = {"X": np.asarray(written.X)}
    for name in FLOAT64_LAYERS + FLOAT32_LAYERS:
        layers[name] = np.asarray(written.layers[name])
    _require_frozen(recorder, layers)
    return {
        "perturbations": perturbations,
        "genes": [str(name) for name in written.var_names],
        "layers": layers,
        "size_factors": np.asarray(written.uns["size_factors"]),
        "order": np.asarray(found.order),
        "stages": _stages(recorder),
    }


def _require_frozen(recorder, layers):
    """Raises unless every perturbation with a tested gene went through the frozen fit."""
    failed = [line for line in recorder.lines if line.startswith("Failed")]
    fitted = ((layers["iterations"] > 0) | (layers["converged"] > 0)).any(axis=1).sum()
    frozen = recorder.cache is not None and recorder.cache.use_frozen_control
    if failed or not frozen or recorder.frozen_fits != fitted:
        raise ReferenceError(
            f"the frozen path ran for {recorder.frozen_fits} of {fitted} perturbations; {failed}"
        )


def _stages(recorder):
    """Per-gene arrays of the global stage, as the reference held them."""
    cache = recorder.cache
    mean, dispersion_moments = recorder.trend_input
    return {
        "control_intercept": cache.beta_intercept,
        "control_dispersion": cache.control_dispersion,
        "control_weight": cache.frozen_control_W_sum,
        "control_mean": cache.control_mean_expr,
        "control_expressing": cache.control_expr_counts,
        "mean": mean,
        "dispersion_moments": dispersion_moments,
        "dispersion_trend": cache.global_dispersion_trend,
        "dispersion": cache.global_dispersion,
        "trend_rounds": np.array(recorder.rounds),
    }
