"""Writes where SciPy's L-BFGS-B ends on small problems with two bounded variables.

minima.tsv: problem, start (2 columns), lower bounds (2), point reached (2), iterations, 1 for
success. Numbers are hexadecimal doubles. The test writes the same functions in Swift.
The problems are those whose path does not magnify rounding: in the long valley of `rosenbrock`
a start 1e-16 away may change the number of steps.

Usage: python make_minima.py          (made with scipy 1.17.1, numpy 2.4.6, Python 3.11)
"""

import pathlib

import numpy as np
import scipy.optimize


def quadratic(x, y):
    """Well conditioned, lowest at about (2.05, 1.90)."""
    value = (x - 3) * (x - 3) + 10 * (y - 2) * (y - 2) + x * y
    return value, (2 * (x - 3) + y, 20 * (y - 2) + x)


def narrow(x, y):
    """A valley a thousand times longer than wide, along the diagonal."""
    s, d = x + y - 2, x - y
    value = s * s + 1e6 * d * d
    return value, (2 * s + 2e6 * d, 2 * s - 2e6 * d)


def rosenbrock(x, y):
    """The banana-shaped valley, lowest at (1, 1)."""
    t = y - x * x
    value = 100 * t * t + (1 - x) * (1 - x)
    return value, (-400 * x * t - 2 * (1 - x), 200 * t)


def himmelblau(x, y):
    """Four minima of equal depth."""
    a, b = x * x + y - 11, x + y * y - 7
    return a * a + b * b, (4 * x * a + 2 * b, 2 * a + 4 * y * b)


def beale(x, y):
    """Flat, with a narrow minimum at (3, 0.5)."""
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y * y * y
    along = 2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1)
    across = 2 * a * x + 4 * b * x * y + 6 * c * x * y * y
    return a * a + b * b + c * c, (along, across)


def poles(x, y):
    """Infinite on both axes, so that full steps to a bound fail."""
    return 1 / x + x + 2 / y + 3 * y, (1 - 1 / (x * x), 3 - 2 / (y * y))


def bump(x, y):
    """Nearly flat far out, lowest at x = y = sqrt(2)."""
    q, t = x * x + 2, x - y
    return -x / q + t * t / 100, ((x * x - 2) / (q * q) + t / 50, -t / 50)


def quintic(x, y):
    """Steep far out and nearly flat at the start of its valley, lowest at x = 1.596, y = 1."""
    x = x + 0.004
    c = x * x * x
    return c * x * (x - 2) + (y - 1) * (y - 1), (5 * c * x - 8 * c, 2 * (y - 1))


def dip(x, y):
    """The first trial, one from the origin, is only 0.0005 lower than its start."""
    value = -x + 1.4985 * x * x - 0.499 * x * x * x + y * y
    return value, (-1 + 2.997 * x - 1.497 * x * x, 2 * y)


def falling(x, y):
    """Falls forever."""
    return -x - 2 * y, (-1.0, -2.0)


def lying(x, y):
    """The gradient points the wrong way."""
    return x * x + y * y, (-2 * x, -2 * y)


PROBLEMS = (
    (quadratic, (1, 1), (0, 0)),
    (quadratic, (1, 9), (4, -5)),
    (quadratic, (20, 20), (-5, 3)),
    (quadratic, (8, 9), (5, 4)),
    (quadratic, (-3, -4), (0, 0)),
    (quadratic, (5, 4), (5, 4)),
    (narrow, (10, 3), (-100, -100)),
    (narrow, (10, 3), (-100, 1.5)),
    (rosenbrock, (-1.2, 1), (-10, -10)),
    (rosenbrock, (-1.2, 1), (-10, 1.5)),
    (rosenbrock, (3, 3), (1.25, 0)),
    (rosenbrock, (2, 2), (-1, 2)),
    (rosenbrock, (0, 0), (0, 0)),
    (rosenbrock, (1, 1), (-10, -10)),
    (himmelblau, (0, 0), (-10, -10)),
    (himmelblau, (-1, 4), (-10, -10)),
    (himmelblau, (-1, -1), (-3, -10)),
    (himmelblau, (6, 1), (3.25, -2)),
    (beale, (1, 1), (0, 0)),
    (beale, (4, 3), (0, 0.75)),
    (poles, (30, 0.01), (1e-12, 1e-12)),
    (poles, (5, 40), (1e-12, 1e-12)),
    (poles, (7, 7), (1e-12, 1.5)),
    (poles, (8.5, 3.5), (0.3, 0.7)),
    (bump, (6.25, 11), (0.3, 0.7)),
    (bump, (6.25, 5), (0.01, 0.01)),
    (bump, (2, 3), (0.1, 1.75)),
    (quintic, (1, 0.5), (1.7, 0.1)),
    (quintic, (0.1, 3), (0, 0)),
    (quintic, (7, 2), (0, 0)),
    (dip, (0, 0), (-10, -10)),
    (falling, (1, 1), (0, 0)),
    (lying, (1, 2), (-10, -10)),
)


def main():
    rows = ["problem\tx\ty\tlower x\tlower y\tminimum x\tminimum y\titerations\tsuccess\n"]
    for function, start, lower in PROBLEMS:
        found = scipy.optimize.minimize(
            lambda at: tuple(map(np.asarray, function(*at))),
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(bound, None) for bound in lower],
        )
        numbers = (*start, *lower, *found.x, found.nit, found.success)
        rows.append("\t".join([function.__name__, *(float(n).hex() for n in numbers)]) + "\n")
        print(function.__name__, start, lower, found.x, found.nit, found.nfev, found.message)
    (pathlib.Path(__file__).parent / "minima.tsv").write_text("".join(rows))


if __name__ == "__main__":
    main()
