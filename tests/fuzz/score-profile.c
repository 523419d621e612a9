/* A profile's file: whatever is taken has a name, a base's functions, and sane numbers. */
#include <stdlib.h>
#include <string.h>

#include "score/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_profile *p;
	struct sn_err e = { 0 };
	int rc = sn_profile_parse(&p, (const char *)data, size, "profile", &e);
	json_t *rules;

	if (rc == 0) {
		const char *at = strrchr(p->name, '@');

		rules = sn_profile_rules(p);
		if (!at || at == p->name || strlen(at) != 17 || !p->prepare || !rules)
			abort();
		if (!(p->rules.max_length >= 2 && p->rules.max_length <= SN_CONFIG_MAX_POSITIONS))
			abort();
		if (p->takes_pair && !(p->rules.max_target_tokens < p->rules.max_length))
			abort();
		json_decref(rules);
		sn_profile_free(p);
	} else if (p || !e.msg[0]) {
		abort();
	}
	return 0;
}
