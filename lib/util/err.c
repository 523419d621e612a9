#include "util/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void tidy(struct sn_err *e, int n)
{
	if (n >= (int)sizeof(e->msg))
		memcpy(e->msg + sizeof(e->msg) - 4, "...", 4);
	for (char *p = e->msg; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int sn_verr(struct sn_err *e, int code, const char *fmt, va_list ap)
{
	if (e) {
		e->code = code;
		tidy(e, vsnprintf(e->msg, sizeof(e->msg), fmt, ap));
	}
	return code;
}

int sn_err(struct sn_err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sn_verr(e, code, fmt, ap);
	va_end(ap);
	return code;
}

int sn_err_sys(struct sn_err *e, const char *fmt, ...)
{
	int saved = errno;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sn_err(e, SN_ETEMP, "%s: %s", text, strerror(saved));
	errno = saved;
	return SN_ETEMP;
}

int sn_err_mem(struct sn_err *e)
{
	return sn_err(e, SN_ETEMP, "out of memory");
}

int sn_err_prefix(struct sn_err *e, const char *fmt, ...)
{
	char text[300], old[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return SN_ETEMP;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(old, e->msg, sizeof(old));
	return sn_err(e, e->code, "%s: %s", text, old);
}
