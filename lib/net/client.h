/*
 * HTTP requests through libcurl: one GET, whole body in memory, everything bounded.
 * Redirects are followed five deep; http and https only, and
 * "http+unix://%2Frun%2Fsn.sock/path?query" for a UNIX socket.  zstd and gzip
 * bodies are decoded where libcurl can; the size limit is on decoded bytes.
 *
 * Any thread may call; each call has a connection of its own.
 */
#ifndef SN_NET_CLIENT_H
#define SN_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

struct sn_http_get {
	size_t max;             /* bytes of body; 0: 256 MiB */
	uint64_t connect_ns;    /* time to connect; 0: 10 s */
	uint64_t total_ns;      /* time for all of it; 0: 5 min */
	uint64_t stall_ns;      /* no byte for so long is a failure; 0: 30 s */
	const char *bearer;     /* a key for the Authorization field, or NULL */
	const char *etag;       /* sent as If-None-Match, or NULL */
};

struct sn_http_got {
	int status;             /* 200, 304, 404 ...; 0 when no answer came */
	uint64_t retry_after;   /* seconds asked for by a 429 or 503, 0 when none */
	char etag[128];         /* "" when none */
	char type[64];          /* media type, lower case, without parameters */
	char snapshot[80];      /* X-SN-Snapshot, "" when none */
};

/*
 * GET url, appending the body to b.  0 on any 2xx, and on 304 when o->etag was given.
 * Otherwise a message "URL: reason", with the server's own "error" text where it sent
 * one, and
 *   SN_EUSE   the URL is malformed or of another scheme
 *   SN_ENO    the server says no and will again (4xx other than 408, 425, 429), or
 *             the body is larger than max
 *   SN_ETIME  a time limit passed
 *   SN_ETEMP  no connection, broken off, 408, 425, 429 or 5xx
 * o and got may be NULL.  After a failure b holds what it held before.
 */
int sn_http_get(const char *url, const struct sn_http_get *o, struct sn_buf *b,
	struct sn_http_got *got, struct sn_err *e);

/* Is this text something sn_http_get() takes (by its scheme)? */
bool sn_http_is_url(const char *text);

#endif
