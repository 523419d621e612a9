/*
 * Written for reading; the vector forms of sn_expf and sn_sigmoidf in cpu/kernels.h
 * do the same operations in the same order and must give the same bits.
 */
#include "infer/elem.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "infer/elem_table.h"

static uint32_t bits32(float x)
{
	uint32_t b;

	memcpy(&b, &x, 4);
	return b;
}

static float float_of(uint32_t b)
{
	float x;

	memcpy(&x, &b, 4);
	return x;
}

static uint64_t bits64(double x)
{
	uint64_t b;

	memcpy(&b, &x, 8);
	return b;
}

static double double_of(uint64_t b)
{
	double x;

	memcpy(&x, &b, 8);
	return x;
}

float sn_expf(float x)
{
	float t, n, r, q, p;
	int32_t k, half;

	/* in this form a NaN stays */
	x = SN_EXPF_LO > x ? SN_EXPF_LO : x;
	x = SN_EXPF_HI < x ? SN_EXPF_HI : x;
	t = __builtin_fmaf(x, SN_EXPF_LOG2E, SN_EXPF_MAGIC);
	n = t - SN_EXPF_MAGIC;
	k = (int32_t)(bits32(t) - bits32(SN_EXPF_MAGIC));
	r = __builtin_fmaf(n, -SN_EXPF_LN2HI, x);
	r = __builtin_fmaf(n, -SN_EXPF_LN2LO, r);
	q = __builtin_fmaf(r, SN_EXPF_C6, SN_EXPF_C5);
	q = __builtin_fmaf(r, q, SN_EXPF_C4);
	q = __builtin_fmaf(r, q, SN_EXPF_C3);
	q = __builtin_fmaf(r, q, 0.5f);
	p = __builtin_fmaf(r * r, q, r);
	p = 1.0f + p;
	/* 2^k in two factors: only the last multiplication can round */
	half = k >> 1;
	p *= float_of((uint32_t)(half + 127) << 23);
	return p * float_of((uint32_t)(k - half + 127) << 23);
}

float sn_sigmoidf(float x)
{
	float e = sn_expf(float_of(bits32(x) | 0x80000000u));

	return (bits32(x) >> 31 ? e : 1.0f) / (1.0f + e);
}

/* c[0] + c[1] x + ... */
static double poly(const double *c, size_t n, double x)
{
	double p = c[n - 1];

	while (--n)
		p = __builtin_fma(p, x, c[n - 1]);
	return p;
}
#define POLY(table, x) poly((const double[])table, sizeof((double[])table) / sizeof(double), x)

double sn_exp(double x)
{
	double t, n, hi, lo, r, q, p;
	int64_t k, half;

	x = SN_EXP_LO > x ? SN_EXP_LO : x;
	x = SN_EXP_HI < x ? SN_EXP_HI : x;
	t = __builtin_fma(x, SN_EXP_LOG2E, SN_EXP_MAGIC);
	n = t - SN_EXP_MAGIC;
	k = (int64_t)(bits64(t) - bits64(SN_EXP_MAGIC));
	hi = __builtin_fma(n, -SN_EXP_LN2HI, x);
	r = __builtin_fma(n, -SN_EXP_LN2LO, hi);
	lo = __builtin_fma(n, -SN_EXP_LN2LO, hi - r);   /* what r lost */
	q = __builtin_fma(POLY(SN_EXP_C, r), r, 0.5);
	p = __builtin_fma(r * r, q, lo);
	t = 1.0 + r;
	p = t + ((1.0 - t) + r + p);
	half = k >> 1;
	p *= double_of((uint64_t)(half + 1023) << 52);
	return p * double_of((uint64_t)(k - half + 1023) << 52);
}

double sn_log(double x)
{
	double m, f, s, z, r, hi, c;
	int64_t k = 0;

	if (!(x > 0) || x > 0x1.fffffffffffffp+1023)
		return x == 0 ? -INFINITY : x < 0 ? NAN : x;
	if (x < 0x1p-1022) {
		x *= 0x1p+54;
		k = -54;
	}
	k += (int64_t)(bits64(x) >> 52) - 1023;
	m = double_of((bits64(x) & 0xfffffffffffffu) | (uint64_t)1023 << 52);
	if (m >= SN_LOG_SQRT2) {
		m *= 0.5;
		k++;
	}
	f = m - 1.0;
	s = f / (2.0 + f);
	z = s * s;
	/* 2s is f - s f, and f is exact */
	r = s * (f - z * POLY(SN_LOG_C, z));
	hi = (double)k * SN_EXP_LN2HI;
	c = (double)k * SN_EXP_LN2LO;
	z = hi + f;             /* hi is 0 or the larger one */
	f = k ? f - (z - hi) : 0;
	return z + (f + (c - r));
}

/* a - b, and what its rounding lost */
static double diff(double a, double b, double *lost)
{
	double d = a - b, bb = a - d;

	*lost = (a - (d + bb)) + (bb - b);
	return d;
}

/* r + *lo = x - n pi/2, the cut of pi/2 costs 2^-84; returns n mod 4 */
static unsigned reduce(double x, double *r, double *lo)
{
	double t = __builtin_fma(x, SN_SIN_2_PI, SN_EXP_MAGIC), n = t - SN_EXP_MAGIC;
	double y, e2, e3, e;

	y = __builtin_fma(n, -SN_SIN_P1, x);    /* exact, as are n times P2 and P3 */
	y = diff(y, n * SN_SIN_P2, &e2);
	y = diff(y, n * SN_SIN_P3, &e3);
	e = __builtin_fma(n, -SN_SIN_P4, e2 + e3);
	*r = y + e;
	*lo = e - (*r - y);
	return bits64(t) & 3;
}

static double sin_kernel(double r, double lo)
{
	double z = r * r;
	double p = z * POLY(SN_SIN_S, z);

	/* sin(r + lo) = sin r + lo cos r */
	return r + __builtin_fma(r, p, lo * __builtin_fma(z, -0.5, 1.0));
}

static double cos_kernel(double r, double lo)
{
	double z = r * r, h = 0.5 * z, w = 1.0 - h;
	double p = z * z * POLY(SN_SIN_C, z);

	return w + ((1.0 - w - h) + __builtin_fma(-r, lo, p));
}

static double sin_cos(double x, unsigned quarter)
{
	double r, lo;
	unsigned n;

	if (!(x >= -SN_SIN_MAX && x <= SN_SIN_MAX))
		return NAN;
	n = reduce(x, &r, &lo) + quarter;
	r = (n & 1) ? cos_kernel(r, lo) : x == 0 ? x : sin_kernel(r, lo);
	return (n & 2) ? -r : r;
}

double sn_sin(double x)
{
	return sin_cos(x, 0);
}

double sn_cos(double x)
{
	return sin_cos(x, 1);
}
