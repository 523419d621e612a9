/*
 * The packed kernels in plain C: a vector is eight floats in a struct.  Where the
 * compiler's target has a fused multiply-add it is used, elsewhere the C library's
 * exact one is called, which is slow.
 */
#include <stdint.h>
#include <string.h>

#ifndef NAME
#define NAME scalar
#endif
#define USABLE usable
#define VW 8
#define LV 2
#define MR 6
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)

typedef struct { float f[VW]; } V;

#define EACH(i) for (int i = 0; i < VW; i++)

static inline V v_set(float x)
{
	V r;

	EACH(i) r.f[i] = x;
	return r;
}

static inline V v_zero(void)
{
	return v_set(0);
}

static inline V v_load(const float *p)
{
	V r;

	memcpy(r.f, p, sizeof(r.f));
	return r;
}

static inline void v_store(float *p, V v)
{
	memcpy(p, v.f, sizeof(v.f));
}

#define BINARY(name, expr) \
static inline V name(V a, V b) \
{ \
	V r; \
	EACH(i) r.f[i] = expr; \
	return r; \
}
BINARY(v_add, a.f[i] + b.f[i])
BINARY(v_sub, a.f[i] - b.f[i])
BINARY(v_mul, a.f[i] * b.f[i])
BINARY(v_div, a.f[i] / b.f[i])
BINARY(v_max, a.f[i] > b.f[i] ? a.f[i] : b.f[i])
BINARY(v_min, a.f[i] < b.f[i] ? a.f[i] : b.f[i])

static inline V v_fma(V a, V b, V c)
{
	EACH(i) c.f[i] = __builtin_fmaf(a.f[i], b.f[i], c.f[i]);
	return c;
}

static inline uint32_t bits(float x)
{
	uint32_t b;

	memcpy(&b, &x, 4);
	return b;
}

static inline float unbits(uint32_t b)
{
	float x;

	memcpy(&x, &b, 4);
	return x;
}

static inline V v_pow2(V p, V t)
{
	EACH(i) {
		int32_t k = (int32_t)(bits(t.f[i]) - bits(0x1.8p+23f)), half = k >> 1;

		p.f[i] *= unbits((uint32_t)(half + 127) << 23);
		p.f[i] *= unbits((uint32_t)(k - half + 127) << 23);
	}
	return p;
}

static inline V v_minus_abs(V x)
{
	EACH(i) x.f[i] = unbits(bits(x.f[i]) | 0x80000000u);
	return x;
}

static inline V v_where_minus(V x, V a, V b)
{
	EACH(i) x.f[i] = bits(x.f[i]) >> 31 ? a.f[i] : b.f[i];
	return x;
}

static inline int v_any_gt(V a, V b)
{
	int any = 0;

	EACH(i) any |= a.f[i] > b.f[i];
	return any;
}

static inline int v_all_zero(V x)
{
	int zero = 1;

	EACH(i) zero &= x.f[i] == 0;
	return zero;
}

static inline float v_highest(V x)
{
	for (int step = VW / 2; step; step /= 2)
		for (int i = 0; i < step; i++)
			x.f[i] = x.f[i + step] > x.f[i] ? x.f[i + step] : x.f[i];
	return x.f[0];
}

static inline float v_fold(const V lanes[LV])
{
	V x = v_add(lanes[0], lanes[1]);

	for (int step = VW / 2; step; step /= 2)
		for (int i = 0; i < step; i++)
			x.f[i] += x.f[i + step];
	return x.f[0];
}

static inline void transpose8(const float *w, size_t ldw, float *out, size_t ldo)
{
	for (int j = 0; j < 8; j++)
		for (int i = 0; i < 8; i++)
			out[(size_t)j * ldo + i] = w[(size_t)i * ldw + j];
}

static int usable(void)
{
	return 1;
}

#include "infer/cpu/kernels.h"
