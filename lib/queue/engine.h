/*
 * What an engine (SQLite; later others) does for lib/queue/queue.c, which has checked
 * every argument before it calls.  The contracts are those of queue.h.
 */
#ifndef SN_QUEUE_ENGINE_H
#define SN_QUEUE_ENGINE_H

#include "queue/queue.h"

struct sn_queue_engine {
	const char *scheme;     /* "postgres://"; NULL: whatever has no scheme */
	int (*open)(void **self, const char *where, unsigned flags, struct sn_err *e);
	void (*close)(void *self);
	int (*push)(void *self, const struct sn_queue_put *put, const struct sn_body *bodies,
		size_t n, int64_t *ids, struct sn_err *e);
	int (*pop)(void *self, const struct sn_queue_take *take, struct sn_lease *l,
		int64_t *next, struct sn_err *e);
	int (*end)(void *self, int64_t id, const uint8_t *token, const struct sn_queue_end *end,
		enum sn_queue_state *became, struct sn_err *e);
	int (*touch)(void *self, int64_t id, const uint8_t *token, uint64_t lease,
		int64_t *until, struct sn_err *e);
	int (*weight)(void *self, const char *group, uint64_t weight, struct sn_err *e);
	int (*stats)(void *self, int (*each)(void *, const struct sn_queue_count *,
		struct sn_err *), void *arg, struct sn_err *e);
	int (*ls)(void *self, enum sn_queue_state state, const char *group,
		int (*each)(void *, const struct sn_job *, struct sn_err *), void *arg,
		struct sn_err *e);
	int (*version)(void *self, int64_t *version, struct sn_err *e);
	int (*left)(void *self, struct sn_err *e);
};

extern const struct sn_queue_engine sn_queue_sqlite;

/* The texts that a push, a pop and an ending run, NULL at the end: a test holds each of
 * them to its index, so that a million jobs cost what ten do. */
extern const char *const sn_queue_sqlite_hot[];

#endif
