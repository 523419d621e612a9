/* Two files of --samples: their lines are found and checked first, then paired. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "score/compare.h"
#include "score/profile.h"
#include "util/digest.h"
#include "util/json.h"

enum kind { TEXT, NUMBER, NUMBERS };
enum { FIELDS = 10 };

/* In the order in which one explains the next. */
static const struct { const char *name; enum kind kind; bool extra; } fields[FIELDS] = {
	{ "skipped", TEXT, false }, { "tokens", NUMBER, false }, { "ids", NUMBERS, true },
	{ "logprobs", NUMBERS, true }, { "p", NUMBERS, true }, { "nll", NUMBER, false },
	{ "sums", NUMBERS, false }, { "entropy", NUMBER, false }, { "q", NUMBER, false },
	{ "creativity", NUMBER, false },
};

struct line {
	char digest[SN_DIGEST_HEX];
	uint64_t index, lineno;
	size_t at, len;
};

struct lines {
	struct line *v;
	size_t n, cap;
};

struct diff {
	json_t *first;
	size_t count;
	double largest[FIELDS];
};

static bool numbers(const json_t *list)
{
	if (!json_is_array(list))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_number(json_array_get(list, i)))
			return false;
	return true;
}

static int check_fields(json_t *o, const char *where, struct sn_err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v) {
		size_t i = 0;

		if (!strcmp(key, "index") || !strcmp(key, "digest"))
			continue;
		while (i < FIELDS && strcmp(key, fields[i].name))
			i++;
		if (i == FIELDS)
			return sn_err(e, SN_ENO, "%s: key \"%.64s\": unknown", where, key);
		if (fields[i].kind == TEXT && !json_is_string(v))
			return sn_err(e, SN_ENO, "%s: key \"%s\": expected a string", where, key);
		if (fields[i].kind == NUMBER && !json_is_number(v))
			return sn_err(e, SN_ENO, "%s: key \"%s\": expected a number", where, key);
		if (fields[i].kind == NUMBERS && !numbers(v))
			return sn_err(e, SN_ENO, "%s: key \"%s\": expected an array of numbers", where, key);
	}
	return 0;
}

static int parse(const struct sn_side *s, const struct line *l, json_t **o, struct sn_err *e)
{
	char where[300];

	snprintf(where, sizeof(where), "%.250s: line %" PRIu64, s->name, l->lineno);
	return sn_json_parse(s->p + l->at, l->len, where, o, e);
}

static int check_line(const struct sn_side *s, struct line *l, struct sn_err *e)
{
	const char *digest = NULL;
	char where[300];
	json_t *o;
	int rc;

	snprintf(where, sizeof(where), "%.250s: line %" PRIu64, s->name, l->lineno);
	if ((rc = parse(s, l, &o, e)) < 0)
		return rc;
	rc = json_is_object(o) ? 0 : sn_err(e, SN_ENO, "%s: expected an object", where);
	if (rc == 0)
		rc = sn_json_u64(o, "index", SN_JSON_NEED, where, 0, INT64_MAX, &l->index, e);
	if (rc == 0)
		rc = sn_json_str(o, "digest", SN_JSON_NEED, where, &digest, e);
	if (rc == 0 && !sn_is_hex_digest(digest))
		rc = sn_err(e, SN_ENO, "%s: key \"digest\": expected 64 hexadecimal digits", where);
	if (rc == 0)
		rc = check_fields(o, where, e);
	if (rc == 0)
		memcpy(l->digest, digest, SN_DIGEST_HEX);
	json_decref(o);
	return rc;
}

static int by_index(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->lineno < y->lineno ? -1 : x->lineno > y->lineno;
}

static int by_digest(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int c = strcmp(x->digest, y->digest);

	return c ? c : by_index(a, b);
}

static int add(struct lines *l, const struct line *one, struct sn_err *e)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct line *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return sn_err_mem(e);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *one;
	return 0;
}

/* Sorted by digest, and by index where that is the same. */
static int find_lines(const struct sn_side *s, struct lines *l, struct sn_err *e)
{
	struct line one = { .lineno = 0 };
	int rc;

	for (size_t at = 0; at < s->len; at += one.len + 1) {
		const char *nl = memchr(s->p + at, '\n', s->len - at);

		one.at = at;
		one.len = nl ? (size_t)(nl - s->p) - at : s->len - at;
		one.lineno++;
		if (!one.len)
			continue;
		if ((rc = check_line(s, &one, e)) < 0 || (rc = add(l, &one, e)) < 0)
			return rc;
	}
	qsort(l->v, l->n, sizeof(*l->v), by_index);
	for (size_t i = 1; i < l->n; i++)
		if (l->v[i].index == l->v[i - 1].index)
			return sn_err(e, SN_ENO, "%s: line %" PRIu64 ": index %" PRIu64 " stands in line %"
				PRIu64 " too", s->name, l->v[i].lineno, l->v[i].index, l->v[i - 1].lineno);
	qsort(l->v, l->n, sizeof(*l->v), by_digest);
	return 0;
}

/* The first items that differ of a field, by *a and *b, and at which position of a list
 * (-1: of no list); false when it is the same.  Notes the largest difference. */
static bool field_differs(size_t f, json_t **a, json_t **b, json_int_t *pos, double *largest)
{
	json_t *la = *a, *lb = *b;
	bool list = fields[f].kind == NUMBERS && la && lb, differs = false;
	size_t n = 1;

	*pos = -1;
	if (fields[f].kind == TEXT || !la || !lb) {
		if ((!la && !lb) || (fields[f].extra && (!la || !lb)))
			return false;
		return !la || !lb || !json_equal(la, lb);
	}
	if (list)
		n = json_array_size(la) > json_array_size(lb) ? json_array_size(la) : json_array_size(lb);
	for (size_t i = 0; i < n; i++) {
		json_t *x = list ? json_array_get(la, i) : la, *y = list ? json_array_get(lb, i) : lb;
		double d = x && y ? fabs(json_number_value(x) - json_number_value(y)) : INFINITY;

		if (!(d > 0) && (!json_is_integer(x) || !json_is_integer(y) || json_equal(x, y)))
			continue;
		if (x && y && d > *largest)
			*largest = d;
		if (!differs) {
			*pos = list ? (json_int_t)i : -1;
			*a = x;
			*b = y;
		}
		differs = true;
	}
	return differs;
}

static json_t *describe(const struct line *l, const struct line *m, size_t f, json_int_t pos,
	json_t *a, json_t *b)
{
	json_t *o = json_object();

	json_object_set_new(o, "index", json_integer((json_int_t)l->index));
	if (m->index != l->index)
		json_object_set_new(o, "index_b", json_integer((json_int_t)m->index));
	json_object_set_new(o, "digest", json_string(l->digest));
	json_object_set_new(o, "field", json_string(fields[f].name));
	if (pos >= 0)
		json_object_set_new(o, "position", json_integer(pos));
	json_object_set_new(o, "a", a ? json_incref(a) : json_null());
	json_object_set_new(o, "b", b ? json_incref(b) : json_null());
	sn_set_difference(o, a, b);
	return o;
}

static int compare_two(const struct sn_side *a, const struct line *l, const struct sn_side *b,
	const struct line *m, struct diff *d, struct sn_err *e)
{
	json_t *x = NULL, *y = NULL;
	bool differs = false;
	int rc;

	if ((rc = parse(a, l, &x, e)) == 0)
		rc = parse(b, m, &y, e);
	for (size_t f = 0; rc == 0 && f < FIELDS; f++) {
		json_t *va = json_object_get(x, fields[f].name);
		json_t *vb = json_object_get(y, fields[f].name);
		json_int_t pos;

		if (!field_differs(f, &va, &vb, &pos, &d->largest[f]))
			continue;
		if (!d->first)
			d->first = describe(l, m, f, pos, va, vb);
		differs = true;
	}
	d->count += differs;
	json_decref(x);
	json_decref(y);
	return rc;
}

struct pair { struct line a, b; };

static int by_index_of_a(const void *a, const void *b)
{
	return by_index(&((const struct pair *)a)->a, &((const struct pair *)b)->a);
}

/* Those in both, in A's order. */
static size_t pair_up(const struct lines *a, const struct lines *b, struct pair *out)
{
	size_t n = 0;

	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		int c = strcmp(a->v[i].digest, b->v[k].digest);

		if (c == 0)
			out[n++] = (struct pair){ a->v[i], b->v[k] };
		i += c <= 0;
		k += c >= 0;
	}
	qsort(out, n, sizeof(*out), by_index_of_a);
	return n;
}

static void set_two(json_t *o, const char *key, size_t a, size_t b)
{
	json_t *v = json_object();

	json_object_set_new(v, "a", json_integer((json_int_t)a));
	json_object_set_new(v, "b", json_integer((json_int_t)b));
	json_object_set_new(o, key, v);
}

static const char *why(size_t only, size_t differ, bool order)
{
	if (differ)
		return "the same records have other numbers";
	if (only)
		return "records are in one file only; the others have the same numbers";
	return order ? "the same numbers" : "the same numbers, in another order";
}

static void report(json_t *o, const struct lines *a, const struct lines *b, size_t n, bool order,
	struct diff *d)
{
	json_t *largest = json_object();

	for (size_t f = 0; f < FIELDS; f++)
		if (d->largest[f] > 0)
			sn_set_real(largest, fields[f].name, d->largest[f]);
	json_object_set_new(o, "why", json_string(why(a->n + b->n - 2 * n, d->count, order)));
	set_two(o, "records", a->n, b->n);
	set_two(o, "only", a->n - n, b->n - n);
	json_object_set_new(o, "same_order", json_boolean(order));
	json_object_set_new(o, "compared", json_integer((json_int_t)n));
	json_object_set_new(o, "differ", json_integer((json_int_t)d->count));
	json_object_set_new(o, "first", d->first ? d->first : json_null());
	json_object_set_new(o, "largest", largest);
}

int sn_compare_lines(const struct sn_side *a, const struct sn_side *b, json_t *out,
	bool *agree, struct sn_err *e)
{
	struct lines la = { 0 }, lb = { 0 };
	struct pair *both = NULL;
	struct diff d = { 0 };
	bool order = true;
	size_t n = 0;
	int rc;

	if ((rc = find_lines(a, &la, e)) < 0 || (rc = find_lines(b, &lb, e)) < 0)
		goto out;
	both = reallocarray(NULL, (la.n < lb.n ? la.n : lb.n) + 1, sizeof(*both));
	if (!both) {
		rc = sn_err_mem(e);
		goto out;
	}
	n = pair_up(&la, &lb, both);
	for (size_t i = 0; i < n && rc == 0; i++) {
		order = order && (!i || both[i].b.index > both[i - 1].b.index);
		rc = compare_two(a, &both[i].a, b, &both[i].b, &d, e);
	}
	if (rc < 0) {
		json_decref(d.first);
		goto out;
	}
	report(out, &la, &lb, n, order, &d);
	*agree = order && !d.count && la.n == n && lb.n == n;
out:
	free(both);
	free(la.v);
	free(lb.v);
	return rc;
}
