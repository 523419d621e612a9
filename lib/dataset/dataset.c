/*
 * An open dataset: the current set of shards behind a lock that is held for a pointer's
 * time only.  A refresh is made by one thread at a time, and the others go on with what
 * there is rather than wait.  HEAD is read, not stat'ed: it is one small file, and two
 * seals within a clock tick can leave the same inode number and time behind.
 */
#include "dataset/set.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct sn_dataset {
	char *dir, *name;
	pthread_mutex_t refreshing;     /* one thread looks for something new */
	pthread_mutex_t lock;           /* of what follows */
	struct sn_set *set;
	struct {
		int64_t sec;
		uint64_t generation;    /* of the set that was asked; 0: nothing kept */
		struct sn_snapshot snap;
	} before;                       /* the last answer of sn_dataset_before() */
};

int sn_dataset_open(struct sn_dataset **pd, const char *dir, struct sn_err *e)
{
	struct sn_dataset *d = calloc(1, sizeof(*d));
	struct sn_state st = { 0 };
	char *real;
	int rc;

	*pd = NULL;
	if (!d)
		return sn_err_mem(e);
	pthread_mutex_init(&d->refreshing, NULL);
	pthread_mutex_init(&d->lock, NULL);
	d->dir = strdup(dir);
	if (!d->dir) {
		rc = sn_err_mem(e);
		goto fail;
	}
	rc = sn_set_read(&d->set, dir, NULL, &st, e);
	if (rc < 0)
		goto fail;
	real = realpath(dir, NULL);
	if (!real) {
		rc = sn_err_sys(e, "cannot resolve %s", dir);
		goto fail;
	}
	d->name = strdup(real[1] ? strrchr(real, '/') + 1 : real);
	free(real);
	if (!d->name) {
		rc = sn_err_mem(e);
		goto fail;
	}
	sn_state_release(&st);
	*pd = d;
	return 0;
fail:
	sn_state_release(&st);
	sn_dataset_close(d);
	return rc;
}

void sn_dataset_close(struct sn_dataset *d)
{
	if (!d)
		return;
	sn_set_drop(d->set);
	pthread_mutex_destroy(&d->refreshing);
	pthread_mutex_destroy(&d->lock);
	free(d->name);
	free(d->dir);
	free(d);
}

const char *sn_dataset_dir(const struct sn_dataset *d) { return d->dir; }
const char *sn_dataset_name(const struct sn_dataset *d) { return d->name; }

static struct sn_set *current(struct sn_dataset *d)
{
	struct sn_set *set;

	pthread_mutex_lock(&d->lock);
	set = sn_set_hold(d->set);
	pthread_mutex_unlock(&d->lock);
	return set;
}

int sn_dataset_refresh(struct sn_dataset *d, bool *changed, struct sn_err *e)
{
	struct sn_set *set, *was;
	struct sn_state st;
	struct sn_head h;
	int rc;

	if (changed)
		*changed = false;
	if (pthread_mutex_trylock(&d->refreshing) != 0)
		return 0;
	rc = sn_manifest_head(d->dir, &h, e);
	/* only this thread replaces d->set while it holds `refreshing' */
	if (rc == 0 && (h.generation != d->set->head.generation || h.sum != d->set->head.sum)) {
		rc = sn_set_read(&set, d->dir, d->set, &st, e);
		if (rc == 0) {
			pthread_mutex_lock(&d->lock);
			was = d->set;
			d->set = set;
			pthread_mutex_unlock(&d->lock);
			sn_set_drop(was);
			sn_state_release(&st);
			if (changed)
				*changed = true;
		}
	}
	pthread_mutex_unlock(&d->refreshing);
	return rc;
}

static int view(struct sn_view **v, struct sn_set *set, const struct sn_snapshot *snap,
	struct sn_err *e)
{
	*v = sn_view_new(set, snap);
	return *v ? 0 : sn_err_mem(e);
}

struct sn_view *sn_dataset_newest(struct sn_dataset *d)
{
	struct sn_set *set = current(d);
	struct sn_view *v = sn_view_new(set, &set->snap);

	sn_set_drop(set);
	return v;
}

/* ---- history ---- */

/* Look through the segments from the newest back until `fn' has found what it is after;
 * each segment is read when it is reached. */
struct search {
	int (*fn)(struct search *s, const struct sn_snapshot *snap);    /* 1: take it */
	const uint8_t *id;
	int64_t sec;
	bool found;
	struct sn_snapshot snap;
};

static int consider(void *ctx, const struct sn_snapshot *snap, struct sn_err *e)
{
	struct search *s = ctx;

	if (s->fn(s, snap)) {
		s->found = true;
		s->snap = *snap;
	}
	return 0;
}

static int search(const char *dir, const struct sn_head *head, struct search *s, struct sn_err *e)
{
	struct sn_segment_tell tell = { consider, s };
	struct sn_segment_link link = { head->length, head->sum };
	int rc = 0;

	for (uint64_t k = head->segment; rc == 0 && k > 0 && !s->found; k--) {
		struct sn_segment_link at = link;
		struct sn_state st;

		rc = sn_manifest_segment(dir, k, at.length, at.sum, &st, &link, &tell, e);
		sn_state_release(&st);
	}
	return rc;
}

static int by_id(struct search *s, const struct sn_snapshot *snap)
{
	return !memcmp(snap->id, s->id, SN_DIGEST);
}

static int by_time(struct search *s, const struct sn_snapshot *snap)
{
	return snap->sealed < s->sec;
}

int sn_dataset_find(struct sn_dataset *d, const uint8_t id[SN_DIGEST], struct sn_view **v,
	struct sn_err *e)
{
	struct sn_set *set = current(d);
	struct search s = { .fn = by_id, .id = id };
	char hex[SN_DIGEST_HEX];
	int rc = 0;

	*v = NULL;
	if (set->snap.number && by_id(&s, &set->snap)) {
		s.found = true;
		s.snap = set->snap;
	} else {
		rc = search(d->dir, &set->head, &s, e);
	}
	if (rc == 0 && !s.found)
		rc = sn_err(e, SN_ENO, "%s: no snapshot %s", d->dir, sn_hex(id, hex));
	if (rc == 0)
		rc = view(v, set, &s.snap, e);
	sn_set_drop(set);
	return rc;
}

int sn_dataset_before(struct sn_dataset *d, int64_t sec, struct sn_view **v, struct sn_err *e)
{
	struct sn_set *set = current(d);
	struct search s = { .fn = by_time, .sec = sec, .snap = set->snap };
	bool kept;
	int rc = 0;

	*v = NULL;
	pthread_mutex_lock(&d->lock);
	kept = d->before.generation == set->head.generation && d->before.sec == sec;
	if (kept)
		s.snap = d->before.snap;
	pthread_mutex_unlock(&d->lock);
	if (!kept && set->snap.sealed >= sec)
		rc = search(d->dir, &set->head, &s, e);
	if (rc == 0 && !kept) {
		pthread_mutex_lock(&d->lock);
		d->before.sec = sec;
		d->before.generation = set->head.generation;
		d->before.snap = s.snap;
		pthread_mutex_unlock(&d->lock);
	}
	if (rc == 0)
		rc = view(v, set, &s.snap, e);
	sn_set_drop(set);
	return rc;
}

struct each {
	int (*fn)(void *ctx, const struct sn_snapshot *s, struct sn_err *e);
	void *ctx;
};

static int pass(void *ctx, const struct sn_snapshot *snap, struct sn_err *e)
{
	struct each *each = ctx;

	return each->fn(each->ctx, snap, e);
}

int sn_dataset_each(struct sn_dataset *d, int (*fn)(void *ctx, const struct sn_snapshot *s,
	struct sn_err *e), void *ctx, struct sn_err *e)
{
	struct sn_set *set = current(d);
	struct each each = { fn, ctx };
	struct sn_segment_tell tell = { pass, &each };
	uint64_t n = set->head.segment;
	struct sn_segment_link *link = calloc(n + 1, sizeof(*link));
	struct sn_state st;
	int rc = link ? 0 : sn_err_mem(e);

	/* back to front for the links between segments, then forward */
	if (rc == 0)
		link[n] = (struct sn_segment_link){ set->head.length, set->head.sum };
	for (uint64_t k = n; rc == 0 && k > 1; k--) {
		rc = sn_manifest_segment(d->dir, k, link[k].length, link[k].sum, &st, &link[k - 1],
			NULL, e);
		sn_state_release(&st);
	}
	for (uint64_t k = 1; rc == 0 && k <= n; k++) {
		rc = sn_manifest_segment(d->dir, k, link[k].length, link[k].sum, &st, NULL, &tell, e);
		sn_state_release(&st);
	}
	free(link);
	sn_set_drop(set);
	return rc;
}
