/*
 * Errors: a library function returns 0 (or a count) on success and one of the
 * negative codes below on failure, leaving one line for people in the caller's
 * struct sn_err.  A code is the negated exit status that a program which gives
 * up because of it ends with, so cmd/ needs no table of its own.
 *
 * The message has no program name, no trailing newline and no control
 * characters: `FILE: line 3: key "messages": expected an array'.
 */
#ifndef SN_UTIL_ERR_H
#define SN_UTIL_ERR_H

#include <stdarg.h>

enum {
	SN_OK = 0,
	SN_ENO = -1,     /* a valid "no": bad data, invalid, empty, limited, stale */
	SN_ETIME = -99,  /* timed out */
	SN_EUSE = -100,  /* the invocation is wrong, and always will be */
	SN_ETEMP = -111, /* temporary or system error: try again */
};

struct sn_err {
	int code;       /* 0 when nothing is set */
	char msg[600];
};

/* Set the message and return `code`.  `e` may be NULL.  Control characters in
 * the formatted text are shown as `?', over-long text is cut with "...". */
int sn_err(struct sn_err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int sn_verr(struct sn_err *e, int code, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* The same with ": strerror(errno)" appended; returns SN_ETEMP. */
int sn_err_sys(struct sn_err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Out of memory; returns SN_ETEMP. */
int sn_err_mem(struct sn_err *e);

/* Put "prefix: " before the message that is there; returns the code there. */
int sn_err_prefix(struct sn_err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
