/* Sequences that begin alike: rows that they share change no bit, and no more than said. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"
#include "testnet.h"

enum { SEQS = 220, LONGEST = 280, VOCAB = 60 };

static const struct sn_config cfg = { .name = "llama", .n_layers = 2, .n_heads = 2,
	.n_kv_heads = 1, .head_dim = 10, .hidden = 20, .ffn = 24, .vocab = VOCAB,
	.max_positions = 4096, .rms_eps = 1e-5f, .rope_theta = 10000 };

struct group {
	struct sn_seq seq[SEQS];
	size_t n;
	uint32_t tok[SEQS][LONGEST], target[SEQS][LONGEST];
	struct sn_pos out[SEQS][LONGEST], want[SEQS][LONGEST];
	uint64_t rng;
};

static uint32_t below(struct group *g, uint32_t n)
{
	return rng_next(&g->rng) % n;
}

static struct group *group_new(uint64_t seed)
{
	struct group *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	g->rng = seed;
	for (size_t i = 0; i < SEQS; i++)
		for (size_t k = 0; k < LONGEST; k++)
			g->target[i][k] = below(g, VOCAB);
	return g;
}

/* One more sequence: `shared' tokens of another, then a different one and any, n in all. */
static void add(struct group *g, size_t of, uint32_t shared, uint32_t n, uint32_t first,
	uint32_t count)
{
	size_t i = g->n++;

	for (uint32_t k = 0; k < n; k++)
		g->tok[i][k] = k < shared ? g->tok[of][k] :
			k == shared && i ? (g->tok[of][k] + 1 + below(g, VOCAB - 2)) % VOCAB :
			below(g, VOCAB);
	g->seq[i] = (struct sn_seq){ .tok = g->tok[i], .n = n, .first = first, .count = count,
		.target = g->target[i], .out = g->out[i] };
}

static void swap(struct group *g, size_t a, size_t b)
{
	struct sn_seq s = g->seq[a];

	g->seq[a] = g->seq[b];
	g->seq[b] = s;
}

/* The tokens that can be shared, the slow way. */
static uint64_t shared_tokens(const struct group *g)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct sn_seq *a = &g->seq[i];
		uint32_t best = 0;

		for (size_t j = 0; j < i; j++) {
			const struct sn_seq *b = &g->seq[j];
			uint32_t k = 0;

			while (k < b->n && k < a->n - 1 && k < a->first && a->tok[k] == b->tok[k])
				k++;
			best = k > best ? k : best;
		}
		sum += best;
	}
	return sum;
}

static int run(const struct sn_net *net, const struct sn_infer_opts *o, struct group *g,
	bool alone, uint64_t *shared, struct sn_err *e)
{
	struct sn_infer_stats st;
	struct sn_infer *inf;
	int rc = sn_infer_open_net(&inf, net, o, e);

	if (rc)
		return rc;
	memset(g->out, 0x55, sizeof(g->out));
	if (alone)
		for (size_t i = 0; i < g->n && !rc; i++)
			rc = sn_infer_run(inf, &g->seq[i], 1, e);
	else
		rc = sn_infer_run(inf, g->seq, g->n, e);
	sn_infer_stats(inf, &st);
	*shared = st.shared;
	sn_infer_close(inf);
	return rc;
}

static bool same(const struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		size_t at = (size_t)(g->seq[i].out - g->out[0]) / LONGEST;

		for (uint32_t k = 0; k < g->seq[i].count; k++)
			if (memcmp(&g->out[at][k], &g->want[at][k], sizeof(struct sn_pos))) {
				printf("# sequence %zu of %u tokens, position %u\n", i, g->seq[i].n,
					g->seq[i].first + k);
				return false;
			}
	}
	return true;
}

/* The reference, which shares nothing, and all kernels, sharing or not, together or alone. */
static void check(struct group *g, const char *what)
{
	static const struct { unsigned threads; bool no_share, alone; const char *name; } how[] = {
		{ 1, false, false, "shared, 1 thread" }, { 2, false, false, "shared, 2 threads" },
		{ 3, false, false, "shared, 3 threads" }, { 2, true, false, "not shared" },
		{ 1, false, true, "each alone" },
	};
	struct sn_infer_opts o = { .threads = 1, .isa = SN_ISA_REF, .memory = 1 << 30 };
	uint64_t most = shared_tokens(g), shared;
	struct sn_err e = { 0 };
	struct sn_net net;

	testnet_init(&net, &cfg, SN_F32, 0, 9);
	ok(run(&net, &o, g, false, &shared, &e) == 0 && shared == 0, "%s: the reference: %s", what, e.msg);
	memcpy(g->want, g->out, sizeof(g->want));
	for (enum sn_isa isa = SN_ISA_SCALAR; isa < SN_ISA_REF; isa++)
		for (size_t i = 0; i < sizeof(how) / sizeof(*how); i++) {
			int rc;

			if (isa == SN_ISA_SCALAR && i != 1)
				continue;       /* it takes long */
			o = (struct sn_infer_opts){ .threads = how[i].threads, .isa = isa,
				.no_share = how[i].no_share, .memory = 1 << 30 };
			rc = run(&net, &o, g, how[i].alone, &shared, &e);
			if (rc == SN_EUSE) {
				skip(what, "%s", e.msg);
				break;
			}
			ok(rc == 0 && same(g), "%s: %s, %s: the reference's bits", what,
				sn_isa_names[isa], how[i].name);
			ok(shared == (how[i].no_share || how[i].alone ? 0 : most),
				"... %llu of %llu tokens shared", (unsigned long long)shared,
				(unsigned long long)most);
		}
	testnet_release(&net);
}

/* One long sequence and those that have its first 1, 2, 3 ... 200 tokens. */
static void every_length(void)
{
	struct group *g = group_new(1);

	add(g, 0, 0, LONGEST, 100, 180);
	for (uint32_t k = 1; k <= 200; k++)
		add(g, 0, k, k + 1 + k % 7, k, 1 + k % 7);
	ok(shared_tokens(g) > 20000, "lengths: there is something to share");
	check(g, "lengths 1 to 200");
	free(g);
}

/* What is as long as it can be, or as short. */
static void edges(void)
{
	struct group *g = group_new(2);

	add(g, 0, 0, 150, 90, 60);
	add(g, 0, 150, 150, 90, 60);            /* identical */
	add(g, 0, 150, 150, 0, 150);            /* identical, all scored */
	add(g, 0, 150, 150, 150, 0);            /* identical, nothing scored */
	add(g, 0, 150, 150, 149, 1);
	add(g, 0, 100, 100, 99, 1);             /* a beginning */
	add(g, 0, 100, 100, 40, 10);
	add(g, 0, 150, 200, 150, 50);           /* one that goes on */
	add(g, 7, 200, 260, 200, 60);
	add(g, 0, 130, 160, 64, 96);            /* scored before they part */
	add(g, 0, 1, 1, 0, 1);
	add(g, 0, 1, 1, 1, 0);
	add(g, 0, 0, 1, 0, 1);
	check(g, "edges");
	for (size_t i = 0; i < g->n / 2; i++)
		swap(g, i, g->n - 1 - i);
	check(g, "edges, backwards");
	free(g);
}

/* Each a token or two longer than the one before: as deep as a tree can be. */
static void chain(void)
{
	struct group *g = group_new(3);

	add(g, 0, 0, 20, 20, 0);
	for (uint32_t k = 1; k < 80; k++)
		add(g, k - 1, 18 + 3 * k - 2, 20 + 3 * k, 19 + 3 * k, 1);
	check(g, "a chain");
	free(g);
}

static void trees(void)
{
	for (uint64_t seed = 10; seed < 14; seed++) {
		struct group *g = group_new(seed);
		char name[40];

		while (g->n < 40) {
			size_t of = g->n ? below(g, (uint32_t)g->n) : 0;
			uint32_t shared = g->n ? below(g, g->seq[of].n + 1) : 0;
			uint32_t n = shared + 1 + below(g, LONGEST - 1 > shared + 1 ?
				(LONGEST - 1 - shared) / 3 + 1 : 1);
			uint32_t first = below(g, 3) ? n - 1 - below(g, n - shared) : below(g, n);

			if (n > LONGEST)
				n = LONGEST, shared = 0, first = n / 2;
			add(g, of, shared, n, first, below(g, n - first + 1));
		}
		for (size_t i = g->n; seed % 2 && i > 1; i--)
			swap(g, i - 1, below(g, (uint32_t)i));
		snprintf(name, sizeof(name), "tree %llu", (unsigned long long)seed);
		check(g, name);
		free(g);
	}
}

/* A value that is not finite is the fault of the lowest sequence that has it. */
static void blame(void)
{
	static const struct { size_t seq; uint32_t pos; size_t bad; const char *what; } cases[] = {
		{ 0, 5, 0, "what all have in common" },
		{ 1, 45, 1, "what two have in common" },
		{ 2, 70, 2, "what one has alone" },
		{ 4, 3, 4, "what shares nothing" },
	};
	struct sn_infer_opts o = { .threads = 2 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (int how = 0; how < 3; how++) {
			struct group *g = group_new(4);
			struct sn_infer *inf;
			struct sn_err e = { 0 };
			struct sn_net net;
			float big = 1e30f;

			testnet_init(&net, &cfg, SN_F32, 0, 9);
			memcpy((uint8_t *)(uintptr_t)sn_net_tensor(&net, SN_W_EMBED, 0)->data +
				sizeof(float) * 33 * cfg.hidden, &big, sizeof(big));
			add(g, 0, 0, 80, 70, 10);
			add(g, 0, 40, 90, 80, 10);
			add(g, 1, 60, 90, 80, 10);
			add(g, 2, 90, 120, 119, 1);
			add(g, 0, 0, 60, 59, 1);
			for (size_t s = 0; s < g->n; s++)
				for (size_t k = 0; k < LONGEST; k++)
					g->tok[s][k] = g->tok[s][k] == 33 ? 34 : g->tok[s][k];
			/* in all that have this position in common with it */
			for (size_t s = g->n; s--;)
				if (cases[i].seq == s || (s > cases[i].seq && !memcmp(g->tok[s],
						g->tok[cases[i].seq], (cases[i].pos + 1) * sizeof(uint32_t))))
					g->tok[s][cases[i].pos] = 33;
			o.isa = how == 2 ? SN_ISA_REF : SN_ISA_AUTO;
			o.no_share = how == 1;
			if (sn_infer_open_net(&inf, &net, &o, &e))
				abort();
			ok(sn_infer_run(inf, g->seq, g->n, &e) == SN_ENO &&
				sn_infer_bad_seq(inf) == cases[i].bad, "%s, %s: %s", cases[i].what,
				how == 2 ? "ref" : how ? "not shared" : "shared", e.msg);
			sn_infer_close(inf);
			testnet_release(&net);
			free(g);
		}
}

int main(void)
{
	edges();
	blame();
	chain();
	trees();
	every_length();
	return done_testing();
}
