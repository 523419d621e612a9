/*
 * The header of a GGUF file, read front to back by one cursor that never passes
 * the end.  Nothing is allocated by a count from the file before that count was
 * held against the bytes that are left: each entry takes at least so many of them.
 */
#include "model/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/utf8.h"

struct cursor {
	const struct sn_gguf *g;
	size_t at;
	size_t str_used;
};

/* Bytes of a value; 0 for those that carry a length. */
static const uint8_t type_bytes[SN_GGUF_TYPES] = {
	[SN_GGUF_U8] = 1, [SN_GGUF_I8] = 1, [SN_GGUF_U16] = 2, [SN_GGUF_I16] = 2,
	[SN_GGUF_U32] = 4, [SN_GGUF_I32] = 4, [SN_GGUF_F32] = 4, [SN_GGUF_BOOL] = 1,
	[SN_GGUF_U64] = 8, [SN_GGUF_I64] = 8, [SN_GGUF_F64] = 8,
};

/* Tensor types by the file's number: known names, and what we read. */
static const struct { uint32_t n; const char *name; int dtype; } tensor_types[] = {
	{ 0, "F32", SN_F32 }, { 1, "F16", SN_F16 }, { 2, "Q4_0", SN_Q4_0 }, { 3, "Q4_1", SN_Q4_1 },
	{ 6, "Q5_0", -1 }, { 7, "Q5_1", -1 }, { 8, "Q8_0", SN_Q8_0 }, { 9, "Q8_1", -1 },
	{ 10, "Q2_K", -1 }, { 11, "Q3_K", -1 }, { 12, "Q4_K", -1 }, { 13, "Q5_K", -1 },
	{ 14, "Q6_K", -1 }, { 15, "Q8_K", -1 }, { 16, "IQ2_XXS", -1 }, { 17, "IQ2_XS", -1 },
	{ 18, "IQ3_XXS", -1 }, { 19, "IQ1_S", -1 }, { 20, "IQ4_NL", -1 }, { 21, "IQ3_S", -1 },
	{ 22, "IQ2_S", -1 }, { 23, "IQ4_XS", -1 }, { 24, "I8", -1 }, { 25, "I16", -1 },
	{ 26, "I32", -1 }, { 27, "I64", -1 }, { 28, "F64", -1 }, { 29, "IQ1_M", -1 },
	{ 30, "BF16", SN_BF16 }, { 34, "TQ1_0", -1 }, { 35, "TQ2_0", -1 }, { 39, "MXFP4", -1 },
};

static uint64_t le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static int cut(const struct cursor *c, const char *what, struct sn_err *e)
{
	return sn_err(e, SN_ENO, "%s: ends within %s, at byte %zu", c->g->name, what, c->at);
}

static size_t left(const struct cursor *c)
{
	return c->g->size - c->at;
}

static int number(struct cursor *c, size_t n, uint64_t *v, const char *what, struct sn_err *e)
{
	*v = 0;
	if (left(c) < n)
		return cut(c, what, e);
	*v = le(c->g->p + c->at, n);
	c->at += n;
	return 0;
}

static int string(struct cursor *c, const char **p, size_t *n, const char *what, struct sn_err *e)
{
	uint64_t v;
	int rc = number(c, 8, &v, what, e);

	if (rc)
		return rc;
	if (v > left(c))
		return cut(c, what, e);
	*p = (const char *)c->g->p + c->at;
	*n = (size_t)v;
	c->at += (size_t)v;
	return 0;
}

/* A key or a name: short, UTF-8, no NUL; a terminated copy goes to g->strings. */
static int name(struct cursor *c, const char **out, const char *what, struct sn_err *e)
{
	size_t n, at = c->at;
	const char *p;
	int rc = string(c, &p, &n, what, e);
	char *copy = c->g->strings + c->str_used;

	if (rc)
		return rc;
	if (!n || n > SN_GGUF_MAX_NAME || memchr(p, 0, n) || !sn_utf8_valid(p, n))
		return sn_err(e, SN_ENO, "%s: %s at byte %zu is not a name", c->g->name, what, at);
	memcpy(copy, p, n);
	copy[n] = 0;
	c->str_used += n + 1;
	*out = copy;
	return 0;
}

static int array(struct cursor *c, struct sn_gguf_kv *kv, struct sn_err *e)
{
	uint64_t type = 0;
	size_t bytes;
	int rc = number(c, 4, &type, kv->key, e);

	if (rc == 0)
		rc = number(c, 8, &kv->count, kv->key, e);
	if (rc)
		return rc;
	if (type >= SN_GGUF_TYPES || type == SN_GGUF_ARR)
		return sn_err(e, SN_ENO, "%s: key \"%s\": arrays of type %" PRIu64 " are not read",
			c->g->name, kv->key, type);
	kv->item = (enum sn_gguf_type)type;
	kv->p = c->g->p + c->at;
	if (kv->item == SN_GGUF_STR) {
		for (uint64_t i = 0; i < kv->count && rc == 0; i++) {
			const char *s;
			size_t n;

			rc = string(c, &s, &n, kv->key, e);
		}
		kv->bytes = (size_t)(c->g->p + c->at - kv->p);
		return rc;
	}
	if (!sn_mul(kv->count, type_bytes[type], &bytes) || bytes > left(c))
		return cut(c, kv->key, e);
	kv->bytes = bytes;
	c->at += bytes;
	return 0;
}

static int pair(struct cursor *c, struct sn_gguf_kv *kv, struct sn_err *e)
{
	uint64_t type = 0;
	const char *s;
	int rc = name(c, &kv->key, "a key", e);

	if (rc == 0)
		rc = number(c, 4, &type, kv->key, e);
	if (rc)
		return rc;
	if (type >= SN_GGUF_TYPES)
		return sn_err(e, SN_ENO, "%s: key \"%s\": there is no type %" PRIu64, c->g->name,
			kv->key, type);
	kv->type = (enum sn_gguf_type)type;
	if (kv->type == SN_GGUF_ARR)
		return array(c, kv, e);
	if (kv->type == SN_GGUF_STR) {
		rc = string(c, &s, &kv->bytes, kv->key, e);
		kv->p = (const uint8_t *)s;
		kv->count = kv->bytes;
		return rc;
	}
	kv->p = c->g->p + c->at;
	kv->bytes = type_bytes[type];
	if (left(c) < kv->bytes)
		return cut(c, kv->key, e);
	c->at += kv->bytes;
	return 0;
}

static int tensor_type(const struct sn_gguf *g, struct sn_tensor *t, uint64_t type, struct sn_err *e)
{
	for (size_t i = 0; i < sizeof(tensor_types) / sizeof(tensor_types[0]); i++) {
		if (tensor_types[i].n != type)
			continue;
		if (tensor_types[i].dtype < 0)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\": type %s is not supported", g->name,
				t->name, tensor_types[i].name);
		t->dtype = (enum sn_dtype)tensor_types[i].dtype;
		return 0;
	}
	return sn_err(e, SN_ENO, "%s: tensor \"%s\": there is no type %" PRIu64, g->name, t->name,
		type);
}

/* The file has the innermost dimension first. */
static int tensor(struct cursor *c, struct sn_tensor *t, struct sn_err *e)
{
	uint64_t ndim = 0, type = 0;
	int rc = name(c, &t->name, "a tensor's name", e);

	t->file = c->g->name;
	if (rc == 0)
		rc = number(c, 4, &ndim, t->name, e);
	if (rc)
		return rc;
	if (ndim < 1 || ndim > 4)
		return sn_err(e, SN_ENO, "%s: tensor \"%s\": %" PRIu64 " dimensions", c->g->name,
			t->name, ndim);
	t->ndim = (unsigned)ndim;
	for (unsigned i = t->ndim; i-- && rc == 0;)
		rc = number(c, 8, &t->shape[i], t->name, e);
	if (rc == 0)
		rc = number(c, 4, &type, t->name, e);
	if (rc == 0)
		rc = number(c, 8, &t->at, t->name, e);
	if (rc == 0)
		rc = tensor_type(c->g, t, type, e);
	return rc ? rc : sn_tensor_size(t, c->g->name, e);
}

static int by_at(const void *a, const void *b)
{
	const struct sn_tensor *const *x = a, *const *y = b;

	if ((*x)->at != (*y)->at)
		return (*x)->at < (*y)->at ? -1 : 1;
	return (*x)->bytes < (*y)->bytes ? -1 : (*x)->bytes > (*y)->bytes;
}

static int by_name(const void *a, const void *b)
{
	const struct sn_tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int by_key(const void *a, const void *b)
{
	const struct sn_gguf_kv *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* Offsets are from the first aligned byte behind the header. */
static int place(struct sn_gguf *g, size_t head, struct sn_err *e)
{
	size_t base = (head + g->alignment - 1) / g->alignment * g->alignment;
	struct sn_tensor **s;
	int rc = 0;

	if (!g->n_t)
		return sn_err(e, SN_ENO, "%s: has no tensors", g->name);
	s = calloc(g->n_t, sizeof(*s));
	if (!s)
		return sn_err_mem(e);
	for (size_t i = 0; i < g->n_t; i++)
		s[i] = &g->t[i];
	qsort(s, g->n_t, sizeof(*s), by_name);
	for (size_t i = 1; i < g->n_t && rc == 0; i++)
		if (!strcmp(s[i - 1]->name, s[i]->name))
			rc = sn_err(e, SN_ENO, "%s: tensor \"%s\" is there twice", g->name, s[i]->name);
	for (size_t i = 0; i < g->n_t && rc == 0; i++) {
		struct sn_tensor *t = s[i];

		if (t->at % g->alignment)
			rc = sn_err(e, SN_ENO, "%s: tensor \"%s\": offset %" PRIu64 " is not a multiple "
				"of %u", g->name, t->name, t->at, g->alignment);
		else if (base > g->size || t->at > g->size - base || t->bytes > g->size - base - t->at)
			rc = sn_err(e, SN_ENO, "%s: tensor \"%s\": its %zu bytes at offset %" PRIu64
				" are not in the file of %zu bytes", g->name, t->name, t->bytes, t->at, g->size);
		else
			t->at += base;
	}
	if (rc == 0)
		qsort(s, g->n_t, sizeof(*s), by_at);
	for (size_t i = 1; i < g->n_t && rc == 0; i++)
		if (s[i]->at < s[i - 1]->at + s[i - 1]->bytes)
			rc = sn_err(e, SN_ENO, "%s: tensors \"%s\" and \"%s\" overlap", g->name,
				s[i - 1]->name, s[i]->name);
	for (size_t i = 0; i < g->n_t && rc == 0; i++)
		g->t[i].data = g->p + g->t[i].at;
	free(s);
	return rc;
}

static int counts(struct cursor *c, struct sn_gguf *g, struct sn_err *e)
{
	uint64_t version = 0, n_t = 0, n_kv = 0;
	int rc;

	if (g->size < 4 || memcmp(g->p, "GGUF", 4))
		return sn_err(e, SN_ENO, "%s: not a GGUF file", g->name);
	c->at = 4;
	rc = number(c, 4, &version, "the header", e);
	if (rc == 0 && version >> 24 && !(version & 0xffff))
		return sn_err(e, SN_ENO, "%s: a big-endian GGUF file is not supported", g->name);
	if (rc == 0 && version != 2 && version != 3)
		return sn_err(e, SN_ENO, "%s: GGUF version %" PRIu64 " is not supported", g->name, version);
	if (rc == 0)
		rc = number(c, 8, &n_t, "the header", e);
	if (rc == 0)
		rc = number(c, 8, &n_kv, "the header", e);
	if (rc)
		return rc;
	/* a pair takes at least 8 + 1 + 4 + 1 bytes, a tensor 8 + 1 + 4 + 8 + 4 + 8 */
	if (n_kv > SN_GGUF_MAX_KV || n_kv > left(c) / 14)
		return sn_err(e, SN_ENO, "%s: claims %" PRIu64 " metadata keys", g->name, n_kv);
	if (n_t > SN_GGUF_MAX_TENSORS || n_t > left(c) / 33)
		return sn_err(e, SN_ENO, "%s: claims %" PRIu64 " tensors", g->name, n_t);
	g->version = (uint32_t)version;
	g->n_kv = (size_t)n_kv;
	g->n_t = (size_t)n_t;
	return 0;
}

/* How many bytes all names may take: found by a walk before they are copied. */
static int reserve(struct sn_gguf *g, struct sn_err *e)
{
	size_t n = g->n_kv + g->n_t, bytes;

	bytes = n * (SN_GGUF_MAX_NAME + 1);
	if (bytes > g->size + n)        /* each name lies in the file, once */
		bytes = g->size + n;
	g->kv = calloc(g->n_kv ? g->n_kv : 1, sizeof(*g->kv));
	g->t = calloc(g->n_t ? g->n_t : 1, sizeof(*g->t));
	g->strings = malloc(bytes ? bytes : 1);
	return g->kv && g->t && g->strings ? 0 : sn_err_mem(e);
}

int sn_gguf_parse(struct sn_gguf *g, const uint8_t *p, size_t size, const char *file,
	struct sn_err *e)
{
	struct cursor c = { .g = g };
	uint64_t align = 32;
	int rc;

	*g = (struct sn_gguf){ .name = file, .p = p, .size = size };
	rc = counts(&c, g, e);
	if (rc == 0)
		rc = reserve(g, e);
	for (size_t i = 0; rc == 0 && i < g->n_kv; i++)
		rc = pair(&c, &g->kv[i], e);
	if (rc == 0) {
		qsort(g->kv, g->n_kv, sizeof(*g->kv), by_key);
		for (size_t i = 1; i < g->n_kv && rc == 0; i++)
			if (!strcmp(g->kv[i - 1].key, g->kv[i].key))
				rc = sn_err(e, SN_ENO, "%s: key \"%s\" is there twice", file, g->kv[i].key);
	}
	for (size_t i = 0; rc == 0 && i < g->n_t; i++)
		rc = tensor(&c, &g->t[i], e);
	if (rc == 0)
		rc = sn_gguf_u64(g, "general.alignment", SN_JSON_MAY, 1, 65536, &align, e);
	if (rc == 0 && align & (align - 1))
		rc = sn_err(e, SN_ENO, "%s: key \"general.alignment\": %" PRIu64 " is not a power of two",
			file, align);
	g->alignment = (uint32_t)align;
	if (rc == 0)
		rc = place(g, c.at, e);
	if (rc)
		sn_gguf_release(g);
	return rc;
}

void sn_gguf_release(struct sn_gguf *g)
{
	free(g->kv);
	free(g->t);
	free(g->strings);
	*g = (struct sn_gguf){ 0 };
}

const struct sn_gguf_kv *sn_gguf_find(const struct sn_gguf *g, const char *key)
{
	struct sn_gguf_kv k = { .key = key };

	return bsearch(&k, g->kv, g->n_kv, sizeof(k), by_key);
}

static int wrong(const struct sn_gguf *g, const char *key, const char *want, struct sn_err *e)
{
	return sn_err(e, SN_ENO, "%s: key \"%s\": expected %s", g->name, key, want);
}

static const struct sn_gguf_kv *need_key(const struct sn_gguf *g, const char *key, int need,
	int *rc, struct sn_err *e)
{
	const struct sn_gguf_kv *kv = sn_gguf_find(g, key);

	*rc = kv || !need ? 0 : sn_err(e, SN_ENO, "%s: key \"%s\": missing", g->name, key);
	return kv;
}

int sn_gguf_u64(const struct sn_gguf *g, const char *key, int need, uint64_t min, uint64_t max,
	uint64_t *out, struct sn_err *e)
{
	int rc;
	const struct sn_gguf_kv *kv = need_key(g, key, need, &rc, e);
	uint64_t v;

	if (!kv)
		return rc;
	if (kv->type > SN_GGUF_I32 && kv->type != SN_GGUF_U64 && kv->type != SN_GGUF_I64)
		return wrong(g, key, "a whole number", e);
	v = le(kv->p, kv->bytes);
	if (kv->type == SN_GGUF_I8 || kv->type == SN_GGUF_I16 || kv->type == SN_GGUF_I32 ||
	    kv->type == SN_GGUF_I64) {
		if (v >> (8 * kv->bytes - 1) & 1)
			return sn_err(e, SN_ENO, "%s: key \"%s\": negative", g->name, key);
	}
	if (v < min || v > max)
		return sn_err(e, SN_ENO, "%s: key \"%s\": %" PRIu64 " is not between %" PRIu64 " and %"
			PRIu64, g->name, key, v, min, max);
	*out = v;
	return 0;
}

int sn_gguf_num(const struct sn_gguf *g, const char *key, int need, double *out, struct sn_err *e)
{
	int rc;
	const struct sn_gguf_kv *kv = need_key(g, key, need, &rc, e);

	if (!kv)
		return rc;
	if (kv->type == SN_GGUF_F32) {
		uint32_t bits = (uint32_t)le(kv->p, 4);
		float f;

		memcpy(&f, &bits, 4);
		*out = (double)f;
	} else if (kv->type == SN_GGUF_F64) {
		uint64_t bits = le(kv->p, 8);

		memcpy(out, &bits, 8);
	} else {
		return wrong(g, key, "a number with a fraction", e);
	}
	return 0;
}

int sn_gguf_bool(const struct sn_gguf *g, const char *key, int need, bool *out, struct sn_err *e)
{
	int rc;
	const struct sn_gguf_kv *kv = need_key(g, key, need, &rc, e);

	if (!kv)
		return rc;
	if (kv->type != SN_GGUF_BOOL || kv->p[0] > 1)
		return wrong(g, key, "true or false", e);
	*out = kv->p[0];
	return 0;
}

int sn_gguf_str(const struct sn_gguf *g, const char *key, int need, const char **p, size_t *n,
	struct sn_err *e)
{
	int rc;
	const struct sn_gguf_kv *kv = need_key(g, key, need, &rc, e);

	if (!kv)
		return rc;
	if (kv->type != SN_GGUF_STR)
		return wrong(g, key, "a string", e);
	if (!sn_utf8_valid((const char *)kv->p, kv->bytes))
		return wrong(g, key, "UTF-8", e);
	*p = (const char *)kv->p;
	*n = kv->bytes;
	return 0;
}

void sn_gguf_walk(struct sn_gguf_walk *w, const struct sn_gguf_kv *kv)
{
	w->at = kv->p;
	w->left = kv->type == SN_GGUF_ARR && kv->item == SN_GGUF_STR ? kv->count : 0;
}

bool sn_gguf_next(struct sn_gguf_walk *w, const char **p, size_t *n)
{
	if (!w->left)
		return false;
	*n = (size_t)le(w->at, 8);
	*p = (const char *)w->at + 8;
	w->at += 8 + *n;
	w->left--;
	return true;
}
