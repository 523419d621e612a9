/*
 * Verifying.  Everything is read again from the bytes on disk, and nothing is taken from
 * what another check found: the log segments by their chained checksums and their
 * checkpoints by the segment before, the snapshot ids from digests and times, each
 * shard's file by its name, each index entry by entry, each record by its digest and by
 * the rules for records.
 *
 * A defect does not end the check unless nothing can be read behind it.  What HEAD does
 * not name (a running writer's files, a killed one's) is no defect.
 */
#include <stdlib.h>
#include <unistd.h>

#include "dataset/writer.h"

struct check {
	const char *dir;
	void (*tell)(void *ctx, const char *line);
	void (*progress)(void *ctx, uint64_t rows);
	void *ctx;
	int defects;
	struct sn_state st;             /* what HEAD names */
	struct sn_state next;           /* the checkpoint of the segment behind */
	struct sn_snapshot *snap;       /* [snaps], oldest first */
	size_t snaps, cap;
	struct sn_set *set;             /* NULL when a shard could not be opened */
	struct sn_added *batch;         /* [n], of the snapshot that is being gathered */
	size_t n, room, at;
	uint64_t missing;               /* rows before this one may not have been seen */
	uint64_t rows;
};

static void defect(struct check *c, const struct sn_err *e)
{
	c->defects++;
	c->tell(c->ctx, e->msg);
}

#define DEFECT(c, ...) do { \
	struct sn_err e_; \
	sn_err(&e_, SN_ENO, __VA_ARGS__); \
	defect(c, &e_); \
} while (0)
#define LLU(x) ((unsigned long long)(x))

/* ---- the manifest ---- */

static int keep_checkpoint(void *ctx, const struct sn_state *st, struct sn_err *e)
{
	struct sn_state *to = ctx;

	sn_state_release(to);
	to->snap = st->snap;
	to->parts = st->parts;
	to->part = calloc(st->parts ? st->parts : 1, sizeof(*to->part));
	if (!to->part)
		return sn_err_mem(e);
	if (st->parts)
		memcpy(to->part, st->part, st->parts * sizeof(*to->part));
	return 0;
}

static int keep_snapshot(void *ctx, const struct sn_snapshot *s, struct sn_err *e)
{
	struct check *c = ctx;

	if (c->snaps == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 1024;
		struct sn_snapshot *p = reallocarray(c->snap, cap, sizeof(*p));

		if (!p)
			return sn_err_mem(e);
		c->snap = p;
		c->cap = cap;
	}
	c->snap[c->snaps++] = *s;
	return 0;
}

static bool same_state(const struct sn_state *a, const struct sn_state *b)
{
	return !memcmp(&a->snap, &b->snap, sizeof(a->snap)) && a->parts == b->parts &&
		(!a->parts || !memcmp(a->part, b->part, a->parts * sizeof(*a->part)));
}

/* Every segment, newest first for the links, then oldest first for the snapshots. */
static int check_log(struct check *c, struct sn_err *e)
{
	uint64_t n = c->st.head.segment, k;
	struct sn_segment_link *link = calloc(n + 1, sizeof(*link));
	struct sn_segment_tell back = { .ctx = &c->next, .checkpoint = keep_checkpoint };
	struct sn_segment_tell forth = { .ctx = c, .snapshot = keep_snapshot };
	struct sn_state st;
	int rc = 0;

	if (!link)
		return sn_err_mem(e);
	link[n] = (struct sn_segment_link){ c->st.head.length, c->st.head.sum };
	for (k = n; rc == 0 && k > 0; k--) {
		struct sn_state after = c->next;

		c->next = (struct sn_state){ 0 };
		rc = sn_manifest_segment(c->dir, k, link[k].length, link[k].sum, &st, &link[k - 1],
			&back, e);
		if (rc == 0 && k < n && !same_state(&st, &after))
			rc = sn_err(e, SN_ENO, "%s/log/%010llu: damaged: its checkpoint is not what "
				"the segment before leads to", c->dir, LLU(k + 1));
		sn_state_release(&st);
		sn_state_release(&after);
	}
	if (rc == 0 && (c->next.parts || link[0].length))
		rc = sn_err(e, SN_ENO, "%s/log/%010d: damaged: the first segment does not begin "
			"with the empty dataset", c->dir, 1);
	for (k = 1; rc == 0 && k <= n; k++) {
		rc = sn_manifest_segment(c->dir, k, link[k].length, link[k].sum, &st, NULL, &forth, e);
		sn_state_release(&st);
	}
	free(link);
	if (rc == SN_ENO) {
		defect(c, e);
		c->snaps = 0;   /* the history is not whole: no ids to compare */
		rc = 0;
	}
	return rc;
}

/* ---- shards ---- */

static void check_index(struct check *c, const struct sn_shard *s)
{
	const struct sn_footer *f = &s->f;
	const char *why = NULL;
	uint64_t k = 0, used = 0, end = f->dict ? f->dict + 8 : 0;
	int64_t first = INT64_MAX, last = INT64_MIN;

	for (uint64_t i = 0; i < f->n; i++) {
		if (s->at[i] >= s->at[i + 1])
			why = "positions of records do not rise";
		first = s->time[i] < first ? s->time[i] : first;
		last = s->time[i] > last ? s->time[i] : last;
	}
	if (s->at[0] != 0 || s->at[f->n] != f->raw)
		why = "positions of records do not fit";
	if (first != f->first || last != f->last)
		why = "times of records do not fit";
	for (k = 0; k < f->frames; k++)
		if (s->frame[k][0] >= s->frame[k + 1][0] || s->frame[k][1] >= s->frame[k + 1][1])
			why = "positions of frames do not rise";
	if (s->frame[0][0] != end || s->frame[0][1] != 0 || s->frame[f->frames][1] != f->n ||
	    (s->frame[f->frames][0] + 8 + 7) / 8 * 8ull != f->index)
		why = "positions of frames do not fit";
	for (k = 0; k < f->slots; k++)
		used += s->slot[k] != 0;
	if (used != f->n)
		why = "hash table does not fit";
	if (sn_shard_sum(s) != f->sum)
		why = "wrong checksum";
	if (why)
		DEFECT(c, "%s: index: %s", s->path, why);
}

static void check_name(struct check *c, const struct sn_shard *s)
{
	uint8_t got[SN_DIGEST];

	sn_sha256(s->map.p, s->map.size, got);
	if (memcmp(got, s->part.digest, SN_DIGEST))
		DEFECT(c, "%s: the file is not what its name says", s->path);
}

/* One record more; when its batch is whole, the id that it makes. */
static int gather(struct check *c, const uint8_t digest[SN_DIGEST], int64_t time, uint64_t row,
	struct sn_err *e)
{
	uint8_t id[SN_DIGEST];
	char hex[SN_DIGEST_HEX];

	while (c->at < c->snaps && row >= c->snap[c->at].records) {
		c->at++;
		c->n = 0;
	}
	if (c->at == c->snaps)
		return 0;
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 1024;
		struct sn_added *p = reallocarray(c->batch, room, sizeof(*p));

		if (!p)
			return sn_err_mem(e);
		c->batch = p;
		c->room = room;
	}
	memcpy(c->batch[c->n].digest, digest, SN_DIGEST);
	c->batch[c->n++].time = time;
	if (row + 1 < c->snap[c->at].records ||
	    c->missing > c->snap[c->at].records - c->snap[c->at].added)
		return 0;
	sn_snapshot_id(c->batch, c->n, c->snap[c->at].prev, id);
	if (memcmp(id, c->snap[c->at].id, SN_DIGEST))
		DEFECT(c, "%s: snapshot %s: not what its records' digests and times make", c->dir,
			sn_hex(c->snap[c->at].id, hex));
	return 0;
}

static int check_record(struct check *c, struct sn_unpack *u, struct sn_shard *s, uint64_t i,
	struct sn_err *e)
{
	uint8_t digest[SN_DIGEST], got[SN_DIGEST];
	uint64_t row = s->part.row + i;
	int64_t time;
	const char *p;
	size_t n;
	int rc = sn_unpack_get(u, s, i, &p, &n, e);

	sn_shard_digest(s, i, digest);
	if (rc == SN_ENO) {
		defect(c, e);
	} else if (rc < 0) {
		return rc;
	} else {
		sn_sha256(p, n, got);
		if (memcmp(digest, got, SN_DIGEST))
			DEFECT(c, "%s: record %llu is not what its digest names", s->path, LLU(i));
		else if (sn_record_check(p, n, s->path, i + 1, s->time[i], &time, e) < 0)
			defect(c, e);
		else if (time != s->time[i])
			DEFECT(c, "%s: record %llu: its time in the index is not its created_at",
				s->path, LLU(i));
	}
	if ((c->set ? sn_set_find(c->set, digest) - (int64_t)s->part.row : sn_shard_find(s, digest))
	    != (int64_t)i)
		DEFECT(c, "%s: record %llu cannot be found by its digest, or is there twice", s->path,
			LLU(i));
	if (c->progress && ++c->rows % 256 == 0)
		c->progress(c->ctx, c->rows);
	return gather(c, digest, s->time[i], row, e);
}

static int check_shard(struct check *c, struct sn_shard *s, struct sn_err *e)
{
	struct sn_unpack u = { 0 };
	int rc = 0;

	check_name(c, s);
	check_index(c, s);
	for (uint64_t i = 0; rc == 0 && i < s->f.n; i++)
		rc = check_record(c, &u, s, i, e);
	sn_unpack_release(&u);
	return rc;
}

/* All at once when they can be opened, since a lookup goes over all of them; else one by
 * one, so that each missing or misshapen one is named. */
static int check_shards(struct check *c, struct sn_err *e)
{
	char *dir = c->set ? NULL : sn_path(c->dir, "shards");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->st.parts; i++) {
		const struct sn_part *p = &c->st.part[i];
		struct sn_shard *s = NULL;

		if (c->set)
			s = sn_shard_hold(c->set->shard[i]);
		else if (!dir)
			return sn_err_mem(e);
		else
			rc = sn_shard_open(&s, dir, p, e);
		if (rc == SN_ENO || rc == SN_SHARD_GONE) {
			defect(c, e);
			c->missing = p->row + p->n;
			rc = 0;
		} else if (rc == 0) {
			rc = check_shard(c, s, e);
		}
		sn_shard_drop(s);
	}
	free(dir);
	return rc;
}

/* ---- all ---- */

/* HEAD and what it names.  1: go on; 0: HEAD or its log is damaged, and said so. */
static int load(struct check *c, struct sn_err *e)
{
	char *log = sn_path(c->dir, "log");
	struct sn_head h;
	int rc;

	if (!log)
		return sn_err_mem(e);
	for (;;) {
		rc = sn_manifest_read(c->dir, &c->st, e);
		if (rc == SN_EUSE && access(log, F_OK) == 0)
			rc = sn_err(e, SN_ENO, "%s/HEAD: missing", c->dir);
		if (rc < 0)
			break;
		rc = sn_set_open(&c->set, c->dir, &c->st, NULL, e);
		if (rc == 0 || rc != SN_SHARD_GONE ||
		    sn_manifest_head(c->dir, &h, NULL) < 0 || h.generation == c->st.head.generation) {
			rc = rc == SN_SHARD_GONE || rc == SN_ENO || rc == 0 ? 1 : rc;
			break;
		}
		sn_state_release(&c->st);       /* a repack went by: look again */
	}
	free(log);
	if (rc == SN_ENO) {
		defect(c, e);
		rc = 0;
	}
	return rc;
}

int sn_dataset_verify(const char *dir, void (*tell)(void *ctx, const char *line),
	void (*progress)(void *ctx, uint64_t rows), void *ctx, struct sn_snapshot *newest,
	struct sn_err *e)
{
	struct check c = { .dir = dir, .tell = tell, .progress = progress, .ctx = ctx };
	struct sn_err local;
	int rc;

	e = e ? e : &local;
	rc = load(&c, e);
	*newest = c.st.snap;
	if (rc > 0) {
		rc = check_log(&c, e);
		if (rc == 0)
			rc = check_shards(&c, e);
	}
	sn_set_drop(c.set);
	sn_state_release(&c.st);
	sn_state_release(&c.next);
	free(c.snap);
	free(c.batch);
	return rc < 0 ? rc : c.defects;
}
