/*
 * Groups and keys, kept in SQLite.  A key is the text
 *
 *     sn_ID_SECRETCHECK       ID 8 of a-z 2-9, SECRET 43 and CHECK 6 of 0-9 A-Z a-z
 *
 * The id is public: it names the key in lists, logs and revoke.  The secret is 43
 * base-62 digits drawn uniformly, 256 bits.  What is stored is the BLAKE2b-256 of
 * "sn_ID_SECRET", and CHECK is its first 32 bits, most significant digit first, so that a
 * scanner for leaked secrets or a person with a mistyped key needs no database.
 *
 * There is no salt and no slow hash: those protect secrets that people choose.  Nobody
 * guesses one of 2^256, and a slow hash here would let a stranger spend the
 * server's time by sending wrong keys.
 */
#ifndef SN_GATE_KEYS_H
#define SN_GATE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate/limit.h"
#include "store/store.h"
#include "util/err.h"

#define SN_KEY_ID 8
#define SN_KEY_SECRET 43
#define SN_KEY_CHECK 6
#define SN_KEY_LEN (3 + SN_KEY_ID + 1 + SN_KEY_SECRET + SN_KEY_CHECK)
#define SN_KEY_HASH 32

extern const struct sn_schema sn_gate_schema;

/* The parts of a key's text.  SN_ENO when it has not that shape or CHECK is wrong. */
struct sn_key { char id[SN_KEY_ID + 1]; uint8_t hash[SN_KEY_HASH]; };
int sn_key_parse(const char *text, size_t len, struct sn_key *k, struct sn_err *e);
/* A new one at random; the text is the caller's to show once and wipe. */
void sn_key_make(char text[SN_KEY_LEN + 1], struct sn_key *k);

struct sn_group {
	const char *name;
	uint64_t interval, burst;       /* of its policy; 0, 0: no limit */
	uint64_t weight;                /* share of concurrency */
	const char *datasets;           /* comma list, "": all */
	int64_t created;                /* Unix seconds */
	int64_t keys;                   /* how many are neither revoked nor expired (read only) */
};

struct sn_key_row {
	const char *id, *group, *note;  /* note "" when there is none */
	int64_t created, expires, revoked;      /* Unix seconds; 0: never */
	const uint8_t *hash;            /* SN_KEY_HASH bytes (read only) */
};

/* Each is one transaction.  With `l' the limiter's policy of the group's name is set or
 * removed in the same step; without, a gate does it when it sees the change.  A name
 * that exists already is SN_ENO, one that does not SN_EUSE. */
int sn_group_add(struct sn_db *db, struct sn_limit *l, const struct sn_group *g, struct sn_err *e);
/* Change what is not 0 or NULL in g; unlimited: take its limit away. */
int sn_group_set(struct sn_db *db, struct sn_limit *l, const struct sn_group *g, bool unlimited,
	struct sn_err *e);
/* SN_ENO while it has keys in force; the others go with it. */
int sn_group_rm(struct sn_db *db, struct sn_limit *l, const char *name, int64_t now,
	struct sn_err *e);
/* 1 and the group (texts valid until the next call on db), 0 when there is none. */
int sn_group_get(struct sn_db *db, const char *name, int64_t now, struct sn_group *g,
	struct sn_err *e);

/* For every group, for every key (of one group, or NULL: all): f returns 0 or a negative code. */
int sn_group_each(struct sn_db *db, int64_t now,
	int (*f)(void *arg, const struct sn_group *g, struct sn_err *e), void *arg, struct sn_err *e);
int sn_key_each(struct sn_db *db, const char *group,
	int (*f)(void *arg, const struct sn_key_row *k, struct sn_err *e), void *arg,
	struct sn_err *e);

/* Store a key.  Call within sn_db_begin() and sn_db_commit(), so that the caller can
 * show it before it counts.  SN_EUSE when there is no such group; 1 when the id is taken
 * (make another), 0 when stored. */
int sn_key_add(struct sn_db *db, const struct sn_key *k, const struct sn_key_row *row,
	struct sn_err *e);
/* Revoke: 1 now, 0 when it had been revoked before (at *when), SN_ENO when there is no such id. */
int sn_key_revoke(struct sn_db *db, const char *id, int64_t now, int64_t *when, struct sn_err *e);

#endif
