#include "util/json.h"

#include <string.h>

#include "util/io.h"

int sn_json_parse(const char *p, size_t n, const char *name, json_t **out, struct sn_err *e)
{
	json_error_t je;
	json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);

	*out = v;
	if (v)
		return 0;
	if (json_error_code(&je) == json_error_out_of_memory)
		return sn_err_mem(e);
	if (je.line <= 0)
		return sn_err(e, SN_ENO, "%s: not JSON: %s", name, je.text);
	if (je.line == 1)
		return sn_err(e, SN_ENO, "%s: not JSON: column %d: %s", name, je.column, je.text);
	return sn_err(e, SN_ENO, "%s: not JSON: line %d, column %d: %s", name, je.line,
		je.column, je.text);
}

int sn_json_file(const char *path, size_t max, json_t **out, struct sn_err *e)
{
	struct sn_buf b;
	int rc;

	sn_buf_init(&b, max);
	rc = sn_read_file(path, &b, e);
	if (rc == 0)
		rc = sn_json_parse(b.p, b.len, path, out, e);
	sn_buf_release(&b);
	return rc;
}

/* 1: *v is there and of a type `ok' accepts; 0: absent and that is fine. */
static int get(const json_t *o, const char *key, int need, const char *name,
	const char *want, bool (*ok)(const json_t *), const json_t **v, struct sn_err *e)
{
	*v = json_object_get(o, key);
	if (!*v || json_is_null(*v)) {
		if (!need)
			return 0;
		return sn_err(e, SN_ENO, "%s: key \"%s\": missing", name, key);
	}
	if (!ok(*v))
		return sn_err(e, SN_ENO, "%s: key \"%s\": expected %s", name, key, want);
	return 1;
}

static bool is_str(const json_t *v) { return json_is_string(v); }
static bool is_int(const json_t *v) { return json_is_integer(v); }
static bool is_num(const json_t *v) { return json_is_number(v); }
static bool is_bool(const json_t *v) { return json_is_boolean(v); }
static bool is_arr(const json_t *v) { return json_is_array(v); }
static bool is_obj(const json_t *v) { return json_is_object(v); }

int sn_json_str(const json_t *o, const char *key, int need, const char *name,
	const char **out, struct sn_err *e)
{
	const json_t *v;
	int rc = get(o, key, need, name, "a string", is_str, &v, e);

	if (rc > 0)
		*out = json_string_value(v);
	return rc < 0 ? rc : 0;
}

int sn_json_u64(const json_t *o, const char *key, int need, const char *name,
	uint64_t min, uint64_t max, uint64_t *out, struct sn_err *e)
{
	const json_t *v;
	int rc = get(o, key, need, name, "a whole number", is_int, &v, e);
	json_int_t n;

	if (rc <= 0)
		return rc;
	n = json_integer_value(v);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return sn_err(e, SN_ENO, "%s: key \"%s\": %lld is not between %llu and %llu", name,
			key, (long long)n, (unsigned long long)min, (unsigned long long)max);
	*out = (uint64_t)n;
	return 0;
}

int sn_json_num(const json_t *o, const char *key, int need, const char *name,
	double *out, struct sn_err *e)
{
	const json_t *v;
	int rc = get(o, key, need, name, "a number", is_num, &v, e);

	if (rc > 0)
		*out = json_number_value(v);
	return rc < 0 ? rc : 0;
}

int sn_json_bool(const json_t *o, const char *key, int need, const char *name,
	bool *out, struct sn_err *e)
{
	const json_t *v;
	int rc = get(o, key, need, name, "true or false", is_bool, &v, e);

	if (rc > 0)
		*out = json_is_true(v);
	return rc < 0 ? rc : 0;
}

int sn_json_arr(const json_t *o, const char *key, int need, const char *name,
	const json_t **out, struct sn_err *e)
{
	const json_t *v;
	int rc = get(o, key, need, name, "an array", is_arr, &v, e);

	if (rc > 0)
		*out = v;
	return rc < 0 ? rc : 0;
}

int sn_json_obj(const json_t *o, const char *key, int need, const char *name,
	const json_t **out, struct sn_err *e)
{
	const json_t *v;
	int rc = get(o, key, need, name, "an object", is_obj, &v, e);

	if (rc > 0)
		*out = v;
	return rc < 0 ? rc : 0;
}

void sn_buf_value(struct sn_buf *b, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		sn_buf_chr(b, '{');
		i = 0;
		json_object_foreach((json_t *)(uintptr_t)v, key, item) {
			if (i++)
				sn_buf_chr(b, ',');
			sn_buf_json(b, key, strlen(key));
			sn_buf_chr(b, ':');
			sn_buf_value(b, item);
		}
		sn_buf_chr(b, '}');
		break;
	case JSON_ARRAY:
		sn_buf_chr(b, '[');
		json_array_foreach(v, i, item) {
			if (i)
				sn_buf_chr(b, ',');
			sn_buf_value(b, item);
		}
		sn_buf_chr(b, ']');
		break;
	case JSON_STRING:
		sn_buf_json(b, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		sn_buf_fmt(b, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		sn_buf_double(b, json_real_value(v));
		break;
	case JSON_TRUE:
		sn_buf_str(b, "true");
		break;
	case JSON_FALSE:
		sn_buf_str(b, "false");
		break;
	case JSON_NULL:
		sn_buf_str(b, "null");
		break;
	}
}
