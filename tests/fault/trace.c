/*
 * LD_PRELOAD trace of what a program does to files: SN_TRACE names the file that gets one
 * line a call, for tests that work out what a power failure could leave.  Lines, paths
 * as the program gave them, data in hex:
 *	open FD PATH new|old|trunc    write FD HEX    seek FD AT    trunc FD LEN
 *	sync FD    rename FROM TO    unlink PATH    mkdir PATH    flush
 * A line is written after its call has succeeded; `flush', which says that something was
 * about to be told on stdout, before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) \
		real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* Past the interposed calls, on a descriptor of its own. */
static void emit(const char *line, size_t n)
{
	static int out = -1;
	const char *path = getenv("SN_TRACE");

	if (out < 0 && path)
		out = (int)syscall(SYS_openat, AT_FDCWD, path,
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (out >= 0 && syscall(SYS_write, out, line, n) != (long)n)
		abort();
}

__attribute__((format(printf, 1, 2)))
static void say(const char *fmt, ...)
{
	char line[9000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	emit(line, (size_t)n);
}

int open(const char *path, int flags, ...)
{
	REAL(open);
	mode_t mode = 0;
	struct stat st;
	va_list ap;
	int fd, new;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	new = (flags & O_CREAT) && stat(path, &st) < 0;
	fd = real(path, flags, mode);
	if (fd >= 0)
		say("open %d %s %s\n", fd, path, new ? "new" : flags & O_TRUNC ? "trunc" : "old");
	return fd;
}

/* What open() without a mode is under _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int fflush(FILE *f)
{
	REAL(fflush);

	if (f == stdout)
		say("flush\n");
	return real(f);
}

int mkostemp(char *path, int flags)
{
	REAL(mkostemp);
	int fd = real(path, flags);

	if (fd >= 0)
		say("open %d %s new\n", fd, path);
	return fd;
}

ssize_t write(int fd, const void *p, size_t n)
{
	REAL(write);
	ssize_t k = real(fd, p, n);

	if (k > 0) {
		char *line = malloc((size_t)k * 2 + 40);
		int at;

		if (!line)
			abort();
		at = sprintf(line, "write %d ", fd);
		for (ssize_t i = 0; i < k; i++)
			at += sprintf(line + at, "%02x", ((const unsigned char *)p)[i]);
		line[at++] = '\n';
		emit(line, (size_t)at);
		free(line);
	}
	return k;
}

off_t lseek(int fd, off_t at, int whence)
{
	REAL(lseek);
	off_t r = real(fd, at, whence);

	if (r >= 0)
		say("seek %d %lld\n", fd, (long long)r);
	return r;
}

int ftruncate(int fd, off_t n)
{
	REAL(ftruncate);
	int r = real(fd, n);

	if (r == 0)
		say("trunc %d %lld\n", fd, (long long)n);
	return r;
}

int fsync(int fd)
{
	REAL(fsync);
	int r = real(fd);

	if (r == 0)
		say("sync %d\n", fd);
	return r;
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	int r = real(fd);

	if (r == 0)
		say("sync %d\n", fd);
	return r;
}

int rename(const char *a, const char *b)
{
	REAL(rename);
	int r = real(a, b);

	if (r == 0)
		say("rename %s %s\n", a, b);
	return r;
}

int unlink(const char *path)
{
	REAL(unlink);
	int r = real(path);

	if (r == 0)
		say("unlink %s\n", path);
	return r;
}

int mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	int r = real(path, mode);

	if (r == 0)
		say("mkdir %s\n", path);
	return r;
}
