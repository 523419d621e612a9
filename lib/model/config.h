/*
 * What a model's architecture is: the facts of config.json or of a GGUF file's
 * metadata that change a result.  A key that changes the result and is not
 * understood is refused by its name; keys that change nothing are in a table
 * (config.c), and what is in neither is refused too.
 */
#ifndef SN_MODEL_CONFIG_H
#define SN_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

enum sn_rope_scaling { SN_ROPE_PLAIN };

struct sn_config {
	const char *name;               /* "llama"; a constant */
	uint32_t n_layers;
	uint32_t n_heads, n_kv_heads;   /* n_heads is a multiple of n_kv_heads */
	uint32_t head_dim;              /* even */
	uint32_t hidden, ffn;
	uint32_t vocab;                 /* rows of the embedding, and logits */
	uint32_t max_positions;
	float rms_eps;                  /* > 0 */
	double rope_theta;              /* > 0 */
	enum sn_rope_scaling rope_scaling;
	bool tied;                      /* the output head is the embedding */
	int64_t bos, eos, pad;          /* -1: none; the first one where the file lists several */
};

/* Limits, far above any model in use, which keep sizes made from them within 64 bits. */
enum {
	SN_CONFIG_MAX_LAYERS = 1024,
	SN_CONFIG_MAX_HEADS = 4096,
	SN_CONFIG_MAX_HEAD_DIM = 4096,
	SN_CONFIG_MAX_DIM = 1 << 20,            /* hidden, ffn */
	SN_CONFIG_MAX_VOCAB = 1 << 22,
	SN_CONFIG_MAX_POSITIONS = 1 << 26,
	SN_CONFIG_MAX_BYTES = 1 << 20,          /* of config.json */
};

struct sn_gguf;

/* From the n bytes of a config.json called `name' in messages. */
int sn_config_json(struct sn_config *c, const char *p, size_t n, const char *name,
	struct sn_err *e);
/* From a GGUF file's metadata; vocab and tied come from its tensors. */
int sn_config_gguf(struct sn_config *c, const struct sn_gguf *g, struct sn_err *e);

#endif
