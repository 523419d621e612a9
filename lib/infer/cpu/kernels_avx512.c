/*
 * The packed kernels for AVX-512: 12 rows by 32 columns, 24 chains.
 * tests/unit/avx512_simde.c compiles this file a second time, with the instructions
 * emulated.
 */
#ifndef SN_SIMDE
#include <immintrin.h>
#endif
#include <stddef.h>

#include "infer/cpu/x86.h"

#ifndef NAME
#define NAME avx512
#endif
#define USABLE usable
#define V __m512
#define VW 16
#define LV 1
#define MR 12
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

#define v_zero() _mm512_setzero_ps()
#define v_set(x) _mm512_set1_ps(x)
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, v) _mm512_storeu_ps(p, v)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_div(a, b) _mm512_div_ps(a, b)
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_min(a, b) _mm512_min_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_any_gt(a, b) (_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0)

static inline V v_minus_abs(V x)
{
	return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(x),
		_mm512_set1_epi32((int)0x80000000u)));
}

static inline V v_where_minus(V x, V a, V b)
{
	return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), b, a);
}

static inline V v_pow2(V p, V t)
{
	__m512i k, half;

	k = _mm512_sub_epi32(_mm512_castps_si512(t), _mm512_castps_si512(v_set(0x1.8p+23f)));
	/* k >> 1 by a shift of unsigned numbers, |k| < 256 */
	half = _mm512_sub_epi32(_mm512_srli_epi32(_mm512_add_epi32(k, _mm512_set1_epi32(256)), 1),
		_mm512_set1_epi32(128));
	k = _mm512_sub_epi32(k, half);
	half = _mm512_slli_epi32(_mm512_add_epi32(half, _mm512_set1_epi32(127)), 23);
	k = _mm512_slli_epi32(_mm512_add_epi32(k, _mm512_set1_epi32(127)), 23);
	return v_mul(v_mul(p, _mm512_castsi512_ps(half)), _mm512_castsi512_ps(k));
}

static inline __m256 upper(V x)
{
	return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1));
}

static inline int v_all_zero(V x)
{
	return _mm512_cmp_ps_mask(x, v_zero(), _CMP_NEQ_UQ) == 0;
}

static inline float v_highest(V x)
{
	__m256 h = _mm256_max_ps(_mm512_castps512_ps256(x), upper(x));

	return highest4(_mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1)));
}

static inline float v_fold(const V lanes[LV])
{
	return fold8(_mm256_add_ps(_mm512_castps512_ps256(lanes[0]), upper(lanes[0])));
}

static int usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("fma");
}

#include "infer/cpu/kernels.h"
