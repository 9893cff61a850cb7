"""Derives the polynomial coefficients of the real functions.

Every polynomial is the least-squares fit of its function at the Chebyshev nodes of the stated
interval in 60-digit arithmetic, which is close to the minimax polynomial. Coefficients are rounded
to double one after the other, lowest degree first; after each rounding the remaining ones are
fitted again, so that the rounding of the leading coefficients does not limit the accuracy.
Printed: the coefficients and the largest error on a fine grid.

The coefficients enter the code as hexadecimal literals: the compiler reads a decimal literal
through the 80-bit format first, and rounding twice can change the last bit.

Usage: python fit_coefficients.py        (needs mpmath; made with mpmath 1.4.1, Python 3.11)
"""

from mpmath import (
    cos,
    digamma,
    erfc,
    euler,
    exp,
    fabs,
    findroot,
    log,
    loggamma,
    lu_solve,
    matrix,
    mp,
    mpf,
    pi,
    sqrt,
)

mp.dps = 60


def chebyshev_nodes(low, high, count):
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle + half * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def fit(function, low, high, degree, weight=lambda x: mpf(1)):
    """Coefficients (as doubles, lowest degree first) and the largest weighted error."""
    low, high = mpf(low), mpf(high)
    nodes = chebyshev_nodes(low, high, 3 * (degree + 1))
    values = [function(x) for x in nodes]
    fixed = []
    while len(fixed) <= degree:
        free = degree + 1 - len(fixed)
        rows = matrix(len(nodes), free)
        right = matrix(len(nodes), 1)
        for i, x in enumerate(nodes):
            right[i] = values[i]
            for j in range(free):
                rows[i, j] = x ** (j + len(fixed))
        solution = lu_solve(rows, right)
        fixed.append(mpf(float(solution[0])))
        values = [v - fixed[-1] * x ** (len(fixed) - 1) for v, x in zip(values, nodes)]
    worst = mpf(0)
    steps = 300
    for i in range(steps + 1):
        x = low + (high - low) * i / steps
        error = fabs(sum(c * x**k for k, c in enumerate(fixed)) - function(x)) * weight(x)
        worst = max(worst, error)
    return [float(c) for c in fixed], worst


def show(name, result):
    coefficients, worst = result
    print(f"{name}: largest error {mp.nstr(worst, 3)}")
    for k, c in enumerate(coefficients):
        print(f"    c{k} {c.hex():>26}  {c!r}")


def show_constant(name, value, bits=53):
    """The value as a sum of two doubles, the first one of at most `bits` significant bits."""
    _, exponent = mp.frexp(value)
    high = mp.nint(mp.ldexp(value, bits - exponent))
    high = float(mp.ldexp(high, exponent - bits))
    low = float(value - mpf(high))
    print(f"{name}: {high.hex()} + {low.hex()}  ({mp.nstr(value, 20)})")


def exp_tail(r):
    """(exp(r) - 1 - r - r^2/2) / r^3."""
    return sum(r**k / mp.factorial(k + 3) for k in range(45))


def atanh_tail(z):
    """(2 atanh(s)/s - 2) / z with z = s^2."""
    return 2 * sum(z**k / (2 * k + 3) for k in range(60))


def log_gamma_near_two(z):
    """log Gamma(2 + z) / z."""
    if fabs(z) < mpf(10) ** -12:
        return 1 - euler + z * (pi**2 / 6 - 1) / 2
    return loggamma(2 + z) / z


DIGAMMA_ROOT = findroot(digamma, mpf("1.4616321449683623"))


def digamma_over_root(z):
    """digamma(x) / (x - root) with x = z + 3/2."""
    x = z + mpf(3) / 2
    d = x - DIGAMMA_ROOT
    if fabs(d) < mpf(10) ** -15:
        return mp.polygamma(1, DIGAMMA_ROOT)
    return digamma(x) / d


def erf_over_x(z):
    """erf(x) / x with z = x^2."""
    return 2 / sqrt(pi) * sum((-z) ** k / (mp.factorial(k) * (2 * k + 1)) for k in range(45))


def scaled_erfc(x):
    return exp(x * x) * erfc(x)


def erfc_mapped(center):
    """(1 + 2x) exp(x^2) erfc(x) at x = center (1 + t) / (1 - t)."""

    def function(t):
        if t >= 1:
            return 2 / sqrt(pi)
        x = center * (1 + t) / (1 - t)
        if x > 60:
            total, term = mpf(0), mpf(1)
            for k in range(1, 40):
                total += term
                term *= -mpf(2 * k - 1) / (2 * x * x)
            return (1 + 2 * x) * total / (x * sqrt(pi))
        return (1 + 2 * x) * scaled_erfc(x)

    return function


if __name__ == "__main__":
    # 40 bits: products with an exponent (at most 11 bits) are exact.
    show_constant("ln 2", log(2), 40)
    show_constant("log2 e", 1 / log(2))
    show_constant("half of ln(2 pi)", log(2 * pi) / 2)
    show_constant("1 / sqrt(2 pi)", 1 / sqrt(2 * pi))
    show_constant("1 / sqrt 2", 1 / sqrt(mpf(2)))
    show_constant("digamma root", DIGAMMA_ROOT)

    half_log2 = log(2) / 2
    show(
        "(exp(r) - 1 - r - r^2/2) / r^3, |r| <= ln 2 / 2",
        fit(exp_tail, -half_log2, half_log2, 9, lambda r: fabs(r) ** 3 / exp(r)),
    )
    largest_square = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2
    show(
        "(2 atanh(s) / s - 2) / z, z = s^2, s = f / (2 + f), 1 + f in [sqrt(1/2), sqrt 2]",
        fit(atanh_tail, 0, largest_square, 6, lambda z: z * sqrt(z)),
    )
    show("log Gamma(2 + z) / z, |z| <= 1/2", fit(log_gamma_near_two, -0.5, 0.5, 16))
    show("digamma(3/2 + z) / (3/2 + z - root), |z| <= 1/2", fit(digamma_over_root, -0.5, 0.5, 20))
    show("erf(x) / x, z = x^2 <= 1/4", fit(erf_over_x, 0, 0.25, 8))
    center = mpf(3)
    first, last = (mpf(1) / 2 - center) / (mpf(1) / 2 + center), (28 - center) / (28 + center)
    show(
        "(1 + 2x) exp(x^2) erfc(x), t = (x - 3) / (x + 3), x in [1/2, 28]",
        fit(erfc_mapped(center), first, last, 20),
    )
