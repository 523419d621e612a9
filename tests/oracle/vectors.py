#!/usr/bin/env python3
"""Make the test vectors of f32-exact and bf16-fast: SCORING.md section 3 worked out in exact arithmetic.

    vectors.py [-o DIR] [--tiny MODEL] [--records FILE] [--smollm2 GGUF] [NAME...]
    vectors.py --selftest

Written from the page, from what lib/infer/numerics.h and lib/score/metric.h decide where
it leaves a choice, and from the table of coefficients; numpy's correctly rounded
operations and exact.py's fma do the work, no C. Everything is seeded: a second run
writes the same bytes. A NAME is one of the files (elem, rope, ops, bf16, widen, metric, tiny,
results, smollm2); without any, all but smollm2 are made, which wants the GGUF that
scripts/get-model brings and some minutes.

A file is lines of `KEY WORD...`. Lines with # are comments, a line `case NAME` opens
a case, the rest of its lines belong to it. Words are decimal for keys that count or
name things; the hexadecimal bits of a binary32 (8 digits) or binary64 (16 digits) for
numbers; `bytes` is one hexadecimal string.
"""
import argparse
import hashlib
import itertools
import json
import math
import os
import struct
import sys

import numpy as np

import elem
import exact
from exact import F32, F64, bits32, bits64, fma32, lane_sum, lane_sumsq, matmul

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
KEY_BLOCK, TILE, TOPS = 64, 4096, 10


# --- the operations --------------------------------------------------------------------

def rms_norm(x, w, eps):
    """x [m, n], w [n]"""
    ss = lane_sumsq(x)
    r = F32(1) / np.sqrt(ss / F32(x.shape[-1]) + F32(eps))
    return (x * r[..., None]) * w


def swiglu(g, u):
    return (g * elem.sigmoidf(g)) * u


def inv_freq(theta, dim):
    return [F32(elem.exp(-(2 * i / dim) * elem.log(theta))) for i in range(dim // 2)]


def rope_tables(theta, dim, positions):
    """cos, sin [len(positions), dim/2]"""
    freq = inv_freq(theta, dim)
    angle = [[float(F32(float(p) * float(f))) for f in freq] for p in positions]
    return (np.array([[elem.cos(a) for a in row] for row in angle]).astype(F32),
            np.array([[elem.sin(a) for a in row] for row in angle]).astype(F32))


def rope(x, cos, sin):
    """x [..., dim]; cos, sin [..., dim/2]"""
    half = x.shape[-1] // 2
    x1, x2 = x[..., :half], x[..., half:]
    return np.concatenate([fma32(x1, cos, -(x2 * sin)), fma32(x2, cos, x1 * sin)], -1)


def rescale(s, mask, m, l, first):
    """One more block of the online softmax for each row: (p, c, m', l')."""
    top = np.maximum(m, np.where(mask, s, F32(-np.inf)).max(-1))
    c = np.zeros_like(m) if first else elem.expf(m - top)
    p = np.where(mask, elem.expf(s - top[..., None]), F32(0))  # +0 changes no lane
    return p, c, top, fma32(l, c, lane_sum(p))


def attention(q, k, v, scale):
    """One head. q, k, v [n, dim]; query i sees keys 0..i."""
    n, dim = q.shape
    out = np.zeros((n, dim), F32)
    m, l = np.full(n, -np.inf, F32), np.zeros(n, F32)
    for at in range(0, n, KEY_BLOCK):
        kb, vb = k[at:at + KEY_BLOCK], v[at:at + KEY_BLOCK]
        rows = slice(at, n)  # queries before the block see none of it
        mask = np.arange(at, n)[:, None] >= np.arange(at, at + len(kb))[None, :]
        s = matmul(q[rows], kb) * F32(scale)
        p, c, m[rows], l[rows] = rescale(s, mask, m[rows], l[rows], at == 0)
        acc = out[rows] * c[:, None]
        for j in range(len(kb)):
            acc = np.where(mask[:, j, None], fma32(p[:, j, None], vb[j], acc), acc)
        out[rows] = acc
    return out / l[:, None]


def attention_scale(dim):
    return F32(1.0 / math.sqrt(dim))


def finish_lse(m, l):
    return F32(float(m) + elem.log(float(l)))


def log_sum_exp(logits):
    """logits [vocab] -> m, l, lse"""
    m, l = np.full(1, -np.inf, F32), np.zeros(1, F32)
    for at in range(0, len(logits), TILE):
        s = logits[None, at:at + TILE]
        _, _, m, l = rescale(s, np.ones_like(s, bool), m, l, at == 0)
    return m[0], l[0], finish_lse(m[0], l[0])


def top_ten(logits):
    """ids by descending logit, ties to the lower id"""
    return np.argsort(-logits, kind="stable")[:TOPS]


def probability(top, ids, actual):
    """p of the actual token (f32), and H (f64)"""
    e = elem.expf(f32(top) - F32(top[0]))
    total = F32(0)
    for x in e:
        total = total + x
    q = e / total
    h = 0.0
    for x in q.tolist():
        h += x * elem.log(x + 1e-9)
    hit = [x for x, i in zip(q, ids) if i == actual]
    return (hit[0] if hit else F32(1e-9)), -h


def runs(p):
    """S1..S4"""
    p, out = [float(x) for x in p], []
    for k in range(4):
        s = 0.0
        for j in range(k, len(p)):
            run = p[j]
            for back in range(1, k + 1):
                run *= p[j - back]
            s += run
        out.append(s)
    return out


f32 = exact.f32


# --- quantised weights -----------------------------------------------------------------

def _half(raw, at):
    return struct.unpack_from("<e", raw, at)[0]  # exact in f64


def _nibbles(raw):
    return [b & 15 for b in raw] + [b >> 4 for b in raw]


def _q8_0(raw):
    d = _half(raw, 0)
    return [d * q for q in struct.unpack_from("<32b", raw, 2)]


def _q4_0(raw):
    d = _half(raw, 0)
    return [d * (q - 8) for q in _nibbles(raw[2:18])]


def _q4_1(raw):
    d, m = _half(raw, 0), _half(raw, 2)
    return [d * q + m for q in _nibbles(raw[4:20])]


def _fifth_bits(raw, at):
    high = struct.unpack_from("<I", raw, at)[0]
    return [high >> i & 1 for i in range(32)]


def _q5_0(raw):
    d = _half(raw, 0)
    return [d * ((q | h << 4) - 16) for q, h in zip(_nibbles(raw[6:22]), _fifth_bits(raw, 2))]


def _q5_1(raw):
    d, m = _half(raw, 0), _half(raw, 2)
    return [d * (q | h << 4) + m for q, h in zip(_nibbles(raw[8:24]), _fifth_bits(raw, 4))]


# bytes of a block, where its f16 numbers are, and its 32 values: in f64 each is exact
# (16 bits of quant times 11 of scale, added to 11 bits at most 44 places away), so
# that the rounding to f32 is the one that the page allows
QUANTS = {"F16": (2, (0,), lambda raw: [_half(raw, 0)]),
          "BF16": (2, (), lambda raw: struct.unpack("<f", b"\0\0" + raw)),
          "F32": (4, (), lambda raw: struct.unpack("<f", raw)),
          "Q8_0": (34, (0,), _q8_0), "Q4_0": (18, (0,), _q4_0), "Q4_1": (20, (0, 2), _q4_1),
          "Q5_0": (22, (0,), _q5_0), "Q5_1": (24, (0, 2), _q5_1)}


def widen(kind, raw):
    size, _, block = QUANTS[kind]
    return np.array([x for at in range(0, len(raw), size) for x in block(raw[at:at + size])],
                    F64).astype(F32)


# --- a Llama ---------------------------------------------------------------------------

class Llama:
    """Facts and a function that gives a tensor by its Hugging Face name."""

    def __init__(self, config, tensor):
        self.layers = config["num_hidden_layers"]
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.dim = config.get("head_dim") or config["hidden_size"] // self.heads
        self.theta, self.eps = config["rope_theta"], config["rms_norm_eps"]
        self.tensor = tensor

    def _attend(self, x, name, cos, sin):
        n = len(x)

        def project(which, heads):
            return matmul(x, self.tensor(f"{name}.self_attn.{which}_proj.weight")) \
                .reshape(n, heads, self.dim)

        q = rope(project("q", self.heads), cos[:, None], sin[:, None])
        k = rope(project("k", self.kv_heads), cos[:, None], sin[:, None])
        v = project("v", self.kv_heads)
        share = self.heads // self.kv_heads
        out = [attention(q[:, h], k[:, h // share], v[:, h // share], attention_scale(self.dim))
               for h in range(self.heads)]
        return matmul(np.concatenate(out, -1), self.tensor(f"{name}.self_attn.o_proj.weight"))

    def logits(self, ids, first, count):
        """[count, vocab] for positions first.."""
        cos, sin = rope_tables(self.theta, self.dim, range(len(ids)))
        x = self.tensor("model.embed_tokens.weight")[ids]
        for i in range(self.layers):
            name = f"model.layers.{i}"
            y = rms_norm(x, self.tensor(f"{name}.input_layernorm.weight"), self.eps)
            x = x + self._attend(y, name, cos, sin)
            y = rms_norm(x, self.tensor(f"{name}.post_attention_layernorm.weight"), self.eps)
            g = matmul(y, self.tensor(f"{name}.mlp.gate_proj.weight"))
            u = matmul(y, self.tensor(f"{name}.mlp.up_proj.weight"))
            x = x + matmul(swiglu(g, u), self.tensor(f"{name}.mlp.down_proj.weight"))
        y = rms_norm(x[first:first + count], self.tensor("model.norm.weight"), self.eps)
        return matmul(y, self.tensor("lm_head.weight"))


def open_directory(path):
    with open(os.path.join(path, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    with open(os.path.join(path, "model.safetensors"), "rb") as f:
        raw = f.read()
    length, = struct.unpack_from("<Q", raw)
    header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
    tensors = {}
    for name, t in header.items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            tensors[name] = widen(t["dtype"], data[begin:end]).reshape(t["shape"])
    return Llama(config, tensors.__getitem__)


def open_gguf(path):
    from gguf import GGUFReader
    reader = GGUFReader(path)
    get = {k: f.contents() for k, f in reader.fields.items() if k.startswith("llama.")}
    names = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
             "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    by_name = {t.name: t for t in reader.tensors}
    heads = {"attn_q": get["llama.attention.head_count"],
             "attn_k": get["llama.attention.head_count_kv"]}

    def tensor(name):
        if name.startswith("model.layers."):
            layer, what = name[len("model.layers."):-len(".weight")].split(".", 1)
            own = f"blk.{layer}.{names[what]}.weight"
        else:
            own = {"model.embed_tokens.weight": "token_embd.weight",
                   "model.norm.weight": "output_norm.weight",
                   "lm_head.weight": "output.weight"}[name]
            if own not in by_name:
                own = "token_embd.weight"
        t = by_name[own]
        w = widen(t.tensor_type.name, t.data.tobytes()).reshape([int(n) for n in t.shape[::-1]])
        for part, n in heads.items():
            if f".{part}." in own:  # rope's partners lie side by side: put them apart
                w = w.reshape(n, -1, 2, w.shape[-1]).swapaxes(1, 2).reshape(w.shape)
        return w

    return Llama({"num_hidden_layers": get["llama.block_count"],
                  "num_attention_heads": heads["attn_q"], "num_key_value_heads": heads["attn_k"],
                  "hidden_size": get["llama.embedding_length"],
                  "rope_theta": get["llama.rope.freq_base"],
                  "rms_norm_eps": get["llama.attention.layer_norm_rms_epsilon"]}, tensor)


# --- the files -------------------------------------------------------------------------

class File:
    def __init__(self, folder, name, about, kind="f32-exact"):
        self.path, self.lines = os.path.join(folder, name + ".txt"), []
        self.lines += [f"# {kind} test vectors, made by tests/oracle/vectors.py"]
        self.lines += ["# " + line for line in about.strip().split("\n")]

    def case(self, name):
        self.lines += ["", f"case {name}"]

    def put(self, key, words):
        self.lines.append(f"{key} " + " ".join(map(str, np.atleast_1d(words).tolist())))

    def f32(self, key, x):
        self.put(key, bits32(x))

    def f64(self, key, x):
        self.put(key, bits64(x))

    def close(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w", encoding="ascii") as f:
            f.write("\n".join(self.lines) + "\n")
        print(f"{self.path}: {os.path.getsize(self.path)} bytes", file=sys.stderr)


def make_elem(folder, _):
    out = File(folder, "elem", "Elementary functions: x in, y out; binary32 for expf and\n"
               "sigmoidf, binary64 for exp, log, sin and cos.")
    rng = np.random.default_rng(10)
    wide = np.concatenate([[0.0, -0.0, 1, -1, 88.7, -87.4, -103.9, -150, 100, 1e-30, -1e-42],
                           rng.uniform(-104, 89, 40), rng.normal(0, 1, 40)]).astype(F32)
    for name, function in (("expf", elem.expf), ("sigmoidf", elem.sigmoidf)):
        out.case(name)
        out.f32("x", wide)
        out.f32("y", function(wide))
    log_x = [1.0, 2.0, 0.5, 5e-324, 1e-310, 1.7e308, 1e-9, 500000.0, 10000.0, math.sqrt(2),
             *np.exp(rng.uniform(-40, 40, 25)).tolist(), *rng.uniform(0.6, 1.6, 25).tolist()]
    exp_x = [0.0, 1.0, -1.0, 709.7, -708.5, -745.1, -750.0, 1e-20, *rng.uniform(-50, 50, 30)]
    angles = [0.0, 1.0, -1.0, *np.exp(rng.uniform(-12, 14, 60)).astype(F32).tolist()]
    for name, function, xs in (("exp", elem.exp, exp_x), ("log", elem.log, log_x),
                               ("sin", elem.sin, angles), ("cos", elem.cos, angles)):
        out.case(name)
        out.f64("x", xs)
        out.f64("y", [function(float(x)) for x in xs])
    out.case("log")  # many next to 1, where the last bits of a coefficient show
    xs = rng.uniform(0.71, 1.41, 400).tolist()
    out.f64("x", xs)
    out.f64("y", [elem.log(x) for x in xs])
    out.close()


def make_rope(folder, _):
    out = File(folder, "rope", "Tables: inv_freq[dim/2], and cos, sin [dim/2] at each position, one\n"
               "after another. Then y = x turned by the table of a position.")
    rng = np.random.default_rng(11)
    positions = [0, 1, 2, 63, 64, 511, 2047, 8191, 131071]
    for theta, dim in ((10000.0, 32), (100000.0, 64), (500000.0, 128), (1000000.0, 80)):
        cos, sin = rope_tables(theta, dim, positions)
        x = rng.normal(0, 2, dim).astype(F32)
        out.case(f"theta_{theta:.0f}_dim_{dim}")
        out.f64("theta", theta)
        out.put("dim", dim)
        out.f32("inv_freq", inv_freq(theta, dim))
        out.put("positions", positions)
        out.f32("cos", cos)
        out.f32("sin", sin)
        out.put("turned_by", positions[5])
        out.f32("x", x)
        out.f32("y", rope(x, cos[5], sin[5]))
    out.close()


def _rows(rng, shape, spread):
    """Numbers of very different size, so that order of operations shows."""
    return (rng.normal(0, 1, shape) * np.exp2(rng.uniform(-spread, spread, shape))).astype(F32)


def make_ops(folder, _):
    out = File(folder, "ops", """
matmul    x [m, k], w [n, k], y [m, n]
sum       x [n]: sum, sumsq (16 lanes)
rmsnorm   x [n], w [n], eps: y [n]
swiglu    g, u: y
attention q, k, v [n, dim], one head, causal: y [n, dim], scale
lse       logits [n]: m, l, lse; top (ids of the ten highest; fewer when n < 10)""")
    rng = np.random.default_rng(12)
    for m, n, k, spread in ((1, 1, 1, 1), (2, 3, 17, 8), (3, 5, 64, 3), (1, 4, 340, 6),
                            (1, 2, 40, 60)):
        x, w = _rows(rng, (m, k), spread), _rows(rng, (n, k), spread)
        out.case("matmul")
        out.put("m", m), out.put("n", n), out.put("k", k)
        out.f32("x", x), out.f32("w", w), out.f32("y", matmul(x, w))
    for n in (1, 2, 15, 16, 17, 33, 100, 340):
        x = _rows(rng, n, 10)
        out.case("sum")
        out.put("n", n), out.f32("x", x)
        out.f32("sum", lane_sum(x)), out.f32("sumsq", lane_sumsq(x))
    for n, eps in ((5, 1e-5), (128, 1e-5), (100, 1e-6)):
        x, w = _rows(rng, n, 3), _rows(rng, n, 1)
        out.case("rmsnorm")
        out.put("n", n), out.f32("eps", eps), out.f32("x", x), out.f32("w", w)
        out.f32("y", rms_norm(x[None], w, eps)[0])
    g, u = _rows(rng, 50, 5), _rows(rng, 50, 3)
    out.case("swiglu")
    out.put("n", 50), out.f32("g", g), out.f32("u", u), out.f32("y", swiglu(g, u))
    for n, dim in ((1, 8), (5, 8), (67, 8), (130, 6)):
        q, k, v = (_rows(rng, (n, dim), 1.5) for _ in range(3))
        out.case("attention")
        out.put("n", n), out.put("dim", dim), out.f32("scale", attention_scale(dim))
        out.f32("q", q), out.f32("k", k), out.f32("v", v)
        out.f32("y", attention(q, k, v, attention_scale(dim)))
    flat = np.zeros(12, F32)
    flat[[3, 7]] = 1
    signed = np.where(np.arange(20) % 2, F32(0.0), F32(-0.0))
    for logits in (np.zeros(1, F32), flat, signed, _rows(rng, 300, 2),
                   (rng.integers(-40, 40, 4097) / 4).astype(F32),
                   np.concatenate([_rows(rng, 4096, 1), _rows(rng, 20, 1) + F32(30)])):
        m, l, lse = log_sum_exp(logits)
        out.case("lse")
        out.put("n", len(logits)), out.f32("logits", logits)
        out.f32("m", m), out.f32("l", l), out.f32("lse", lse)
        out.put("top", top_ten(logits))
    for n in (3, 7, 49, 96, 341, 576):
        while True:  # so that a mean by way of 1/n is another one, and shows
            x, w = _rows(rng, n, 1), _rows(rng, n, 1)
            ss, n32 = lane_sumsq(x[None]), F32(n)
            other = F32(1) / np.sqrt(ss * (F32(1) / n32) + F32(1e-5))
            if other != F32(1) / np.sqrt(ss / n32 + F32(1e-5)):
                break
        out.case("rmsnorm")
        out.put("n", n), out.f32("eps", 1e-5), out.f32("x", x), out.f32("w", w)
        out.f32("y", rms_norm(x[None], w, 1e-5)[0])
    first = _rows(rng, TILE, 1)
    logits = np.concatenate([first, _rows(rng, 30, 0)])
    while True:  # the second tile's maximum is the higher one, and l is fused
        logits[-1] = first.max() + F32(rng.uniform(0.1, 1))
        m, l, lse = log_sum_exp(logits)
        c = elem.expf(f32([first.max() - m]))
        rest = lane_sum(elem.expf(logits[None, TILE:] - m))
        if l != log_sum_exp(first)[1] * c[0] + rest[0]:
            break
    out.case("lse")
    out.put("n", len(logits)), out.f32("logits", logits)
    out.f32("m", m), out.f32("l", l), out.f32("lse", lse)
    out.put("top", top_ten(logits))
    out.close()


def make_bf16(folder, _):
    out = File(folder, "bf16", """bf16-fast, in fractions:
bf16      x [m, k], w [n, k] in f32, y [m, n]: both rounded to bf16, then VDPBF16PS""", "bf16-fast")
    rng = np.random.default_rng(17)
    top = 2.0 ** 127 * (2 - 2.0 ** -7)  # the largest bf16
    tie = [1 + 2.0 ** -8, 1 + 3 * 2.0 ** -8, -1 - 2.0 ** -8, 1 + 2.0 ** -8 + 2.0 ** -23]
    edge = 2.0 ** -126 - np.array([2.0 ** -149, 2.0 ** -134, 2.0 ** -134 + 2.0 ** -149, 0])
    small, half = 2.0 ** -63, 2.0 ** -75
    cases = [(_rows(rng, (m, k), spread), _rows(rng, (n, k), spread) * F32(by))
             for m, n, k, spread, by in ((2, 3, 18, 3, 1), (3, 2, 17, 8, 1), (1, 1, 1, 1, 1),
                                         (4, 5, 40, 3, 2.0 ** -123), (3, 3, 33, 12, 2.0 ** -126),
                                         (2, 2, 12, 50, 1))]
    cases += [([tie], np.eye(4)), (np.eye(4), [tie]),
              # denormals in: as zeros, unless rounding lifts them
              (edge[:, None], [[1.0], [-1.0], [2.0 ** 60]]),
              # 2^-126 less a little (the odd element is first): kept from 2^-151 on downwards
              ([[half, small]], [[-half * s, small] for s in (0.5, 1, 1.0078125, 1.5, 2, 3)]),
              ([[-half, -small]], [[-half * s, small] for s in (0.5, 1, 1.0078125, 1.5, 2, 3)]),
              # which of a pair is first: the small one is lost only behind the large one
              ([[1.0, 2.0 ** -24], [2.0 ** -24, 1.0]], [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]]),
              # zeros of both signs, and what cancels
              ([[0.0, -0.0], [-0.0, -0.0], [1.0, 1.0]],
               [[1.0, 1.0], [-1.0, 1.0], [0.0, -0.0], [-1e-40, 1.0]]),
              ([[-1.0], [-0.0]], [[0.0], [1.0], [-1.0]]),
              # the largest, and one step over it at the end
              ([[1.0, top], [top, top]], [[1.0, 1.0], [top, 1.0], [1.0, -1.0]])]
    for x, w in cases:
        x, w = f32(x), f32(w)
        out.case("bf16")
        out.put("m", len(x)), out.put("n", len(w)), out.put("k", x.shape[1])
        out.f32("x", x), out.f32("w", w), out.f32("y", exact.matmul_bf16(x, w))
    out.close()


def make_widen(folder, _):
    out = File(folder, "widen", "Weights: bytes of a row in the file's type, y [n] widened.")
    rng, edges = np.random.default_rng(13), np.random.default_rng(16)
    for kind, (size, halves, block) in QUANTS.items():
        raw = b""
        for i in range(4 if size > 4 else 40):
            part = bytearray(rng.bytes(size))
            for at in halves:  # finite, of every size, a few denormal, both signs
                bits = rng.integers(0, 0x7c00) if i % 2 else rng.integers(0x1000, 0x3000)
                struct.pack_into("<H", part, at, int(bits) | int(rng.integers(0, 2)) << 15)
            if not np.isfinite(block(bytes(part))).all():
                part[-2:] = b"\x80\x3f"
            raw += part
        for bits in (1, 0x8001, 0x3ff, 0x83ff, 0x400, 0x7bff):  # denormals, least, largest
            part = bytearray(edges.bytes(size))
            for at in halves:
                struct.pack_into("<H", part, at, bits)
            if halves:
                raw += part
        out.case(kind)
        out.put("bytes", raw.hex())
        out.put("n", len(widen(kind, raw)))
        out.f32("y", widen(kind, raw))
    out.close()


def make_metric(folder, _):
    out = File(folder, "metric", """
nll    lse, logit: nll
top    top [10] logits, ids [10], actual id: p (binary32), entropy (binary64)
runs   p [n] (binary32): sums S1..S4 (binary64)""")
    rng = np.random.default_rng(14)
    out.case("nll")
    lse, logit = _rows(rng, 20, 4), _rows(rng, 20, 4)
    out.f32("lse", lse), out.f32("logit", logit), out.f32("nll", lse - logit)
    for spread, where in itertools.product((0, 1, 4, 40), (0, 3, 9, None)):
        top = -np.sort(-rng.normal(0, 1, TOPS) * spread).astype(F32)
        ids = rng.permutation(1000)[:TOPS]
        actual = 1001 if where is None else int(ids[where])
        p, h = probability(top, ids, actual)
        out.case("top")
        out.f32("top", top), out.put("ids", ids), out.put("actual", actual)
        out.f32("p", p), out.f64("entropy", h)
    for n in (1, 2, 3, 4, 5, 40):
        p = rng.uniform(0, 1, n).astype(F32)
        p[rng.uniform(0, 1, n) < 0.2] = F32(1e-9)
        out.case("runs")
        out.put("n", n), out.f32("p", p), out.f64("sums", runs(p))
    out.close()


def put_positions(out, net, ids, first, targets):
    logits = net.logits(ids, first, len(targets))
    out.put("tokens", ids), out.put("first", first), out.put("targets", targets)
    for row, target in zip(logits, targets):
        top = top_ten(row)
        p, h = probability(row[top], top.tolist(), target)
        lse = log_sum_exp(row)[2]
        out.f32("logit", row[target]), out.f32("lse", lse), out.f32("nll", lse - row[target])
        out.put("top_id", top), out.f32("top", row[top])
        out.f32("p", p), out.f64("entropy", h)


ABOUT_NET = """
The whole forward pass on %s:
tokens; positions first, first + 1, ... are scored against targets; then for each of
them logit (of the target), lse, nll, top_id, top (the logits), p and entropy."""


def make_tiny(folder, args):
    out = File(folder, "tiny", ABOUT_NET % "tests/data/tiny")
    net = open_directory(args.tiny)
    rng = np.random.default_rng(15)
    for n, first, count in ((1, 0, 1), (3, 1, 2), (65, 62, 3), (200, 196, 4)):
        ids = [0] + rng.integers(4, 1800, n - 1).tolist()
        out.case(f"tokens_{n}")
        put_positions(out, net, ids, first, rng.integers(0, 1800, count).tolist())
    out.close()


def make_smollm2(folder, args):
    out = File(folder, "smollm2",
               ABOUT_NET % "SmolLM2-135M-Instruct.Q4_1.gguf (scripts/get-model smollm2)")
    if not args.smollm2:
        sys.exit("vectors.py: smollm2 needs --smollm2 GGUF")
    net = open_gguf(args.smollm2)
    out.case("hello")
    put_positions(out, net, [1, 4093, 198, 19556, 28, 638, 359, 346, 47], 6, [346, 47, 2])
    out.close()


def make_results(folder, args):
    """Records to raw sums and result.digest, tokenised by the tokenizers library."""
    import score
    from models import Model
    out = File(folder, "results", """
Scores of the first records of tests/data/demo.jsonl on tests/data/tiny, to the last bit.
A case is a profile with the model's own template (ppl) or chatml (dippy-2025-01): for each
record its digest, how many positions, and the raw sums in the order of result.digest.""")
    net, model = open_directory(args.tiny), Model(args.tiny)
    with open(args.records, "rb") as f:
        raws = f.read().split(b"\n")[:args.count]
    own, chatml = score.own_template(model.template), score.named_template(score.CHATML)
    for profile in (score.PPL, score.DIPPY):
        out.case(profile)
        whole = hashlib.sha256(b"sn-result-1\n%s\nf32-exact\n" % profile.encode())
        for raw in raws:
            digest, record = hashlib.sha256(raw), json.loads(raw)
            if profile == score.PPL:
                (context, target, _), = score.ppl_requests(record, model, own, False)
                logits = net.logits(context + target[:-1], len(context) - 1, len(target))
                nll = 0.0
                for row, t in zip(logits, target):
                    nll += float(log_sum_exp(row)[2] - row[t])
                sums, n = [nll], len(target)
            else:
                context, target = score.dippy_request(record, model, chatml)
                actual = (target + [model.pad_id])[1:200]
                logits = net.logits(context + target, len(context), len(actual))
                p, entropy = [], 0.0
                for row, t in zip(logits, actual):
                    top = top_ten(row)
                    one, h = probability(row[top], top.tolist(), t)
                    p.append(one)
                    entropy += h
                sums, n = runs(p) + [entropy], len(actual)
            whole.update(digest.digest() + b"\0" + struct.pack(f"<Q{len(sums)}d", n, *sums))
            out.put("digest", digest.hexdigest()), out.put("n", n), out.f64("sums", sums)
        out.put("result", whole.hexdigest())
    out.close()


def selftest():
    exact.selftest()
    elem.selftest()
    import torch
    from gguf import GGMLQuantizationType, quants
    rng = np.random.default_rng(16)
    for kind, (size, halves, _) in QUANTS.items():
        raw = bytearray(rng.bytes(size * 64))
        for i in range(64):
            for at in halves:
                struct.pack_into("<e", raw, i * size + at, rng.normal())
        if kind.startswith("Q"):
            want = quants.dequantize(np.frombuffer(bytes(raw), np.uint8),
                                     GGMLQuantizationType[kind]).reshape(-1)
            assert (widen(kind, bytes(raw)) == want).all(), kind
    q, k, v = (rng.normal(0, 1, (150, 32)).astype(F32) for _ in range(3))
    got = attention(q, k, v, attention_scale(32))
    want = torch.nn.functional.scaled_dot_product_attention(
        *(torch.tensor(x, dtype=torch.float64)[None] for x in (q, k, v)), is_causal=True)[0]
    assert np.abs(got - want.numpy()).max() < 1e-5
    x = rng.normal(0, 3, 5000).astype(F32)
    assert abs(log_sum_exp(x)[2] - torch.tensor(x).double().logsumexp(0).item()) < 1e-5
    print("ok")


def main():
    makers = {name[5:]: f for name, f in globals().items() if name.startswith("make_")}
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("-o", "--output", default=os.path.join(TOP, "tests/data/vectors"))
    ap.add_argument("--tiny", default=os.path.join(TOP, "tests/data/tiny"))
    ap.add_argument("--records", default=os.path.join(TOP, "tests/data/demo.jsonl"))
    ap.add_argument("--count", type=int, default=3, help="records in results")
    ap.add_argument("--smollm2", metavar="GGUF")
    ap.add_argument("--selftest", action="store_true")
    args = ap.parse_args()
    if args.selftest:
        return selftest()
    for name in args.names:
        if name not in makers:
            ap.error(f"no such file: {name} (there are {', '.join(makers)})")
    for name in args.names or [n for n in makers if n != "smollm2"]:
        makers[name](args.output, args)
    return None


if __name__ == "__main__":
    main()
