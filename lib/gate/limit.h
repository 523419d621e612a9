/*
 * The limiter: GCRA (ITU-T I.371, the generic cell rate algorithm) over a
 * memory-mapped table that every process on the machine shares.
 *
 * A policy has an emission interval T and a burst B.  A key under a policy has one
 * number, its theoretical arrival time.  A take of cost c at `now' is allowed when
 * max(TAT, now) + c T - now <= B T, and then that sum becomes the TAT; so an idle key
 * may take B at once and one more each T.  A take that is refused changes nothing.
 *
 * All times are nanoseconds since 1970 (sn_clock_real()) or lengths in nanoseconds.
 * One struct sn_limit may be used by any number of threads at once.  Whoever opens
 * it closes it; results and policies are plain values.
 */
#ifndef SN_GATE_LIMIT_H
#define SN_GATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define SN_LIMIT_NAME 64                /* a policy's name with its NUL */
#define SN_LIMIT_POLICIES 254           /* in one table */
#define SN_LIMIT_SLOTS ((uint64_t)1 << 20)      /* of a table made without saying: 16 MiB */
#define SN_LIMIT_SLOTS_MIN ((uint64_t)8)
#define SN_LIMIT_SLOTS_MAX ((uint64_t)1 << 28)
#define SN_LIMIT_FOREVER INT64_MAX      /* a block without end */
/* B T, the time from empty to full, is at most this (about 146 years). */
#define SN_LIMIT_SPAN_MAX ((uint64_t)INT64_MAX / 2)

struct sn_limit;

struct sn_limit_policy {
	char name[SN_LIMIT_NAME];
	uint64_t interval;      /* T */
	uint64_t burst;         /* B */
	uint32_t id, life;      /* which entry of the table, and which use of it */
};

struct sn_limit_result {
	bool allowed;
	bool blocked;           /* refused by sn_limit_block(), whatever the bucket says */
	bool never;             /* refused for good: the cost is more than the burst */
	bool crowded;           /* the table is full here: the key shared an overflow bucket */
	uint64_t limit;         /* B */
	uint64_t remaining;     /* cost that would be allowed now, after this take */
	int64_t window;         /* B T: from empty to full */
	int64_t reset;          /* until the bucket is full again */
	int64_t retry_after;    /* until this cost would be allowed; 0 when it was;
	                         * SN_LIMIT_FOREVER when never */
};

struct sn_limit_stat {
	uint64_t slots;         /* in the table */
	uint64_t live;          /* keys that have taken and are not full again */
	uint64_t idle;          /* slots whose key is full again; free for others */
	uint64_t blocks;        /* in force */
	uint64_t evicted;       /* idle keys replaced by others, since the table was made */
	uint64_t displaced;     /* live keys moved into an overflow bucket, since then */
	uint64_t crowded;       /* takes that met a full place, since then */
	int64_t crowded_last;   /* when that last was; 0: never */
};

/* Map the table at path.  Where there is none, one with room for `slots' keys (rounded
 * up to a multiple of 8) is made; slots 0 makes none.  A file that is no table of
 * this version, or is cut short, is SN_ENO.  A table that exists keeps its size. */
int sn_limit_open(struct sn_limit **l, const char *path, uint64_t slots, struct sn_err *e);
void sn_limit_close(struct sn_limit *l);
const char *sn_limit_path(const struct sn_limit *l);

/* Is a name fit for a policy or a group?  1 to 63 of A-Z a-z 0-9 . _ - + : @, no leading "-". */
int sn_limit_name_ok(const char *name, struct sn_err *e);

/* Add a policy, or change it while it is in use: keys keep their TAT. */
int sn_limit_set(struct sn_limit *l, const char *name, uint64_t interval, uint64_t burst,
	struct sn_err *e);
/* Remove it and forget its keys.  SN_EUSE when there is none. */
int sn_limit_rm(struct sn_limit *l, const char *name, struct sn_err *e);
/* Look it up by name: SN_EUSE when there is none.  *p may be kept: take and peek notice a
 * change of the policy, and refuse with SN_EUSE once it has been removed. */
int sn_limit_find(struct sn_limit *l, const char *name, struct sn_limit_policy *p,
	struct sn_err *e);
/* One after another: start with *at = 0; 1 and a policy, or 0 at the end. */
int sn_limit_next(struct sn_limit *l, uint32_t *at, struct sn_limit_policy *p);

/* Take `cost' for the key at `now'; 0 and the result, or a negative code (policy
 * removed, table damaged).  The key is any bytes; only its hash is kept. */
int sn_limit_take(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, uint64_t cost, int64_t now, struct sn_limit_result *r, struct sn_err *e);
/* The same answer, with nothing taken. */
int sn_limit_peek(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, uint64_t cost, int64_t now, struct sn_limit_result *r, struct sn_err *e);

/* Refuse every take of the key until `until', under policy p or, NULL, under all. */
int sn_limit_block(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, int64_t until, int64_t now, struct sn_err *e);
/* Lift the block of the same p (NULL: the one for all).  1 when there was one, else 0. */
int sn_limit_unblock(struct sn_limit *l, const struct sn_limit_policy *p, const void *key,
	size_t len, int64_t now, struct sn_err *e);

/* Until when the key is blocked for all policies; 0: it is not. */
int64_t sn_limit_blocked(struct sn_limit *l, const void *key, size_t len, int64_t now);

/* Counts of the whole table; it is read through, which takes milliseconds. */
void sn_limit_stat(struct sn_limit *l, int64_t now, struct sn_limit_stat *s);
/* By policy: live keys and blocks in force, at index p.id; blocks for all at [0]. */
struct sn_limit_counts { uint64_t live[SN_LIMIT_POLICIES + 1], blocks[SN_LIMIT_POLICIES + 1]; };
void sn_limit_count(struct sn_limit *l, int64_t now, struct sn_limit_counts *c);

/* "50/h", "10/s", "1.5/d": the rate of an interval as people write it, into out[32]. */
char *sn_limit_rate_text(uint64_t interval, char out[32]);

#endif
