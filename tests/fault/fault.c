/*
 * LD_PRELOAD fault injection.  SN_FAULT is a comma list of CALL:N:WHAT: the Nth call
 * (from 1; "N+" for that one and all after it) of CALL does WHAT instead: an errno
 * name (EIO ENOSPC ENOMEM EINTR), KILL (SIGKILL before the call), KILLED (SIGKILL
 * after it), or SHORT (half of a write).  CALL is one of
 *   write pwrite fsync rename open read pread ftruncate malloc fallocate
 * where fsync counts fdatasync too and write counts writev.
 * SN_FAULT_FD=2+ limits the I/O calls to descriptors above 2 (always so for write).
 * SN_FAULT_COUNT=FILE appends "CALL N" totals at exit, to find how many there are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { WRITE, PWRITE, FSYNC, RENAME, OPEN, READ, PREAD, FTRUNCATE, MALLOC, FALLOCATE,
	CALLS };
static const char *const names[CALLS] = { "write", "pwrite", "fsync", "rename", "open", "read",
	"pread", "ftruncate", "malloc", "fallocate" };
enum { GO = 0, KILL = -1, KILLED = -2, SHORT = -3 };
#define RULES 16

static struct { enum call call; long n; bool on; int what; } rule[RULES];
static int rules = -1;
static long count[CALLS];
static int report_fd = -1;

/* As a sandbox lets a process do to itself. */
static void die(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
}

/* Before a sandbox forbids it, and not among the descriptors that programs count on. */
__attribute__((constructor)) static void open_report(void)
{
	const char *path = getenv("SN_FAULT_COUNT");
	long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;

	if (fd >= 0) {
		report_fd = fcntl((int)fd, F_DUPFD_CLOEXEC, 200);
		syscall(SYS_close, fd);
	}
}

static void parse(void)
{
	static const struct { const char *name; int what; } whats[] = {
		{ "EIO", EIO }, { "ENOSPC", ENOSPC }, { "ENOMEM", ENOMEM }, { "EINTR", EINTR },
		{ "KILL", KILL }, { "KILLED", KILLED }, { "SHORT", SHORT } };
	const char *p;
	int n = 0;

	if (!environ)
		return;         /* a sanitizer's runtime allocates before there is one */
	p = getenv("SN_FAULT");
	rules = 0;
	while (p && *p && n < RULES) {
		char call[16] = "", what[16] = "", plus = 0;
		long at = 0;

		if (sscanf(p, "%15[a-z]:%ld+:%15[A-Z]", call, &at, what) == 3)
			plus = 1;
		else if (sscanf(p, "%15[a-z]:%ld:%15[A-Z]", call, &at, what) != 3)
			break;
		for (int c = 0; c < CALLS; c++)
			if (!strcmp(call, names[c]))
				rule[n].call = (enum call)c;
		for (size_t w = 0; w < sizeof(whats) / sizeof(*whats); w++)
			if (!strcmp(what, whats[w].name))
				rule[n].what = whats[w].what;
		rule[n].n = at;
		rule[n++].on = plus;
		p += strcspn(p, ",");
		p += *p == ',';
	}
	rules = n;
}

static int check(enum call c)
{
	long n = __atomic_add_fetch(&count[c], 1, __ATOMIC_RELAXED);

	if (rules < 0 && environ)       /* a sanitizer allocates before there is one */
		parse();
	for (int i = 0; i < rules; i++)
		if (rule[i].call == c && (rule[i].on ? n >= rule[i].n : n == rule[i].n)) {
			if (rule[i].what == KILL)
				die();
			return rule[i].what;
		}
	return GO;
}

static void after(int what)
{
	if (what == KILLED)
		die();
}

__attribute__((destructor)) static void report(void)
{
	for (int c = 0; report_fd >= 0 && c < CALLS; c++)
		dprintf(report_fd, "%s %ld\n", names[c], count[c]);
}

/* Programs end by _exit(), which runs no destructors. */
void _exit(int status)
{
	static void (*real)(int) __attribute__((noreturn));

	real = (__typeof__(real))dlsym(RTLD_NEXT, "_exit");
	report();
	real(status);
}

#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) \
		real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define FAIL(what) do { if ((what) > 0) { errno = (what); return -1; } } while (0)

ssize_t write(int fd, const void *p, size_t n)
{
	REAL(write);
	int w = fd > 2 ? check(WRITE) : GO;
	FAIL(w);
	ssize_t r = real(fd, p, w == SHORT && n > 1 ? n / 2 : n);
	after(w);
	return r;
}

ssize_t writev(int fd, const struct iovec *v, int k)
{
	REAL(writev);
	int w = fd > 2 ? check(WRITE) : GO;
	FAIL(w);
	ssize_t r = real(fd, v, k);
	after(w);
	return r;
}

static ssize_t do_pwrite(ssize_t (*real)(int, const void *, size_t, off64_t), int fd, const void *p,
	size_t n, off64_t at)
{
	int w = check(PWRITE);
	FAIL(w);
	ssize_t r = real(fd, p, w == SHORT && n > 1 ? n / 2 : n, at);
	after(w);
	return r;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	REAL(pwrite);
	return do_pwrite((ssize_t (*)(int, const void *, size_t, off64_t))real, fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	REAL(pwrite64);
	return do_pwrite((ssize_t (*)(int, const void *, size_t, off64_t))real, fd, p, n, at);
}

ssize_t read(int fd, void *p, size_t n)
{
	REAL(read);
	int w = fd > 2 ? check(READ) : GO;
	FAIL(w);
	return real(fd, p, w == SHORT && n > 1 ? n / 2 : n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	REAL(pread);
	FAIL(check(PREAD));
	return real(fd, p, n, at);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t at)
{
	REAL(pread64);
	FAIL(check(PREAD));
	return real(fd, p, n, at);
}

int fsync(int fd)
{
	REAL(fsync);
	int w = check(FSYNC);
	FAIL(w);
	int r = real(fd);
	after(w);
	return r;
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	int w = check(FSYNC);
	FAIL(w);
	int r = real(fd);
	after(w);
	return r;
}

int rename(const char *a, const char *b)
{
	REAL(rename);
	int w = check(RENAME);
	FAIL(w);
	int r = real(a, b);
	after(w);
	return r;
}

int ftruncate(int fd, off_t n)
{
	REAL(ftruncate);
	int w = check(FTRUNCATE);
	FAIL(w);
	int r = real(fd, n);
	after(w);
	return r;
}

int posix_fallocate(int fd, off_t at, off_t n)
{
	REAL(posix_fallocate);
	int w = check(FALLOCATE);
	if (w > 0)
		return w;
	int r = real(fd, at, n);
	after(w);
	return r;
}

int ftruncate64(int fd, off64_t n)
{
	REAL(ftruncate64);
	int w = check(FTRUNCATE);
	FAIL(w);
	int r = real(fd, n);
	after(w);
	return r;
}

#define OPEN_AS(name) \
	int name(const char *path, int flags, ...) \
	{ \
		REAL(name); \
		mode_t mode = 0; \
		va_list ap; \
	\
		va_start(ap, flags); \
		if (flags & (O_CREAT | __O_TMPFILE)) \
			mode = va_arg(ap, mode_t); \
		va_end(ap); \
		int w = check(OPEN); \
		FAIL(w); \
		int r = real(path, flags, mode); \
		after(w); \
		return r; \
	}
OPEN_AS(open)
OPEN_AS(open64)

/* dlsym itself may allocate: until `real' is known, a small arena serves. */
void *malloc(size_t n)
{
	static void *(*real)(size_t);
	static bool looking;
	static char arena[65536] __attribute__((aligned(16)));
	static size_t used;

	if (!real) {
		if (looking) {
			void *p = arena + used;

			used += (n + 15) & ~(size_t)15;
			return used <= sizeof(arena) ? p : NULL;
		}
		looking = true;
		real = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	}
	if (check(MALLOC) > 0) {
		errno = ENOMEM;
		return NULL;
	}
	return real(n);
}
