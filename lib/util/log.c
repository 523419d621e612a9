#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "util/err.h"
#include "util/progress.h"

int sn_verbosity;
const char *sn_progname = "sn";

/* One write(2) a line, so that the lines of several processes do not mix. */
__attribute__((format(printf, 1, 0)))
static void say(const char *fmt, va_list ap)
{
	struct sn_err text;
	char line[sizeof(text.msg) + 64];
	int n;

	sn_verr(&text, 0, fmt, ap);
	n = snprintf(line, sizeof(line), "%s: %s\n", sn_progname, text.msg);
	sn_progress_hide();
	if (n > 0 && write(2, line, (size_t)n) < 0) {
		/* nowhere left to say it */
	}
}

void sn_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void sn_warn(const char *fmt, ...)
{
	va_list ap;

	if (sn_verbosity < 0)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void sn_info(const char *fmt, ...)
{
	va_list ap;

	if (sn_verbosity < 1)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}
