#include "score/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "score/profile.h"
#include "util/digest.h"
#include "util/json.h"

struct input { const char *key, *member, *name, *why; };

/* What a result depends on; the first that differs is the reason that is given. */
static const struct input inputs[] = {
	{ "model", "digest", "model.digest", "other bytes of the model" },
	{ "records", "digest", "records.digest", "other records, or in another order" },
	{ "profile", NULL, "profile", "another profile" },
	{ "target", NULL, "target", "other messages are targets" },
	{ "pair", NULL, "pair", "only one pools records in pairs" },
	{ "latency_score", NULL, "latency_score", "another part of the total" },
	{ "vibe_score", NULL, "vibe_score", "another part of the total" },
	{ "coherence_score", NULL, "coherence_score", "another part of the total" },
	{ "post_eval_score", NULL, "post_eval_score", "another part of the total" },
	{ "numerics", NULL, "numerics", "another arithmetic" },
	{ "template", NULL, "template", "another chat template" },
	{ "skipped", NULL, "skipped", "other records were skipped" },
	{ "version", NULL, "version", "another version of sn-score" },
};

/* What is made of the raw sums, which result.digest is over. */
static const char *const figures[] = { "nll", "tokens", "ppl", "bits_per_byte",
	"qualitative_score", "creativity_score", "model_size_score", "total_score" };

bool sn_is_hex_digest(const char *s)
{
	return s && strlen(s) == SN_DIGEST_HEX - 1 &&
		strspn(s, "0123456789abcdef") == SN_DIGEST_HEX - 1;
}

void sn_set_difference(json_t *o, const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		sn_set_real(o, "difference", fabs(json_number_value(a) - json_number_value(b)));
}

static bool equal(const json_t *a, const json_t *b)
{
	if (json_is_real(a) || json_is_real(b))         /* 1 and 1.0 are the same */
		return json_is_number(a) && json_is_number(b) &&
			!(json_number_value(a) < json_number_value(b)) &&
			!(json_number_value(a) > json_number_value(b));
	return (!a && !b) || (a && b && json_equal(a, b));
}

static json_t *member(const json_t *o, const char *key, const char *inner)
{
	json_t *v = json_object_get(o, key);

	return inner ? json_object_get(v, inner) : v;
}

static int check_summary(const json_t *o, const char *name, struct sn_err *e)
{
	static const char *const digests[] = { "model", "records", "result" };
	static const char *const texts[] = { "profile", "numerics", "template", "version" };
	bool good = json_is_array(json_object_get(o, "skipped"));
	json_t *v;

	for (size_t i = 0; i < sizeof(digests) / sizeof(*digests); i++)
		good = good && sn_is_hex_digest(json_string_value(member(o, digests[i], "digest")));
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		good = good && json_is_string(json_object_get(o, texts[i]));
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
		if ((v = json_object_get(o, figures[i])))
			good = good && (json_is_number(v) || json_is_null(v));
	return good ? 0 : sn_err(e, SN_ENO, "%s: neither a summary of sn-score nor a file of its "
		"--samples", name);
}

static void set_values(json_t *o, json_t *a, json_t *b)
{
	json_object_set_new(o, "a", a ? json_incref(a) : json_null());
	json_object_set_new(o, "b", b ? json_incref(b) : json_null());
	sn_set_difference(o, a, b);
}

/* Of lists that differ, the first items that do. */
static void narrow(json_t **a, json_t **b)
{
	json_t *la = *a, *lb = *b;
	size_t i = 0;

	if (!json_is_array(la) || !json_is_array(lb))
		return;
	while (i < json_array_size(la) && i < json_array_size(lb) &&
	    json_equal(json_array_get(la, i), json_array_get(lb, i)))
		i++;
	*a = json_array_get(la, i);
	*b = json_array_get(lb, i);
}

static const char *why(bool same, bool figures_same, const struct input *first)
{
	if (first && same && figures_same)
		return "the same result from inputs that differ";
	if (first)
		return first->why;
	if (same && figures_same)
		return "the same result";
	return same ? "the same sums, other figures: one of the two was changed, or computes wrongly" :
		"same inputs, different results: one of the two computes wrongly; compare the files "
		"of --samples";
}

static void compare_summaries(const json_t *a, const json_t *b, json_t *out, bool *agree)
{
	json_t *va = member(a, "result", "digest"), *vb = member(b, "result", "digest"), *o;
	json_t *result = json_object(), *in = json_array(), *fig = json_array();
	const struct input *first = NULL;
	bool same = json_equal(va, vb);

	set_values(result, va, vb);
	json_object_set_new(result, "equal", json_boolean(same));
	for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++) {
		va = member(a, inputs[i].key, inputs[i].member);
		vb = member(b, inputs[i].key, inputs[i].member);
		if (equal(va, vb))
			continue;
		first = first ? first : &inputs[i];
		narrow(&va, &vb);
		json_array_append_new(in, o = json_object());
		json_object_set_new(o, "name", json_string(inputs[i].name));
		set_values(o, va, vb);
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		va = json_object_get(a, figures[i]);
		vb = json_object_get(b, figures[i]);
		if (equal(va, vb))
			continue;
		json_array_append_new(fig, o = json_object());
		json_object_set_new(o, "name", json_string(figures[i]));
		set_values(o, va, vb);
	}
	*agree = same && !json_array_size(fig);
	json_object_set_new(out, "why", json_string(why(same, !json_array_size(fig), first)));
	json_object_set_new(out, "result", result);
	json_object_set_new(out, "inputs", in);
	json_object_set_new(out, "figures", fig);
}

/* A file of samples has an object with "index" in its first line that is not empty;
 * what has none is one JSON value.  *summary stays NULL for samples. */
static int read_side(const struct sn_side *s, json_t **summary, struct sn_err *e)
{
	const char *p = s->p, *end = s->p + s->len, *nl;
	struct sn_err no;
	bool lines;
	json_t *v;
	int rc;

	*summary = NULL;
	while (p < end && *p == '\n')
		p++;
	if (p == end)
		return sn_err(e, SN_ENO, "%s: empty", s->name);
	nl = memchr(p, '\n', (size_t)(end - p));
	if (sn_json_parse(p, (size_t)((nl ? nl : end) - p), s->name, &v, &no) == 0) {
		lines = json_object_get(v, "index") != NULL;
		json_decref(v);
		if (lines)
			return 0;
	}
	if ((rc = sn_json_parse(s->p, s->len, s->name, summary, e)) == 0)
		rc = check_summary(*summary, s->name, e);
	return rc;
}

static json_t *name_text(const char *name)
{
	struct sn_buf b = SN_BUF_INIT;
	json_t *v;

	sn_buf_utf8(&b, name, strlen(name));
	v = json_string(b.p ? b.p : "");
	sn_buf_release(&b);
	return v;
}

int sn_compare(const struct sn_side *a, const struct sn_side *b, json_t **out, struct sn_err *e)
{
	json_t *sa, *sb = NULL, *o = NULL;
	bool agree = false;
	int rc;

	if ((rc = read_side(a, &sa, e)) == 0)
		rc = read_side(b, &sb, e);
	if (rc == 0 && !sa != !sb)
		rc = sn_err(e, SN_ENO, "%s is a summary, %s is a file of --samples",
			sa ? a->name : b->name, sa ? b->name : a->name);
	if (rc == 0 && !(o = json_object()))
		rc = sn_err_mem(e);
	if (rc == 0) {
		json_object_set_new(o, "kind", json_string(sa ? "summaries" : "samples"));
		json_object_set_new(o, "agree", json_false());
		json_object_set_new(o, "a", name_text(a->name));
		json_object_set_new(o, "b", name_text(b->name));
		if (sa)
			compare_summaries(sa, sb, o, &agree);
		else
			rc = sn_compare_lines(a, b, o, &agree, e);
		json_object_set_new(o, "agree", json_boolean(agree));
	}
	json_decref(sa);
	json_decref(sb);
	if (rc < 0)
		json_decref(o);
	else
		*out = o;
	return rc;
}

bool sn_compare_agree(const json_t *report)
{
	return json_is_true(json_object_get(report, "agree"));
}

static void label(struct sn_buf *b, const char *s)
{
	s = s ? s : "";
	sn_buf_plain(b, s);
	for (size_t n = strlen(s); n < 20; n++)
		sn_buf_chr(b, ' ');
	sn_buf_chr(b, ' ');
}

static void value(struct sn_buf *b, const json_t *v)
{
	struct sn_buf text = SN_BUF_INIT;

	if (json_is_string(v)) {
		sn_buf_plain(b, json_string_value(v));
	} else {
		if (!json_is_null(v))
			sn_buf_value(&text, v);
		sn_buf_plain(b, text.p ? text.p : "none");
	}
	sn_buf_release(&text);
}

static void text_values(struct sn_buf *b, const char *name, const json_t *o)
{
	static const char *const keys[] = { "a", "b", "difference" };
	static const char *const names[] = { "A  ", "B  ", "difference " };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const json_t *v = json_object_get(o, keys[i]);

		if (!v)
			continue;
		label(b, i ? "" : name);
		sn_buf_str(b, names[i]);
		value(b, v);
		sn_buf_chr(b, '\n');
	}
}

static void text_list(struct sn_buf *b, const json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		text_values(b, json_string_value(json_object_get(v, "name")), v);
}

static void text_lines(struct sn_buf *b, const json_t *o)
{
	const json_t *first = json_object_get(o, "first");
	const char *key;
	json_t *v;

	label(b, "records");
	sn_buf_fmt(b, "%lld in A, %lld in B; only in A %lld, only in B %lld; the others %s\n",
		json_integer_value(member(o, "records", "a")),
		json_integer_value(member(o, "records", "b")),
		json_integer_value(member(o, "only", "a")), json_integer_value(member(o, "only", "b")),
		json_is_true(json_object_get(o, "same_order")) ? "in one order" : "in another order");
	label(b, "differ");
	sn_buf_fmt(b, "%lld of %lld\n", json_integer_value(json_object_get(o, "differ")),
		json_integer_value(json_object_get(o, "compared")));
	if (!json_is_object(first))
		return;
	label(b, "first");
	sn_buf_fmt(b, "record %lld, ", json_integer_value(json_object_get(first, "index")));
	value(b, json_object_get(first, "digest"));
	sn_buf_chr(b, '\n');
	text_values(b, json_string_value(json_object_get(first, "field")), first);
	json_object_foreach(json_object_get(o, "largest"), key, v) {
		label(b, "largest difference");
		sn_buf_plain(b, key);
		sn_buf_chr(b, ' ');
		value(b, v);
		sn_buf_chr(b, '\n');
	}
}

int sn_compare_text(const json_t *o, struct sn_buf *b, struct sn_err *e)
{
	label(b, sn_compare_agree(o) ? "agree" : "do not agree");
	value(b, json_object_get(o, "why"));
	sn_buf_chr(b, '\n');
	label(b, "A");
	value(b, json_object_get(o, "a"));
	sn_buf_chr(b, '\n');
	label(b, "B");
	value(b, json_object_get(o, "b"));
	sn_buf_chr(b, '\n');
	if (json_object_get(o, "records")) {
		text_lines(b, o);
	} else {
		text_values(b, "result.digest", json_object_get(o, "result"));
		text_list(b, json_object_get(o, "inputs"));
		text_list(b, json_object_get(o, "figures"));
	}
	return sn_buf_ok(b, "comparison", e);
}
