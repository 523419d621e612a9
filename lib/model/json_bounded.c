#include "model/json_bounded.h"

/* Commas and opening brackets outside of strings: values, or more. */
static size_t count(const char *p, size_t n)
{
	size_t k = 1;
	bool in = false;

	for (size_t i = 0; i < n; i++) {
		if (in) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in = false;
		} else if (p[i] == '"') {
			in = true;
		} else if (p[i] == ',' || p[i] == '[' || p[i] == '{') {
			k++;
		}
	}
	return k;
}

int sn_json_bounded(const char *p, size_t n, const char *name, size_t max, json_t **out,
	struct sn_err *e)
{
	int rc;

	*out = NULL;
	if (count(p, n) > max)
		return sn_err(e, SN_ENO, "%s: more than %zu JSON values", name, max);
	rc = sn_json_parse(p, n, name, out, e);
	if (rc == 0 && !json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return sn_err(e, SN_ENO, "%s: expected a JSON object", name);
	}
	return rc;
}
