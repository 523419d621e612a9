/*
 * A GGUF file (versions 2 and 3, little-endian): metadata and tensors.  Only the
 * header is read; every length is checked against the file before use.  Strings
 * and arrays stay where they are in the caller's bytes.
 */
#ifndef SN_MODEL_GGUF_H
#define SN_MODEL_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/weights.h"

enum sn_gguf_type {
	SN_GGUF_U8, SN_GGUF_I8, SN_GGUF_U16, SN_GGUF_I16, SN_GGUF_U32, SN_GGUF_I32,
	SN_GGUF_F32, SN_GGUF_BOOL, SN_GGUF_STR, SN_GGUF_ARR, SN_GGUF_U64, SN_GGUF_I64,
	SN_GGUF_F64, SN_GGUF_TYPES
};

struct sn_gguf_kv {
	const char *key;                /* NUL-terminated copy */
	enum sn_gguf_type type;
	enum sn_gguf_type item;         /* of an array */
	uint64_t count;                 /* items of an array, bytes of a string */
	const uint8_t *p;               /* the value, or the first item's bytes */
	size_t bytes;                   /* of value or items, checked to lie in the file */
};

enum {
	SN_GGUF_MAX_KV = 1 << 16,
	SN_GGUF_MAX_TENSORS = 1 << 20,
	SN_GGUF_MAX_NAME = 1 << 12,     /* bytes of a key or a tensor's name */
};

struct sn_gguf {
	const char *name;               /* the file, for messages; not owned */
	const uint8_t *p;
	size_t size;
	uint32_t version, alignment;
	struct sn_gguf_kv *kv;
	size_t n_kv;
	struct sn_tensor *t;            /* in the order of the header */
	size_t n_t;
	char *strings;                  /* keys and names */
};

int sn_gguf_parse(struct sn_gguf *g, const uint8_t *p, size_t size, const char *name,
	struct sn_err *e);
void sn_gguf_release(struct sn_gguf *g);

const struct sn_gguf_kv *sn_gguf_find(const struct sn_gguf *g, const char *key);

/* Typed reads; need and messages as in util/json.h: `NAME: key "KEY": expected ...'. */
int sn_gguf_u64(const struct sn_gguf *g, const char *key, int need, uint64_t min, uint64_t max,
	uint64_t *out, struct sn_err *e);
int sn_gguf_num(const struct sn_gguf *g, const char *key, int need, double *out, struct sn_err *e);
int sn_gguf_bool(const struct sn_gguf *g, const char *key, int need, bool *out, struct sn_err *e);
int sn_gguf_str(const struct sn_gguf *g, const char *key, int need, const char **p, size_t *n,
	struct sn_err *e);

/* Walk an array of strings: *at starts at kv->p; false at the end. */
struct sn_gguf_walk { const uint8_t *at; uint64_t left; };
void sn_gguf_walk(struct sn_gguf_walk *w, const struct sn_gguf_kv *kv);
bool sn_gguf_next(struct sn_gguf_walk *w, const char **p, size_t *n);

#endif
