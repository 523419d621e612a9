/*
 * The splitting patterns that most models use, by hand: the same cuts as the
 * regex's (tests compare the two), several times faster.  Each pattern matches at
 * any place, so a text is cut without remainder.
 */
#include <string.h>

#include "model/tok.h"

enum { L = SN_CLS_L, N = SN_CLS_N, S = SN_CLS_S };

static inline unsigned class_at(const uint8_t *cls, const char *p, unsigned *k)
{
	return cls[sn_cp(p, k)];
}

static const char *run_of(const uint8_t *cls, const char *p, const char *end, unsigned kind)
{
	unsigned k;

	while (p < end && class_at(cls, p, &k) == kind)
		p += k;
	return p;
}

/* \s+(?!\S)|\s+ at p, which is white space: all of it at the end of the text,
 * otherwise without its last character unless it is the only one. */
static const char *space(const uint8_t *cls, const char *p, const char *end)
{
	const char *q = p, *last = p;
	unsigned k;

	while (q < end && class_at(cls, q, &k) == S) {
		last = q;
		q += k;
	}
	return q < end && last > p ? last : q;
}

/* 's 't 're 've 'm 'll 'd behind an apostrophe at p; 0 when there is none. */
static size_t contraction(const char *p, const char *end, bool fold)
{
	size_t n = (size_t)(end - p);
	char a = n > 1 ? p[1] : 0, b = n > 2 ? p[2] : 0;

	if (fold && n > 2 && !memcmp(p + 1, "\xc5\xbf", 2))
		return 3;       /* the long s is an s without regard to case */
	if (fold) {
		a = a >= 'A' && a <= 'Z' ? (char)(a | 32) : a;
		b = b >= 'A' && b <= 'Z' ? (char)(b | 32) : b;
	}
	if (a == 's' || a == 't' || a == 'm' || a == 'd')
		return 2;
	if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
		return 3;
	return 0;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t sn_scan_gpt2(const uint8_t *cls, const char *p, const char *end)
{
	const char *q = p;
	unsigned k, kind;

	if (*p == '\'') {
		size_t n = contraction(p, end, false);

		if (n)
			return n;
	}
	if (*p == ' ' && end - p > 1)
		q++;
	kind = class_at(cls, q, &k);
	if (kind == S)
		return (size_t)(space(cls, p, end) - p);
	return (size_t)(run_of(cls, q + k, end, kind) - p);
}

/*
 * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
 *  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 */
static inline size_t llama3(const uint8_t *cls, const char *p, const char *end, unsigned digits)
{
	unsigned k, kind = class_at(cls, p, &k), k2 = 0, next;
	const char *q, *line;

	if (*p == '\'') {
		size_t n = contraction(p, end, true);

		if (n)
			return n;
	}
	if (kind == L)
		return (size_t)(run_of(cls, p + k, end, L) - p);
	if (kind == N) {
		q = p + k;
		while (--digits && q < end && class_at(cls, q, &k2) == N)
			q += k2;
		return (size_t)(q - p);
	}
	next = p + k < end ? class_at(cls, p + k, &k2) : S;
	if (next == L && *p != '\r' && *p != '\n')
		return (size_t)(run_of(cls, p + k + k2, end, L) - p);
	if (kind == 0 || (*p == ' ' && next == 0)) {
		q = run_of(cls, p + k, end, 0);
		while (q < end && (*q == '\r' || *q == '\n'))
			q++;
		return (size_t)(q - p);
	}
	/* white space: up to its last line end, if it has one */
	line = NULL;
	for (q = p; q < end && class_at(cls, q, &k2) == S; q += k2)
		if (*q == '\r' || *q == '\n')
			line = q + 1;
	return (size_t)((line ? line : space(cls, p, end)) - p);
}

static size_t scan_llama3(const uint8_t *cls, const char *p, const char *end)
{
	return llama3(cls, p, end, 3);
}

static size_t scan_qwen2(const uint8_t *cls, const char *p, const char *end)
{
	return llama3(cls, p, end, 1);
}

#define HEAD "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct { const char *pattern; sn_scan_fn scan; } table[] = {
	{ "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
	  sn_scan_gpt2 },
	{ HEAD "\\p{N}{1,3}" TAIL, scan_llama3 },
	{ HEAD "\\p{N}" TAIL, scan_qwen2 },
};

sn_scan_fn sn_scan_find(const char *pattern, size_t n)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].pattern) == n && !memcmp(table[i].pattern, pattern, n))
			return table[i].scan;
	return NULL;
}
