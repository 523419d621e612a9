/* A state with its shards mapped, shared by views and counted.  Private to lib/dataset. */
#ifndef SN_DATASET_SET_H
#define SN_DATASET_SET_H

#include "dataset/manifest.h"
#include "dataset/shard.h"

struct sn_set {
	atomic_uint refs;
	struct sn_head head;
	struct sn_snapshot snap;        /* the newest */
	size_t n;
	struct sn_shard **shard;        /* [n], in order of row */
};

struct sn_view {
	atomic_uint refs;
	struct sn_set *set;
	struct sn_snapshot snap;        /* rows from snap.records on are not in it */
};

/* Map what st names, sharing with `old' (may be NULL); SN_SHARD_GONE when a shard is
 * missing. */
int sn_set_open(struct sn_set **set, const char *dir, const struct sn_state *st,
	const struct sn_set *old, struct sn_err *e);
struct sn_set *sn_set_hold(struct sn_set *set);
void sn_set_drop(struct sn_set *set);   /* NULL is fine */
struct sn_shard *sn_set_shard(const struct sn_set *set, uint64_t row);
/* The row of a digest, or -1. */
int64_t sn_set_find(const struct sn_set *set, const uint8_t digest[SN_DIGEST]);

/* Read HEAD, log and shards, again when a repack took a shard away in between. */
int sn_set_read(struct sn_set **set, const char *dir, const struct sn_set *old,
	struct sn_state *st, struct sn_err *e);
struct sn_view *sn_view_new(struct sn_set *set, const struct sn_snapshot *snap);

#endif
