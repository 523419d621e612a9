/*
 * The packed kernels for arm64: a vector is two registers of four floats, and a tile of
 * 6 rows by 16 columns keeps 24 of the 32 registers as chains.
 * tests/t/score-arm.t runs this file in an emulator.
 */
#include <arm_neon.h>
#include <stddef.h>

#define NAME neon
#define USABLE usable
#define VW 8
#define LV 2
#define MR 6
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)

typedef struct { float32x4_t a, b; } V;

#define BOTH(expr_a, expr_b) ((V){ expr_a, expr_b })

static inline V v_set(float x)
{
	return BOTH(vdupq_n_f32(x), vdupq_n_f32(x));
}

static inline V v_zero(void)
{
	return v_set(0);
}

static inline V v_load(const float *p)
{
	return BOTH(vld1q_f32(p), vld1q_f32(p + 4));
}

static inline void v_store(float *p, V v)
{
	vst1q_f32(p, v.a);
	vst1q_f32(p + 4, v.b);
}

#define BINARY(name, op) \
static inline V name(V x, V y) \
{ \
	return BOTH(op(x.a, y.a), op(x.b, y.b)); \
}
/* the processor's own maximum and minimum would make a NaN out of either operand's */
static inline float32x4_t higher(float32x4_t x, float32x4_t y)
{
	return vbslq_f32(vcgtq_f32(x, y), x, y);
}

static inline float32x4_t lower(float32x4_t x, float32x4_t y)
{
	return vbslq_f32(vcltq_f32(x, y), x, y);
}

BINARY(v_add, vaddq_f32)
BINARY(v_sub, vsubq_f32)
BINARY(v_mul, vmulq_f32)
BINARY(v_div, vdivq_f32)
BINARY(v_max, higher)
BINARY(v_min, lower)

static inline V v_fma(V x, V y, V z)
{
	return BOTH(vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b));
}

/* 2^k as a float, |k| at most 127 */
static inline float32x4_t two_to(int32x4_t k)
{
	return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(k, vdupq_n_s32(127)), 23));
}

static inline float32x4_t pow2(float32x4_t p, float32x4_t t)
{
	int32x4_t k = vsubq_s32(vreinterpretq_s32_f32(t),
		vreinterpretq_s32_f32(vdupq_n_f32(0x1.8p+23f)));
	int32x4_t half = vshrq_n_s32(k, 1);

	return vmulq_f32(vmulq_f32(p, two_to(half)), two_to(vsubq_s32(k, half)));
}
BINARY(v_pow2, pow2)

static inline V v_minus_abs(V x)
{
	return BOTH(vnegq_f32(vabsq_f32(x.a)), vnegq_f32(vabsq_f32(x.b)));
}

static inline float32x4_t where_minus(float32x4_t x, float32x4_t y, float32x4_t z)
{
	return vbslq_f32(vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_f32(x), 31)), y, z);
}

static inline V v_where_minus(V x, V y, V z)
{
	return BOTH(where_minus(x.a, y.a, z.a), where_minus(x.b, y.b, z.b));
}

static inline int v_any_gt(V x, V y)
{
	return vmaxvq_u32(vorrq_u32(vcgtq_f32(x.a, y.a), vcgtq_f32(x.b, y.b))) != 0;
}

static inline int v_all_zero(V x)
{
	return vminvq_u32(vandq_u32(vceqzq_f32(x.a), vceqzq_f32(x.b))) != 0;
}

static inline float v_highest(V x)
{
	return vmaxvq_f32(higher(x.a, x.b));
}

static inline float v_fold(const V lanes[LV])
{
	V x = v_add(lanes[0], lanes[1]);
	float32x4_t four = vaddq_f32(x.a, x.b);
	float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));

	return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static inline void transpose4(const float *w, size_t ldw, float *out, size_t ldo)
{
	float32x4x2_t low = vtrnq_f32(vld1q_f32(w), vld1q_f32(w + ldw));
	float32x4x2_t high = vtrnq_f32(vld1q_f32(w + 2 * ldw), vld1q_f32(w + 3 * ldw));

	for (size_t j = 0; j < 2; j++) {
		vst1q_f32(out + j * ldo, vcombine_f32(vget_low_f32(low.val[j]),
			vget_low_f32(high.val[j])));
		vst1q_f32(out + (j + 2) * ldo, vcombine_f32(vget_high_f32(low.val[j]),
			vget_high_f32(high.val[j])));
	}
}

static inline void transpose8(const float *w, size_t ldw, float *out, size_t ldo)
{
	for (size_t i = 0; i < 8; i += 4)
		for (size_t j = 0; j < 8; j += 4)
			transpose4(w + i * ldw + j, ldw, out + j * ldo + i, ldo);
}

static int usable(void)
{
	return 1;
}

#include "infer/cpu/kernels.h"
