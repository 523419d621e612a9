/* Whole nets: every set of kernels, every thread count and grouping gives the reference's bits. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"
#include "testnet.h"

struct shape {
	const char *name;
	struct sn_config cfg;
	enum sn_dtype dtype;
	int pairs;
	uint32_t len[12];               /* lengths of the sequences, up to a 0 */
};

#define NET(l, h, kv, dim, hid, f, v, tie) { .name = "llama", .n_layers = l, .n_heads = h, \
	.n_kv_heads = kv, .head_dim = dim, .hidden = hid, .ffn = f, .vocab = v, \
	.max_positions = 4096, .rms_eps = 1e-5f, .rope_theta = 10000, .tied = tie }

static const struct shape shapes[] = {
	{ "f32, odd sizes", NET(2, 3, 1, 6, 18, 37, 131, false), SN_F32, 0, { 1, 5, 2, 70 } },
	{ "block edges", NET(1, 2, 2, 10, 20, 24, 40, true), SN_F32, 0,
		{ 63, 64, 65, 127, 128, 129, 1, 2, 193 } },
	{ "bf16, GQA, two vocabulary tiles", NET(2, 6, 2, 16, 96, 130, 4100, true), SN_BF16, 0,
		{ 33, 100, 7 } },
	{ "f16, head_dim of 40", NET(1, 3, 3, 40, 64, 100, 300, false), SN_F16, 0, { 90, 12 } },
	{ "q8_0, pairs", NET(2, 4, 2, 16, 64, 96, 200, true), SN_Q8_0, 1, { 20, 66, 1 } },
	{ "q4_0, pairs", NET(1, 4, 4, 24, 96, 64, 97, true), SN_Q4_0, 1, { 67 } },
	{ "q4_1", NET(1, 4, 1, 32, 128, 160, 64, false), SN_Q4_1, 1, { 80, 81, 3 } },
	{ "deep k, one head", NET(1, 1, 1, 64, 700, 1000, 17, true), SN_F32, 0, { 14 } },
	{ "wide head, small vocabulary", NET(1, 2, 1, 256, 32, 48, 7, false), SN_BF16, 0, { 66, 9 } },
	{ "no layers", NET(0, 1, 1, 2, 5, 5, 8193, true), SN_F32, 0, { 3, 3 } },
};

struct group {
	struct sn_seq seq[12];
	size_t n, positions;
	uint32_t *tok, *target;
	struct sn_pos *out;
};

/* All positions but those of every third sequence, of which the middle is scored. */
static void group_init(struct group *g, const struct shape *s)
{
	uint64_t r = 77;
	size_t at = 0;

	memset(g, 0, sizeof(*g));
	while (g->n < 12 && s->len[g->n])
		g->positions += s->len[g->n++];
	g->tok = calloc(g->positions, sizeof(*g->tok));
	g->target = calloc(g->positions, sizeof(*g->target));
	g->out = calloc(g->positions, sizeof(*g->out));
	for (size_t i = 0; i < g->positions; i++) {
		g->tok[i] = rng_next(&r) % s->cfg.vocab;
		g->target[i] = rng_next(&r) % s->cfg.vocab;
	}
	for (size_t i = 0; i < g->n; at += s->len[i++]) {
		struct sn_seq *q = &g->seq[i];

		*q = (struct sn_seq){ .tok = g->tok + at, .n = s->len[i], .count = s->len[i],
			.target = g->target + at, .out = g->out + at };
		if (i % 3 == 2) {
			q->first = q->n / 3;
			q->count = q->n - 2 * q->first;
		}
	}
}

static void group_release(struct group *g)
{
	free(g->tok);
	free(g->target);
	free(g->out);
}

static bool group_same(const struct group *a, const struct group *b, const char *what)
{
	for (size_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < a->seq[i].count; k++)
			if (memcmp(&a->seq[i].out[k], &b->seq[i].out[k], sizeof(struct sn_pos))) {
				printf("# %s: sequence %zu, position %u: logit %a %a, lse %a %a\n", what, i,
					a->seq[i].first + k, (double)a->seq[i].out[k].logit,
					(double)b->seq[i].out[k].logit, (double)a->seq[i].out[k].lse,
					(double)b->seq[i].out[k].lse);
				return false;
			}
	return true;
}

static int run(const struct sn_net *net, const struct sn_infer_opts *o, struct group *g,
	bool one_by_one, struct sn_err *e)
{
	struct sn_infer *inf;
	int rc = sn_infer_open_net(&inf, net, o, e);

	if (rc)
		return rc;
	memset(g->out, 0x55, g->positions * sizeof(*g->out));
	if (one_by_one)
		for (size_t i = g->n; i-- && !rc;)
			rc = sn_infer_run(inf, &g->seq[i], 1, e);
	else
		rc = sn_infer_run(inf, g->seq, g->n, e);
	sn_infer_close(inf);
	return rc;
}

static bool finite_and_alive(const struct group *g, const struct shape *s)
{
	bool differ = false;

	for (size_t i = 0; i < g->n; i++)
		for (uint32_t k = 0; k < g->seq[i].count; k++) {
			const struct sn_pos *p = &g->seq[i].out[k];

			if (!(p->lse >= p->top[0] && p->top[0] >= p->logit && p->lse < 1000))
				return false;
			differ |= p->logit != g->seq[0].out[0].logit;
		}
	return differ;
}

static void test_shape(const struct shape *s, enum sn_numerics numerics)
{
	static const enum sn_isa isas[] = { SN_ISA_SCALAR, SN_ISA_AVX2, SN_ISA_AVX512,
		SN_ISA_NEON };
	static const unsigned threads[] = { 1, 2, 3, 7 };
	struct group want, got;
	struct sn_net net;
	struct sn_err e = { 0 };
	struct sn_infer_opts o = { .threads = 1, .isa = SN_ISA_REF, .numerics = numerics };
	const char *what = sn_numerics_names[numerics];

	testnet_init(&net, &s->cfg, s->dtype, s->pairs, 42);
	group_init(&want, s);
	group_init(&got, s);
	if (!ok(run(&net, &o, &want, false, &e) == 0 && finite_and_alive(&want, s),
			"%s, %s: the reference runs", s->name, what))
		printf("# %s\n", e.msg);
	for (size_t i = 0; i < sizeof(isas) / sizeof(*isas); i++) {
		char name[80];
		int rc;

		snprintf(name, sizeof(name), "%s, %s: %s gives its bits", s->name, what,
			sn_isa_names[isas[i]]);
		o = (struct sn_infer_opts){ .threads = 1, .isa = isas[i], .numerics = numerics };
		rc = run(&net, &o, &got, false, &e);
		if (rc == SN_EUSE) {
			skip(name, "%s", e.msg);
			continue;
		}
		ok(rc == 0 && group_same(&want, &got, "all"), "%s", name);
		for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
			if (isas[i] == SN_ISA_SCALAR && t > 1)
				break;
			o.threads = threads[t];
			rc = run(&net, &o, &got, t % 2, &e);
			ok(rc == 0 && group_same(&want, &got, "threads"), "%s, %s: %s, %u threads, %s", s->name,
				what, sn_isa_names[isas[i]], threads[t], t % 2 ? "one by one" : "together");
		}
	}
	group_release(&want);
	group_release(&got);
	testnet_release(&net);
}

static struct shape small = { "small", NET(2, 2, 1, 8, 24, 40, 60, false), SN_F32, 0, { 9, 70, 5 } };

/* Make one element of a tensor something else; NAN where `bits' says so. */
static void plant(struct sn_net *net, enum sn_role role, uint32_t layer, size_t at, float x)
{
	const struct sn_tensor *t = sn_net_tensor(net, role, layer);

	memcpy((uint8_t *)(uintptr_t)t->data + 4 * at, &x, 4);
}

static void refused(const struct sn_net *net, struct group *g, enum sn_isa isa, const char *what,
	const char *message, size_t bad)
{
	struct sn_infer_opts o = { .threads = 2, .isa = isa };
	struct sn_infer *inf;
	struct sn_err e = { 0 };

	if (sn_infer_open_net(&inf, net, &o, &e)) {
		skip(what, "%s", e.msg);
		return;
	}
	ok(sn_infer_run(inf, g->seq, g->n, &e) == SN_ENO && sn_infer_bad_seq(inf) == bad,
		"%s: %s is refused", sn_isa_names[isa], what);
	is_str(e.msg, message, "and named");
	sn_infer_close(inf);
}

/* Values that are not finite, wherever they come up. */
static void test_not_finite(void)
{
	static const struct {
		enum sn_role role;
		uint32_t layer;
		size_t at;
		float x;
		const char *what, *message;
		size_t bad;
	} cases[] = {
		{ SN_W_GATE, 1, 7, NAN, "a NaN weight", "gate.1: a value is not finite", SIZE_MAX },
		{ SN_W_V, 0, 30, INFINITY, "an infinite weight", "v.0: a value is not finite", SIZE_MAX },
		{ SN_W_ATTN_NORM, 1, 3, -INFINITY, "an infinite norm",
			"attn_norm.1: a value is not finite", SIZE_MAX },
		{ SN_W_FINAL_NORM, 0, 23, NAN, "a NaN in the last norm",
			"final_norm: a value is not finite", SIZE_MAX },
		{ SN_W_HEAD, 0, 59 * 24, NAN, "a NaN in the head", "head: a value is not finite", SIZE_MAX },
		{ SN_W_EMBED, 0, 33 * 24 + 5, NAN, "a NaN in a token's embedding",
			"embed: a value is not finite", SIZE_MAX },
		{ SN_W_EMBED, 0, 33 * 24 + 5, 1e30f, "an embedding whose square overflows",
			"sequence 1: a value is not finite", 1 },
		{ SN_W_DOWN, 1, 2, 3e38f, "a sum that overflows", "sequence 0: a value is not finite", 0 },
		{ SN_W_Q, 0, 2, 3e38f, "scores that overflow", "sequence 0: a value is not finite", 0 },
		{ SN_W_HEAD, 0, 24 * 8, 3.4e38f, "logits that overflow",
			"sequence 0: a value is not finite", 0 },
		{ SN_W_V, 1, 2, 3.4e38f, "values that overflow", "sequence 0: a value is not finite", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (enum sn_isa isa = SN_ISA_SCALAR; isa < SN_ISAS; isa++) {
			struct sn_net net;
			struct group g;

			if (isa == SN_ISA_AVX512 || isa == SN_ISA_NEON)
				continue;
			testnet_init(&net, &small.cfg, SN_F32, 0, 5);
			group_init(&g, &small);
			for (size_t k = 0; k < g.positions; k++)
				g.tok[k] = g.tok[k] == 33 ? 34 : g.tok[k];
			g.tok[9 + 40] = 33;     /* in sequence 1 alone */
			if (cases[i].role == SN_W_Q)
				for (int k = 0; k < 16 * 24; k += 24)
					plant(&net, SN_W_Q, 0, (size_t)k, 1e37f), plant(&net, SN_W_K, 0, (size_t)k % 192, 1e37f);
			else if (cases[i].role == SN_W_V && cases[i].layer)
				for (int k = 0; k < 24; k++)
					plant(&net, SN_W_V, 1, (size_t)k, cases[i].x);
			else if (cases[i].role == SN_W_DOWN)
				for (int k = 0; k < 24 * 40; k++)
					plant(&net, SN_W_DOWN, 1, (size_t)k, cases[i].x);
			else if (cases[i].role == SN_W_HEAD && cases[i].bad == 0)
				for (int k = 0; k < 24; k++)
					plant(&net, SN_W_HEAD, 0, cases[i].at + (size_t)k, k % 2 ? 3.4e38f : -3.4e38f);
			else
				plant(&net, cases[i].role, cases[i].layer, cases[i].at, cases[i].x);
			refused(&net, &g, isa, cases[i].what, cases[i].message, cases[i].bad);
			group_release(&g);
			testnet_release(&net);
		}
}

/* What a caller may not ask. */
static void test_misuse(void)
{
	struct sn_infer_opts o = { .threads = 1 };
	struct sn_infer *inf;
	struct sn_net net;
	struct group g;
	struct sn_err e;
	struct sn_seq q;
	uint64_t fixed, each;

	testnet_init(&net, &small.cfg, SN_F32, 0, 5);
	group_init(&g, &small);
	if (!ok(sn_infer_open_net(&inf, &net, &o, &e) == 0, "open"))
		return;
	q = g.seq[0];
	q.n = 0;
	ok(sn_infer_run(inf, &q, 1, &e) == SN_EUSE, "no tokens: %s", e.msg);
	q = g.seq[0];
	q.first = 5;
	ok(sn_infer_run(inf, &q, 1, &e) == SN_EUSE, "positions outside: %s", e.msg);
	q.first = UINT32_MAX;
	q.count = 2;
	ok(sn_infer_run(inf, &q, 1, &e) == SN_EUSE, "positions far outside: %s", e.msg);
	g.tok[3] = 60;
	ok(sn_infer_run(inf, &g.seq[0], 1, &e) == SN_EUSE, "a token outside: %s", e.msg);
	g.tok[3] = 0;
	g.target[3] = 60;
	ok(sn_infer_run(inf, &g.seq[0], 1, &e) == SN_EUSE, "a target outside: %s", e.msg);
	g.target[3] = 0;
	ok(sn_infer_run(inf, g.seq, 0, &e) == 0, "no sequences are fine");
	ok(sn_infer_run(inf, g.seq, g.n, &e) == 0, "and after all that it runs");
	fixed = sn_infer_bytes_fixed(inf);
	each = sn_infer_bytes_per_token(inf);
	sn_infer_close(inf);

	o.memory = fixed + 20 * each;
	ok(sn_infer_open_net(&inf, &net, &o, &e) == 0 && sn_infer_group_tokens(inf) == 20,
		"memory for 20 tokens");
	ok(sn_infer_run(inf, &g.seq[1], 1, &e) == SN_EUSE, "70 tokens do not fit: %s", e.msg);
	ok(sn_infer_run(inf, &g.seq[0], 1, &e) == 0, "9 do");
	sn_infer_close(inf);
	o.memory = fixed;
	ok(sn_infer_open_net(&inf, &net, &o, &e) == SN_EUSE && !inf, "memory for none: %s", e.msg);
	o = (struct sn_infer_opts){ .threads = 5000 };
	ok(sn_infer_open_net(&inf, &net, &o, &e) == SN_EUSE && !inf, "too many threads: %s", e.msg);
	testnet_release(&net);
	group_release(&g);
}

struct seen { uint64_t last, calls; bool rising; };

static void progress(void *arg, uint64_t done)
{
	struct seen *s = arg;

	s->rising &= done >= s->last;
	s->last = done;
	s->calls++;
}

static void test_progress_and_modes(void)
{
	struct seen seen = { .rising = true };
	struct sn_infer_opts o = { .threads = 2, .progress = progress, .arg = &seen };
	struct sn_infer_stats st;
	struct group want, got;
	struct sn_infer *inf;
	struct sn_net net;
	struct sn_err e;

	testnet_init(&net, &small.cfg, SN_F32, 0, 5);
	group_init(&want, &small);
	group_init(&got, &small);
	sn_infer_open_net(&inf, &net, &o, &e);
	ok(sn_infer_run(inf, want.seq, want.n, &e) == 0 && seen.rising && seen.calls > 2 &&
		seen.last == 84, "progress rises to all tokens");
	sn_infer_stats(inf, &st);
	ok(st.tokens == 84 && st.groups == 1 && st.total > 0 && st.fma > 84 * 24 * 40 * 6 &&
		st.pack + st.matmul + st.attention + st.norm + st.logits <= st.total, "statistics add up");
#if defined(__x86_64__)
	/* flush to zero, denormals are zero, round up: none of the caller's modes gets in */
	unsigned mine = __builtin_ia32_stmxcsr();

	__builtin_ia32_ldmxcsr(mine | 0x8040 | 0x4000);
	sn_infer_run(inf, got.seq, got.n, &e);
	ok(__builtin_ia32_stmxcsr() == (mine | 0x8040 | 0x4000), "the caller's modes are back");
	__builtin_ia32_ldmxcsr(mine);
	ok(group_same(&want, &got, "modes"), "the caller's modes change nothing");
#endif
	sn_infer_close(inf);
	group_release(&want);
	group_release(&got);
	testnet_release(&net);
}

int main(void)
{
	test_misuse();
	test_not_finite();
	test_progress_and_modes();
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		for (int n = 0; n < SN_NUMERICS; n++)
			test_shape(&shapes[i], (enum sn_numerics)n);
	return done_testing();
}
