/* One group through the layers, and the memory that takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/cpu/cpu.h"
#include "infer/numerics.h"
#include "util/buf.h"

enum { TOKENS_OF_ITEM = 48 };   /* of the steps that are not matmuls */

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Padded, and an odd number of cache lines, so that rows do not fall on one another's sets. */
static size_t row_length(size_t n)
{
	n = sn_pad(n, SN_PAD);
	return n / 16 % 2 ? n : n + 16;
}

void sn_cpu_shape(struct sn_shape *s, const struct sn_net *net, const struct sn_ops *ops)
{
	const struct sn_config *c = &net->cfg;
	size_t q = (size_t)c->n_heads * c->head_dim, kv = (size_t)c->n_kv_heads * c->head_dim;
	size_t deepest = most(most(c->hidden, q), c->ffn), vocab = c->vocab;

	s->ldx = row_length(c->hidden);
	s->lda = row_length(most(c->hidden, q));
	s->k_at = sn_pad(q, SN_PAD);
	s->v_at = s->k_at + sn_pad(kv, SN_PAD);
	s->ldb = row_length(most(s->v_at + sn_pad(kv, SN_PAD), c->ffn));
	s->dim_padded = sn_pad(c->head_dim, ops->nr);
	s->share = c->n_heads / c->n_kv_heads;
	/* sums of about 128 KiB */
	s->queries = 32768 / (s->share * s->dim_padded) / SN_MAX_MR * SN_MAX_MR;
	if (s->queries > SN_QUERY_BLOCK)
		s->queries = SN_QUERY_BLOCK;
	if (!s->queries)
		s->queries = SN_MAX_MR;
	/* a tile of the vocabulary, and two panels of the deepest matrix */
	if (vocab > SN_VOCAB_TILE)
		vocab = SN_VOCAB_TILE;
	s->panels = most(sn_pad(vocab, SN_PAD) * sn_pad(c->hidden, 2),
		2 * ops->nr * sn_pad(deepest, 2));
	s->scratch = most(sn_cpu_head_scratch(), sn_cpu_attention_scratch(net, s));
	s->scratch = most(s->scratch, (size_t)ops->nr * (SN_PACK_DEPTH + 8));
	s->scratch = most(s->scratch, (size_t)(SN_ROW_BLOCK + SN_MAX_MR) * SN_PANEL_BLOCK * ops->nr);
	s->scratch = sn_pad(most(s->scratch, s->lda), SN_PAD);
}

uint64_t sn_cpu_bytes_per_token(const struct sn_net *net, const struct sn_shape *s)
{
	return (s->ldx + s->lda + s->ldb + net->cfg.head_dim + 2) * sizeof(float)
		+ sizeof(struct sn_token) + sizeof(struct sn_pos *) + 3 * sizeof(uint32_t)
		+ sizeof(struct sn_chunk) + sizeof(struct sn_branch) + sizeof(struct sn_seq *)
		+ 2 * sizeof(uint32_t);
}

uint64_t sn_cpu_bytes_fixed(const struct sn_net *net, const struct sn_shape *s, unsigned threads)
{
	return (s->panels + threads * s->scratch + s->ldx) * sizeof(float)
		+ SN_SPARE_ROWS * (s->ldx + s->lda + s->ldb) * sizeof(float)
		+ sn_cpu_bytes_per_token(net, s) * 2;
}

static void *floats(size_t n)
{
	void *p = NULL;
	size_t bytes;

	if (!sn_mul(sn_pad(n, 16), sizeof(float), &bytes) || posix_memalign(&p, 64, bytes))
		return NULL;
	return p;
}

int sn_cpu_init(struct sn_cpu *c, struct sn_err *e)
{
	sn_cpu_shape(&c->shape, c->net, c->ops);
	c->panels = floats(c->shape.panels);
	c->scratch = floats(c->shape.scratch * sn_pool_threads(c->pool));
	c->weights = floats(c->shape.ldx);
	return c->panels && c->scratch && c->weights ? 0 : sn_err_mem(e);
}

static void drop(struct sn_cpu *c)
{
	void *all[] = { c->x, c->a, c->big, c->cos, c->sin, c->token, c->ml, c->out, c->target,
		c->scored_seq, c->row, c->chunk };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i]);
	c->x = c->a = c->big = c->cos = c->sin = c->ml = NULL;
	c->token = NULL;
	c->out = NULL;
	c->target = c->scored_seq = c->row = NULL;
	c->chunk = NULL;
	c->room = c->rope_rows = 0;
}

static void drop_seqs(struct sn_cpu *c)
{
	free(c->branch);
	free(c->order);
	free(c->before);
	free(c->after);
	c->branch = NULL;
	c->order = NULL;
	c->before = c->after = NULL;
	c->seq_room = 0;
}

void sn_cpu_release(struct sn_cpu *c)
{
	drop(c);
	drop_seqs(c);
	free(c->panels);
	free(c->scratch);
	free(c->weights);
	memset(c, 0, sizeof(*c));
}

/* Room for n tokens; what was there before is lost. */
static int grow(struct sn_cpu *c, size_t n, struct sn_err *e)
{
	const struct sn_shape *s = &c->shape;
	size_t rows = n + SN_SPARE_ROWS, half = c->net->cfg.head_dim / 2;

	if (n <= c->room)
		return 0;
	drop(c);
	c->x = floats(rows * s->ldx);
	c->a = floats(rows * s->lda);
	c->big = floats((rows + 1) * s->ldb);
	c->cos = floats(n * half);
	c->sin = floats(n * half);
	c->ml = floats(2 * n);
	c->token = calloc(n, sizeof(*c->token));
	c->out = calloc(n, sizeof(*c->out));
	c->target = calloc(n, sizeof(*c->target));
	c->scored_seq = calloc(n, sizeof(*c->scored_seq));
	c->row = calloc(n, sizeof(*c->row));
	c->chunk = calloc(n, sizeof(*c->chunk));
	if (!c->x || !c->a || !c->big || !c->cos || !c->sin || !c->ml || !c->token || !c->out ||
			!c->target || !c->scored_seq || !c->row || !c->chunk) {
		drop(c);
		return sn_err_mem(e);
	}
	c->room = n;
	return 0;
}

static int grow_seqs(struct sn_cpu *c, size_t n, struct sn_err *e)
{
	if (n <= c->seq_room)
		return 0;
	drop_seqs(c);
	c->branch = calloc(n, sizeof(*c->branch));
	c->order = calloc(n, sizeof(*c->order));
	c->before = calloc(n, sizeof(*c->before));
	c->after = calloc(n, sizeof(*c->after));
	if (!c->branch || !c->order || !c->before || !c->after) {
		drop_seqs(c);
		return sn_err_mem(e);
	}
	c->seq_room = n;
	return 0;
}

/* Rows of a matrix that no step fills before another reads them. */
static void clear_spare(struct sn_cpu *c)
{
	const struct sn_shape *s = &c->shape;

	memset(c->x + c->tokens * s->ldx, 0, SN_SPARE_ROWS * s->ldx * sizeof(float));
	memset(c->a + c->tokens * s->lda, 0, SN_SPARE_ROWS * s->lda * sizeof(float));
	memset(c->big + c->tokens * s->ldb, 0, (SN_SPARE_ROWS + 1) * s->ldb * sizeof(float));
}

int sn_cpu_plan(struct sn_cpu *c, const struct sn_seq *seqs, size_t n, struct sn_err *e)
{
	const struct sn_config *f = &c->net->cfg;
	size_t longest = 0;
	uint64_t pairs = 0;
	int rc;

	c->seqs = seqs;
	c->n_seqs = n;
	atomic_store(&c->bad_seq, SIZE_MAX);

	c->scored = c->chunks = 0;
	if ((rc = grow_seqs(c, n, e)))
		return rc;
	sn_cpu_share(c);
	if ((rc = grow(c, c->tokens, e)))
		return rc;
	for (size_t i = 0; i < c->n_seqs; i++) {
		const struct sn_seq *q = &c->seqs[i];
		uint32_t at = c->branch[i].row, p = c->branch[i].shared;

		longest = most(longest, q->n);
		pairs += (uint64_t)q->n * (q->n + 1) / 2 - (uint64_t)p * (p + 1) / 2;
		for (uint32_t t = p; t < q->n; t++) {
			uint32_t r = at + t - p;

			c->token[r] = (struct sn_token){ (uint32_t)i, t };
			c->row[r] = UINT32_MAX;
			if (t < q->first || t - q->first >= q->count)
				continue;
			c->out[c->scored] = &q->out[t - q->first];
			c->target[c->scored] = q->target[t - q->first];
			c->scored_seq[c->scored] = (uint32_t)i;
			c->row[r] = (uint32_t)c->scored++;
		}
		/* the late ones, which take longest, first */
		for (size_t j = (q->n - p + c->shape.queries - 1) / c->shape.queries; j--;) {
			uint32_t own = (uint32_t)(j * c->shape.queries);

			c->chunk[c->chunks++] = (struct sn_chunk){ (uint32_t)i, p + own, at + own };
		}
	}
	c->layer_fma = sn_cpu_layer_fma(f, c->tokens, pairs);
	c->fma = c->layer_fma * f->n_layers + (uint64_t)c->scored * f->hidden * f->vocab;
	if (longest > c->rope_rows) {
		sn_rope_tables(&c->net->cfg, (uint32_t)longest, c->cos, c->sin);
		c->rope_rows = (uint32_t)longest;
	}
	clear_spare(c);
	return 0;
}

static void each_token(struct sn_cpu *c, void (*fn)(void *, size_t, unsigned))
{
	int64_t start = sn_clock_mono();

	sn_pool_run(c->pool, (c->tokens + TOKENS_OF_ITEM - 1) / TOKENS_OF_ITEM, fn, c);
	c->stats->norm += sn_clock_mono() - start;
}

static size_t end_of_item(const struct sn_cpu *c, size_t item)
{
	size_t end = (item + 1) * TOKENS_OF_ITEM;

	return end < c->tokens ? end : c->tokens;
}

static void embed_item(void *arg, size_t item, unsigned worker)
{
	struct sn_cpu *c = arg;
	const struct sn_tensor *t = sn_net_tensor(c->net, SN_W_EMBED, 0);
	size_t n = c->net->cfg.hidden;

	for (size_t i = item * TOKENS_OF_ITEM; i < end_of_item(c, item); i++) {
		float *x = c->x + i * c->shape.ldx, check = 0;

		sn_widen(t, c->seqs[c->token[i].seq].tok[c->token[i].pos], 0, n, x);
		memset(x + n, 0, (c->shape.ldx - n) * sizeof(*x));
		for (size_t k = 0; k < n; k++)
			check += x[k] * 0;
		if (check != 0)
			atomic_store(&c->bad_part, 0);
	}
}

static void norm_item(void *arg, size_t item, unsigned worker)
{
	struct sn_cpu *c = arg;
	const struct sn_shape *s = &c->shape;

	for (size_t i = item * TOKENS_OF_ITEM; i < end_of_item(c, item); i++)
		if (!c->ops->norm(c->x + i * s->ldx, c->weights, c->net->cfg.hidden,
				c->net->cfg.rms_eps, c->a + i * s->lda))
			sn_lowest(&c->bad_seq, c->token[i].seq);
}

/* Scored tokens to the rows of a, the others only to be looked at. */
static void final_norm_item(void *arg, size_t item, unsigned worker)
{
	struct sn_cpu *c = arg;
	const struct sn_shape *s = &c->shape;
	float *unused = c->scratch + worker * s->scratch;

	for (size_t i = item * TOKENS_OF_ITEM; i < end_of_item(c, item); i++)
		if (!c->ops->norm(c->x + i * s->ldx, c->weights, c->net->cfg.hidden,
				c->net->cfg.rms_eps,
				c->row[i] == UINT32_MAX ? unused : c->a + c->row[i] * s->lda))
			sn_lowest(&c->bad_seq, c->token[i].seq);
}

static void rope_item(void *arg, size_t item, unsigned worker)
{
	struct sn_cpu *c = arg;
	const struct sn_config *f = &c->net->cfg;
	size_t half = f->head_dim / 2;

	for (size_t i = item * TOKENS_OF_ITEM; i < end_of_item(c, item); i++) {
		const float *cos = c->cos + c->token[i].pos * half;
		const float *sin = c->sin + c->token[i].pos * half;
		float *x = c->big + i * c->shape.ldb;

		for (size_t h = 0; h < f->n_heads; h++)
			c->ops->rope(x + h * f->head_dim, cos, sin, half);
		for (size_t h = 0; h < f->n_kv_heads; h++)
			c->ops->rope(x + c->shape.k_at + h * f->head_dim, cos, sin, half);
	}
}

static int check_seqs(struct sn_cpu *c, struct sn_err *e)
{
	size_t bad = atomic_load(&c->bad_seq);

	if (bad == SIZE_MAX)
		return 0;
	return sn_err(e, SN_ENO, "sequence %zu: a value is not finite", bad);
}

static int norm(struct sn_cpu *c, enum sn_role role, uint32_t layer,
	void (*fn)(void *, size_t, unsigned), struct sn_err *e)
{
	const struct sn_tensor *t = sn_net_tensor(c->net, role, layer);
	size_t n = c->net->cfg.hidden;

	sn_widen(t, 0, 0, n, c->weights);
	memset(c->weights + n, 0, (c->shape.ldx - n) * sizeof(float));
	for (size_t i = 0; i < n; i++)
		if (!isfinite(c->weights[i]))
			return sn_err(e, SN_ENO, "%s: a value is not finite", t->name);
	each_token(c, fn);
	return check_seqs(c, e);
}

/* dst = a W, or += */
static int product(struct sn_cpu *c, enum sn_epilogue epilogue, uint32_t layer, unsigned n,
	const enum sn_role *roles, float *a, size_t lda, float *dst, size_t ldd,
	struct sn_err *e)
{
	struct sn_matmul m = { .epilogue = epilogue, .parts = n, .a = a, .lda = lda,
		.dst = dst, .ldd = ldd };

	for (unsigned i = 0; i < n; i++)
		m.part[i] = sn_net_tensor(c->net, roles[i], layer);
	return sn_cpu_matmul(c, &m, e);
}

static int layer(struct sn_cpu *c, uint32_t i, struct sn_err *e)
{
	static const enum sn_role qkv[] = { SN_W_Q, SN_W_K, SN_W_V }, o[] = { SN_W_O };
	static const enum sn_role gate_up[] = { SN_W_GATE, SN_W_UP }, down[] = { SN_W_DOWN };
	const struct sn_shape *s = &c->shape;
	int64_t start;
	int rc;

	if ((rc = norm(c, SN_W_ATTN_NORM, i, norm_item, e)) ||
			(rc = product(c, SN_STORE, i, 3, qkv, c->a, s->lda, c->big, s->ldb, e)))
		return rc;
	each_token(c, rope_item);
	start = sn_clock_mono();
	sn_cpu_attention(c);
	c->stats->attention += sn_clock_mono() - start;
	if ((rc = check_seqs(c, e)) ||
			(rc = product(c, SN_ADD, i, 1, o, c->a, s->lda, c->x, s->ldx, e)) ||
			(rc = norm(c, SN_W_FFN_NORM, i, norm_item, e)) ||
			(rc = product(c, SN_SWIGLU, i, 2, gate_up, c->a, s->lda, c->big, s->ldb, e)))
		return rc;
	return product(c, SN_ADD, i, 1, down, c->big, s->ldb, c->x, s->ldx, e);
}

uint64_t sn_cpu_layer_fma(const struct sn_config *f, uint64_t tokens, uint64_t pairs)
{
	uint64_t q = (uint64_t)f->n_heads * f->head_dim, kv = (uint64_t)f->n_kv_heads * f->head_dim;

	return tokens * f->hidden * (2 * q + 2 * kv + 3 * (uint64_t)f->ffn) + 2 * pairs * q;
}

int sn_cpu_run(struct sn_cpu *c, const struct sn_seq *seqs, size_t n,
	void (*tick)(void *, uint64_t), void *arg, struct sn_err *e)
{
	const struct sn_config *f = &c->net->cfg;
	int rc;

	c->tick = tick;
	c->tick_arg = arg;
	atomic_store(&c->bad_part, 1);
	if ((rc = sn_cpu_plan(c, seqs, n, e)))
		return rc;
	sn_stream_begin(c->stream);
	each_token(c, embed_item);
	sn_stream_embedded(c->stream);
	if (atomic_load(&c->bad_part) == 0)
		return sn_err(e, SN_ENO, "%s: a value is not finite",
			sn_net_tensor(c->net, SN_W_EMBED, 0)->name);
	for (uint32_t i = 0; i < f->n_layers; i++) {
		if ((rc = layer(c, i, e)))
			return rc;
		if (tick)
			tick(arg, c->layer_fma);
	}
	if ((rc = norm(c, SN_W_FINAL_NORM, 0, final_norm_item, e)) || (rc = sn_cpu_head(c, e)))
		return rc;
	return check_seqs(c, e);
}
