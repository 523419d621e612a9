/* tokenizer.json, then (each behind a NUL) tokenizer_config.json and a text to encode. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "model/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *cut(const char **p, const char *end, size_t *n)
{
	const char *start = *p, *stop = start ? memchr(start, 0, (size_t)(end - start)) : NULL;

	*n = start ? (size_t)((stop ? stop : end) - start) : 0;
	*p = stop ? stop + 1 : NULL;
	return start;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size, *json, *conf, *text;
	size_t n, conf_n, text_n;
	struct sn_tok_scratch *s;
	struct sn_tokenizer *t;
	struct sn_ids ids = { 0 };
	struct sn_err e;

	if (sodium_init() < 0)
		abort();
	json = cut(&p, end, &n);
	conf = cut(&p, end, &conf_n);
	text = cut(&p, end, &text_n);
	if (sn_tokenizer_json(&t, json, n, "fuzz", conf, conf_n, conf ? "conf" : NULL, &e))
		return 0;
	if (sn_tok_scratch_new(&s, t, &e) == 0) {
		if (sn_tokenizer_encode(t, s, text ? text : "", text_n, SN_TOK_ADD_SPECIAL, 20, &ids,
		    &e) == 0)
			for (size_t i = 0; i < ids.n; i++)
				if (!sn_tokenizer_piece(t, ids.v[i], &n))
					abort();
		if (ids.n > 20)
			abort();
		sn_tok_scratch_free(s);
	}
	free(ids.v);
	sn_tokenizer_close(t);
	return 0;
}
