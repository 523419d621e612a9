/* Profiles from files: a built-in one with other numbers. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score/profile.h"
#include "util/digest.h"
#include "util/io.h"
#include "util/json.h"

enum { FILE_MAX_BYTES = 65536, NAME_MAX_LEN = 64 };
enum { PPL = 1, DIPPY = 2 };

static const struct number {
	const char *key;
	size_t at;                      /* in struct sn_rules */
	unsigned bases;
	bool whole;
	double min, max;
} numbers[] = {
#define AT(member) #member, offsetof(struct sn_rules, member)
	{ AT(max_length), PPL | DIPPY, true, 2, SN_CONFIG_MAX_POSITIONS },
	{ AT(max_message_tokens), DIPPY, true, 1, SN_CONFIG_MAX_POSITIONS },
	{ AT(max_target_tokens), DIPPY, true, 2, SN_CONFIG_MAX_POSITIONS },
	{ AT(size_limit_gib), DIPPY, false, 0.001, 1e6 },
	{ AT(quality_weight), DIPPY, false, 0, 1 },
	{ AT(latency_weight), DIPPY, false, 0, 1 },
	{ AT(vibe_weight), DIPPY, false, 0, 1 },
	{ AT(coherence_least), DIPPY, false, 0, 1 },
#undef AT
};
enum { NUMBERS = sizeof(numbers) / sizeof(*numbers) };

static double *value(struct sn_rules *r, const struct number *n)
{
	return (double *)(void *)((char *)r + n->at);
}

/* One key that is neither "name" nor "base". */
static int set(struct sn_profile *p, unsigned base, const char *key, const json_t *v,
	const char *name, struct sn_err *e)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		const struct number *n = &numbers[i];
		double x = json_number_value(v);

		if (strcmp(n->key, key) || !(n->bases & base))
			continue;
		if (!json_is_number(v) || (n->whole && !json_is_integer(v)))
			return sn_err(e, SN_ENO, "%s: key \"%s\": expected a%s number", name, key,
				n->whole ? " whole" : "");
		if (!(x >= n->min && x <= n->max))
			return sn_err(e, SN_ENO, "%s: key \"%s\": %g is not between %g and %g", name, key,
				x, n->min, n->max);
		*value(&p->rules, n) = x;
		return 0;
	}
	return sn_err(e, SN_ENO, "%s: key \"%.100s\": unknown", name, key);
}

/* Rules that exclude one another. */
static int sense(const struct sn_profile *p, unsigned base, const char *name, struct sn_err *e)
{
	const struct sn_rules *r = &p->rules;

	if (base == DIPPY && r->max_target_tokens >= r->max_length)
		return sn_err(e, SN_ENO, "%s: key \"max_target_tokens\": %.0f leaves nothing of "
			"max_length, %.0f", name, r->max_target_tokens, r->max_length);
	return 0;
}

static int entitle(struct sn_profile *p, unsigned base, const char *title, const char *base_name,
	struct sn_err *e)
{
	uint8_t out[SN_DIGEST];
	char hex[SN_DIGEST_HEX], line[100], *full;
	struct sn_digest d;

	sn_digest_init(&d);
	sn_digest_add(&d, base_name, strlen(base_name));
	sn_digest_add(&d, "\n", 1);
	for (size_t i = 0; i < NUMBERS; i++) {
		int n = snprintf(line, sizeof(line), "%s %.17g\n", numbers[i].key,
			*value(&p->rules, &numbers[i]));

		if (numbers[i].bases & base)
			sn_digest_add(&d, line, (size_t)n);
	}
	sn_digest_end(&d, out);
	if (asprintf(&full, "%s@%.16s", title, sn_hex(out, hex)) < 0)
		return sn_err_mem(e);
	p->name = full;
	return 0;
}

static bool fit_name(const char *s)
{
	return *s && strlen(s) <= NAME_MAX_LEN &&
		strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(s);
}

static int fill(struct sn_profile *p, const json_t *o, const char *name, struct sn_err *e)
{
	const struct sn_profile *of = NULL;
	const char *title = NULL, *base_name = NULL, *key;
	unsigned base = 0;
	json_t *v;
	int rc;

	if (!json_is_object(o))
		return sn_err(e, SN_ENO, "%s: expected an object", name);
	if ((rc = sn_json_str(o, "name", SN_JSON_NEED, name, &title, e)) < 0 ||
	    (rc = sn_json_str(o, "base", SN_JSON_NEED, name, &base_name, e)) < 0)
		return rc;
	if (!fit_name(title))
		return sn_err(e, SN_ENO, "%s: key \"name\": expected 1 to %d letters, digits, '.', '-', '_'",
			name, NAME_MAX_LEN);
	for (size_t i = 0; sn_profiles[i]; i++)
		if (!strcmp(sn_profiles[i]->name, base_name)) {
			of = sn_profiles[i];
			base = of == &sn_profile_ppl ? PPL : DIPPY;
		}
	if (!of)
		return sn_err(e, SN_ENO, "%s: key \"base\": no profile is called \"%.60s\"", name, base_name);
	*p = *of;
	p->name = NULL;
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
		if (strcmp(key, "name") && strcmp(key, "base") &&
				(rc = set(p, base, key, v, name, e)) < 0)
			return rc;
	if ((rc = sense(p, base, name, e)) < 0)
		return rc;
	return entitle(p, base, title, base_name, e);
}

int sn_profile_parse(struct sn_profile **out, const char *text, size_t len, const char *name,
	struct sn_err *e)
{
	struct sn_profile *p = calloc(1, sizeof(*p));
	json_t *o = NULL;
	int rc = p ? sn_json_parse(text, len, name, &o, e) : sn_err_mem(e);

	*out = NULL;
	if (rc == 0)
		rc = fill(p, o, name, e);
	json_decref(o);
	if (rc == 0)
		*out = p;
	else
		sn_profile_free(p);
	return rc;
}

int sn_profile_read(struct sn_profile **p, const char *path, struct sn_err *e)
{
	struct sn_buf b;
	int rc;

	sn_buf_init(&b, FILE_MAX_BYTES);
	rc = sn_read_file(path, &b, e);
	if (rc == 0)
		rc = sn_profile_parse(p, b.p ? b.p : "", b.len, path, e);
	sn_buf_release(&b);
	return rc;
}

json_t *sn_profile_rules(const struct sn_profile *p)
{
	unsigned base = p->takes_pair ? DIPPY : PPL;
	struct sn_rules r = p->rules;
	json_t *o;

	if (sn_profile_named(p->name) || !(o = json_object()))
		return NULL;
	json_object_set_new(o, "base", json_string(base == PPL ? sn_profile_ppl.name :
		sn_profile_dippy_2025_01.name));
	for (size_t i = 0; i < NUMBERS; i++)
		if (numbers[i].bases & base) {
			double x = *value(&r, &numbers[i]);

			json_object_set_new(o, numbers[i].key, numbers[i].whole ?
				json_integer((json_int_t)x) : json_real(x));
		}
	return o;
}

void sn_profile_free(struct sn_profile *p)
{
	if (!p)
		return;
	free((char *)(uintptr_t)p->name);
	free(p);
}
