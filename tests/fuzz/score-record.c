/* A line that is to be a record. */
#include <stdlib.h>
#include <string.h>

#include "score/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_err e = { 0 };
	struct sn_record r;
	int rc = sn_record_parse(&r, (const char *)data, size, "input", 1, &e);

	if (rc == 0) {
		/* every text is there to its last byte */
		for (size_t i = 0; i < r.n; i++)
			if (strlen(r.messages[i].content) != r.messages[i].content_len ||
			    !r.messages[i].role[0] != !strlen(r.messages[i].role))
				abort();
		if (!r.mem || !r.system)
			abort();
	} else if (!e.msg[0]) {
		abort();
	}
	sn_record_release(&r);
	return 0;
}
