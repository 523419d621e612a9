/*
 * f32-exact (and, at the end, bf16-fast), where SCORING section 3 leaves a choice.  Normative, together with that
 * page, elem_table.h and elem.c; ref.c is this page as code, tests/data/vectors pins it.
 * All is binary32 unless said; `a*b + c' without fma is two roundings.
 *
 * Embedding     the token's row, widened.  No scale for Llama.
 * RMSNorm       ss: lane i%16 = fma(x_i, x_i, lane) from +0, lanes combined by +8, +4, +2,
 *               +1; r = 1 / sqrt(ss / n + eps) with n and eps as f32, each operation
 *               rounded; y_i = (x_i * r) * w_i.
 * Rope          inv_freq_i = f32(exp(-(2i / head_dim) * log(theta))), i < head_dim/2, the
 *               quotient, product, exp and log in f64; angle = f32(f64(position) *
 *               f64(inv_freq_i)); cos and sin of the angle in f64, then to f32.  Partners
 *               are i and i + head_dim/2.
 * Score         s = chain over the head dimension from +0, then s * scale with scale =
 *               f32(1 / sqrt(head_dim)), worked out in f64.
 * Softmax       before the first block m is -inf, l and acc are +0.  At the first block c
 *               is 0 by definition and m' is the block's maximum.  A block's lane-sum takes
 *               key j of the block (0..63) into lane j%16, ascending.  acc*c at the first
 *               block is +0.  The sign of a zero maximum does not matter: exp(+0) and exp(-0)
 *               are 1.
 * Output        acc / l, one division each.
 * SwiGLU        (g * sigmoid(g)) * u, sigmoid as in elem.c.
 * Residual      x + chain, one rounding.
 * Log-sum-exp   as the softmax, over tiles of 4,096 logits; id j of a tile goes into lane
 *               j%16.  lse = f32(f64(m) + log(f64(l))), the sum and the log in f64.
 * Top ten       logits compared as numbers, +0 and -0 alike; ties to the lower id.
 *
 * Not finite    Refused are: a weight that is not finite after widening (of the tensors'
 *               rows that are read: of an embedding that is not the head, the tokens' rows);
 *               at any position of a sequence a sum of squares, an r, a scaled score
 *               of an unmasked key, or a logit of a scored position that is not finite.  All
 *               other values that are not finite end in one of these: a chain that met one
 *               never becomes finite again, and each output of a layer has met them all.
 *               The last layer's output is looked at (by the final norm) at all
 *               positions, scored or not.
 *
 * bf16-fast differs in the matmuls (q, k, v, o, gate, up, down, head) and in nothing else:
 * attention's scores and sums, the embedding's rows, norms and residual are f32 as above.
 *
 * Rounding      both inputs of a matmul to bf16: nearest, ties to even, as rounding an f32's
 *               bits to their upper half; then a denormal is a zero of its sign.
 * Product       one chain over pairs j ascending from +0, as VDPBF16PS has it:
 *                   acc = step(a[2j + 1], w[2j + 1], acc)
 *                   acc = step(a[2j], w[2j], acc)
 *               an odd row has a +0 behind it, in both a and w.
 *               The manual (Intel SDM, VDPBF16PS): "FP32 FMA with daz in, ftz out and RNE
 *               rounding. MXCSR neither consulted nor updated"; in its pseudo-code the pair's
 *               element 2*i+1 is added before element 2*i, a rounding each.
 * Step          fma; a result that is tiny becomes a zero of its sign.  Tiny is what is below
 *               2^-126 after rounding to 24 bits with an exponent without end (the manual
 *               leaves this open; it is what x86's fma does in its own ftz mode): from
 *               2^-126 - 2^-151 on it is 2^-126.
 * Not finite    as above; a weight is refused also when its bf16 is not finite.  An input
 *               whose bf16 is infinite makes every output of the matmul not finite.
 */
#ifndef SN_INFER_NUMERICS_H
#define SN_INFER_NUMERICS_H

enum {
	SN_LANES = 16,
	SN_KEY_BLOCK = 64,
	SN_VOCAB_TILE = 4096,
};

#endif
