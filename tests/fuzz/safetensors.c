/* A safetensors file, or (when it begins with a brace) the index over several. */
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_safetensors s;
	struct sn_st_index x;
	struct sn_err e;

	if (size && *data == '{') {
		if (sn_st_index_parse(&x, (const char *)data, size, "fuzz", &e) == 0)
			sn_st_index_release(&x);
		return 0;
	}
	if (sn_safetensors_parse(&s, data, size, "fuzz", &e))
		return 0;
	for (size_t i = 0; i < s.n; i++)        /* every byte that is promised is there */
		if (s.t[i].bytes)
			sink = s.t[i].data[0] ^ s.t[i].data[s.t[i].bytes - 1];
	sn_safetensors_release(&s);
	return 0;
}
