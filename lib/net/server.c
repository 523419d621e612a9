/*
 * One libmicrohttpd daemon for each socket, so that what floods one of them fills its own
 * accept queue, threads and connections only.  The main thread holds the signals (blocked
 * everywhere, read from a signalfd), and once a second sweeps the list of connections:
 * libmicrohttpd's own timeout starts again with every byte, so that a client which sends a
 * byte now and then would hold its connection for ever; the sweeper's deadlines are fixed
 * from the moment the connection entered its phase.  It only shuts the socket down, under
 * the lock that the connection takes to leave the list, and the thread that owns the
 * connection sees its end and cleans up.
 */
#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/notify.h"
#include "net/server-impl.h"
#include "util/clock.h"
#include "util/log.h"

#define SECOND ((int64_t)1000000000)
/* For a header of SN_HTTP_HEADER_MAX and the answer's.  libmicrohttpd clears all of it for
 * each request, so more of it costs. */
#define CONN_MEMORY (16 << 10)

void sn_conn_phase(struct conn *c, enum phase p)
{
	__atomic_store_n(&c->since, sn_clock_mono(), __ATOMIC_RELAXED);
	__atomic_store_n(&c->phase, p, __ATOMIC_RELAXED);
}

/* ---- libmicrohttpd's callbacks ---- */

static void set_peer(struct conn *c, const struct sockaddr *a)
{
	char *out = c->peer;

	snprintf(out, sizeof(c->peer), "unix");
	c->loopback = true;
	if (a && a->sa_family == AF_INET) {
		const struct in_addr *in = &((const struct sockaddr_in *)a)->sin_addr;

		inet_ntop(AF_INET, in, out, sizeof(c->peer));
		c->loopback = ntohl(in->s_addr) >> 24 == 127;
	} else if (a && a->sa_family == AF_INET6) {
		const struct in6_addr *in = &((const struct sockaddr_in6 *)a)->sin6_addr;
		bool v4 = IN6_IS_ADDR_V4MAPPED(in);

		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &in->s6_addr[12] : in->s6_addr, out,
			sizeof(c->peer));
		c->loopback = v4 ? in->s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(in);
	}
}

static void conn_started(struct daemon *d, struct MHD_Connection *mhd, void **ctx)
{
	const union MHD_ConnectionInfo *info;
	struct conn *c = malloc(sizeof(*c));

	*ctx = c;
	if (!c)
		return;         /* request by request it will be dropped */
	memset(c, 0, offsetof(struct conn, r));
	c->s = d->s;
	c->listener = d->listener;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	c->fd = info ? info->connect_fd : -1;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	set_peer(c, info ? info->client_addr : NULL);
	sn_conn_phase(c, PHASE_NEW);
	pthread_mutex_lock(&d->s->lock);
	c->next = d->s->conns;
	if (c->next)
		c->next->prev = c;
	d->s->conns = c;
	pthread_mutex_unlock(&d->s->lock);
	COUNT(d->s->st.conns, 1);
	COUNT(d->s->st.accepted, 1);
}

static void conn_closed(struct conn *c)
{
	struct sn_http *s = c->s;
	uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	pthread_mutex_unlock(&s->lock);
	COUNT(s->st.conns, -1);
	if (c->listener->connected)
		(void)!write(s->ended, &one, sizeof(one));
	free(c);
}

static void on_conn(void *arg, struct MHD_Connection *mhd, void **ctx,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		conn_started(arg, mhd, ctx);
	else if (*ctx)
		conn_closed(*ctx);
}

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info;
	struct conn *c;

	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	c = info ? info->socket_context : NULL;
	if (!c)
		return NULL;
	sn_request_begin(&c->r, c, mhd, uri);
	return &c->r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size, void **r)
{
	return *r ? sn_request_call(*r, method, upload_size) : MHD_NO;
}

static void on_done(void *arg, struct MHD_Connection *mhd, void **r,
	enum MHD_RequestTerminationCode code)
{
	if (*r)
		sn_request_end(*r, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	*r = NULL;
}

/* The target is decoded by net/uri.h; let libmicrohttpd leave it alone. */
static size_t no_unescape(void *arg, struct MHD_Connection *mhd, char *s)
{
	return strlen(s);
}

__attribute__((format(printf, 2, 0)))
static void on_log(void *arg, const char *fmt, va_list ap)
{
	char line[300];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	sn_info("%s", line);
}

/* ---- start ---- */

static void blocked(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void sn_http_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	blocked(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);      /* a file at its limit is an error like another */
}

static unsigned conn_limit(unsigned want, unsigned spare)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return want;
	if (r.rlim_cur < r.rlim_max) {
		rlim_t before = r.rlim_cur;

		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) < 0)
			r.rlim_cur = before;
	}
	/* each may hold a file that it is sending */
	if (r.rlim_cur != RLIM_INFINITY && r.rlim_cur < 2 * (rlim_t)want + spare)
		want = r.rlim_cur > spare + 16 ? (unsigned)(r.rlim_cur - spare) / 2 : 8;
	return want;
}

static int daemon_start(struct daemon *d, unsigned threads, unsigned conns, struct sn_err *e)
{
	struct sn_http *s = d->s;
	struct MHD_OptionItem extra[5], *x = extra;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
		MHD_USE_TURBO | MHD_USE_ERROR_LOG;

	if (d->listener->connected) {
		flags |= MHD_USE_NO_LISTEN_SOCKET;
		threads = 1;
	} else {
		*x++ = (struct MHD_OptionItem){ MHD_OPTION_LISTEN_SOCKET, d->listener->fd, NULL };
	}
	if (threads > 1)        /* a pool of one is refused */
		*x++ = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL };
	if (s->o.max_client)
		*x++ = (struct MHD_OptionItem){ MHD_OPTION_PER_IP_CONNECTION_LIMIT,
			(intptr_t)s->o.max_client, NULL };
	*x = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	if (conns < threads)
		conns = threads;
	errno = 0;
	d->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, d,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_conn, d,
		MHD_OPTION_URI_LOG_CALLBACK, on_uri, d,
		MHD_OPTION_NOTIFY_COMPLETED, on_done, d,
		MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_CONNECTION_LIMIT, conns,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(s->o.idle_ns / (uint64_t)SECOND) + 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_MEMORY,
		MHD_OPTION_ARRAY, extra, MHD_OPTION_END);
	if (!d->mhd)
		return errno ? sn_err_sys(e, "%s: cannot start serving", d->listener->text) :
			sn_err(e, SN_ETEMP, "%s: cannot start serving", d->listener->text);
	return 0;
}

static int add_connected(struct daemon *d, struct sn_err *e)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int fd = d->listener->fd;

	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return sn_err_sys(e, "%s", d->listener->text);
	d->listener->fd = -1;           /* libmicrohttpd closes it, also on failure */
	if (MHD_add_connection(d->mhd, fd, (struct sockaddr *)&peer, len) != MHD_YES)
		return sn_err_sys(e, "%s: cannot serve the connection", d->listener->text);
	return 0;
}

static int open_fds(struct sn_http *s, struct sn_err *e)
{
	sigset_t set;

	blocked(&set);
	s->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->ended < 0 || s->signals < 0 ? sn_err_sys(e, "signals") : 0;
}

int sn_http_start(struct sn_http **out, struct sn_listeners *l, const struct sn_http_opts *o,
	struct sn_err *e)
{
	struct sn_http *s = calloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned conns;
	int rc;

	if (!s)
		return sn_err_mem(e);
	s->o = *o;
	s->ended = s->signals = -1;
	pthread_mutex_init(&s->lock, NULL);
	if (!s->o.threads)
		s->o.threads = cpus < 1 ? 1 : cpus > 8 ? 8 : (unsigned)cpus;
	s->o.header_ns = o->header_ns ? o->header_ns : 10 * (uint64_t)SECOND;
	s->o.idle_ns = o->idle_ns ? o->idle_ns : 60 * (uint64_t)SECOND;
	s->o.drain_ns = o->drain_ns ? o->drain_ns : 30 * (uint64_t)SECOND;
	conns = conn_limit(o->max_conns ? o->max_conns : 4096,
		o->spare_fds ? o->spare_fds : 64) / (unsigned)l->n;
	sn_http_signals();
	rc = open_fds(s, e);
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		struct daemon *d = &s->d[s->nd];

		d->s = s;
		d->listener = &l->v[i];
		s->listening += !l->v[i].connected;
		rc = daemon_start(d, s->o.threads, conns, e);
		if (rc == 0)
			s->nd++;
	}
	/* a connection is served from the moment it is added: last */
	for (size_t i = 0; rc == 0 && i < s->nd; i++)
		if (s->d[i].listener->connected)
			rc = add_connected(&s->d[i], e);
	if (rc < 0) {
		sn_http_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* ---- the main loop ---- */

/* Shut down what is overdue; says whether every handler that runs has begun lately. */
static bool sweep(struct sn_http *s, int64_t stuck_ns)
{
	int64_t now = sn_clock_mono();
	bool alive = true;

	pthread_mutex_lock(&s->lock);
	for (struct conn *c = s->conns; c; c = c->next) {
		int64_t age = now - LOAD(c->since);
		int phase = LOAD(c->phase);

		if (phase == PHASE_HANDLE && age > stuck_ns)
			alive = false;
		if (phase > PHASE_HEADER ||
		    age < (int64_t)(phase == PHASE_IDLE ? s->o.idle_ns : s->o.header_ns))
			continue;
		__atomic_store_n(&c->phase, PHASE_CLOSING, __ATOMIC_RELAXED);
		shutdown(c->fd, SHUT_RDWR);
		if (phase != PHASE_IDLE)
			COUNT(s->st.slow_closed, 1);
	}
	pthread_mutex_unlock(&s->lock);
	return alive;
}

/* The signal that waits, 0 when none does. */
static int next_signal(struct sn_http *s)
{
	struct signalfd_siginfo info;

	return read(s->signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static void wait_ms(struct sn_http *s, int ms)
{
	struct pollfd p[2] = { { s->signals, POLLIN, 0 }, { s->ended, POLLIN, 0 } };

	poll(p, 2, ms);
}

static void drain(struct sn_http *s)
{
	int64_t until = sn_clock_mono() + (int64_t)s->o.drain_ns;
	int quiet = 0;

	sn_notify("STOPPING=1");
	__atomic_store_n(&s->draining, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < s->nd; i++)
		if (!s->d[i].listener->connected)
			MHD_quiesce_daemon(s->d[i].mhd);
	/* twice nothing in flight: what had been sent before we stopped has been read by then */
	while (quiet < 2 && sn_clock_mono() < until) {
		struct pollfd p = { s->signals, POLLIN, 0 };

		quiet = LOAD(s->st.in_flight) ? 0 : quiet + 1;
		poll(&p, 1, 20);
		sweep(s, INT64_MAX);
		if (next_signal(s) == SIGTERM) {
			sn_warn("stopping now: %llu requests are cut off",
				(unsigned long long)LOAD(s->st.in_flight));
			break;
		}
	}
	if (s->o.stop)
		s->o.stop(s->o.arg);
	for (int i = 0; i < 50 && LOAD(s->st.parked); i++)
		poll(NULL, 0, 20);
}

static bool finished(struct sn_http *s)
{
	uint64_t n;

	return read(s->ended, &n, sizeof(n)) == sizeof(n) && !s->listening && !LOAD(s->st.conns);
}

int sn_http_run(struct sn_http *s, struct sn_err *e)
{
	int64_t dog = (int64_t)sn_notify_watchdog(), next_tick = 0, next_dog = 0;
	bool alive = true;
	int sig;

	sn_notify("READY=1");
	for (;;) {
		int64_t now = sn_clock_mono();

		if (now >= next_tick) {
			alive = sweep(s, dog ? dog : INT64_MAX);
			if (s->o.tick)
				s->o.tick(s->o.arg);
			next_tick = now + SECOND;
		}
		if (dog && now >= next_dog) {
			if (alive)
				sn_notify("WATCHDOG=1");
			next_dog = now + dog;
		}
		sig = next_signal(s);
		if (sig == SIGTERM || sig == SIGINT || finished(s))
			break;
		if (sig == SIGHUP) {
			sn_notify_reloading();
			if (s->o.reload)
				s->o.reload(s->o.arg);
			sn_notify("READY=1");
			continue;
		}
		now = sn_clock_mono();
		if (dog && next_dog < next_tick && next_dog > now)
			wait_ms(s, (int)((next_dog - now) / 1000000) + 1);
		else if (next_tick > now)
			wait_ms(s, (int)((next_tick - now) / 1000000) + 1);
	}
	drain(s);
	return 0;
}

void sn_http_free(struct sn_http *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nd; i++)
		if (s->d[i].mhd) {
			/* leaves the listening socket to its listener */
			if (!s->d[i].listener->connected && !LOAD(s->draining))
				MHD_quiesce_daemon(s->d[i].mhd);
			MHD_stop_daemon(s->d[i].mhd);
		}
	if (s->ended >= 0)
		close(s->ended);
	if (s->signals >= 0)
		close(s->signals);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool sn_http_draining(const struct sn_http *s)
{
	return LOAD(s->draining);
}

void sn_http_stats(const struct sn_http *s, struct sn_http_stats *out)
{
	out->conns = LOAD(s->st.conns);
	out->in_flight = LOAD(s->st.in_flight);
	out->parked = LOAD(s->st.parked);
	out->accepted = LOAD(s->st.accepted);
	out->requests = LOAD(s->st.requests);
	out->bad_requests = LOAD(s->st.bad_requests);
	out->slow_closed = LOAD(s->st.slow_closed);
}
