/*
 * Every operation of a table of kernels against plain loops with fmaf and elem.c.
 * check_ops() returns the names of the operations that gave other bits ("" when none).
 */
#ifndef SN_TESTS_KERNELS_H
#define SN_TESTS_KERNELS_H

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/cpu/cpu.h"
#include "infer/elem.h"
#include "infer/numerics.h"
#include "testnet.h"

enum { MOST = 8192 };
static float va[MOST], vb[MOST], vc[MOST], vwant[MOST], vgot[MOST];

/* Of many sizes, both signs, some zeros of both signs and some denormals. */
static void fill(float *p, size_t n, uint64_t *s)
{
	for (size_t i = 0; i < n; i++) {
		float x = rng_uniform(s);

		switch (rng_next(s) % 16) {
		case 0: x = 0; break;
		case 1: x = -0.0f; break;
		case 2: x *= 0x1p-130f; break;
		case 3: x *= 0x1p-70f; break;
		case 4: x *= 0x1p20f; break;
		}
		p[i] = x;
	}
}

static void fill_even(float *p, size_t n, uint64_t *s)
{
	for (size_t i = 0; i < n; i++)
		p[i] = rng_uniform(s);
}

static bool same_bits(const float *a, const float *b, size_t n)
{
	return !memcmp(a, b, n * sizeof(*a));
}

static float plain_combine(float lane[SN_LANES])
{
	for (int step = SN_LANES / 2; step; step /= 2)
		for (int i = 0; i < step; i++)
			lane[i] += lane[i + step];
	return lane[0];
}

static bool check_tile(const struct sn_ops *o, uint64_t *s)
{
	static const size_t depth[] = { 1, 2, 7, 63, 64, 65, 200 };
	bool good = true;

	for (size_t d = 0; d < sizeof(depth) / sizeof(*depth); d++)
		for (int load = 0; load < 2; load++) {
			size_t k = depth[d], lda = k + 3, ldc = o->nr + 5;

			fill(va, o->mr * lda, s);
			fill(vb, k * o->nr, s);
			fill(vwant, o->mr * ldc, s);
			memcpy(vgot, vwant, sizeof(vgot));
			for (size_t i = 0; i < o->mr; i++)
				for (size_t j = 0; j < o->nr; j++) {
					float acc = load ? vwant[i * ldc + j] : 0;

					for (size_t l = 0; l < k; l++)
						acc = __builtin_fmaf(va[i * lda + l], vb[l * o->nr + j], acc);
					vwant[i * ldc + j] = acc;
				}
			o->tile(va, lda, vb, k, vgot, ldc, load);
			good &= same_bits(vgot, vwant, o->mr * ldc);
			memcpy(vgot, vwant, sizeof(vgot));
			if (!load)
				o->row(va, vb, k, vgot, 0);
			good &= same_bits(vgot, vwant, o->mr * ldc);
		}
	/* a chain cut in two and gone on with is the same chain */
	fill(va, o->mr * 100, s);
	fill(vb, 100 * o->nr, s);
	o->tile(va, 100, vb, 100, vwant, o->nr, 0);
	o->tile(va, 100, vb, 33, vgot, o->nr, 0);
	o->tile(va + 33, 100, vb + 33 * o->nr, 67, vgot, o->nr, 1);
	good &= same_bits(vgot, vwant, o->mr * o->nr);
	o->row(va, vb, 33, vgot, 0);
	o->row(va + 33, vb + 33 * o->nr, 67, vgot, 1);
	return good && same_bits(vgot, vwant, o->nr);
}

/* A step of bf16-fast: the judge of flushing is the same sum 2^64 times as large. */
static float plain_flushed(float a, float b, float c)
{
	float r = __builtin_fmaf(a, b, c), large;

	if (!(fabsf(r) <= FLT_MIN) || r == 0)
		return r;
	if (fabsf(a) < fabsf(b))
		a *= 0x1p64f;
	else
		b *= 0x1p64f;
	large = __builtin_fmaf(a, b, c * 0x1p64f);
	return fabsf(large) < FLT_MIN * 0x1p64f ? copysignf(0, large) : r;
}

static float plain_bf16(float x)
{
	float r = ldexpf(nearbyintf(ldexpf(frexpf(x, &(int){ 0 }), 8)), ilogbf(x) - 7);

	return x == 0 || fabsf(r) < FLT_MIN ? copysignf(0, x) : r;
}

/* Laying out, and the tile, at sizes where roundings show and where denormals do. */
static bool check_product(const struct sn_product *by, size_t mr, size_t nr, uint64_t *s)
{
	static const size_t depth[] = { 1, 2, 7, 64, 65, 100 };
	bool good = true;

	for (size_t turn = 0; turn < 4 * sizeof(depth) / sizeof(*depth); turn++) {
		size_t k = depth[turn / 4], ld = k + 3, even = (k + 1) / 2 * 2;
		float w[SN_MAX_NR][104], small = turn % 2 ? 0x1p-62f : 1;

		fill_even(va, mr * ld, s);
		for (size_t j = 0; j < nr; j++)
			fill_even(w[j], 104, s);
		for (size_t i = 0; i < mr * ld; i++)
			va[i] *= small;
		for (size_t i = 0; i < mr; i++)
			for (size_t j = 0; j < nr; j++) {
				float acc = 0;

				for (size_t l = 0; l < even; l += 2)
					for (size_t e = l + 2; e-- > l;)
						acc = e == k ? plain_flushed(0, 0, acc) :
							plain_flushed(plain_bf16(va[i * ld + e]),
								plain_bf16(w[j][e] * small), acc);
				vwant[i * nr + j] = acc;
			}
		for (size_t i = 0; i < mr; i++)
			good &= by->lay(va + i * ld, k) == 1;
		for (size_t j = 0; j < nr; j++) {
			for (size_t l = 0; l < k; l++)
				w[j][l] *= small;
			good &= by->lay(w[j], k) == 1;
			for (size_t l = 0; l < even / by->per; l++)
				memcpy(&vb[l * nr + j], &w[j][l], sizeof(float));
		}
		if (turn & 2) {         /* cut in two */
			size_t cut = even / 4 * 2 / by->per;

			by->tile(va, ld, vb, cut, vgot, nr, 0);
			by->tile(va + cut, ld, vb + cut * nr, even / by->per - cut, vgot, nr, 1);
		} else {
			by->tile(va, ld, vb, even / by->per, vgot, nr, 0);
		}
		good &= same_bits(vgot, vwant, mr * nr);
		va[0] = va[1] = va[2] = turn % 2 ? NAN : 0x1.ffp127f;   /* the latter rounds to inf */
		good &= by->lay(va, 3) == 0;
		va[0] = va[1] = va[2] = -0x1.fep127f;
		good &= by->lay(va, 3) == 1;
	}
	return good;
}

static bool check_bf16(const struct sn_ops *o, uint64_t *s)
{
	return check_product(&o->product[SN_BF16_FAST], o->mr, o->nr, s);
}

static bool check_pack(const struct sn_ops *o, uint64_t *s)
{
	static const size_t depth[] = { 1, 7, 8, 9, 64, 71 };
	bool good = true;

	for (size_t d = 0; d < sizeof(depth) / sizeof(*depth); d++) {
		size_t k = depth[d], ld = k + 2, nan;

		fill(va, o->nr * ld, s);
		for (size_t i = 0; i < o->nr; i++)
			for (size_t j = 0; j < k; j++)
				vwant[j * o->nr + i] = va[i * ld + j];
		good &= o->pack(va, ld, k, vgot) == 1;
		good &= same_bits(vgot, vwant, k * o->nr);
		nan = rng_next(s) % o->nr * ld + rng_next(s) % k;
		va[nan] = INFINITY;
		good &= o->pack(va, ld, k, vgot) == 0;
		va[nan] = NAN;
		good &= o->pack(va, ld, k, vgot) == 0;
	}
	return good;
}

static bool check_norm(const struct sn_ops *o, uint64_t *s)
{
	static const size_t sizes[] = { 1, 5, 15, 16, 17, 33, 100, 576 };
	bool good = true;

	for (size_t turn = 0; turn < 10 * sizeof(sizes) / sizeof(*sizes); turn++) {
		size_t n = sizes[turn / 10];
		float lane[SN_LANES] = { 0 }, r;

		memset(va, 0, sizeof(va));
		memset(vb, 0, sizeof(vb));
		(turn % 2 ? fill_even : fill)(va, n, s);
		fill(vb, n, s);
		for (size_t i = 0; i < n; i++)
			lane[i % SN_LANES] = __builtin_fmaf(va[i], va[i], lane[i % SN_LANES]);
		r = 1.0f / sqrtf(plain_combine(lane) / (float)n + 1e-5f);
		for (size_t i = 0; i < n; i++)
			vwant[i] = (va[i] * r) * vb[i];
		good &= o->norm(va, vb, n, 1e-5f, vgot) == 1 && same_bits(vgot, vwant, n);
		va[n - 1] = 1e30f;      /* its square is not finite */
		good &= o->norm(va, vb, n, 1e-5f, vgot) == 0;
		va[n - 1] = NAN;
		good &= o->norm(va, vb, n, 1e-5f, vgot) == 0;
	}
	return good;
}

static bool check_elementwise(const struct sn_ops *o, uint64_t *s)
{
	size_t n = 32 * 20;
	bool good = true;

	fill(va, n, s);
	fill(vb, n, s);
	for (size_t i = 0; i < o->mr; i++)
		for (size_t j = 0; j < o->nr; j++)
			vwant[i * 40 + j] = va[i * 40 + j] + vb[i * o->nr + j];
	for (size_t i = 0; i < n; i++)
		vwant[i] = i < o->mr * 40 && i % 40 < o->nr ? vwant[i] : va[i];
	memcpy(vgot, va, sizeof(vgot));
	o->add(vb, vgot, 40);
	good &= same_bits(vgot, vwant, n);
	for (size_t i = 0; i < o->mr; i++)
		memcpy(vwant + i * 40, vb + i * o->nr, o->nr * sizeof(float));
	o->put(vb, vgot, 40);
	good &= same_bits(vgot, vwant, n);
	for (size_t i = 0; i < n; i++)
		vwant[i] = va[i] * 0.3f;
	memcpy(vgot, va, sizeof(vgot));
	o->scale(vgot, 0.3f, n);
	good &= same_bits(vgot, vwant, n);
	for (size_t k = 1; k < 40; k++) {
		for (size_t i = 0; i < k; i++)
			vwant[i] = va[i] / 0.7f;
		vwant[k] = vgot[k] = 5;
		o->divide(vgot, va, 0.7f, k);
		good &= same_bits(vgot, vwant, k + 1);
	}
	return good;
}

/* exp and sigmoid over all exponents and both signs: 2^20 of the 2^32 values */
static bool check_swiglu(const struct sn_ops *o, uint64_t *s)
{
	bool good = true;

	for (uint32_t bits = rng_next(s) >> 20; bits < 0xff800000u - 4096 * 32; bits += 4096 * 32) {
		for (size_t i = 0; i < 32; i++) {
			uint32_t b = bits + (uint32_t)i * 4096;

			b = (b & 0x7f800000) == 0x7f800000 ? b & 0xbfffffff : b;
			memcpy(&va[i], &b, 4);
			vb[i] = i % 2 ? 1.5f : 1;
			vwant[i] = (va[i] * sn_sigmoidf(va[i])) * vb[i];
		}
		o->swiglu(vgot, va, vb, 32);
		good &= same_bits(vgot, vwant, 32);
	}
	return good;
}

static bool check_rope(const struct sn_ops *o, uint64_t *s)
{
	bool good = true;

	for (size_t half = 1; half < 45; half++) {
		fill(va, 2 * half, s);
		fill(vb, half, s);
		fill(vc, half, s);
		for (size_t i = 0; i < half; i++) {
			vwant[i] = __builtin_fmaf(va[i], vb[i], -(va[i + half] * vc[i]));
			vwant[i + half] = __builtin_fmaf(va[i + half], vb[i], va[i] * vc[i]);
		}
		memcpy(vgot, va, sizeof(vgot));
		o->rope(vgot, vb, vc, half);
		good &= same_bits(vgot, vwant, 2 * half);
	}
	return good;
}

/* m, l and the weights after one more block; c */
static float plain_softmax(const float *x, size_t n, float *m, float *l, float *p)
{
	float lane[SN_LANES] = { 0 }, top = *m, c;

	for (size_t i = 0; i < n; i++)
		top = x[i] > top ? x[i] : top;
	c = *m == -INFINITY ? 0 : sn_expf(*m - top);
	for (size_t i = 0; i < n; i++) {
		p[i] = sn_expf(x[i] - top);
		lane[i % SN_LANES] += p[i];
	}
	*l = __builtin_fmaf(*l, c, plain_combine(lane));
	*m = top;
	return c;
}

static bool check_softmax(const struct sn_ops *o, uint64_t *s)
{
	static const unsigned keys[] = { 1, 2, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64 };
	bool good = true;

	for (unsigned turn = 0; turn < 400; turn++) {
		float m = -INFINITY, l = 0, m2 = m, l2 = l, c2;

		for (int block = 0; block < 4; block++) {
			unsigned n = block < 3 ? 64 : keys[turn % (sizeof(keys) / sizeof(*keys))];
			float scale = 0.25f, c;

			fill(va, 64, s);
			for (unsigned i = 0; i < 64; i++)
				va[i] = i < n ? va[i] * (turn % 3 ? 30 : 400) : NAN;
			memset(vwant, 0, 64 * sizeof(*vwant));
			for (unsigned i = 0; i < n; i++)
				vb[i] = va[i] * scale;
			c = plain_softmax(vb, n, &m, &l, vwant);
			good &= o->softmax(va, n, scale, &m2, &l2, &c2) == 1;
			good &= same_bits(va, vwant, 64) && same_bits(&m, &m2, 1) &&
				same_bits(&l, &l2, 1) && same_bits(&c, &c2, 1);
		}
		fill(va, 64, s);
		va[turn % 64] = turn & 1 ? -INFINITY : turn & 2 ? NAN : INFINITY;
		good &= o->softmax(va, 64, 0.25f, &m2, &l2, &c2) == 0;
	}
	return good;
}

static bool check_logits(const struct sn_ops *o, uint64_t *s)
{
	static const size_t sizes[] = { 1, 9, 10, 16, 17, 100, 4095, 4096 };
	bool good = true;

	for (size_t d = 0; d < sizeof(sizes) / sizeof(*sizes); d++) {
		float m = -INFINITY, l = 0, m2 = m, l2 = l, top[SN_TOP], high[2 * SN_TOP];
		uint32_t id[SN_TOP], high_id[2 * SN_TOP], seen = 0;

		for (int i = 0; i < SN_TOP; i++) {
			top[i] = -FLT_MAX;
			id[i] = UINT32_MAX;
		}
		for (int t = 0; t < 3; t++) {
			size_t n = t < 2 ? 4096 : sizes[d];

			fill_even(va, MOST, s);
			for (size_t i = 0; i < n; i++) {
				uint32_t at = seen < SN_TOP ? seen : SN_TOP;

				/* with many ties, and with none */
				va[i] = d % 2 ? floorf(va[i] * 4) / 2 : va[i] * 5;

				while (at > 0 && va[i] > high[at - 1]) {
					high[at] = high[at - 1];
					high_id[at] = high_id[at - 1];
					at--;
				}
				high[at] = va[i];
				high_id[at] = (uint32_t)(t * 4096 + (int)i);
				seen += seen < SN_TOP;
			}
			plain_softmax(va, n, &m, &l, vwant);
			good &= o->logits(va, n, (uint32_t)t * 4096, &m2, &l2, top, id) == 1;
		}
		good &= same_bits(&m, &m2, 1) && same_bits(&l, &l2, 1) && same_bits(top, high, SN_TOP) &&
			!memcmp(id, high_id, sizeof(id));
		va[sizes[d] - 1] = d & 1 ? NAN : -INFINITY;
		good &= o->logits(va, sizes[d], 0, &m2, &l2, top, id) == 0;
	}
	return good;
}

static const struct {
	const char *name;
	bool (*check)(const struct sn_ops *, uint64_t *);
} op_checks[] = {
	{ "tile", check_tile }, { "bf16", check_bf16 }, { "pack", check_pack }, { "norm", check_norm },
	{ "elementwise", check_elementwise }, { "swiglu", check_swiglu }, { "rope", check_rope },
	{ "softmax", check_softmax }, { "logits", check_logits },
};
enum { OP_CHECKS = sizeof(op_checks) / sizeof(*op_checks) };

#endif
