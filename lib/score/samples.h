/*
 * The file of --samples: one line per record in input order, written as the record's
 * group is done.  A line is there whole or not at all: when the disk fills up, the part
 * of a line that got there is cut off again.
 */
#ifndef SN_SCORE_SAMPLES_H
#define SN_SCORE_SAMPLES_H

#include <stddef.h>

#include "util/err.h"

struct sn_samples;

/* Truncates what was there.  "-" is standard output, which nobody else may have begun. */
int sn_samples_open(struct sn_samples **s, const char *path, struct sn_err *e);
int sn_samples_line(struct sn_samples *s, const char *line, size_t len, struct sn_err *e);
/* What was written so far is on disk (where the file is one that can be synced). */
int sn_samples_sync(struct sn_samples *s, struct sn_err *e);
/* NULL is fine.  0, or the failure of a close that lost something. */
int sn_samples_close(struct sn_samples *s, struct sn_err *e);

#endif
