/*
 * bf16-fast's products by VDPBF16PS.  Where a processor's instruction should not be what
 * its manual says, the emulation is used: that is tried, on numbers that show the order of
 * its two steps, their roundings and what becomes of denormals, before it is relied on.
 * tests/unit/kernels_simde.c compiles this file a second time, with it emulated.
 */
#ifndef SN_SIMDE
#include <immintrin.h>
#endif
#include <string.h>

#include "infer/cpu/ops.h"

enum { BF16_MR = 12, BF16_NR = 32 };

#ifndef SN_SIMDE
#define DOT(c, a, b) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#endif

#define BF16_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

static inline __m512i pair_of(const float *a)
{
	int32_t b;

	memcpy(&b, a, 4);
	return _mm512_set1_epi32(b);
}

static void bf16_tile(const float *a, size_t lda, const float *b, size_t k, float *c, size_t ldc,
	int load)
{
	__m512i b0, b1, x;

#define BF16_DECLARE(r) __m512 c##r##0, c##r##1;
#define BF16_LOAD(r) c##r##0 = _mm512_loadu_ps(c + r * ldc); \
	c##r##1 = _mm512_loadu_ps(c + r * ldc + 16);
#define BF16_ZERO(r) c##r##0 = c##r##1 = _mm512_setzero_ps();
#define BF16_STEP(r) x = pair_of(a + r * lda); \
	c##r##0 = DOT(c##r##0, x, b0); c##r##1 = DOT(c##r##1, x, b1);
#define BF16_STORE(r) _mm512_storeu_ps(c + r * ldc, c##r##0); \
	_mm512_storeu_ps(c + r * ldc + 16, c##r##1);
	BF16_ROWS(BF16_DECLARE)
	if (load) {
		BF16_ROWS(BF16_LOAD)
	} else {
		BF16_ROWS(BF16_ZERO)
	}
	for (; k; k--, a++, b += BF16_NR) {
		b0 = _mm512_castps_si512(_mm512_loadu_ps(b));
		b1 = _mm512_castps_si512(_mm512_loadu_ps(b + 16));
		BF16_ROWS(BF16_STEP)
	}
	BF16_ROWS(BF16_STORE)
}

#ifndef SN_SIMDE
const struct sn_product sn_bf16_native = { 2, sn_bf16_pair, bf16_tile };

/* Pseudo-random floats whose exponents are near `middle'. */
static void some(float *p, size_t n, uint64_t *s, unsigned middle)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t b;

		*s = *s * 6364136223846793005u + 1442695040888963407u;
		b = (uint32_t)(*s >> 32);
		b = (b & 0x807fffff) | (middle + (b >> 23) % 8) << 23;
		memcpy(p + i, &b, 4);
	}
}

static int same_as(const struct sn_product *like)
{
	enum { K = 64 };
	/* exponents: about 1; products about the smallest; sums about it; denormal inputs */
	static const unsigned about[][2] = { { 124, 124 }, { 60, 60 }, { 52, 52 }, { 0, 124 } };
	float w[BF16_NR][K], a[2][BF16_MR][K], b[2][K * BF16_NR];
	float c[2][BF16_MR * BF16_NR];
	uint64_t s = 1;

	for (size_t t = 0; t < 4 * sizeof(about) / sizeof(*about); t++) {
		some(a[0][0], BF16_MR * K, &s, about[t / 4][0]);
		some(w[0], BF16_NR * K, &s, about[t / 4][1]);
		memcpy(a[1], a[0], sizeof(a[0]));
		for (size_t i = 0; i < BF16_MR; i++) {
			like->lay(a[0][i], K);
			sn_bf16_pair(a[1][i], K);
		}
		for (size_t j = 0; j < BF16_NR; j++) {
			float other[K];

			memcpy(other, w[j], sizeof(other));
			like->lay(w[j], K);
			sn_bf16_pair(other, K);
			for (size_t k = 0; k < K; k++)
				b[0][k * BF16_NR + j] = w[j][k];
			for (size_t k = 0; k < K / 2; k++)
				memcpy(&b[1][k * BF16_NR + j], &other[k], 4);
		}
		like->tile(a[0][0], K, b[0], K, c[0], BF16_NR, 0);
		bf16_tile(a[1][0], K, b[1], K / 2, c[1], BF16_NR, 0);
		if (memcmp(c[0], c[1], sizeof(c[0])))
			return 0;
	}
	return 1;
}

int sn_bf16_native_usable(const struct sn_product *like)
{
	return __builtin_cpu_supports("avx512bf16") && same_as(like);
}
#endif
