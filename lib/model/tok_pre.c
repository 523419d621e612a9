/*
 * Pre-tokenizer steps.  A piece goes down the list of steps: each cuts it and
 * hands what it cut to the next one, the last to BPE.  No list of pieces is kept.
 */
#include <string.h>

#include "model/tok.h"

/* One step's cutting of one piece: parts come in order, each matched or not, and
 * the behaviour says which of them leave together. */
struct cutter {
	struct sn_tok_scratch *s;
	const struct sn_step *step;
	unsigned k;                     /* of the step behind this one */
	const char *p;
	size_t from, to;                /* the part that waits */
	bool waiting, matched;          /* matched: the last part that came was one */
};

static int leave(struct cutter *c)
{
	if (!c->waiting || c->to == c->from)
		return 0;
	return sn_tok_pieces(c->s, c->k, c->p + c->from, c->to - c->from);
}

static int part(struct cutter *c, size_t from, size_t to, bool match)
{
	bool joins = false;
	int rc = 0;

	match ^= c->step->invert;
	switch (c->step->behavior) {
	case SN_ISOLATED:
		return sn_tok_pieces(c->s, c->k, c->p + from, to - from);
	case SN_REMOVED:
		return match ? 0 : sn_tok_pieces(c->s, c->k, c->p + from, to - from);
	case SN_CONTIGUOUS:
		joins = c->waiting && match == c->matched;
		break;
	case SN_MERGED_PREVIOUS:
		joins = c->waiting && match && !c->matched;
		break;
	case SN_MERGED_NEXT:
		joins = c->waiting && !match && c->matched;
		break;
	}
	if (!joins) {
		rc = leave(c);
		c->from = from;
	}
	c->to = to;
	c->waiting = true;
	c->matched = match;
	return rc;
}

static int cut_digits(struct cutter *c, size_t n)
{
	const uint8_t *cls = c->s->t->cls;
	size_t done = 0;
	unsigned k;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i += k) {
		if (cls[sn_cp(c->p + i, &k)] != SN_CLS_N)
			continue;
		if (done < i)
			rc = part(c, done, i, false);
		if (rc == 0)
			rc = part(c, i, i + k, true);
		done = i + k;
	}
	if (rc == 0 && done < n)
		rc = part(c, done, n, false);
	return rc;
}

static int cut_scan(struct cutter *c, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0;) {
		size_t m = c->step->scan(c->s->t->cls, c->p + i, c->p + n);

		rc = part(c, i, i + m, true);
		i += m;
	}
	return rc;
}

static int cut_regex(struct cutter *c, size_t n)
{
	struct sn_tok_scratch *s = c->s;
	pcre2_match_data *md = s->match[c->k - 1];
	size_t done = 0;
	int rc = 0;

	while (done < n && rc == 0) {
		int m = pcre2_match(c->step->re, (PCRE2_SPTR)c->p, n, done, PCRE2_NO_UTF_CHECK, md,
			s->limits);
		const PCRE2_SIZE *v = pcre2_get_ovector_pointer(md);
		size_t from = v[0], to = v[1];

		if (m == PCRE2_ERROR_NOMATCH)
			break;
		if (m < 0) {
			char why[120];

			pcre2_get_error_message(m, (PCRE2_UCHAR *)why, sizeof(why));
			return sn_err(s->e, SN_ENO, "the tokenizer's pattern gives up on this text: %s", why);
		}
		if (done < from)
			rc = part(c, done, from, false);
		if (rc == 0)
			rc = part(c, from, to, true);
		done = to;
	}
	if (rc == 0 && done < n)
		rc = part(c, done, n, false);
	return rc;
}

int sn_tok_pieces(struct sn_tok_scratch *s, unsigned k, const char *p, size_t n)
{
	const struct sn_tokenizer *t = s->t;
	struct cutter c = { .s = s, .k = k + 1, .p = p };
	int rc;

	if (!n)
		return 0;
	if (k == t->n_steps)
		return sn_bpe_word(&t->bpe, &s->bpe, p, n, s->out, s->e);
	c.step = &t->step[k];
	if (c.step->kind == SN_STEP_PREFIX) {
		if (*p == ' ')
			return sn_tok_pieces(s, k + 1, p, n);
		sn_buf_clear(&s->prefixed);
		sn_buf_chr(&s->prefixed, ' ');
		sn_buf_add(&s->prefixed, p, n);
		rc = sn_buf_ok(&s->prefixed, "the text", s->e);
		return rc ? rc : sn_tok_pieces(s, k + 1, s->prefixed.p, s->prefixed.len);
	}
	rc = c.step->kind == SN_STEP_DIGITS ? cut_digits(&c, n) :
		c.step->scan ? cut_scan(&c, n) : cut_regex(&c, n);
	return rc ? rc : leave(&c);
}
