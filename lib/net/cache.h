/*
 * A cache of bodies by key, filled by builder threads.  A key is built once, and who
 * asks meanwhile waits for it parked (single-flight); the least recently used bodies go when
 * the total passes the limit.  A failed build is told to all who waited and not kept.
 */
#ifndef SN_NET_CACHE_H
#define SN_NET_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "net/body.h"
#include "net/server.h"

struct sn_cache;
struct sn_ticket;               /* a request's claim on a body that is being built */

struct sn_cache_opts {
	const char *dir;        /* for bodies that are files; NULL: memory only */
	uint64_t max_bytes;     /* of all bodies that are kept */
	uint64_t max_body;      /* of one */
	unsigned max_files;     /* bodies that are files, each an open descriptor; 0: 512 */
	unsigned builders;      /* threads; 0: 1 */
	unsigned max_queue;     /* keys that wait for one; 0: 256 */
};

/* What to build.  When a build starts, the `size' bytes at data are copied, and hold() is
 * called on the copy; after the build, drop(). */
struct sn_cache_job {
	int (*build)(struct sn_sink *out, void *data, struct sn_err *e);
	void (*hold)(void *data);
	void (*drop)(void *data);
	const void *data;
	size_t size;
};

struct sn_cache_stats {
	uint64_t hits, joined, built, failed, evicted, shed;
	uint64_t bytes, entries, files, queued;
	uint64_t build_ns;      /* all builds together */
};

int sn_cache_open(struct sn_cache **c, const struct sn_cache_opts *o, struct sn_err *e);
/* Stop building and wake all who wait: they get SN_ETEMP, as do all who come after. */
void sn_cache_stop(struct sn_cache *c);
void sn_cache_close(struct sn_cache *c);        /* once the server is gone; NULL is fine */

/*
 * The body for key, asked for by request r.
 *   1   *out is a reference to it
 *   0   the request is parked and *t a ticket: when woken, sn_cache_claim() it
 *   <0  *e says why: SN_ETEMP when too many keys wait already, or the cache stops
 */
int sn_cache_get(struct sn_cache *c, const char *key, const struct sn_cache_job *job,
	struct sn_http_req *r, struct sn_ticket **t, struct sn_body **out, struct sn_err *e);
/* What became of it: 0 and a reference in *out, or the build's failure.  Ends the ticket. */
int sn_cache_claim(struct sn_cache *c, struct sn_ticket **t, struct sn_body **out,
	struct sn_err *e);
void sn_cache_forget(struct sn_cache *c, struct sn_ticket **t);        /* NULL is fine */

void sn_cache_stats(struct sn_cache *c, struct sn_cache_stats *out);

#endif
