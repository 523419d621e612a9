#include "net/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "util/num.h"

static struct sockaddr_un to;
static socklen_t to_len;
static uint64_t watchdog_ns;

void sn_notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t v;

	if (path && (*path == '/' || *path == '@') && path[1] && strlen(path) < sizeof(to.sun_path)) {
		size_t n = strlen(path);

		to.sun_family = AF_UNIX;
		memcpy(to.sun_path, path, n);
		if (*path == '@')
			to.sun_path[0] = 0;     /* the abstract name space: no NUL at the end */
		to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path == '/'));
	}
	if (to_len && usec && sn_num_u64(usec, 1, UINT64_MAX / 1000, &v, NULL) == 0)
		watchdog_ns = v * 1000 / 2;
	if (pid && (sn_num_u64(pid, 1, INT32_MAX, &v, NULL) < 0 || (pid_t)v != getpid()))
		watchdog_ns = 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void sn_notify(const char *text)
{
	int fd;

	if (!to_len)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, to_len);
	close(fd);
}

void sn_notify_reloading(void)
{
	struct timespec ts;
	char text[80];

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
	sn_notify(text);
}

uint64_t sn_notify_watchdog(void)
{
	return watchdog_ns;
}
