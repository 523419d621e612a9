/*
 * The hash is an unsigned 64-bit integer, half of which jansson's signed ones cannot
 * hold.  Long integers are therefore put between quotes before parsing, and a hash
 * may be a JSON integer or a string of digits.
 */
#include "board/submission.h"

#include <string.h>

#include "util/buf.h"
#include "util/digest.h"
#include "util/json.h"
#include "util/num.h"

#define LONG_INTEGER 19 /* digits from which an integer may not fit int64_t */

/* The text of a string at p, quotes included; the rest where it does not end. */
static size_t string_len(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] != '"')
		i += p[i] == '\\' && i + 1 < n ? 2 : 1;
	return i < n ? i + 1 : n;
}

static bool is_number_char(char c)
{
	return (c >= '0' && c <= '9') || strchr("+-.eE", c);
}

static void quote_long_integers(const char *p, size_t n, struct sn_buf *out)
{
	while (n) {
		size_t k = 1;
		bool quote = false;

		if (*p == '"') {
			k = string_len(p, n);
		} else if (*p && is_number_char(*p)) {
			size_t digits = *p >= '0' && *p <= '9';

			for (; k < n && p[k] && is_number_char(p[k]); k++)
				digits += p[k] >= '0' && p[k] <= '9';
			quote = digits == k && k >= LONG_INTEGER;
		}
		if (quote)
			sn_buf_chr(out, '"');
		sn_buf_add(out, p, k);
		if (quote)
			sn_buf_chr(out, '"');
		p += k;
		n -= k;
	}
}

static int get_hash(struct sn_submission *s, const char *where, struct sn_err *e)
{
	const json_t *v = json_object_get(s->json, "hash");

	if (!v || json_is_null(v))
		return 0;
	s->has_hash = true;
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		s->hash = (uint64_t)json_integer_value(v);
		return 0;
	}
	if (json_is_string(v) && sn_num_u64(json_string_value(v), 0, UINT64_MAX, &s->hash, NULL) == 0)
		return 0;
	return sn_err(e, SN_ENO, "%s: key \"hash\": expected an integer below 2^64", where);
}

int sn_submission_parse(struct sn_submission *s, const char *p, size_t n, const char *where,
	struct sn_err *e)
{
	const struct { const char *key; const char **to; } names[] = {
		{ "repo_namespace", &s->namespace }, { "repo_name", &s->name },
		{ "chat_template_type", &s->template }, { "hotkey", &s->hotkey } };
	struct sn_buf text = SN_BUF_INIT;
	int rc, given = 0;

	*s = (struct sn_submission){ 0 };
	quote_long_integers(p, n, &text);
	rc = sn_buf_ok(&text, where, e);
	if (rc == 0)
		rc = sn_json_parse(text.p ? text.p : "", text.len, where, &s->json, e);
	sn_buf_release(&text);
	if (rc < 0)
		return rc;
	if (!json_is_object(s->json))
		return sn_err(e, SN_ENO, "%s: expected an object", where);
	if ((rc = sn_json_str(s->json, "target", SN_JSON_NEED, where, &s->target, e)) < 0 ||
	    (rc = get_hash(s, where, e)) < 0)
		return rc;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		rc = sn_json_str(s->json, names[i].key, s->has_hash ? SN_JSON_NEED : SN_JSON_MAY,
			where, names[i].to, e);
		if (rc < 0)
			return rc;
		given += *names[i].to != NULL;
	}
	if (given && !s->has_hash)
		return sn_err(e, SN_ENO, "%s: key \"hash\": missing", where);
	return 0;
}

void sn_submission_release(struct sn_submission *s)
{
	json_decref(s->json);
	*s = (struct sn_submission){ 0 };
}

uint64_t sn_submission_hash(const char *namespace, const char *name, const char *template,
	const char *hotkey)
{
	const char *const part[] = { namespace, " ", name, " ", template, " ", hotkey };
	uint8_t digest[SN_DIGEST];
	struct sn_digest d;
	uint64_t v = 0;

	sn_digest_init(&d);
	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		sn_digest_add(&d, part[i], strlen(part[i]));
	sn_digest_end(&d, digest);
	for (int i = 0; i < 8; i++)
		v = v << 8 | digest[i];
	return v;
}
