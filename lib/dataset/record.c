/* What a record is (DESIGN, section 5): the one place that judges a line. */
#include "dataset/dataset.h"

#include <math.h>
#include <stdio.h>

#include "util/clock.h"
#include "util/json.h"

/* Years 0 to 9999, what RFC 3339 can say. */
#define TIME_MIN (-62167219200ll)
#define TIME_MAX 253402300799ll

static int created_at(const json_t *v, int64_t now, int64_t *time, const char *where,
	struct sn_err *e)
{
	double d;

	*time = now;
	if (!v || json_is_null(v))
		return 0;
	if (json_is_string(v)) {
		if (sn_date_rfc3339(json_string_value(v), time, NULL) == 0)
			return 0;
		return sn_err(e, SN_ENO, "%s: key \"created_at\": \"%s\" is not a time such as "
			"2025-01-18T22:00:00Z", where, json_string_value(v));
	}
	if (!json_is_number(v))
		return sn_err(e, SN_ENO, "%s: key \"created_at\": expected an RFC 3339 time or "
			"Unix seconds", where);
	d = floor(json_number_value(v));        /* a fraction is dropped towards the past */
	if (!(d >= TIME_MIN && d <= TIME_MAX))
		return sn_err(e, SN_ENO, "%s: key \"created_at\": Unix seconds outside the years "
			"0 to 9999", where);
	*time = (int64_t)d;
	return 0;
}

static int messages(const json_t *list, const char *where, struct sn_err *e)
{
	static const char *const keys[] = { "role", "content" };
	const json_t *m;
	size_t i;

	json_array_foreach(list, i, m) {
		if (!json_is_object(m))
			return sn_err(e, SN_ENO, "%s: key \"messages\": item %zu: expected an object",
				where, i + 1);
		for (size_t k = 0; k < 2; k++) {
			const json_t *v = json_object_get(m, keys[k]);

			if (!json_is_string(v))
				return sn_err(e, SN_ENO, "%s: key \"messages\": item %zu: key \"%s\": %s",
					where, i + 1, keys[k], v ? "expected a string" : "missing");
		}
	}
	return 0;
}

int sn_record_check(const char *p, size_t n, const char *name, uint64_t line, int64_t now,
	int64_t *time, struct sn_err *e)
{
	const json_t *list, *id;
	const char *prompt;
	char where[300];
	json_t *o = NULL;
	int rc;

	snprintf(where, sizeof(where), "%.250s: line %llu", name, (unsigned long long)line);
	if (n > SN_RECORD_MAX)
		return sn_err(e, SN_ENO, "%s: longer than %zu bytes", where, SN_RECORD_MAX);
	rc = sn_json_parse(p, n, where, &o, e);
	if (rc < 0)
		return rc;
	if (!json_is_object(o))
		rc = sn_err(e, SN_ENO, "%s: expected an object", where);
	if (rc == 0)
		rc = sn_json_str(o, "system_prompt", SN_JSON_NEED, where, &prompt, e);
	if (rc == 0)
		rc = sn_json_arr(o, "messages", SN_JSON_NEED, where, &list, e);
	if (rc == 0)
		rc = messages(list, where, e);
	id = json_object_get(o, "id");
	if (rc == 0 && id && !json_is_string(id) && !json_is_integer(id) && !json_is_null(id))
		rc = sn_err(e, SN_ENO, "%s: key \"id\": expected a string", where);
	if (rc == 0)
		rc = created_at(json_object_get(o, "created_at"), now, time, where, e);
	json_decref(o);
	return rc;
}
