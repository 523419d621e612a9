/* Clocks and calendar: Unix seconds and nanoseconds, UTC only, proleptic Gregorian. */
#ifndef SN_UTIL_CLOCK_H
#define SN_UTIL_CLOCK_H

#include <stdint.h>

#include "util/err.h"

int64_t sn_clock_real(void);    /* nanoseconds since 1970; SN_NOW (Unix seconds) overrides, for tests */
int64_t sn_clock_mono(void);    /* nanoseconds, never goes back */

/* YYYYMMDD or YYYY-MM-DD: the first second of that UTC day. */
int sn_date_day(const char *text, int64_t *sec, struct sn_err *e);
/* RFC 3339 (any offset, fraction dropped towards the past). */
int sn_date_rfc3339(const char *text, int64_t *sec, struct sn_err *e);
/* Any of: YYYYMMDD, YYYY-MM-DD, RFC 3339, Unix seconds (more or fewer than 8
 * digits, or "@N").  *is_day says that only a day was given. */
int sn_date_any(const char *text, int64_t *sec, int *is_day, struct sn_err *e);
/* "2025-01-18T22:00:00Z" into out[24]; returns out. */
char *sn_date_text(int64_t sec, char out[24]);

#endif
