/* The limiter table's file, private to lib/gate: layout, opening, locking, slots. */
#ifndef SN_GATE_TABLE_H
#define SN_GATE_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate/limit.h"
#include "util/err.h"

#define TABLE_MAGIC "SN-LIMIT"
#define TABLE_ORDER 0x01020304u         /* reads otherwise where bytes go the other way */
#define TABLE_VERSION 1u

#define BUCKET 8                        /* slots in a bucket: two cache lines */
#define ANY_POLICY 255u                 /* in the tag of a block that is for all policies */
#define POLICY_IDS 256                  /* 0 is not used, so that a tag is never 0 */
#define CELLS 256                       /* overflow buckets of a policy */
#define BLOCKS 16384                    /* slots for blocks */
#define BLOCK_PROBES 1024

struct table_head {
	char magic[8];
	uint32_t order, version;
	uint64_t slots, size;           /* size: of the whole file in bytes */
	uint8_t key[16];                /* of SipHash, random: keys cannot be chosen to collide */
	uint64_t check;                 /* SipHash under a zero key of all that stands above */
	uint8_t pad0[72];
	/* changing, each by single atomic stores or adds */
	uint64_t blocks_until;          /* no block is in force from then on */
	uint8_t pad1[56];
	uint64_t evicted, displaced, crowded, crowded_last;
};

/* life: odd while in use, one more with each use and each removal.  copy[gen & 1] holds;
 * a change writes the other one and then steps gen, so that it happens at once. */
struct table_policy {
	uint32_t life, gen;
	struct { uint64_t interval, burst; } copy[2];
	char name[SN_LIMIT_NAME];
	uint8_t pad[24];
};

/* tag: 56 bits of the key's hash, then 8 of the policy's id; 0 is a slot never used. */
struct slot { uint64_t tag, tat; } __attribute__((aligned(16)));

struct sn_limit {
	char *path;
	int fd;
	size_t size;
	uint64_t buckets;
	pthread_mutex_t mutex;          /* with flock(fd): one at a time changes policies and blocks */
	struct table_head *head;
	struct table_policy *policy;    /* [POLICY_IDS] */
	uint64_t *cell;                 /* [POLICY_IDS, CELLS], each a TAT */
	struct slot *block;             /* [BLOCKS], tat: until when */
	struct slot *slot;              /* [buckets, BUCKET] */
};

int table_lock(struct sn_limit *l, struct sn_err *e);
void table_unlock(struct sn_limit *l);

/* The interval and burst that hold now; SN_EUSE once the policy is removed. */
int table_terms(const struct sn_limit *l, const struct sn_limit_policy *p, uint64_t *interval,
	uint64_t *burst, struct sn_err *e);

/* Two halves of a key's SipHash, and what becomes of them under a policy. */
struct hash { uint64_t tag, at; };
struct hash table_hash(const struct sn_limit *l, const void *key, size_t len);

/* Both halves of the hash are secret, so one hash serves all policies: the id goes into
 * the tag, and moves the place by an odd multiple of 2^64 / golden ratio. */
static inline uint64_t hash_tag(struct hash h, uint32_t id)
{
	return h.tag << 8 | id;
}
static inline uint64_t hash_at(struct hash h, uint32_t id, uint64_t n)
{
	uint64_t x = h.at + id * 0x9e3779b97f4a7c15ull;

	return (uint64_t)((unsigned __int128)x * n >> 64);
}

/* Until when the key is blocked, for all or under policy id; 0: it is not. */
int64_t table_blocked(const struct sn_limit *l, struct hash h, uint32_t id, int64_t now);
/* Forget the blocks of a removed policy; locked. */
void table_unblock_policy(struct sn_limit *l, uint32_t id);

static inline uint64_t get64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* Tag and TAT change together, by one 16-byte compare-and-swap: at no instant is there a
 * slot whose TAT belongs to another key, and a process killed anywhere leaves none. */
#if defined(__x86_64__)
static inline bool slot_cas(struct slot *s, struct slot old, struct slot new)
{
	bool done;

	__asm__ __volatile__("lock cmpxchg16b %1"
		: "=@ccz" (done), "+m" (*s), "+a" (old.tag), "+d" (old.tat)
		: "b" (new.tag), "c" (new.tat) : "memory");
	return done;
}
#elif defined(__aarch64__)
static inline bool slot_cas(struct slot *s, struct slot old, struct slot new)
{
	return __sync_bool_compare_and_swap((unsigned __int128 *)s,
		(unsigned __int128)old.tat << 64 | old.tag,
		(unsigned __int128)new.tat << 64 | new.tag);
}
#else
#error "the limiter needs a lock-free 16-byte compare-and-swap: add this machine's here"
#endif

#endif
