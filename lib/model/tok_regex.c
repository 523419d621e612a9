/*
 * Patterns of tokenizer files are written for Oniguruma.  They run on PCRE2 here,
 * so only constructs that mean the same in both are let through; character sets
 * (\p{..}, \s, \d) are spelled out from our own tables, since the two libraries
 * neither agree on them nor stay the same from one version to the next.
 */
#include <string.h>

#include "model/tok.h"
#include "util/utf8.h"

struct reader {
	const char *p, *at, *end;
	const char *name;
	struct sn_buf *out;
	struct sn_err *e;
	unsigned depth, fold;           /* groups open; depth at which (?i: began, 0: not */
	bool can_repeat;                /* an item stands before, to which ? * + may apply */
};

static int refuse(const struct reader *r, const char *at, const char *what)
{
	return sn_err(r->e, SN_ENO, "%s: the pattern's %s at byte %zu is not supported", r->name,
		what, (size_t)(at - r->p));
}

static bool starts(const struct reader *r, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(r->end - r->at) >= n && !memcmp(r->at, text, n);
}

/* One code point as PCRE2 reads it inside and outside of brackets. */
static void literal(struct reader *r, uint32_t cp)
{
	bool plain = (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');

	if (plain)
		sn_buf_chr(r->out, (char)cp);
	else
		sn_buf_fmt(r->out, "\\x{%x}", cp);
}

static int hex(struct reader *r, size_t min, size_t max, uint32_t *cp)
{
	size_t n = 0;

	*cp = 0;
	for (; n < max && r->at < r->end; n++, r->at++) {
		char c = *r->at;

		if (c >= '0' && c <= '9')
			*cp = *cp << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			*cp = *cp << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			break;
	}
	return n < min || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff) ? -1 : 0;
}

/* What an escape stands for: one code point, or a set of categories, or white space. */
struct escape { uint32_t cp, set; bool space, neg, single; };

static int read_escape(struct reader *r, struct escape *x)
{
	const char *start = r->at++, *close;
	char c = r->at < r->end ? *r->at++ : 0;

	*x = (struct escape){ 0 };
	switch (c) {
	case 'n': case 'r': case 't': case 'f':
		x->single = true;
		x->cp = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : '\f';
		return 0;
	case 's': case 'S':
		x->space = true;
		x->neg = c == 'S';
		return 0;
	case 'd': case 'D':
		x->set = 1u << SN_ND;
		x->neg = c == 'D';
		return 0;
	case 'p': case 'P':
		close = r->at < r->end && *r->at == '{' ?
			memchr(r->at, '}', (size_t)(r->end - r->at)) : NULL;
		if (close)
			x->set = sn_gc_set(r->at + 1, (size_t)(close - r->at - 1));
		if (!x->set)
			return refuse(r, start, "property");
		x->neg = c == 'P';
		r->at = close + 1;
		return 0;
	case 'u':
		x->single = true;
		return hex(r, 4, 4, &x->cp) ? refuse(r, start, "escape") : 0;
	case 'x':
		x->single = true;
		if (r->at == r->end || *r->at++ != '{' || hex(r, 1, 8, &x->cp) || r->at == r->end ||
		    *r->at++ != '}')
			return refuse(r, start, "escape");
		return 0;
	}
	if ((unsigned char)c < 0x21 || (unsigned char)c > 0x7e || (c >= '0' && c <= '9') ||
	    ((c | 32) >= 'a' && (c | 32) <= 'z'))
		return refuse(r, start, "escape");
	x->single = true;
	x->cp = (uint32_t)c;
	return 0;
}

static void put_set(struct reader *r, const struct escape *x, bool neg)
{
	if (x->space)
		sn_space_ranges(r->out, neg);
	else
		sn_gc_ranges(r->out, x->set, neg);
}

/* One end of a range inside brackets, or a set. */
static int class_item(struct reader *r, struct escape *x)
{
	uint32_t cp;
	int k;

	if (*r->at == '\\')
		return read_escape(r, x);
	if (*r->at == '[')
		return refuse(r, r->at, "'[' within brackets");
	if (starts(r, "&&"))
		return refuse(r, r->at, "'&&' within brackets");
	k = sn_utf8_get(r->at, (size_t)(r->end - r->at), &cp);
	if (k <= 0)
		return refuse(r, r->at, "bad UTF-8");
	r->at += k;
	*x = (struct escape){ .cp = cp, .single = true };
	return 0;
}

static int read_class(struct reader *r)
{
	const char *start = r->at++;
	bool first = true;

	sn_buf_chr(r->out, '[');
	if (r->at < r->end && *r->at == '^') {
		sn_buf_chr(r->out, '^');
		r->at++;
	}
	for (; r->at < r->end && *r->at != ']'; first = false) {
		struct escape a, b;
		const char *item = r->at;
		int rc;

		if (*r->at == '-' && !first && r->at + 1 < r->end && r->at[1] != ']')
			return refuse(r, r->at, "'-' within brackets");
		rc = class_item(r, &a);
		if (rc)
			return rc;
		if (!a.single) {
			put_set(r, &a, a.neg);
			continue;
		}
		literal(r, a.cp);
		if (r->end - r->at < 2 || *r->at != '-' || r->at[1] == ']')
			continue;
		r->at++;
		rc = class_item(r, &b);
		if (rc)
			return rc;
		if (!b.single || b.cp < a.cp)
			return refuse(r, item, "range");
		sn_buf_chr(r->out, '-');
		literal(r, b.cp);
	}
	if (r->at == r->end || first)
		return refuse(r, start, "brackets");
	r->at++;
	sn_buf_chr(r->out, ']');
	r->can_repeat = true;
	return 0;
}

static int read_group(struct reader *r)
{
	static const char *const kinds[] = { "(?:", "(?=", "(?!", "(?>" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (starts(r, kinds[i])) {
			sn_buf_str(r->out, kinds[i]);
			r->at += 3;
			goto open;
		}
	if (starts(r, "(?i:") && !r->fold) {
		sn_buf_str(r->out, "(?i:");
		r->at += 4;
		r->fold = r->depth + 1;
	} else if (r->at + 1 < r->end && (r->at[1] == '?' || r->at[1] == '*')) {
		return refuse(r, r->at, "group");
	} else {
		sn_buf_chr(r->out, '(');
		r->at++;
	}
open:
	r->depth++;
	r->can_repeat = false;
	return 0;
}

/* ? * + with lazy and possessive forms, and {n}, {n,}, {n,m} without them. */
static int read_repeat(struct reader *r)
{
	const char *start = r->at;
	unsigned n[2] = { 0, 0 };
	int k = 0;

	if (!r->can_repeat)
		return refuse(r, r->at, "repetition");
	r->can_repeat = false;
	if (*r->at != '{') {
		sn_buf_chr(r->out, *r->at++);
		if (r->at < r->end && (*r->at == '?' || *r->at == '+'))
			sn_buf_chr(r->out, *r->at++);
		return 0;
	}
	for (r->at++; r->at < r->end && *r->at != '}'; r->at++) {
		if (*r->at == ',' && k == 0 && r->at > start + 1)
			k = 1;
		else if (*r->at >= '0' && *r->at <= '9' && n[k] < 100)
			n[k] = n[k] * 10 + (unsigned)(*r->at - '0');
		else
			return refuse(r, start, "repetition");
	}
	if (r->at == r->end || r->at == start + 1 ||
	    (r->at + 1 < r->end && strchr("?+*{", r->at[1])))
		return refuse(r, start, "repetition");
	r->at++;
	sn_buf_add(r->out, start, (size_t)(r->at - start));
	return 0;
}

/*
 * Without regard to case: ASCII letters alone, and no two that a ligature or a
 * sharp s would match in Oniguruma.
 */
static int read_folded(struct reader *r)
{
	static const char *const pairs[] = { "ss", "ff", "fi", "fl", "st" };
	char c = *r->at;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (r->end - r->at >= 2 && (c | 32) == pairs[i][0] && (r->at[1] | 32) == pairs[i][1])
			return refuse(r, r->at, "letters without regard to case");
	if (!((c | 32) >= 'a' && (c | 32) <= 'z') && c != '\'')
		return refuse(r, r->at, "character in (?i:...)");
	literal(r, (uint32_t)c);
	r->at++;
	r->can_repeat = true;
	return 0;
}

static int read_atom(struct reader *r)
{
	struct escape x;
	uint32_t cp;
	int k, rc;

	switch (*r->at) {
	case '|':
		sn_buf_chr(r->out, *r->at++);
		r->can_repeat = false;
		return 0;
	case '(':
		return read_group(r);
	case ')':
		if (!r->depth)
			return refuse(r, r->at, "')'");
		if (r->fold == r->depth)
			r->fold = 0;
		r->depth--;
		sn_buf_chr(r->out, *r->at++);
		r->can_repeat = true;
		return 0;
	case '?': case '*': case '+': case '{':
		return read_repeat(r);
	}
	if (r->fold)
		return read_folded(r);
	switch (*r->at) {
	case '[':
		return read_class(r);
	case '.':
		sn_buf_str(r->out, "[^\\n]");
		r->at++;
		break;
	case '^': case '$':
		return refuse(r, r->at, "anchor");
	case '\\':
		rc = read_escape(r, &x);
		if (rc)
			return rc;
		if (x.single) {
			literal(r, x.cp);
		} else {
			sn_buf_str(r->out, x.neg ? "[^" : "[");
			put_set(r, &x, false);
			sn_buf_chr(r->out, ']');
		}
		break;
	default:
		k = sn_utf8_get(r->at, (size_t)(r->end - r->at), &cp);
		if (k <= 0)
			return refuse(r, r->at, "bad UTF-8");
		literal(r, cp);
		r->at += k;
	}
	r->can_repeat = true;
	return 0;
}

int sn_regex_translate(const char *p, size_t n, const char *name, struct sn_buf *out,
	struct sn_err *e)
{
	struct reader r = { .p = p, .at = p, .end = p + n, .name = name, .out = out, .e = e };

	if (!n || n > SN_TOK_MAX_PATTERN)
		return sn_err(e, SN_ENO, "%s: a pattern of %zu bytes", name, n);
	while (r.at < r.end) {
		int rc = read_atom(&r);

		if (rc)
			return rc;
	}
	if (r.depth)
		return refuse(&r, r.end, "missing ')'");
	return sn_buf_ok(out, name, e);
}

int sn_regex_compile(pcre2_code **re, const char *p, size_t n, const char *name,
	struct sn_err *e)
{
	struct sn_buf b;
	PCRE2_SIZE at;
	uint32_t empty = 0;
	int code, rc;

	*re = NULL;
	sn_buf_init(&b, 4 << 20);
	rc = sn_regex_translate(p, n, name, &b, e);
	if (rc == 0) {
		*re = pcre2_compile((PCRE2_SPTR)b.p, b.len, PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE |
			PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
		if (!*re) {
			char why[120];

			pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
			rc = sn_err(e, SN_ENO, "%s: the pattern is wrong: %s", name, why);
		}
	}
	sn_buf_release(&b);
	if (rc)
		return rc;
	pcre2_pattern_info(*re, PCRE2_INFO_MATCHEMPTY, &empty);
	if (empty) {
		pcre2_code_free(*re);
		*re = NULL;
		return sn_err(e, SN_ENO, "%s: the pattern matches where there is nothing", name);
	}
	/* where there is no JIT, the interpreter gives the same matches */
	(void)pcre2_jit_compile(*re, PCRE2_JIT_COMPLETE);
	return 0;
}
