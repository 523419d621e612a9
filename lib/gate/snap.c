#include "gate/snap.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void snap_free(struct snap *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->groups; i++)
		free(s->group[i].datasets);
	free(s->group);
	if (s->key)
		sodium_memzero(s->key, s->keys * sizeof(*s->key));
	free(s->key);
	free(s);
}

static int by_name(const void *name, const void *group)
{
	return strcmp(name, ((const struct snap_group *)group)->name);
}

static int by_id(const void *id, const void *key)
{
	return strcmp(id, ((const struct snap_key *)key)->id);
}

const struct snap_key *snap_key(const struct snap *s, const char *id)
{
	return s->keys ? bsearch(id, s->key, s->keys, sizeof(*s->key), by_id) : NULL;
}

static int key_order(const void *a, const void *b)
{
	return strcmp(((const struct snap_key *)a)->id, ((const struct snap_key *)b)->id);
}

struct snap_group *snap_group(const struct snap *s, const char *name)
{
	return s->groups ? bsearch(name, s->group, s->groups, sizeof(*s->group), by_name) : NULL;
}

/* Room for one more in an array that doubles at powers of two. */
static void *grow(void *p, size_t n, size_t size)
{
	return n & (n - 1) ? p : reallocarray(p, n ? 2 * n : 1, size);
}

static int add_group(void *arg, const struct sn_group *row, struct sn_err *e)
{
	struct snap *s = arg;
	struct snap_group *g = grow(s->group, s->groups, sizeof(*g));

	if (!g)
		return sn_err_mem(e);
	s->group = g;
	g += s->groups;
	*g = (struct snap_group){ .interval = row->interval, .burst = row->burst, .weight = row->weight };
	snprintf(g->name, sizeof(g->name), "%s", row->name);
	if (!(g->datasets = strdup(row->datasets)))
		return sn_err_mem(e);
	s->groups++;
	return 0;
}

static int add_key(void *arg, const struct sn_key_row *row, struct sn_err *e)
{
	struct snap *s = arg;
	const struct snap_group *g = snap_group(s, row->group);
	struct snap_key *k = grow(s->key, s->keys, sizeof(*k));

	if (!k)
		return sn_err_mem(e);
	s->key = k;
	if (!g || strlen(row->id) != SN_KEY_ID)
		return sn_err(e, SN_ENO, "key \"%s\" is damaged", row->id);
	k += s->keys++;
	*k = (struct snap_key){ .group = (uint32_t)(g - s->group), .expires = row->expires,
		.revoked = row->revoked };
	memcpy(k->id, row->id, SN_KEY_ID);
	memcpy(k->hash, row->hash, SN_KEY_HASH);
	return 0;
}

/* What the database holds, in one read transaction. */
int snap_load(struct sn_db *db, struct snap **out, struct sn_err *e)
{
	struct snap *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return sn_err_mem(e);
	if ((rc = (int)sn_db_run(db, e, "begin", "")) >= 0) {
		if ((rc = sn_group_each(db, 0, add_group, s, e)) >= 0)
			rc = sn_key_each(db, NULL, add_key, s, e);
		sn_db_rollback(db);
	}
	if (rc < 0) {
		snap_free(s);
		return rc;
	}
	if (s->keys)
		qsort(s->key, s->keys, sizeof(*s->key), key_order);
	s->open_to_all = snap_group(s, SN_GATE_PUBLIC);
	*out = s;
	return 0;
}

bool snap_metered(const struct snap *s)
{
	for (size_t i = 0; i < s->groups; i++)
		if (s->group[i].interval)
			return true;
	return false;
}

bool snap_may_read(const struct snap_group *g, const char *dataset)
{
	size_t n = dataset ? strlen(dataset) : 0;

	if (!dataset || !*g->datasets)
		return true;
	for (const char *p = g->datasets; ; p++) {
		size_t k = strcspn(p, ",");

		if (k == n && !memcmp(p, dataset, n))
			return true;
		p += k;
		if (!*p)
			return false;
	}
}
