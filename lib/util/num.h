/*
 * Numbers and times from outside.  Each function takes the whole text (no sign
 * unless said, no leading or trailing space), checks the range, and on failure
 * returns SN_EUSE with a message that quotes the text and says what was expected.
 */
#ifndef SN_UTIL_NUM_H
#define SN_UTIL_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/* Plain decimal integer in [min, max]. */
int sn_num_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e);
/* Bytes or counts: decimal with k M G T (powers of 1000) or Ki Mi Gi Ti (of 1024). */
int sn_num_size(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e);
/* A duration in nanoseconds: "90", "90s", "1.5h", "250ms"; units ns us ms s m h d, default s. */
int sn_num_duration(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e);
/* Finite decimal in [min, max]; never octal, hex or locale dependent. */
int sn_num_double(const char *text, double min, double max, double *out, struct sn_err *e);
/* An exact decimal fraction in [0, 1] as *num / *den, den a power of ten up to 10^18. */
int sn_num_fraction(const char *text, uint64_t *num, uint64_t *den, struct sn_err *e);
/* A rate "N/s", "N/m", "N/h", "N/d" (N may have a decimal point, N > 0): the
 * interval between two events in nanoseconds, rounded to nearest, at least 1. */
int sn_num_rate(const char *text, uint64_t *interval_ns, struct sn_err *e);
/* Hex digits, exactly n bytes of them. */
int sn_num_hex(const char *text, void *out, size_t n, struct sn_err *e);

/* "1.2 MB" style text for people, into out[16]; returns out. */
char *sn_size_text(uint64_t bytes, char out[16]);
/* "1h02m", "3.4s", "250ms": into out[16]; returns out. */
char *sn_duration_text(uint64_t ns, char out[16]);

#endif
