/*
 * Small nets with random weights, for the tests of lib/infer, made from integers by one
 * multiplication each, so that the same net appears everywhere.
 */
#ifndef SN_TESTS_TESTNET_H
#define SN_TESTS_TESTNET_H

#include <stdlib.h>
#include <string.h>

#include "infer/net.h"

static uint32_t rng_next(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (uint32_t)(*s * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

static float rng_uniform(uint64_t *s)
{
	return (float)((int32_t)(rng_next(s) >> 8) - (1 << 23)) * 0x1p-23f;
}

/* x with 10 bits of fraction and |x| from 2^-14 on, to f16 */
static uint16_t to_f16(float x)
{
	uint32_t b, e;

	memcpy(&b, &x, 4);
	e = b >> 23 & 255;
	if (e < 113)
		return (uint16_t)(b >> 16 & 0x8000);
	return (uint16_t)((b >> 16 & 0x8000) | (e - 112) << 10 | (b >> 13 & 0x3ff));
}

static void testnet_fill(struct sn_tensor *t, uint64_t *s, float scale, float offset)
{
	uint8_t *p;
	uint64_t n = t->shape[0] * t->shape[1];
	const struct sn_dtype_info *d = &sn_dtypes[t->dtype];

	p = malloc(t->bytes ? t->bytes : 1);
	t->data = p;
	for (uint64_t i = 0; i < n; i += d->block, p += d->bytes) {
		float x = rng_uniform(s) * scale + offset;
		uint32_t b;
		uint16_t h;

		memcpy(&b, &x, 4);
		switch (t->dtype) {
		case SN_F32:
			memcpy(p, &b, 4);
			break;
		case SN_BF16:
			h = (uint16_t)(b >> 16);
			memcpy(p, &h, 2);
			break;
		case SN_F16:
			h = to_f16(x);
			memcpy(p, &h, 2);
			break;
		default:
			/* block scale, then an offset near minus 8 of it, then quants */
			h = to_f16(scale * (t->dtype == SN_Q8_0 ? 0x1p-7f : 0x1p-3f));
			memcpy(p, &h, 2);
			if (t->dtype == SN_Q4_1) {
				h = to_f16(-scale * 0.9375f);
				memcpy(p + 2, &h, 2);
			}
			for (uint32_t j = t->dtype == SN_Q4_1 ? 4 : 2; j < d->bytes; j++)
				p[j] = (uint8_t)(rng_next(s) >> 24);
		}
	}
}

static void testnet_tensor(struct sn_net *net, enum sn_role role, uint32_t layer, const char *name,
	enum sn_dtype dtype, uint64_t rows, uint64_t cols, uint32_t pairs, uint64_t *s)
{
	struct sn_tensor *t = calloc(1, sizeof(*t));
	char *label = malloc(32);
	float scale = 2;

	snprintf(label, 32, role < SN_W_ATTN_NORM ? "%s" : "%s.%u", name, layer);
	t->name = label;
	t->dtype = cols % sn_dtypes[dtype].block ? SN_F32 : dtype;
	t->ndim = rows == 1 ? 1 : 2;
	t->shape[0] = rows;
	t->shape[1] = cols;
	t->shape[2] = t->shape[3] = 1;
	t->pair_heads = pairs;
	t->bytes = (size_t)(rows * cols / sn_dtypes[t->dtype].block * sn_dtypes[t->dtype].bytes);
	for (uint64_t e = 1; e < cols; e *= 4)
		scale /= 2;
	if (rows == 1)
		t->dtype = SN_F32, t->bytes = cols * 4;
	testnet_fill(t, s, rows == 1 ? 0.25f : role == SN_W_EMBED ? 1 : scale, rows == 1);
	if (t->ndim == 1) {
		t->shape[0] = cols;
		t->shape[1] = 1;
	}
	net->t[role < SN_W_ATTN_NORM ? (size_t)role : role + (size_t)layer * SN_PER_LAYER] = t;
}

/* cfg's sizes are set; dtype for matrices whose rows have whole blocks, else F32 */
__attribute__((unused))
static void testnet_init(struct sn_net *net, const struct sn_config *cfg, enum sn_dtype dtype,
	int pairs, uint64_t seed)
{
	static const char *const names[SN_ROLES] = { "embed", "final_norm", "head", "attn_norm", "q",
		"k", "v", "o", "ffn_norm", "gate", "up", "down" };
	uint64_t q = (uint64_t)cfg->n_heads * cfg->head_dim, s = seed;
	uint64_t kv = (uint64_t)cfg->n_kv_heads * cfg->head_dim;
	const uint64_t shape[SN_ROLES][2] = {
		{ cfg->vocab, cfg->hidden }, { 1, cfg->hidden }, { cfg->vocab, cfg->hidden },
		{ 1, cfg->hidden }, { q, cfg->hidden }, { kv, cfg->hidden }, { kv, cfg->hidden },
		{ cfg->hidden, q }, { 1, cfg->hidden },
		{ cfg->ffn, cfg->hidden }, { cfg->ffn, cfg->hidden }, { cfg->hidden, cfg->ffn } };

	net->cfg = *cfg;
	net->owned = false;
	net->t = calloc(SN_W_ATTN_NORM + (size_t)cfg->n_layers * SN_PER_LAYER, sizeof(*net->t));
	for (uint32_t i = 0; i < (cfg->n_layers ? cfg->n_layers : 1); i++)
		for (int r = i ? SN_W_ATTN_NORM : 0; r < (cfg->n_layers ? SN_ROLES : SN_W_ATTN_NORM); r++) {
			if (r == SN_W_HEAD && cfg->tied) {
				net->t[r] = net->t[SN_W_EMBED];
				continue;
			}
			testnet_tensor(net, (enum sn_role)r, i, names[r], dtype, shape[r][0], shape[r][1],
				!pairs ? 0 : r == SN_W_Q ? cfg->n_heads : r == SN_W_K ? cfg->n_kv_heads : 0, &s);
		}
}

__attribute__((unused))
static void testnet_release(struct sn_net *net)
{
	size_t n = SN_W_ATTN_NORM + (size_t)net->cfg.n_layers * SN_PER_LAYER;

	for (size_t i = 0; i < n; i++) {
		if (!net->t[i] || (i == SN_W_HEAD && net->cfg.tied))
			continue;
		free((void *)(uintptr_t)net->t[i]->data);
		free((void *)(uintptr_t)net->t[i]->name);
		free((void *)(uintptr_t)net->t[i]);
	}
	free(net->t);
}

#endif
