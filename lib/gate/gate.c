/*
 * The snapshot is built by one thread (mutex `look') while the others go on with the
 * old one, and swapped under the write side of `lock'; an admission holds the read
 * side for its few hundred nanoseconds.  Writers go first, so readers cannot starve a swap.
 *
 * Whether something changed is asked of SQLite (pragma data_version moves when another
 * connection commits) and of the file names: a database or table that was replaced is opened
 * again.  When it cannot be, the old one serves on and sn_gate_health() says so.
 */
#include "gate/gate.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gate/snap.h"
#include "util/clock.h"
#include "util/home.h"

#define LOOK_EVERY 250000000    /* nanoseconds */

struct file_id { dev_t dev; ino_t ino; };

struct sn_gate {
	char *db_path, *table_path;
	pthread_mutex_t look;
	/* under look */
	struct sn_db *db;
	struct file_id db_id, table_id;
	int64_t version;
	int64_t next_look;              /* atomic; monotonic */
	/* under said, which nobody holds while waiting for anything */
	pthread_mutex_t said;
	struct sn_err trouble;
	bool guarded;                   /* atomic: groups have been seen */
	/* under lock */
	pthread_rwlock_t lock;
	struct snap *snap;
	struct sn_limit *limit;         /* NULL: no table yet */
};

static bool file_id(const char *path, struct file_id *id)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*id = (struct file_id){ st.st_dev, st.st_ino };
	return true;
}

static bool same_file(struct file_id a, struct file_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* The policy of every group that has one.  A policy that is there is left as it is, so that
 * sn-ratelimit may tune it, unless the database has changed since the last snapshot. */
static int policies(struct sn_limit *l, struct snap *s, const struct snap *old, struct sn_err *e)
{
	for (size_t i = 0; i < s->groups; i++) {
		struct snap_group *g = &s->group[i];
		const struct snap_group *was = old ? snap_group(old, g->name) : NULL;
		int rc;

		if (!g->interval)
			continue;
		if (was && was->interval == g->interval && was->burst == g->burst &&
		    sn_limit_find(l, g->name, &g->policy, NULL) == 0)
			continue;
		if (!was && sn_limit_find(l, g->name, &g->policy, NULL) == 0)
			continue;
		if ((rc = sn_limit_set(l, g->name, g->interval, g->burst, e)) < 0 ||
		    (rc = sn_limit_find(l, g->name, &g->policy, e)) < 0)
			return rc;
	}
	return 0;
}

/* The database when it is new or has changed; *fresh stays NULL when it has not. */
static int look_db(struct sn_gate *g, struct snap **fresh, struct sn_err *e)
{
	static const struct sn_schema *const schemas[] = { &sn_gate_schema, NULL };
	struct file_id id = { 0 };
	struct sn_db *db;
	int64_t version;
	int rc;

	/* a database that has gone is trouble, not a new and empty one: who has moved it is
	 * about to bring it back, and until then what is known stays in force */
	if (g->db && !file_id(g->db_path, &id))
		return sn_err_sys(e, "cannot read %s", g->db_path);
	if (g->db && !same_file(id, g->db_id)) {
		if ((rc = sn_db_open(&db, g->db_path, 0, schemas, e)) < 0)
			return rc;
		sn_db_close(g->db);
		g->db = db;
		g->version = -1;
	} else if (!g->db) {
		if ((rc = sn_db_open(&g->db, g->db_path, 0, schemas, e)) < 0)
			return rc;
		g->version = -1;
	}
	if (g->version == -1)
		file_id(g->db_path, &g->db_id);
	if ((rc = sn_db_row(g->db, e, "pragma data_version", ":i", &version)) < 0)
		return rc;
	if (version == g->version)
		return 0;
	if ((rc = snap_load(g->db, fresh, e)) < 0)
		return rc;
	g->version = version;
	return 0;
}

/* The table, when it has come into being, been replaced, or is needed. */
static int look_table(struct sn_gate *g, bool need, struct sn_limit **fresh, struct file_id *new_id,
	struct sn_err *e)
{
	struct file_id id = { 0 };
	bool there = file_id(g->table_path, &id);
	int rc;

	if ((g->limit && there && same_file(id, g->table_id)) || (!there && !need))
		return 0;
	if ((rc = sn_limit_open(fresh, g->table_path, need ? SN_LIMIT_SLOTS : 0, e)) < 0)
		return rc;
	return file_id(g->table_path, new_id) ? 0 : sn_err_sys(e, "cannot read %s",
		g->table_path);
}

/* One look at everything, and the swap; under g->look. */
static int look(struct sn_gate *g, bool again, struct sn_err *e)
{
	struct snap *snap = NULL, *old = NULL;
	struct sn_limit *limit = NULL, *old_limit = NULL;
	struct file_id table_id;
	int rc;

	if (again)
		g->version = -1;
	if ((rc = look_db(g, &snap, e)) < 0 ||
	    (rc = look_table(g, snap_metered(snap ? snap : g->snap), &limit, &table_id, e)) < 0)
		goto bad;
	if (limit && !snap && (rc = snap_load(g->db, &snap, e)) < 0)
		goto bad;
	if (!snap)
		return 0;
	if ((limit || g->limit) &&
	    (rc = policies(limit ? limit : g->limit, snap, g->snap, e)) < 0)
		goto bad;
	pthread_rwlock_wrlock(&g->lock);
	old = g->snap;
	g->snap = snap;
	if (limit) {
		old_limit = g->limit;
		g->limit = limit;
		g->table_id = table_id; /* not before: a switch that failed is tried again */
	}
	if (snap->groups)
		__atomic_store_n(&g->guarded, true, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&g->lock);
	snap_free(old);
	sn_limit_close(old_limit);
	return 0;
bad:
	g->version = -1;        /* the next look tries all of it again */
	snap_free(snap);
	sn_limit_close(limit);
	return rc;
}

/* Look when it is time, by whoever comes first; the others do not wait. */
static void look_now_and_then(struct sn_gate *g)
{
	struct sn_err trouble = { 0 };
	int64_t now = sn_clock_mono();

	if (now < __atomic_load_n(&g->next_look, __ATOMIC_RELAXED) ||
	    pthread_mutex_trylock(&g->look) != 0)
		return;
	look(g, false, &trouble);
	pthread_mutex_lock(&g->said);
	g->trouble = trouble;
	pthread_mutex_unlock(&g->said);
	__atomic_store_n(&g->next_look, sn_clock_mono() + LOOK_EVERY, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&g->look);
}

int sn_gate_open(struct sn_gate **out, const char *db_path, const char *table_path,
	struct sn_err *e)
{
	struct sn_gate *g = calloc(1, sizeof(*g));
	pthread_rwlockattr_t attr;
	int rc = 0;

	*out = NULL;
	if (!g)
		return sn_err_mem(e);
	pthread_mutex_init(&g->look, NULL);
	pthread_mutex_init(&g->said, NULL);
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&g->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	if (db_path ? !(g->db_path = strdup(db_path)) : (rc = sn_home("gate.db", &g->db_path, e)) < 0)
		rc = rc < 0 ? rc : sn_err_mem(e);
	else if (table_path ? !(g->table_path = strdup(table_path)) :
		 (rc = sn_home("limits", &g->table_path, e)) < 0)
		rc = rc < 0 ? rc : sn_err_mem(e);
	else
		rc = look(g, false, e);
	if (rc < 0) {
		sn_gate_close(g);
		return rc;
	}
	g->next_look = sn_clock_mono() + LOOK_EVERY;
	*out = g;
	return 0;
}

void sn_gate_close(struct sn_gate *g)
{
	if (!g)
		return;
	snap_free(g->snap);
	sn_limit_close(g->limit);
	sn_db_close(g->db);
	pthread_mutex_destroy(&g->look);
	pthread_mutex_destroy(&g->said);
	pthread_rwlock_destroy(&g->lock);
	free(g->db_path);
	free(g->table_path);
	free(g);
}

bool sn_gate_has_groups(struct sn_gate *g)
{
	look_now_and_then(g);
	return __atomic_load_n(&g->guarded, __ATOMIC_RELAXED);
}

/* Who it is.  That a key expired or was revoked is told only to who has its secret. */
static enum sn_gate_kind identify(const struct snap *s, const struct sn_gate_ask *ask,
	const struct snap_group **group, struct sn_gate_decision *d)
{
	static const struct snap_key nobody;
	const struct snap_key *k;
	struct sn_key given;
	bool same;

	if (!ask->bearer) {
		*group = s->open_to_all;
		return *group ? SN_GATE_OK : SN_GATE_NO_KEY;
	}
	if (sn_key_parse(ask->bearer, strnlen(ask->bearer, SN_KEY_LEN + 1), &given, NULL) < 0)
		return SN_GATE_WRONG;
	k = snap_key(s, given.id);
	same = crypto_verify_32(given.hash, (k ? k : &nobody)->hash) == 0;     /* constant time */
	if (!k || !same)
		return SN_GATE_WRONG;
	*group = &s->group[k->group];
	memcpy(d->key_id, k->id, sizeof(d->key_id));
	if (k->revoked)
		return SN_GATE_REVOKED;
	return k->expires && ask->now / 1000000000 >= k->expires ? SN_GATE_EXPIRED : SN_GATE_OK;
}

static int meter(struct sn_gate *g, const struct snap_group *group, const struct sn_gate_ask *ask,
	struct sn_gate_decision *d, struct sn_err *e)
{
	char client[SN_LIMIT_NAME];
	const char *key = d->key_id[0] ? d->key_id :
		sn_gate_client(ask->client ? ask->client : "", client);
	size_t n = strlen(key);
	int64_t until;
	int rc;

	d->metered = group->interval != 0;
	if (d->metered) {
		rc = (ask->cost ? sn_limit_take : sn_limit_peek)(g->limit, &group->policy, key, n,
			ask->cost, ask->now, &d->limit, e);
		if (rc < 0)
			return rc;
	} else {
		until = g->limit ? sn_limit_blocked(g->limit, key, n, ask->now) : 0;
		d->limit = (struct sn_limit_result){ .allowed = !until, .blocked = until,
			.retry_after = !until ? 0 : until == SN_LIMIT_FOREVER ? until : until - ask->now };
	}
	if (!d->limit.allowed)
		d->kind = SN_GATE_LIMITED;
	return 0;
}

static int admit(struct sn_gate *g, const struct sn_gate_ask *ask, struct sn_gate_decision *d,
	struct sn_err *e)
{
	const struct snap_group *group = NULL;
	int rc = 0;

	*d = (struct sn_gate_decision){ 0 };
	pthread_rwlock_rdlock(&g->lock);
	d->kind = identify(g->snap, ask, &group, d);
	if (group) {
		memcpy(d->group, group->name, sizeof(d->group));
		d->weight = group->weight;
	}
	if (d->kind == SN_GATE_OK && !snap_may_read(group, ask->dataset))
		d->kind = SN_GATE_FORBIDDEN;
	if (d->kind == SN_GATE_OK)
		rc = meter(g, group, ask, d, e);
	pthread_rwlock_unlock(&g->lock);
	return rc;
}

int sn_gate_admit(struct sn_gate *g, const struct sn_gate_ask *ask, struct sn_gate_decision *d,
	struct sn_err *e)
{
	int rc;

	look_now_and_then(g);
	rc = admit(g, ask, d, e);
	if (rc != SN_EUSE)
		return rc;
	/* somebody removed the group's policy: put it back, and ask again */
	pthread_mutex_lock(&g->look);
	rc = look(g, true, e);
	pthread_mutex_unlock(&g->look);
	return rc < 0 ? rc : admit(g, ask, d, e);
}

bool sn_gate_stat(struct sn_gate *g, int64_t now, struct sn_limit_stat *s)
{
	bool any;

	pthread_rwlock_rdlock(&g->lock);
	any = g->limit != NULL;
	if (any)
		sn_limit_stat(g->limit, now, s);
	pthread_rwlock_unlock(&g->lock);
	return any;
}

int sn_gate_health(struct sn_gate *g, struct sn_err *e)
{
	struct sn_err trouble;

	pthread_mutex_lock(&g->said);
	trouble = g->trouble;
	pthread_mutex_unlock(&g->said);
	if (trouble.code && e)
		*e = trouble;
	return trouble.code;
}
