/* UTF-8 as RFC 3629 defines it: no surrogates, no over-long forms, up to U+10FFFF. */
#ifndef SN_UTIL_UTF8_H
#define SN_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length (1..4) of the well-formed character at p (n bytes left), 0 when n is 0,
 * -k when the first k bytes (1..3) are not one (k: the longest ill-formed prefix,
 * what Unicode's "maximal subpart" replaces with one U+FFFD). */
int sn_utf8_len(const char *p, size_t n);

/* The same, and the code point in *cp. */
int sn_utf8_get(const char *p, size_t n, uint32_t *cp);

/* Write cp (a Unicode scalar value) to out[4]; returns the length, 0 when cp is none. */
int sn_utf8_put(uint32_t cp, char *out);

bool sn_utf8_valid(const char *p, size_t n);

#endif
