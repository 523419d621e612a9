/* What a stranger sends: the Authorization header, the key in it, an address. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), client[SN_LIMIT_NAME];
	const char *token;
	struct sn_key k;
	struct sn_err e = { 0 };

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	token = sn_gate_bearer(text);
	if (sn_key_parse(token, strlen(token), &k, &e) == 0 &&
	    (strlen(k.id) != SN_KEY_ID || memcmp(k.id, token + 3, SN_KEY_ID)))
		abort();
	if (sn_key_parse((const char *)data, size, &k, &e) < 0 && !e.msg[0])
		abort();
	if (strlen(sn_gate_client(text, client)) >= SN_LIMIT_NAME)
		abort();
	free(text);
	return 0;
}
