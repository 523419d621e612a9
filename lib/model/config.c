/*
 * config.json and GGUF metadata of the Llama architecture.
 *
 * Every key of config.json is looked up in one table: it is read, or it must have
 * the one value that changes nothing, or it never changes a score (how a model was
 * made, how text is generated).  A key in no row might change the result, and is
 * refused by its name; so is a value that asks for arithmetic we do not do.
 */
#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf.h"
#include "model/json_bounded.h"

enum rule { READ, ANY, FALSE, NIL, ZERO, ONE, EMPTY };

static const struct key { const char *name; enum rule rule; } keys[] = {
	{ "_attn_implementation_autoset", ANY },
	{ "_name_or_path", ANY },
	{ "add_cross_attention", FALSE },
	{ "architectures", READ },
	{ "attention_bias", FALSE },
	{ "attention_dropout", ANY },
	{ "bad_words_ids", ANY },
	{ "begin_suppress_tokens", ANY },
	{ "bos_token_id", READ },
	{ "chunk_size_feed_forward", ANY },
	{ "cross_attention_hidden_size", NIL },
	{ "decoder_start_token_id", ANY },
	{ "diversity_penalty", ANY },
	{ "do_sample", ANY },
	{ "dtype", ANY },
	{ "early_stopping", ANY },
	{ "encoder_no_repeat_ngram_size", ANY },
	{ "eos_token_id", READ },
	{ "exponential_decay_length_penalty", ANY },
	{ "finetuning_task", ANY },
	{ "forced_bos_token_id", ANY },
	{ "forced_eos_token_id", ANY },
	{ "head_dim", READ },
	{ "hidden_act", READ },
	{ "hidden_size", READ },
	{ "id2label", ANY },
	{ "initializer_range", ANY },
	{ "intermediate_size", READ },
	{ "is_decoder", ANY },
	{ "is_encoder_decoder", FALSE },
	{ "is_llama_config", ANY },
	{ "label2id", ANY },
	{ "length_penalty", ANY },
	{ "max_length", ANY },
	{ "max_position_embeddings", READ },
	{ "min_length", ANY },
	{ "mlp_bias", FALSE },
	{ "model_type", READ },
	{ "no_repeat_ngram_size", ANY },
	{ "num_attention_heads", READ },
	{ "num_beam_groups", ANY },
	{ "num_beams", ANY },
	{ "num_hidden_layers", READ },
	{ "num_key_value_heads", READ },
	{ "num_return_sequences", ANY },
	{ "output_attentions", ANY },
	{ "output_hidden_states", ANY },
	{ "output_scores", ANY },
	{ "pad_token_id", READ },
	{ "partial_rotary_factor", ONE },
	{ "prefix", ANY },
	{ "pretraining_tp", ONE },
	{ "problem_type", ANY },
	{ "pruned_heads", EMPTY },
	{ "quantization_config", NIL },
	{ "remove_invalid_values", ANY },
	{ "repetition_penalty", ANY },
	{ "return_dict", ANY },
	{ "return_dict_in_generate", ANY },
	{ "rms_norm_eps", READ },
	{ "rope_interleaved", FALSE },
	{ "rope_parameters", READ },
	{ "rope_scaling", READ },
	{ "rope_theta", READ },
	{ "sep_token_id", ANY },
	{ "sliding_window", NIL },
	{ "suppress_tokens", ANY },
	{ "task_specific_params", ANY },
	{ "temperature", ANY },
	{ "tf_legacy_loss", ANY },
	{ "tie_encoder_decoder", FALSE },
	{ "tie_word_embeddings", READ },
	{ "tokenizer_class", ANY },
	{ "top_k", ANY },
	{ "top_p", ANY },
	{ "torch_dtype", ANY },
	{ "torchscript", ANY },
	{ "transformers.js_config", ANY },
	{ "transformers_version", ANY },
	{ "typical_p", ANY },
	{ "unsloth_fixed", ANY },
	{ "unsloth_version", ANY },
	{ "use_bfloat16", ANY },
	{ "use_cache", ANY },
	{ "use_sliding_window", FALSE },
	{ "vocab_size", READ },
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct key *)a)->name, ((const struct key *)b)->name);
}

/* Whether v is the value, or one of those, which changes nothing. */
static bool harmless(enum rule rule, const json_t *v)
{
	switch (rule) {
	case READ:
	case ANY:
		return true;
	case FALSE:
		return json_is_null(v) || json_is_false(v);
	case NIL:
		return json_is_null(v);
	case ZERO:
		return json_is_null(v) || (json_is_number(v) && json_number_value(v) == 0);
	case ONE:
		return json_is_null(v) || (json_is_number(v) && json_number_value(v) == 1);
	case EMPTY:
		return json_is_null(v) || (json_is_object(v) && !json_object_size(v)) ||
			(json_is_array(v) && !json_array_size(v));
	}
	return false;
}

static int unsupported(const char *name, const char *key, const json_t *v, struct sn_err *e)
{
	struct sn_buf b;

	sn_buf_init(&b, 1 << 16);
	sn_buf_value(&b, v);
	sn_err(e, SN_ENO, "%s: key \"%s\": %.120s%s is not supported", name, key,
		b.p && !b.over ? b.p : "its value", b.p && !b.over && b.len > 120 ? "..." : "");
	sn_buf_release(&b);
	return SN_ENO;
}

static int check_keys(const json_t *o, const char *name, struct sn_err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		struct key want = { .name = key };
		const struct key *k = bsearch(&want, keys, sizeof(keys) / sizeof(keys[0]),
			sizeof(keys[0]), by_name);

		if (!k)
			return sn_err(e, SN_ENO, "%s: key \"%s\": not known, and it might change the result",
				name, key);
		if (!harmless(k->rule, v))
			return unsupported(name, key, v, e);
	}
	return 0;
}

static int check_kind(const json_t *o, const char *name, struct sn_err *e)
{
	const char *type = NULL, *act = "silu";
	const json_t *arch = NULL, *a;
	int rc = sn_json_str(o, "model_type", SN_JSON_NEED, name, &type, e);

	if (rc == 0 && strcmp(type, "llama"))
		return unsupported(name, "model_type", json_object_get(o, "model_type"), e);
	if (rc == 0)
		rc = sn_json_arr(o, "architectures", SN_JSON_MAY, name, &arch, e);
	if (rc == 0)
		rc = sn_json_str(o, "hidden_act", SN_JSON_MAY, name, &act, e);
	if (rc)
		return rc;
	a = json_array_get(arch, 0);
	if (arch && (json_array_size(arch) != 1 || !json_is_string(a) ||
	    strcmp(json_string_value(a), "LlamaForCausalLM")))
		return unsupported(name, "architectures", arch, e);
	if (strcmp(act, "silu") && strcmp(act, "swish"))
		return unsupported(name, "hidden_act", json_object_get(o, "hidden_act"), e);
	return 0;
}

/* {"rope_type" or "type": "default"}, and in rope_parameters "rope_theta" beside it. */
static int rope_object(struct sn_config *c, const json_t *o, const char *key, const char *name,
	struct sn_err *e)
{
	const json_t *r = json_object_get(o, key);
	const char *k;
	json_t *v;

	if (!r || json_is_null(r))
		return 0;
	if (!json_is_object(r))
		return unsupported(name, key, r, e);
	json_object_foreach((json_t *)(uintptr_t)r, k, v) {
		bool type = !strcmp(k, "rope_type") || !strcmp(k, "type");

		if (type && (json_is_null(v) || (json_is_string(v) &&
		    !strcmp(json_string_value(v), "default"))))
			continue;
		if (!strcmp(k, "partial_rotary_factor") && harmless(ONE, v))
			continue;
		if (!strcmp(key, "rope_parameters") && !strcmp(k, "rope_theta") && json_is_number(v)) {
			c->rope_theta = json_number_value(v);
			continue;
		}
		return unsupported(name, key, r, e);
	}
	return 0;
}

static int count(const json_t *o, const char *key, int need, const char *name, uint64_t max,
	uint32_t *out, struct sn_err *e)
{
	uint64_t v = *out;
	int rc = sn_json_u64(o, key, need, name, 1, max, &v, e);

	*out = (uint32_t)v;
	return rc;
}

/* A token id, null, or a list of ids of which the first is taken. */
static int token_id(const json_t *o, const char *key, const char *name, int64_t *out,
	struct sn_err *e)
{
	const json_t *v = json_object_get(o, key);

	*out = -1;
	if (json_is_array(v))
		v = json_array_get(v, 0);
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < -1 || json_integer_value(v) > INT32_MAX)
		return sn_err(e, SN_ENO, "%s: key \"%s\": expected a token id", name, key);
	*out = json_integer_value(v);
	return 0;
}

static int read_sizes(struct sn_config *c, const json_t *o, const char *name, struct sn_err *e)
{
	const struct {
		const char *key; int need; uint64_t max; uint32_t *out;
	} sizes[] = {
		{ "vocab_size", SN_JSON_NEED, SN_CONFIG_MAX_VOCAB, &c->vocab },
		{ "hidden_size", SN_JSON_NEED, SN_CONFIG_MAX_DIM, &c->hidden },
		{ "intermediate_size", SN_JSON_NEED, SN_CONFIG_MAX_DIM, &c->ffn },
		{ "num_hidden_layers", SN_JSON_NEED, SN_CONFIG_MAX_LAYERS, &c->n_layers },
		{ "num_attention_heads", SN_JSON_NEED, SN_CONFIG_MAX_HEADS, &c->n_heads },
		{ "num_key_value_heads", SN_JSON_MAY, SN_CONFIG_MAX_HEADS, &c->n_kv_heads },
		{ "head_dim", SN_JSON_MAY, SN_CONFIG_MAX_HEAD_DIM, &c->head_dim },
		{ "max_position_embeddings", SN_JSON_MAY, SN_CONFIG_MAX_POSITIONS, &c->max_positions },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && rc == 0; i++)
		rc = count(o, sizes[i].key, sizes[i].need, name, sizes[i].max, sizes[i].out, e);
	return rc;
}

/* What holds for any source, and head_dim from the sizes where it was not given. */
static int settle(struct sn_config *c, const char *name, struct sn_err *e)
{
	if (!c->n_kv_heads)
		c->n_kv_heads = c->n_heads;
	if (!c->head_dim) {
		if (c->hidden % c->n_heads)
			return sn_err(e, SN_ENO, "%s: %u attention heads do not divide a hidden size of %u",
				name, c->n_heads, c->hidden);
		c->head_dim = c->hidden / c->n_heads;
	}
	if (c->n_heads % c->n_kv_heads)
		return sn_err(e, SN_ENO, "%s: %u key/value heads do not divide %u attention heads", name,
			c->n_kv_heads, c->n_heads);
	if (c->head_dim % 2 || c->head_dim > SN_CONFIG_MAX_HEAD_DIM)
		return sn_err(e, SN_ENO, "%s: a head dimension of %u", name, c->head_dim);
	if (!(c->rms_eps > 0) || c->rms_eps > 1)
		return sn_err(e, SN_ENO, "%s: an RMSNorm epsilon of %g", name, (double)c->rms_eps);
	if (!(c->rope_theta >= 1) || c->rope_theta > 1e15)
		return sn_err(e, SN_ENO, "%s: a rope theta of %g", name, c->rope_theta);
	return 0;
}

/* transformers' defaults for keys that may be absent */
static const struct sn_config defaults = {
	.name = "llama", .max_positions = 2048, .rope_theta = 10000, .rope_scaling = SN_ROPE_PLAIN,
	.bos = -1, .eos = -1, .pad = -1,
};

int sn_config_json(struct sn_config *c, const char *p, size_t n, const char *name,
	struct sn_err *e)
{
	double eps = 1e-6;
	json_t *o = NULL;
	int rc;

	*c = defaults;
	if (n > SN_CONFIG_MAX_BYTES)
		return sn_err(e, SN_ENO, "%s: larger than %d bytes", name, SN_CONFIG_MAX_BYTES);
	rc = sn_json_bounded(p, n, name, SN_CONFIG_MAX_BYTES / 8, &o, e);
	if (rc == 0)
		rc = check_kind(o, name, e);
	if (rc == 0)
		rc = check_keys(o, name, e);
	if (rc == 0)
		rc = read_sizes(c, o, name, e);
	if (rc == 0)
		rc = sn_json_num(o, "rms_norm_eps", SN_JSON_MAY, name, &eps, e);
	if (rc == 0)
		rc = sn_json_num(o, "rope_theta", SN_JSON_MAY, name, &c->rope_theta, e);
	if (rc == 0)
		rc = sn_json_bool(o, "tie_word_embeddings", SN_JSON_MAY, name, &c->tied, e);
	if (rc == 0)
		rc = rope_object(c, o, "rope_scaling", name, e);
	if (rc == 0)
		rc = rope_object(c, o, "rope_parameters", name, e);
	if (rc == 0)
		rc = token_id(o, "bos_token_id", name, &c->bos, e);
	if (rc == 0)
		rc = token_id(o, "eos_token_id", name, &c->eos, e);
	if (rc == 0)
		rc = token_id(o, "pad_token_id", name, &c->pad, e);
	json_decref(o);
	c->rms_eps = (float)eps;
	return rc ? rc : settle(c, name, e);
}

/* llama.* of a GGUF file, with the prefix left out. */
static const struct key meta[] = {
	{ "attention.causal", READ },
	{ "attention.head_count", READ },
	{ "attention.head_count_kv", READ },
	{ "attention.key_length", READ },
	{ "attention.layer_norm_rms_epsilon", READ },
	{ "attention.sliding_window", ZERO },
	{ "attention.value_length", READ },
	{ "block_count", READ },
	{ "context_length", READ },
	{ "embedding_length", READ },
	{ "expert_count", ZERO },
	{ "expert_used_count", ZERO },
	{ "feed_forward_length", READ },
	{ "rope.dimension_count", READ },
	{ "rope.freq_base", READ },
	{ "rope.scale_linear", ONE },
	{ "rope.scaling.type", READ },
	{ "vocab_size", READ },
};

static int check_meta(const struct sn_gguf *g, struct sn_err *e)
{
	static const char prefix[] = "llama.";
	uint64_t n = 0;
	double x = 1;
	int rc = 0;

	for (size_t i = 0; i < g->n_kv && rc == 0; i++) {
		struct key want = { .name = g->kv[i].key };
		const struct key *k;

		if (strncmp(want.name, prefix, sizeof(prefix) - 1))
			continue;
		want.name += sizeof(prefix) - 1;
		k = bsearch(&want, meta, sizeof(meta) / sizeof(meta[0]), sizeof(meta[0]), by_name);
		if (!k)
			return sn_err(e, SN_ENO, "%s: key \"%s\": not known, and it might change the result",
				g->name, g->kv[i].key);
		if (k->rule == ZERO)
			rc = sn_gguf_u64(g, g->kv[i].key, SN_JSON_NEED, 0, 0, &n, e);
		else if (k->rule == ONE)
			rc = sn_gguf_num(g, g->kv[i].key, SN_JSON_NEED, &x, e);
		if (rc == 0 && x != 1)
			rc = sn_err(e, SN_ENO, "%s: key \"%s\": %g is not supported", g->name,
				g->kv[i].key, x);
	}
	return rc;
}

/* A string key, where it is there, must have this value. */
static int must_be(const struct sn_gguf *g, const char *key, int need, const char *want,
	struct sn_err *e)
{
	const char *p = want;
	size_t n = strlen(want);
	int rc = sn_gguf_str(g, key, need, &p, &n, e);

	if (rc == 0 && (n != strlen(want) || memcmp(p, want, n)))
		rc = sn_err(e, SN_ENO, "%s: key \"%s\": \"%.*s\" is not supported", g->name, key,
			n > 80 ? 80 : (int)n, p);
	return rc;
}

static int meta_sizes(struct sn_config *c, const struct sn_gguf *g, struct sn_err *e)
{
	const struct {
		const char *key; int need; uint64_t max; uint32_t *out;
	} sizes[] = {
		{ "llama.block_count", SN_JSON_NEED, SN_CONFIG_MAX_LAYERS, &c->n_layers },
		{ "llama.embedding_length", SN_JSON_NEED, SN_CONFIG_MAX_DIM, &c->hidden },
		{ "llama.feed_forward_length", SN_JSON_NEED, SN_CONFIG_MAX_DIM, &c->ffn },
		{ "llama.attention.head_count", SN_JSON_NEED, SN_CONFIG_MAX_HEADS, &c->n_heads },
		{ "llama.attention.head_count_kv", SN_JSON_MAY, SN_CONFIG_MAX_HEADS, &c->n_kv_heads },
		{ "llama.attention.key_length", SN_JSON_MAY, SN_CONFIG_MAX_HEAD_DIM, &c->head_dim },
		{ "llama.context_length", SN_JSON_NEED, SN_CONFIG_MAX_POSITIONS, &c->max_positions },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && rc == 0; i++) {
		uint64_t v = *sizes[i].out;

		rc = sn_gguf_u64(g, sizes[i].key, sizes[i].need, 1, sizes[i].max, &v, e);
		*sizes[i].out = (uint32_t)v;
	}
	return rc;
}

/* What the tensors say: the vocabulary's size, and whether there is a head of its own. */
static int from_tensors(struct sn_config *c, const struct sn_gguf *g, struct sn_err *e)
{
	uint64_t rows = 0, vocab;
	int rc;

	c->tied = true;
	for (size_t i = 0; i < g->n_t; i++) {
		if (!strcmp(g->t[i].name, "token_embd.weight") && g->t[i].ndim == 2)
			rows = g->t[i].shape[0];
		else if (!strcmp(g->t[i].name, "output.weight"))
			c->tied = false;
	}
	if (!rows || rows > SN_CONFIG_MAX_VOCAB)
		return sn_err(e, SN_ENO, "%s: tensor \"token_embd.weight\": missing, or no matrix of at "
			"most %d rows", g->name, SN_CONFIG_MAX_VOCAB);
	vocab = rows;
	rc = sn_gguf_u64(g, "llama.vocab_size", SN_JSON_MAY, 1, SN_CONFIG_MAX_VOCAB, &vocab, e);
	if (rc == 0 && vocab != rows)
		return sn_err(e, SN_ENO, "%s: key \"llama.vocab_size\": %llu, and the embedding has %llu "
			"rows", g->name, (unsigned long long)vocab, (unsigned long long)rows);
	c->vocab = (uint32_t)rows;
	return rc;
}

/* Keys that must agree with head_dim where they are there. */
static int check_heads(const struct sn_config *c, const struct sn_gguf *g, struct sn_err *e)
{
	static const char *const same[] = {
		"llama.attention.key_length", "llama.attention.value_length", "llama.rope.dimension_count",
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]) && rc == 0; i++) {
		uint64_t v = c->head_dim;

		rc = sn_gguf_u64(g, same[i], SN_JSON_MAY, 1, SN_CONFIG_MAX_HEAD_DIM, &v, e);
		if (rc == 0 && v != c->head_dim)
			rc = sn_err(e, SN_ENO, "%s: key \"%s\": %llu is not supported with a head dimension "
				"of %u", g->name, same[i], (unsigned long long)v, c->head_dim);
	}
	return rc;
}

static int meta_ids(struct sn_config *c, const struct sn_gguf *g, struct sn_err *e)
{
	const struct { const char *key; int64_t *out; } ids[] = {
		{ "tokenizer.ggml.bos_token_id", &c->bos },
		{ "tokenizer.ggml.eos_token_id", &c->eos },
		{ "tokenizer.ggml.padding_token_id", &c->pad },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]) && rc == 0; i++) {
		uint64_t v;

		if (!sn_gguf_find(g, ids[i].key))
			continue;
		rc = sn_gguf_u64(g, ids[i].key, SN_JSON_NEED, 0, INT32_MAX, &v, e);
		if (rc == 0)
			*ids[i].out = (int64_t)v;
	}
	return rc;
}

int sn_config_gguf(struct sn_config *c, const struct sn_gguf *g, struct sn_err *e)
{
	bool causal = true;
	uint64_t parts = 1;
	double eps = 0;
	int rc;

	*c = defaults;
	rc = must_be(g, "general.architecture", SN_JSON_NEED, "llama", e);
	if (rc == 0)
		rc = must_be(g, "general.type", SN_JSON_MAY, "model", e);
	if (rc == 0)
		rc = sn_gguf_u64(g, "split.count", SN_JSON_MAY, 0, 1, &parts, e);
	if (rc == 0)
		rc = check_meta(g, e);
	if (rc == 0)
		rc = must_be(g, "llama.rope.scaling.type", SN_JSON_MAY, "none", e);
	if (rc == 0)
		rc = sn_gguf_bool(g, "llama.attention.causal", SN_JSON_MAY, &causal, e);
	if (rc == 0 && !causal)
		rc = sn_err(e, SN_ENO, "%s: key \"llama.attention.causal\": false is not supported",
			g->name);
	if (rc == 0)
		rc = meta_sizes(c, g, e);
	if (rc == 0)
		rc = sn_gguf_num(g, "llama.attention.layer_norm_rms_epsilon", SN_JSON_NEED, &eps, e);
	if (rc == 0)
		rc = sn_gguf_num(g, "llama.rope.freq_base", SN_JSON_MAY, &c->rope_theta, e);
	if (rc == 0)
		rc = from_tensors(c, g, e);
	if (rc == 0)
		rc = meta_ids(c, g, e);
	c->rms_eps = (float)eps;
	if (rc == 0)
		rc = settle(c, g->name, e);
	return rc ? rc : check_heads(c, g, e);
}
