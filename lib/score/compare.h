/*
 * Why do two runs disagree?  Two summaries, or two files of --samples, side by side.
 *
 * Of summaries: whether the results are the same, and which inputs are not, in the order
 * that explains most: with another model nothing else has to be looked at.  Of samples:
 * which records are in one only, and the first whose numbers differ.  Records go by their
 * digests, the same one several times in the order of index; in which order the lines of a
 * file stand does not matter.
 */
#ifndef SN_SCORE_COMPARE_H
#define SN_SCORE_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"

/* The bytes of a file, and its name for messages. */
struct sn_side {
	const char *name, *p;
	size_t len;
};

/* A new reference in *out; what is wrong with a side is SN_ENO "NAME: line N: ...". */
int sn_compare(const struct sn_side *a, const struct sn_side *b, json_t **out, struct sn_err *e);
/* What sn_compare() made. */
bool sn_compare_agree(const json_t *report);
int sn_compare_text(const json_t *report, struct sn_buf *b, struct sn_err *e);

/* The part for samples (compare_lines.c); *out is an object to add to. */
int sn_compare_lines(const struct sn_side *a, const struct sn_side *b, json_t *out,
	bool *agree, struct sn_err *e);
bool sn_is_hex_digest(const char *s);
/* Adds "difference" to o when both are numbers. */
void sn_set_difference(json_t *o, const json_t *a, const json_t *b);

#endif
