/* The writer's insides, for repack.c and tests.  Private to lib/dataset. */
#ifndef SN_DATASET_WRITER_H
#define SN_DATASET_WRITER_H

#include "dataset/set.h"

struct sn_added { uint8_t digest[SN_DIGEST]; int64_t time; };

struct sn_writer {
	char *dir, *shards;
	int lock;
	struct sn_state st;             /* as on disk */
	struct sn_set *set;             /* its shards */
	uint64_t shard_bytes, roll;
	struct sn_shardw *out;          /* the shard being written */
	struct sn_part *part;           /* those of this batch that are finished */
	size_t parts;
	struct sn_added *added;         /* [n] */
	size_t n, cap;
	uint64_t *slot, slots;          /* hash table over added: index + 1 or 0 */
	uint64_t duplicates, bytes;
	bool committing;                /* what is on disk may be named by HEAD */
};

/* A snapshot's id: SHA-256(prev, SHA-256 over the batch in order of digest, each with its
 * time), as DESIGN has it.  Sorts the list. */
void sn_snapshot_id(struct sn_added *list, size_t n, const uint8_t prev[SN_DIGEST],
	uint8_t id[SN_DIGEST]);

/* Close w->out and note its part. */
int sn_writer_cut(struct sn_writer *w, struct sn_err *e);
/* part[index .. index + gone) of the state give way to w->part; then read it again. */
int sn_writer_commit(struct sn_writer *w, enum sn_entry_kind kind, const struct sn_snapshot *snap,
	size_t index, size_t gone, struct sn_err *e);

#endif
