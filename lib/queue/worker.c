/*
 * One thread, one poll loop.  Signals are blocked and come through a signalfd, so nothing
 * happens between two lines of this file.  A slot is a leased job and its child:
 *
 *     free -> running (lease renewed every third of it) -> ended -> recorded, free
 *
 * A slot stays `ended' while the store cannot be written: the outcome of an hour's work
 * is not dropped because the disk was full for a moment.  Its lease is renewed with it.
 * When somebody else has the job by then, nothing is recorded: the token sees to that.
 *
 * The body is a file in memory, not a pipe: it needs no feeding, a child that does not
 * read it holds nothing up, and one that reads twice may.
 */
#include "queue/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/io.h"

#define MS 1000000ll
#define IDLE (50 * MS)          /* between two looks at an unchanged store */
#define AGAIN (1000 * MS)       /* between two tries at a store that failed */

struct slot {
	pid_t pid;              /* 0: no child */
	bool taken, ended, lost;
	int status;             /* of waitpid() */
	struct sn_lease lease;
	int64_t started, renew, again;  /* by sn_clock_mono() */
};

struct run {
	const struct sn_worker *w;
	struct slot *slot;
	int signals;            /* fd */
	sigset_t old;           /* the mask to give to children and to leave behind */
	int stops;              /* signals that said stop, so far */
	struct sn_err failed;   /* the first failure of the store: take no more */
	int64_t version, next;
	bool look;              /* something may have become ready */
};

static void tell(struct run *r, struct sn_worker_event ev)
{
	if (r->w->event)
		r->w->event(r->w->arg, &ev);
}

static bool taking(const struct run *r)
{
	return !r->stops && !r->failed.code;
}

static size_t busy(const struct run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->w->jobs; i++)
		n += r->slot[i].taken;
	return n;
}

static void free_slot(struct slot *s)
{
	sn_lease_release(&s->lease);
	*s = (struct slot){ 0 };
}

/* --- children --- */

static int body_file(const struct sn_lease *l, int *fd, struct sn_err *e)
{
	*fd = memfd_create("job", MFD_CLOEXEC);
	if (*fd < 0)
		return sn_err_sys(e, "cannot make a file in memory");
	if (sn_write(*fd, l->body, l->body_len) == 0 && lseek(*fd, 0, SEEK_SET) == 0)
		return 0;
	sn_err_sys(e, "cannot write a file in memory");
	close(*fd);
	return SN_ETEMP;
}

/* In the child, between fork and exec. */
static _Noreturn void child(struct run *r, const struct sn_lease *l, int body, pid_t parent)
{
	static const char *const name[] = { "SN_JOB_ID", "SN_JOB_TOKEN", "SN_JOB_ATTEMPT" };
	char value[3][2 * SN_QUEUE_TOKEN + 1];
	int bad = 0;

	snprintf(value[0], sizeof(value[0]), "%" PRId64, l->id);
	sodium_bin2hex(value[1], sizeof(value[1]), l->token, sizeof(l->token));
	snprintf(value[2], sizeof(value[2]), "%" PRId64, l->attempt);
	for (int i = 0; i < 3; i++)
		bad |= setenv(name[i], value[i], 1);
	setpgid(0, 0);
	/* a killed worker must not leave hours of work running that nobody will record */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(-SN_ETEMP);
	signal(SIGPIPE, SIG_DFL);
	if (!bad && dup2(body, 0) == 0 && sigprocmask(SIG_SETMASK, &r->old, NULL) == 0)
		execvp(r->w->argv[0], r->w->argv);
	bad = errno;
	dprintf(2, "%s: job %s: cannot run %s: %s\n", program_invocation_short_name, value[0],
		r->w->argv[0], strerror(bad));
	_exit(bad == ENOENT ? 127 : 126);
}

static int start(struct run *r, struct slot *s, struct sn_err *e)
{
	pid_t parent = getpid();
	int body, rc = body_file(&s->lease, &body, e);

	if (rc < 0)
		return rc;
	s->pid = fork();
	if (s->pid == 0)
		child(r, &s->lease, body, parent);
	if (s->pid < 0) {
		s->pid = 0;
		rc = sn_err_sys(e, "cannot start a process");
	} else {
		setpgid(s->pid, s->pid);        /* here too: a kill must not come before it */
		s->started = sn_clock_mono();
		tell(r, (struct sn_worker_event){ .what = SN_WORKER_START, .lease = &s->lease,
			.pid = s->pid });
	}
	close(body);
	return rc;
}

static void kill_child(const struct slot *s, int sig)
{
	if (s->pid > 0)
		kill(-s->pid, sig);
}

/* --- what becomes of a job --- */

/* The class of an exit status, and words for it; NULL: success. */
static enum sn_queue_verdict judge(int status, int64_t *exit_status, char *text, size_t n)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

	*exit_status = code;
	if (WIFSIGNALED(status))
		snprintf(text, n, "killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(text, n, "exit status %d", code);
	if (WIFSIGNALED(status))
		return SN_QUEUE_NACK;
	return code == 0 ? SN_QUEUE_ACK : code == 1 || code == 100 ? SN_QUEUE_KILL : SN_QUEUE_NACK;
}

/* base * 2^(attempt - 1), at most an hour, times 0.5 to 1.5 at random. */
static uint64_t backoff(uint64_t base, int64_t attempt)
{
	uint64_t d = base < SN_WORKER_BACKOFF_MAX ? base : SN_WORKER_BACKOFF_MAX;

	for (int64_t i = 1; i < attempt && d < SN_WORKER_BACKOFF_MAX; i++)
		d *= 2;
	if (d > SN_WORKER_BACKOFF_MAX)
		d = SN_WORKER_BACKOFF_MAX;
	return d - d / 2 + (uint64_t)((double)d * (randombytes_random() / 4294967296.0));
}

static void fail(struct run *r, const struct sn_err *e, int rc)
{
	if (r->failed.code)
		return;
	r->failed = *e;
	r->failed.code = rc;
}

/* Say to the store how a job ended; the slot is free when it took it. */
static void record(struct run *r, struct slot *s, const struct sn_queue_end *end)
{
	enum sn_queue_state became = SN_QUEUE_READY;
	struct sn_err e = { 0 };
	int rc = sn_queue_end(r->w->q, s->lease.id, s->lease.token, end, &became, &e);

	if (rc < 0 && rc != SN_ENO) {
		tell(r, (struct sn_worker_event){ .what = SN_WORKER_RETRY, .lease = &s->lease,
			.error = e.msg });
		s->again = sn_clock_mono() + AGAIN;
		if (r->stops < 2)
			return;
		fail(r, &e, rc);        /* told twice to go: the lease will run out */
		free_slot(s);
		return;
	}
	tell(r, (struct sn_worker_event){ .what = rc < 0 ? SN_WORKER_LOST : SN_WORKER_END,
		.lease = &s->lease, .became = became, .delay = end->delay, .pid = s->pid,
		.error = rc < 0 ? e.msg : end->error,
		.elapsed = s->started ? (uint64_t)(sn_clock_mono() - s->started) : 0 });
	free_slot(s);
	r->look = true;
}

/* Did the child die of the signal that stops us (systemd sends it to both)? */
static bool stopped(const struct run *r, int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return r->stops > 1 || (r->stops && (sig == SIGTERM || sig == SIGINT || sig == SIGHUP ||
		sig == SIGKILL));
}

static void record_end(struct run *r, struct slot *s)
{
	struct sn_queue_end end = { 0 };
	char text[80];

	end.verdict = judge(s->status, &end.status, text, sizeof(text));
	if (end.verdict != SN_QUEUE_ACK)
		end.error = text;
	if (end.verdict != SN_QUEUE_ACK && stopped(r, s->status)) {
		end = (struct sn_queue_end){ .verdict = SN_QUEUE_PUT_BACK, .status = -1,
			.error = "the worker was stopped" };
	} else if (end.verdict == SN_QUEUE_NACK) {
		end.delay = backoff(r->w->backoff, s->lease.attempt);
	}
	record(r, s, &end);
}

static void renew(struct run *r, struct slot *s, int64_t now)
{
	struct sn_err e = { 0 };
	int rc = sn_queue_touch(r->w->q, s->lease.id, s->lease.token, r->w->take.lease,
		&s->lease.until, &e);

	s->renew = now + (int64_t)(r->w->take.lease / 3);
	if (rc == SN_ENO) {
		s->lost = true;
		kill_child(s, SIGTERM);
	} else if (rc < 0) {
		tell(r, (struct sn_worker_event){ .what = SN_WORKER_RETRY, .lease = &s->lease,
			.error = e.msg });
		if (s->renew > now + AGAIN)
			s->renew = now + AGAIN;
	}
}

/* --- the loop --- */

/* Fill the free slots. */
static void take(struct run *r)
{
	struct sn_err e = { 0 };
	int rc = sn_queue_version(r->w->q, &r->version, &e);

	/* the version first: what is committed while we look changes it again */
	for (size_t i = 0; i < r->w->jobs && rc >= 0 && taking(r); i++) {
		struct slot *s = &r->slot[i];

		if (s->taken)
			continue;
		rc = sn_queue_pop(r->w->q, &r->w->take, &s->lease, &r->next, &e);
		if (rc <= 0) {
			r->look = false;
			break;
		}
		s->taken = true;
		s->renew = sn_clock_mono() + (int64_t)(r->w->take.lease / 3);
		if ((rc = start(r, s, &e)) < 0)
			record(r, s, &(struct sn_queue_end){ .verdict = SN_QUEUE_PUT_BACK, .status = -1,
				.error = "it could not be started" });
	}
	if (rc < 0)
		fail(r, &e, rc);
}

static void reap(struct run *r)
{
	for (size_t i = 0; i < r->w->jobs; i++) {
		struct slot *s = &r->slot[i];

		if (s->pid && waitpid(s->pid, &s->status, WNOHANG) == s->pid) {
			s->pid = 0;
			s->ended = true;
		}
	}
}

static void on_signals(struct run *r)
{
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			continue;
		r->stops++;
		tell(r, (struct sn_worker_event){ .what = SN_WORKER_STOP, .children = busy(r) });
		for (size_t i = 0; i < r->w->jobs && r->stops > 1; i++)
			kill_child(&r->slot[i], SIGKILL);
	}
}

/* All that is due of the slots; the earliest of what will be. */
static int64_t tend(struct run *r, int64_t now)
{
	int64_t wake = now + AGAIN;

	for (size_t i = 0; i < r->w->jobs; i++) {
		struct slot *s = &r->slot[i];

		if (s->taken && !s->lost && now >= s->renew)
			renew(r, s, now);
		if (s->taken && !s->pid && now >= s->again) {
			if (s->ended)
				record_end(r, s);
			else    /* never started, and could not be put back at once */
				record(r, s, &(struct sn_queue_end){ .verdict = SN_QUEUE_PUT_BACK,
					.status = -1, .error = "it could not be started" });
		}
		if (!s->taken)
			continue;
		if (!s->lost && s->renew < wake)
			wake = s->renew;
		if (!s->pid && s->again < wake)
			wake = s->again;
	}
	return wake;
}

/* Has the store changed, or a delay run out, since the last look? */
static void idle(struct run *r)
{
	struct sn_err e = { 0 };
	int64_t version;
	int rc = sn_queue_version(r->w->q, &version, &e);

	if (rc < 0)
		fail(r, &e, rc);
	else if (version != r->version || r->next <= sn_clock_real())
		r->look = true;
}

/* 1: nothing is left to do here. */
static int finished(struct run *r)
{
	struct sn_err e = { 0 };
	int left;

	if (busy(r))
		return 0;
	if (!taking(r))
		return 1;
	if (!r->w->drain || r->look)
		return 0;
	if ((left = sn_queue_left(r->w->q, &e)) < 0)
		fail(r, &e, left);
	return left <= 0;
}

static void loop(struct run *r)
{
	while (!finished(r)) {
		int64_t now = sn_clock_mono(), wake = tend(r, now), ms;

		if (taking(r) && busy(r) < r->w->jobs) {
			if (!r->look)
				idle(r);
			if (r->look)
				take(r);
			wake = r->look ? now : now + IDLE < wake ? now + IDLE : wake;
		}
		ms = (wake - sn_clock_mono() + MS - 1) / MS;
		poll(&(struct pollfd){ .fd = r->signals, .events = POLLIN }, 1,
			ms > 0 ? (int)ms : 0);
		on_signals(r);
		reap(r);
	}
}

/* The signals to wait for: a stop that is ignored (nohup) stays so. */
static void choose_signals(sigset_t *set)
{
	static const int stop[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction now;

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof(stop) / sizeof(*stop); i++)
		if (sigaction(stop[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, stop[i]);
}

int sn_worker_run(const struct sn_worker *w, struct sn_err *e)
{
	struct run r = { .w = w, .next = INT64_MAX, .look = true };
	struct sigaction chld, pipe, ign = { .sa_handler = SIG_IGN }, dfl = { .sa_handler = SIG_DFL };
	sigset_t set;
	int rc = 0;

	choose_signals(&set);
	if (!(r.slot = calloc(w->jobs, sizeof(*r.slot))))
		return sn_err_mem(e);
	sigprocmask(SIG_BLOCK, &set, &r.old);
	sigaction(SIGCHLD, &dfl, &chld);        /* ignored, it would take the statuses away */
	sigaction(SIGPIPE, &ign, &pipe);        /* nobody reads our words: no reason to die */
	r.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r.signals < 0) {
		rc = sn_err_sys(e, "cannot listen to signals");
		goto out;
	}
	loop(&r);
	if (r.failed.code)
		rc = sn_err(e, r.failed.code, "%s", r.failed.msg);
	close(r.signals);
out:
	sigaction(SIGPIPE, &pipe, NULL);
	sigaction(SIGCHLD, &chld, NULL);
	sigprocmask(SIG_SETMASK, &r.old, NULL);
	free(r.slot);
	return rc;
}
