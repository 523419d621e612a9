/*
 * NFC, with utf8proc's data but held to one Unicode version.  Only characters of
 * the table sn_nfc_active can be changed, moved or joined; a run of them and the
 * one character before it are normalised together, everything else is copied.
 * A character that a newer utf8proc knows more about is not in the table, so it
 * is copied as well.  Marks are put in order by a stable count over their classes:
 * utf8proc's own ordering takes quadratic time on a long run of marks.
 */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "model/unicode.h"
#include "util/utf8.h"

static bool active(uint32_t cp)
{
	size_t lo = 0, hi = sn_nfc_active_n;

	if (cp < 0x300)
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cp > sn_nfc_active[mid].hi)
			lo = mid + 1;
		else if (cp < sn_nfc_active[mid].lo)
			hi = mid;
		else
			return true;
	}
	return false;
}

/* Newer than the table, and joined by Unicode 16 to a mark that is in it. */
static bool stands_alone(uint32_t cp)
{
	return cp == 0x105d2 || cp == 0x105da;
}

static int reserve(struct sn_nfc *w, size_t n, struct sn_err *e)
{
	size_t cap = w->cap ? w->cap : 64;
	int32_t *cp;
	uint8_t *ccc;

	if (n <= w->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	/* twice: behind the characters there is room to order them */
	cp = realloc(w->cp, 2 * cap * sizeof(*cp));
	if (cp)
		w->cp = cp;
	ccc = realloc(w->ccc, cap);
	if (ccc)
		w->ccc = ccc;
	if (!cp || !ccc)
		return sn_err_mem(e);
	w->cap = cap;
	return 0;
}

/* Marks [a, b) by class, those of one class in the order they had. */
static void order(struct sn_nfc *w, size_t a, size_t b)
{
	size_t at[256] = { 0 }, sum = 0;
	int32_t *tmp = w->cp + w->cap;

	if (b - a < 2)
		return;
	for (size_t i = a; i < b; i++)
		at[w->ccc[i]]++;
	for (int c = 0; c < 256; c++) {
		size_t k = at[c];

		at[c] = sum;
		sum += k;
	}
	for (size_t i = a; i < b; i++)
		tmp[at[w->ccc[i]]++] = w->cp[i];
	memcpy(w->cp + a, tmp, (b - a) * sizeof(*tmp));
}

static int segment(struct sn_nfc *w, const char *p, size_t n, struct sn_buf *out, struct sn_err *e)
{
	size_t len = 0, from = 0;
	utf8proc_ssize_t m;

	while (n) {
		unsigned k;
		uint32_t cp = sn_cp(p, &k);
		int bound = 0;
		int rc = reserve(w, len + 8, e);

		if (rc)
			return rc;
		/* a canonical decomposition has at most 4 characters */
		m = utf8proc_decompose_char((int32_t)cp, w->cp + len, 8, UTF8PROC_STABLE |
			UTF8PROC_COMPOSE, &bound);
		if (m < 0 || m > 8)
			return sn_err(e, SN_ENO, "cannot normalise U+%04X", cp);
		for (utf8proc_ssize_t i = 0; i < m; i++)
			w->ccc[len + (size_t)i] =
				(uint8_t)utf8proc_get_property(w->cp[len + (size_t)i])->combining_class;
		len += (size_t)m;
		p += k;
		n -= k;
	}
	for (size_t i = 0; i <= len; i++)
		if (i == len || !w->ccc[i]) {
			order(w, from, i);
			from = i + 1;
		}
	m = utf8proc_normalize_utf32(w->cp, (utf8proc_ssize_t)len, UTF8PROC_STABLE |
		UTF8PROC_COMPOSE);
	for (utf8proc_ssize_t i = 0; i < m; i++) {
		char utf8[4];

		sn_buf_add(out, utf8, (size_t)sn_utf8_put((uint32_t)w->cp[i], utf8));
	}
	return 0;
}

int sn_nfc(struct sn_nfc *w, const char *text, size_t n, struct sn_buf *out, struct sn_err *e)
{
	const char *p = text, *end = text + n, *last = text, *done = text;
	bool joins = false;

	while (p < end) {
		const char *from;
		unsigned k;
		uint32_t cp = sn_cp(p, &k);
		int rc;

		if (!active(cp)) {
			joins = !stands_alone(cp);
			last = p;
			p += k;
			continue;
		}
		from = joins ? last : p;
		while (p < end && active(sn_cp(p, &k)))
			p += k;
		sn_buf_add(out, done, (size_t)(from - done));
		rc = segment(w, from, (size_t)(p - from), out, e);
		if (rc)
			return rc;
		done = p;
		joins = false;
	}
	sn_buf_add(out, done, (size_t)(end - done));
	return sn_buf_ok(out, "the text", e);
}

void sn_nfc_release(struct sn_nfc *w)
{
	free(w->cp);
	free(w->ccc);
	*w = (struct sn_nfc){ 0 };
}
