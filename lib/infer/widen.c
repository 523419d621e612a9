/*
 * Weights to f32.  f16, bf16 and f32 widen exactly, products of a scale and a quant are
 * exact, Q4_1 rounds once, at its offset.  Loops are kept plain so that compilers
 * turn them into vector code.
 */
#include <string.h>

#include "infer/net.h"

static float float_of(uint32_t b)
{
	float x;

	memcpy(&x, &b, 4);
	return x;
}

static uint32_t bits_of(float x)
{
	uint32_t b;

	memcpy(&b, &x, 4);
	return b;
}

/* Exact, subnormals too: 2^112 moves the exponent from one bias to the other. */
static inline float half(uint32_t h)
{
	uint32_t sign = (h & 0x8000) << 16, mag = (h & 0x7fff) << 13;
	float x = float_of(mag) * 0x1p+112f;

	return float_of(sign | (mag >= 0x0f800000 ? mag | 0x7f800000 : bits_of(x)));
}

static inline uint32_t le16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static void widen_f32(const uint8_t *p, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++, p += 4)
		out[i] = float_of(le16(p) | le16(p + 2) << 16);
}

static void widen_f16(const uint8_t *p, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = half(le16(p + 2 * i));
}

static void widen_bf16(const uint8_t *p, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = float_of(le16(p + 2 * i) << 16);
}

static void widen_q8_0(const uint8_t *p, size_t n, float *out)
{
	for (; n; n -= 32, p += 34, out += 32) {
		float d = half(le16(p));

		for (int i = 0; i < 32; i++)
			out[i] = d * (float)(int8_t)p[2 + i];
	}
}

static void widen_q4_0(const uint8_t *p, size_t n, float *out)
{
	for (; n; n -= 32, p += 18, out += 32) {
		float d = half(le16(p));

		for (int i = 0; i < 16; i++) {
			out[i] = d * (float)((p[2 + i] & 15) - 8);
			out[i + 16] = d * (float)((p[2 + i] >> 4) - 8);
		}
	}
}

static void widen_q4_1(const uint8_t *p, size_t n, float *out)
{
	for (; n; n -= 32, p += 20, out += 32) {
		float d = half(le16(p)), m = half(le16(p + 2));

		for (int i = 0; i < 16; i++) {
			out[i] = d * (float)(p[4 + i] & 15) + m;
			out[i + 16] = d * (float)(p[4 + i] >> 4) + m;
		}
	}
}

static void (*const widen[SN_DTYPES])(const uint8_t *, size_t, float *) = {
	[SN_F32] = widen_f32, [SN_F16] = widen_f16, [SN_BF16] = widen_bf16,
	[SN_Q8_0] = widen_q8_0, [SN_Q4_0] = widen_q4_0, [SN_Q4_1] = widen_q4_1,
};

void sn_widen(const struct sn_tensor *t, uint64_t row, uint64_t k0, size_t n, float *out)
{
	const struct sn_dtype_info *d = &sn_dtypes[t->dtype];
	uint64_t cols = t->shape[t->ndim - 1];

	if (t->pair_heads) {
		uint64_t dim = t->shape[0] / t->pair_heads, i = row % dim;

		row += (i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1) - i;
	}
	widen[t->dtype](t->data + (row * cols + k0) / d->block * d->bytes, n, out);
}
