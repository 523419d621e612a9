/*
 * Added tokens in a text: at each place the longest one that begins there, from
 * left to right.  They are kept sorted; a candidate is found by narrowing the
 * sorted range byte by byte, so neither many tokens nor long ones cost more than
 * a few steps a byte.
 */
#include <stdlib.h>
#include <string.h>

#include "model/tok.h"
#include "util/utf8.h"

static int by_text(const void *a, const void *b)
{
	const struct sn_added *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = memcmp(x->text, y->text, n);

	return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

int sn_added_put(struct sn_added_set *s, const struct sn_added *a, const char *text, size_t n,
	struct sn_err *e)
{
	struct sn_added *t = s->t;

	if (!(s->n & (s->n - 1))) {     /* full at each power of two */
		t = realloc(s->t, (s->n ? 2 * s->n : 1) * sizeof(*t));
		if (!t)
			return sn_err_mem(e);
		s->t = t;
	}
	t += s->n;
	*t = *a;
	t->len = n;
	t->text = malloc(n + 1);
	if (!t->text)
		return sn_err_mem(e);
	memcpy(t->text, text, n);
	t->text[n] = 0;
	s->n++;
	return 0;
}

void sn_added_seal(struct sn_added_set *s)
{
	size_t i = 0;

	if (s->n)
		qsort(s->t, s->n, sizeof(*s->t), by_text);
	for (int c = 0; c < 256; c++) {
		s->first[c] = (uint32_t)i;
		while (i < s->n && (unsigned char)s->t[i].text[0] == c)
			i++;
	}
	s->first[256] = (uint32_t)i;
}

void sn_added_release(struct sn_added_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->t[i].text);
	free(s->t);
}

/* First of [lo, hi), alike in their first d bytes, whose byte d is at least c;
 * those that end there come first. */
static size_t bound(const struct sn_added *t, size_t lo, size_t hi, size_t d, unsigned c)
{
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t[mid].len <= d || (unsigned char)t[mid].text[d] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct sn_added *longest(const struct sn_added_set *s, const char *p, size_t n)
{
	size_t lo = s->first[(unsigned char)*p], hi = s->first[(unsigned char)*p + 1], d = 1;
	const struct sn_added *best = NULL;

	while (lo < hi) {
		if (s->t[lo].len == d)
			best = &s->t[lo++];
		if (d == n || lo == hi)
			break;
		lo = bound(s->t, lo, hi, d, (unsigned char)p[d]);
		hi = bound(s->t, lo, hi, d, (unsigned char)p[d] + 1u);
		d++;
	}
	return best;
}

static size_t back(const char *text, size_t at)
{
	do
		at--;
	while (at && ((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

/* A word character right before or right behind. */
static bool within_word(const char *text, size_t n, size_t from, size_t to)
{
	unsigned k;

	return (from && sn_is_word(sn_cp(text + back(text, from), &k))) ||
		(to < n && sn_is_word(sn_cp(text + to, &k)));
}

int sn_added_split(const struct sn_added_set *s, const char *text, size_t n, sn_added_fn fn,
	void *arg)
{
	/* the white space last walked over: tokens of white space that take what is behind
	 * them lie within it, and each of them would walk it again */
	struct { size_t from, to; } space = { 1, 0 };
	size_t done = 0, at = 0;
	int rc = 0;

	while (s->n && at < n && rc == 0) {
		const struct sn_added *a = NULL;
		size_t from, to;
		unsigned k;

		while (at < n && s->first[(unsigned char)text[at]] == s->first[(unsigned char)text[at] + 1])
			at++;
		if (at < n)
			a = longest(s, text + at, n - at);
		if (!a) {
			at++;
			continue;
		}
		from = at;
		at = to = from + a->len;
		if (a->single_word && within_word(text, n, from, to))
			continue;
		while (a->lstrip && from > done && sn_is_space(sn_cp(text + back(text, from), &k)))
			from = back(text, from);
		if (from < done)
			from = done;
		if (a->rstrip && to >= space.from && to <= space.to) {
			to = space.to;
		} else if (a->rstrip) {
			space.from = to;
			while (to < n && sn_is_space(sn_cp(text + to, &k)))
				to += k;
			space.to = to;
		}
		if (done < from)
			rc = fn(arg, text + done, from - done, SN_TOK_NONE);
		if (rc == 0)
			rc = fn(arg, NULL, 0, a->id);
		done = to;
	}
	if (rc == 0 && done < n)
		rc = fn(arg, text + done, n - done, SN_TOK_NONE);
	return rc;
}
