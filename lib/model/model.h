/*
 * A model: a Hugging Face directory (config.json, *.safetensors with or without an
 * index, tokenizer.json, tokenizer_config.json) or one GGUF file.
 *
 * sn_model_open() does everything.  Who wants to know which part is wrong calls
 * sn_model_find() and then the steps one by one, in this order; each needs the
 * ones before it, except that the tokenizer needs only find and config.  A step
 * that failed leaves the model as it was.  Weight files are mapped, never read whole.
 */
#ifndef SN_MODEL_MODEL_H
#define SN_MODEL_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "model/config.h"
#include "model/tokenizer.h"
#include "model/weights.h"
#include "util/digest.h"
#include "util/err.h"

struct sn_model;

int sn_model_open(struct sn_model **m, const char *path, struct sn_err *e);
void sn_model_close(struct sn_model *m);

int sn_model_find(struct sn_model **m, const char *path, struct sn_err *e);  /* which files */
int sn_model_load_config(struct sn_model *m, struct sn_err *e);
int sn_model_load_headers(struct sn_model *m, struct sn_err *e);    /* tensors against file sizes */
int sn_model_bind(struct sn_model *m, struct sn_err *e);            /* shapes against the config */
int sn_model_load_tokenizer(struct sn_model *m, struct sn_err *e);  /* and its ids against it */

/* What find found: the files that decide a result, sorted by name as bytes. */
struct sn_model_file {
	const char *name, *path;
	uint64_t size;
	uint64_t id[3];         /* device, inode, time of the last change: what was found */
};
const struct sn_model_file *sn_model_files(const struct sn_model *m, size_t *n);
const char *sn_model_path(const struct sn_model *m);
int sn_model_is_gguf(const struct sn_model *m);

const struct sn_config *sn_model_config(const struct sn_model *m);
const struct sn_tokenizer *sn_model_tokenizer(const struct sn_model *m);
/* Every tensor of every file, those without a role too. */
const struct sn_tensor *sn_model_tensors(const struct sn_model *m, size_t *n);
/* layer counts only for the roles from SN_W_ATTN_NORM on.  Never NULL after bind. */
const struct sn_tensor *sn_model_tensor(const struct sn_model *m, enum sn_role role,
	uint32_t layer);

/* After bind.  Parameters: a tied head counts once.  Bytes: of parameters and buffers
 * (rope's inv_freq, head_dim/2) in bf16.  dtype: that of most parameters, "BF16". */
uint64_t sn_model_parameters(const struct sn_model *m);
uint64_t sn_model_bytes(const struct sn_model *m);
const char *sn_model_dtype(const struct sn_model *m);

/*
 * SHA-256 over "<sha256 hex> <size> <name>\n" of each file of sn_model_files().
 * Reads every byte, once; `tick' (may be NULL) is told how many are done.
 * Made at the first call and kept; not for two threads at once.
 */
int sn_model_digest(struct sn_model *m, void (*tick)(void *arg, uint64_t bytes), void *arg,
	uint8_t out[SN_DIGEST], struct sn_err *e);

#endif
