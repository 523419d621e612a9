/*
 * Admission for servers: who asks, may they, and have they any left.
 *
 * A gate holds a snapshot of the groups and keys in memory and looks, at most four
 * times a second and only when asked, whether another process has changed the
 * database; so a revoked key stops within a second.  While the database cannot be read, the
 * last snapshot stays in force.  One gate serves all threads of a process.
 *
 * What is limited is the client, by its group's policy: a key has a bucket of its own,
 * and in the group `public', which is for those without a key, an address has (IPv6: a
 * /64, since a client owns at least that much).  See sn-key(1).
 */
#ifndef SN_GATE_GATE_H
#define SN_GATE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate/keys.h"
#include "gate/limit.h"
#include "util/err.h"

#define SN_GATE_PUBLIC "public"

struct sn_gate;

enum sn_gate_kind {
	SN_GATE_OK,
	SN_GATE_NO_KEY,         /* 401: none given, and there is no public group */
	SN_GATE_WRONG,          /* 401: not a key of ours */
	SN_GATE_EXPIRED,        /* 401: it was, until it expired */
	SN_GATE_REVOKED,        /* 401: it was, until it was revoked */
	SN_GATE_FORBIDDEN,      /* 403: the group may not read this dataset */
	SN_GATE_LIMITED,        /* 429: see limit */
};

struct sn_gate_ask {
	const char *bearer;     /* the token of `Authorization: Bearer', NULL: none was given */
	const char *client;     /* address of the client as text, NULL: not known */
	const char *dataset;    /* NULL: none in particular */
	uint64_t cost;          /* 0: ask who it is, take nothing (limit then is a peek) */
	int64_t now;            /* sn_clock_real() */
};

struct sn_gate_decision {
	enum sn_gate_kind kind;
	char group[SN_LIMIT_NAME];      /* "" while it is not known */
	char key_id[SN_KEY_ID + 1];     /* "" without a key */
	uint64_t weight;                /* of the group */
	bool metered;                   /* it has a policy, named as it is: `limit' is filled */
	struct sn_limit_result limit;   /* else only blocked and retry_after are */
};

/* Paths NULL: gate.db and limits in SN_HOME.  The database is made when it is absent; the
 * table is made with the first group that has a limit.  A database or table that cannot be
 * used is refused here. */
int sn_gate_open(struct sn_gate **g, const char *db_path, const char *table_path,
	struct sn_err *e);
void sn_gate_close(struct sn_gate *g);

/* Has any group been seen since the gate was opened?  Never becomes false again: that the
 * groups have gone, by a mistake or by a file that was swapped, opens nothing. */
bool sn_gate_has_groups(struct sn_gate *g);

/* 0 and *d whatever the decision; negative only when no answer can be given (the
 * limiter table is unusable): answer 503. */
int sn_gate_admit(struct sn_gate *g, const struct sn_gate_ask *ask, struct sn_gate_decision *d,
	struct sn_err *e);

/* "no_key", "wrong_key", "expired_key", "revoked_key", "forbidden", "limited", "ok". */
const char *sn_gate_kind_name(enum sn_gate_kind kind);

/* The token in the value of an Authorization header.  NULL header: NULL.  Anything other
 * than "Bearer TOKEN" gives "", which no gate lets in. */
const char *sn_gate_bearer(const char *header);

/* The limiter's key for an address, as text into out[SN_LIMIT_NAME]: "192.0.2.7",
 * "2001:db8:0:1::/64"; anything else as it is.  Returns out. */
char *sn_gate_client(const char *addr, char *out);

/* The limiter's table counts for metrics; false when no table is in use. */
bool sn_gate_stat(struct sn_gate *g, int64_t now, struct sn_limit_stat *s);
/* Why the snapshot may be old: 0, or the code and message of the last failed look. */
int sn_gate_health(struct sn_gate *g, struct sn_err *e);

#endif
