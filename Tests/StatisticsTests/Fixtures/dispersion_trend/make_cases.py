"""Writes dispersion trends as crispyx 0.0.4 fits them with SciPy's L-BFGS-B.

genes.tsv          data set, mean, dispersion and trend of each gene
rounds.tsv         data set, a0, a1 and 1 for success, one line per round of fitting
lowest_minima.tsv  data set, a0 and a1 of the lowest minimum of the first round's loss

Numbers are hexadecimal doubles. The data sets are those of the golden values and small random
screens of two kinds: `other-minimum` where the first round does not end in the lowest minimum, so
that an exact minimiser gives another trend, and `restart` where the minimiser once aims at the
corner of both bounds, after which SciPy's forgets what it knows of the curvature.

Usage: python make_cases.py <folder of the golden values>
(made with crispyx 0.0.4, scipy 1.17.1, numpy 2.4.6, h5py 3.16.0, Python 3.11, one BLAS thread)
"""

import pathlib
import sys
import warnings

import h5py
import numpy as np
import scipy.optimize

FOLDER = pathlib.Path(__file__).parent
GOLDEN_CASES = {
    "simulated": (
        "default",
        "integers",
        "unscaled-size-factors",
        "user-size-factors",
        "user-size-factors-unscaled",
    ),
    "pbmc68k": ("default",),
}
OTHER_MINIMUM = (79, 87, 90, 142, 162, 254, 262, 411, 447, 482, 520, 593)
RESTART = (217, 414, 526)


def golden(folder):
    """Means, dispersions, rounds and trends of the golden values."""
    for screen, cases in GOLDEN_CASES.items():
        with h5py.File(folder / screen / "reference.h5") as file:
            for case in cases:
                stages = file[f"cases/{case}/stages"]
                names = ("mean", "dispersion_moments", "trend_rounds", "dispersion_trend")
                yield f"{screen}-{case}", *(stages[name][:] for name in names)


def moments(seed):
    """Mean and moment dispersion of the genes of a small random screen."""
    from independent import global_dispersion, sparse_size_factors
    from screens import random_screen

    counts = random_screen(seed, genes=120).X.toarray().astype(np.float64)
    stage = global_dispersion(counts, np.log(sparse_size_factors(counts)))
    return stage["mean"], stage["dispersion_moments"]


def fit(mean, dispersion):
    """The reference's rounds and trend."""
    import crispyx.glm as glm

    rounds, minimize = [], scipy.optimize.minimize

    def recorded(*args, **kwargs):
        found = minimize(*args, **kwargs)
        rounds.append((*found.x, float(found.success)))
        return found

    scipy.optimize.minimize = recorded
    try:
        trend = glm.fit_dispersion_trend(mean.copy(), dispersion.copy())
    finally:
        scipy.optimize.minimize = minimize
    return np.array(rounds), trend


def lowest_minimum(mean, dispersion):
    """Loss of the first round, and its lowest minimum found from many starting points."""
    usable = (mean > 0) & (dispersion > 0)
    inverse, values = 1.0 / mean[usable], dispersion[usable]

    def loss(at):
        fitted = np.maximum(at[0] + at[1] * inverse, 1e-10)
        return np.mean(values / fitted + np.log(fitted))

    limits = [(np.log(1e-12), np.log(10.0))] * 2
    found = []
    for start in np.log([(1.0, 1e-3), (0.5, 0.05), (0.1, 0.1), (0.05, 0.5)]):
        # In logarithms, and without derivatives, no start is thrown to a corner.
        end = scipy.optimize.minimize(
            lambda at: loss(np.exp(at)), start, method="Nelder-Mead", bounds=limits, tol=1e-10
        )
        found.append(np.exp(end.x))
    return loss, min(found, key=loss)


def line(name, *numbers):
    return "\t".join([name, *(float(number).hex() for number in numbers)]) + "\n"


def main(folder):
    sys.path.insert(0, str(folder))
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    found, lowest = list(golden(folder)), []
    for kind, seeds in (("other-minimum", OTHER_MINIMUM), ("restart", RESTART)):
        for seed in seeds:
            name, (mean, dispersion) = f"{kind}-{seed}", moments(seed)
            rounds, trend = fit(mean, dispersion)
            found.append((name, mean, dispersion, rounds, trend))
            if kind == "other-minimum":
                loss, point = lowest_minimum(mean, dispersion)
                if loss(rounds[0, :2]) - loss(point) < 1e-3:
                    raise ValueError(f"{name}: the first round ends in the lowest minimum")
                lowest.append((name, *point))
    with open(FOLDER / "genes.tsv", "w") as genes, open(FOLDER / "rounds.tsv", "w") as steps:
        genes.write("data set\tmean\tdispersion\ttrend\n")
        steps.write("data set\ta0\ta1\tsuccess\n")
        for name, mean, dispersion, rounds, trend in found:
            genes.writelines(line(name, *gene) for gene in zip(mean, dispersion, trend))
            steps.writelines(line(name, *values) for values in rounds)
    with open(FOLDER / "lowest_minima.tsv", "w") as file:
        file.write("data set\ta0\ta1\n")
        file.writelines(line(*values) for values in lowest)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
