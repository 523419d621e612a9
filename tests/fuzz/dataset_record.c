/* Any line: accepted with a time in range, or refused with a message. */
#include <stdlib.h>

#include "dataset/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_err e = { 0 };
	int64_t time = 0;
	int rc = sn_record_check((const char *)data, size, "fuzz", 1, 1, &time, &e);

	if (rc == 0 ? time < -62167219200 - 86400 || time > 253402300799 + 86400 :
	    rc != SN_ENO || !e.msg[0])
		abort();
	return 0;
}
