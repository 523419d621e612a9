/*
 * The queue on SQLite.
 *
 * queue_job holds the live jobs only, without their bodies: a pop rewrites its row, and
 * must not rewrite a megabyte with it.  Whatever ends moves to queue_history in the
 * transaction that ends it.  Bodies stay where they are, in queue_body, until history is
 * pruned.
 *
 * State is explicit (0 ready, 1 delayed, 2 leased), not computed from the clock, because
 * a ready job is found by (group, priority, time) and time comes last there.  Every pop
 * first makes up to SWEEP delays and leases that ran out ready (or dead); queue_due keeps
 * them by time.  Both indexes are partial, so each holds only what it is asked for.
 *
 * queue_group counts each group's jobs by state.  `ready' says whose turn it can be,
 * `deficit' how many more jobs the group has in this turn, queue_turn whose turn it is:
 * deficit round robin with every job costing one.  A group without ready jobs loses what
 * is left of its turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/engine.h"
#include "store/store.h"
#include "util/clock.h"

#define SWEEP 64        /* the limit in sql_late */

enum { READY = SN_QUEUE_READY, DELAYED = SN_QUEUE_DELAYED, LEASED = SN_QUEUE_LEASED,
	DONE = SN_QUEUE_DONE, DEAD = SN_QUEUE_DEAD, NONE = SN_QUEUE_STATES };

static const char *const steps[] = {
	"create table queue_group ("
	"  id integer primary key,"
	"  name text not null unique,"
	"  weight integer not null default 1,"
	"  deficit integer not null default 0,"
	"  ready integer not null default 0, delayed integer not null default 0,"
	"  leased integer not null default 0, done integer not null default 0,"
	"  dead integer not null default 0) strict;"
	"create index queue_active on queue_group (id) where ready > 0;"
	"create table queue_turn (one integer primary key check (one = 1), grp integer not null) strict;"
	"insert into queue_turn values (1, 0);"
	"create table queue_job ("
	"  id integer primary key autoincrement,"
	"  grp integer not null references queue_group (id),"
	"  state integer not null check (state between 0 and 2),"
	"  due integer not null,"
	"  priority integer not null,"
	"  attempt integer not null default 0,"
	"  max_attempts integer not null default 0,"
	"  pushed integer not null,"
	"  token blob,"
	"  status integer,"
	"  error text,"
	"  check ((state = 2) = (token is not null))) strict;"
	"create index queue_ready on queue_job (grp, priority desc, due) where state = 0;"
	"create index queue_due on queue_job (due) where state > 0;"
	"create table queue_body (id integer primary key, body blob not null) strict;"
	"create table queue_history ("
	"  id integer primary key,"
	"  grp integer not null references queue_group (id),"
	"  state integer not null check (state in (3, 4)),"
	"  priority integer not null,"
	"  attempts integer not null,"
	"  pushed integer not null,"
	"  ended integer not null,"
	"  status integer,"
	"  error text) strict;",
	NULL
};
static const struct sn_schema schema = { "queue", steps };
static const struct sn_schema *const schemas[] = { &schema, NULL };

static const char
	sql_group_add[] = "insert into queue_group (name) values (?) on conflict do nothing",
	sql_group_id[] = "select id from queue_group where name = ?",
	sql_count[] = "update queue_group set ready = ready + ?, delayed = delayed + ?,"
		" leased = leased + ?, done = done + ?, dead = dead + ? where id = ?",
	sql_job_add[] = "insert into queue_job (grp, state, due, priority, pushed)"
		" values (?, ?, ?, ?, ?)",
	sql_body_add[] = "insert into queue_body (id, body) values (?, ?)",
	sql_active[] = "select id from queue_group where ready > 0 limit 1",
	sql_due[] = "select due from queue_job where state > 0 order by due limit 1",
	sql_late[] = "select id, grp, state, due, attempt >= max_attempts from queue_job"
		" where state > 0 and due <= ? order by due limit 64",
	sql_wake[] = "update queue_job set state = 0 where id = ?",
	sql_expire[] = "update queue_job set state = 0, token = null, status = null,"
		" error = 'lease ran out' where id = ?",
	sql_turn[] = "select g.id from queue_turn t join queue_group g on g.id = t.grp"
		" where t.one = 1 and g.ready > 0 and g.deficit > 0",
	sql_next[] = "select id from queue_group where ready > 0"
		" and id > (select grp from queue_turn where one = 1) order by id limit 1",
	sql_first[] = "select id from queue_group where ready > 0 order by id limit 1",
	sql_turn_set[] = "update queue_turn set grp = ? where one = 1",
	sql_fill[] = "update queue_group set deficit = weight where id = ?",
	sql_spend[] = "update queue_group set ready = ready - 1, leased = leased + 1,"
		" deficit = iif(ready > 1, deficit - 1, 0) where id = ?",
	sql_head[] = "select j.id, j.attempt, g.name, b.body"
		" from queue_job j join queue_group g on g.id = j.grp join queue_body b on b.id = j.id"
		" where j.state = 0 and j.grp = ? order by j.priority desc, j.due, j.id limit 1",
	sql_lease[] = "update queue_job set state = 2, due = ?, attempt = attempt + 1,"
		" max_attempts = ?, token = ? where id = ?",
	sql_held[] = "select grp, attempt >= max_attempts from queue_job"
		" where id = ? and state = 2 and token = ?",
	sql_touch[] = "update queue_job set due = ? where id = ? and state = 2 and token = ?",
	sql_return[] = "update queue_job set state = ?, due = ?, token = null, status = ?,"
		" error = ? where id = ?",
	sql_put_back[] = "update queue_job set state = 0, due = ?, token = null,"
		" attempt = attempt - 1 where id = ?",
	sql_end[] = "insert into queue_history (id, grp, state, priority, attempts, pushed,"
		" ended, status, error) select id, grp, ?, priority, attempt, pushed, ?, ?, ?"
		" from queue_job where id = ?",
	sql_gone[] = "delete from queue_job where id = ?";

const char *const sn_queue_sqlite_hot[] = {
	sql_group_add, sql_group_id, sql_count, sql_job_add, sql_body_add, sql_active, sql_due,
	sql_late, sql_wake, sql_expire, sql_turn, sql_next, sql_first, sql_turn_set, sql_fill,
	sql_spend, sql_head, sql_lease, sql_held, sql_touch, sql_return, sql_put_back, sql_end,
	sql_gone, NULL
};


static int queue_open(void **self, const char *where, unsigned flags, struct sn_err *e)
{
	bool ro = flags & SN_QUEUE_READONLY;
	int64_t version = 0;
	struct sn_db *db;
	int rc;

	if (!(flags & SN_QUEUE_CREATE) && access(where, F_OK) < 0 && errno == ENOENT)
		return sn_err(e, SN_ENO, "%s: there is no queue yet", where);
	if ((rc = sn_db_open(&db, where, ro ? SN_DB_READONLY : 0, schemas, e)) < 0)
		return rc;
	if (ro) {
		rc = sn_db_row(db, e, "select 1 from sqlite_schema where name = 'queue_job'", ":i",
			&version);
		if (rc == 0)
			rc = sn_err(e, SN_ENO, "%s: there is no queue in it yet", where);
		if (rc < 0) {
			sn_db_close(db);
			return rc;
		}
	}
	*self = db;
	return 0;
}

static void queue_close(void *self)
{
	sn_db_close(self);
}

/* A count of rows or a negative code: 0 or the code. */
static int code(int64_t n)
{
	return n < 0 ? (int)n : 0;
}

/* n jobs of a group from one state (NONE: they are new) to another. */
static int count(struct sn_db *db, int64_t grp, int from, int to, int64_t n, struct sn_err *e)
{
	int64_t d[SN_QUEUE_STATES + 1] = { 0 };

	d[from] -= n;
	d[to] += n;
	return code(sn_db_run(db, e, sql_count, "iiiiii", d[READY], d[DELAYED], d[LEASED],
		d[DONE], d[DEAD], grp));
}

static int group_id(struct sn_db *db, const char *name, int64_t *id, struct sn_err *e)
{
	int rc = sn_db_row(db, e, sql_group_id, "s:i", name, id);

	if (rc)
		return rc < 0 ? rc : 0;
	if ((rc = code(sn_db_run(db, e, sql_group_add, "s", name))) < 0)
		return rc;
	*id = sn_db_last_id(db);
	return 0;
}

/* One way out for all that write: commit, or roll back and keep the first error. */
static int finish(struct sn_db *db, int rc, struct sn_err *e)
{
	int end;

	if (rc < 0) {
		sn_db_rollback(db);
		return rc;
	}
	end = sn_db_commit(db, e);
	return end < 0 ? end : rc;
}

static int push_all(struct sn_db *db, const struct sn_queue_put *put, const struct sn_body *bodies,
	size_t n, int64_t *ids, struct sn_err *e)
{
	int64_t now = sn_clock_real(), due = now + (int64_t)put->delay, grp;
	int64_t state = put->delay ? DELAYED : READY;
	int rc = group_id(db, put->group, &grp, e);

	for (size_t i = 0; i < n && rc >= 0; i++) {
		if ((rc = code(sn_db_run(db, e, sql_job_add, "iiiii", grp, state, due,
			(int64_t)put->priority, now))) < 0)
			break;
		ids[i] = sn_db_last_id(db);
		rc = code(sn_db_run(db, e, sql_body_add, "ib", ids[i], bodies[i].p, bodies[i].n));
	}
	return rc < 0 ? rc : count(db, grp, NONE, (int)state, (int64_t)n, e);
}

static int queue_push(void *self, const struct sn_queue_put *put, const struct sn_body *bodies,
	size_t n, int64_t *ids, struct sn_err *e)
{
	int rc = sn_db_begin(self, e);

	return rc < 0 ? rc : finish(self, push_all(self, put, bodies, n, ids, e), e);
}

/* Into the history. */
static int retire(struct sn_db *db, int64_t id, int64_t grp, int64_t state, int64_t now,
	int64_t status, const char *error, struct sn_err *e)
{
	int64_t n = status < 0 ?
		sn_db_run(db, e, sql_end, "iinsi", state, now, error, id) :
		sn_db_run(db, e, sql_end, "iiisi", state, now, status, error, id);

	if (n >= 0)
		n = sn_db_run(db, e, sql_gone, "i", id);
	return n < 0 ? (int)n : count(db, grp, LEASED, (int)state, 1, e);
}

/* Delays and leases that ran out.  Collected first: the loop changes what it reads. */
static int sweep(struct sn_db *db, int64_t now, struct sn_err *e)
{
	struct { int64_t id, grp, state, due, last; } late[SWEEP];
	struct sn_stmt *st;
	int n = 0, rc;

	if ((rc = sn_db_query(db, &st, e, sql_late, "i", now)) < 0)
		return rc;
	while (n < SWEEP && (rc = sn_db_step(db, st, e, "iiiii", &late[n].id, &late[n].grp,
		&late[n].state, &late[n].due, &late[n].last)) > 0)
		n++;
	sn_db_reset(st);
	for (int i = 0; i < n && rc >= 0; i++) {
		if (late[i].state == LEASED && late[i].last) {
			rc = retire(db, late[i].id, late[i].grp, DEAD, now, -1, "lease ran out", e);
			continue;
		}
		rc = code(sn_db_run(db, e, late[i].state == DELAYED ? sql_wake : sql_expire, "i",
			late[i].id));
		if (rc == 0)
			rc = count(db, late[i].grp, (int)late[i].state, READY, 1, e);
	}
	return rc < 0 ? rc : 0;
}

/* Whose job is next; 0 when no group has one. */
static int choose(struct sn_db *db, int64_t *grp, struct sn_err *e)
{
	int rc = sn_db_row(db, e, sql_turn, ":i", grp);

	if (rc)
		return rc;
	if ((rc = sn_db_row(db, e, sql_next, ":i", grp)) == 0)
		rc = sn_db_row(db, e, sql_first, ":i", grp);
	if (rc <= 0)
		return rc;
	if ((rc = code(sn_db_run(db, e, sql_turn_set, "i", *grp))) == 0)
		rc = code(sn_db_run(db, e, sql_fill, "i", *grp));
	return rc < 0 ? rc : 1;
}

static int take_head(struct sn_db *db, int64_t grp, const struct sn_queue_take *take, int64_t now,
	struct sn_lease *l, struct sn_err *e)
{
	const char *name;
	const void *body;
	int rc = sn_db_row(db, e, sql_head, "i:iisb", grp, &l->id, &l->attempt, &name, &body,
		&l->body_len);

	if (rc == 0)
		return sn_err(e, SN_ENO, "%s: damaged: group %" PRId64 " counts ready jobs but has none",
			sn_db_path(db), grp);
	if (rc < 0)
		return rc;
	if (!(l->body = malloc(l->body_len + 1)))
		return sn_err_mem(e);
	if (l->body_len)
		memcpy(l->body, body, l->body_len);
	((char *)l->body)[l->body_len] = 0;
	strncpy(l->group, name, SN_QUEUE_GROUP_MAX);
	l->attempt++;
	l->until = now + (int64_t)take->lease;
	randombytes_buf(l->token, sizeof(l->token));
	rc = code(sn_db_run(db, e, sql_lease, "iibi", l->until, (int64_t)take->max_attempts,
		l->token, sizeof(l->token), l->id));
	if (rc == 0)
		rc = code(sn_db_run(db, e, sql_spend, "i", grp));
	return rc < 0 ? rc : 1;
}

/* Anything to hand out or to sweep, without the write lock? */
static int peek(struct sn_db *db, int64_t now, int64_t *next, struct sn_err *e)
{
	int64_t grp;
	int rc = sn_db_row(db, e, sql_active, ":i", &grp);

	if (rc)
		return rc;
	if ((rc = sn_db_row(db, e, sql_due, ":i", next)) == 0)
		*next = INT64_MAX;
	return rc < 0 ? rc : *next <= now;
}

static int queue_pop(void *self, const struct sn_queue_take *take, struct sn_lease *l,
	int64_t *next, struct sn_err *e)
{
	struct sn_db *db = self;

	for (;;) {
		int64_t now = sn_clock_real(), grp;
		int rc = peek(db, now, next, e);

		if (rc <= 0 || (rc = sn_db_begin(db, e)) < 0)
			return rc;
		now = sn_clock_real();          /* the lock may have taken a while */
		if ((rc = sweep(db, now, e)) >= 0 && (rc = choose(db, &grp, e)) > 0)
			rc = take_head(db, grp, take, now, l, e);
		if ((rc = finish(db, rc, e)) != 0)
			return rc;
		/* all that was swept was dead, or somebody was faster: look again */
	}
}

/* Why a token is not the current one. */
static int stale(struct sn_db *db, int64_t id, struct sn_err *e)
{
	int64_t state;
	int rc = sn_db_row(db, e, "select state from queue_job where id = ? union all "
		"select state from queue_history where id = ?", "ii:i", id, id, &state);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return sn_err(e, SN_ENO, "there is no job %" PRId64, id);
	if (state == LEASED)
		return sn_err(e, SN_ENO, "job %" PRId64 ": stale token: it is leased under another", id);
	return sn_err(e, SN_ENO, "job %" PRId64 ": stale token: the job is %s", id,
		sn_queue_state_name[state]);
}

/* Back among the waiting: *became says as what. */
static int give_back(struct sn_db *db, int64_t id, int64_t grp, const struct sn_queue_end *end,
	int64_t now, enum sn_queue_state *became, struct sn_err *e)
{
	int64_t due = now + (int64_t)end->delay, n;

	*became = end->delay && end->verdict == SN_QUEUE_NACK ? SN_QUEUE_DELAYED : SN_QUEUE_READY;
	if (end->verdict == SN_QUEUE_PUT_BACK)
		n = sn_db_run(db, e, sql_put_back, "ii", now, id);
	else if (end->status < 0)
		n = sn_db_run(db, e, sql_return, "iinsi", (int64_t)*became, due, end->error, id);
	else
		n = sn_db_run(db, e, sql_return, "iiisi", (int64_t)*became, due, end->status,
			end->error, id);
	return n < 0 ? (int)n : count(db, grp, LEASED, (int)*became, 1, e);
}

static int end_held(struct sn_db *db, int64_t id, const uint8_t *token,
	const struct sn_queue_end *end, enum sn_queue_state *became, struct sn_err *e)
{
	int64_t grp, last, now = sn_clock_real();
	int rc = sn_db_row(db, e, sql_held, "ib:ii", id, token, (size_t)SN_QUEUE_TOKEN, &grp, &last);

	if (rc <= 0)
		return rc < 0 ? rc : stale(db, id, e);
	if (end->verdict == SN_QUEUE_PUT_BACK || (end->verdict == SN_QUEUE_NACK && !last))
		return give_back(db, id, grp, end, now, became, e);
	*became = end->verdict == SN_QUEUE_ACK ? SN_QUEUE_DONE : SN_QUEUE_DEAD;
	return retire(db, id, grp, (int64_t)*became, now, end->status, end->error, e);
}

static int queue_end(void *self, int64_t id, const uint8_t *token, const struct sn_queue_end *end,
	enum sn_queue_state *became, struct sn_err *e)
{
	int rc = sn_db_begin(self, e);

	return rc < 0 ? rc : finish(self, end_held(self, id, token, end, became, e), e);
}

static int queue_touch(void *self, int64_t id, const uint8_t *token, uint64_t lease,
	int64_t *until, struct sn_err *e)
{
	int rc = sn_db_begin(self, e);
	int64_t n;

	if (rc < 0)
		return rc;
	*until = sn_clock_real() + (int64_t)lease;
	n = sn_db_run(self, e, sql_touch, "iib", *until, id, token, (size_t)SN_QUEUE_TOKEN);
	return finish(self, n ? code(n) : stale(self, id, e), e);
}

static int queue_weight(void *self, const char *group, uint64_t weight, struct sn_err *e)
{
	int64_t grp;
	int rc = sn_db_begin(self, e);

	if (rc < 0)
		return rc;
	rc = group_id(self, group, &grp, e);
	if (rc >= 0)
		rc = code(sn_db_run(self, e, "update queue_group set weight = ? where id = ?", "ii",
			(int64_t)weight, grp));
	return finish(self, rc, e);
}

static int queue_stats(void *self, int (*each)(void *, const struct sn_queue_count *,
	struct sn_err *), void *arg, struct sn_err *e)
{
	struct sn_queue_count c;
	struct sn_stmt *st;
	int64_t woken, expired, died;
	int rc = sn_db_query(self, &st, e,
		"select g.name, g.weight, g.ready, g.delayed, g.leased, g.done, g.dead,"
		" coalesce(o.woken, 0), coalesce(o.expired, 0), coalesce(o.died, 0)"
		" from queue_group g left join (select grp, sum(state = 1) woken,"
		"  sum(state = 2 and attempt < max_attempts) expired,"
		"  sum(state = 2 and attempt >= max_attempts) died"
		"  from queue_job where state > 0 and due <= ? group by grp) o on o.grp = g.id"
		" order by g.name", "i", sn_clock_real());

	if (rc < 0)
		return rc;
	while ((rc = sn_db_step(self, st, e, "siiiiiiiii", &c.group, &c.weight, &c.n[READY],
		&c.n[DELAYED], &c.n[LEASED], &c.n[DONE], &c.n[DEAD], &woken, &expired, &died)) > 0) {
		c.n[READY] += woken + expired;
		c.n[DELAYED] -= woken;
		c.n[LEASED] -= expired + died;
		c.n[DEAD] += died;
		if ((rc = each(arg, &c, e)) < 0)
			break;
	}
	sn_db_reset(st);
	return rc;
}

static int queue_ls(void *self, enum sn_queue_state state, const char *group,
	int (*each)(void *, const struct sn_job *, struct sn_err *), void *arg, struct sn_err *e)
{
	struct sn_stmt *st;
	struct sn_job j;
	int64_t s;
	int rc = sn_db_query(self, &st, e,
		"select a.id, a.state, g.name, a.priority, a.attempt, a.pushed, a.due,"
		" coalesce(a.status, -1), a.error, b.body from (select id, case state when 0 then 0"
		"  when 1 then due > ?1 else iif(due > ?1, 2, iif(attempt < max_attempts, 0, 4)) end"
		"  as state, grp, priority, attempt, pushed, due, status, error from queue_job"
		" union all"
		" select id, state, grp, priority, attempts, pushed, ended, status, error"
		"  from queue_history order by 1) a"
		" join queue_group g on g.id = a.grp left join queue_body b on b.id = a.id"
		" where (?2 = 5 or a.state = ?2) and (?3 is null or g.name = ?3) order by a.id",
		"iis", sn_clock_real(), (int64_t)state, group);

	if (rc < 0)
		return rc;
	while ((rc = sn_db_step(self, st, e, "iisiiiiisb", &j.id, &s, &j.group, &j.priority,
		&j.attempt, &j.pushed, &j.when, &j.status, &j.error, &j.body.p, &j.body.n)) > 0) {
		j.state = (enum sn_queue_state)s;
		if ((rc = each(arg, &j, e)) < 0)
			break;
	}
	sn_db_reset(st);
	return rc;
}

static int queue_version(void *self, int64_t *version, struct sn_err *e)
{
	int rc = sn_db_row(self, e, "pragma data_version", ":i", version);

	return rc < 0 ? rc : 0;
}

static int queue_left(void *self, struct sn_err *e)
{
	int64_t id;

	return sn_db_row(self, e, "select id from queue_job limit 1", ":i", &id);
}

const struct sn_queue_engine sn_queue_sqlite = {
	NULL, queue_open, queue_close, queue_push, queue_pop, queue_end, queue_touch, queue_weight,
	queue_stats, queue_ls, queue_version, queue_left
};
