/*
 * The worker behind `sn-queue run': up to `jobs' children at a time, each with one
 * leased job on its standard input (a file: it can seek), SN_JOB_ID, SN_JOB_TOKEN and
 * SN_JOB_ATTEMPT in its environment, in a process group of its own.  Leases are renewed
 * while children live; a child whose lease was lost all the same is terminated.
 *
 * The first SIGTERM, SIGINT or SIGHUP stops the taking of jobs, the second kills the
 * children and puts their jobs back.  One worker a process: it uses signals and waits
 * for children.
 */
#ifndef SN_QUEUE_WORKER_H
#define SN_QUEUE_WORKER_H

#include "queue/queue.h"

enum sn_worker_what {
	SN_WORKER_START,        /* lease, pid */
	SN_WORKER_END,          /* lease, became, error (NULL: success), delay, elapsed */
	SN_WORKER_LOST,         /* lease, error: somebody else has the job by now */
	SN_WORKER_RETRY,        /* lease, error: the store failed; it will be asked again */
	SN_WORKER_STOP          /* a signal came: children */
};
struct sn_worker_event {
	enum sn_worker_what what;
	const struct sn_lease *lease;
	enum sn_queue_state became;
	const char *error;
	uint64_t delay, elapsed;
	int pid;
	size_t children;        /* still running */
};

struct sn_worker {
	struct sn_queue *q;
	struct sn_queue_take take;
	uint64_t jobs;
	uint64_t backoff;       /* wait after the first failure, doubled after each, jittered */
	bool drain;             /* end when no live job is left, whoever holds it */
	char **argv;            /* the command, NULL at the end */
	void (*event)(void *arg, const struct sn_worker_event *ev);
	void *arg;
};

#define SN_WORKER_BACKOFF_MAX (3600ull * 1000000000)

/* Until drained or told to stop (0), or until the store fails (a negative code). */
int sn_worker_run(const struct sn_worker *w, struct sn_err *e);

#endif
