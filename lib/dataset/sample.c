/*
 * Samples (DESIGN, section 5), without sorting the dataset: the index's columns are
 * gone through in blocks; what lies in the window is gathered, ranked side by side, and
 * offered to one heap for each side that keeps the n lowest.  Once a heap is full nearly
 * all is turned away by one comparison with its top.  Either side may have to fill in
 * for the other, so each keeps n.
 */
#include "dataset/set.h"

#include <stdlib.h>

#include "dataset/rank.h"
#include "util/clock.h"

#define BLOCK 1024

int sn_sample_bound(const char *text, bool last, int64_t *sec, struct sn_err *e)
{
	int day, rc = sn_date_any(text, sec, &day, e);

	if (rc == 0 && day && last)
		*sec += 86399;
	return rc;
}

int sn_sample_seed(const char *name, const char *end, struct sn_buf *seed, struct sn_err *e)
{
	sn_buf_str(seed, name);
	sn_buf_chr(seed, '/');
	sn_buf_str(seed, end);
	return sn_buf_ok(seed, "seed", e);
}

/* The `most' lowest picks offered so far, the highest of them on top. */
struct heap {
	const struct sn_view *v;
	struct sn_pick *pick;
	size_t n, cap, most;
	uint64_t limit;         /* a higher rank has no place in it */
};

static int compare(const struct sn_view *v, const struct sn_pick *a, const struct sn_pick *b)
{
	uint8_t x[SN_DIGEST], y[SN_DIGEST];

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->row == b->row)
		return 0;
	sn_view_digest(v, a->row, x);
	sn_view_digest(v, b->row, y);
	return memcmp(x, y, SN_DIGEST);
}

static int by_rank(const void *a, const void *b, void *v)
{
	return compare(v, a, b);
}

static void sift_up(struct heap *h, size_t i)
{
	struct sn_pick x = h->pick[i];

	for (; i && compare(h->v, &h->pick[(i - 1) / 2], &x) < 0; i = (i - 1) / 2)
		h->pick[i] = h->pick[(i - 1) / 2];
	h->pick[i] = x;
}

static void sift_down(struct heap *h, struct sn_pick x)
{
	size_t i = 0, k;

	for (; (k = 2 * i + 1) < h->n; i = k) {
		if (k + 1 < h->n && compare(h->v, &h->pick[k], &h->pick[k + 1]) < 0)
			k++;
		if (compare(h->v, &h->pick[k], &x) < 0)
			break;
		h->pick[i] = h->pick[k];
	}
	h->pick[i] = x;
}

static bool offer(struct heap *h, uint64_t rank, uint64_t row)
{
	struct sn_pick x = { rank, row };

	if (h->n == h->most) {
		if (h->n && compare(h->v, &x, &h->pick[0]) < 0) {
			sift_down(h, x);
			h->limit = h->pick[0].rank;
		}
		return true;
	}
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 4096;
		struct sn_pick *p = reallocarray(h->pick, cap, sizeof(*p));

		if (!p)
			return false;
		h->pick = p;
		h->cap = cap;
	}
	h->pick[h->n++] = x;
	sift_up(h, h->n - 1);
	if (h->n == h->most)
		h->limit = h->pick[0].rank;
	return true;
}

struct range { int64_t start, end, edge; };

/* Rows [0, n) of one shard to the two heaps: side[1] is the recent one. */
static bool scan(const struct sn_shard *s, uint64_t n, const struct range *r,
	const uint8_t key[16], struct heap side[2])
{
	uint64_t head[BLOCK + SN_RANK_LANES], rank[BLOCK + SN_RANK_LANES];
	uint16_t in[BLOCK + 1];

	for (uint64_t base = 0; base < n; base += BLOCK) {
		const int64_t *t = s->time + base;
		const uint64_t *h = s->head + base;
		size_t k = 0, m = n - base < BLOCK ? n - base : BLOCK;

		for (size_t i = 0; i < m; i++) {
			in[k] = (uint16_t)i;
			head[k] = h[i];
			k += (t[i] >= r->start) & (t[i] <= r->end);
		}
		for (size_t i = k; i % SN_RANK_LANES; i++)
			head[i] = 0;
		sn_rank(key, head, rank, k);
		for (size_t i = 0; i < k; i++) {
			struct heap *to = &side[t[in[i]] > r->edge];

			if (rank[i] <= to->limit && !offer(to, rank[i],
			    s->part.row + base + in[i]))
				return false;
		}
	}
	return true;
}

/* The lowest of each side, the shares and shortfalls settled, into one sorted list. */
static int settle(struct heap side[2], const struct sn_sample *s, struct sn_pick **picks,
	size_t *n, struct sn_err *e)
{
	size_t have[2] = { side[0].n, side[1].n }, take[2];
	uint64_t share = (uint64_t)((unsigned __int128)s->n * s->num / s->den);
	struct sn_pick *p;

	take[1] = have[1] < share ? have[1] : share;
	take[0] = have[0] < s->n - take[1] ? have[0] : s->n - take[1];
	take[1] = have[1] < s->n - take[0] ? have[1] : s->n - take[0];
	p = calloc(take[0] + take[1] + 1, sizeof(*p));
	if (!p)
		return sn_err_mem(e);
	for (int i = 0; i < 2; i++) {
		if (take[i] < have[i])
			qsort_r(side[i].pick, have[i], sizeof(*p), by_rank, (void *)(uintptr_t)side[i].v);
		if (take[i])
			memcpy(p + (i ? take[0] : 0), side[i].pick, take[i] * sizeof(*p));
	}
	*n = take[0] + take[1];
	qsort_r(p, *n, sizeof(*p), by_rank, (void *)(uintptr_t)side[0].v);
	*picks = p;
	return 0;
}

int sn_view_sample(const struct sn_view *v, const struct sn_sample *s, struct sn_pick **picks,
	size_t *n, struct sn_err *e)
{
	uint64_t most = s->n < v->snap.records ? s->n : v->snap.records;
	struct heap side[2] = { { v, NULL, 0, 0, most, UINT64_MAX },
		{ v, NULL, 0, 0, most, UINT64_MAX } };
	struct range r = { s->start, s->end, INT64_MIN };
	uint8_t digest[SN_DIGEST];
	int rc = 0;

	*picks = NULL;
	*n = 0;
	if (s->end < s->start)
		return sn_err(e, SN_EUSE, "the sample's end is before its start");
	if (!s->den || s->num > s->den)
		return sn_err(e, SN_EUSE, "the sample's recent share is not between 0 and 1");
	if (s->window < (uint64_t)s->end - (uint64_t)INT64_MIN)
		r.edge = (int64_t)((uint64_t)s->end - s->window);
	sn_sha256(s->seed, s->seed_len, digest);
	for (size_t i = 0; rc == 0 && i < v->set->n; i++) {
		const struct sn_shard *sh = v->set->shard[i];
		uint64_t rows = v->snap.records - sh->part.row;

		if (v->snap.records <= sh->part.row)
			break;
		if (sh->part.last < s->start || sh->part.first > s->end)
			continue;
		if (!scan(sh, rows < sh->part.n ? rows : sh->part.n, &r, digest, side))
			rc = sn_err_mem(e);
	}
	if (rc == 0)
		rc = settle(side, s, picks, n, e);
	free(side[0].pick);
	free(side[1].pick);
	return rc;
}
