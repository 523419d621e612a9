/*
 * What token ids need to know about characters, from tables of our own: the C
 * libraries of two machines may differ in their Unicode version, and a score
 * must not.  The tables hold what the tokenizers library has (Unicode 16
 * categories; normal forms as of Unicode 9); scripts/gen-unicode makes them.
 */
#ifndef SN_MODEL_UNICODE_H
#define SN_MODEL_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

enum sn_gc {
	SN_CN, SN_CC, SN_CF, SN_CO, SN_LU, SN_LL, SN_LT, SN_LM, SN_LO, SN_MN, SN_MC, SN_ME, SN_ND,
	SN_NL, SN_NO, SN_PC, SN_PD, SN_PS, SN_PE, SN_PI, SN_PF, SN_PO, SN_SM, SN_SC, SN_SK, SN_SO,
	SN_ZS, SN_ZL, SN_ZP, SN_GCS
};

struct sn_range { uint32_t lo, hi; };

extern const uint32_t sn_gc_runs[];
extern const size_t sn_gc_runs_n;
extern const struct sn_range sn_word_extra[], sn_nfc_active[];
extern const size_t sn_word_extra_n, sn_nfc_active_n;

/* The set of categories `name' stands for ("L", "Nd"), a bit each; 0 when unknown. */
uint32_t sn_gc_set(const char *name, size_t n);
enum sn_gc sn_gc(uint32_t cp);
bool sn_is_space(uint32_t cp);          /* White_Space */
bool sn_is_word(uint32_t cp);           /* \w of UTS 18 */

/* One byte per code point, for scanners that ask often. */
enum { SN_CLS_L = 1, SN_CLS_N = 2, SN_CLS_S = 4 };
enum { SN_CODE_POINTS = 0x110000 };
void sn_cls_fill(uint8_t cls[SN_CODE_POINTS]);

/* Append the ranges of a set as the inside of a PCRE2 bracket; of its complement when
 * `neg'.  Surrogates, which no text holds, are in neither. */
void sn_gc_ranges(struct sn_buf *b, uint32_t set, bool neg);
void sn_space_ranges(struct sn_buf *b, bool neg);

/* Append the NFC of text (well-formed UTF-8).  Linear in n, whatever the text. */
struct sn_nfc { int32_t *cp; uint8_t *ccc; size_t cap; };
int sn_nfc(struct sn_nfc *w, const char *text, size_t n, struct sn_buf *out, struct sn_err *e);
void sn_nfc_release(struct sn_nfc *w);

/* The code point at p, which is well-formed UTF-8; *k is its length. */
static inline uint32_t sn_cp(const char *s, unsigned *k)
{
	const unsigned char *p = (const unsigned char *)s;

	if (p[0] < 0x80) {
		*k = 1;
		return p[0];
	}
	if (p[0] < 0xe0) {
		*k = 2;
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	}
	if (p[0] < 0xf0) {
		*k = 3;
		return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	}
	*k = 4;
	return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

#endif
