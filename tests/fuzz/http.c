/* What comes from outside before any route: the target, Accept-Encoding, If-None-Match. */
#include <stdlib.h>
#include <string.h>

#include "net/coding.h"
#include "net/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	if (!s)
		abort();
	memcpy(s, data, size);
	s[size] = 0;
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_err e = { 0 };
	struct sn_uri u;
	char *s = text(data, size), *end = s + strlen(s);
	int c = sn_coding_choose(s);

	if (c < -1 || c >= SN_CODINGS)
		abort();
	(void)sn_etag_match(s, "\"0123456789abcdef0123456789abcdef\"");
	if (sn_uri_parse(&u, s, &e) == 0) {
		if (u.nseg > SN_URI_SEGMENTS || u.nparam > SN_URI_PARAMS)
			abort();
		/* every part is a string inside the target, and can be found by its name */
		for (size_t i = 0; i < u.nseg; i++)
			if (u.seg[i] < s || u.seg[i] + strlen(u.seg[i]) > end)
				abort();
		for (size_t i = 0; i < u.nparam; i++)
			if (u.param[i].value < s || u.param[i].value + strlen(u.param[i].value) > end ||
			    sn_uri_param(&u, u.param[i].name) != u.param[i].value)
				abort();
	} else if (!e.msg[0]) {
		abort();
	}
	free(s);
	return 0;
}
