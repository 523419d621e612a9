/*
 * A growable byte buffer with a hard maximum.  Failure is sticky: once an
 * append did not fit (or memory ran out) all later appends do nothing, so a
 * caller builds freely and asks once, with sn_buf_ok(), at the end.
 *
 * The holder owns the struct; sn_buf_release() frees what it grew.  The bytes
 * are always followed by a NUL that is not counted in len.
 */
#ifndef SN_UTIL_BUF_H
#define SN_UTIL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct sn_buf {
	char *p;        /* NULL until something is appended */
	size_t len;     /* bytes in use */
	size_t cap;     /* bytes allocated */
	size_t max;     /* len never exceeds this; 0 means SN_BUF_MAX */
	bool over;      /* an append did not fit under max */
	bool nomem;     /* an allocation failed */
};

#define SN_BUF_MAX ((size_t)1 << 30)
#define SN_BUF_INIT { NULL, 0, 0, 0, false, false }

void sn_buf_init(struct sn_buf *b, size_t max);
void sn_buf_release(struct sn_buf *b);
void sn_buf_clear(struct sn_buf *b);    /* len = 0, failures forgotten, memory kept */

/* Room for n more bytes at p + len; NULL on failure.  Call sn_buf_grew() after filling. */
char *sn_buf_room(struct sn_buf *b, size_t n);
void sn_buf_grew(struct sn_buf *b, size_t n);

void sn_buf_add(struct sn_buf *b, const void *p, size_t n);
void sn_buf_str(struct sn_buf *b, const char *s);
void sn_buf_chr(struct sn_buf *b, char c);
void sn_buf_fmt(struct sn_buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void sn_buf_hex(struct sn_buf *b, const void *p, size_t n);

/* s as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void sn_buf_json(struct sn_buf *b, const char *s, size_t n);
/* s for a person's eyes: control characters (C0, DEL, C1) become `?', so that a text from
 * a stranger moves no cursor and ends no line. */
void sn_buf_plain(struct sn_buf *b, const char *s);
/* s as UTF-8: each ill-formed part becomes U+FFFD. */
void sn_buf_utf8(struct sn_buf *b, const char *s, size_t n);
/* The shortest decimal that reads back as v; "null" when v is not finite. */
void sn_buf_double(struct sn_buf *b, double v);

/* 0, or a negative code with "WHAT: larger than N bytes" / "out of memory". */
int sn_buf_ok(const struct sn_buf *b, const char *what, struct sn_err *e);

/* The NUL-terminated text, handed to the caller to free(); NULL after a failure. */
char *sn_buf_take(struct sn_buf *b);

/* Sizes: *r = a * b, or a + b; false on overflow. */
static inline bool sn_mul(size_t a, size_t b, size_t *r)
{
	return !__builtin_mul_overflow(a, b, r);
}
static inline bool sn_add(size_t a, size_t b, size_t *r)
{
	return !__builtin_add_overflow(a, b, r);
}

#endif
