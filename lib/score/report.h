/*
 * What came out of a run: a JSON object with all that is needed to repeat it, and the
 * same for people.  Members under "run" say how it was made and are in no digest.
 */
#ifndef SN_SCORE_REPORT_H
#define SN_SCORE_REPORT_H

#include <jansson.h>

#include "score/run.h"

/* A new reference in *out. */
int sn_run_report(const struct sn_run *run, json_t **out, struct sn_err *e);
/* The object as lines for people; it may come from anywhere.  SN_ENO with
 * "NAME: ..." when it is no summary. */
int sn_report_text(const json_t *report, const char *name, struct sn_buf *b, struct sn_err *e);

#endif
