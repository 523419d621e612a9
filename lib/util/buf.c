#include "util/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

void sn_buf_init(struct sn_buf *b, size_t max)
{
	*b = (struct sn_buf)SN_BUF_INIT;
	b->max = max;
}

void sn_buf_release(struct sn_buf *b)
{
	free(b->p);
	sn_buf_init(b, b->max);
}

void sn_buf_clear(struct sn_buf *b)
{
	b->len = 0;
	b->over = b->nomem = false;
	if (b->p)
		b->p[0] = 0;
}

char *sn_buf_room(struct sn_buf *b, size_t n)
{
	size_t max = b->max ? b->max : SN_BUF_MAX;
	size_t cap;
	char *p;

	if (b->over || b->nomem)
		return NULL;
	if (n > max - b->len) {
		b->over = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		cap = b->cap ? b->cap : 64;
		while (cap < b->len + n + 1)
			cap += cap / 2 + 64;
		if (cap > max + 1)
			cap = max + 1;
		p = realloc(b->p, cap);
		if (!p) {
			b->nomem = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
		b->p[b->len] = 0;
	}
	return b->p + b->len;
}

void sn_buf_grew(struct sn_buf *b, size_t n)
{
	b->len += n;
	b->p[b->len] = 0;
}

void sn_buf_add(struct sn_buf *b, const void *p, size_t n)
{
	char *to = sn_buf_room(b, n);

	if (to) {
		if (n)
			memcpy(to, p, n);
		sn_buf_grew(b, n);
	}
}

void sn_buf_str(struct sn_buf *b, const char *s)
{
	sn_buf_add(b, s, strlen(s));
}

void sn_buf_chr(struct sn_buf *b, char c)
{
	sn_buf_add(b, &c, 1);
}

void sn_buf_fmt(struct sn_buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !(to = sn_buf_room(b, (size_t)n)))
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	sn_buf_grew(b, (size_t)n);
}

void sn_buf_hex(struct sn_buf *b, const void *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const unsigned char *s = p;

	for (size_t i = 0; i < n; i++) {
		sn_buf_chr(b, digit[s[i] >> 4]);
		sn_buf_chr(b, digit[s[i] & 15]);
	}
}

void sn_buf_json(struct sn_buf *b, const char *s, size_t n)
{
	size_t from = 0, i = 0;

	sn_buf_chr(b, '"');
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		int k = sn_utf8_len(s + i, n - i);

		if (k > 0 && c >= 0x20 && c != '"' && c != '\\') {
			i += (size_t)k;
			continue;
		}
		sn_buf_add(b, s + from, i - from);
		if (k <= 0)
			sn_buf_str(b, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			sn_buf_fmt(b, "\\%c", c);
		else if (c == '\n')
			sn_buf_str(b, "\\n");
		else if (c == '\r')
			sn_buf_str(b, "\\r");
		else if (c == '\t')
			sn_buf_str(b, "\\t");
		else
			sn_buf_fmt(b, "\\u%04x", c);
		from = ++i;
	}
	sn_buf_add(b, s + from, n - from);
	sn_buf_chr(b, '"');
}

void sn_buf_plain(struct sn_buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];
		bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;     /* U+0080 to U+009F */

		sn_buf_chr(b, c < 32 || c == 127 || c1 ? '?' : *s);
		s += c1;
	}
}

void sn_buf_utf8(struct sn_buf *b, const char *s, size_t n)
{
	while (n) {
		int k = sn_utf8_len(s, n);
		size_t used = (size_t)(k > 0 ? k : -k);

		sn_buf_add(b, k > 0 ? s : "\xef\xbf\xbd", k > 0 ? used : 3);
		s += used;
		n -= used;
	}
}

void sn_buf_double(struct sn_buf *b, double v)
{
	char text[40];

	if (!isfinite(v)) {
		sn_buf_str(b, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	sn_buf_str(b, text);
	if (!strpbrk(text, ".e"))
		sn_buf_str(b, ".0");
}

int sn_buf_ok(const struct sn_buf *b, const char *what, struct sn_err *e)
{
	if (b->nomem)
		return sn_err_mem(e);
	if (b->over)
		return sn_err(e, SN_ENO, "%s: larger than %zu bytes", what,
			b->max ? b->max : SN_BUF_MAX);
	return 0;
}

char *sn_buf_take(struct sn_buf *b)
{
	char *p;

	sn_buf_room(b, 0);
	if (b->over || b->nomem) {
		sn_buf_release(b);
		return NULL;
	}
	p = b->p;
	sn_buf_init(b, b->max);
	return p;
}
