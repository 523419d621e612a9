/* Where the time of a run went, as a table for people. */
#ifndef SN_SCORE_STATS_H
#define SN_SCORE_STATS_H

#include "score/run.h"

/* elapsed: nanoseconds since the program began.  What is measured nowhere is "rest", so that
 * the rows add up to it. */
int sn_run_stats_text(const struct sn_run *run, uint64_t elapsed, struct sn_buf *b,
	struct sn_err *e);

#endif
