/*
 * Shards: immutable files of records with their own index.  Private to lib/dataset.
 *
 * A struct sn_shard is a mapping, shared and counted; unlinking the file does not hurt
 * it.  Opening looks at the footer only.  The columns are trusted to be what was
 * written (that is what verify is for), but never to be safe: each number that
 * addresses something is checked before it does.
 */
#ifndef SN_DATASET_SHARD_H
#define SN_DATASET_SHARD_H

#include <stdatomic.h>
#include <zstd.h>

#include "dataset/format.h"
#include "util/io.h"

/* ---- writing ---- */

struct sn_shardw;

/* A temporary file in `dir' (DIR/shards). */
int sn_shardw_open(struct sn_shardw **w, const char *dir, struct sn_err *e);
int sn_shardw_add(struct sn_shardw *w, const char *p, size_t n,
	const uint8_t digest[SN_DIGEST], int64_t time, struct sn_err *e);
uint64_t sn_shardw_raw(const struct sn_shardw *w);
uint64_t sn_shardw_rows(const struct sn_shardw *w);
/* Synced and under its name; the directory is the caller's to sync.  part->row is left
 * alone.  Exactly one of finish and abort follows open, also when finish fails: abort. */
int sn_shardw_finish(struct sn_shardw *w, struct sn_part *part, struct sn_err *e);
void sn_shardw_abort(struct sn_shardw *w);      /* NULL is fine */

#define SN_SHARD_TMP "tmp-"     /* what names of files not finished begin with */
/* "HEX.zst" into out. */
#define SN_SHARD_NAME (2 * SN_DIGEST + 5)
char *sn_shard_name(const uint8_t digest[SN_DIGEST], char out[SN_SHARD_NAME]);

/* ---- reading ---- */

struct sn_shard {
	atomic_uint refs;
	struct sn_part part;
	struct sn_footer f;
	struct sn_map map;
	char *path;
	const uint64_t *head;   /* [n] */
	const int64_t *time;    /* [n] */
	const uint8_t *tail;    /* [n, SN_TAIL] */
	const uint32_t *at;     /* [n + 1] */
	const uint32_t (*frame)[2];     /* [frames + 1] */
	const uint32_t *slot;   /* [slots] */
	_Atomic(ZSTD_DDict *) ddict;    /* made by the first reader that needs it */
};

/* Lay the columns out over a mapped file; part NULL: nothing to compare with.  s->map and
 * s->path are set by the caller.  For fuzzing apart from files. */
int sn_shard_layout(struct sn_shard *s, const struct sn_part *part, struct sn_err *e);
/* SN_ENO with errno ENOENT kept apart as SN_SHARD_GONE, since a repack may have won. */
enum { SN_SHARD_GONE = -2 };
int sn_shard_open(struct sn_shard **s, const char *dir, const struct sn_part *part,
	struct sn_err *e);
struct sn_shard *sn_shard_hold(struct sn_shard *s);
void sn_shard_drop(struct sn_shard *s);

/* The record within the shard that has this digest, or -1. */
int64_t sn_shard_find(const struct sn_shard *s, const uint8_t digest[SN_DIGEST]);
void sn_shard_digest(const struct sn_shard *s, uint64_t i, uint8_t out[SN_DIGEST]);
/* The checksum that the footer should hold. */
uint64_t sn_shard_sum(const struct sn_shard *s);

/* Decompresses frames, keeping the last; one thread at a time. */
struct sn_unpack {
	ZSTD_DCtx *dctx;
	char *buf;
	size_t cap;
	const struct sn_shard *shard;   /* what buf holds; compared, never followed */
	uint64_t frame;
};
void sn_unpack_release(struct sn_unpack *u);
/* Record i and its line feed (not counted in *n); valid until the next call. */
int sn_unpack_get(struct sn_unpack *u, struct sn_shard *s, uint64_t i, const char **p,
	size_t *n, struct sn_err *e);

#endif
