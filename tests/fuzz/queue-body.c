/* A body in a job's line: whatever the bytes, the line is one line of JSON, and gives the
 * bytes back: as they are where they are JSON, from the string or from base64 where not. */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void back_from_base64(const char *text, const uint8_t *data, size_t size)
{
	unsigned char *got = malloc(size + 1);
	size_t n = 0;

	if (!got || sodium_base642bin(got, size + 1, text, strlen(text), NULL, &n, NULL,
		sodium_base64_VARIANT_ORIGINAL) < 0 || n != size || memcmp(got, data, n))
		abort();
	free(got);
}

/* Is the text between `"body":' and `}' the input but for its line ends? */
static bool verbatim(const char *p, size_t n, const uint8_t *data, size_t size)
{
	if (n != size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] != (char)data[i] && !(p[i] == ' ' && (data[i] == '\n' || data[i] == '\r')))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_buf b = SN_BUF_INIT;
	const json_t *body, *b64;
	json_error_t je;
	json_t *o;

	sn_buf_chr(&b, '{');
	sn_body_json(&b, data, size);
	sn_buf_chr(&b, '}');
	if (sn_buf_ok(&b, "line", NULL) < 0 || memchr(b.p, '\n', b.len))
		abort();
	o = json_loadb(b.p, b.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &je);
	body = json_object_get(o, "body");
	b64 = json_object_get(o, "body_base64");
	if (!body)
		abort();
	if (b64)
		back_from_base64(json_string_value(b64), data, size);
	else if (!verbatim(b.p + 8, b.len - 9, data, size) && !(json_is_string(body) &&
		json_string_length(body) == size && !memcmp(json_string_value(body), data, size)))
		abort();
	json_decref(o);
	sn_buf_release(&b);
	return 0;
}
