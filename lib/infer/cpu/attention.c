/*
 * Attention.  An item is one key head and a chunk of one sequence's queries, with all
 * the query heads that share the key head.  Blocks of 64 keys come one after the other:
 * their keys and values are laid out as panels once for the whole item, then each tile
 * of mr queries of a head makes its scores, the online softmax and its sums, which
 * wait in the worker's scratch for the next block.  Keys of a beginning that is shared
 * are rows of other sequences, so a block may consist of several runs of rows.
 *
 * On the diagonal the queries of a tile see different numbers of keys.  The keys that
 * all of them see are done as a tile, the rest row by row, so that a masked key
 * takes part in no operation.
 */
#include <math.h>
#include <string.h>

#include "infer/cpu/cpu.h"
#include "infer/numerics.h"

struct item {
	struct sn_cpu *c;
	uint32_t seq;
	const float *q, *k, *v;         /* in big: of the chunk's first query, of row 0 */
	uint32_t q0, queries;           /* first position and number of the chunk's queries */
	/* in the worker's scratch */
	float *keys;                    /* panels [64 / nr][head_dim][nr] */
	float *values;                  /* panels [dim_padded / nr][64][nr] */
	float *s;                       /* [mr][64] */
	float *acc;                     /* [share][queries padded][dim_padded] */
	float *ml;                      /* [share][queries padded][2] */
};

/* Where item.keys and so on begin in the scratch, in floats; returns their sum. */
enum { KEYS, VALUES, SCORES, ACC, ML, PARTS };
static size_t layout(const struct sn_net *net, const struct sn_shape *s, size_t at[PARTS])
{
	size_t rows = s->share * s->queries;

	at[KEYS] = 0;
	at[VALUES] = at[KEYS] + SN_KEY_BLOCK * (size_t)net->cfg.head_dim;
	at[SCORES] = at[VALUES] + SN_KEY_BLOCK * s->dim_padded;
	at[ACC] = at[SCORES] + SN_MAX_MR * SN_KEY_BLOCK;
	at[ML] = at[ACC] + rows * s->dim_padded;
	return at[ML] + 2 * rows;
}

size_t sn_cpu_attention_scratch(const struct sn_net *net, const struct sn_shape *s)
{
	size_t at[PARTS];

	return layout(net, s, at);
}

static void panels(const struct item *it, uint32_t at)
{
	const struct sn_cpu *c = it->c;
	size_t nr = c->ops->nr, dim = c->net->cfg.head_dim, ld = c->shape.ldb;
	uint32_t row[SN_KEY_BLOCK], n = it->q0 + it->queries - at;

	if (n > SN_KEY_BLOCK)
		n = SN_KEY_BLOCK;
	sn_cpu_rows(c, it->seq, at, at + n, row);
	for (; n < SN_KEY_BLOCK; n++)
		row[n] = row[n - 1] + 1;        /* seen by none; at most a spare row */
	for (size_t j = 0; j < SN_KEY_BLOCK; j += nr) {
		const float *from = it->k + row[j] * ld;
		size_t step = ld;

		if (row[j + nr - 1] - row[j] != nr - 1) {
			/* not one behind the other: put so where the values go later */
			from = it->values;
			step = c->shape.dim_padded;
			for (size_t i = 0; i < nr; i++)
				memcpy(it->values + i * step, it->k + row[j + i] * ld,
					dim * sizeof(float));
		}
		c->ops->pack(from, step, dim, it->keys + j * dim);
	}
	for (size_t d = 0; d < c->shape.dim_padded; d += nr)
		for (size_t j = 0; j < SN_KEY_BLOCK; j++)
			memcpy(it->values + d * SN_KEY_BLOCK + j * nr, it->v + row[j] * ld + d,
				nr * sizeof(float));
}

/* Keys of the block at `at' that the query at pos sees. */
static unsigned seen(uint32_t pos, uint32_t at)
{
	return pos < at ? 0 : pos - at < SN_KEY_BLOCK ? pos - at + 1 : SN_KEY_BLOCK;
}

/* acc += the block's values, for tile rows of which row i sees keys[i] */
static void sums(const struct item *it, float *acc, const unsigned *keys, int first)
{
	const struct sn_ops *ops = it->c->ops;
	size_t ld = it->c->shape.dim_padded, nr = ops->nr;

	for (size_t d = 0; d < ld; d += nr) {
		const float *panel = it->values + d * SN_KEY_BLOCK;

		if (keys[0])
			ops->tile(it->s, SN_KEY_BLOCK, panel, keys[0], acc + d, ld, !first);
		for (unsigned i = 1; i < ops->mr; i++)
			if (keys[i] > keys[0])
				ops->row(it->s + i * SN_KEY_BLOCK + keys[0], panel + keys[0] * nr,
					keys[i] - keys[0], acc + i * ld + d, 1);
	}
}

/* One tile: queries i .. i + mr - 1 of the chunk, of head h of the share. */
static int tile(const struct item *it, size_t h, uint32_t i, uint32_t at)
{
	const struct sn_cpu *c = it->c;
	const struct sn_ops *ops = c->ops;
	const struct sn_shape *sh = &c->shape;
	size_t dim = c->net->cfg.head_dim, nr = ops->nr;
	size_t r0 = h * sh->queries + i;
	float *acc = it->acc + r0 * sh->dim_padded, scale = sn_attention_scale(&c->net->cfg);
	unsigned keys[SN_MAX_MR], most = seen(it->q0 + i + ops->mr - 1, at);

	for (size_t j = 0; j < most; j += nr)
		ops->tile(it->q + i * sh->ldb + h * dim, sh->ldb, it->keys + j * dim, dim,
			it->s + j, SN_KEY_BLOCK, 0);
	for (unsigned r = 0; r < ops->mr; r++) {
		float *ml = it->ml + 2 * (r0 + r), by;

		keys[r] = seen(it->q0 + i + r, at);
		if (!keys[r] || i + r >= it->queries)
			continue;
		if (!ops->softmax(it->s + r * SN_KEY_BLOCK, keys[r], scale, &ml[0], &ml[1], &by))
			return 0;
		if (at && by != 1)
			ops->scale(acc + r * sh->dim_padded, by, sh->dim_padded);
	}
	sums(it, acc, keys, at == 0);
	return 1;
}

static void output(const struct item *it, float *a)
{
	const struct sn_cpu *c = it->c;
	const struct sn_shape *sh = &c->shape;
	size_t dim = c->net->cfg.head_dim;

	for (size_t h = 0; h < sh->share; h++)
		for (uint32_t i = 0; i < it->queries; i++) {
			size_t r = h * sh->queries + i;

			c->ops->divide(a + i * sh->lda + h * dim, it->acc + r * sh->dim_padded,
				it->ml[2 * r + 1], dim);
		}
}

static void attend(void *arg, size_t index, unsigned worker)
{
	struct sn_cpu *c = arg;
	const struct sn_config *cfg = &c->net->cfg;
	const struct sn_shape *sh = &c->shape;
	const struct sn_chunk *ch = &c->chunk[index / cfg->n_kv_heads];
	size_t kv = index % cfg->n_kv_heads, dim = cfg->head_dim;
	uint32_t left = c->seqs[ch->seq].n - ch->q0;
	float *scratch = c->scratch + worker * sh->scratch;
	struct item it = { .c = c, .seq = ch->seq, .q0 = ch->q0 };
	size_t part[PARTS];

	layout(c->net, sh, part);
	it.keys = scratch + part[KEYS];
	it.values = scratch + part[VALUES];
	it.s = scratch + part[SCORES];
	it.acc = scratch + part[ACC];
	it.ml = scratch + part[ML];
	it.queries = left < sh->queries ? left : (uint32_t)sh->queries;
	it.q = c->big + ch->at * sh->ldb + kv * sh->share * dim;
	it.k = c->big + sh->k_at + kv * dim;
	it.v = c->big + sh->v_at + kv * dim;
	for (size_t i = 0; i < sh->share * sh->queries; i++) {
		it.ml[2 * i] = -INFINITY;
		it.ml[2 * i + 1] = 0;
	}
	for (uint32_t at = 0; at < it.q0 + it.queries; at += SN_KEY_BLOCK) {
		panels(&it, at);
		for (size_t h = 0; h < sh->share; h++)
			for (uint32_t i = 0; i < it.queries; i += c->ops->mr)
				if (seen(it.q0 + i + c->ops->mr - 1, at) && !tile(&it, h, i, at)) {
					sn_lowest(&c->bad_seq, ch->seq);
					return;
				}
	}
	output(&it, c->a + ch->at * sh->lda + kv * sh->share * dim);
}

void sn_cpu_attention(struct sn_cpu *c)
{
	sn_pool_run(c->pool, c->chunks * c->net->cfg.n_kv_heads, attend, c);
}
