/* Two files to compare, with a zero byte between them (or one, with itself): the report
 * has no control characters, and a file agrees with itself. */
#include <stdlib.h>
#include <string.h>

#include "score/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *cut = size ? memchr(p, 0, size) : NULL;
	struct sn_side a = { "a", p, cut ? (size_t)(cut - p) : size };
	struct sn_side b = { "b", cut ? cut + 1 : p, cut ? size - a.len - 1 : size };
	struct sn_buf text = SN_BUF_INIT;
	struct sn_err e = { 0 };
	json_t *report;

	if (sn_compare(&a, &b, &report, &e) < 0) {
		if (!e.msg[0])
			abort();
		return 0;
	}
	if (!cut && !sn_compare_agree(report))
		abort();
	if (sn_compare_text(report, &text, &e) == 0)
		for (size_t i = 0; i < text.len; i++)
			if ((unsigned char)text.p[i] < 32 && text.p[i] != '\n')
				abort();
	json_decref(report);
	sn_buf_release(&text);
	return 0;
}
