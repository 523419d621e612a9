/* A shard file: whatever its footer and columns say, reading stays inside it. */
#include <stdlib.h>

#include "dataset/shard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_shard s = { .map = { data, size }, .path = (char[]){ "fuzz" } };
	struct sn_unpack u = { 0 };
	struct sn_err e = { 0 };
	uint8_t digest[SN_DIGEST];
	const char *p;
	size_t n;

	if (sn_shard_layout(&s, NULL, &e) < 0)
		return 0;
	sn_shard_sum(&s);
	for (uint64_t i = 0; i < s.f.n && i < 200; i++) {
		if (sn_unpack_get(&u, &s, i, &p, &n, &e) == 0 && p[n] != '\n')
			abort();
		sn_shard_digest(&s, i, digest);
		sn_shard_find(&s, digest);
	}
	sn_unpack_release(&u);
	ZSTD_freeDDict(atomic_load(&s.ddict));
	return 0;
}
