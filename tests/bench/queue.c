/*
 * Durable jobs per second beside the disk's syncs per second, round by round in turn.
 * usage: queue DIR [SECONDS-PER-ROUND [LIVE]]
 *
 * The limit is a write of one 4 KiB page into a file that has its length already, and
 * fdatasync(): what a commit costs at the very least.  A push is one commit, a pop and
 * its ack are two.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/queue.h"
#include "store/store.h"
#include "util/clock.h"
#include "util/io.h"

#define ROUNDS 5
#define BATCH 100
#define FILL 10000

static const struct sn_queue_put put = { "bench", 0, SN_QUEUE_PRIORITY };
static const struct sn_queue_take take = { 3600ull * 1000000000, 20 };
static const struct sn_queue_end done = { SN_QUEUE_ACK, 0, 0, NULL };
static const char text[] = "{\"model\":\"hf:namespace/name\",\"profile\":\"dippy-2025-01\",\"n\":1024}";
static struct sn_body body[FILL];
static int64_t ids[FILL];
static char page[4096];
static int fd;

static void check(int rc, const struct sn_err *e)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "queue bench: %s\n", e->msg);
	exit(111);
}

static void one_sync(struct sn_queue *q, struct sn_err *e)
{
	static off_t at;

	if (pwrite(fd, page, sizeof(page), at) != sizeof(page) || fdatasync(fd) < 0)
		check(sn_err_sys(e, "cannot sync"), e);
	at = (at + (off_t)sizeof(page)) % (4 << 20);
}

static void push_one(struct sn_queue *q, struct sn_err *e)
{
	check(sn_queue_push(q, &put, body, 1, ids, e), e);
}

static void push_batch(struct sn_queue *q, struct sn_err *e)
{
	check(sn_queue_push(q, &put, body, BATCH, ids, e), e);
}

static void pop_ack(struct sn_queue *q, struct sn_err *e)
{
	struct sn_lease l;
	int64_t next;
	int rc = sn_queue_pop(q, &take, &l, &next, e);

	check(rc, e);
	if (rc == 0)
		exit(111);
	check(sn_queue_end(q, l.id, l.token, &done, NULL, e), e);
	sn_lease_release(&l);
}

static double rate(void (*step)(struct sn_queue *, struct sn_err *), struct sn_queue *q, double seconds)
{
	int64_t start = sn_clock_mono(), now, end = start + (int64_t)(seconds * 1e9);
	struct sn_err e = { 0 };
	int n = 0;

	do {
		step(q, &e);
		n++;
	} while ((now = sn_clock_mono()) < end);
	return n / ((double)(now - start) / 1e9);
}

static int up(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

enum { SYNC, PUSH, PUSH_BATCH, PAIR, KINDS };
static const struct {
	const char *name;
	void (*step)(struct sn_queue *, struct sn_err *);
	double jobs, commits;   /* of one step */
} kind[KINDS] = {
	{ "write 4 KiB + fdatasync", one_sync, 1, 1 },
	{ "push, one a commit", push_one, 1, 1 },
	{ "push, 100 a commit", push_batch, BATCH, 1 },
	{ "pop + ack", pop_ack, 1, 2 },
};

/* All kinds in turn, several times; the medians. */
static void measure(struct sn_queue *q, double seconds, const char *when)
{
	double got[KINDS][ROUNDS], limit;

	for (int r = 0; r < ROUNDS; r++)
		for (int k = 0; k < KINDS; k++)
			got[k][r] = rate(kind[k].step, q, seconds);
	for (int k = 0; k < KINDS; k++)
		qsort(got[k], ROUNDS, sizeof(double), up);
	limit = got[SYNC][ROUNDS / 2];
	printf("\n%s\n%-26s %12s %12s %12s\n", when, "", "jobs/s", "commits/s", "of syncs/s");
	for (int k = 0; k < KINDS; k++) {
		double steps = got[k][ROUNDS / 2];

		printf("%-26s %12.0f %12.0f %11.0f%%\n", kind[k].name,
			k == SYNC ? 0 : steps * kind[k].jobs, steps * kind[k].commits,
			100 * steps * kind[k].commits / limit);
	}
	fflush(stdout);
}

/* n live jobs and n finished ones more.  Finished by hand: a million acks one by one would
 * measure the filling. */
static void fill(struct sn_queue *q, int64_t n, const char *path)
{
	struct sn_err e = { 0 };
	struct sn_db *db;

	printf("\nfilling: %" PRId64 " live and %" PRId64 " finished jobs\n", n, n);
	fflush(stdout);
	for (int64_t i = 0; i < 2 * n; i += FILL)
		check(sn_queue_push(q, &put, body, FILL, ids, &e), &e);
	check(sn_db_open(&db, path, 0, NULL, &e), &e);
	check(sn_db_begin(db, &e), &e);
	check(sn_db_run(db, &e, "insert into queue_history (id, grp, state, priority, attempts, pushed,"
		" ended, status) select id, grp, 3, priority, 1, pushed, pushed, 0 from queue_job"
		" where state = 0 order by id desc limit ?", "i", n) < 0 ? SN_ETEMP : 0, &e);
	check(sn_db_run(db, &e, "delete from queue_job where id in (select id from queue_history)",
		"") < 0 ? SN_ETEMP : 0, &e);
	check(sn_db_run(db, &e, "update queue_group set ready = ready - ?, done = done + ?", "ii",
		n, n) < 0 ? SN_ETEMP : 0, &e);
	check(sn_db_commit(db, &e), &e);
	sn_db_close(db);
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 0.5;
	int64_t live = argc > 3 ? atoll(argv[3]) : 1000000;
	struct sn_err e = { 0 };
	struct sn_queue *q;
	char *path, *sync_path;

	if (argc < 2 || sodium_init() < 0 || !(path = sn_path(argv[1], "bench.db")) ||
	    !(sync_path = sn_path(argv[1], "sync")))
		return 100;
	for (int i = 0; i < FILL; i++)
		body[i] = (struct sn_body){ text, sizeof(text) - 1 };
	fd = open(sync_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < 1024; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			return 111;
	fsync(fd);
	check(sn_queue_open(&q, path, SN_QUEUE_CREATE, &e), &e);
	measure(q, seconds, "a short queue");
	fill(q, live, path);
	measure(q, seconds, "a long queue");
	sn_queue_close(q);
	free(path);
	free(sync_path);
	return 0;
}
