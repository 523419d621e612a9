#include "board/policy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/io.h"
#include "util/json.h"

enum kind { MIN, MAX, WORDS };

static const struct { const char *key; enum kind kind; } rules[] = {
	{ "formats", WORDS }, { "architectures", WORDS }, { "dtypes", WORDS }, { "templates", WORDS },
	{ "min_parameters", MIN }, { "max_parameters", MAX }, { "max_bytes", MAX },
	{ "min_context", MIN }, { "max_context", MAX }, { "max_vocab", MAX },
};

static int check_words(const json_t *list, const char *key, const char *name, struct sn_err *e)
{
	const json_t *word;
	size_t i;

	json_array_foreach(list, i, word)
		if (!json_is_string(word))
			return sn_err(e, SN_EUSE, "%s: key \"%s\": item %zu: expected a string", name, key, i);
	return 0;
}

static int check_key(const json_t *o, const char *key, const char *name, struct sn_err *e)
{
	const json_t *list = NULL;
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (strcmp(rules[i].key, key))
			continue;
		if (rules[i].kind != WORDS)
			return sn_json_u64(o, key, SN_JSON_NEED, name, 0, INT64_MAX, &n, e) < 0 ? SN_EUSE : 0;
		if (sn_json_arr(o, key, SN_JSON_NEED, name, &list, e) < 0)
			return SN_EUSE;
		return check_words(list, key, name, e);
	}
	return sn_err(e, SN_EUSE, "%s: key \"%s\": not a rule of a policy", name, key);
}

int sn_policy_parse(struct sn_policy *p, const char *text, size_t n, const char *name, struct sn_err *e)
{
	const char *key;
	json_t *value;
	int rc = 0;

	p->json = NULL;
	if (sn_json_parse(text, n, name, &p->json, e) < 0)
		rc = SN_EUSE;
	else if (!json_is_object(p->json))
		rc = sn_err(e, SN_EUSE, "%s: expected an object", name);
	else
		json_object_foreach(p->json, key, value)
			if ((rc = check_key(p->json, key, name, e)) < 0)
				break;
	if (rc < 0)
		sn_policy_release(p);
	return rc;
}

int sn_policy_read(struct sn_policy *p, const char *path, struct sn_err *e)
{
	struct sn_buf b;
	int rc;

	p->json = NULL;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		sn_err_sys(e, "cannot open %s", path);
		return SN_EUSE;
	}
	sn_buf_init(&b, SN_POLICY_MAX);
	rc = sn_read_file(path, &b, e);
	if (rc == 0)
		rc = sn_policy_parse(p, b.p, b.len, path, e);
	else if (rc == SN_ENO)
		rc = SN_EUSE;
	sn_buf_release(&b);
	return rc;
}

void sn_policy_release(struct sn_policy *p)
{
	json_decref(p->json);
	p->json = NULL;
}

int sn_policy_number(const struct sn_policy *p, const char *key, uint64_t value, struct sn_err *e)
{
	const json_t *rule = json_object_get(p->json, key);
	unsigned long long v = value, limit;

	if (!rule)
		return 1;
	limit = (unsigned long long)json_integer_value(rule);
	if (!strncmp(key, "min_", 4) ? v < limit : v > limit)
		return sn_err(e, SN_ENO, "%llu is %s than %llu", v, v < limit ? "less" : "more", limit);
	return sn_err(e, 0, "%llu, %s %llu", v, !strncmp(key, "min_", 4) ? "at least" : "at most", limit);
}

int sn_policy_word(const struct sn_policy *p, const char *key, const char *value, struct sn_err *e)
{
	const json_t *rule = json_object_get(p->json, key), *word;
	size_t i;

	if (!rule)
		return 1;
	json_array_foreach(rule, i, word)
		if (!strcmp(json_string_value(word), value))
			return sn_err(e, 0, "%s", value);
	return sn_err(e, SN_ENO, "%s is not allowed", value);
}
