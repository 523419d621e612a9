/*
 * The one place that opens SQLite.  A struct sn_db is one connection, used by one
 * thread at a time; the caller owns it and closes it with sn_db_close().
 *
 * Every database is in WAL mode with synchronous=FULL (a commit that returned is
 * on disk), foreign keys on, and a busy handler that waits up to SN_DB_WAIT with
 * jittered sleeps.  Writes go through sn_db_begin(), which takes the write lock at
 * once (BEGIN IMMEDIATE), so that no transaction fails half-way by an upgrade.
 *
 * Statements are prepared once and kept by the address of their text: pass string
 * literals or other texts that live as long as the connection.
 *
 * Parameters and columns are described by a format string, one letter each:
 *   i  int64_t          d  double
 *   s  const char *     (NULL binds NULL; a column is valid until the next
 *                      step of its statement, or the next sn_db_row() of the connection)
 *   b  const void *, size_t     (a column: const void **, size_t *)
 *   n  nothing: binds NULL, skips the column
 * In sn_db_row() the columns follow the parameters after a ':':
 *   sn_db_row(db, e, "select a, b from t where id = ?", "i:is", id, &a, &b)
 *
 * Sources: sqlite.org/wal.html, pragma.html#pragma_synchronous, lang_transaction.html.
 */
#ifndef SN_STORE_STORE_H
#define SN_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define SN_DB_WAIT 10   /* seconds that a writer waits for another */

struct sn_db;
struct sn_stmt;

/* Versions of a room's part of the schema: step i takes it from version i to i + 1.
 * Several rooms may share a file; each has its own name and its own version. */
struct sn_schema {
	const char *room;
	const char *const *steps;       /* SQL texts, NULL ends */
};

enum { SN_DB_READONLY = 1, SN_DB_NOSYNC = 2 /* synchronous=NORMAL: may lose the last commits on power loss */ };

int sn_db_open(struct sn_db **db, const char *path, unsigned flags,
	const struct sn_schema *const *schemas, struct sn_err *e);
void sn_db_close(struct sn_db *db);
const char *sn_db_path(const struct sn_db *db);

int sn_db_begin(struct sn_db *db, struct sn_err *e);
int sn_db_commit(struct sn_db *db, struct sn_err *e);   /* rolled back when it fails */
void sn_db_rollback(struct sn_db *db);                  /* nothing when none is open */

/* Run a statement for its effect; returns the number of rows changed. */
int64_t sn_db_run(struct sn_db *db, struct sn_err *e, const char *sql, const char *fmt, ...);
/* The first row: 1 and the columns, 0 when there is none. */
int sn_db_row(struct sn_db *db, struct sn_err *e, const char *sql, const char *fmt, ...);

/* Row by row: bind, then step until it returns 0 (it resets itself at 0 or an error). */
int sn_db_query(struct sn_db *db, struct sn_stmt **st, struct sn_err *e, const char *sql,
	const char *fmt, ...);
int sn_db_step(struct sn_db *db, struct sn_stmt *st, struct sn_err *e, const char *fmt, ...);
void sn_db_reset(struct sn_stmt *st);

int64_t sn_db_last_id(struct sn_db *db);

#endif
