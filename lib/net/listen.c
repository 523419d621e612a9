#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/num.h"

#define FIRST_FD 3
#define BACKLOG 1024

static bool loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_UNIX)
		return true;
	if (a->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
	if (a->ss_family == AF_INET6) {
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(v6) ||
			(IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
	}
	return false;
}

static void text_of(const struct sockaddr_storage *a, socklen_t len, char *out, size_t n)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(out, n, "%s:%d", host, ntohs(in->sin_port));
	} else if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;

		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
		snprintf(out, n, "[%s]:%d", host, ntohs(in->sin6_port));
	} else {
		const struct sockaddr_un *un = (const struct sockaddr_un *)a;
		bool named = len > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0];

		snprintf(out, n, "unix:%.*s", (int)(n - 6), named ? un->sun_path : "");
	}
}

/* Fill in l from the socket on fd, whatever made it. */
static int adopt(struct sn_listener *l, int fd, const char *what, struct sn_err *e)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a), n = sizeof(int);
	int type = 0, listening = 0;

	memset(&a, 0, sizeof(a));
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
		return sn_err(e, SN_EUSE, "%s is not a socket", what);
	n = sizeof(int);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n);
	if (type != SOCK_STREAM || getsockname(fd, (struct sockaddr *)&a, &len) < 0 ||
	    (a.ss_family != AF_INET && a.ss_family != AF_INET6 && a.ss_family != AF_UNIX))
		return sn_err(e, SN_EUSE, "%s is not a TCP or UNIX stream socket", what);
	if (!listening) {
		struct sockaddr_storage peer;
		socklen_t plen = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &plen) < 0)
			return sn_err(e, SN_EUSE, "%s neither listens nor is connected", what);
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK | fcntl(fd, F_GETFL)) < 0)
		return sn_err_sys(e, "%s", what);
	l->fd = fd;
	l->connected = !listening;
	l->is_unix = a.ss_family == AF_UNIX;
	l->local = loopback(&a);
	text_of(&a, len, l->text, sizeof(l->text));
	return 0;
}

static struct sn_listener *slot(struct sn_listeners *l, struct sn_err *e)
{
	if (l->n == SN_LISTEN_MAX) {
		sn_err(e, SN_EUSE, "more than %d sockets", SN_LISTEN_MAX);
		return NULL;
	}
	memset(&l->v[l->n], 0, sizeof(l->v[l->n]));
	l->v[l->n].fd = -1;
	return &l->v[l->n];
}

static int activated(struct sn_listeners *l, struct sn_err *e)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t n = 0, p = 0;
	int rc;

	if (!fds || !pid || sn_num_u64(pid, 1, INT32_MAX, &p, NULL) < 0 || (pid_t)p != getpid())
		return 0;       /* meant for another process: for a child that we are not */
	if (sn_num_u64(fds, 0, SN_LISTEN_MAX, &n, e) < 0)
		return sn_err_prefix(e, "LISTEN_FDS");
	for (int i = 0; i < (int)n; i++) {
		struct sn_listener *s = slot(l, e);
		char what[40];
		size_t k;

		if (!s)
			return SN_EUSE;
		snprintf(what, sizeof(what), "LISTEN_FDS: descriptor %d", FIRST_FD + i);
		if ((rc = adopt(s, FIRST_FD + i, what, e)) < 0)
			return rc;
		k = names ? strcspn(names, ":") : 0;
		snprintf(s->name, sizeof(s->name), "%.*s", (int)k, names ? names : "");
		names = names && names[k] ? names + k + 1 : NULL;
		l->n++;
	}
	return 0;
}

/* Classic inetd puts the socket on 0, 1 and 2: nothing said on 1 or 2 may reach the client. */
static int from_inetd(struct sn_listeners *l, struct sn_err *e)
{
	struct sn_listener *s = slot(l, e);
	struct stat sock, st;
	int fd, null, rc;

	if (!s)
		return SN_EUSE;
	fd = fcntl(0, F_DUPFD_CLOEXEC, FIRST_FD);
	if (fd < 0)
		return sn_err_sys(e, "--inetd: standard input");
	if ((rc = adopt(s, fd, "--inetd: standard input", e)) < 0 || !s->connected) {
		s->fd = -1;
		close(fd);
		return rc < 0 ? rc :
			sn_err(e, SN_EUSE, "--inetd: standard input is a listening socket");
	}
	l->n++;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || fstat(fd, &sock) < 0)
		return sn_err_sys(e, "/dev/null");
	for (int i = 0; i <= 2; i++)
		if (fstat(i, &st) == 0 && st.st_dev == sock.st_dev && st.st_ino == sock.st_ino)
			dup2(null, i);
	close(null);
	return 0;
}

/* A socket file that nobody listens on any more is replaced; a live one is in use, and
 * anything else is left alone. */
static int clear_stale(const char *path, const struct sockaddr_un *un, struct sn_err *e)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : sn_err_sys(e, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return sn_err(e, SN_EUSE, "%s: exists and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sn_err_sys(e, "%s", path);
	rc = connect(fd, (const struct sockaddr *)un, sizeof(*un));
	if (rc == 0 || errno == EAGAIN) {
		close(fd);
		return sn_err(e, SN_ETEMP, "unix:%s: address in use", path);
	}
	close(fd);
	if (errno == ECONNREFUSED && unlink(path) < 0)
		return sn_err_sys(e, "%s: cannot remove the stale socket", path);
	return 0;
}

static int bind_unix(struct sn_listener *s, const char *path, struct sn_err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, rc;

	if (!*path || strlen(path) >= sizeof(un.sun_path))
		return sn_err(e, SN_EUSE, "unix:%s: expected a path of 1 to %zu bytes", path,
			sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, strlen(path));
	if ((rc = clear_stale(path, &un, e)) < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sn_err_sys(e, "unix:%s", path);
	if (bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0) {
		rc = sn_err_sys(e, "unix:%s", path);
		close(fd);
		return rc;
	}
	s->unlink = strdup(path);
	if (lstat(path, &st) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
	}
	if (!s->unlink || listen(fd, BACKLOG) < 0) {
		rc = s->unlink ? sn_err_sys(e, "unix:%s", path) : sn_err_mem(e);
		close(fd);
		unlink(path);
		free(s->unlink);
		s->unlink = NULL;
		return rc;
	}
	return adopt(s, fd, path, e);
}

/* "host:port", "[v6]:port", ":port" into host (may be "") and port. */
static int split(const char *addr, char *host, size_t room, const char **port, struct sn_err *e)
{
	const char *colon = strrchr(addr, ':');
	size_t n = colon ? (size_t)(colon - addr) : 0;
	uint64_t v;

	if (!colon || sn_num_u64(colon + 1, 0, 65535, &v, NULL) < 0)
		goto bad;
	if (*addr == '[') {
		if (n < 3 || addr[n - 1] != ']')
			goto bad;
		addr++;
		n -= 2;
	} else if (memchr(addr, ':', n)) {
		goto bad;
	}
	if (n >= room)
		goto bad;
	memcpy(host, addr, n);
	host[n] = 0;
	*port = colon + 1;
	return 0;
bad:
	return sn_err(e, SN_EUSE, "%s: expected ADDR:PORT, [ADDR6]:PORT, :PORT or unix:PATH", addr);
}

static int bind_tcp(struct sn_listener *s, const char *addr, struct sn_err *e)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list, *a;
	char host[256];
	const char *port = NULL;
	int rc, on = 1, off = 0, fd = -1;

	if ((rc = split(addr, host, sizeof(host), &port, e)) < 0)
		return rc;
	rc = getaddrinfo(*host ? host : NULL, port, &hint, &list);
	if (rc != 0)
		return sn_err(e, rc == EAI_AGAIN ? SN_ETEMP : SN_EUSE, "%s: %s", addr, gai_strerror(rc));
	/* ":PORT": the IPv6 wildcard takes IPv4 too; a host without IPv6 has the other */
	a = list;
	while (!*host && a->ai_family != AF_INET6 && a->ai_next)
		a = a->ai_next;
	if (!*host && a->ai_family != AF_INET6)
		a = list;
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && !*host && errno == EAFNOSUPPORT) {
		a = list;
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	if (fd < 0) {
		rc = sn_err_sys(e, "%s", addr);
		goto out;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, *host ? &on : &off, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		rc = sn_err_sys(e, "%s", addr);
		close(fd);
		goto out;
	}
	rc = adopt(s, fd, addr, e);
out:
	freeaddrinfo(list);
	return rc;
}

int sn_listen_open(struct sn_listeners *l, bool inetd, const char *const *addrs, size_t n,
	struct sn_err *e)
{
	int rc;

	memset(l, 0, sizeof(*l));
	rc = activated(l, e);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	if (rc == 0 && inetd)
		rc = from_inetd(l, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct sn_listener *s = slot(l, e);

		rc = !s ? SN_EUSE : strncmp(addrs[i], "unix:", 5) ? bind_tcp(s, addrs[i], e) :
			bind_unix(s, addrs[i] + 5, e);
		if (rc == 0)
			l->n++;
	}
	if (rc == 0 && !l->n)
		rc = sn_err(e, SN_EUSE, "no socket: give --listen or --inetd, or start it with LISTEN_FDS");
	if (rc < 0)
		sn_listen_close(l);
	return rc;
}

void sn_listen_close(struct sn_listeners *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct sn_listener *s = &l->v[i];
		struct stat st;

		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
		/* a successor may have put its own there by now */
		if (s->unlink && lstat(s->unlink, &st) == 0 && st.st_dev == s->dev &&
		    st.st_ino == s->ino)
			unlink(s->unlink);
		free(s->unlink);
		s->unlink = NULL;
	}
	l->n = 0;
}

bool sn_listen_local(const struct sn_listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].local)
			return false;
	return true;
}
