/* config.json of a model. */
#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_config c;
	struct sn_err e;

	(void)sn_config_json(&c, (const char *)data, size, "fuzz", &e);
	return 0;
}
