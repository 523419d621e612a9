/* HEAD, or a log segment.  Checksums would keep a fuzzer out, so they are put right
 * first (the low bit of the first byte says whether). */
#include <stdlib.h>

#include "dataset/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *p, size_t n)
{
	uint64_t sum, one = 1;

	if (n < SN_SEG_HEADER)
		return;
	memcpy(p, SN_SEG_MAGIC, 8);
	memcpy(p + 8, &one, 8);
	sum = sn_checksum(0, 0, p, SN_SEG_HEADER);
	for (size_t at = SN_SEG_HEADER; n - at >= 16; ) {
		uint32_t len = sn_get32(p + at + 4);

		if (len > n - at - 16)
			break;
		sum = sn_checksum(sum, 1, p + at, len + 8);
		memcpy(p + at + 8 + len, &sum, 8);
		at += len + 16;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_err e = { 0 };
	struct sn_segment_link link;
	struct sn_state st;
	struct sn_head h;
	uint8_t *copy;
	int rc;

	if (!size)
		return 0;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	sn_head_parse(copy, size - 1, "fuzz", &h, &e);
	if (size - 1 == SN_HEAD_BYTES) {
		uint64_t sum = sn_checksum(0, 0, copy, SN_HEAD_BYTES - 8);

		memcpy(copy + SN_HEAD_BYTES - 8, &sum, 8);
		sn_head_parse(copy, size - 1, "fuzz", &h, &e);
	}
	if (data[0] & 1)
		mend(copy, size - 1);
	rc = sn_segment_parse(copy, size - 1, 1, "fuzz", &st, &link, NULL, &e);
	/* what is accepted has shards that cover its rows */
	if (rc == 0) {
		uint64_t row = 0;

		for (size_t i = 0; i < st.parts; i++) {
			if (st.part[i].row != row)
				abort();
			row += st.part[i].n;
		}
		if (row != st.snap.records)
			abort();
	}
	sn_state_release(&st);
	free(copy);
	return 0;
}
