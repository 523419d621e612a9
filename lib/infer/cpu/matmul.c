/*
 * Matmuls: weights become panels [k][nr] (widened, transposed, checked), as many as the
 * buffer holds; then blocks of tokens meet blocks of panels.  Within such an item
 * k is cut so that a panel's part stays in the first cache and the tokens' part in the
 * second; tiles wait in the worker's scratch between the parts, bit for bit, so that
 * every output stays one chain.
 */
#include <string.h>

#include "infer/cpu/cpu.h"

struct pack {
	struct sn_cpu *c;
	const struct sn_matmul *m;
	size_t first;                   /* panel of the matmul that goes to the buffer's start */
	size_t rows0, rows;             /* of a part: which rows are packed */
};

struct multiply {
	struct sn_cpu *c;
	const struct sn_matmul *m;
	size_t first, count;            /* panels in the buffer */
	size_t k, depth;
	size_t rows;                    /* of an item */
	size_t row_blocks, panel_blocks;
};

struct place {
	unsigned part;
	size_t row, col;                /* of the tensor, of dst */
};

static size_t panels_of(const struct sn_tensor *t, size_t nr)
{
	return (t->shape[0] + nr - 1) / nr;
}

static size_t panels_in(const struct sn_matmul *m, size_t nr)
{
	size_t n = 0;

	for (unsigned i = 0; i < m->parts; i++)
		n += panels_of(m->part[i], nr);
	return n;
}

/* Panels are in the order of dst's columns; those of gate and up take turns. */
static struct place locate(const struct sn_matmul *m, size_t panel, size_t nr)
{
	struct place p = { 0 };

	if (m->epilogue == SN_SWIGLU) {
		p.part = panel % 2;
		p.row = p.col = panel / 2 * nr;
		return p;
	}
	while (panel >= panels_of(m->part[p.part], nr)) {
		panel -= panels_of(m->part[p.part], nr);
		p.col += sn_pad(m->part[p.part]->shape[0], SN_PAD);
		p.part++;
	}
	p.row = panel * nr;
	p.col += p.row;
	return p;
}

/* nr rows from `row' on, zeros from `end' on, to a panel.  Whether all are finite. */
static int pack_panel(struct sn_cpu *c, const struct sn_tensor *t, size_t row, size_t end,
	float *panel, float *scratch)
{
	size_t nr = c->ops->nr, cols = t->shape[1], ld = SN_PACK_DEPTH + 8;
	const struct sn_product *by = c->by;
	int finite = 1, laid = 1, packed;

	for (size_t k = 0; k < cols; k += SN_PACK_DEPTH) {
		size_t n = cols - k < SN_PACK_DEPTH ? cols - k : SN_PACK_DEPTH;

		for (size_t i = 0; i < nr; i++) {
			if (row + i < end)
				sn_widen(t, row + i, k, n, scratch + i * ld);
			else
				memset(scratch + i * ld, 0, n * sizeof(float));
			if (by->lay)
				laid &= by->lay(scratch + i * ld, n);
		}
		/* two bf16 in a float's place move as one; what pack says of them is nothing */
		packed = c->ops->pack(scratch, ld, sn_cpu_laid(c, n) / by->per,
			panel + k * nr / by->per);
		finite &= by->lay ? laid : packed;
	}
	return finite;
}

static void lowest_part(struct sn_cpu *c, unsigned part)
{
	unsigned old = atomic_load(&c->bad_part);

	while (part < old && !atomic_compare_exchange_weak(&c->bad_part, &old, part))
		;
}

static void pack_item(void *arg, size_t i, unsigned worker)
{
	struct pack *p = arg;
	struct sn_cpu *c = p->c;
	size_t nr = c->ops->nr;
	struct place at = { 0 };
	const struct sn_tensor *t = p->m->part[0];
	size_t end;

	if (p->rows) {
		at.row = p->rows0 + i * nr;
		end = p->rows0 + p->rows;
	} else {
		at = locate(p->m, p->first + i, nr);
		t = p->m->part[at.part];
		end = t->shape[0];
	}
	if (!pack_panel(c, t, at.row, end, c->panels + i * nr * sn_cpu_laid(c, t->shape[1]) / c->by->per,
			c->scratch + worker * c->shape.scratch))
		lowest_part(c, at.part);
}

static int pack(struct pack *p, size_t n, struct sn_err *e)
{
	struct sn_cpu *c = p->c;
	unsigned bad;

	atomic_store(&c->bad_part, p->m->parts);
	sn_pool_run(c->pool, n, pack_item, p);
	bad = atomic_load(&c->bad_part);
	if (bad < p->m->parts)
		return sn_err(e, SN_ENO, "%s: a value is not finite", p->m->part[bad]->name);
	return 0;
}

int sn_cpu_pack_rows(struct sn_cpu *c, const struct sn_tensor *t, size_t r0, size_t n,
	struct sn_err *e)
{
	struct sn_matmul m = { .parts = 1, .part = { t } };
	struct pack p = { .c = c, .m = &m, .rows0 = r0, .rows = n };

	return pack(&p, (n + c->ops->nr - 1) / c->ops->nr, e);
}

enum { LAID_AT_ONCE = 48 };

struct lay {
	struct sn_cpu *c;
	float *a;
	size_t lda, rows, k;
};

static void lay_item(void *arg, size_t item, unsigned worker)
{
	const struct lay *l = arg;
	size_t end = (item + 1) * LAID_AT_ONCE;

	for (size_t i = item * LAID_AT_ONCE; i < end && i < l->rows; i++)
		l->c->by->lay(l->a + i * l->lda, l->k);
}

void sn_cpu_lay(struct sn_cpu *c, float *a, size_t lda, size_t rows, size_t k)
{
	struct lay l = { c, a, lda, rows, k };

	int64_t start = sn_clock_mono();

	if (c->by->lay)
		sn_pool_run(c->pool, (rows + LAID_AT_ONCE - 1) / LAID_AT_ONCE, lay_item, &l);
	c->stats->pack += sn_clock_mono() - start;
}

size_t sn_cpu_laid(const struct sn_cpu *c, size_t k)
{
	return c->by->lay ? sn_pad(k, 2) : k;
}

size_t sn_cpu_depth(size_t k)
{
	size_t parts = (k + SN_DEPTH_BLOCK - 1) / SN_DEPTH_BLOCK;

	return sn_pad((k + parts - 1) / parts, 2);
}

/* A finished tile (for SwiGLU the gate's is before it) goes to its place. */
static void finish(const struct multiply *w, float *dst, float *tile)
{
	const struct sn_ops *ops = w->c->ops;
	size_t size = ops->mr * ops->nr;

	if (w->m->epilogue == SN_SWIGLU)
		ops->swiglu(tile, tile - size, tile, size);
	(w->m->epilogue == SN_ADD ? ops->add : ops->put)(tile, dst, w->m->ldd);
}

static void multiply_item(void *arg, size_t item, unsigned worker)
{
	const struct multiply *w = arg;
	const struct sn_ops *ops = w->c->ops;
	const struct sn_product *by = w->c->by;
	const struct sn_matmul *m = w->m;
	size_t nr = ops->nr, size = ops->mr * nr, tiles;
	size_t row0 = item / w->panel_blocks * w->rows, rows = w->c->tokens - row0;
	size_t p0 = item % w->panel_blocks * SN_PANEL_BLOCK, count = w->count - p0;
	float *scratch = w->c->scratch + worker * w->c->shape.scratch;

	if (rows > w->rows)
		rows = w->rows;
	if (count > SN_PANEL_BLOCK)
		count = SN_PANEL_BLOCK;
	tiles = (rows + ops->mr - 1) / ops->mr;
	for (size_t k = 0; k < w->k; k += w->depth) {
		size_t n = w->k - k < w->depth ? w->k - k : w->depth;

		for (size_t p = p0; p < p0 + count; p++) {
			const float *panel = w->c->panels + (p * w->k + k) * nr / by->per;
			float *dst = m->dst + row0 * m->ldd + locate(m, w->first + p, nr).col;

			/* gate's and up's tiles are next to each other */
			float *tile = scratch + ((p - p0) / 2 * tiles * 2 + p % 2) * size;

			for (size_t i = 0; i < rows; i += ops->mr, tile += 2 * size) {
				by->tile(m->a + (row0 + i) * m->lda + k / by->per, m->lda, panel,
					n / by->per, tile, nr, k > 0);
				if (k + n == w->k && (m->epilogue != SN_SWIGLU || p % 2))
					finish(w, dst + i * m->ldd, tile);
			}
		}
	}
}

/* The panels first .. first + count - 1 have been packed. */
static void used(struct sn_cpu *c, const struct sn_matmul *m, size_t first, size_t count)
{
	size_t nr = c->ops->nr, begin = 0;

	if (m->epilogue == SN_SWIGLU)
		first /= 2, count /= 2;
	for (unsigned i = 0; i < m->parts; i++) {
		size_t rows = m->part[i]->shape[0], n = panels_of(m->part[i], nr);
		size_t from = first > begin ? first - begin : 0;
		size_t to = first + count > begin ? first + count - begin : 0;

		from = from * nr < rows ? from * nr : rows;
		to = to * nr < rows ? to * nr : rows;
		if (from < to)
			sn_stream_used(c->stream, m->part[i], from, to - from);
		if (m->epilogue != SN_SWIGLU)
			begin += n;
	}
}

int sn_cpu_matmul(struct sn_cpu *c, const struct sn_matmul *m, struct sn_err *e)
{
	size_t k = sn_cpu_laid(c, m->part[0]->shape[1]), nr = c->ops->nr;
	size_t all = panels_in(m, nr);
	size_t most = c->shape.panels * c->by->per / (k * nr) & ~(size_t)1;
	struct multiply w = { .c = c, .m = m, .k = k, .depth = sn_cpu_depth(k) };
	int rc;

	sn_cpu_lay(c, m->a, m->lda, c->tokens, m->part[0]->shape[1]);
	w.rows = sn_rows_of_item(c->tokens, SN_ROW_BLOCK);
	w.row_blocks = (c->tokens + w.rows - 1) / w.rows;
	for (; w.first < all; w.first += w.count) {
		struct pack p = { .c = c, .m = m, .first = w.first };
		int64_t start = sn_clock_mono(), packed;

		w.count = all - w.first < most ? all - w.first : most;
		rc = pack(&p, w.count, e);
		packed = sn_clock_mono();
		c->stats->pack += packed - start;
		if (rc)
			return rc;
		used(c, m, w.first, w.count);
		w.panel_blocks = (w.count + SN_PANEL_BLOCK - 1) / SN_PANEL_BLOCK;
		sn_pool_run(c->pool, w.row_blocks * w.panel_blocks, multiply_item, &w);
		c->stats->matmul += sn_clock_mono() - packed;
	}
	return 0;
}
