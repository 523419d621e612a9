/*
 * Records as they come in: NDJSON, one conversation a line.  A record's identity is
 * SHA-256 of its line's bytes without the line end.  A list is read whole and checked
 * whole before anything is scored, so a bad line in the last file stops a run at its
 * beginning.
 */
#ifndef SN_SCORE_RECORD_H
#define SN_SCORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "model/template.h"
#include "util/digest.h"
#include "util/err.h"

struct sn_record {
	uint8_t digest[SN_DIGEST];
	const char *system;             /* may be empty */
	const struct sn_message *messages;      /* without the system prompt */
	size_t n;
	void *mem;                      /* what the texts live in */
};

struct sn_records {
	struct sn_record *v;
	size_t n, cap;
};

/* One line, judged by sn_record_check(); SN_ENO with "NAME: line N: ..." when it is none. */
int sn_record_parse(struct sn_record *r, const char *line, size_t len, const char *name,
	uint64_t lineno, struct sn_err *e);
void sn_record_release(struct sn_record *r);

/* Append the records of a file, of standard input ("-"), or of what a URL answers
 * (asked with the key in the environment's SN_KEY, if there is one).  Empty lines are passed over. */
int sn_records_read(struct sn_records *l, const char *source, struct sn_err *e);
void sn_records_release(struct sn_records *l);

#endif
