/*
 * sn-queue - a durable job queue for shell users.
 *
 * A batch of `push' is what can be had without waiting: lines are taken as long as there
 * are whole ones to be read (up to a limit), then stored in one transaction, and then
 * their ids are printed.  So a slow pipe has each line stored at once, and a file goes in
 * by the thousand, with one sync of the disk each.  No lock is held while reading.
 *
 * What is handed to standard output and could not be written is said and, for `pop',
 * put back: hence no SIGPIPE, and write(2) instead of stdio.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/queue.h"
#include "queue/worker.h"
#include "util/home.h"
#include "util/io.h"
#include "util/log.h"
#include "util/num.h"
#include "util/prog.h"
#include "util/progress.h"

#define SECOND 1000000000ull
#define BATCH_LINES 10000
#define BATCH_BYTES ((size_t)4 << 20)
#define LEASE_MIN (SECOND / 10)

static const char *opt_db, *opt_group = SN_QUEUE_GROUP, *opt_only;
static uint64_t opt_delay, opt_priority = SN_QUEUE_PRIORITY, opt_attempts = SN_QUEUE_ATTEMPTS;
static uint64_t opt_lease = 300 * SECOND, opt_run_lease = 60 * SECOND, opt_backoff = SECOND;
static uint64_t opt_jobs = 1;
static bool opt_atomic, opt_json, opt_drain;
static int opt_state;

static int open_queue(struct sn_queue **q, unsigned flags, struct sn_err *e)
{
	char *path = NULL;
	int rc = opt_db ? 0 : sn_home("sn.db", &path, e);

	if (rc == 0)
		rc = sn_queue_open(q, opt_db ? opt_db : path, flags, e);
	free(path);
	return rc;
}

/* Before anything is done that could then not be told. */
static int check_stdout(struct sn_err *e)
{
	int flags = fcntl(1, F_GETFL);

	signal(SIGPIPE, SIG_IGN);
	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		return 0;
	errno = EBADF;
	return sn_err_sys(e, "cannot write standard output");
}

/* --- push --- */

struct batch {
	struct sn_buf bytes;
	struct sn_body *body;   /* p is set when the batch is stored: bytes may move before */
	int64_t *id;
	size_t n, cap;
};

static void batch_release(struct batch *b)
{
	sn_buf_release(&b->bytes);
	free(b->body);
	free(b->id);
}

static int batch_add(struct batch *b, const char *p, size_t n, struct sn_err *e)
{
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 64;
		struct sn_body *body = reallocarray(b->body, cap, sizeof(*body));
		int64_t *id;

		if (body)
			b->body = body;
		id = reallocarray(b->id, cap, sizeof(*id));
		if (id)
			b->id = id;
		if (!body || !id)
			return sn_err_mem(e);
		b->cap = cap;
	}
	b->body[b->n++].n = n;
	sn_buf_add(&b->bytes, p, n);
	return sn_buf_ok(&b->bytes, "batch", e);
}

static int print_ids(const struct batch *b, struct sn_err *e)
{
	struct sn_buf out = SN_BUF_INIT;
	int rc;

	for (size_t i = 0; i < b->n; i++)
		sn_buf_fmt(&out, "%" PRId64 "\n", b->id[i]);
	rc = sn_buf_ok(&out, "ids", e);
	if (rc == 0 && sn_write(1, out.p, out.len) < 0)
		rc = sn_err_sys(e, "cannot write standard output");
	sn_buf_release(&out);
	if (rc < 0)
		sn_err_prefix(e, "jobs %" PRId64 " to %" PRId64 " are stored, but", b->id[0],
			b->id[b->n - 1]);
	return rc;
}

/* Store what is there, then say its ids. */
static int batch_flush(struct batch *b, struct sn_queue *q, struct sn_err *e)
{
	const struct sn_queue_put put = { opt_group, opt_delay, opt_priority };
	const char *p = b->bytes.p;
	int rc;

	if (!b->n)
		return 0;
	for (size_t i = 0; i < b->n; p += b->body[i++].n)
		b->body[i].p = p;
	if ((rc = sn_queue_push(q, &put, b->body, b->n, b->id, e)) == 0)
		rc = print_ids(b, e);
	b->n = 0;
	sn_buf_clear(&b->bytes);
	return rc;
}

static void show_progress(void)
{
	struct stat st;
	off_t at = lseek(0, 0, SEEK_CUR);

	if (fstat(0, &st) == 0 && S_ISREG(st.st_mode) && at >= 0 && !isatty(1))
		sn_progress_start("pushing", "B", (uint64_t)(st.st_size > at ? st.st_size - at : 0));
}

static int push_lines(struct sn_queue *q, struct batch *b, struct sn_err *e)
{
	struct sn_lines l;
	size_t n;
	char *p;
	int rc;

	sn_lines_init(&l, 0, "standard input", SN_QUEUE_BODY_MAX);
	show_progress();
	while ((rc = sn_lines_next(&l, &p, &n, e)) > 0) {
		if ((rc = batch_add(b, p, n, e)) < 0)
			break;
		if (opt_atomic || (b->n < BATCH_LINES && b->bytes.len < BATCH_BYTES &&
		    sn_lines_ready(&l)))
			continue;
		if ((rc = batch_flush(b, q, e)) < 0)
			break;
		sn_progress_set(l.offset + n);
	}
	if (rc == 0)
		rc = batch_flush(b, q, e);
	sn_progress_end();
	sn_lines_release(&l);
	return rc;
}

static int cmd_push(int argc, char **argv, struct sn_err *e)
{
	struct batch b = { SN_BUF_INIT, NULL, NULL, 0, 0 };
	struct sn_queue *q = NULL;
	int rc = check_stdout(e);

	if (rc == 0)
		rc = open_queue(&q, SN_QUEUE_CREATE, e);
	if (rc == 0 && (!argc || (argc == 1 && !strcmp(argv[0], "-")))) {
		rc = push_lines(q, &b, e);
	} else if (rc == 0) {
		for (int i = 0; i < argc && rc == 0; i++)
			rc = batch_add(&b, argv[i], strlen(argv[i]), e);
		if (rc == 0)
			rc = batch_flush(&b, q, e);
	}
	batch_release(&b);
	sn_queue_close(q);
	return rc;
}

/* --- pop, ack, nack, touch, weight --- */

static int print_lease(struct sn_queue *q, const struct sn_lease *l, struct sn_err *e)
{
	static const struct sn_queue_end back = { .verdict = SN_QUEUE_PUT_BACK, .status = -1 };
	struct sn_buf out = SN_BUF_INIT;
	struct sn_err why = { 0 };
	int rc;

	sn_lease_json(&out, l);
	rc = sn_buf_ok(&out, "job", e);
	if (rc == 0 && sn_write(1, out.p, out.len) < 0)
		rc = sn_err_sys(e, "cannot write standard output");
	sn_buf_release(&out);
	if (rc == 0)
		return 0;
	if (sn_queue_end(q, l->id, l->token, &back, NULL, &why) == 0)
		return sn_err_prefix(e, "job %" PRId64 " is put back", l->id);
	return sn_err_prefix(e, "job %" PRId64 " stays leased (%s)", l->id, why.msg);
}

static int cmd_pop(int argc, char **argv, struct sn_err *e)
{
	const struct sn_queue_take take = { opt_lease, opt_attempts };
	struct sn_queue *q = NULL;
	struct sn_lease l;
	int64_t next;
	int rc = check_stdout(e);

	if (rc == 0)
		rc = open_queue(&q, SN_QUEUE_CREATE, e);
	if (rc == 0)
		rc = sn_queue_pop(q, &take, &l, &next, e);
	if (rc > 0) {
		rc = print_lease(q, &l, e);
		sn_lease_release(&l);
	} else if (rc == 0) {
		rc = SN_ENO;    /* nothing is ready: no words */
	}
	sn_queue_close(q);
	return rc;
}

static int open_held(char **argv, struct sn_queue **q, int64_t *id, uint8_t *token, struct sn_err *e)
{
	uint64_t n;
	int rc;

	*q = NULL;
	if ((rc = sn_num_u64(argv[0], 1, INT64_MAX, &n, e)) < 0)
		return sn_err_prefix(e, "ID");
	*id = (int64_t)n;
	if ((rc = sn_num_hex(argv[1], token, SN_QUEUE_TOKEN, e)) < 0)
		return sn_err_prefix(e, "TOKEN");
	return open_queue(q, 0, e);
}

static int end_with(char **argv, enum sn_queue_verdict verdict, struct sn_err *e)
{
	const struct sn_queue_end end = { verdict, opt_delay, -1, NULL };
	uint8_t token[SN_QUEUE_TOKEN];
	struct sn_queue *q;
	int64_t id;
	int rc = open_held(argv, &q, &id, token, e);

	if (rc == 0)
		rc = sn_queue_end(q, id, token, &end, NULL, e);
	sn_queue_close(q);
	return rc;
}

static int cmd_ack(int argc, char **argv, struct sn_err *e)
{
	return end_with(argv, SN_QUEUE_ACK, e);
}

static int cmd_nack(int argc, char **argv, struct sn_err *e)
{
	return end_with(argv, SN_QUEUE_NACK, e);
}

static int cmd_touch(int argc, char **argv, struct sn_err *e)
{
	uint8_t token[SN_QUEUE_TOKEN];
	struct sn_queue *q;
	int64_t id, until;
	int rc = open_held(argv, &q, &id, token, e);

	if (rc == 0)
		rc = sn_queue_touch(q, id, token, opt_lease, &until, e);
	sn_queue_close(q);
	return rc;
}

static int cmd_weight(int argc, char **argv, struct sn_err *e)
{
	struct sn_queue *q = NULL;
	uint64_t weight;
	int rc = sn_num_u64(argv[1], 1, 1000, &weight, e);

	if (rc == 0)
		rc = open_queue(&q, SN_QUEUE_CREATE, e);
	if (rc == 0)
		rc = sn_queue_weight(q, argv[0], weight, e);
	sn_queue_close(q);
	return rc;
}

/* --- ls, stats --- */

static int print_job(void *arg, const struct sn_job *j, struct sn_err *e)
{
	struct sn_buf *out = arg;
	int rc;

	sn_buf_clear(out);
	sn_job_json(out, j);
	rc = sn_buf_ok(out, "job", e);
	return rc < 0 ? rc : sn_print(out->p, out->len, e);
}

static int cmd_ls(int argc, char **argv, struct sn_err *e)
{
	struct sn_buf out = SN_BUF_INIT;
	struct sn_queue *q;
	int rc = open_queue(&q, SN_QUEUE_READONLY, e);

	if (rc < 0)
		return rc;
	/* the choices are the states, behind "all" */
	rc = sn_queue_ls(q, opt_state ? (enum sn_queue_state)(opt_state - 1) : SN_QUEUE_STATES,
		opt_only, print_job, &out, e);
	sn_buf_release(&out);
	sn_queue_close(q);
	return rc;
}

struct counts {
	struct sn_queue_count total;
	struct sn_buf rows;     /* text, or the members of "groups" */
};

static void add_counts(struct sn_buf *b, const int64_t *n)
{
	for (int s = 0; s < SN_QUEUE_STATES; s++)
		sn_buf_fmt(b, "%s\"%s\":%" PRId64, s ? "," : "", sn_queue_state_name[s], n[s]);
}

static void add_row(struct sn_buf *b, const char *name, const char *weight, const int64_t *n)
{
	sn_buf_fmt(b, "%-20s %6s", name, weight);
	for (int s = 0; s < SN_QUEUE_STATES; s++)
		sn_buf_fmt(b, " %9" PRId64, n[s]);
	sn_buf_chr(b, '\n');
}

static int add_group(void *arg, const struct sn_queue_count *c, struct sn_err *e)
{
	struct counts *all = arg;
	char weight[24];

	for (int s = 0; s < SN_QUEUE_STATES; s++)
		all->total.n[s] += c->n[s];
	snprintf(weight, sizeof(weight), "%" PRId64, c->weight);
	if (opt_json) {
		sn_buf_fmt(&all->rows, "%s\"%s\":{\"weight\":%s,", all->rows.len ? "," : "",
			c->group, weight);
		add_counts(&all->rows, c->n);
		sn_buf_chr(&all->rows, '}');
	} else {
		add_row(&all->rows, c->group, weight, c->n);
	}
	return sn_buf_ok(&all->rows, "groups", e);
}

static int cmd_stats(int argc, char **argv, struct sn_err *e)
{
	struct counts all = { .rows = SN_BUF_INIT };
	struct sn_buf out = SN_BUF_INIT;
	struct sn_queue *q;
	int rc = open_queue(&q, SN_QUEUE_READONLY, e);

	if (rc < 0)
		return rc;
	if ((rc = sn_queue_stats(q, add_group, &all, e)) < 0)
		goto out;
	if (opt_json) {
		sn_buf_str(&out, "{\"totals\":{");
		add_counts(&out, all.total.n);
		sn_buf_str(&out, "},\"groups\":{");
		sn_buf_add(&out, all.rows.p, all.rows.len);
		sn_buf_str(&out, "}}\n");
	} else {
		sn_buf_fmt(&out, "%-20s %6s", "group", "weight");
		for (int s = 0; s < SN_QUEUE_STATES; s++)
			sn_buf_fmt(&out, " %9s", sn_queue_state_name[s]);
		sn_buf_chr(&out, '\n');
		sn_buf_add(&out, all.rows.p, all.rows.len);
		add_row(&out, "total", "", all.total.n);
	}
	if ((rc = sn_buf_ok(&out, "stats", e)) == 0)
		rc = sn_print(out.p, out.len, e);
out:
	sn_buf_release(&out);
	sn_buf_release(&all.rows);
	sn_queue_close(q);
	return rc;
}

/* --- run --- */

static void say_end(const struct sn_worker_event *ev)
{
	char took[16], delay[16];

	sn_duration_text(ev->elapsed, took);
	switch (ev->became) {
	case SN_QUEUE_DONE:
		sn_info("job %" PRId64 ": done in %s", ev->lease->id, took);
		break;
	case SN_QUEUE_DEAD:
		sn_warn("job %" PRId64 ": %s after %s; dead, attempt %" PRId64 " was the last",
			ev->lease->id, ev->error, took, ev->lease->attempt);
		break;
	case SN_QUEUE_DELAYED:
		sn_warn("job %" PRId64 ": %s after %s; attempt %" PRId64 " follows in %s",
			ev->lease->id, ev->error, took, ev->lease->attempt + 1,
			sn_duration_text(ev->delay, delay));
		break;
	default:
		sn_warn("job %" PRId64 ": put back: %s", ev->lease->id,
			ev->error ? ev->error : "no reason");
	}
}

static void say(void *arg, const struct sn_worker_event *ev)
{
	switch (ev->what) {
	case SN_WORKER_START:
		sn_info("job %" PRId64 " of %s: attempt %" PRId64 ", process %d", ev->lease->id,
			ev->lease->group, ev->lease->attempt, ev->pid);
		break;
	case SN_WORKER_END:
		say_end(ev);
		break;
	case SN_WORKER_LOST:
		sn_warn("job %" PRId64 ": its end is not recorded: %s", ev->lease->id, ev->error);
		break;
	case SN_WORKER_RETRY:
		sn_warn("job %" PRId64 ": trying again: %s", ev->lease->id, ev->error);
		break;
	case SN_WORKER_STOP:
		if (ev->children)
			sn_warn("stopping when %zu running job%s; a second signal kills and puts back",
				ev->children, ev->children == 1 ? " has ended" : "s have ended");
		break;
	}
}

static int cmd_run(int argc, char **argv, struct sn_err *e)
{
	struct sn_worker w = { .take = { opt_run_lease, opt_attempts }, .jobs = opt_jobs,
		.backoff = opt_backoff, .drain = opt_drain, .event = say };
	int rc = open_queue(&w.q, SN_QUEUE_CREATE, e);

	if (rc < 0)
		return rc;
	w.argv = calloc((size_t)argc + 1, sizeof(*w.argv));
	if (w.argv) {
		memcpy(w.argv, argv, (size_t)argc * sizeof(*argv));
		rc = sn_worker_run(&w, e);
	} else {
		rc = sn_err_mem(e);
	}
	free(w.argv);
	sn_queue_close(w.q);
	return rc;
}

/* --- tables --- */

#define END { 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 }
#define ATTEMPTS { 0, "max-attempts", SN_OPT_U64, "N", \
	"a job whose attempt N fails or runs out is dead (20)", &opt_attempts, 1, INT32_MAX }
#define LEASE(text, dest) { 0, "lease", SN_OPT_TIME, "T", text, dest, LEASE_MIN, SN_QUEUE_TIME_MAX }

static const struct sn_opt opts[] = {
	{ 'd', "database", SN_OPT_STR, "FILE", "the queue's file ($SN_HOME/sn.db)", &opt_db, 0, 0 },
	END
};
static const struct sn_opt push_opts[] = {
	{ 'g', "group", SN_OPT_STR, "G", "the group they belong to (default)", &opt_group, 0, 0 },
	{ 0, "delay", SN_OPT_TIME, "T", "ready only after T", &opt_delay, 0, SN_QUEUE_TIME_MAX },
	{ 0, "priority", SN_OPT_U64, "N", "0 to 9, the highest of a group goes first (5)",
		&opt_priority, 0, SN_QUEUE_PRIORITY_MAX },
	{ 0, "atomic", SN_OPT_FLAG, NULL, "all of standard input is one batch", &opt_atomic, 0, 0 },
	END
};
static const struct sn_opt pop_opts[] = {
	LEASE("how long the job is leased (5m)", &opt_lease),
	ATTEMPTS,
	END
};
static const struct sn_opt nack_opts[] = {
	{ 0, "delay", SN_OPT_TIME, "T", "ready again only after T", &opt_delay, 0, SN_QUEUE_TIME_MAX },
	END
};
static const struct sn_opt touch_opts[] = {
	LEASE("how long from now the lease lasts (5m)", &opt_lease),
	END
};
static const struct sn_opt ls_opts[] = {
	{ 's', "state", SN_OPT_CHOICE, "all|ready|delayed|leased|done|dead", "only these (all)",
		&opt_state, 0, 0 },
	{ 'g', "group", SN_OPT_STR, "G", "only this group's", &opt_only, 0, 0 },
	END
};
static const struct sn_opt stats_opts[] = {
	{ 0, "json", SN_OPT_FLAG, NULL, "for machines: one JSON object", &opt_json, 0, 0 },
	END
};
static const struct sn_opt run_opts[] = {
	{ 'j', "jobs", SN_OPT_U64, "N", "run up to N at a time (1)", &opt_jobs, 1, 1000 },
	LEASE("lease of a job, renewed while it runs (1m)", &opt_run_lease),
	ATTEMPTS,
	{ 0, "backoff", SN_OPT_TIME, "T", "wait about T, 2T, 4T... up to 1h, after failures (1s)",
		&opt_backoff, 0, SN_WORKER_BACKOFF_MAX },
	{ 0, "drain", SN_OPT_FLAG, NULL, "end when no job is ready, delayed or leased",
		&opt_drain, 0, 0 },
	END
};

static const struct sn_cmd cmds[] = {
	{ "push", "[BODY...]", "store jobs from operands, or lines of standard input; print their ids",
		push_opts, cmd_push, 0, -1 },
	{ "pop", "", "lease the next job and print it; 1 when none is ready", pop_opts, cmd_pop, 0, 0 },
	{ "ack", "ID TOKEN", "the job is done", NULL, cmd_ack, 2, 2 },
	{ "nack", "ID TOKEN", "the attempt failed: ready again, or dead after the last", nack_opts,
		cmd_nack, 2, 2 },
	{ "touch", "ID TOKEN", "renew the lease", touch_opts, cmd_touch, 2, 2 },
	{ "run", "-- CMD [ARG...]", "run CMD for each job, with the body on its standard input",
		run_opts, cmd_run, 1, -1 },
	{ "ls", "", "print the jobs, also done and dead ones, as NDJSON", ls_opts, cmd_ls, 0, 0 },
	{ "stats", "", "count the jobs by state and group", stats_opts, cmd_stats, 0, 0 },
	{ "weight", "GROUP N", "let the group have N jobs in its turn instead of 1", NULL, cmd_weight,
		2, 2 },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0 },
};

static const struct sn_prog prog = {
	"sn-queue", "a durable job queue: leases, retries, dead letters, fair shares for groups",
	opts, cmds, { NULL, NULL, NULL, NULL, NULL, 0, 0 }
};

int main(int argc, char **argv)
{
	return sn_main(&prog, argc, argv);
}
