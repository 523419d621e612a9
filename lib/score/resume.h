/*
 * Going on with a run that was cut short: the lines that are in the file of --samples are
 * read back, and their records are done.  A line holds the raw sums with all their bits.
 * It is believed when it is, byte by byte, the line that its sums would be written as.
 */
#ifndef SN_SCORE_RESUME_H
#define SN_SCORE_RESUME_H

#include "score/run.h"

/* After sn_run_open, before any group: samples are begun or gone on with. */
int sn_run_resume(struct sn_run *run, struct sn_samples *samples, struct sn_err *e);

/* A record's line, line end included; per_token only with --logprobs, where NULL leaves
 * out all that is behind the sums. */
void sn_run_line(const struct sn_run *run, size_t i, const float *per_token, struct sn_buf *b);

#endif
