/*
 * Rows of matmul inputs to bf16, for the two ways of multiplying them (numerics.h).
 *
 * By emulation an element stays a float, and partners 2j and 2j + 1 change places: the
 * instruction takes the odd one first, so that afterwards its chain is the ascending one of
 * the f32 tile, and panels need no unpacking.  For the instruction a pair is 32 bits, the
 * even one low, and moves as if it were one float.
 */
#include <string.h>

#include "infer/cpu/ops.h"

/* Nearest, ties to even; a NaN stays one, denormals become zeros as in the dot product. */
static inline uint32_t round16(const float *x)
{
	uint32_t b, r;

	memcpy(&b, x, 4);
	r = (b + 0x7fff + (b >> 16 & 1)) & 0xffff0000u;
	r = (b & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : r;
	return r & 0x7f800000 ? r : r & 0x80000000u;
}

/* The exponent's carry out of a value that is not finite. */
static inline uint32_t bad(uint32_t b)
{
	return ((b & 0x7f800000) + 0x00800000) & 0x80000000u;
}

static inline void put(float *x, uint32_t b)
{
	memcpy(x, &b, 4);
}

int sn_bf16_swap(float *x, size_t n)
{
	uint32_t any = 0;

	for (size_t i = 0; i < n; i += 2) {
		uint32_t a = round16(x + i), b = i + 1 < n ? round16(x + i + 1) : 0;

		any |= bad(a) | bad(b);
		put(x + i, b);
		put(x + i + 1, a);
	}
	return !any;
}

int sn_bf16_pair(float *x, size_t n)
{
	uint32_t any = 0;

	for (size_t i = 0; i < n; i += 2) {
		uint32_t a = round16(x + i), b = i + 1 < n ? round16(x + i + 1) : 0;

		any |= bad(a) | bad(b);
		put(x + i / 2, a >> 16 | b);
	}
	return !any;
}
