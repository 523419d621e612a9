/*
 * model - what is in a model, for the tests
 *
 *   model PATH    name, layers, parameters, bytes, dtype, digest, one a line
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"

static struct sn_err err;

static int die(struct sn_model *m)
{
	fprintf(stderr, "model: %s\n", err.msg);
	sn_model_close(m);
	return -err.code;
}

int main(int argc, char **argv)
{
	uint8_t digest[SN_DIGEST];
	char hex[SN_DIGEST_HEX];
	struct sn_model *m = NULL;

	if (argc != 2 || sodium_init() < 0)
		return 100;
	if (sn_model_open(&m, argv[1], &err))
		return die(m);
	if (sn_model_digest(m, NULL, NULL, digest, &err))
		return die(m);
	printf("name %s\nlayers %u\nparameters %" PRIu64 "\nbytes %" PRIu64 "\ndtype %s\ndigest %s\n",
		sn_model_config(m)->name, sn_model_config(m)->n_layers, sn_model_parameters(m),
		sn_model_bytes(m), sn_model_dtype(m), sn_hex(digest, hex));
	sn_model_close(m);
	return fflush(stdout) ? 111 : 0;
}
