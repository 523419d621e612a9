/*
 * The header of a safetensors file: 8 bytes of length (little-endian), that many
 * bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...,
 * "__metadata__": {string: string}}, then the data, which the tensors must fill
 * without gap or overlap.
 */
#ifndef SN_MODEL_SAFETENSORS_H
#define SN_MODEL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "model/weights.h"

enum {
	SN_ST_MAX_HEADER = 100000000,   /* the format's own limit */
	SN_ST_MAX_TENSORS = 1 << 20,
};

/* Tensors in the order of their data.  Owns names; data points into the caller's bytes. */
struct sn_safetensors {
	struct sn_tensor *t;
	size_t n;
	char *names;
};

/* p: all `size' bytes of the file, of which only the header is read. */
int sn_safetensors_parse(struct sn_safetensors *s, const uint8_t *p, size_t size,
	const char *name, struct sn_err *e);
void sn_safetensors_release(struct sn_safetensors *s);

/*
 * model.safetensors.index.json: which shard holds which tensor.  Shard names are
 * plain file names ending in .safetensors, sorted by bytes, each once.
 */
struct sn_st_index {
	struct sn_st_entry { char *tensor; uint32_t shard; } *map;      /* sorted by tensor */
	size_t n;
	char **shards;
	size_t n_shards;
};
int sn_st_index_parse(struct sn_st_index *x, const char *p, size_t n, const char *name,
	struct sn_err *e);
void sn_st_index_release(struct sn_st_index *x);

#endif
