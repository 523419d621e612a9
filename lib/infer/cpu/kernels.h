/*
 * The kernels over a small vector type, included once by each instruction set's file,
 * which defines before it
 *
 *   V, VW                a vector of VW floats, 8 or 16
 *   MR, ROWS(X)          rows of a tile, and X(0) X(1) ... for each of them
 *   NAME, USABLE         the table's name, the function that asks the processor
 *   v_zero() v_set(f) v_load(p) v_store(p, v)
 *   v_add v_sub v_mul v_div v_fma(a, b, c)
 *   v_max(a, b)          a > b ? a : b in each lane, so that a NaN in b stays; v_min alike
 *   v_pow2(p, t)         p times 2^k in two factors as sn_expf does, k in the low bits of t
 *   v_minus_abs(x)       the sign bit set
 *   v_where_minus(x, a, b)  a where the sign bit of x is set, else b
 *   v_any_gt(a, b)       whether a > b in any lane
 *   v_all_zero(x)        whether all are +0 or -0; a NaN is not
 *   v_highest(x)         the highest lane
 *   v_fold(lanes)        lanes of LV vectors added up by +8, +4, +2, +1
 *   transpose8(w, ldw, out, ldo)  out[j][i] = w[i][j], 8 by 8
 *
 * Lanes of the page's 16-lane sums are LV = 16 / VW vectors.  Checks for what is not
 * finite gather x * 0, which is a zero for finite x and a NaN for others.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "infer/cpu/ops.h"
#include "infer/elem.h"
#include "infer/elem_table.h"
#include "infer/numerics.h"

enum { NR = 2 * VW };

static inline V v_exp(V x)
{
	V t, n, r, q, p;

	x = v_max(v_set(SN_EXPF_LO), x);
	x = v_min(v_set(SN_EXPF_HI), x);
	t = v_fma(x, v_set(SN_EXPF_LOG2E), v_set(SN_EXPF_MAGIC));
	n = v_sub(t, v_set(SN_EXPF_MAGIC));
	r = v_fma(n, v_set(-SN_EXPF_LN2HI), x);
	r = v_fma(n, v_set(-SN_EXPF_LN2LO), r);
	q = v_fma(r, v_set(SN_EXPF_C6), v_set(SN_EXPF_C5));
	q = v_fma(r, q, v_set(SN_EXPF_C4));
	q = v_fma(r, q, v_set(SN_EXPF_C3));
	q = v_fma(r, q, v_set(0.5f));
	p = v_fma(v_mul(r, r), q, r);
	return v_pow2(v_add(v_set(1.0f), p), t);
}

static inline V v_sigmoid(V x)
{
	V e = v_exp(v_minus_abs(x));

	return v_div(v_where_minus(x, e, v_set(1.0f)), v_add(v_set(1.0f), e));
}

/* kept apart, so that none of its arithmetic is moved past a change of modes */
__attribute__((noinline))
static void tile(const float *a, size_t lda, const float *b, size_t k, float *c, size_t ldc,
	int load)
{
	V b0, b1, x;

#define DECLARE(r) V c##r##0, c##r##1;
#define LOAD(r) c##r##0 = v_load(c + r * ldc); c##r##1 = v_load(c + r * ldc + VW);
#define ZERO(r) c##r##0 = c##r##1 = v_zero();
#define STEP(r) x = v_set(a[r * lda]); c##r##0 = v_fma(x, b0, c##r##0); c##r##1 = v_fma(x, b1, c##r##1);
#define STORE(r) v_store(c + r * ldc, c##r##0); v_store(c + r * ldc + VW, c##r##1);
	ROWS(DECLARE)
	if (load) {
		ROWS(LOAD)
	} else {
		ROWS(ZERO)
	}
	for (; k; k--, a++, b += NR) {
		b0 = v_load(b);
		b1 = v_load(b + VW);
		ROWS(STEP)
	}
	ROWS(STORE)
}

/*
 * A step of bf16-fast's chain (numerics.h) is fma with denormals flushed, those of its result
 * as x86 does in that mode: what rounds to FLT_MIN when exponents have no end is kept.
 * Here partners are swapped (bf16.c) so that the chain is in order.
 */
#ifdef FLUSH_ON
static void tile_bf16(const float *a, size_t lda, const float *b, size_t k, float *c, size_t ldc,
	int load)
{
	unsigned modes = FLUSH_ON();

	tile(a, lda, b, k, c, ldc, load);
	FLUSH_OFF(modes);
}
#else
static inline float flush(float x)
{
	return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

/* fmaf rounds a little more to FLT_MIN, since denormals are twice as far apart below it as
 * floats would be.  There all is a small multiple of 2^-151 but the product, and that is
 * exact in f64 as it is. */
static inline float flushed_fma(float a, float b, float c)
{
	float r = __builtin_fmaf(a, b, c), sign;

	if (!(fabsf(r) <= FLT_MIN))
		return r;
	sign = copysignf(1, r);
	if (fabsf(r) == FLT_MIN && (double)a * b * sign >= 0x1p-126 - 0x1p-151 - (double)c * sign)
		return r;
	return sign * 0;
}

static void tile_bf16(const float *a, size_t lda, const float *b, size_t k, float *c, size_t ldc,
	int load)
{
	for (size_t i = 0; i < MR; i++, a += lda, c += ldc)
		for (size_t j = 0; j < NR; j++) {
			float acc = load ? flush(c[j]) : 0;

			for (size_t l = 0; l < k; l++)
				acc = flushed_fma(a[l], b[l * NR + j], acc);
			c[j] = acc;
		}
}
#endif

static void row(const float *a, const float *b, size_t k, float *c, int load)
{
	V c0 = load ? v_load(c) : v_zero(), c1 = load ? v_load(c + VW) : v_zero();

	for (; k; k--, a++, b += NR) {
		V x = v_set(*a);

		c0 = v_fma(x, v_load(b), c0);
		c1 = v_fma(x, v_load(b + VW), c1);
	}
	v_store(c, c0);
	v_store(c + VW, c1);
}

static int pack(const float *w, size_t ldw, size_t k, float *panel)
{
	V check = v_zero();
	size_t k8 = k & ~(size_t)7;

	for (size_t j = 0; j < k8; j += 8)
		for (size_t i = 0; i < NR; i += 8)
			transpose8(w + i * ldw + j, ldw, panel + j * NR + i, NR);
	for (size_t j = k8; j < k; j++)
		for (size_t i = 0; i < NR; i++)
			panel[j * NR + i] = w[i * ldw + j];
	for (size_t i = 0; i < k * NR; i += VW)
		check = v_fma(v_load(panel + i), v_zero(), check);
	return v_all_zero(check);
}

static int norm(const float *x, const float *w, size_t n, float eps, float *y)
{
	V lanes[LV];
	float ss, r;

	for (int v = 0; v < LV; v++)
		lanes[v] = v_zero();
	for (size_t i = 0; i < n; i += SN_LANES)
		for (int v = 0; v < LV; v++) {
			V a = v_load(x + i + v * VW);

			lanes[v] = v_fma(a, a, lanes[v]);
		}
	ss = v_fold(lanes);
	r = 1.0f / sqrtf(ss / (float)n + eps);
	for (size_t i = 0; i < n; i += VW)
		v_store(y + i, v_mul(v_mul(v_load(x + i), v_set(r)), v_load(w + i)));
	return isfinite(ss) && isfinite(r);
}

static void put(const float *t, float *dst, size_t ldd)
{
	for (size_t i = 0; i < MR; i++, t += NR, dst += ldd) {
		v_store(dst, v_load(t));
		v_store(dst + VW, v_load(t + VW));
	}
}

static void add(const float *t, float *dst, size_t ldd)
{
	for (size_t i = 0; i < MR; i++, t += NR, dst += ldd) {
		v_store(dst, v_add(v_load(dst), v_load(t)));
		v_store(dst + VW, v_add(v_load(dst + VW), v_load(t + VW)));
	}
}

static void swiglu(float *dst, const float *g, const float *u, size_t n)
{
	for (size_t i = 0; i < n; i += VW) {
		V x = v_load(g + i);

		v_store(dst + i, v_mul(v_mul(x, v_sigmoid(x)), v_load(u + i)));
	}
}

static void rope(float *x, const float *cos, const float *sin, size_t half)
{
	float *z = x + half;
	size_t i = 0;

	for (; i + VW <= half; i += VW) {
		V x1 = v_load(x + i), x2 = v_load(z + i), c = v_load(cos + i), s = v_load(sin + i);

		/* times -1 is a change of sign, of zeros too */
		v_store(x + i, v_fma(x1, c, v_mul(v_mul(x2, s), v_set(-1.0f))));
		v_store(z + i, v_fma(x2, c, v_mul(x1, s)));
	}
	for (; i < half; i++) {
		float x1 = x[i], x2 = z[i];

		x[i] = __builtin_fmaf(x1, cos[i], -(x2 * sin[i]));
		z[i] = __builtin_fmaf(x2, cos[i], x1 * sin[i]);
	}
}

static int softmax(float *s, unsigned n, float scale_by, float *m, float *l, float *c)
{
	V top, check = v_zero(), by = v_set(scale_by), lanes[LV];
	int first = *m == -INFINITY;
	float high;

	/* what is masked repeats a score that is not: no effect on maximum and check */
	for (unsigned j = n; j < SN_KEY_BLOCK; j++)
		s[j] = s[0];
	top = v_set(*m);
	for (unsigned j = 0; j < SN_KEY_BLOCK; j += VW) {
		V x = v_mul(v_load(s + j), by);

		v_store(s + j, x);
		check = v_fma(x, v_zero(), check);
		top = v_max(x, top);
	}
	if (!v_all_zero(check))
		return 0;
	high = v_highest(top);
	top = v_set(high);
	for (unsigned j = 0; j < SN_KEY_BLOCK; j += VW)
		v_store(s + j, v_exp(v_sub(v_load(s + j), top)));
	for (unsigned j = n; j < SN_KEY_BLOCK; j++)
		s[j] = 0;
	for (int v = 0; v < LV; v++)
		lanes[v] = v_load(s + v * VW);
	for (unsigned j = SN_LANES; j < SN_KEY_BLOCK; j += SN_LANES)
		for (int v = 0; v < LV; v++)
			lanes[v] = v_add(lanes[v], v_load(s + j + v * VW));
	*c = first ? 0 : high == *m ? 1 : sn_expf(*m - high);
	*l = __builtin_fmaf(*l, *c, v_fold(lanes));
	*m = high;
	return 1;
}

static void scale(float *x, float by, size_t n)
{
	for (size_t i = 0; i < n; i += VW)
		v_store(x + i, v_mul(v_load(x + i), v_set(by)));
}

static void divide(float *dst, const float *x, float by, size_t n)
{
	size_t i = 0;

	for (; i + VW <= n; i += VW)
		v_store(dst + i, v_div(v_load(x + i), v_set(by)));
	for (; i < n; i++)
		dst[i] = x[i] / by;
}

static void top_ten(float *top, uint32_t *top_id, float z, uint32_t id)
{
	int i = SN_TOP - 1;

	for (; i > 0 && z > top[i - 1]; i--) {
		top[i] = top[i - 1];
		top_id[i] = top_id[i - 1];
	}
	top[i] = z;
	top_id[i] = id;
}

static int logits(const float *z, size_t n, uint32_t id0, float *m, float *l, float *top,
	uint32_t *top_id)
{
	V high = v_set(*m), check = v_zero(), lanes[LV];
	float tail[SN_LANES], p[SN_LANES], c, peak;
	size_t whole = n / SN_LANES * SN_LANES, rest = n - whole;

	for (size_t i = 0; i < SN_LANES; i++)
		tail[i] = i < rest ? z[whole + i] : z[0];
	for (size_t i = 0; i < whole + (rest ? SN_LANES : 0); i += VW) {
		V x = v_load(i < whole ? z + i : tail + (i - whole));

		check = v_fma(x, v_zero(), check);
		high = v_max(x, high);
		if (v_any_gt(x, v_set(top[SN_TOP - 1])))
			for (size_t j = i; j < i + VW && j < n; j++)
				if (z[j] > top[SN_TOP - 1])
					top_ten(top, top_id, z[j], id0 + (uint32_t)j);
	}
	if (!v_all_zero(check))
		return 0;
	peak = v_highest(high);
	for (int v = 0; v < LV; v++)
		lanes[v] = v_zero();
	for (size_t i = 0; i < whole; i += SN_LANES)
		for (int v = 0; v < LV; v++)
			lanes[v] = v_add(lanes[v],
				v_exp(v_sub(v_load(z + i + v * VW), v_set(peak))));
	if (rest) {
		for (int v = 0; v < LV; v++)
			v_store(p + v * VW, v_exp(v_sub(v_load(tail + v * VW), v_set(peak))));
		for (size_t i = rest; i < SN_LANES; i++)
			p[i] = 0;
		for (int v = 0; v < LV; v++)
			lanes[v] = v_add(lanes[v], v_load(p + v * VW));
	}
	c = *m == -INFINITY ? 0 : sn_expf(*m - peak);
	*l = __builtin_fmaf(*l, c, v_fold(lanes));
	*m = peak;
	return 1;
}

#define TABLE2(n) const struct sn_ops sn_ops_##n = { \
	.name = #n, .mr = MR, .nr = NR, .usable = USABLE, \
	.tile = tile, .row = row, .pack = pack, \
	.norm = norm, .put = put, .add = add, .swiglu = swiglu, \
	.rope = rope, .softmax = softmax, .scale = scale, .divide = divide, .logits = logits, \
	.product = { { 1, NULL, tile }, { 1, sn_bf16_swap, tile_bf16 } }, \
}
#define TABLE(n) TABLE2(n)
TABLE(NAME);
