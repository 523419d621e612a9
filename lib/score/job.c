#include "score/job.h"

#include <string.h>

#include "util/json.h"

int sn_part_set(struct sn_profile_opts *o, const char *name, size_t len, double value,
	struct sn_err *e)
{
	for (int i = 0; i < SN_PARTS; i++) {
		if (strlen(sn_part_names[i]) != len || memcmp(sn_part_names[i], name, len))
			continue;
		if (!(value >= 0 && value <= 1))
			return sn_err(e, SN_EUSE, "%s: %g is not between 0 and 1", sn_part_names[i], value);
		o->part[i] = value;
		return 0;
	}
	return sn_err(e, SN_EUSE, "no part is called \"%.*s\" (there are %s, %s, %s, %s)",
		(int)(len < 60 ? len : 60), name, sn_part_names[0], sn_part_names[1], sn_part_names[2],
		sn_part_names[3]);
}

static int known(const json_t *o, const char *name, struct sn_err *e)
{
	static const char *const keys[] = { "model", "records", "profile", "template", "numerics",
		"target", "pair", "parts" };
	const char *key;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		for (i = 0; i < sizeof(keys) / sizeof(*keys) && strcmp(keys[i], key); i++)
			;
		if (i == sizeof(keys) / sizeof(*keys))
			return sn_err(e, SN_ENO, "%s: key \"%.100s\": unknown", name, key);
	}
	return 0;
}

static int options(struct sn_score_job *j, const char *name, struct sn_err *e)
{
	const json_t *parts = NULL;
	const char *target = NULL, *key;
	json_t *v;
	int rc;

	if ((rc = sn_json_str(j->json, "target", SN_JSON_MAY, name, &target, e)) < 0 ||
	    (rc = sn_json_bool(j->json, "pair", SN_JSON_MAY, name, &j->how.pair, e)) < 0 ||
	    (rc = sn_json_obj(j->json, "parts", SN_JSON_MAY, name, &parts, e)) < 0)
		return rc;
	if (target && strcmp(target, "last") && strcmp(target, "all"))
		return sn_err(e, SN_ENO, "%s: key \"target\": expected \"last\" or \"all\"", name);
	if (target)
		j->how.target = strcmp(target, "all") ? SN_TARGET_LAST : SN_TARGET_ALL;
	json_object_foreach((json_t *)(uintptr_t)parts, key, v) {
		if (!json_is_number(v))
			return sn_err(e, SN_ENO, "%s: key \"parts\": \"%.60s\": expected a number", name,
				key);
		if (sn_part_set(&j->how, key, strlen(key), json_number_value(v), e) < 0) {
			sn_err_prefix(e, "%s: key \"parts\"", name);
			return SN_ENO;
		}
	}
	return 0;
}

int sn_score_job_parse(struct sn_score_job *j, const char *p, size_t n, const char *name,
	struct sn_err *e)
{
	int rc = sn_json_parse(p, n, name, &j->json, e);

	if (rc < 0)
		return rc;
	if (!json_is_object(j->json))
		return sn_err(e, SN_ENO, "%s: expected an object", name);
	if ((rc = known(j->json, name, e)) < 0 ||
	    (rc = sn_json_str(j->json, "model", SN_JSON_NEED, name, &j->model, e)) < 0 ||
	    (rc = sn_json_str(j->json, "records", SN_JSON_NEED, name, &j->records, e)) < 0 ||
	    (rc = sn_json_str(j->json, "profile", SN_JSON_MAY, name, &j->profile, e)) < 0 ||
	    (rc = sn_json_str(j->json, "template", SN_JSON_MAY, name, &j->template, e)) < 0 ||
	    (rc = sn_json_str(j->json, "numerics", SN_JSON_MAY, name, &j->numerics, e)) < 0)
		return rc;
	if (!strcmp(j->records, "-"))
		return sn_err(e, SN_ENO, "%s: key \"records\": expected a path or a URL", name);
	return options(j, name, e);
}

void sn_score_job_release(struct sn_score_job *j)
{
	json_decref(j->json);
	j->json = NULL;
}
