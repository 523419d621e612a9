/*
 * What is on disk, byte for byte; sn-dataset(5) says the same to people.  All numbers
 * are little-endian, so are the machines this is for, and what is mapped is used as it
 * lies there.  Checksums are SipHash-2-4; they are there against accidents.
 *
 *	HEAD            which bytes of which log segment are the dataset; replaced whole
 *	log/0000000001  segments of the manifest: a checkpoint, then deltas, appended
 *	shards/HEX.zst  records, named by the SHA-256 of the file
 *	lock            held by the writer, empty
 */
#ifndef SN_DATASET_FORMAT_H
#define SN_DATASET_FORMAT_H

#include <stdint.h>
#include <string.h>

#include "dataset/dataset.h"
#include "util/digest.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "mapped columns are little-endian");

/* ---- HEAD: SN_HEAD_BYTES ---- */

#define SN_HEAD_MAGIC "SNHEAD\0\1"
#define SN_HEAD_BYTES 96

struct sn_head {
	uint64_t segment;       /* number of the current log segment, from 1 */
	uint64_t length;        /* bytes of it that count */
	uint64_t sum;           /* of its last entry */
	uint64_t generation;    /* one more with each HEAD */
	uint64_t number;        /* of the newest snapshot */
	uint64_t records;       /* in it */
	uint8_t id[SN_DIGEST];  /* of it */
};

/* ---- log segments: a header, then entries ----
 *
 * entry = u32 kind, u32 payload bytes (a multiple of 8), payload, u64 sum
 * sum = SipHash(key = previous sum, segment number; kind, length and payload); the
 * previous sum of the first entry is the SipHash of the header under the zero key.
 * The first entry of a segment is its only CHECKPOINT.
 */
#define SN_SEG_MAGIC "SNLOG\0\0\1"
#define SN_SEG_HEADER 16        /* magic, u64 segment number */
#define SN_SEG_LAST 9999999999ull       /* names have ten digits */
#define SN_SEG_ROLL (256 << 10) /* a segment this long is the last to be appended to */

enum sn_entry_kind {
	SN_CHECKPOINT = 1,      /* u64 bytes and u64 last sum of the segment before, snapshot, shards */
	SN_SEAL = 2,            /* snapshot, the shards it adds */
	SN_REPACK = 3,          /* u64 index, u64 count of the shards that go, shards that come */
};
#define SN_SNAPSHOT_BYTES 120
#define SN_PART_BYTES 80

/* A shard as the manifest names it. */
struct sn_part {
	uint8_t digest[SN_DIGEST];      /* SHA-256 of the file */
	uint64_t row, n;                /* rows row .. row + n - 1 are in it */
	uint64_t size;                  /* of the file */
	uint64_t raw;                   /* bytes of its records with their line ends */
	int64_t first, last;            /* earliest and latest record time */
};

/* ---- shards: [dictionary] frames index ----
 *
 * dictionary and index are zstd skippable frames.  Records lie one behind the other,
 * each followed by a line feed, cut into frames at record ends.  The index:
 *
 *	u64 head[n]             first 8 bytes of each digest
 *	i64 time[n]
 *	u8  tail[n][24]         the other 24
 *	u32 at[n + 1]           where each record begins in the raw stream
 *	u32 frame[f + 1][2]     where each frame begins in the file; its first record
 *	u32 slot[s]             hash table: record + 1 or 0, open addressing, linear, from
 *	                        the digest's last 4 bytes masked with s - 1
 *	zeros to a multiple of 8, then the footer
 */
#define SN_DICT_MAGIC 0x184d2a50u
#define SN_INDEX_MAGIC 0x184d2a5eu
#define SN_SHARD_MAGIC "SNSHARD\1"
#define SN_FOOTER_BYTES 80
#define SN_SHARD_ROWS ((uint64_t)1 << 26)       /* most records in one */
#define SN_SHARD_BYTES ((uint64_t)1 << 30)      /* raw bytes at which one is closed */
#define SN_SHARD_BYTES_MAX ((uint64_t)2 << 30)
#define SN_TAIL (SN_DIGEST - 8)

struct sn_footer {
	uint64_t n, frames, slots;
	uint64_t index;         /* file offset of head[], a multiple of 8 */
	uint64_t dict;          /* bytes of the dictionary, which begins at offset 8; 0: none */
	uint64_t raw;
	int64_t first, last;
	uint64_t sum;           /* of the columns and the footer up to here */
};

/* ---- little-endian fields of things that are not mapped ---- */

static inline void sn_put64(uint8_t **p, uint64_t v)
{
	memcpy(*p, &v, 8);
	*p += 8;
}

static inline uint64_t sn_get64(const uint8_t **p)
{
	uint64_t v;

	memcpy(&v, *p, 8);
	*p += 8;
	return v;
}

static inline uint32_t sn_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t sn_checksum(uint64_t k0, uint64_t k1, const void *p, size_t n)
{
	uint64_t key[2] = { k0, k1 };

	return sn_siphash((const uint8_t *)key, p, n);
}

#endif
