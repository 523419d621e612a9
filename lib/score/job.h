/*
 * A job: one JSON object that says what to score, for a queue.
 *
 *   {"model": PATH, "records": PATH or URL, "profile": NAME, "template": NAME,
 *    "numerics": NAME, "target": "last" or "all", "pair": BOOL, "parts": {NAME: NUMBER}}
 *
 * Only model and records must be there.  A key that is not one of these is refused, so
 * that nobody believes it was heeded.
 */
#ifndef SN_SCORE_JOB_H
#define SN_SCORE_JOB_H

#include <stddef.h>

#include "score/profile.h"
#include "util/err.h"

struct sn_score_job {
	json_t *json;           /* what the texts belong to */
	const char *model, *records;
	const char *profile, *template, *numerics;      /* left as they are when absent */
	struct sn_profile_opts how;                     /* likewise */
};

/* Members that the job does not name keep what the caller put there.  SN_ENO for a job
 * that is wrong; sn_score_job_release() in either case. */
int sn_score_job_parse(struct sn_score_job *j, const char *p, size_t n, const char *name,
	struct sn_err *e);
void sn_score_job_release(struct sn_score_job *j);

/* NAME=VALUE, a part of a total that was measured elsewhere.  SN_EUSE. */
int sn_part_set(struct sn_profile_opts *o, const char *name, size_t len, double value,
	struct sn_err *e);

#endif
