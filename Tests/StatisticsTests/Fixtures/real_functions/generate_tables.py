"""Writes the tables of reference values of the real functions.

One tab-separated file per function. Arguments are hexadecimal doubles. Each value takes two
columns: the nearest double (hexadecimal, or "inf", "-inf") and what the exact value has beyond it,
in units of the last place of that double. Values are computed with at least 60 digits.

Usage: python generate_tables.py        (needs mpmath; made with mpmath 1.4.1, Python 3.11)
"""

import math
import random
import struct
from pathlib import Path

from mpmath import (
    bernoulli,
    digamma,
    erfc,
    exp,
    expm1,
    extradps,
    log,
    log1p,
    loggamma,
    mp,
    mpf,
    pi,
    polygamma,
    sqrt,
)

mp.dps = 60
FOLDER = Path(__file__).parent
HALF = mpf(1) / 2


def from_bits(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def neighbours(x, steps=2):
    """The double x and the next `steps` doubles on either side."""
    result = [x]
    below = above = x
    for _ in range(steps):
        below, above = math.nextafter(below, -math.inf), math.nextafter(above, math.inf)
        result += [below, above]
    return result


def unit_in_last_place(x):
    return mpf(math.ulp(x))


def nearest(value):
    """The nearest double and the rest in units of its last place."""
    if abs(value) >= mpf(2) ** 1024 - mpf(2) ** 970:
        return (math.inf if value > 0 else -math.inf), 0.0
    rounded = float(value)  # mpmath rounds to nearest, except below the normal range.
    if abs(rounded) < 2.0**-1021:
        rounded = float(mp.ldexp(mp.nint(mp.ldexp(value, 1074)), -1074))
    return rounded, float((value - mpf(rounded)) / unit_in_last_place(rounded))


def hexadecimal(x):
    return str(x) if math.isinf(x) else x.hex()


def write(name, columns, rows):
    lines = ["\t".join(columns)]
    for arguments, values in rows:
        fields = [hexadecimal(a) for a in arguments]
        for value in values:
            rounded, rest = nearest(value)
            fields += [hexadecimal(rounded), f"{rest:.6f}"]
        lines.append("\t".join(fields))
    (FOLDER / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    print(name, len(rows))


def write_function(name, function, arguments):
    unique = list(dict.fromkeys(arguments))
    write(name, ["x", "nearest", "rest"], [([x], [function(mpf(x))]) for x in unique])


def erfc_value(x):
    if abs(x) > 40:
        return mpf(0) if x > 0 else mpf(2)
    return erfc(x)


def log_gamma(x):
    """log Gamma; Stirling's series where mpmath's own method would be slow."""
    if x > 10**6:
        total = (x - HALF) * log(x) - x + log(2 * pi) / 2
        return total + sum(
            bernoulli(2 * k) / (2 * k * (2 * k - 1) * x ** (2 * k - 1)) for k in range(1, 12)
        )
    with extradps(40):
        return loggamma(x)


def digamma_value(x):
    if x > 10**6:
        return (
            log(x)
            - 1 / (2 * x)
            - sum(bernoulli(2 * k) / (2 * k * x ** (2 * k)) for k in range(1, 12))
        )
    with extradps(40):
        return digamma(x)


def trigamma_value(x):
    if x > 10**5:
        return (
            1 / x + 1 / (2 * x * x) + sum(bernoulli(2 * k) / x ** (2 * k + 1) for k in range(1, 15))
        )
    return polygamma(1, x)


def beta_fraction(x, a, b, count):
    """Abramowitz and Stegun's (1964) continued fraction 26.5.8, backwards from `count` pairs."""
    tail = mpf(0)
    for m in range(count, 0, -1):
        tail = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)) / (1 + tail)
        tail = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)) / (1 + tail)
    return 1 / (1 - (a + b) * x / (a + 1) / (1 + tail))


def beta_tails(x, y, a, b):
    """I_x(a, b) and 1 - I_x(a, b), to 20 digits at least."""
    if x * (a + b + 2) > a + 1:
        upper, lower = beta_tails(y, x, b, a)
        return lower, upper
    logarithm = a * log(x) + b * log(y) + log_gamma(a + b) - log_gamma(a) - log_gamma(b)
    count = 30
    previous, current = mpf(0), beta_fraction(x, a, b, count)
    while abs(current - previous) > abs(current) * mpf(10) ** -22:
        count = int(count * 1.6)
        previous, current = current, beta_fraction(x, a, b, count)
    lower = exp(logarithm) / a * current
    return lower, 1 - lower


def magnitudes(random_source, low, high, count, signs=(1,)):
    return [
        random_source.choice(signs) * 10 ** random_source.uniform(low, high) for _ in range(count)
    ]


def uniforms(random_source, low, high, count):
    return [random_source.uniform(low, high) for _ in range(count)]


def elementary():
    r = random.Random(1)
    ties = [(k + 0.5) * math.log(2) for k in range(-1075, 1024, 67)]
    write_function(
        "exp",
        exp,
        [0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.0**-53, -(2.0**-53), 2.0**-54, -(2.0**-54)]
        + neighbours(709.782712893384)
        + neighbours(-708.3964185322641)
        + neighbours(-745.1332191019411)
        + neighbours(708.0)
        + neighbours(-708.0)
        + [709.8, 710.0, 711.0, 1e4, 1e300, -744.0, -746.0, -747.0, -1e4, -1e300]
        + [x for tie in ties for x in neighbours(tie, 1)]
        + uniforms(r, -745, 709.7, 120)
        + uniforms(r, -745.2, -708, 80)
        + uniforms(r, 700, 709.78, 30)
        + uniforms(r, -1, 1, 80)
        + magnitudes(r, -18, 1, 80, (1, -1)),
    )
    roots = [math.sqrt(0.5) * 2.0**k for k in (-1000, -1, 0, 1, 2, 1000)]
    write_function(
        "log",
        log,
        neighbours(1.0, 6)
        + [2.0**k for k in range(-1074, 1024, 61)]
        + [x for q in roots for x in neighbours(q)]
        + [
            5e-324,
            1e-323,
            2.2250738585072014e-308,
            2.225073858507201e-308,
            1.7976931348623157e308,
            math.e,
        ]
        + [from_bits(r.getrandbits(bits) | 1) for bits in range(3, 53)]
        + uniforms(r, 0.5, 2, 120)
        + uniforms(r, 0, 20, 60)
        + magnitudes(r, -307, 308, 120)
        + [1 + d for d in magnitudes(r, -15, -1, 50, (1, -1))],
    )
    write_function(
        "expm1",
        expm1,
        [0.0, 5e-324, -5e-324]
        + neighbours(2.0**-54)
        + neighbours(-(2.0**-54))
        + neighbours(40.0)
        + neighbours(-40.0)
        + neighbours(math.log(2) / 2)
        + neighbours(-math.log(2) / 2)
        + [709.78, 709.79, 1e5, -1e5, -37.0, -38.0]
        + uniforms(r, -40, 40, 140)
        + uniforms(r, -1, 1, 140)
        + magnitudes(r, -20, 0, 140, (1, -1))
        + uniforms(r, 40, 709, 20),
    )
    write_function(
        "log1p",
        log1p,
        [0.0, 5e-324, -5e-324, 1.0]
        + neighbours(2.0**-54)
        + neighbours(-(2.0**-54))
        + neighbours(2.0**-53)
        + neighbours(-1 + 2.0**-50)
        + [math.nextafter(-1, 0), -0.5, math.sqrt(2) - 1, math.sqrt(0.5) - 1]
        + [1.7976931348623157e308, 2.0**53, 2.0**54, 2.0**60]
        + uniforms(r, -1, 1, 140)
        + magnitudes(r, -20, 0, 140, (1, -1))
        + magnitudes(r, -3, 300, 100)
        + [d - 1 for d in magnitudes(r, -14, 0, 40)],
    )
    write_function(
        "log2",
        lambda x: log(x) / log(mpf(2)),
        neighbours(1.0, 6)
        + [2.0**k for k in range(-1074, 1024, 37)]
        + [5e-324, 1.7976931348623157e308]
        + [x for q in roots for x in neighbours(q)]
        + [from_bits(r.getrandbits(bits) | 1) for bits in range(3, 53)]
        + uniforms(r, 0.5, 2, 120)
        + magnitudes(r, -307, 308, 120)
        + [1 + d for d in magnitudes(r, -15, -1, 50, (1, -1))],
    )


def tails():
    r = random.Random(2)
    write_function(
        "erfc",
        erfc_value,
        [0.0, 5e-324, -5e-324, 1e-300, 1e-17, -1e-17]
        + neighbours(0.5, 4)
        + neighbours(-0.5, 4)
        + neighbours(26.543258454250884)
        + neighbours(27.226017111108362)
        + [27.0, 27.23, 28.0, 28.1, 1e300, -5.8, -5.9, -6.0, -28.0, -29.0, -1e300]
        + uniforms(r, 0, 27.2, 160)
        + uniforms(r, -6, 6, 120)
        + uniforms(r, -0.6, 0.6, 80)
        + uniforms(r, 26, 27.3, 40)
        + magnitudes(r, -18, 0, 40, (1, -1)),
    )
    write_function(
        "normal_two_sided",
        lambda z: erfc_value(abs(z) / sqrt(mpf(2))),
        [
            0.0,
            5e-324,
            1e-300,
            1e-17,
            1.0,
            -1.0,
            1.959963984540054,
            3.0,
            6.0,
            37.0,
            37.6,
            38.0,
            38.5,
            39.0,
            39.1,
            1e300,
        ]
        + neighbours(0.5 * math.sqrt(2), 4)
        + uniforms(r, 0, 37.1, 220)
        + uniforms(r, -37.1, 0, 60)
        + uniforms(r, 0, 1, 80)
        + uniforms(r, 36, 38.6, 40)
        + magnitudes(r, -18, 0, 20),
    )


def gammas():
    r = random.Random(3)
    joints = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 8.0]
    common = [x for joint in joints for x in neighbours(joint, 3)] + [
        float(k) for k in range(3, 41)
    ]
    near = [1 + d for d in magnitudes(r, -15, -1, 50, (1, -1))] + [
        2 + d for d in magnitudes(r, -15, -1, 50, (1, -1))
    ]
    spread = uniforms(r, 0, 10, 150) + magnitudes(r, 0, 8, 80) + magnitudes(r, -3, 0, 30)
    write_function(
        "log_gamma",
        log_gamma,
        common
        + near
        + spread
        + magnitudes(r, -307, 305, 80)
        + [5e-324, 2e-310, 2.5e305, 3e305, 1e308],
    )
    write_function(
        "digamma",
        digamma_value,
        common
        + neighbours(1.4616321449683622, 6)
        + uniforms(r, 1.4, 1.5, 60)
        + near
        + spread
        + magnitudes(r, -307, 305, 80),
    )
    write_function(
        "trigamma",
        trigamma_value,
        common + spread + near + magnitudes(r, -153, 305, 100) + [1e-160],
    )


def betas():
    r = random.Random(4)
    points = [
        (0.5, 1.0, 1.0),
        (0.5, 0.5, 0.5),
        (0.25, 2.0, 3.0),
        (5e-324, 0.5, 1.0),
        (1 - 2.0**-53, 3.0, 0.5),
        (0.5, 1e7, 1e7),
        (0.5, 0.5, 1e7),
        (1e-7, 0.5, 1e7),
        (1 - 2.0**-24, 1e7, 0.5),
        (1e-3, 8.0, 8.0),
    ]
    while len(points) < 440:
        a = 10 ** r.uniform(-0.3, r.choice([1, 3, 7]))
        b = a if r.random() < 0.2 else 10 ** r.uniform(-0.3, r.choice([1, 3, 7]))
        deviation = math.sqrt(a * b / (a + b + 1)) / (a + b)
        x = r.choice(
            [
                r.uniform(0, 1),
                a / (a + b) + deviation * r.uniform(-6, 6),
                a / (a + b) + deviation * r.uniform(-35, 35),
            ]
        )
        if 0 < x < 1:
            points.append((x, a, b))
    rows = []
    for x, a, b in points:
        rows.append(([x, a, b], beta_tails(mpf(x), 1 - mpf(x), mpf(a), mpf(b))))
    write("incomplete_beta", ["x", "a", "b", "lower", "rest", "upper", "rest"], rows)

    rows = []
    freedoms = [1.0, 1.5, 2.0, 3.0, 10.0, 15.999, 16.0, 16.001, 100.0, 1e3, 1e4, 1e5, 1e6]
    while len(rows) < 440:
        freedom = r.choice(freedoms) if r.random() < 0.4 else 10 ** r.uniform(0, 6)
        exponent = r.choice([r.uniform(0, 2), r.uniform(0, 20), r.uniform(0, 300)]) * math.log(10)
        t = math.sqrt(freedom * math.expm1(min(2 * exponent / freedom, 680))) * r.uniform(0.7, 1)
        if t > 1e150:
            continue
        square, nu = mpf(t) ** 2, mpf(freedom)
        lower, _ = beta_tails(nu / (nu + square), square / (nu + square), nu / 2, HALF)
        if lower > mpf(10) ** -300:
            rows.append(([t, freedom], [lower]))
    write("student_two_sided", ["t", "degrees of freedom", "nearest", "rest"], rows)


if __name__ == "__main__":
    elementary()
    tails()
    gammas()
    betas()
