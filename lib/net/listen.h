/*
 * Where a server's sockets come from.  Three ways in, one list out:
 *   activation  LISTEN_FDS descriptors from 3 on (when LISTEN_PID is this process),
 *               with their names from LISTEN_FDNAMES; sd_listen_fds(3)
 *   --inetd     the connected socket on descriptor 0: one connection, then the end
 *   --listen    ADDR:PORT, [V6]:PORT, :PORT (every address), unix:PATH
 * An activated descriptor that is already connected counts as --inetd does.
 */
#ifndef SN_NET_LISTEN_H
#define SN_NET_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/err.h"

#define SN_LISTEN_MAX 32

struct sn_listener {
	int fd;                 /* non-blocking, close-on-exec; -1 once given away */
	bool connected;         /* one accepted connection, not a listening socket */
	bool local;             /* loopback or UNIX: only this machine can reach it */
	bool is_unix;
	char name[64];          /* LISTEN_FDNAMES entry, "" when none */
	char text[128];         /* "127.0.0.1:8080", "[::1]:8080", "unix:/run/x" */
	/* private: the path to remove at the end, or NULL, and what was put there */
	char *unlink;
	dev_t dev;
	ino_t ino;
};

struct sn_listeners { struct sn_listener v[SN_LISTEN_MAX]; size_t n; };

/* Collect the activated sockets, fd 0 when inetd, and bind each of addrs.  None at all is
 * SN_EUSE; an address in use is SN_ETEMP.  On failure nothing is left open or bound.
 * Takes LISTEN_* out of the environment. */
int sn_listen_open(struct sn_listeners *l, bool inetd, const char *const *addrs, size_t n,
	struct sn_err *e);
/* Close what has not been given away and remove UNIX sockets that were made here. */
void sn_listen_close(struct sn_listeners *l);

/* Can only this machine reach them all? */
bool sn_listen_local(const struct sn_listeners *l);

#endif
