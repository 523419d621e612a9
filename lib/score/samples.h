/*
 * The file of --samples: one line per record in input order, written as the record's
 * group is done.  A line is there whole or not at all: when the disk fills up, the part
 * of a line that got there is cut off again.
 *
 * A regular FILE can be gone on with.  Beside it FILE.run says what the lines belong to,
 * from before the first line until the run has ended well, so
 *   no FILE.run      FILE is finished, or somebody else's: a run begins it anew
 *   FILE.run         a run was cut short; the same run goes on, another one is refused
 * FILE is emptied before FILE.run is written, each synced before the next step, so that
 * lines of one run never stand under the name of another, whenever the power fails.  A
 * FILE.run that is torn itself comes with an empty FILE, and counts as none.
 */
#ifndef SN_SCORE_SAMPLES_H
#define SN_SCORE_SAMPLES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct sn_samples;

/* Opens all that is needed, and changes nothing that is there.  "-" is standard output,
 * which nobody else may have begun.  restart: what is there does not matter. */
int sn_samples_open(struct sn_samples **s, const char *path, bool restart, struct sn_err *e);
/* Before the first line: `run' is an object of texts that says what the lines will belong to.
 * SN_EUSE, and nothing touched, when they belong to another run that was cut short. */
int sn_samples_begin(struct sn_samples *s, const json_t *run, struct sn_err *e);
/* The lines that are there, one by one, without their ends: 1, or 0 when there is none left
 * that is whole.  Each must be kept before the next is asked for. */
int sn_samples_next(struct sn_samples *s, char **line, size_t *len, struct sn_err *e);
void sn_samples_keep(struct sn_samples *s);
/* For messages: "FILE: line N: ", of the line last returned. */
const char *sn_samples_path(const struct sn_samples *s);
uint64_t sn_samples_lineno(const struct sn_samples *s);
/* What is behind the lines that were kept is cut off; new ones follow. */
int sn_samples_go_on(struct sn_samples *s, struct sn_err *e);
int sn_samples_line(struct sn_samples *s, const char *line, size_t len, struct sn_err *e);
/* What was written so far is on disk (where the file is one that can be synced). */
int sn_samples_sync(struct sn_samples *s, struct sn_err *e);
/* Whether the same command goes on where this one stopped. */
bool sn_samples_stay(const struct sn_samples *s);
/* The run has ended well: FILE.run goes away. */
int sn_samples_done(struct sn_samples *s, struct sn_err *e);
/* NULL is fine.  0, or the failure of a close that lost something. */
int sn_samples_close(struct sn_samples *s, struct sn_err *e);

#endif
