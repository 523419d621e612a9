#include "util/prog.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"
#include "util/progress.h"

static bool stdout_closed;

void sn_exit(int status)
{
	bool failed;

	sn_progress_end();
	errno = 0;
	failed = fflush(stdout) != 0 || ferror(stdout);
	if (!failed && !stdout_closed && close(1) < 0)
		failed = true;
	if (failed) {
		sn_error("cannot write standard output: %s",
			strerror(errno ? errno : stdout_closed ? EBADF : EIO));
		if (status == 0 || status == 1)
			status = 111;
	}
	_exit(status);
}

void sn_die(const struct sn_err *e)
{
	sn_progress_end();
	if (e->msg[0])
		sn_error("%s", e->msg);
	sn_exit(e->code < 0 ? -e->code : 111);
}

int sn_print(const void *p, size_t n, struct sn_err *e)
{
	static int regular = -1;
	struct stat st;

	if (regular < 0)
		regular = fstat(1, &st) == 0 && S_ISREG(st.st_mode);
	if (fwrite(p, 1, n, stdout) < n || (!regular && fflush(stdout) != 0)) {
		int saved = errno;

		clearerr(stdout);       /* said here, not once more at the end */
		errno = saved;
		return sn_err_sys(e, "cannot write standard output");
	}
	return 0;
}

/* A descriptor 0 to 2 that is closed would be reused by the next open(), and data
 * meant for people would land in a database.  stdout becomes one whose writes
 * fail, so that a program that has something to say finds out. */
static void hold_std_fds(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR) != fd)
			_exit(111);
		if (fd == 1)
			stdout_closed = true;
	}
}

/* A mapped file that somebody cuts short: its pages are gone, and with them any way on. */
static void on_bus(int sig)
{
	static const char text[] = ": a file was cut short while it was in use\n";

	if (write(2, sn_progname, strlen(sn_progname)) < 0 || write(2, text, sizeof(text) - 1) < 0)
		_exit(111);
	_exit(111);
}

int sn_main(const struct sn_prog *p, int argc, char **argv)
{
	struct sn_err e = { 0 };
	const struct sn_cmd *cmd;
	char usage[300];
	int show, rc;

	hold_std_fds();
	setlocale(LC_CTYPE, "C.UTF-8");
	sn_progname = p->name;
	signal(SIGBUS, on_bus);
	if (sodium_init() < 0) {
		sn_error("cannot start libsodium");
		sn_exit(111);
	}
	rc = sn_opt_parse(p, &argc, argv, &cmd, &show, &e);
	if (rc < 0) {
		sn_opt_usage(p, cmd, usage, sizeof(usage));
		sn_error("%s (%s; -h for help)", e.msg, usage);
		sn_exit(100);
	}
	if (show == SN_SHOW_HELP)
		sn_opt_help(p, cmd && cmd->name ? cmd : p->cmds ? NULL : cmd);
	else if (show == SN_SHOW_VERSION)
		printf("%s %s\n", p->name, SN_VERSION);
	else if (show == SN_SHOW_OPTIONS)
		sn_opt_table(p);
	if (show != SN_SHOW_NONE)
		sn_exit(0);
	e.msg[0] = 0;
	rc = cmd->run(argc, argv, &e);
	if (rc >= 0)
		sn_exit(0);
	e.code = rc;
	sn_die(&e);
}
