/* The packed kernels for AVX2 and FMA: 6 rows by 16 columns keep 12 chains going. */
#include <immintrin.h>
#include <stddef.h>

#include "infer/cpu/x86.h"

#define NAME avx2
#define USABLE usable
#define V __m256
#define VW 8
#define LV 2
#define MR 6
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)

#define v_zero() _mm256_setzero_ps()
#define v_set(x) _mm256_set1_ps(x)
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, v) _mm256_storeu_ps(p, v)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_min(a, b) _mm256_min_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_minus_abs(x) _mm256_or_ps(x, _mm256_set1_ps(-0.0f))
#define v_where_minus(x, a, b) _mm256_blendv_ps(b, a, x)
#define v_any_gt(a, b) _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ))

static inline V v_pow2(V p, V t)
{
	__m256i bias = _mm256_set1_epi32(127), k, half;

	k = _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_castps_si256(v_set(0x1.8p+23f)));
	half = _mm256_srai_epi32(k, 1);
	k = _mm256_sub_epi32(k, half);
	half = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
	k = _mm256_slli_epi32(_mm256_add_epi32(k, bias), 23);
	return v_mul(v_mul(p, _mm256_castsi256_ps(half)), _mm256_castsi256_ps(k));
}

static inline int v_all_zero(V x)
{
	return !_mm256_movemask_ps(_mm256_cmp_ps(x, v_zero(), _CMP_NEQ_UQ));
}

static inline float v_highest(V x)
{
	return highest4(_mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)));
}

static inline float v_fold(const V lanes[LV])
{
	return fold8(v_add(lanes[0], lanes[1]));
}

static int usable(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#include "infer/cpu/kernels.h"
