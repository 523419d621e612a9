"""The elementary functions of SCORING.md section 3, in exact arithmetic.

The coefficients are read out of lib/infer/elem_table.h, which is the normative
table; the order of operations is what elem.h and the table say, done over again
on exact.py's fma. f32 functions take arrays, f64 ones a float.
"""
import math
import os
import re

import numpy as np

from exact import F32, fma32, fma64

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../../lib/infer/elem_table.h")


def _read(path):
    """{NAME: float, or list of floats}"""
    with open(path, encoding="utf-8") as f:
        text = f.read().replace("\\\n", " ")
    out = {}
    for name, value in re.findall(r"^#define[ \t]+SN_(\w+)[ \t]+(.+?)\s*(?:/\*.*)?$", text, re.M):
        numbers = [float.fromhex(n) for n in re.findall(r"-?0x[0-9a-f.]+p[+-]?\d+", value)]
        out[name] = numbers if "{" in value else numbers[0]
    return out


T = _read(TABLE)


def expf(x):
    x = np.minimum(np.maximum(np.asarray(x, F32), F32(T["EXPF_LO"])), F32(T["EXPF_HI"]))
    t = fma32(x, T["EXPF_LOG2E"], T["EXPF_MAGIC"])
    n = t - F32(T["EXPF_MAGIC"])
    k = n.astype(np.int32)
    r = fma32(n, -T["EXPF_LN2HI"], x)
    r = fma32(n, -T["EXPF_LN2LO"], r)
    q = fma32(r, T["EXPF_C6"], T["EXPF_C5"])
    for c in (T["EXPF_C4"], T["EXPF_C3"], 0.5):
        q = fma32(r, q, c)
    p = F32(1) + fma32(r * r, q, r)
    half = k >> 1
    p = p * np.ldexp(F32(1), half)
    with np.errstate(over="ignore", under="ignore"):
        return p * np.ldexp(F32(1), k - half)


def sigmoidf(x):
    x = np.asarray(x, F32)
    e = expf(-np.abs(x))
    return np.where(np.signbit(x), e, F32(1)) / (F32(1) + e)


def _poly(c, x):
    p = c[-1]
    for term in reversed(c[:-1]):
        p = fma64(p, x, term)
    return p


def _ldexp(x, k):
    half = k >> 1
    return x * math.ldexp(1.0, half) * math.ldexp(1.0, k - half)


def exp(x):
    x = min(max(x, T["EXP_LO"]), T["EXP_HI"])
    n = fma64(x, T["EXP_LOG2E"], T["EXP_MAGIC"]) - T["EXP_MAGIC"]
    hi = fma64(n, -T["EXP_LN2HI"], x)
    r = fma64(n, -T["EXP_LN2LO"], hi)
    lo = fma64(n, -T["EXP_LN2LO"], hi - r)
    q = fma64(_poly(T["EXP_C"], r), r, 0.5)
    p = fma64(r * r, q, lo)
    t = 1.0 + r
    return _ldexp(t + ((1.0 - t) + r + p), int(n))


def log(x):
    """x positive and finite."""
    m, k = math.frexp(x)  # m in [1/2, 1)
    m, k = 2 * m, k - 1
    if m >= T["LOG_SQRT2"]:
        m, k = m / 2, k + 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = s * (f - z * _poly(T["LOG_C"], z))
    hi, c = k * T["EXP_LN2HI"], k * T["EXP_LN2LO"]
    z = hi + f
    f = f - (z - hi) if k else 0.0
    return z + (f + (c - r))


def _diff(a, b):
    d = a - b
    bb = a - d
    return d, (a - (d + bb)) + (bb - b)


def _sin_cos(x, quarter):
    n = fma64(x, T["SIN_2_PI"], T["EXP_MAGIC"]) - T["EXP_MAGIC"]
    y = fma64(n, -T["SIN_P1"], x)
    y, e2 = _diff(y, n * T["SIN_P2"])
    y, e3 = _diff(y, n * T["SIN_P3"])
    e = fma64(n, -T["SIN_P4"], e2 + e3)
    r = y + e
    lo = e - (r - y)
    n = int(n) + quarter & 3
    z = r * r
    if n & 1:
        h = 0.5 * z
        w = 1.0 - h
        v = w + ((1.0 - w - h) + fma64(-r, lo, z * z * _poly(T["SIN_C"], z)))
    elif x == 0:
        v = x
    else:
        v = r + fma64(r, z * _poly(T["SIN_S"], z), lo * fma64(z, -0.5, 1.0))
    return -v if n & 2 else v


def sin(x):
    return _sin_cos(x, 0)


def cos(x):
    return _sin_cos(x, 1)


def selftest():
    """Against mpmath: within a bound that any slip would break."""
    import mpmath
    mpmath.mp.prec = 200
    rng = np.random.default_rng(2)

    def ulps(got, want, unit):
        return abs(mpmath.mpf(got) - want) / unit

    xs = np.concatenate([rng.uniform(-87, 88, 4000), rng.normal(0, 1, 2000)]).astype(F32)
    for x, e, s in zip(xs, expf(xs), sigmoidf(xs)):
        x = mpmath.mpf(float(x))
        assert ulps(float(e), mpmath.exp(x), np.spacing(e).item()) < 1.3, x
        assert ulps(float(s), 1 / (1 + mpmath.exp(-x)), np.spacing(s).item()) < 2.6, x
    for x in rng.uniform(-700, 700, 1000).tolist():
        assert ulps(exp(x), mpmath.exp(x), math.ulp(exp(x))) < 0.8, x
    for x in np.exp(rng.uniform(-300, 300, 1000)).tolist() + rng.uniform(0.5, 2, 1000).tolist():
        assert ulps(log(x), mpmath.log(x), math.ulp(log(x))) < 0.8, x
    for x in (np.exp(rng.uniform(-20, 22, 2000))).astype(F32).tolist():
        assert ulps(sin(x), mpmath.sin(x), math.ulp(sin(x))) < 0.8, x
        assert ulps(cos(x), mpmath.cos(x), math.ulp(cos(x))) < 0.8, x
