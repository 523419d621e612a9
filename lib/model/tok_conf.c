/*
 * tokenizer_config.json, as far as it changes ids: the texts of BOS, EOS, PAD and
 * UNK, the side that is cut, and for a few tokenizer classes whether BOS and EOS
 * are put around a text.  transformers also adds tokens that only stand here and
 * changes ones that stand here otherwise; such a file is refused, since its two
 * halves do not say the same thing.
 */
#include <stdlib.h>
#include <string.h>

#include "model/json_bounded.h"
#include "model/tok.h"

/* Classes whose post-processor is made from add_bos_token and add_eos_token. */
static const char *const remade[] = { "LlamaTokenizer", "LlamaTokenizerFast" };

/* A string or {"content": string}; NULL when absent or null. */
static int text_of(const json_t *o, const char *key, const char *name, const char **out,
	struct sn_err *e)
{
	const json_t *v = json_object_get(o, key);

	*out = NULL;
	if (json_is_object(v))
		v = json_object_get(v, "content");
	if (!v || json_is_null(v))
		return 0;
	*out = json_string_value(v);
	return *out ? 0 : sn_err(e, SN_ENO, "%s: key \"%s\": expected a token's text", name, key);
}

/* Its id; the token must be an added one. */
static int special(const struct sn_tokenizer *t, const char *text, const char *key,
	const char *name, int64_t *id, struct sn_err *e)
{
	*id = sn_vocab_find(&t->bpe.vocab, text, strlen(text));
	if (*id < 0 || !t->bpe.vocab.piece[*id].added)
		return sn_err(e, SN_ENO, "%s: key \"%s\": \"%.80s\" is not among the added_tokens of "
			"tokenizer.json", name, key, text);
	return 0;
}

static int read_specials(struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	static const struct { const char *key; int which; } keys[] = {
		{ "bos_token", SN_TOK_BOS }, { "eos_token", SN_TOK_EOS }, { "pad_token", SN_TOK_PAD },
		{ "unk_token", SN_TOK_UNK }, { "sep_token", -1 }, { "cls_token", -1 },
		{ "mask_token", -1 },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *text;
		int64_t id;
		int rc = text_of(o, keys[i].key, name, &text, e);

		if (rc == 0 && text)
			rc = special(t, text, keys[i].key, name, &id, e);
		if (rc)
			return rc;
		if (text && keys[i].which >= 0)
			t->special[keys[i].which] = id;
	}
	return 0;
}

static int read_more(const struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	static const char key[] = "additional_special_tokens";
	const json_t *list = NULL;
	int rc = sn_json_arr(o, key, SN_JSON_MAY, name, &list, e);

	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		const char *text = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
		int64_t id;

		rc = text ? special(t, text, key, name, &id, e) :
			sn_err(e, SN_ENO, "%s: key \"%s\": expected tokens' texts", name, key);
	}
	return rc;
}

/* One entry of added_tokens_decoder against the token of that id. */
static int same_token(const struct sn_tokenizer *t, const char *key, const json_t *v,
	const char *name, struct sn_err *e)
{
	const struct sn_vocab *vocab = &t->bpe.vocab;
	const char *text = json_string_value(json_object_get(v, "content"));
	const struct sn_added *a = NULL;
	char *end;
	unsigned long id = strtoul(key, &end, 10);

	if (*key >= '0' && *key <= '9' && !*end && id < vocab->size && vocab->piece[id].added)
		a = &t->added[vocab->piece[id].added - 1];
	if (a && text && strlen(text) == a->len && !memcmp(text, a->text, a->len) &&
	    json_is_true(json_object_get(v, "lstrip")) == a->lstrip &&
	    json_is_true(json_object_get(v, "rstrip")) == a->rstrip &&
	    json_is_true(json_object_get(v, "normalized")) == a->normalized &&
	    json_is_true(json_object_get(v, "single_word")) == a->single_word &&
	    json_is_true(json_object_get(v, "special")) == a->special)
		return 0;
	return sn_err(e, SN_ENO, "%s: key \"added_tokens_decoder\": \"%.20s\" (\"%.80s\") is not as in "
		"tokenizer.json", name, key, text ? text : "");
}

static int same_added(const struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	const json_t *all = NULL;
	const char *key;
	json_t *v;
	int rc = sn_json_obj(o, "added_tokens_decoder", SN_JSON_MAY, name, &all, e);

	json_object_foreach((json_t *)(uintptr_t)all, key, v)
		if (rc == 0)
			rc = same_token(t, key, v, name, e);
	return rc;
}

static int remake_around(struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	const char *class = "";
	bool bos = true, eos = false, is = false;
	int rc = sn_json_str(o, "tokenizer_class", SN_JSON_MAY, name, &class, e);

	for (size_t i = 0; i < sizeof(remade) / sizeof(remade[0]); i++)
		is |= !strcmp(class, remade[i]);
	if (rc || !is)
		return rc;
	rc = sn_json_bool(o, "add_bos_token", SN_JSON_MAY, name, &bos, e);
	if (rc == 0)
		rc = sn_json_bool(o, "add_eos_token", SN_JSON_MAY, name, &eos, e);
	if (rc)
		return rc;
	if ((bos && t->special[SN_TOK_BOS] < 0) || (eos && t->special[SN_TOK_EOS] < 0))
		return sn_err(e, SN_ENO, "%s: key \"%s\": there is no such token", name,
			eos && t->special[SN_TOK_EOS] < 0 ? "eos_token" : "bos_token");
	t->n_front = t->n_behind = 0;
	if (bos)
		rc = sn_tok_around(t, true, (uint64_t)t->special[SN_TOK_BOS], name, e);
	if (rc == 0 && eos)
		rc = sn_tok_around(t, false, (uint64_t)t->special[SN_TOK_EOS], name, e);
	return rc;
}

/* transformers sets the space in front by this file where ByteLevel stands alone. */
static int check_prefix(const struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	bool want = false, has = false;
	int rc = sn_json_bool(o, "add_prefix_space", SN_JSON_MAY, name, &want, e);

	for (unsigned i = 0; i < t->n_steps; i++)
		has |= t->step[i].kind == SN_STEP_PREFIX;
	if (rc == 0 && want != has)
		rc = sn_err(e, SN_ENO, "%s: key \"add_prefix_space\": %s, and tokenizer.json says %s",
			name, want ? "true" : "not true", has ? "true" : "false");
	return rc;
}

int sn_tok_conf(struct sn_tokenizer *t, const char *p, size_t n, const char *name,
	struct sn_err *e)
{
	const char *side = NULL;
	bool split = false;
	json_t *o = NULL;
	int rc = sn_json_bounded(p, n, name, SN_TOK_MAX_VALUES, &o, e);

	if (rc == 0)
		rc = same_added(t, o, name, e);
	if (rc == 0)
		rc = read_specials(t, o, name, e);
	if (rc == 0)
		rc = read_more(t, o, name, e);
	if (rc == 0)
		rc = sn_json_bool(o, "split_special_tokens", SN_JSON_MAY, name, &split, e);
	if (rc == 0 && split)
		rc = sn_err(e, SN_ENO, "%s: key \"split_special_tokens\": true is not supported", name);
	if (rc == 0)
		rc = check_prefix(t, o, name, e);
	if (rc == 0)
		rc = remake_around(t, o, name, e);
	if (rc == 0)
		rc = sn_json_str(o, "truncation_side", SN_JSON_MAY, name, &side, e);
	if (rc == 0 && side) {
		t->cuts_left = !strcmp(side, "left");
		if (!t->cuts_left && strcmp(side, "right"))
			rc = sn_err(e, SN_ENO, "%s: key \"truncation_side\": neither left nor right", name);
	}
	json_decref(o);
	return rc;
}
