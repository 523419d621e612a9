/*
 * Datasets: directories of sealed, content-addressed shards of records (sn-dataset(5)).
 *
 * A struct sn_dataset is an open directory.  A struct sn_view is one snapshot of
 * it: it never changes, whatever is appended, repacked or pruned, and all that
 * belongs to it stays readable (mapped) until the last reference is dropped.  Both
 * may be used from any number of threads; a struct sn_reader belongs to one thread.
 *
 *	sn_dataset_open(&d, dir, e);
 *	... per request:
 *	sn_dataset_refresh(d, NULL, e);           (HEAD is read, 96 bytes)
 *	v = sn_dataset_newest(d);
 *	sn_view_sample(v, &how, &picks, &n, e);
 *	for each: sn_reader_get(r, v, picks[i].row, &p, &len, e);
 *	free(picks), sn_view_drop(v);
 *
 * A row is the position of a record in the dataset, from 0 in order of arrival.  It
 * is the same in every snapshot that holds the record, before and after repacking.
 * Codes: SN_ENO for what is not there or damaged, SN_EUSE for wrong arguments and for
 * a directory that is no dataset, SN_ETEMP for the system.
 */
#ifndef SN_DATASET_DATASET_H
#define SN_DATASET_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/digest.h"
#include "util/err.h"

/* The largest record, in bytes: with its line end it fills a zstd window of 8 MiB. */
#define SN_RECORD_MAX (((size_t)8 << 20) - 1)

struct sn_dataset;
struct sn_view;
struct sn_reader;

struct sn_snapshot {
	uint8_t id[SN_DIGEST];          /* zero where number is 0 */
	uint8_t prev[SN_DIGEST];
	uint64_t number;                /* from 1; 0 is the empty dataset, no snapshot yet */
	uint64_t records;               /* in it, all batches together */
	uint64_t added;                 /* by its own batch */
	uint64_t bytes;                 /* of all its records, without line ends */
	int64_t sealed;                 /* Unix seconds; never before its predecessor's */
	int64_t first, last;            /* earliest and latest record time; 0, -1 when empty */
};

/* ---- opening ---- */

/* The directory must be a dataset (sn_writer_open makes one). */
int sn_dataset_open(struct sn_dataset **d, const char *dir, struct sn_err *e);
void sn_dataset_close(struct sn_dataset *d);    /* views that are held stay valid */
const char *sn_dataset_dir(const struct sn_dataset *d);
/* The dataset's name: the base name of its directory (resolved, so "." has one too). */
const char *sn_dataset_name(const struct sn_dataset *d);

/* Take up what was sealed since.  *changed (may be NULL) says whether anything was.
 * On failure the views known so far go on serving. */
int sn_dataset_refresh(struct sn_dataset *d, bool *changed, struct sn_err *e);

/* ---- snapshots: each call returns a view to sn_view_drop(), as of the last refresh ---- */

/* The newest; of an empty dataset, a view of snapshot number 0 with no rows.  NULL when
 * out of memory. */
struct sn_view *sn_dataset_newest(struct sn_dataset *d);
/* By id; SN_ENO when there is none such. */
int sn_dataset_find(struct sn_dataset *d, const uint8_t id[SN_DIGEST], struct sn_view **v,
	struct sn_err *e);
/* The newest that was sealed before second `sec', or the newest when none is so old. */
int sn_dataset_before(struct sn_dataset *d, int64_t sec, struct sn_view **v, struct sn_err *e);
/* Every snapshot, oldest first; fn returns 0 to go on, anything else ends the walk and
 * is returned. */
int sn_dataset_each(struct sn_dataset *d, int (*fn)(void *ctx, const struct sn_snapshot *s,
	struct sn_err *e), void *ctx, struct sn_err *e);

struct sn_view *sn_view_hold(struct sn_view *v);        /* one more reference; returns v */
void sn_view_drop(struct sn_view *v);                   /* NULL is fine */
const struct sn_snapshot *sn_view_snapshot(const struct sn_view *v);

/* What the shards of the newest state take on disk. */
struct sn_storage { uint64_t shards, bytes; };
void sn_view_storage(const struct sn_view *v, struct sn_storage *s);

/* ---- rows, 0 <= row < snapshot->records ---- */

int64_t sn_view_time(const struct sn_view *v, uint64_t row);            /* Unix seconds */
void sn_view_digest(const struct sn_view *v, uint64_t row, uint8_t out[SN_DIGEST]);
/* The row of a record, or -1. */
int64_t sn_view_row(const struct sn_view *v, const uint8_t digest[SN_DIGEST]);

int sn_reader_new(struct sn_reader **r, struct sn_err *e);
void sn_reader_free(struct sn_reader *r);
/* The record's bytes, exactly as they came in; checked against its digest.  They are
 * followed by a line feed that *len does not count, and valid until the next call. */
int sn_reader_get(struct sn_reader *r, const struct sn_view *v, uint64_t row,
	const char **p, size_t *len, struct sn_err *e);

/* ---- samples (DESIGN, section 5) ---- */

struct sn_sample {
	int64_t start, end;     /* Unix seconds, both inclusive; end < start is SN_EUSE */
	uint64_t n;             /* 4096 is the usual one */
	uint64_t num, den;      /* the recent share, num/den in [0, 1], from sn_num_fraction() */
	uint64_t window;        /* seconds; 48 h is the usual one */
	const char *seed;       /* any bytes */
	size_t seed_len;
};
struct sn_pick { uint64_t rank, row; };

/* 20250118, 2025-01-18T22:00:00Z or Unix seconds; a date is the first second of its UTC
 * day, or with `last' its last.  SN_EUSE quotes the text. */
int sn_sample_bound(const char *text, bool last, int64_t *sec, struct sn_err *e);
/* The seed that is used when none is given: "NAME/END", END as it was given. */
int sn_sample_seed(const char *name, const char *end, struct sn_buf *seed, struct sn_err *e);
/* *picks is malloc'd, in order of (rank, digest); fewer than n when the range holds fewer. */
int sn_view_sample(const struct sn_view *v, const struct sn_sample *s, struct sn_pick **picks,
	size_t *n, struct sn_err *e);

/* ---- records ---- */

/* Is this line a record?  `now' is its time when it has no created_at.  Messages begin
 * with `NAME: line N: '. */
int sn_record_check(const char *p, size_t n, const char *name, uint64_t line, int64_t now,
	int64_t *time, struct sn_err *e);

/* ---- writing: one writer at a time, held off by a lock; readers never wait ---- */

struct sn_writer;

enum { SN_WRITER_NOWAIT = 1 /* SN_ETIME instead of waiting for another writer */ };

/* Opens, and makes the dataset when `dir' is absent or empty.  What a killed writer left
 * behind is cleared away. */
int sn_writer_open(struct sn_writer **w, const char *dir, unsigned flags, struct sn_err *e);
/* Shards are closed at this many bytes of records (default 1 GiB); before the first add. */
void sn_writer_shard_bytes(struct sn_writer *w, uint64_t bytes);
/* One record, without its line end.  1 when it is new, 0 when it is there already. */
int sn_writer_add(struct sn_writer *w, const char *p, size_t n, int64_t time, struct sn_err *e);

struct sn_sealed {
	struct sn_snapshot snapshot;    /* of the dataset now; number 0 when it is empty */
	uint64_t duplicates;            /* dropped from this batch */
	uint64_t bytes, stored;         /* of the records added; of the shards they went into */
};
/* Make what was added a snapshot; nothing added makes none.  On return of 0 it is
 * durable.  After a failure only close is allowed. */
int sn_writer_seal(struct sn_writer *w, struct sn_sealed *s, struct sn_err *e);
/* Merge small shards at the end into larger ones where there are many, so that their
 * number stays logarithmic in the number of seals.  Housekeeping, after the seal. */
int sn_writer_merge(struct sn_writer *w, struct sn_err *e);
/* Rewrite the sealed shards into as few as shard_bytes allows; all snapshots stay. */
int sn_writer_repack(struct sn_writer *w, struct sn_storage *before, struct sn_storage *after,
	void (*progress)(void *ctx, uint64_t rows), void *ctx, struct sn_err *e);
/* What was added and not sealed is dropped.  NULL is fine. */
void sn_writer_close(struct sn_writer *w);

/* ---- verify ---- */

/* Every hash, index, record and the manifests' chain.  Each defect is told to `tell' as
 * one line that names the file and the place; returns the number of them, or a negative
 * code when the check itself could not be made. */
int sn_dataset_verify(const char *dir, void (*tell)(void *ctx, const char *line),
	void (*progress)(void *ctx, uint64_t rows), void *ctx, struct sn_snapshot *newest,
	struct sn_err *e);

#endif
