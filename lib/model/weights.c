/*
 * Tensors and their roles.  One table row per role says what it is called in
 * either naming and which facts of the config its shape is made of; a name is
 * resolved to (role, layer), and a slot array indexed by both is filled.
 */
#include "model/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/buf.h"

const struct sn_dtype_info sn_dtypes[SN_DTYPES] = {
	[SN_F32] = { "F32", 1, 4 },
	[SN_F16] = { "F16", 1, 2 },
	[SN_BF16] = { "BF16", 1, 2 },
	[SN_Q8_0] = { "Q8_0", 32, 34 },
	[SN_Q4_0] = { "Q4_0", 32, 18 },
	[SN_Q4_1] = { "Q4_1", 32, 20 },
};

uint64_t sn_tensor_elements(const struct sn_tensor *t)
{
	uint64_t n = 1;

	for (unsigned i = 0; i < t->ndim; i++)
		n *= t->shape[i];
	return n;
}

int sn_tensor_size(struct sn_tensor *t, const char *file, struct sn_err *e)
{
	const struct sn_dtype_info *d = &sn_dtypes[t->dtype];
	size_t n = 1;
	char shape[88];

	for (unsigned i = t->ndim; i < 4; i++)
		t->shape[i] = 1;
	for (unsigned i = 0; i < t->ndim; i++)
		if (!sn_mul(n, t->shape[i], &n) || n > (uint64_t)1 << 56)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\": its shape %s is too large", file,
				t->name, sn_shape_text(t, shape));
	if (n % d->block || (d->block > 1 && (!t->ndim || t->shape[t->ndim - 1] % d->block)))
		return sn_err(e, SN_ENO, "%s: tensor \"%s\": rows of %s in shape %s are not whole "
			"blocks of %u", file, t->name, d->name, sn_shape_text(t, shape), d->block);
	if (!sn_mul(n / d->block, d->bytes, &t->bytes))
		return sn_err(e, SN_ENO, "%s: tensor \"%s\": its shape %s is too large", file, t->name,
			sn_shape_text(t, shape));
	return 0;
}

char *sn_shape_text(const struct sn_tensor *t, char out[88])
{
	size_t n = 0;

	out[n++] = '[';
	for (unsigned i = 0; i < t->ndim && i < 4; i++)
		n += (size_t)snprintf(out + n, 88 - n, "%s%" PRIu64, i ? ", " : "", t->shape[i]);
	snprintf(out + n, 88 - n, "]");
	return out;
}

/* What a dimension is made of. */
enum dim { NONE, VOCAB, HIDDEN, FFN, Q_ROWS, KV_ROWS };

static uint64_t dim_of(const struct sn_config *c, enum dim d)
{
	switch (d) {
	case VOCAB: return c->vocab;
	case HIDDEN: return c->hidden;
	case FFN: return c->ffn;
	case Q_ROWS: return (uint64_t)c->n_heads * c->head_dim;
	case KV_ROWS: return (uint64_t)c->n_kv_heads * c->head_dim;
	case NONE: break;
	}
	return 1;
}

static const struct role {
	const char *hf, *gguf;          /* per layer: behind "model.layers.N." and "blk.N." */
	enum dim dim[2];
} roles[SN_ROLES] = {
	[SN_W_EMBED] = { "model.embed_tokens.weight", "token_embd.weight", { VOCAB, HIDDEN } },
	[SN_W_FINAL_NORM] = { "model.norm.weight", "output_norm.weight", { HIDDEN } },
	[SN_W_HEAD] = { "lm_head.weight", "output.weight", { VOCAB, HIDDEN } },
	[SN_W_ATTN_NORM] = { "input_layernorm.weight", "attn_norm.weight", { HIDDEN } },
	[SN_W_Q] = { "self_attn.q_proj.weight", "attn_q.weight", { Q_ROWS, HIDDEN } },
	[SN_W_K] = { "self_attn.k_proj.weight", "attn_k.weight", { KV_ROWS, HIDDEN } },
	[SN_W_V] = { "self_attn.v_proj.weight", "attn_v.weight", { KV_ROWS, HIDDEN } },
	[SN_W_O] = { "self_attn.o_proj.weight", "attn_output.weight", { HIDDEN, Q_ROWS } },
	[SN_W_FFN_NORM] = { "post_attention_layernorm.weight", "ffn_norm.weight", { HIDDEN } },
	[SN_W_GATE] = { "mlp.gate_proj.weight", "ffn_gate.weight", { FFN, HIDDEN } },
	[SN_W_UP] = { "mlp.up_proj.weight", "ffn_up.weight", { FFN, HIDDEN } },
	[SN_W_DOWN] = { "mlp.down_proj.weight", "ffn_down.weight", { HIDDEN, FFN } },
};

static const char *const layer_prefix[] = {
	[SN_NAMES_HF] = "model.layers.",
	[SN_NAMES_GGUF] = "blk.",
};

enum { PER_LAYER = SN_ROLES - SN_W_ATTN_NORM };

size_t sn_weights_slots(const struct sn_config *c)
{
	return SN_W_ATTN_NORM + (size_t)c->n_layers * PER_LAYER;
}

size_t sn_weights_slot(enum sn_role role, uint32_t layer)
{
	return role < SN_W_ATTN_NORM ? role : role + (size_t)layer * PER_LAYER;
}

static const char *role_name(enum sn_naming naming, enum sn_role role)
{
	return naming == SN_NAMES_HF ? roles[role].hf : roles[role].gguf;
}

/* "PREFIX12.REST": the number, without leading zeros, and what is behind the dot. */
static const char *layer_of(const char *name, const char *prefix, uint32_t *layer)
{
	size_t n = strlen(prefix);
	uint32_t v = 0;

	if (strncmp(name, prefix, n))
		return NULL;
	name += n;
	if (*name < '0' || *name > '9' || (*name == '0' && name[1] != '.'))
		return NULL;
	for (; *name >= '0' && *name <= '9'; name++) {
		v = v * 10 + (uint32_t)(*name - '0');
		if (v > SN_CONFIG_MAX_LAYERS)
			return NULL;
	}
	*layer = v;
	return *name == '.' ? name + 1 : NULL;
}

/* Tables that are made from the config and only lie in old files. */
int sn_weights_ignored(enum sn_naming naming, const char *name)
{
	uint32_t layer;
	const char *rest;

	if (naming == SN_NAMES_GGUF)
		return 0;
	rest = layer_of(name, layer_prefix[naming], &layer);
	return (rest && !strcmp(rest, "self_attn.rotary_emb.inv_freq")) ||
		!strcmp(name, "model.rotary_emb.inv_freq");
}

static int find_role(enum sn_naming naming, const char *name, uint32_t *layer)
{
	const char *rest = layer_of(name, layer_prefix[naming], layer);
	int from = rest ? SN_W_ATTN_NORM : 0, to = rest ? SN_ROLES : SN_W_ATTN_NORM;

	if (!rest) {
		rest = name;
		*layer = 0;
	}
	for (int r = from; r < to; r++)
		if (!strcmp(rest, role_name(naming, (enum sn_role)r)))
			return r;
	return -1;
}

static int check_shape(const struct sn_config *c, const struct sn_tensor *t, enum sn_role role,
	struct sn_err *e)
{
	const enum dim *d = roles[role].dim;
	struct sn_tensor want = { .ndim = d[1] == NONE ? 1 : 2 };
	char a[88], b[88];

	want.shape[0] = dim_of(c, d[0]);
	want.shape[1] = dim_of(c, d[1]);
	if (t->ndim == want.ndim && t->shape[0] == want.shape[0] &&
	    (want.ndim == 1 || t->shape[1] == want.shape[1]))
		return 0;
	return sn_err(e, SN_ENO, "%s: tensor \"%s\": its shape is %s, and by the config %s", t->file,
		t->name, sn_shape_text(t, a), sn_shape_text(&want, b));
}

static int missing(enum sn_naming naming, const char *file, enum sn_role role, uint32_t layer,
	struct sn_err *e)
{
	if (role < SN_W_ATTN_NORM)
		return sn_err(e, SN_ENO, "%s: tensor \"%s\" is missing", file, role_name(naming, role));
	return sn_err(e, SN_ENO, "%s: tensor \"%s%u.%s\" is missing", file, layer_prefix[naming],
		layer, role_name(naming, role));
}

int sn_weights_bind(const struct sn_config *c, enum sn_naming naming, const char *file,
	struct sn_tensor *t, size_t n, const struct sn_tensor **slots, struct sn_err *e)
{
	int rc;

	memset(slots, 0, sn_weights_slots(c) * sizeof(*slots));
	for (size_t i = 0; i < n; i++) {
		uint32_t layer;
		int role = find_role(naming, t[i].name, &layer);
		const struct sn_tensor **slot;

		if (role < 0 && sn_weights_ignored(naming, t[i].name))
			continue;
		if (role < 0 || layer >= c->n_layers)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\" has no place in a %s model of %u layers",
				t[i].file, t[i].name, c->name, c->n_layers);
		rc = check_shape(c, &t[i], (enum sn_role)role, e);
		if (rc)
			return rc;
		slot = &slots[sn_weights_slot((enum sn_role)role, layer)];
		if (*slot)
			return sn_err(e, SN_ENO, "%s: tensor \"%s\" is there twice", t[i].file, t[i].name);
		*slot = &t[i];
		t[i].pair_heads = naming != SN_NAMES_GGUF ? 0 : role == SN_W_Q ? c->n_heads :
			role == SN_W_K ? c->n_kv_heads : 0;
	}
	/* a tied head that is stored all the same is the embedding, as transformers has it */
	if (c->tied)
		slots[SN_W_HEAD] = slots[SN_W_EMBED];
	for (int r = 0; r < SN_ROLES; r++)
		for (uint32_t l = 0; l < (r < SN_W_ATTN_NORM ? 1 : c->n_layers); l++)
			if (!slots[sn_weights_slot((enum sn_role)r, l)])
				return missing(naming, file, (enum sn_role)r, l, e);
	return 0;
}
