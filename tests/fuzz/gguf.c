/* A GGUF file: header, config, roles, tokenizer and a few ids from it. */
#include <sodium.h>
#include <stdlib.h>

#include "model/gguf.h"
#include "model/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void use(struct sn_gguf *g)
{
	static const char text[] = "Hello, it's 2025 <s> \xff\n\n  e\xcc\x81";
	const struct sn_tensor **slots;
	struct sn_tok_scratch *s;
	struct sn_tokenizer *t;
	struct sn_ids ids = { 0 };
	struct sn_config c;
	struct sn_err e;

	for (size_t i = 0; i < g->n_t; i++)     /* every byte that is promised is there */
		if (g->t[i].bytes)
			sink = g->t[i].data[0] ^ g->t[i].data[g->t[i].bytes - 1];
	if (sn_config_gguf(&c, g, &e) == 0) {
		slots = calloc(sn_weights_slots(&c), sizeof(*slots));
		if (!slots)
			abort();
		(void)sn_weights_bind(&c, SN_NAMES_GGUF, "fuzz", g->t, g->n_t, slots, &e);
		free(slots);
	}
	if (sn_tokenizer_gguf(&t, g, &e))
		return;
	if (sn_tok_scratch_new(&s, t, &e) == 0) {
		(void)sn_tokenizer_encode(t, s, text, sizeof(text) - 1, SN_TOK_ADD_SPECIAL, 0, &ids, &e);
		sn_tok_scratch_free(s);
	}
	free(ids.v);
	sn_tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_gguf g;
	struct sn_err e;

	if (sodium_init() < 0)
		abort();
	if (sn_gguf_parse(&g, data, size, "fuzz", &e))
		return 0;
	use(&g);
	sn_gguf_release(&g);
	return 0;
}
