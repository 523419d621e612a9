/*
 * Statement cache: a small open hash of (text address -> prepared statement).
 * Texts are literals, so the address is the identity and no string is compared.
 */
#include "store/store.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"

#define CACHE 256       /* a power of two; far more than any program has statements */

#define HELD 32         /* columns of one sn_db_row() */

struct sn_db {
	sqlite3 *h;
	char *path;
	int64_t waiting_since;
	struct { const char *sql; sqlite3_stmt *st; } cache[CACHE];
	unsigned cached;
	void *held[HELD];       /* texts and blobs of the last sn_db_row() */
};

static int fail(struct sn_db *db, struct sn_err *e, const char *doing)
{
	int rc = sqlite3_extended_errcode(db->h) & 0xff;

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return sn_err(e, SN_ETEMP, "%s: %s: busy for %d s", db->path, doing, SN_DB_WAIT);
	return sn_err(e, rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT ? SN_ENO : SN_ETEMP,
		"%s: %s: %s", db->path, doing, sqlite3_errmsg(db->h));
}

/* Sleep 0.1 to 10 ms, longer with each try, at random, so that waiters spread out. */
static int busy(void *arg, int count)
{
	struct sn_db *db = arg;
	int64_t now = sn_clock_mono();
	unsigned limit = count < 7 ? 100000u << count : 10000000u;
	unsigned r;

	if (count == 0)
		db->waiting_since = now;
	if (now - db->waiting_since > (int64_t)SN_DB_WAIT * 1000000000)
		return 0;
	sqlite3_randomness(sizeof(r), &r);
	nanosleep(&(struct timespec){ .tv_nsec = (long)(limit / 2 + r % (limit / 2)) }, NULL);
	return 1;
}

static int exec(struct sn_db *db, const char *sql, const char *doing, struct sn_err *e)
{
	return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, e, doing);
}

static int migrate(struct sn_db *db, const struct sn_schema *s, struct sn_err *e)
{
	int64_t at = 0, n = 0;
	int rc;

	while (s->steps[n])
		n++;
	if ((rc = sn_db_row(db, e, "select version from sn_schema where room = ?", "s:i",
		s->room, &at)) < 0)
		return rc;
	if (at > n)
		return sn_err(e, SN_ETEMP, "%s: made by a newer version (%s %lld, this is %lld)",
			db->path, s->room, (long long)at, (long long)n);
	for (; at < n; at++)
		if ((rc = exec(db, s->steps[at], "cannot set up", e)) < 0)
			return rc;
	return (int)sn_db_run(db, e, "insert into sn_schema values (?, ?) "
		"on conflict (room) do update set version = excluded.version", "si", s->room, n);
}

/* Is every room at its newest version already?  Then opening needs no write lock. */
static bool current(struct sn_db *db, const struct sn_schema *const *schemas)
{
	for (; *schemas; schemas++) {
		int64_t at = -1, n = 0;

		while ((*schemas)->steps[n])
			n++;
		if (sn_db_row(db, NULL, "select version from sn_schema where room = ?", "s:i",
			(*schemas)->room, &at) < 1 || at != n)
			return false;
	}
	return true;
}

static int set_up(struct sn_db *db, const struct sn_schema *const *schemas, struct sn_err *e)
{
	int rc;

	if (!schemas || current(db, schemas))
		return 0;
	if ((rc = sn_db_begin(db, e)) < 0)
		return rc;
	rc = exec(db, "create table if not exists sn_schema "
		"(room text primary key, version integer not null) strict", "cannot set up", e);
	for (; rc >= 0 && *schemas; schemas++)
		rc = migrate(db, *schemas, e);
	if (rc < 0) {
		sn_db_rollback(db);
		return rc;
	}
	return sn_db_commit(db, e);
}

int sn_db_open(struct sn_db **out, const char *path, unsigned flags,
	const struct sn_schema *const *schemas, struct sn_err *e)
{
	bool ro = flags & SN_DB_READONLY;
	struct sn_db *db = calloc(1, sizeof(*db));
	int rc;

	*out = NULL;
	if (!db || !(db->path = strdup(path))) {
		free(db);
		return sn_err_mem(e);
	}
	if (sqlite3_open_v2(path, &db->h, (ro ? SQLITE_OPEN_READONLY :
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		rc = db->h ? fail(db, e, "cannot open") : sn_err_mem(e);
		goto bad;
	}
	sqlite3_busy_handler(db->h, busy, db);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if ((rc = exec(db, ro ? "pragma query_only = on" : "pragma journal_mode = wal",
		"cannot open", e)) < 0 ||
	    (rc = exec(db, flags & SN_DB_NOSYNC ? "pragma synchronous = normal" :
		"pragma synchronous = full", "cannot open", e)) < 0 ||
	    (rc = exec(db, "pragma foreign_keys = on; pragma trusted_schema = off",
		"cannot open", e)) < 0 ||
	    (!ro && (rc = set_up(db, schemas, e)) < 0))
		goto bad;
	*out = db;
	return 0;
bad:
	sn_db_close(db);
	return rc;
}

static void drop_held(struct sn_db *db)
{
	for (int i = 0; i < HELD; i++) {
		free(db->held[i]);
		db->held[i] = NULL;
	}
}

void sn_db_close(struct sn_db *db)
{
	if (!db)
		return;
	drop_held(db);
	for (unsigned i = 0; i < CACHE; i++)
		sqlite3_finalize(db->cache[i].st);
	sqlite3_close(db->h);
	free(db->path);
	free(db);
}

const char *sn_db_path(const struct sn_db *db)
{
	return db->path;
}

int sn_db_begin(struct sn_db *db, struct sn_err *e)
{
	return sn_db_run(db, e, "begin immediate", "") < 0 ? SN_ETEMP : 0;
}

int sn_db_commit(struct sn_db *db, struct sn_err *e)
{
	if (sn_db_run(db, e, "commit", "") < 0) {
		sn_db_rollback(db);
		return SN_ETEMP;
	}
	return 0;
}

void sn_db_rollback(struct sn_db *db)
{
	if (!sqlite3_get_autocommit(db->h))
		sqlite3_exec(db->h, "rollback", NULL, NULL, NULL);
}

static int prepare(struct sn_db *db, const char *sql, sqlite3_stmt **st, struct sn_err *e)
{
	unsigned i = (unsigned)((uintptr_t)sql * 0x9e3779b97f4a7c15ull >> 56) % CACHE;

	while (db->cache[i].sql && db->cache[i].sql != sql)
		i = (i + 1) % CACHE;
	if (!db->cache[i].sql) {
		if (db->cached == CACHE - 1)
			return sn_err(e, SN_ETEMP, "%s: more than %d statements", db->path, CACHE - 1);
		if (sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT,
			&db->cache[i].st, NULL) != SQLITE_OK)
			return fail(db, e, "cannot prepare");
		db->cache[i].sql = sql;
		db->cached++;
	}
	*st = db->cache[i].st;
	return 0;
}

static int bind(struct sn_db *db, sqlite3_stmt *st, const char **fmt, va_list *ap, struct sn_err *e)
{
	int rc = SQLITE_OK;

	for (int i = 1; **fmt && **fmt != ':'; i++, ++*fmt) {
		const void *p;

		switch (**fmt) {
		case 'i': rc |= sqlite3_bind_int64(st, i, va_arg(*ap, int64_t)); break;
		case 'd': rc |= sqlite3_bind_double(st, i, va_arg(*ap, double)); break;
		case 'n': rc |= sqlite3_bind_null(st, i); break;
		case 's':
			p = va_arg(*ap, const char *);
			rc |= sqlite3_bind_text(st, i, p, -1, SQLITE_TRANSIENT);
			break;
		case 'b':
			p = va_arg(*ap, const void *);
			rc |= sqlite3_bind_blob64(st, i, p ? p : "", va_arg(*ap, size_t),
				SQLITE_TRANSIENT);
			break;
		default: abort();
		}
	}
	if (**fmt == ':')
		++*fmt;
	return rc == SQLITE_OK ? 0 : fail(db, e, "cannot bind");
}

static void columns(sqlite3_stmt *st, const char *fmt, va_list *ap)
{
	for (int i = 0; *fmt; i++, fmt++) {
		switch (*fmt) {
		case 'i': *va_arg(*ap, int64_t *) = sqlite3_column_int64(st, i); break;
		case 'd': *va_arg(*ap, double *) = sqlite3_column_double(st, i); break;
		case 's': *va_arg(*ap, const char **) = (const char *)sqlite3_column_text(st, i); break;
		case 'b':
			*va_arg(*ap, const void **) = sqlite3_column_blob(st, i);
			*va_arg(*ap, size_t *) = (size_t)sqlite3_column_bytes(st, i);
			break;
		case 'n': break;
		default: abort();
		}
	}
}

int64_t sn_db_run(struct sn_db *db, struct sn_err *e, const char *sql, const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	if ((rc = prepare(db, sql, &st, e)) < 0)
		return rc;
	va_start(ap, fmt);
	rc = bind(db, st, &fmt, &ap, e);
	va_end(ap);
	if (rc == 0) {
		do
			rc = sqlite3_step(st);
		while (rc == SQLITE_ROW);
		rc = rc == SQLITE_DONE ? 0 : fail(db, e, "cannot write");
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc < 0 ? rc : sqlite3_changes64(db->h);
}

/* The statement is reset before its row is handed out, so that no read transaction
 * stays open: texts and blobs are copied. */
static int hold(struct sn_db *db, sqlite3_stmt *st, const char *fmt, va_list *ap, struct sn_err *e)
{
	for (int i = 0; *fmt; i++, fmt++) {
		size_t n = 0;

		if (i == HELD)
			abort();
		if (strchr("sb", *fmt) && sqlite3_column_type(st, i) != SQLITE_NULL) {
			const void *p = *fmt == 's' ? (const void *)sqlite3_column_text(st, i) :
				sqlite3_column_blob(st, i);

			n = (size_t)sqlite3_column_bytes(st, i);
			if (!(db->held[i] = malloc(n + 1)))
				return sn_err_mem(e);
			if (n)
				memcpy(db->held[i], p, n);
			((char *)db->held[i])[n] = 0;
		}
		switch (*fmt) {
		case 'i': *va_arg(*ap, int64_t *) = sqlite3_column_int64(st, i); break;
		case 'd': *va_arg(*ap, double *) = sqlite3_column_double(st, i); break;
		case 's': *va_arg(*ap, const char **) = db->held[i]; break;
		case 'b':
			*va_arg(*ap, const void **) = db->held[i];
			*va_arg(*ap, size_t *) = n;
			break;
		case 'n': break;
		default: abort();
		}
	}
	return 1;
}

int sn_db_row(struct sn_db *db, struct sn_err *e, const char *sql, const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	if ((rc = prepare(db, sql, &st, e)) < 0)
		return rc;
	va_start(ap, fmt);
	rc = bind(db, st, &fmt, &ap, e);
	drop_held(db);
	if (rc == 0) {
		rc = sqlite3_step(st);
		rc = rc == SQLITE_ROW ? hold(db, st, fmt, &ap, e) :
			rc == SQLITE_DONE ? 0 : fail(db, e, "cannot read");
	}
	va_end(ap);
	sqlite3_reset(st);
	return rc;
}

int sn_db_query(struct sn_db *db, struct sn_stmt **out, struct sn_err *e, const char *sql,
	const char *fmt, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int rc;

	if ((rc = prepare(db, sql, &st, e)) < 0)
		return rc;
	sqlite3_reset(st);
	va_start(ap, fmt);
	rc = bind(db, st, &fmt, &ap, e);
	va_end(ap);
	*out = (struct sn_stmt *)st;
	return rc;
}

int sn_db_step(struct sn_db *db, struct sn_stmt *s, struct sn_err *e, const char *fmt, ...)
{
	sqlite3_stmt *st = (sqlite3_stmt *)s;
	int rc = sqlite3_step(st);
	va_list ap;

	if (rc == SQLITE_ROW) {
		va_start(ap, fmt);
		columns(st, fmt, &ap);
		va_end(ap);
		return 1;
	}
	rc = rc == SQLITE_DONE ? 0 : fail(db, e, "cannot read");
	sqlite3_reset(st);
	return rc;
}

void sn_db_reset(struct sn_stmt *st)
{
	sqlite3_reset((sqlite3_stmt *)st);
}

int64_t sn_db_last_id(struct sn_db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}
