/* lib/queue: every statement of a push, pop or ending has its index; the JSON of a job;
 * arguments out of range; what a backoff may be is seen in tests/t/queue-run.t. */
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue/engine.h"
#include "store/store.h"
#include "util/io.h"

#include "tap.h"

static char dir[] = "/tmp/sn-queue.XXXXXX";
static char *path;

/* A step that reads more rows with more jobs: a scan that is not ended by a limit on a
 * partial index kept in the wanted order, or a sort. */
static bool grows(const char *sql, const char *step)
{
	if (strstr(step, "TEMP B-TREE"))
		return true;
	if (strncmp(step, "SCAN", 4) || !strcmp(step, "SCAN CONSTANT ROW"))
		return false;
	return !(strstr(sql, " limit 1") &&
		(strstr(step, "INDEX queue_active") || strstr(step, "INDEX queue_due")));
}

/* A statement's text is its name for the connection, so it must live as long. */
static char *texts[64];
static int n_texts;

static int plan(struct sn_db *db, const char *sql, struct sn_err *e)
{
	struct sn_stmt *st;
	const char *step;
	int rc, bad = 0;

	if (n_texts == 64 || asprintf(&texts[n_texts], "explain query plan %s", sql) < 0)
		return SN_ETEMP;
	rc = sn_db_query(db, &st, e, texts[n_texts++], "");
	while (rc >= 0 && (rc = sn_db_step(db, st, e, "nnns", &step)) > 0)
		if (grows(sql, step)) {
			printf("# %s\n#   %s\n", sql, step);
			bad++;
		}
	return rc < 0 ? rc : bad;
}

static void plans(void)
{
	struct sn_err e = { 0 };
	struct sn_queue *q;
	struct sn_db *db;

	if (!ok(sn_queue_open(&q, path, SN_QUEUE_CREATE, &e) == 0, "open: %s", e.msg))
		return;
	sn_queue_close(q);
	if (!ok(sn_db_open(&db, path, 0, NULL, &e) == 0, "open the store: %s", e.msg))
		return;
	for (int i = 0; sn_queue_sqlite_hot[i]; i++)
		is_int(plan(db, sn_queue_sqlite_hot[i], &e), 0, sn_queue_sqlite_hot[i]);
	/* the rule itself catches what it is there for */
	ok(plan(db, "select id from queue_job where state = 0 order by pushed limit 1", &e) == 2,
		"a scan and a sort are seen");
	ok(plan(db, "select id from queue_job limit 1 offset 9", &e) == 1, "a scan is seen");
	sn_db_close(db);
	while (n_texts)
		free(texts[--n_texts]);
}

static void ranges(void)
{
	static const struct sn_body body = { "x", 1 }, big = { "x", SN_QUEUE_BODY_MAX + 1 };
	static const struct { struct sn_queue_put put; const char *says; } bad[] = {
		{ { "", 0, 5 }, "group \"\"" },
		{ { "a/b", 0, 5 }, "group \"a/b\"" },
		{ { "12345678901234567890123456789012345678901234567890123456789012345", 0, 5 },
			"is 1 to 64" },
		{ { "g", SN_QUEUE_TIME_MAX + 1, 5 }, "delay" },
		{ { "g", 0, 10 }, "priority 10" },
	};
	struct sn_queue_put good = { "g", 0, 5 };
	struct sn_err e = { 0 };
	struct sn_queue *q;
	struct sn_lease l;
	int64_t id, next;

	if (!ok(sn_queue_open(&q, path, 0, &e) == 0, "open again: %s", e.msg))
		return;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(sn_queue_push(q, &bad[i].put, &body, 1, &id, &e) == SN_EUSE &&
			strstr(e.msg, bad[i].says), "push refuses: %s", e.msg);
	ok(sn_queue_push(q, &good, &big, 1, &id, &e) == SN_ENO, "push refuses: %s", e.msg);
	is_int(sn_queue_push(q, &good, NULL, 0, NULL, &e), 0, "no bodies, nothing done");
	ok(sn_queue_pop(q, &(struct sn_queue_take){ 0, 1 }, &l, &next, &e) == SN_EUSE, "%s", e.msg);
	ok(sn_queue_pop(q, &(struct sn_queue_take){ 1, 0 }, &l, &next, &e) == SN_EUSE, "%s", e.msg);
	is_int(sn_queue_pop(q, &(struct sn_queue_take){ 1, 1 }, &l, &next, &e), 0, "nothing is ready");
	is_int(next, INT64_MAX, "nor will be");
	is_int(sn_queue_left(q, &e), 0, "nothing is left");
	sn_queue_close(q);
	ok(sn_queue_open(&q, "redis://h", 0, &e) == SN_EUSE && !strncmp(e.msg, "redis://...", 11),
		"no engine: %s", e.msg);
	ok(sn_queue_open(&q, "", SN_QUEUE_CREATE, &e) == SN_EUSE, "no name: %s", e.msg);
}

static void bodies(void)
{
	static const struct { const char *in; size_t n; const char *out; } row[] = {
		{ "", 0, "\"body\":\"\"" },
		{ "x", 1, "\"body\":\"x\"" },
		{ "12", 2, "\"body\":12" },
		{ "\"x\"", 3, "\"body\":\"x\"" },
		{ "{\"a\":1,\"a\":2}", 13, "\"body\":{\"a\":1,\"a\":2}" },
		{ "[1,\n2,\r3]", 9, "\"body\":[1, 2, 3]" },
		{ "99999999999999999999999", 23, "\"body\":99999999999999999999999" },
		{ "1 2", 3, "\"body\":\"1 2\"" },
		{ "nul\0", 4, "\"body\":\"nul\\u0000\"" },
		{ "1\0", 2, "\"body\":\"1\\u0000\"" },
		{ "\"\\u0000\"", 8, "\"body\":\"\\u0000\"" },
		{ "\377", 1, "\"body\":\"\xef\xbf\xbd\",\"body_base64\":\"/w==\"" },
		{ "\"\377\"", 3, "\"body\":\"\\\"\xef\xbf\xbd\\\"\",\"body_base64\":\"Iv8i\"" },
		{ "1e999", 5, "\"body\":\"1e999\"" },
		{ "\"\\ud800\"", 8, "\"body\":\"\\\"\\\\ud800\\\"\"" },
		{ "a\nb", 3, "\"body\":\"a\\nb\"" },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct sn_buf b = SN_BUF_INIT;

		sn_body_json(&b, row[i].in, row[i].n);
		is_str(b.p, row[i].out, row[i].out);
		sn_buf_release(&b);
	}
}

int main(void)
{
	if (sodium_init() < 0 || !mkdtemp(dir) || !(path = sn_path(dir, "q.db")))
		return 111;
	plans();
	ranges();
	bodies();
	unlink(path);
	ok(rmdir(dir) == 0, "nothing is left behind");
	free(path);
	return done_testing();
}
