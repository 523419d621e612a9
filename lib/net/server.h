/*
 * The HTTP/1.1 server: libmicrohttpd with epoll and a few threads for each listening
 * socket.  A handler runs on one of them and must not wait: what takes long parks the
 * request, works elsewhere, and wakes it, upon which the handler is called again.
 *
 * The request belongs to the server; it is valid from the first call of the handler to the
 * end of `done'.  All calls on a request come from the handler, but for sn_http_wake().
 */
#ifndef SN_NET_SERVER_H
#define SN_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/body.h"
#include "net/listen.h"
#include "net/uri.h"
#include "util/err.h"

struct sn_http;                 /* a server */
struct sn_http_req;

struct sn_http_req {
	const char *method;     /* as sent: upper case */
	struct sn_uri uri;
	const struct sn_listener *listener;
	char peer[64];          /* "192.0.2.1", "2001:db8::1", "unix"; no port */
	int64_t start;          /* sn_clock_mono() when its request line had been read */
	void *state;            /* the handler's own; NULL at first */
	unsigned route;         /* the handler's own, for its accounts */
	unsigned group;
	/* of the answer, valid in done() */
	unsigned status;        /* 0: the connection ended before there was one */
	uint64_t sent;          /* bytes of body, as far as the whole was sent; else 0 */
	int64_t took;           /* ns from start to the end */
};

struct sn_http_opts {
	unsigned threads;       /* of each listening socket; 0: as many as processors, at most 8 */
	unsigned max_conns;     /* in all; 0: 4096, less when RLIMIT_NOFILE asks for it */
	unsigned max_client;    /* of one IP address on one socket; 0: as many as there may be */
	unsigned spare_fds;     /* descriptors for everything but connections; 0: 64 */
	uint64_t header_ns;     /* to send the request line, and then the header; 0: 10 s */
	uint64_t idle_ns;       /* between two requests, and of a write that stalls; 0: 60 s */
	uint64_t drain_ns;      /* to finish what is in flight at SIGTERM; 0: 30 s */
	void (*handle)(struct sn_http_req *r, void *arg);
	void (*done)(struct sn_http_req *r, void *arg);         /* may be NULL */
	void (*reload)(void *arg);      /* SIGHUP, from the main thread; may be NULL */
	void (*tick)(void *arg);        /* about every second, from the main thread; may be NULL */
	void (*stop)(void *arg);        /* drained or out of time: wake whatever is parked */
	void *arg;
};

/* Counters, all since the start but for the first three. */
struct sn_http_stats {
	uint64_t conns, in_flight, parked;
	uint64_t accepted, requests, bad_requests, slow_closed;
};

/* Start on these sockets (the listeners must outlive the server).  Blocks SIGTERM, SIGINT
 * and SIGHUP for the process and ignores SIGPIPE and SIGXFSZ, so call it before making threads
 * or have the signals blocked by then: sn_http_signals(). */
void sn_http_signals(void);
int sn_http_start(struct sn_http **s, struct sn_listeners *l, const struct sn_http_opts *o,
	struct sn_err *e);
/* Serve until SIGTERM or SIGINT, or until the one connection of --inetd has ended; then
 * drain and stop.  Says READY, RELOADING, STOPPING and WATCHDOG to the service manager. */
int sn_http_run(struct sn_http *s, struct sn_err *e);
void sn_http_free(struct sn_http *s);
void sn_http_stats(const struct sn_http *s, struct sn_http_stats *out);

/* A header field of the request, NULL when absent; lists over several lines joined by ", ". */
const char *sn_http_field(struct sn_http_req *r, const char *name);

/* A header field of the answer to come.  Names are literals; at most 16, values 512 bytes. */
void sn_http_set(struct sn_http_req *r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Answer.  body may be NULL; a reference to it is taken.  HEAD sends the header only. */
void sn_http_reply(struct sn_http_req *r, unsigned status, struct sn_body *body);
/* Answer with n bytes, copied. */
void sn_http_text(struct sn_http_req *r, unsigned status, const char *type, const void *p, size_t n);
/* {"error":text,"code":code}, X-Error-Code, Cache-Control: no-store. */
void sn_http_error(struct sn_http_req *r, unsigned status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Did the request come from this machine: loopback or UNIX, and no field of it says that a
 * proxy sent it on for somebody else? */
bool sn_http_from_here(struct sn_http_req *r);

/* Park, and then tell whoever will wake it; the handler returns without an answer. */
void sn_http_park(struct sn_http_req *r);
void sn_http_wake(struct sn_http_req *r);       /* from any thread, once per park */
bool sn_http_draining(const struct sn_http *s);

#endif
