/* What server.c (connections, threads, the loop) and request.c (one request and its
 * answer) share.  Nobody else includes it. */
#ifndef SN_NET_SERVER_IMPL_H
#define SN_NET_SERVER_IMPL_H

#include <microhttpd.h>
#include <pthread.h>

#include "net/server.h"

#define SN_HTTP_HEADER_MAX (8 << 10)    /* bytes of a request's header */
#define SN_HTTP_FIELDS 64               /* fields in it */
#define SN_HTTP_UPLOAD_MAX (64 << 10)   /* bytes of a body nobody reads */
#define SN_HTTP_SET 16
#define SN_HTTP_SET_BYTES 2048

/* Where a connection is; the sweeper closes what stays too long in the first three. */
enum phase {
	PHASE_NEW,      /* nothing has come yet */
	PHASE_IDLE,     /* between two requests */
	PHASE_HEADER,   /* the request line is there */
	PHASE_HANDLE,   /* the handler runs: it must not stay long either */
	PHASE_ANSWER,   /* parked or being sent */
	PHASE_CLOSING,  /* shut down by the sweeper */
};

struct request {
	struct sn_http_req pub;         /* first: the two are one pointer */
	struct conn *conn;
	struct MHD_Connection *mhd;
	char *target;                   /* decoded in place by sn_uri_parse() */
	bool seen, answered, parked, head;
	uint64_t body;                  /* bytes of the answer's body */
	uint64_t upload;
	size_t nset, used;              /* fields of the answer */
	struct { const char *name, *value; } set[SN_HTTP_SET];
	char room[SN_HTTP_SET_BYTES];
	char joined[4096];              /* of sn_http_field() */
};

struct conn {
	struct conn *prev, *next;
	struct sn_http *s;
	const struct sn_listener *listener;
	int fd;
	int phase;                      /* atomic */
	int64_t since;                  /* atomic: sn_clock_mono() of entering it */
	char peer[64];
	bool loopback;
	struct request r;               /* a connection has one at a time */
};

struct daemon {
	struct MHD_Daemon *mhd;
	struct sn_listener *listener;
	struct sn_http *s;
};

struct sn_http {
	struct sn_http_opts o;
	struct daemon d[SN_LISTEN_MAX];
	size_t nd;
	size_t listening;               /* of them, sockets that accept */
	bool draining;                  /* atomic */
	int ended;                      /* eventfd: a connection was closed */
	int signals;                    /* signalfd */
	pthread_mutex_t lock;           /* of the list of connections */
	struct conn *conns;
	struct sn_http_stats st;        /* atomic, each */
};

void sn_conn_phase(struct conn *c, enum phase p);
void sn_request_begin(struct request *r, struct conn *c, struct MHD_Connection *mhd,
	const char *target);
void sn_request_end(struct request *r, bool whole);
enum MHD_Result sn_request_call(struct request *r, const char *method, size_t *upload);

#define COUNT(var, by) __atomic_fetch_add(&(var), (by), __ATOMIC_RELAXED)
#define LOAD(var) __atomic_load_n(&(var), __ATOMIC_RELAXED)

#endif
