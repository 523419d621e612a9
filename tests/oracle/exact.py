"""IEEE arithmetic for vectors.py: what SCORING.md section 3 asks for, in numpy and
fractions, with nothing left to a compiler or a BLAS.

numpy's float32 add, mul, div and sqrt are correctly rounded. It has no fma, so
that is made here: the product of two f32 is exact in f64, the error of adding c
is exact by Knuth's two-sum, and rounding that sum to odd first makes the
rounding to f32 the only one (53 >= 24 + 2).
"""
from fractions import Fraction

import numpy as np

F32, F64 = np.float32, np.float64


def f32(x):
    return np.asarray(x, F32)


def fma32(a, b, c):
    p = np.asarray(a, F32).astype(F64) * np.asarray(b, F32).astype(F64)
    c = np.asarray(c, F32).astype(F64)
    s = p + c
    t = s - p
    err = (p - (s - t)) + (c - t)
    bits = np.atleast_1d(s).view(np.int64).reshape(s.shape)
    up = np.where((err > 0) == (s > 0), 1, -1)
    odd = np.where((err != 0) & (bits & 1 == 0), bits + up, bits)
    return np.atleast_1d(odd).view(F64).reshape(s.shape).astype(F32)


def fma64(a, b, c):
    """One f64 fma, scalar. Finite arguments."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c  # for the sign of the zero
    return exact.numerator / exact.denominator  # int / int rounds once


def round32(exact):
    """A Fraction to the nearest f32, ties to even, denormals kept."""
    if exact == 0:
        return F32(0)
    a = abs(exact)
    e = max(a.numerator.bit_length() - a.denominator.bit_length(), -126)
    while Fraction(2) ** e > a and e > -126:
        e -= 1
    unit = Fraction(2) ** (e - 23)
    n = round(a / unit)  # Python rounds a Fraction half to even
    value = float(n * unit)
    return F32(value if exact > 0 else -value)


def matmul(x, w):
    """x [m, k], w [n, k] -> [m, n]: each output one chain along k."""
    acc = np.zeros((len(x), len(w)), F32)
    for k in range(x.shape[1]):
        acc = fma32(x[:, k, None], w[None, :, k], acc)
    return acc


def _round(exact, bits, least):
    """A Fraction that is not 0 to that many bits, ties to even, its unit at least 2^least."""
    a = abs(exact)
    e = a.numerator.bit_length() - a.denominator.bit_length()
    e -= Fraction(2) ** e > a
    unit = Fraction(2) ** max(e - bits + 1, least)
    return round(exact / unit) * unit


def _flush(rounded, exact):
    """To a float: zero below the least normal f32, infinite above the largest."""
    size = abs(rounded)
    size = 0.0 if size < Fraction(2) ** -126 else np.inf if size >= 2 ** 128 else float(size)
    return -size if exact < 0 else size


def bf16(x):
    """A finite f32, as a float, to what the dot product sees of its bf16."""
    return _flush(_round(Fraction(x), 8, -133), Fraction(x)) if x else x


def dot_step(acc, a, b):
    total = Fraction(a) * Fraction(b) + Fraction(acc)
    if total == 0:
        return a * b + acc  # for the sign of the zero; a * b is exact
    return _flush(_round(total, 24, -10 ** 9), total)


def matmul_bf16(x, w):
    """As matmul: rounded to bf16, pair by pair, the second of each first."""
    out = np.zeros((len(x), len(w)), F32)
    for i, j in np.ndindex(out.shape):
        a, b = ([bf16(v) for v in row.tolist()] for row in (x[i], w[j]))
        if len(a) % 2:
            a, b = a + [0.0], b + [0.0]
        acc = 0.0
        for k in range(0, len(a), 2):
            acc = dot_step(dot_step(acc, a[k + 1], b[k + 1]), a[k], b[k])
        out[i, j] = acc
    return out


def _combine(lanes):
    for step in (8, 4, 2, 1):
        lanes = lanes[..., :step] + lanes[..., step:2 * step]
    return lanes[..., 0]


def _lanes(x, add):
    lanes = np.zeros((*x.shape[:-1], 16), F32)
    for at in range(0, x.shape[-1], 16):
        part = x[..., at:at + 16]
        lanes[..., :part.shape[-1]] = add(part, lanes[..., :part.shape[-1]])
    return _combine(lanes)


def lane_sum(x):
    """Over the last axis: 16 lanes, then +8, +4, +2, +1."""
    return _lanes(f32(x), lambda part, lanes: lanes + part)


def lane_sumsq(x):
    return _lanes(f32(x), lambda part, lanes: fma32(part, part, lanes))


def bits32(x):
    return ["%08x" % b for b in np.atleast_1d(f32(x)).reshape(-1).view(np.uint32)]


def bits64(x):
    return ["%016x" % b for b in np.atleast_1d(np.asarray(x, F64)).reshape(-1).view(np.uint64)]


def selftest():
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 1 << 32, (3, 20000), np.uint64).astype(np.uint32)
    raw[:, ::2] = raw[:, ::2] & 0x807fffff | 0x3f000000  # half of them of like size
    a, b, c = (v.view(F32) for v in raw)
    with np.errstate(all="ignore"):
        got = fma32(a, b, c)
    for x, y, z, g in zip(a, b, c, got):
        if np.isfinite([x, y, z, g]).all():
            want = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
            assert round32(want) == g, (x, y, z)
    for bits in (1, 0x7fffff, 0x800000, 0x3f800001, 0x7f7fffff):
        value = np.uint32(bits).view(F32)
        assert round32(Fraction(float(value))) == value
