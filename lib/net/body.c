#include "net/body.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/io.h"

#define FLUSH ((size_t)256 << 10)       /* bytes gathered before a write to the file */

static struct sn_body *body_new(char *p, int fd, uint64_t size)
{
	struct sn_body *b = malloc(sizeof(*b));

	if (!b) {
		free(p);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*b = (struct sn_body){ .refs = 1, .fd = fd, .p = p, .size = size };
	return b;
}

struct sn_body *sn_body_take(struct sn_buf *b)
{
	size_t n = b->len;
	char *p, *tight;

	p = sn_buf_take(b);
	if (!p)
		return NULL;
	tight = realloc(p, n + 1);      /* a body lives long: give back what it does not use */
	return body_new(tight ? tight : p, -1, n);
}

struct sn_body *sn_body_ref(struct sn_body *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void sn_body_unref(struct sn_body *b)
{
	if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (b->fd >= 0)
		close(b->fd);
	free(b->p);
	free(b);
}

void sn_sink_init(struct sn_sink *s, const char *dir, uint64_t max)
{
	memset(s, 0, sizeof(*s));
	s->dir = dir;
	s->max = max;
	s->fd = -1;
}

void sn_sink_release(struct sn_sink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	sn_buf_release(&s->buf);
}

/* Give up the file: what it holds comes back into memory. */
static int unspill(struct sn_sink *s, struct sn_err *e)
{
	struct sn_buf all = SN_BUF_INIT;
	char *p;

	s->no_file = true;
	if (s->flushed + s->buf.len > SN_BODY_SPILL)
		return sn_err(e, SN_ETEMP, "%s", s->file_err.msg);
	p = sn_buf_room(&all, (size_t)s->flushed + s->buf.len);
	if (!p)
		return sn_err_mem(e);
	if (s->flushed && sn_pread(s->fd, p, (size_t)s->flushed, 0) != (ssize_t)s->flushed) {
		sn_buf_release(&all);
		return sn_err_sys(e, "%s: cannot read back", s->dir);
	}
	sn_buf_grew(&all, (size_t)s->flushed);
	sn_buf_add(&all, s->buf.p, s->buf.len);
	sn_sink_release(s);
	s->buf = all;
	s->flushed = 0;
	return 0;
}

static int flush(struct sn_sink *s, struct sn_err *e)
{
	if (!s->dir || s->no_file) {
		if (s->buf.len <= SN_BODY_SPILL)
			return 0;
		return sn_err(e, SN_ETEMP, "larger than %zu bytes and no file to hold it", SN_BODY_SPILL);
	}
	if (s->fd < 0)
		s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0) {
		sn_err_sys(&s->file_err, "%s: cannot make a file", s->dir);
		return unspill(s, e);
	}
	if (sn_write(s->fd, s->buf.p, s->buf.len) < 0) {
		sn_err_sys(&s->file_err, "%s: cannot write a file", s->dir);
		return unspill(s, e);
	}
	s->flushed += s->buf.len;
	sn_buf_clear(&s->buf);
	return 0;
}

int sn_sink_put(void *arg, const void *p, size_t n, struct sn_err *e)
{
	struct sn_sink *s = arg;

	if (n > s->max || s->flushed + s->buf.len > s->max - n)
		return sn_err(e, SN_EUSE, "answer: larger than %llu bytes", (unsigned long long)s->max);
	sn_buf_add(&s->buf, p, n);
	if (sn_buf_ok(&s->buf, "answer", e) < 0)
		return SN_ETEMP;
	return s->buf.len >= FLUSH ? flush(s, e) : 0;
}

int sn_sink_end(struct sn_sink *s, struct sn_body **out, struct sn_err *e)
{
	int rc = s->buf.len && s->flushed + s->buf.len > SN_BODY_MEM ? flush(s, e) : 0;

	if (rc < 0)
		return rc;
	if (s->fd >= 0) {
		*out = body_new(NULL, s->fd, s->flushed);
		s->fd = -1;
	} else {
		*out = sn_body_take(&s->buf);
	}
	sn_sink_release(s);
	if (!*out)
		return sn_err_mem(e);
	(*out)->count = s->count;
	return 0;
}
