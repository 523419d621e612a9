/*
 * What the forward pass sees of a model: its facts and its tensors by role.  Made from
 * a struct sn_model by sn_infer_open(); tests make their own.
 */
#ifndef SN_INFER_NET_H
#define SN_INFER_NET_H

#include "infer/infer.h"
#include "model/config.h"
#include "model/weights.h"

struct sn_net {
	struct sn_config cfg;
	/* by role: the three of the whole net, then those of layer 0, of layer 1, ... */
	const struct sn_tensor **t;
	bool owned;                     /* t is freed by sn_infer_close() */
};

enum { SN_PER_LAYER = SN_ROLES - SN_W_ATTN_NORM };

static inline const struct sn_tensor *sn_net_tensor(const struct sn_net *net, enum sn_role role,
	uint32_t layer)
{
	return net->t[role < SN_W_ATTN_NORM ? (size_t)role : role + (size_t)layer * SN_PER_LAYER];
}

/* The net is copied; its tensors must outlive the struct.  On failure t is the caller's. */
int sn_infer_open_net(struct sn_infer **inf, const struct sn_net *net,
	const struct sn_infer_opts *o, struct sn_err *e);

/*
 * Elements k0 .. k0 + n - 1 of a row, counted in the order of the Hugging Face layout
 * (pair_heads undone), widened to f32 by SCORING's rules.  k0 is a multiple of 32.
 */
void sn_widen(const struct sn_tensor *t, uint64_t row, uint64_t k0, size_t n, float *out);

/* Rope's tables for positions 0 .. n - 1: cos and sin [n, head_dim/2]. */
void sn_rope_tables(const struct sn_config *c, uint32_t n, float *cos, float *sin);
float sn_attention_scale(const struct sn_config *c);
/* f32(m + log l) */
float sn_lse(float m, float l);

/* One sequence through the reference; `threads' and the like do not concern it. */
int sn_ref_run(const struct sn_net *net, enum sn_numerics numerics, const struct sn_seq *seq,
	size_t index, size_t *bad, struct sn_err *e);

#endif
