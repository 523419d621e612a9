/* Where the time of a run went, as a table for people. */
#ifndef SN_SCORE_STATS_H
#define SN_SCORE_STATS_H

#include "score/run.h"

/* elapsed: nanoseconds since the program began.  What is measured nowhere is "rest", so that
 * the rows add up to it. */
int sn_run_stats_text(const struct sn_run *run, uint64_t elapsed, int status, struct sn_buf *b,
	struct sn_err *e);

/* /proc/self/status, to be opened before a sandbox, for the table's memory; -1 where there is
 * none, and then the table has no such line. */
int sn_run_stats_open(void);

#endif
