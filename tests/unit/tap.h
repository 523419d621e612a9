/* A few lines of TAP for the unit tests: table-driven programs that link libsn. */
#ifndef SN_TESTS_TAP_H
#define SN_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_n, tap_failed;

__attribute__((format(printf, 2, 3), unused))
static bool ok(bool cond, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", cond ? "" : "not ", ++tap_n);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);         /* a crash must not take what is known with it */
	tap_failed += !cond;
	return cond;
}

__attribute__((unused))
static bool is_str(const char *got, const char *want, const char *name)
{
	bool same = got && want ? !strcmp(got, want) : got == want;

	if (!ok(same, "%s", name))
		printf("# got:  %s\n# want: %s\n", got ? got : "(null)", want ? want : "(null)");
	return same;
}

__attribute__((unused))
static bool is_int(int64_t got, int64_t want, const char *name)
{
	if (!ok(got == want, "%s", name))
		printf("# got:  %" PRId64 "\n# want: %" PRId64 "\n", got, want);
	return got == want;
}

__attribute__((format(printf, 2, 3), unused))
static void skip(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("ok %d - %s # SKIP ", ++tap_n, name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

__attribute__((unused))
static int done_testing(void)
{
	printf("1..%d\n", tap_n);
	return tap_failed != 0;
}

#endif
