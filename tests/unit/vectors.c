/*
 * The vectors of f32-exact and bf16-fast, made by an implementation that shares no code with this
 * one: elementary functions, rope, widening, each operation of each table of kernels.
 * (Whole models: vectors_model.c.)
 */
#include <float.h>
#include <math.h>

#include "infer/cpu/cpu.h"
#include "infer/elem.h"
#include "infer/net.h"
#include "infer/numerics.h"
#include "tap.h"
#include "vec.h"

enum { MOST = 40960 };
static float x[MOST], w[MOST], y[MOST], z[MOST], vgot[MOST];

static bool same(const float *a, const float *b, size_t n)
{
	return n && !memcmp(a, b, n * sizeof(*a));
}

static void test_elem(void)
{
	static const struct { const char *name; double (*fn)(double); } f64[] = {
		{ "exp", sn_exp }, { "log", sn_log }, { "sin", sn_sin }, { "cos", sn_cos } };
	struct vec_file f;
	double in[512], out[512];

	if (!ok(!vec_open(&f, "elem"), "elem.txt"))
		return;
	while (vec_next(&f)) {
		bool good, is_exp = !strcmp(f.name, "expf");
		size_t n;

		if (is_exp || !strcmp(f.name, "sigmoidf")) {
			n = vec_f32(&f, "x", 0, x, MOST);
			good = n && n == vec_f32(&f, "y", 0, y, MOST);
			for (size_t i = 0; i < n; i++)
				vgot[i] = is_exp ? sn_expf(x[i]) : sn_sigmoidf(x[i]);
			ok(good && same(vgot, y, n), "elem: %s", f.name);
			continue;
		}
		n = vec_f64(&f, "x", in, 512);
		good = n && n == vec_f64(&f, "y", out, 512);
		for (size_t k = 0; k < sizeof(f64) / sizeof(*f64); k++)
			for (size_t i = 0; i < n && !strcmp(f.name, f64[k].name); i++) {
				double v = f64[k].fn(in[i]);

				good &= !memcmp(&v, &out[i], 8);
			}
		ok(good, "elem: %s", f.name);
	}
}

static void test_rope(void)
{
	struct vec_file f;
	uint32_t pos[16], dim = 0, turned = 0;

	if (!ok(!vec_open(&f, "rope"), "rope.txt"))
		return;
	while (vec_next(&f)) {
		struct sn_config c = { 0 };
		size_t n = vec_u32(&f, "positions", 0, pos, 16), half;
		float *cos, *sin;
		bool good = n > 1;

		vec_u32(&f, "dim", 0, &dim, 1);
		vec_u32(&f, "turned_by", 0, &turned, 1);
		vec_f64(&f, "theta", &c.rope_theta, 1);
		c.head_dim = dim;
		half = dim / 2;
		cos = calloc(half, (pos[n - 1] + 1) * sizeof(float));
		sin = calloc(half, (pos[n - 1] + 1) * sizeof(float));
		sn_rope_tables(&c, pos[n - 1] + 1, cos, sin);
		good &= vec_f32(&f, "cos", 0, y, MOST) == n * half;
		good &= vec_f32(&f, "sin", 0, z, MOST) == n * half;
		for (size_t i = 0; i < n; i++)
			good &= same(cos + pos[i] * half, y + i * half, half) &&
				same(sin + pos[i] * half, z + i * half, half);
		ok(good, "rope: tables, %s", f.name);
		good = vec_f32(&f, "x", 0, vgot, MOST) == dim;
		sn_ops_scalar.rope(vgot, cos + turned * half, sin + turned * half, half);
		vec_f32(&f, "y", 0, y, MOST);
		ok(good && same(vgot, y, dim), "rope: turned, %s", f.name);
		free(cos);
		free(sin);
	}
}

static void test_widen(void)
{
	struct vec_file f;
	uint8_t bytes[4096];

	if (!ok(!vec_open(&f, "widen"), "widen.txt"))
		return;
	while (vec_next(&f)) {
		int dtype = 0;
		size_t size = vec_bytes(&f, "bytes", bytes, sizeof(bytes));
		size_t n = vec_f32(&f, "y", 0, y, MOST);

		while (dtype < SN_DTYPES && strcmp(sn_dtypes[dtype].name, f.name))
			dtype++;
		if (dtype == SN_DTYPES) {
			skip("widen", "%s is not among the types that models may have", f.name);
			continue;
		}
		struct sn_tensor t = { .dtype = (enum sn_dtype)dtype, .ndim = 1, .shape = { n, 1, 1, 1 },
			.data = bytes, .bytes = size };

		sn_widen(&t, 0, 0, n, vgot);
		ok(size && same(vgot, y, n), "widen: %s", f.name);
	}
}

static bool matmul(const struct vec_file *f, const struct sn_ops *o)
{
	uint32_t m = 0, n = 0, k = 0;
	float panel[340 * SN_MAX_NR], a[SN_MAX_MR * 340] = { 0 }, b[SN_MAX_NR * 340] = { 0 };
	float c[SN_MAX_MR * SN_MAX_NR];
	bool good = true;

	vec_u32(f, "m", 0, &m, 1);
	vec_u32(f, "n", 0, &n, 1);
	vec_u32(f, "k", 0, &k, 1);
	vec_f32(f, "x", 0, a, m * k);
	vec_f32(f, "w", 0, b, n * k);
	vec_f32(f, "y", 0, y, MOST);
	good &= o->pack(b, k, k, panel);
	o->tile(a, k, panel, k, c, o->nr, 0);
	for (uint32_t i = 0; i < m; i++)
		good &= same(c + i * o->nr, y + i * n, n);
	return good;
}

static bool bf16(const struct vec_file *f, const struct sn_ops *o)
{
	const struct sn_product *by = &o->product[SN_BF16_FAST];
	uint32_t m = 0, n = 0, k = 0, even;
	float panel[64 * SN_MAX_NR], a[SN_MAX_MR * 64] = { 0 }, b[SN_MAX_NR * 64] = { 0 };
	float c[SN_MAX_MR * SN_MAX_NR];
	bool good = true;

	vec_u32(f, "m", 0, &m, 1);
	vec_u32(f, "n", 0, &n, 1);
	vec_u32(f, "k", 0, &k, 1);
	good &= k && k < 64 && vec_f32(f, "x", 0, x, MOST) == m * k;
	good &= vec_f32(f, "w", 0, w, MOST) == n * k && vec_f32(f, "y", 0, y, MOST) == m * n;
	if (!good)
		return false;
	for (uint32_t i = 0; i < m; i++) {
		memcpy(a + i * 64, x + i * k, k * sizeof(float));
		good &= by->lay(a + i * 64, k);
	}
	for (uint32_t i = 0; i < n; i++) {
		memcpy(b + i * 64, w + i * k, k * sizeof(float));
		good &= by->lay(b + i * 64, k);
	}
	even = (k + 1) / 2 * 2 / by->per;
	o->pack(b, 64, even, panel);
	by->tile(a, 64, panel, even, c, o->nr, 0);
	for (uint32_t i = 0; i < m; i++)
		good &= same(c + i * o->nr, y + i * n, n);
	return good;
}

static bool rmsnorm(const struct vec_file *f, const struct sn_ops *o)
{
	float eps = 0;
	size_t n;

	memset(x, 0, sizeof(x));
	memset(w, 0, sizeof(w));
	n = vec_f32(f, "x", 0, x, MOST);
	vec_f32(f, "w", 0, w, MOST);
	vec_f32(f, "eps", 0, &eps, 1);
	vec_f32(f, "y", 0, y, MOST);
	return o->norm(x, w, n, eps, vgot) && same(vgot, y, n);
}

static bool swiglu(const struct vec_file *f, const struct sn_ops *o)
{
	size_t n;

	memset(x, 0, sizeof(x));
	memset(w, 0, sizeof(w));
	n = vec_f32(f, "g", 0, x, MOST);
	vec_f32(f, "u", 0, w, MOST);
	vec_f32(f, "y", 0, y, MOST);
	o->swiglu(vgot, x, w, (n + SN_PAD - 1) / SN_PAD * SN_PAD);
	return same(vgot, y, n);
}

/* The one head of a net that has nothing else; q, k and v are put where a matmul would. */
static bool attention(const struct vec_file *f, const struct sn_ops *o)
{
	uint32_t n = 0, dim = 0;
	struct sn_net net = { .cfg = { .n_layers = 1, .n_heads = 1, .n_kv_heads = 1, .hidden = 8,
		.ffn = 8, .vocab = 8, .max_positions = 1000, .rope_theta = 10000 } };
	struct sn_infer_stats stats = { 0 };
	struct sn_cpu c = { .net = &net, .ops = o, .by = &o->product[0], .stats = &stats };
	struct sn_seq seq = { 0 };
	bool good = true;

	vec_u32(f, "n", 0, &n, 1);
	vec_u32(f, "dim", 0, &dim, 1);
	seq.n = n;
	net.cfg.head_dim = dim;
	vec_f32(f, "scale", 0, x, 1);
	vgot[0] = sn_attention_scale(&net.cfg);
	good &= same(x, vgot, 1);
	vec_f32(f, "q", 0, x, MOST);
	vec_f32(f, "k", 0, w, MOST);
	vec_f32(f, "v", 0, z, MOST);
	vec_f32(f, "y", 0, y, MOST);
	if (sn_pool_open(&c.pool, 2, NULL, NULL) || sn_cpu_init(&c, NULL) ||
			sn_cpu_plan(&c, &seq, 1, NULL))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		float *row = c.big + i * c.shape.ldb;

		memcpy(row, x + i * dim, dim * sizeof(float));
		memcpy(row + c.shape.k_at, w + i * dim, dim * sizeof(float));
		memcpy(row + c.shape.v_at, z + i * dim, dim * sizeof(float));
	}
	sn_cpu_attention(&c);
	for (uint32_t i = 0; i < n; i++)
		good &= same(c.a + i * c.shape.lda, y + i * dim, dim);
	sn_pool_close(c.pool);
	sn_cpu_release(&c);
	return good;
}

static bool lse(const struct vec_file *f, const struct sn_ops *o)
{
	float m = -INFINITY, l = 0, top[SN_TOP], m1, l1, lse1, lse2;
	uint32_t id[SN_TOP], want[SN_TOP];
	size_t n = vec_f32(f, "logits", 0, x, MOST), tops = vec_u32(f, "top", 0, want, SN_TOP);
	bool good = tops == (n < SN_TOP ? n : SN_TOP);

	for (int i = 0; i < SN_TOP; i++)
		top[i] = -FLT_MAX;
	for (size_t at = 0; at < n; at += SN_VOCAB_TILE)
		good &= o->logits(x + at, n - at < SN_VOCAB_TILE ? n - at : SN_VOCAB_TILE, (uint32_t)at,
			&m, &l, top, id);
	vec_f32(f, "m", 0, &m1, 1);
	vec_f32(f, "l", 0, &l1, 1);
	vec_f32(f, "lse", 0, &lse1, 1);
	lse2 = sn_lse(m, l);
	/* the sign of a zero maximum is nothing that a result could show */
	good &= m == m1 && same(&l, &l1, 1) && same(&lse1, &lse2, 1);
	for (size_t i = 0; i < tops; i++)
		good &= id[i] == want[i] && top[i] == x[want[i]];
	return good;
}

static void test_ops(const struct sn_ops *o, const char *file)
{
	static const struct {
		const char *name;
		bool (*fn)(const struct vec_file *, const struct sn_ops *);
	} ops[] = { { "matmul", matmul }, { "bf16", bf16 }, { "rmsnorm", rmsnorm }, { "swiglu", swiglu },
		{ "attention", attention }, { "lse", lse } };
	struct vec_file f;
	int nth = 0;

	if (!ok(!vec_open(&f, file), "%s.txt, %s", file, o->name))
		return;
	while (vec_next(&f)) {
		nth++;
		for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
			if (!strcmp(f.name, ops[i].name))
				ok(ops[i].fn(&f, o), "%s: case %d, %s", o->name, nth, f.name);
	}
}

int main(void)
{
	static const struct sn_ops *const tables[] = { &sn_ops_scalar, &sn_ops_avx2, &sn_ops_avx512,
		&sn_ops_neon };

	test_elem();
	test_rope();
	test_widen();
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		if (tables[i]->usable())
			test_ops(tables[i], "ops"), test_ops(tables[i], "bf16");
		else
			skip(tables[i]->name, "this processor does not have it");
	}
	return done_testing();
}
