/* A summary that is to be printed for people: whatever it is, no control characters. */
#include <stdlib.h>

#include "score/report.h"
#include "util/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_err e = { 0 };
	json_t *v;

	if (sn_json_parse((const char *)data, size, "input", &v, &e) < 0)
		return 0;
	if (sn_report_text(v, "input", &b, &e) == 0)
		for (size_t i = 0; i < b.len; i++)
			if ((unsigned char)b.p[i] < 32 && b.p[i] != '\n')
				abort();
	json_decref(v);
	sn_buf_release(&b);
	return 0;
}
