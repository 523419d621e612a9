/*
 * A progress bar on stderr, drawn only when stderr is a terminal and -q was not
 * given; at most ten times a second, in place, gone when it ends.  One at a time,
 * from one thread.
 *
 *   scoring  [#########.............]  43%  1.2k tok/s  ETA 2m10s
 */
#ifndef SN_UTIL_PROGRESS_H
#define SN_UTIL_PROGRESS_H

#include <stdint.h>

/* total 0: not known, a counter instead of a bar.  `unit' is what the rate counts
 * ("tok", "B", "rec"); both texts must outlive the bar. */
void sn_progress_start(const char *what, const char *unit, uint64_t total);
void sn_progress_set(uint64_t done);
/* So much was done before the bar began: it counts for the share, not for the rate. */
void sn_progress_from(uint64_t done);
void sn_progress_end(void);
/* Wipe the line (something else is about to be printed); the next set redraws it. */
void sn_progress_hide(void);

#endif
