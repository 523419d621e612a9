/* Views: counted, immutable snapshots over mapped shards; rows and their bytes. */
#include "dataset/set.h"

#include <stdlib.h>

int sn_set_open(struct sn_set **pset, const char *dir, const struct sn_state *st,
	const struct sn_set *old, struct sn_err *e)
{
	struct sn_set *set = calloc(1, sizeof(*set));
	char *shards = sn_path(dir, "shards");
	size_t k = 0;
	int rc = 0;

	*pset = NULL;
	if (set)
		set->shard = calloc(st->parts ? st->parts : 1, sizeof(*set->shard));
	if (!set || !set->shard || !shards) {
		free(set);
		free(shards);
		return sn_err_mem(e);
	}
	atomic_init(&set->refs, 1);
	set->head = st->head;
	set->snap = st->snap;
	for (size_t i = 0; rc == 0 && i < st->parts; i++) {
		const struct sn_part *p = &st->part[i];

		while (old && k < old->n && old->shard[k]->part.row < p->row)
			k++;
		if (old && k < old->n && !memcmp(old->shard[k]->part.digest, p->digest, SN_DIGEST))
			set->shard[set->n++] = sn_shard_hold(old->shard[k]);
		else if ((rc = sn_shard_open(&set->shard[set->n], shards, p, e)) == 0)
			set->n++;
	}
	free(shards);
	if (rc < 0)
		sn_set_drop(set);
	else
		*pset = set;
	return rc;
}

struct sn_set *sn_set_hold(struct sn_set *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void sn_set_drop(struct sn_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < set->n; i++)
		sn_shard_drop(set->shard[i]);
	free(set->shard);
	free(set);
}

int sn_set_read(struct sn_set **set, const char *dir, const struct sn_set *old,
	struct sn_state *st, struct sn_err *e)
{
	uint64_t generation = 0;
	int rc;

	for (;;) {
		rc = sn_manifest_read(dir, st, e);
		if (rc == 0)
			rc = sn_set_open(set, dir, st, old, e);
		if (rc == 0)
			return 0;
		if (rc != SN_SHARD_GONE || st->head.generation == generation)
			break;
		generation = st->head.generation;
		sn_state_release(st);
	}
	sn_state_release(st);
	return rc == SN_SHARD_GONE ? SN_ENO : rc;
}

struct sn_shard *sn_set_shard(const struct sn_set *set, uint64_t row)
{
	size_t lo = 0, hi = set->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (set->shard[mid]->part.row <= row)
			lo = mid;
		else
			hi = mid;
	}
	return set->shard[lo];
}

int64_t sn_set_find(const struct sn_set *set, const uint8_t digest[SN_DIGEST])
{
	for (size_t i = set->n; i-- > 0; ) {
		int64_t k = sn_shard_find(set->shard[i], digest);

		if (k >= 0)
			return (int64_t)set->shard[i]->part.row + k;
	}
	return -1;
}

/* ---- views ---- */

struct sn_view *sn_view_new(struct sn_set *set, const struct sn_snapshot *snap)
{
	struct sn_view *v = malloc(sizeof(*v));

	if (v) {
		atomic_init(&v->refs, 1);
		v->set = sn_set_hold(set);
		v->snap = *snap;
	}
	return v;
}

struct sn_view *sn_view_hold(struct sn_view *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void sn_view_drop(struct sn_view *v)
{
	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	sn_set_drop(v->set);
	free(v);
}

const struct sn_snapshot *sn_view_snapshot(const struct sn_view *v)
{
	return &v->snap;
}

void sn_view_storage(const struct sn_view *v, struct sn_storage *s)
{
	*s = (struct sn_storage){ .shards = v->set->n };
	for (size_t i = 0; i < v->set->n; i++)
		s->bytes += v->set->shard[i]->part.size;
}

int64_t sn_view_time(const struct sn_view *v, uint64_t row)
{
	const struct sn_shard *s = sn_set_shard(v->set, row);

	return s->time[row - s->part.row];
}

void sn_view_digest(const struct sn_view *v, uint64_t row, uint8_t out[SN_DIGEST])
{
	const struct sn_shard *s = sn_set_shard(v->set, row);

	sn_shard_digest(s, row - s->part.row, out);
}

int64_t sn_view_row(const struct sn_view *v, const uint8_t digest[SN_DIGEST])
{
	int64_t row = sn_set_find(v->set, digest);

	return row >= 0 && (uint64_t)row < v->snap.records ? row : -1;
}

/* ---- reader ---- */

/* It holds the shard whose frame it keeps, so that a new one cannot take its address. */
struct sn_reader {
	struct sn_unpack u;
	struct sn_shard *held;
};

int sn_reader_new(struct sn_reader **r, struct sn_err *e)
{
	*r = calloc(1, sizeof(**r));
	return *r ? 0 : sn_err_mem(e);
}

void sn_reader_free(struct sn_reader *r)
{
	if (!r)
		return;
	sn_unpack_release(&r->u);
	sn_shard_drop(r->held);
	free(r);
}

int sn_reader_get(struct sn_reader *r, const struct sn_view *v, uint64_t row,
	const char **p, size_t *len, struct sn_err *e)
{
	uint8_t want[SN_DIGEST], got[SN_DIGEST];
	struct sn_shard *s;
	int rc;

	if (row >= v->snap.records)
		return sn_err(e, SN_EUSE, "row %llu of a snapshot of %llu records",
			(unsigned long long)row, (unsigned long long)v->snap.records);
	s = sn_set_shard(v->set, row);
	if (r->held != s) {
		sn_shard_drop(r->held);
		r->held = sn_shard_hold(s);
		r->u.shard = NULL;
	}
	row -= s->part.row;
	rc = sn_unpack_get(&r->u, s, row, p, len, e);
	if (rc < 0)
		return rc;
	sn_sha256(*p, *len, got);
	sn_shard_digest(s, row, want);
	if (memcmp(got, want, SN_DIGEST))
		return sn_err(e, SN_ENO, "%s: damaged: record %llu is not what its digest names",
			s->path, (unsigned long long)row);
	return 0;
}
