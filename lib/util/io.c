#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t sn_read(int fd, void *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = read(fd, (char *)p + got, n - got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

ssize_t sn_pread(int fd, void *p, size_t n, off_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, (char *)p + got, n - got, at + (off_t)got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

int sn_write(int fd, const void *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		p = (const char *)p + k;
		n -= (size_t)k;
	}
	return 0;
}

int sn_open_in(const char *path, int *fd, struct sn_err *e)
{
	struct stat st;

	if (!strcmp(path, "-")) {
		*fd = 0;
		return 0;
	}
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return sn_err_sys(e, "cannot open %s", path);
	if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(*fd);
		*fd = -1;
		errno = EISDIR;
		return sn_err_sys(e, "cannot open %s", path);
	}
	return 0;
}

int sn_read_fd(int fd, const char *name, struct sn_buf *b, struct sn_err *e)
{
	for (;;) {
		size_t max = b->max ? b->max : SN_BUF_MAX;
		size_t want = max - b->len < 65536 ? max - b->len : 65536;
		char extra, *to = want ? sn_buf_room(b, want) : &extra;
		ssize_t k;

		if (!to)
			return sn_buf_ok(b, name, e);
		do
			k = read(fd, to, want ? want : 1);
		while (k < 0 && errno == EINTR);
		if (k < 0)
			return sn_err_sys(e, "cannot read %s", name);
		if (k == 0)
			break;
		if (!want) {
			b->over = true;
			return sn_buf_ok(b, name, e);
		}
		sn_buf_grew(b, (size_t)k);
	}
	sn_buf_room(b, 0);      /* an empty file is an empty string, not NULL */
	return sn_buf_ok(b, name, e);
}

int sn_read_file(const char *path, struct sn_buf *b, struct sn_err *e)
{
	int fd, rc = sn_open_in(path, &fd, e);

	if (rc < 0)
		return rc;
	rc = sn_read_fd(fd, path, b, e);
	if (fd > 0)
		close(fd);
	return rc;
}

int sn_map_open_fd(struct sn_map *m, const char *path, struct sn_err *e)
{
	static const uint8_t nothing[1];
	struct stat st;
	int fd, rc = sn_open_in(path, &fd, e);
	void *p;

	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0) {
		rc = sn_err_sys(e, "cannot stat %s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = sn_err(e, SN_ENO, "%s: not a regular file", path);
		goto out;
	}
	m->p = nothing;
	m->size = (size_t)st.st_size;
	m->fd = fd;
	if (m->size) {
		p = mmap(NULL, m->size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			rc = sn_err_sys(e, "cannot map %s", path);
		else
			m->p = p;
	}
out:
	if (rc < 0 && fd > 0)
		close(fd);
	return rc;
}

int sn_map_open(struct sn_map *m, const char *path, struct sn_err *e)
{
	int rc = sn_map_open_fd(m, path, e);

	if (rc == 0 && m->fd > 0)
		close(m->fd);
	m->fd = -1;
	return rc;
}

void sn_map_close(struct sn_map *m)
{
	if (m->size)
		munmap((void *)(uintptr_t)m->p, m->size);
	if (m->fd > 0)
		close(m->fd);
	*m = (struct sn_map){ .fd = -1 };
}

/* Begin and end of the pages that hold a range; at the end a page that it only shares
 * does not count. */
static bool pages(const struct sn_map *m, uint64_t at, uint64_t len, uint64_t *from, uint64_t *to)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	*from = at / page * page;
	*to = at + len >= m->size ? m->size : (at + len) / page * page;
	return *from < *to;
}

void sn_map_ahead(const struct sn_map *m, uint64_t at, size_t len)
{
	uint64_t from, to;

	if (m->fd < 0 || !pages(m, at, len, &from, &to))
		return;
	posix_fadvise(m->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_WILLNEED);
#ifdef MADV_POPULATE_READ
	madvise((void *)(uintptr_t)(m->p + from), to - from, MADV_POPULATE_READ);
#endif
}

void sn_map_drop(const struct sn_map *m, uint64_t at, uint64_t len, bool cache)
{
	uint64_t from, to;

	if (m->fd < 0 || !pages(m, at, len, &from, &to))
		return;
	madvise((void *)(uintptr_t)(m->p + from), to - from, MADV_DONTNEED);
	if (cache)
		posix_fadvise(m->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_DONTNEED);
}

int sn_mkdirs(const char *path, mode_t mode, struct sn_err *e)
{
	char *copy = strdup(path), *p;
	struct stat st;
	int rc = 0;

	if (!copy)
		return sn_err_mem(e);
	for (p = copy + (*copy == '/'); ; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (*copy && mkdir(copy, mode) < 0 &&
		    !(stat(copy, &st) == 0 && S_ISDIR(st.st_mode))) {
			rc = sn_err_sys(e, "cannot make directory %s", copy);
			break;
		}
		*p = c;
		if (!c)
			break;
	}
	free(copy);
	return rc;
}

int sn_sync_dir(const char *dir, struct sn_err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return sn_err_sys(e, "cannot open %s", dir);
	if (fsync(fd) < 0)
		rc = sn_err_sys(e, "cannot sync %s", dir);
	close(fd);
	return rc;
}

int sn_sync_parent(const char *path, struct sn_err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int rc;

	if (!slash)
		return sn_sync_dir(".", e);
	if (slash == path)
		return sn_sync_dir("/", e);
	dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return sn_err_mem(e);
	rc = sn_sync_dir(dir, e);
	free(dir);
	return rc;
}

int sn_outfile_open(struct sn_outfile *f, const char *path, mode_t mode, struct sn_err *e)
{
	mode_t mask = umask(0);

	umask(mask);
	*f = (struct sn_outfile){ .fd = -1 };
	f->path = strdup(path);
	if (!f->path || asprintf(&f->tmp, "%s.tmpXXXXXX", path) < 0) {
		free(f->path);
		return sn_err_mem(e);
	}
	f->fd = mkostemp(f->tmp, O_CLOEXEC);
	if (f->fd < 0 || fchmod(f->fd, mode & ~mask) < 0) {
		int rc = sn_err_sys(e, "cannot create %s", path);

		sn_outfile_abort(f);
		return rc;
	}
	return 0;
}

int sn_outfile_write(struct sn_outfile *f, const void *p, size_t n, struct sn_err *e)
{
	return sn_write(f->fd, p, n) < 0 ? sn_err_sys(e, "cannot write %s", f->path) : 0;
}

int sn_outfile_commit(struct sn_outfile *f, struct sn_err *e)
{
	int rc = 0;

	if (fsync(f->fd) < 0)
		rc = sn_err_sys(e, "cannot sync %s", f->path);
	else if (close(f->fd) < 0)
		f->fd = -1, rc = sn_err_sys(e, "cannot close %s", f->path);
	else if (f->fd = -1, rename(f->tmp, f->path) < 0)
		rc = sn_err_sys(e, "cannot rename to %s", f->path);
	else
		rc = sn_sync_parent(f->path, e);
	sn_outfile_abort(f);    /* the temporary name is gone by now when all went well */
	return rc;
}

void sn_outfile_abort(struct sn_outfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp)
		unlink(f->tmp);
	free(f->tmp);
	free(f->path);
	*f = (struct sn_outfile){ .fd = -1 };
}

void sn_lines_init(struct sn_lines *l, int fd, const char *name, size_t max)
{
	*l = (struct sn_lines){ .fd = fd, .name = name, .delim = '\n' };
	sn_buf_init(&l->buf, max + 1);  /* the delimiter has to fit as well */
}

/* More input behind what is there; the consumed front is dropped first. */
static int fill(struct sn_lines *l, struct sn_err *e)
{
	struct sn_buf *b = &l->buf;
	size_t want;
	ssize_t k;
	char *to;

	if (l->from) {
		memmove(b->p, b->p + l->from, b->len - l->from);
		b->len -= l->from;
		l->scanned -= l->from;
		l->from = 0;
	}
	want = b->max - b->len < 65536 ? b->max - b->len : 65536;
	if (!want)
		return sn_err(e, SN_ENO, "%s: line %llu: longer than %zu bytes", l->name,
			(unsigned long long)l->lineno + 1, b->max - 1);
	to = sn_buf_room(b, want);
	if (!to)
		return sn_err_mem(e);
	do
		k = read(l->fd, to, want);
	while (k < 0 && errno == EINTR);
	if (k < 0)
		return sn_err_sys(e, "cannot read %s", l->name);
	sn_buf_grew(b, (size_t)k);
	l->eof = k == 0;
	return 0;
}

int sn_lines_next(struct sn_lines *l, char **line, size_t *len, struct sn_err *e)
{
	struct sn_buf *b = &l->buf;
	size_t end, n;
	char *hit;
	int rc;

	for (;;) {
		hit = b->len > l->scanned ?
			memchr(b->p + l->scanned, l->delim, b->len - l->scanned) : NULL;
		if (hit || l->eof)
			break;
		l->scanned = b->len;
		if ((rc = fill(l, e)) < 0)
			return rc;
	}
	if (!hit && l->from == b->len)
		return 0;
	end = hit ? (size_t)(hit - b->p) : b->len;
	n = end - l->from;
	if (!hit && n + 1 > b->max)
		return sn_err(e, SN_ENO, "%s: line %llu: longer than %zu bytes", l->name,
			(unsigned long long)l->lineno + 1, b->max - 1);
	*line = b->p + l->from;
	*len = n;
	(*line)[n] = 0;
	l->partial = !hit;
	l->lineno++;
	l->offset = l->next;
	l->next += n + (hit ? 1 : 0);
	l->from = l->scanned = end + (hit ? 1 : 0);
	return 1;
}

int sn_lines_ready(struct sn_lines *l)
{
	struct sn_buf *b = &l->buf;
	struct pollfd in = { .fd = l->fd, .events = POLLIN };

	for (;;) {
		if (l->eof || (b->len > l->scanned &&
		    memchr(b->p + l->scanned, l->delim, b->len - l->scanned)))
			return 1;
		l->scanned = b->len;
		if (b->len - l->from >= b->max)
			return 1;       /* too long: sn_lines_next() says so */
		if (poll(&in, 1, 0) <= 0)
			return 0;
		if (fill(l, NULL) < 0)
			return 1;       /* as above */
	}
}

int sn_lines_skip(struct sn_lines *l, struct sn_err *e)
{
	struct sn_buf *b = &l->buf;
	int rc;

	if (b->len - l->from < b->max && !(l->eof && b->len - l->from + 1 > b->max))
		return 0;
	for (;;) {
		char *hit = memchr(b->p + l->from, l->delim, b->len - l->from);
		size_t end = hit ? (size_t)(hit - b->p) + 1 : b->len;

		l->next += end - l->from;
		l->from = l->scanned = end;
		if (hit || l->eof)
			break;
		if ((rc = fill(l, e)) < 0)
			return rc;
	}
	l->lineno++;
	return 0;
}

void sn_lines_release(struct sn_lines *l)
{
	sn_buf_release(&l->buf);
}

char *sn_path(const char *dir, const char *name)
{
	char *p;
	size_t n = strlen(dir);

	return asprintf(&p, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name) < 0 ? NULL : p;
}
