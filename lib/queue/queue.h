/*
 * Jobs, leases and groups on a durable store; one handle is one connection, used by
 * one thread at a time.  The caller owns the handle and every struct sn_lease filled
 * by sn_queue_pop(), which it gives up with sn_lease_release().
 *
 * A job is live (ready, delayed or leased) until it is done or dead; then it moves to
 * the history, in the transaction that says so.  Delivery is at least once; recording
 * is exactly once, because a lease has a token and only the holder of the current one
 * can end the job.  A lease that ran out is taken back by the next pop that looks; until
 * then its token is still the current one.
 *
 * Groups share the workers by deficit round robin (Shreedhar and Varghese, 1995), every
 * job costing one and every group's quantum being its weight; the counters are stored,
 * so that pops one at a time by different processes keep the order.
 *
 * Times are nanoseconds: instants since 1970 by sn_clock_real(), spans as they are.
 */
#ifndef SN_QUEUE_QUEUE_H
#define SN_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

#define SN_QUEUE_BODY_MAX ((size_t)16 << 20)    /* bytes of one body */
#define SN_QUEUE_GROUP_MAX 64                   /* bytes of a group's name */
#define SN_QUEUE_TOKEN 16                       /* bytes of an attempt token */
#define SN_QUEUE_TIME_MAX (3650ull * 86400 * 1000000000)  /* longest delay or lease */
#define SN_QUEUE_PRIORITY_MAX 9
#define SN_QUEUE_PRIORITY 5                     /* the usual one */
#define SN_QUEUE_GROUP "default"
#define SN_QUEUE_ATTEMPTS 20                    /* the usual limit */

struct sn_queue;

enum sn_queue_state {
	SN_QUEUE_READY, SN_QUEUE_DELAYED, SN_QUEUE_LEASED, SN_QUEUE_DONE, SN_QUEUE_DEAD,
	SN_QUEUE_STATES
};
extern const char *const sn_queue_state_name[SN_QUEUE_STATES];

enum {
	SN_QUEUE_CREATE = 1,    /* make it when it is not there; otherwise SN_ENO */
	SN_QUEUE_READONLY = 2   /* stats and ls only */
};

/* `where': a path.  An URL names an engine; SN_EUSE when there is none for it. */
int sn_queue_open(struct sn_queue **q, const char *where, unsigned flags, struct sn_err *e);
void sn_queue_close(struct sn_queue *q);

struct sn_body { const void *p; size_t n; };

struct sn_queue_put {
	const char *group;      /* 1 to 64 letters, digits and ._-; made when it is new */
	uint64_t delay;         /* from now on */
	uint64_t priority;      /* 0 to 9; within a group the highest goes first */
};

/* All n bodies or none: ids[n] in their order.  When it returned 0 they are on disk. */
int sn_queue_push(struct sn_queue *q, const struct sn_queue_put *put, const struct sn_body *bodies,
	size_t n, int64_t *ids, struct sn_err *e);

struct sn_lease {
	int64_t id;
	uint8_t token[SN_QUEUE_TOKEN];  /* random: whoever holds it holds the lease */
	int64_t attempt;                /* 1 for the first */
	int64_t until;
	char group[SN_QUEUE_GROUP_MAX + 1];
	void *body;                     /* followed by a NUL that is not counted */
	size_t body_len;
};
void sn_lease_release(struct sn_lease *l);

struct sn_queue_take {
	uint64_t lease;         /* span */
	uint64_t max_attempts;  /* at least 1; kept with the lease: a job that fails or whose
	                           lease runs out in attempt max_attempts or later is dead */
};

/* 1 and *l; 0 when nothing is ready, *next then being the instant at which a delay or
 * lease that is known now runs out (INT64_MAX: none).  Nothing is written when 0. */
int sn_queue_pop(struct sn_queue *q, const struct sn_queue_take *take, struct sn_lease *l,
	int64_t *next, struct sn_err *e);

enum sn_queue_verdict {
	SN_QUEUE_ACK,           /* done */
	SN_QUEUE_NACK,          /* again after `delay', or dead when that was the last attempt */
	SN_QUEUE_KILL,          /* dead at once */
	SN_QUEUE_PUT_BACK       /* ready again, as if it had not been popped: not an attempt */
};
struct sn_queue_end {
	enum sn_queue_verdict verdict;
	uint64_t delay;         /* of NACK */
	int64_t status;         /* exit status for the record; -1: none */
	const char *error;      /* why, for the record; may be NULL */
};

/* End the attempt.  SN_ENO and nothing changed when the token is not the current one.
 * *became (may be NULL) is the job's state after it. */
int sn_queue_end(struct sn_queue *q, int64_t id, const uint8_t token[SN_QUEUE_TOKEN],
	const struct sn_queue_end *end, enum sn_queue_state *became, struct sn_err *e);

/* The lease lasts until now + lease; SN_ENO when the token is not the current one. */
int sn_queue_touch(struct sn_queue *q, int64_t id, const uint8_t token[SN_QUEUE_TOKEN],
	uint64_t lease, int64_t *until, struct sn_err *e);

/* Jobs that a group gets in its turn, 1 to 1000 (1 when nothing was said). */
int sn_queue_weight(struct sn_queue *q, const char *group, uint64_t weight, struct sn_err *e);

struct sn_queue_count {
	const char *group;
	int64_t weight;
	int64_t n[SN_QUEUE_STATES];     /* as a pop at this moment would find them */
};
/* Once for each group, by name. A negative code from `each' ends it and is returned. */
int sn_queue_stats(struct sn_queue *q, int (*each)(void *arg, const struct sn_queue_count *c,
	struct sn_err *e), void *arg, struct sn_err *e);

struct sn_job {
	int64_t id;
	enum sn_queue_state state;
	const char *group;
	int64_t priority, attempt;
	int64_t pushed;                 /* instant */
	int64_t when;                   /* ready, delayed: since or from when ready; leased:
	                                   until; done, dead: ended */
	int64_t status;                 /* of the last attempt that ended; -1: none */
	const char *error;              /* NULL: none */
	struct sn_body body;
};
/* One instant's jobs by id; state SN_QUEUE_STATES and group NULL: all. */
int sn_queue_ls(struct sn_queue *q, enum sn_queue_state state, const char *group,
	int (*each)(void *arg, const struct sn_job *j, struct sn_err *e), void *arg,
	struct sn_err *e);

/* A number that another connection's commit changes: cheap to ask again and again. */
int sn_queue_version(struct sn_queue *q, int64_t *version, struct sn_err *e);
/* 1 when there is a live job, 0 when not. */
int sn_queue_left(struct sn_queue *q, struct sn_err *e);

/* {"id","token","attempt","group","lease_until","body"} and a newline. */
void sn_lease_json(struct sn_buf *b, const struct sn_lease *l);
/* {"id","state","group","priority","attempt","pushed",...,"body"} and a newline. */
void sn_job_json(struct sn_buf *b, const struct sn_job *j);
/* `"body":' and JSON text as it is (line ends in it become spaces), anything else as a
 * string; when that string cannot say it, being no UTF-8, also "body_base64". */
void sn_body_json(struct sn_buf *b, const void *p, size_t n);

#endif
