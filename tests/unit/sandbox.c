/* What a process in the sandbox cannot do, each tried in a child of its own, and what it can. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "util/sandbox.h"

static char dir[] = "/tmp/sn-unit-XXXXXX", model[64], other[64], lines[64], link_to[64], blob[64];
static bool fence;
enum how { FREE, CONFINED, KEEP, NO_LANDLOCK };

static int opened(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		return errno == EACCES || errno == EPERM ? 1 : 2;
	close(fd);
	return 0;
}

/* Each returns 1 when it is refused, 0 when it works, 2 when something else goes wrong. */
static int refused(long rc) { return rc >= 0 ? 0 : errno == EPERM || errno == EACCES ? 1 : 2; }
static int do_other(void) { return opened(other, O_RDONLY); }
static int do_passwd(void) { return opened("/etc/passwd", O_RDONLY); }
static int do_write(void) { return opened(model, O_WRONLY); }
static int do_create(void) { char p[80]; snprintf(p, sizeof(p), "%s/new", dir); return opened(p, O_WRONLY | O_CREAT); }
static int do_nameless(void) { return opened(dir, O_TMPFILE | O_RDWR); }
static int do_cut(void) { return opened(model, O_RDONLY | O_TRUNC); }
static int do_socket(void) { return refused(socket(AF_INET, SOCK_STREAM, 0)); }
static int do_unix(void) { int s[2]; return refused(socketpair(AF_UNIX, SOCK_STREAM, 0, s)); }
static int do_fork(void) { pid_t p = fork(); if (p == 0) _exit(0); return refused(p); }
static int do_exec(void) { execl("/bin/true", "true", (char *)NULL); return refused(-1); }
static int do_ptrace(void) { return refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)); }
static int do_kill(void) { return refused(kill(getppid(), 0)); }
static int do_chmod(void) { return refused(chmod(model, 0666)); }
static int do_limit(void) { struct rlimit r = { 1, 1 }; return refused(setrlimit(RLIMIT_CORE, &r)); }
static int do_read(void) { return opened(model, O_RDONLY); }
static int do_link(void) { return opened(link_to, O_RDONLY); }
static int do_remove(void) { return refused(unlink(lines)); }
static void *thread(void *arg) { return arg; }
static int do_thread(void)
{
	pthread_t t;
	void *got = NULL;

	return pthread_create(&t, NULL, thread, dir) || pthread_join(t, &got) || got != dir;
}
static int do_memory(void)
{
	char *p = malloc(64 << 20);

	if (!p)
		return 2;
	memset(p, 1, 64 << 20);
	free(p);
	return 0;
}

static const struct { const char *name; int (*fn)(void); int refused; bool needs_landlock; } tries[] = {
	{ "a file beside the model is not read", do_other, 1, true },
	{ "nor one elsewhere", do_passwd, 1, true },
	{ "the model is not written to", do_write, 1, false },
	{ "no file is made", do_create, 1, false },
	{ "nor one without a name", do_nameless, 1, false },
	{ "nothing is cut short", do_cut, 1, false },
	{ "no socket", do_socket, 1, false },
	{ "no pair of them", do_unix, 1, false },
	{ "no new process", do_fork, 1, false },
	{ "no other program", do_exec, 1, false },
	{ "no tracing", do_ptrace, 1, false },
	{ "no signal to others", do_kill, 1, false },
	{ "no change of a mode", do_chmod, 1, false },
	{ "no change of a limit", do_limit, 1, false },
	{ "the model is read", do_read, 0, false },
	{ "also behind a symbolic link", do_link, 0, false },
	{ "what is to be removed is removed", do_remove, 0, false },
	{ "threads start", do_thread, 0, false },
	{ "memory is had", do_memory, 0, false },
};

/* As on a kernel that has no Landlock. */
static bool without_landlock(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	bool done = f && seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS),
			SCMP_SYS(landlock_create_ruleset), 0) == 0 && seccomp_load(f) == 0;

	seccomp_release(f);
	return done;
}

static int in_child(int (*fn)(void), enum how how)
{
	pid_t pid = fork();
	int status;

	if (pid == 0 && how == FREE)
		_exit(fn());
	if (pid == 0) {
		char read[80];
		struct sn_sandbox s = { .read = read, .remove = lines };
		struct sn_err e;

		snprintf(read, sizeof(read), "%s/m", dir);
		if (how == NO_LANDLOCK && !without_landlock())
			_exit(8);
		if (how == KEEP)
			s.remove = NULL;
		if (sn_sandbox_enter(&s, &fence, &e) < 0)
			_exit(9);
		if (how == NO_LANDLOCK && fence)
			_exit(7);
		_exit(fn());
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 10;
}

/* As in a container that forbids it: refused, in words of our own. */
static void refused_seccomp(void)
{
	struct sn_sandbox none = { 0 };
	struct sn_err e;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

		if (!f || seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0) ||
				seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
				SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP)) || seccomp_load(f))
			_exit(9);
		_exit(sn_sandbox_enter(&none, &fence, &e) != SN_ETEMP ? 1 :
			!strstr(e.msg, "does not let seccomp") ? 2 : 0);
	}
	ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "a child where seccomp is refused");
	is_int(WEXITSTATUS(status), 0, "the sandbox says so");
}

static void make(char *path, size_t size, const char *name)
{
	int fd;

	snprintf(path, size, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
#ifdef SN_INSTRUMENTED
	puts("1..0 # SKIP a sanitizer's runtime does what the sandbox forbids");
	return 0;
#else
	struct sn_sandbox none = { 0 };
	struct sn_err e;
	char sub[64], cmd[80];

	if (!mkdtemp(dir))
		return 111;
	snprintf(sub, sizeof(sub), "%s/m", dir);
	mkdir(sub, 0700);
	make(model, sizeof(model), "m/weights");
	make(other, sizeof(other), "other");
	make(blob, sizeof(blob), "blob");
	make(lines, sizeof(lines), "lines");
	snprintf(link_to, sizeof(link_to), "%s/m/linked", dir);
	ok(symlink("../blob", link_to) == 0, "set up");
	/* outside all of them work: the tries are tries of something */
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++)
		is_int(in_child(tries[i].fn, FREE), 0, "outside it works");
	make(lines, sizeof(lines), "lines");
	/* a kernel without Landlock has one fence less */
	if (fork() == 0)
		_exit(sn_sandbox_enter(&none, &fence, &e) < 0 ? 2 : fence);
	{
		int status;

		wait(&status);
		ok(WIFEXITED(status) && WEXITSTATUS(status) < 2, "the sandbox is entered");
		fence = WEXITSTATUS(status) == 1;
	}
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		if (tries[i].needs_landlock && !fence)
			skip(tries[i].name, "this kernel has no Landlock");
		else
			is_int(in_child(tries[i].fn, CONFINED), tries[i].refused, tries[i].name);
	}
	make(lines, sizeof(lines), "lines");
	is_int(in_child(do_remove, KEEP), 1, "what is not to be removed is not");
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++)
		if (!tries[i].needs_landlock) {
			make(lines, sizeof(lines), "lines");
			is_int(in_child(tries[i].fn, NO_LANDLOCK), tries[i].refused, tries[i].name);
		}
	refused_seccomp();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd))
		return 111;
	return done_testing();
#endif
}
