/*
 * The manifest: HEAD and log segments, and the state that they add up to.  Private to
 * lib/dataset.  Parsers take bytes, so that they can be fuzzed; a flipped bit, a cut or
 * an entry out of place fails with SN_ENO and the byte where it was noticed.
 */
#ifndef SN_DATASET_MANIFEST_H
#define SN_DATASET_MANIFEST_H

#include "dataset/format.h"

struct sn_state {
	struct sn_head head;
	struct sn_snapshot snap;        /* the newest */
	struct sn_part *part;           /* [parts], in order of row, without gaps */
	size_t parts;
};
void sn_state_release(struct sn_state *st);

int sn_head_parse(const uint8_t *p, size_t n, const char *name, struct sn_head *h,
	struct sn_err *e);
void sn_head_write(const struct sn_head *h, uint8_t out[SN_HEAD_BYTES]);

/* What walking a segment tells, all may be NULL; a negative code ends the walk. */
struct sn_segment_tell {
	int (*snapshot)(void *ctx, const struct sn_snapshot *s, struct sn_err *e);
	void *ctx;
	int (*checkpoint)(void *ctx, const struct sn_state *st, struct sn_err *e);
};
/* What the checkpoint of a segment says about the one before. */
struct sn_segment_link { uint64_t length, sum; };

/* Add up a whole segment of n bytes into st, and set st->head.sum.  The state is valid
 * (and the caller's to release) also on failure. */
int sn_segment_parse(const uint8_t *p, size_t n, uint64_t segment, const char *name,
	struct sn_state *st, struct sn_segment_link *before, const struct sn_segment_tell *tell,
	struct sn_err *e);

/* Read HEAD; SN_EUSE when there is none. */
int sn_manifest_head(const char *dir, struct sn_head *h, struct sn_err *e);
/* Read HEAD and the segment it points into. */
int sn_manifest_read(const char *dir, struct sn_state *st, struct sn_err *e);
/* One older segment, or the current one: the first `length' bytes of it. */
int sn_manifest_segment(const char *dir, uint64_t segment, uint64_t length, uint64_t sum,
	struct sn_state *st, struct sn_segment_link *before, const struct sn_segment_tell *tell,
	struct sn_err *e);
/* DIR/log/NUMBER, from malloc. */
char *sn_segment_path(const char *dir, uint64_t segment);

/* ---- writing, under the lock ---- */

/* Append a delta, or begin a new segment with a checkpoint when the current one is
 * longer than `roll'; then replace HEAD.  This is the commit: `to' is the state after
 * it (its head is filled in here), `from' the state there is.  Parts from[index ..
 * index + gone) give way to to[index .. index + come). */
int sn_manifest_commit(const char *dir, const struct sn_state *from, struct sn_state *to,
	enum sn_entry_kind kind, size_t index, size_t gone, size_t come, uint64_t roll,
	struct sn_err *e);
/* The first HEAD, of the empty dataset. */
int sn_manifest_create(const char *dir, struct sn_err *e);

#endif
