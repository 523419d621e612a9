/*
 * The reference: SCORING section 3 and numerics.h as plain loops, one token after
 * another, one operation a line where order matters.  It is slow, and it is the judge:
 * every kernel must give its bits.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/elem.h"
#include "infer/net.h"
#include "infer/numerics.h"
#include "util/buf.h"

/* A matrix [rows, cols], widened; a vector has one row. */
struct mat {
	size_t rows, cols;
	float *p;
};

struct state {
	const struct sn_net *net;
	enum sn_numerics numerics;
	const struct sn_seq *seq;
	size_t index;                   /* the sequence's, for messages */
	size_t *bad;
	struct sn_err *e;
	struct mat w[SN_ROLES];
	float *x;                       /* [n, hidden] */
	float *k, *v;                   /* [n, kv_heads * head_dim] */
	float *cos, *sin;               /* [n, head_dim/2] */
	float *y, *q, *att, *g, *u;     /* one token's */
	float *logits;                  /* one tile of them */
};

static int not_finite(struct state *s)
{
	*s->bad = s->index;
	return sn_err(s->e, SN_ENO, "sequence %zu: a value is not finite", s->index);
}

/* to bf16, ties to even; a NaN stays one, a denormal becomes a zero */
static float bf16(float x)
{
	uint32_t b;

	if (isnan(x))
		return x;
	memcpy(&b, &x, 4);
	b = (b + 0x7fff + (b >> 16 & 1)) & 0xffff0000;
	memcpy(&x, &b, 4);
	return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

static int load(struct state *s, enum sn_role role, uint32_t layer)
{
	const struct sn_tensor *t = sn_net_tensor(s->net, role, layer);
	struct mat *m = &s->w[role];

	m->rows = t->ndim == 1 ? 1 : t->shape[0];
	m->cols = t->shape[t->ndim - 1];
	free(m->p);
	m->p = calloc(m->rows * m->cols, sizeof(float));
	if (!m->p)
		return sn_err_mem(s->e);
	for (size_t r = 0; r < m->rows; r++)
		sn_widen(t, r, 0, m->cols, m->p + r * m->cols);
	for (size_t i = 0; i < m->rows * m->cols; i++) {
		if (s->numerics == SN_BF16_FAST && t->ndim > 1)
			m->p[i] = bf16(m->p[i]);
		if (!isfinite(m->p[i]))
			return sn_err(s->e, SN_ENO, "%s: a value is not finite", t->name);
	}
	return 0;
}

/* one chain over k ascending */
static float chain(const float *x, const float *w, size_t n)
{
	float acc = 0;

	for (size_t k = 0; k < n; k++)
		acc = __builtin_fmaf(x[k], w[k], acc);
	return acc;
}

/* fma, denormal results flushed: those that 24 bits do not round to FLT_MIN */
static float flushed_fma(float a, float b, float c)
{
	double product = (double)a * b, sum = product + c;
	double lost = fabs(product) > fabs(c) ? c - (sum - product) : product - (sum - c);
	double edge = FLT_MIN - 0x1p-151;

	if (sum < 0)
		sum = -sum, lost = -lost;
	if (sum < edge || (sum == edge && lost < 0))
		return product + c < 0 ? -0.0f : sum == 0 ? (float)(product + c) : 0;
	return __builtin_fmaf(a, b, c);
}

/* bf16-fast: pair by pair, the second of each first; both are bf16 already */
static float chain_pairs(const float *x, const float *w, size_t n)
{
	float acc = 0;

	for (size_t k = 0; k < n; k += 2) {
		acc = k + 1 < n ? flushed_fma(x[k + 1], w[k + 1], acc) : flushed_fma(0, 0, acc);
		acc = flushed_fma(x[k], w[k], acc);
	}
	return acc;
}

static float product(const struct state *s, const float *x, const float *w, size_t n)
{
	return s->numerics == SN_BF16_FAST ? chain_pairs(x, w, n) : chain(x, w, n);
}

/* what goes into a matmul */
static void input(const struct state *s, float *x, size_t n)
{
	for (size_t i = 0; i < n && s->numerics == SN_BF16_FAST; i++)
		x[i] = bf16(x[i]);
}

static void matmul(const struct state *s, enum sn_role role, const float *x, float *y)
{
	const struct mat *m = &s->w[role];

	for (size_t r = 0; r < m->rows; r++)
		y[r] = product(s, x, m->p + r * m->cols, m->cols);
}

static float combine(float lane[SN_LANES])
{
	for (int step = SN_LANES / 2; step; step /= 2)
		for (int i = 0; i < step; i++)
			lane[i] += lane[i + step];
	return lane[0];
}

static float lane_sum(const float *p, size_t n)
{
	float lane[SN_LANES] = { 0 };

	for (size_t i = 0; i < n; i++)
		lane[i % SN_LANES] += p[i];
	return combine(lane);
}

static int norm(const float *x, const float *w, size_t n, float eps, float *y)
{
	float lane[SN_LANES] = { 0 }, ss, r;

	for (size_t i = 0; i < n; i++)
		lane[i % SN_LANES] = __builtin_fmaf(x[i], x[i], lane[i % SN_LANES]);
	ss = combine(lane);
	r = 1.0f / sqrtf(ss / (float)n + eps);
	for (size_t i = 0; i < n; i++)
		y[i] = (x[i] * r) * w[i];
	return isfinite(ss) && isfinite(r);
}

static void rope(float *x, const float *cos, const float *sin, size_t half)
{
	for (size_t i = 0; i < half; i++) {
		float x1 = x[i], x2 = x[i + half];

		x[i] = __builtin_fmaf(x1, cos[i], -(x2 * sin[i]));
		x[i + half] = __builtin_fmaf(x2, cos[i], x1 * sin[i]);
	}
}

/* The online softmax's m and l take n more values; p gets exp(s - m'), and what was
 * summed before is to be multiplied by the result. */
static float rescale(const float *s, size_t n, float *m, float *l, float *p, int first)
{
	float top = *m, c;

	for (size_t i = 0; i < n; i++)
		top = s[i] > top ? s[i] : top;
	c = first ? 0 : sn_expf(*m - top);
	for (size_t i = 0; i < n; i++)
		p[i] = sn_expf(s[i] - top);
	*l = __builtin_fmaf(*l, c, lane_sum(p, n));
	*m = top;
	return c;
}

/* One head of one query at position pos; q and out are [head_dim], k and v the
 * head's columns of the first position, `step' floats to the next. */
static int attend(const float *q, const float *k, const float *v, size_t step, uint32_t pos,
	size_t dim, float scale, float *out)
{
	float m = -INFINITY, l = 0, s[SN_KEY_BLOCK], p[SN_KEY_BLOCK];

	memset(out, 0, dim * sizeof(*out));
	for (uint32_t at = 0; at <= pos; at += SN_KEY_BLOCK) {
		uint32_t n = pos + 1 - at < SN_KEY_BLOCK ? pos + 1 - at : SN_KEY_BLOCK;
		float c;

		for (uint32_t j = 0; j < n; j++) {
			s[j] = chain(q, k + (at + j) * step, dim) * scale;
			if (!isfinite(s[j]))
				return 0;
		}
		c = rescale(s, n, &m, &l, p, at == 0);
		for (size_t d = 0; d < dim; d++) {
			out[d] *= c;
			for (uint32_t j = 0; j < n; j++)
				out[d] = __builtin_fmaf(p[j], v[(at + j) * step + d], out[d]);
		}
	}
	for (size_t d = 0; d < dim; d++)
		out[d] /= l;
	return 1;
}

static int layer(struct state *s, uint32_t layer_index)
{
	const struct sn_config *c = &s->net->cfg;
	size_t dim = c->head_dim, half = dim / 2, kv = c->n_kv_heads * dim;
	size_t share = c->n_heads / c->n_kv_heads;
	float scale = sn_attention_scale(c);
	int rc;

	for (int role = SN_W_ATTN_NORM; role < SN_ROLES; role++)
		if ((rc = load(s, role, layer_index)))
			return rc;
	for (uint32_t t = 0; t < s->seq->n; t++) {
		float *x = s->x + t * (size_t)c->hidden;

		if (!norm(x, s->w[SN_W_ATTN_NORM].p, c->hidden, c->rms_eps, s->y))
			return not_finite(s);
		input(s, s->y, c->hidden);
		matmul(s, SN_W_Q, s->y, s->q);
		matmul(s, SN_W_K, s->y, s->k + t * kv);
		matmul(s, SN_W_V, s->y, s->v + t * kv);
		for (size_t h = 0; h < c->n_heads; h++)
			rope(s->q + h * dim, s->cos + t * half, s->sin + t * half, half);
		for (size_t h = 0; h < c->n_kv_heads; h++)
			rope(s->k + t * kv + h * dim, s->cos + t * half, s->sin + t * half, half);
		for (size_t h = 0; h < c->n_heads; h++)
			if (!attend(s->q + h * dim, s->k + h / share * dim, s->v + h / share * dim,
					kv, t, dim, scale, s->att + h * dim))
				return not_finite(s);
		input(s, s->att, c->n_heads * dim);
		matmul(s, SN_W_O, s->att, s->y);
		for (size_t i = 0; i < c->hidden; i++)
			x[i] += s->y[i];
		if (!norm(x, s->w[SN_W_FFN_NORM].p, c->hidden, c->rms_eps, s->y))
			return not_finite(s);
		input(s, s->y, c->hidden);
		matmul(s, SN_W_GATE, s->y, s->g);
		matmul(s, SN_W_UP, s->y, s->u);
		for (size_t i = 0; i < c->ffn; i++)
			s->g[i] = (s->g[i] * sn_sigmoidf(s->g[i])) * s->u[i];
		input(s, s->g, c->ffn);
		matmul(s, SN_W_DOWN, s->g, s->y);
		for (size_t i = 0; i < c->hidden; i++)
			x[i] += s->y[i];
	}
	return 0;
}

static void top_ten(struct sn_pos *o, uint32_t id, float logit)
{
	int i = SN_TOP;

	while (i > 0 && logit > o->top[i - 1])
		i--;
	if (i == SN_TOP)
		return;
	memmove(o->top + i + 1, o->top + i, (size_t)(SN_TOP - 1 - i) * sizeof(*o->top));
	memmove(o->top_id + i + 1, o->top_id + i, (size_t)(SN_TOP - 1 - i) * sizeof(*o->top_id));
	o->top[i] = logit;
	o->top_id[i] = id;
}

/* y is the position after the final norm */
static int logits(struct state *s, const float *y, uint32_t target, struct sn_pos *o)
{
	const struct mat *w = &s->w[SN_W_HEAD];
	float m = -INFINITY, l = 0;

	for (int i = 0; i < SN_TOP; i++) {
		o->top[i] = -FLT_MAX;
		o->top_id[i] = UINT32_MAX;
	}
	for (size_t at = 0; at < w->rows; at += SN_VOCAB_TILE) {
		size_t n = w->rows - at < SN_VOCAB_TILE ? w->rows - at : SN_VOCAB_TILE;

		for (size_t j = 0; j < n; j++) {
			float z = product(s, y, w->p + (at + j) * w->cols, w->cols);

			if (!isfinite(z))
				return not_finite(s);
			if (at + j == target)
				o->logit = z;
			top_ten(o, (uint32_t)(at + j), z);
			s->logits[j] = z;
		}
		rescale(s->logits, n, &m, &l, s->logits, at == 0);
	}
	o->lse = sn_lse(m, l);
	return 0;
}

static int forward(struct state *s)
{
	const struct sn_config *c = &s->net->cfg;
	const struct sn_tensor *embed = sn_net_tensor(s->net, SN_W_EMBED, 0);
	const struct sn_seq *q = s->seq;
	int rc;

	for (uint32_t t = 0; t < q->n; t++) {
		float *x = s->x + t * (size_t)c->hidden;

		sn_widen(embed, q->tok[t], 0, c->hidden, x);
		for (size_t i = 0; i < c->hidden; i++)
			if (!isfinite(x[i]))
				return sn_err(s->e, SN_ENO, "%s: a value is not finite", embed->name);
	}
	for (uint32_t i = 0; i < c->n_layers; i++)
		if ((rc = layer(s, i)))
			return rc;
	if ((rc = load(s, SN_W_FINAL_NORM, 0)) || (q->count && (rc = load(s, SN_W_HEAD, 0))))
		return rc;
	for (uint32_t t = 0; t < q->n; t++) {
		if (!norm(s->x + t * (size_t)c->hidden, s->w[SN_W_FINAL_NORM].p, c->hidden,
				c->rms_eps, s->y))
			return not_finite(s);
		if (t < q->first || t - q->first >= q->count)
			continue;
		input(s, s->y, c->hidden);
		rc = logits(s, s->y, q->target[t - q->first], &q->out[t - q->first]);
		if (rc)
			return rc;
	}
	return 0;
}

int sn_ref_run(const struct sn_net *net, enum sn_numerics numerics, const struct sn_seq *seq,
	size_t index, size_t *bad, struct sn_err *e)
{
	const struct sn_config *c = &net->cfg;
	size_t dim = c->head_dim, n = seq->n;
	struct state s = { .net = net, .numerics = numerics, .seq = seq, .index = index,
		.bad = bad, .e = e };
	struct { float **p; size_t rows, cols; } part[] = {
		{ &s.x, n, c->hidden },
		{ &s.k, n, c->n_kv_heads * dim }, { &s.v, n, c->n_kv_heads * dim },
		{ &s.cos, n, dim / 2 }, { &s.sin, n, dim / 2 },
		{ &s.y, 1, c->hidden }, { &s.q, c->n_heads, dim }, { &s.att, c->n_heads, dim },
		{ &s.g, 1, c->ffn }, { &s.u, 1, c->ffn }, { &s.logits, 1, SN_VOCAB_TILE },
	};
	size_t parts = sizeof(part) / sizeof(*part);
	int rc = 0;

	for (size_t i = 0; i < parts; i++)
		if (!(*part[i].p = calloc(part[i].rows * part[i].cols, sizeof(float))))
			rc = sn_err_mem(e);
	if (!rc) {
		sn_rope_tables(c, seq->n, s.cos, s.sin);
		rc = forward(&s);
	}
	for (size_t i = 0; i < parts; i++)
		free(*part[i].p);
	for (int i = 0; i < SN_ROLES; i++)
		free(s.w[i].p);
	return rc;
}
