/*
 * A cache of bodies by key, filled by builder threads.  Each key is built once, whoever
 * asks meanwhile waits for it parked (single-flight); the least recently used bodies go when
 * the total passes the limit.  A failed build is told to all who waited and not kept.
 */
#ifndef SN_NET_CACHE_H
#define SN_NET_CACHE_H

#include <stdint.h>

#include "net/body.h"
#include "net/server.h"

struct sn_cache;

struct sn_cache_stats {
	uint64_t hits, misses, joined, built, failed, evicted, shed;
	uint64_t bytes, entries, queued;
};

/* What there is to build: copied with its key; build() runs on a builder thread. */
struct sn_cache_job {
	const char *key;
	/* Make the body, or a negative code with *e set. */
	int (*build)(struct sn_sink *out, const void *data, void *arg, struct sn_err *e);
	const void *data;       /* size bytes, copied when a build has to start */
	size_t size;
};

int sn_cache_open(struct sn_cache **c, const char *dir, uint64_t max_bytes, uint64_t max_body,
	unsigned builders, void *arg, struct sn_err *e);
/* Stop building, wake all who wait (they get SN_ETEMP), join the builders. */
void sn_cache_stop(struct sn_cache *c);
void sn_cache_close(struct sn_cache *c);        /* after the server has gone */

/* 1 and a reference in *out; 0: the request is parked, ask again when it is woken; or a
 * negative code with *e set (SN_ETEMP: too much waits already, or it stops). */
int sn_cache_get(struct sn_cache *c, struct sn_http_req *r, const struct sn_cache_job *job,
	struct sn_body **out, struct sn_err *e);
void sn_cache_stats(struct sn_cache *c, struct sn_cache_stats *out);

#endif
