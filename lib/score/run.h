/*
 * A run: records through a model by a profile.
 *
 *   sn_run_open      the model is opened, every record made ready or skipped
 *   sn_run_score     group after group through the forward pass; lines as they are done
 *   sn_run_report    (report.h) what came out
 *
 * Groups are consecutive records, as many as the token budget holds, and results come
 * in input order.  Neither the groups nor the threads nor the kernel change a bit of a
 * result; they only change how often each weight is read.
 */
#ifndef SN_SCORE_RUN_H
#define SN_SCORE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "infer/infer.h"
#include "score/profile.h"
#include "score/record.h"
#include "score/result.h"
#include "score/samples.h"

struct sn_run_opts {
	const char *model;              /* path */
	const struct sn_profile *profile;
	struct sn_profile_opts how;
	const struct sn_template *template;
	struct sn_infer_opts infer;     /* numerics, threads, isa, memory; the progress members
					   are the run's */
	uint64_t deadline;              /* by sn_clock_mono(); 0: none */
	bool logprobs;                  /* sample lines carry ids and per-token values */
	/* Told how far it is; may be NULL.  `what' is "hashing" (the model, in unit "B") and
	 * then "scoring" (in "tok" through the model); total is the same all through one. */
	void (*progress)(void *arg, const char *what, const char *unit, uint64_t done,
		uint64_t total);
	void *arg;
};

/* Nanoseconds of sn_run_open(). */
struct sn_run_times {
	int64_t open, prepare, hash;
};

struct sn_run {
	struct sn_run_opts o;
	const struct sn_records *records;       /* the caller's */
	struct sn_model *model;
	struct sn_infer *infer;
	struct sn_prepare prep;
	struct sn_task *task;           /* [records->n] */
	struct sn_sums *sums;           /* [records->n] */
	size_t scored;
	uint64_t total, done;           /* tokens through the model */
	uint64_t before;                /* of `done': what was so when the run began */
	uint64_t began, nanoseconds;    /* of sn_run_score */
	struct sn_run_times times;
	size_t written;                 /* records whose lines are out */
	size_t resumed;                 /* of these: were out when the run began */
	uint8_t model_digest[SN_DIGEST], records_digest[SN_DIGEST], result_digest[SN_DIGEST];
	struct sn_samples *samples;     /* the caller's; NULL: lines go nowhere */
};

/* SN_ENO when no record can be scored.  After a failure too sn_run_close() must follow. */
int sn_run_open(struct sn_run *run, const struct sn_run_opts *o, const struct sn_records *records,
	struct sn_err *e);
/* Lines go to samples unless it is NULL; the records of lines that are there are done.
 * SN_ETIME when the deadline has come. */
int sn_run_score(struct sn_run *run, struct sn_samples *samples, struct sn_err *e);
void sn_run_close(struct sn_run *run);

#endif
