/*
 * Tensors: what a weight file lists, and the table of roles they play in the
 * forward pass.  Their bytes are those of the mapped file (read-only, shared), in
 * the order the file has them.  A tensor belongs to the model it came from.
 */
#ifndef SN_MODEL_WEIGHTS_H
#define SN_MODEL_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "model/config.h"
#include "util/err.h"

struct sn_map;

enum sn_dtype { SN_F32, SN_F16, SN_BF16, SN_Q8_0, SN_Q4_0, SN_Q4_1, SN_DTYPES };

/*
 * Elements per block and bytes of a block; a row (the innermost dimension) is a
 * whole number of blocks.  Quantised blocks of 32, all numbers little-endian:
 *   Q8_0   f16 d, 32 x i8 q               w = d * q
 *   Q4_0   f16 d, 16 bytes of nibbles     w = d * (q - 8)
 *   Q4_1   f16 d, f16 m, 16 bytes         w = d * q + m
 * where byte j holds element j in its low nibble and element j + 16 in its high.
 */
struct sn_dtype_info { const char *name; uint32_t block, bytes; };
extern const struct sn_dtype_info sn_dtypes[SN_DTYPES];

struct sn_tensor {
	const char *name;               /* as the file calls it */
	enum sn_dtype dtype;
	unsigned ndim;                  /* 0..4 */
	uint64_t shape[4];              /* outermost first: [out, in]; 1 behind ndim */
	const uint8_t *data;            /* not aligned to anything */
	size_t bytes;
	/*
	 * Not 0: this many heads, stored as GGUF stores llama's q and k: within a head
	 * rope's partners are neighbours.  Stored row 2i of a head is row i in the order
	 * of the Hugging Face layout, 2i + 1 is row i + head_dim/2.
	 */
	uint32_t pair_heads;
	const char *file;               /* the file it is in, for messages */
	uint64_t at;                    /* offset of data in that file */
	const struct sn_map *map;       /* the file as it is mapped; NULL: data is plain memory */
};

/* Elements; shapes that come out of a parser never overflow this. */
uint64_t sn_tensor_elements(const struct sn_tensor *t);
/* Set t->bytes from dtype and shape, with every multiplication checked and the
 * innermost dimension a whole number of blocks; the message starts with `file'. */
int sn_tensor_size(struct sn_tensor *t, const char *file, struct sn_err *e);
/* "[576, 1536]" into out[88]; returns out. */
char *sn_shape_text(const struct sn_tensor *t, char out[88]);

/* The roles, in the order of the forward pass.  Those from ATTN_NORM on are per layer. */
enum sn_role {
	SN_W_EMBED,             /* [vocab, hidden] */
	SN_W_FINAL_NORM,        /* [hidden] */
	SN_W_HEAD,              /* [vocab, hidden]; the embedding itself when tied */
	SN_W_ATTN_NORM,         /* [hidden] */
	SN_W_Q,                 /* [heads * head_dim, hidden] */
	SN_W_K, SN_W_V,         /* [kv_heads * head_dim, hidden] */
	SN_W_O,                 /* [hidden, heads * head_dim] */
	SN_W_FFN_NORM,          /* [hidden] */
	SN_W_GATE, SN_W_UP,     /* [ffn, hidden] */
	SN_W_DOWN,              /* [hidden, ffn] */
	SN_ROLES
};

enum sn_naming { SN_NAMES_HF, SN_NAMES_GGUF };

/*
 * Give every tensor of a list its role: roles[role] and roles[SN_W_ATTN_NORM +
 * layer * per-layer roles + ...] (see sn_weights_slot) point into t.  Shapes are
 * checked against c; a missing, an unknown and a doubled tensor are refused by
 * name, those known to change nothing are left out (they stay in the list).
 * Sets pair_heads for GGUF names.  `slots' holds sn_weights_slots(c) entries.
 */
size_t sn_weights_slots(const struct sn_config *c);
size_t sn_weights_slot(enum sn_role role, uint32_t layer);
int sn_weights_bind(const struct sn_config *c, enum sn_naming naming, const char *file,
	struct sn_tensor *t, size_t n, const struct sn_tensor **slots, struct sn_err *e);

/* Whether a tensor of this name is one that every reader ignores (rotary tables). */
int sn_weights_ignored(enum sn_naming naming, const char *name);

#endif
