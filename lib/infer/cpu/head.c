/*
 * Logits, only where they are scored, a tile of the vocabulary after the other: the
 * tile's weights become panels, then each block of rows makes its logits in the worker's
 * scratch and folds them into the rows' running m, l and ten highest.
 */
#include <float.h>
#include <math.h>

#include "infer/cpu/cpu.h"
#include "infer/numerics.h"

enum { LD = SN_VOCAB_TILE + SN_PAD };   /* not a power of two: rows go to different sets */

struct tile {
	struct sn_cpu *c;
	size_t k, depth;
	size_t id0, ids;                /* of this tile */
	size_t rows;                    /* of an item */
};

static void fold(const struct tile *t, size_t row, const float *z)
{
	struct sn_cpu *c = t->c;
	struct sn_pos *o = c->out[row];
	float *ml = c->ml + 2 * row;

	if (c->target[row] - t->id0 < t->ids)
		o->logit = z[c->target[row] - t->id0];
	if (!c->ops->logits(z, t->ids, (uint32_t)t->id0, &ml[0], &ml[1], o->top, o->top_id))
		sn_lowest(&c->bad_seq, c->scored_seq[row]);
}

static void logits_item(void *arg, size_t item, unsigned worker)
{
	const struct tile *t = arg;
	struct sn_cpu *c = t->c;
	const struct sn_ops *ops = c->ops;
	const struct sn_product *by = c->by;
	size_t row0 = item * t->rows, rows = c->scored - row0;
	float *z = c->scratch + worker * c->shape.scratch;

	if (rows > t->rows)
		rows = t->rows;
	for (size_t k = 0; k < t->k; k += t->depth) {
		size_t n = t->k - k < t->depth ? t->k - k : t->depth;

		for (size_t j = 0; j < t->ids; j += ops->nr)
			for (size_t i = 0; i < rows; i += ops->mr)
				by->tile(c->a + (row0 + i) * c->shape.lda + k / by->per, c->shape.lda,
					c->panels + (j * t->k + k * ops->nr) / by->per, n / by->per,
					z + i * LD + j, LD, k > 0);
	}
	for (size_t i = 0; i < rows; i++)
		fold(t, row0 + i, z + i * LD);
}

size_t sn_cpu_head_scratch(void)
{
	return (size_t)SN_LOGIT_ROWS * LD;
}

int sn_cpu_head(struct sn_cpu *c, struct sn_err *e)
{
	const struct sn_tensor *w = sn_net_tensor(c->net, SN_W_HEAD, 0);
	struct tile t = { .c = c, .k = sn_cpu_laid(c, w->shape[1]) };
	size_t vocab = w->shape[0];

	t.depth = sn_cpu_depth(t.k);
	sn_cpu_lay(c, c->a, c->shape.lda, c->scored, w->shape[1]);

	for (size_t i = 0; i < c->scored; i++) {
		c->ml[2 * i] = -INFINITY;
		c->ml[2 * i + 1] = 0;
		for (int j = 0; j < SN_TOP; j++) {
			c->out[i]->top[j] = -FLT_MAX;
			c->out[i]->top_id[j] = UINT32_MAX;
		}
	}
	t.rows = sn_rows_of_item(c->scored, SN_LOGIT_ROWS);
	for (; c->scored && t.id0 < vocab; t.id0 += t.ids) {
		int64_t start = sn_clock_mono(), packed;
		int rc;

		t.ids = vocab - t.id0 < SN_VOCAB_TILE ? vocab - t.id0 : SN_VOCAB_TILE;
		rc = sn_cpu_pack_rows(c, w, t.id0, t.ids, e);
		packed = sn_clock_mono();
		c->stats->pack += packed - start;
		if (rc)
			return rc;
		sn_stream_used(c->stream, w, t.id0, t.ids);
		sn_pool_run(c->pool, (c->scored + t.rows - 1) / t.rows, logits_item, &t);
		c->stats->logits += sn_clock_mono() - packed;
		if (c->tick)
			c->tick(c->tick_arg, (uint64_t)c->scored * t.ids * t.k);
	}
	for (size_t i = 0; i < c->scored; i++)
		c->out[i]->lse = sn_lse(c->ml[2 * i], c->ml[2 * i + 1]);
	return 0;
}
