#include "score/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/io.h"
#include "util/json.h"

/* FILE.run is one JSON object on a line; this is how it begins. */
#define MAGIC "{\"sn-samples\":\"1\","

enum { RUN_MAX = 65536, LINE_MAX_BYTES = 1 << 28 };

struct sn_samples {
	char *path, *run_path;
	int fd, run_fd;
	bool regular;           /* a file of its own, that can be cut, synced and gone on with */
	bool restart, begun;
	bool made, run_made;    /* were not there before */
	off_t good;             /* end of the last whole line */
	struct sn_lines lines;
};

static int open_run(struct sn_samples *s, struct sn_err *e)
{
	if (asprintf(&s->run_path, "%s.run", s->path) < 0) {
		s->run_path = NULL;
		return sn_err_mem(e);
	}
	s->run_fd = open(s->run_path, O_RDWR | O_CLOEXEC);
	if (s->run_fd < 0 && errno == ENOENT) {
		s->run_fd = open(s->run_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		s->run_made = s->run_fd >= 0;
	}
	return s->run_fd < 0 ? sn_err_sys(e, "cannot open %s", s->run_path) : 0;
}

static int open_lines(struct sn_samples *s, struct sn_err *e)
{
	struct stat st;
	int flags = O_RDWR;

	if (!strcmp(s->path, "-")) {
		s->fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
		return s->fd < 0 ? sn_err_sys(e, "cannot open %s", s->path) : 0;
	}
	if (stat(s->path, &st) < 0)
		s->made = errno == ENOENT;
	else if (!S_ISREG(st.st_mode))
		flags = O_WRONLY;       /* a pipe waits for its reader */
	s->fd = open(s->path, flags | O_CREAT | O_CLOEXEC, 0666);
	if (s->fd < 0)
		return sn_err_sys(e, "cannot open %s", s->path);
	s->regular = fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!s->regular)
		return 0;
	if (flock(s->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		s->made = false;
		return sn_err(e, SN_ETEMP, "%s: another run is writing it", s->path);
	}
	return open_run(s, e);
}

int sn_samples_open(struct sn_samples **out, const char *path, bool restart, struct sn_err *e)
{
	struct sn_samples *s = calloc(1, sizeof(*s));
	int rc;

	if (!s || !(s->path = strdup(path))) {
		free(s);
		return sn_err_mem(e);
	}
	s->fd = s->run_fd = -1;
	s->restart = restart;
	if ((rc = open_lines(s, e)) < 0) {
		sn_samples_close(s, NULL);
		return rc;
	}
	sn_lines_init(&s->lines, s->fd, s->path, LINE_MAX_BYTES);
	*out = s;
	return 0;
}

/* What FILE.run says: NULL in *was when a power failure tore it, or nothing is in it. */
static int read_run(struct sn_samples *s, json_t **was, struct sn_err *e)
{
	struct sn_buf b;
	size_t n;
	int rc;

	*was = NULL;
	sn_buf_init(&b, RUN_MAX);
	if ((rc = sn_read_fd(s->run_fd, s->run_path, &b, e)) < 0)
		goto out;
	for (n = 0; n < b.len && !b.p[n]; n++)
		;
	if (n == b.len)
		goto out;
	n = b.len < strlen(MAGIC) ? b.len : strlen(MAGIC);
	if (memcmp(b.p, MAGIC, n))
		rc = sn_err(e, SN_ENO, "%s: is in the way, and not of sn-score", s->run_path);
	else if (b.p[b.len - 1] == '\n' && !memchr(b.p, 0, b.len))
		rc = sn_json_parse(b.p, b.len, s->run_path, was, e);
out:
	sn_buf_release(&b);
	return rc;
}

static int same_run(const struct sn_samples *s, const json_t *was, const json_t *run,
	struct sn_err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)run, key, v) {
		const char *text = json_string_value(json_object_get(was, key));

		if (!text || strcmp(text, json_string_value(v)))
			return sn_err(e, SN_EUSE, "%s: holds a run that was cut short, with another %s: "
				"\"%.64s\", not \"%.64s\" (--restart begins anew)", s->path, key,
				text ? text : "", json_string_value(v));
	}
	return 0;
}

static int write_run(struct sn_samples *s, const json_t *run, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT, members = SN_BUF_INIT;
	int rc;

	sn_buf_value(&members, run);
	sn_buf_str(&b, MAGIC);
	if (members.len)
		sn_buf_add(&b, members.p + 1, members.len - 1);
	sn_buf_chr(&b, '\n');
	if ((rc = sn_buf_ok(&members, s->run_path, e)) == 0)
		rc = sn_buf_ok(&b, s->run_path, e);
	if (rc == 0 && (lseek(s->run_fd, 0, SEEK_SET) < 0 || sn_write(s->run_fd, b.p, b.len) < 0))
		rc = sn_err_sys(e, "cannot write %s", s->run_path);
	if (rc == 0 && fsync(s->run_fd) < 0)
		rc = sn_err_sys(e, "cannot sync %s", s->run_path);
	if (rc == 0)
		rc = sn_sync_parent(s->run_path, e);
	sn_buf_release(&b);
	sn_buf_release(&members);
	return rc;
}

static int begin_anew(struct sn_samples *s, const json_t *run, struct sn_err *e)
{
	if (ftruncate(s->run_fd, 0) < 0 || fsync(s->run_fd) < 0)
		return sn_err_sys(e, "cannot empty %s", s->run_path);
	if (ftruncate(s->fd, 0) < 0 || fsync(s->fd) < 0)
		return sn_err_sys(e, "cannot empty %s", s->path);
	return write_run(s, run, e);
}

int sn_samples_begin(struct sn_samples *s, const json_t *run, struct sn_err *e)
{
	json_t *was = NULL;
	int rc = 0;

	if (!s->regular)
		return 0;
	if (!s->restart && (rc = read_run(s, &was, e)) < 0)
		return rc;
	if (was)
		rc = same_run(s, was, run, e);
	if (rc == 0) {
		s->begun = true;
		if (!was)
			rc = begin_anew(s, run, e);
	}
	json_decref(was);
	return rc;
}

int sn_samples_next(struct sn_samples *s, char **line, size_t *len, struct sn_err *e)
{
	int rc;

	if (!s->regular)
		return 0;
	rc = sn_lines_next(&s->lines, line, len, e);
	/* blocks that had not reached the disk when the power failed read as zeros */
	return rc > 0 && (s->lines.partial || memchr(*line, 0, *len)) ? 0 : rc;
}

void sn_samples_keep(struct sn_samples *s)
{
	s->good = (off_t)s->lines.next;
}

const char *sn_samples_path(const struct sn_samples *s)
{
	return s->path;
}

uint64_t sn_samples_lineno(const struct sn_samples *s)
{
	return s->lines.lineno;
}

int sn_samples_go_on(struct sn_samples *s, struct sn_err *e)
{
	struct stat st;

	if (!s->regular)
		return 0;
	if (fstat(s->fd, &st) < 0 || (st.st_size > s->good && ftruncate(s->fd, s->good) < 0) ||
	    lseek(s->fd, s->good, SEEK_SET) < 0)
		return sn_err_sys(e, "cannot cut off what is behind the last whole line of %s", s->path);
	return 0;
}

int sn_samples_line(struct sn_samples *s, const char *line, size_t len, struct sn_err *e)
{
	if (sn_write(s->fd, line, len) < 0) {
		sn_err_sys(e, "cannot write %s", s->path);
		if (s->regular && ftruncate(s->fd, s->good) < 0)
			return sn_err(e, SN_ETEMP, "cannot write %s, nor cut off the half line at its end",
				s->path);
		return SN_ETEMP;
	}
	s->good += (off_t)len;
	return 0;
}

int sn_samples_sync(struct sn_samples *s, struct sn_err *e)
{
	if (s->regular && fsync(s->fd) < 0)
		return sn_err_sys(e, "cannot sync %s", s->path);
	return 0;
}

bool sn_samples_stay(const struct sn_samples *s)
{
	return s->regular;
}

int sn_samples_done(struct sn_samples *s, struct sn_err *e)
{
	if (!s->regular)
		return 0;
	if (unlink(s->run_path) < 0)
		return sn_err_sys(e, "cannot remove %s", s->run_path);
	return sn_sync_parent(s->run_path, e);
}

int sn_samples_close(struct sn_samples *s, struct sn_err *e)
{
	int rc = 0;

	if (!s)
		return 0;
	if (!s->begun) {        /* a run that was refused leaves nothing of its own */
		if (s->run_made)
			unlink(s->run_path);
		if (s->made && s->regular)
			unlink(s->path);
	}
	if (s->run_fd >= 0)
		close(s->run_fd);
	if (s->fd >= 0 && close(s->fd) < 0)
		rc = sn_err_sys(e, "cannot close %s", s->path);
	sn_lines_release(&s->lines);
	free(s->run_path);
	free(s->path);
	free(s);
	return rc;
}
