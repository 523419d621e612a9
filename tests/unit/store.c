/* lib/store: schemas of several rooms in one file, columns, transactions, waiting. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tap.h"

static const char *const steps_a1[] = { "create table a (id integer primary key, t text, b blob, d real) strict", NULL };
static const char *const steps_a2[] = { "create table a (id integer primary key, t text, b blob, d real) strict",
	"alter table a add column extra integer not null default 7", NULL };
static const char *const steps_b[] = { "create table b (n integer) strict", NULL };
static const char *const steps_bad[] = { "create table c (n integer) strict", "create nonsense", NULL };
static const struct sn_schema a1 = { "a", steps_a1 }, a2 = { "a", steps_a2 }, b = { "b", steps_b },
	bad = { "bad", steps_bad };
static const struct sn_schema *const just_a1[] = { &a1, NULL }, *const both[] = { &a2, &b, NULL },
	*const broken[] = { &a2, &bad, NULL };

static char path[64];

static void schemas(void)
{
	struct sn_err e = { 0 };
	struct sn_db *db;
	int64_t n = 0;

	ok(sn_db_open(&db, path, 0, just_a1, &e) == 0, "a new file, version 1: %s", e.msg);
	ok(sn_db_run(db, &e, "insert into a (id, t) values (?, ?)", "is", (int64_t)1, "x") == 1, "a row");
	sn_db_close(db);
	ok(sn_db_open(&db, path, 0, both, &e) == 0, "version 2 and a second room: %s", e.msg);
	ok(sn_db_row(db, &e, "select extra from a where id = ?", "i:i", (int64_t)1, &n) == 1 && n == 7,
		"the row was brought along");
	sn_db_close(db);
	ok(sn_db_open(&db, path, 0, just_a1, &e) == SN_ETEMP && strstr(e.msg, "newer version"),
		"an older program refuses: %s", e.msg);
	ok(sn_db_open(&db, path, 0, broken, &e) < 0 && !db, "a step that fails: %s", e.msg);
	ok(sn_db_open(&db, path, SN_DB_READONLY, NULL, &e) == 0, "read only");
	ok(sn_db_row(db, &e, "select count(*) from sqlite_schema where name = 'c'", ":i", &n) == 1 && n == 0,
		"and it left nothing behind");
	ok(sn_db_run(db, &e, "insert into b values (1)", "") < 0, "read only is read only");
	sn_db_close(db);
	ok(sn_db_open(&db, "/nonexistent/x.db", 0, both, &e) == SN_ETEMP && !db, "no such place: %s", e.msg);
	ok(sn_db_open(&db, "/proc/version", 0, both, &e) < 0 && !db, "not a database: %s", e.msg);
}

static void columns(void)
{
	struct sn_err e = { 0 };
	struct sn_db *db;
	struct sn_stmt *st;
	const char *t, *none = "old";
	const void *blob;
	size_t len = 0;
	double d = 0;
	int64_t id = 0, seen = 0;

	if (!ok(sn_db_open(&db, path, 0, both, &e) == 0, "open"))
		return;
	ok(sn_db_run(db, &e, "insert into a (id, t, b, d) values (?, ?, ?, ?)", "isbd", (int64_t)2, "t\xc3\xa9",
		"\0\1\2", (size_t)3, 0.5) == 1, "every type");
	ok(sn_db_row(db, &e, "select t, b, d from a where id = ?", "i:sbd", (int64_t)2, &t, &blob, &len, &d) == 1 &&
		!strcmp(t, "t\xc3\xa9") && len == 3 && !memcmp(blob, "\0\1\2", 3) && d == 0.5, "and back");
	ok(sn_db_run(db, &e, "delete from a where id = ?", "i", (int64_t)2) == 1 && !strcmp(t, "t\xc3\xa9"),
		"texts outlive the row they came from");
	ok(sn_db_row(db, &e, "select t, b, d from a where id = ?", "i:sbd", (int64_t)2, &t, &blob, &len, &d) == 0,
		"no row");
	ok(sn_db_run(db, &e, "insert into a (id, t) values (?, ?)", "is", (int64_t)3, NULL) == 1, "NULL binds NULL");
	ok(sn_db_row(db, &e, "select t from a where id = 3", ":s", &none) == 1 && !none, "and is NULL");
	ok(sn_db_query(db, &st, &e, "select id, t from a where id < ? order by id", "i", (int64_t)9) == 0, "a query");
	while (sn_db_step(db, st, &e, "is", &id, &t) == 1)
		seen = seen * 10 + id;
	is_int(seen, 13, "row by row");
	ok(sn_db_begin(db, &e) == 0 && sn_db_run(db, &e, "delete from a", "") == 2, "a transaction");
	sn_db_rollback(db);
	ok(sn_db_row(db, &e, "select count(*) from a", ":i", &id) == 1 && id == 2, "rolled back");
	sn_db_close(db);
}

/* Writers of two processes: each waits for the other, nobody fails, nothing is lost. */
static void waiting(void)
{
	enum { WRITERS = 4, EACH = 60 };
	struct sn_err e = { 0 };
	struct sn_db *db;
	int64_t n = 0, sum = 0;
	int bad_ends = 0, status;

	for (int w = 0; w < WRITERS; w++) {
		if (fork())
			continue;
		if (sn_db_open(&db, path, 0, both, &e) < 0)
			_exit(1);
		for (int i = 0; i < EACH; i++) {
			if (sn_db_begin(db, &e) < 0 ||
			    sn_db_row(db, &e, "select coalesce(max(n), 0) from b", ":i", &n) < 0 ||
			    sn_db_run(db, &e, "insert into b values (?)", "i", n + 1) < 0 ||
			    sn_db_commit(db, &e) < 0)
				_exit(2);
		}
		sn_db_close(db);
		_exit(0);
	}
	while (wait(&status) > 0)
		bad_ends += status != 0;
	is_int(bad_ends, 0, "writers of several processes wait for one another");
	if (!ok(sn_db_open(&db, path, 0, both, &e) == 0, "open again"))
		return;
	ok(sn_db_row(db, &e, "select count(*), max(n) from b", ":ii", &n, &sum) == 1 && n == WRITERS * EACH &&
		sum == n, "and every increment was seen by the next");
	sn_db_close(db);
}

int main(void)
{
	char dir[] = "/tmp/sn-unit-XXXXXX", cmd[80];

	if (!mkdtemp(dir))
		return 111;
	snprintf(path, sizeof(path), "%s/t.db", dir);
	schemas();
	columns();
	waiting();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return done_testing() | (system(cmd) != 0);
}
