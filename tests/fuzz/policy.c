/* Policy files, and questions put to those that are accepted. */
#include "board/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_policy p;
	struct sn_err e;

	if (sn_policy_parse(&p, (const char *)data, size, "fuzz", &e) == 0) {
		sn_policy_word(&p, "formats", "gguf", &e);
		sn_policy_number(&p, "max_parameters", 5, &e);
		sn_policy_release(&p);
	}
	return 0;
}
