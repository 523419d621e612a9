/*
 * The tokenizer in a GGUF file's metadata.  The file names a pre-tokenizer, and a
 * row of the table below says what the tokenizer.json it was made from did; a name
 * without a row is refused.
 */
#include <string.h>

#include "model/gguf.h"
#include "model/tok.h"
#include "util/json.h"
#include "util/utf8.h"

static const struct pre {
	const char *name;
	bool digits, nfc, ignore_merges, bos;   /* bos: added unless the file says otherwise */
	const char *pattern;                    /* NULL: GPT-2's, within ByteLevel */
} pres[] = {
	{ "default", false, false, false, false, NULL },
	{ "gpt-2", false, false, false, false, NULL },
	{ "smollm", true, false, false, false, NULL },
	{ "llama-bpe", false, false, true, true,
	  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
	  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
	{ "qwen2", false, true, false, false,
	  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
	  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" },
};

enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, TYPES = 7 };

static int wrong(const struct sn_gguf *g, const char *key, const char *what, struct sn_err *e)
{
	return sn_err(e, SN_ENO, "%s: key \"%s\": %s", g->name, key, what);
}

static int strings(const struct sn_gguf *g, const char *key, struct sn_gguf_walk *w,
	struct sn_err *e)
{
	const struct sn_gguf_kv *kv = sn_gguf_find(g, key);

	if (!kv)
		return wrong(g, key, "missing", e);
	if (kv->type != SN_GGUF_ARR || kv->item != SN_GGUF_STR)
		return wrong(g, key, "expected an array of strings", e);
	sn_gguf_walk(w, kv);
	return 0;
}

static int named(const struct sn_gguf *g, const char *key, const char *dflt, char out[64],
	struct sn_err *e)
{
	const char *p = dflt;
	size_t n = dflt ? strlen(dflt) : 0;
	int rc = sn_gguf_str(g, key, dflt ? SN_JSON_MAY : SN_JSON_NEED, &p, &n, e);

	if (rc)
		return rc;
	if (n >= 64 || memchr(p, 0, n))
		return wrong(g, key, "not a name", e);
	memcpy(out, p, n);
	out[n] = 0;
	return 0;
}

static int read_pre(struct sn_tokenizer *t, const struct sn_gguf *g, const struct pre **out,
	struct sn_err *e)
{
	struct sn_step digits = { .kind = SN_STEP_DIGITS, .behavior = SN_ISOLATED };
	struct sn_step split = { .kind = SN_STEP_SPLIT };
	bool prefix = false;
	char name[64];
	int rc = named(g, "tokenizer.ggml.model", NULL, name, e);

	if (rc == 0 && strcmp(name, "gpt2"))
		rc = sn_err(e, SN_ENO, "%s: key \"tokenizer.ggml.model\": \"%s\" is not supported", g->name,
			name);
	if (rc == 0)
		rc = named(g, "tokenizer.ggml.pre", "default", name, e);
	if (rc == 0)
		rc = sn_gguf_bool(g, "tokenizer.ggml.add_space_prefix", SN_JSON_MAY, &prefix, e);
	if (rc)
		return rc;
	*out = NULL;
	for (size_t i = 0; i < sizeof(pres) / sizeof(pres[0]); i++)
		if (!strcmp(pres[i].name, name))
			*out = &pres[i];
	if (!*out)
		return sn_err(e, SN_ENO, "%s: key \"tokenizer.ggml.pre\": \"%s\" is not supported", g->name,
			name);
	if (prefix)
		return wrong(g, "tokenizer.ggml.add_space_prefix", "true is not supported", e);
	t->nfc = (*out)->nfc;
	t->bpe.ignore_merges = (*out)->ignore_merges;
	if ((*out)->digits)
		rc = sn_tok_add_step(t, &digits, g->name, e);
	if ((*out)->pattern) {
		split.scan = sn_scan_find((*out)->pattern, strlen((*out)->pattern));
		rc = sn_tok_add_step(t, &split, g->name, e);
	}
	return rc ? rc : sn_tok_byte_level(t, false, !(*out)->pattern, g->name, e);
}

static int read_tokens(struct sn_tokenizer *t, const struct sn_gguf *g, struct sn_err *e)
{
	static const char key[] = "tokenizer.ggml.tokens";
	struct sn_gguf_walk w;
	uint32_t id = 0;
	const char *p;
	size_t n;
	int rc = strings(g, key, &w, e);

	if (rc)
		return rc;
	if (!w.left || w.left > SN_TOK_MAX_IDS)
		return wrong(g, key, "too few or too many", e);
	rc = sn_vocab_start(&t->bpe.vocab, (size_t)w.left, e);
	while (rc == 0 && sn_gguf_next(&w, &p, &n)) {
		if (!sn_utf8_valid(p, n) || memchr(p, 0, n))
			return wrong(g, key, "a token is not text", e);
		rc = sn_vocab_add(&t->bpe.vocab, p, n, id++, g->name, e);
	}
	return rc;
}

static int read_merges(struct sn_tokenizer *t, const struct sn_gguf *g, struct sn_err *e)
{
	static const char key[] = "tokenizer.ggml.merges";
	struct sn_gguf_walk w;
	uint32_t rank = 0;
	const char *p, *mid;
	size_t n;
	int rc = strings(g, key, &w, e);

	if (rc)
		return rc;
	if (w.left > SN_TOK_MAX_IDS)
		return wrong(g, key, "too many", e);
	rc = sn_bpe_start_merges(&t->bpe, (size_t)w.left, e);
	while (rc == 0 && sn_gguf_next(&w, &p, &n)) {
		size_t ln;

		if (!sn_utf8_valid(p, n) || !(mid = memchr(p, ' ', n)))
			return wrong(g, key, "expected two parts with a space between", e);
		ln = (size_t)(mid - p);
		if (memchr(mid + 1, ' ', n - ln - 1))
			return wrong(g, key, "expected two parts with a space between", e);
		if (sn_bpe_merge(&t->bpe, p, ln, mid + 1, n - ln - 1, rank++, e))
			return sn_err_prefix(e, "%s: key \"%s\": %u", g->name, key, rank - 1);
	}
	return rc;
}

/* Control tokens are special added ones, the user's own are added ones; the special
 * ones come first, as in the converter's tokenizer. */
static int read_types(struct sn_tokenizer *t, const struct sn_gguf *g, struct sn_err *e)
{
	static const char key[] = "tokenizer.ggml.token_type";
	static const int kinds[] = { CONTROL, USER_DEFINED };
	const struct sn_gguf_kv *kv = sn_gguf_find(g, key);
	const struct sn_vocab *v = &t->bpe.vocab;
	int rc = 0;

	if (!kv)
		return wrong(g, key, "missing", e);
	if (kv->type != SN_GGUF_ARR || (kv->item != SN_GGUF_I32 && kv->item != SN_GGUF_U32) ||
	    kv->count != v->count)
		return wrong(g, key, "expected one whole number per token", e);
	for (int k = 0; k < 2; k++)
		for (uint32_t id = 0; id < v->count && rc == 0; id++) {
			const uint8_t *p = kv->p + 4 * (size_t)id;
			uint32_t kind = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				(uint32_t)p[3] << 24;
			struct sn_added a = { .special = kinds[k] == CONTROL };

			if (kind >= TYPES)
				return wrong(g, key, "a token of no type", e);
			if (kind != (uint32_t)kinds[k])
				continue;
			a.text = v->text.p + v->piece[id].at;
			a.len = v->piece[id].len;
			rc = sn_tok_add_token(t, &a, id, g->name, e);
		}
	return rc;
}

static int read_specials(struct sn_tokenizer *t, const struct sn_gguf *g, const struct pre *pre,
	struct sn_err *e)
{
	static const struct { const char *key; int which; } keys[] = {
		{ "tokenizer.ggml.bos_token_id", SN_TOK_BOS },
		{ "tokenizer.ggml.eos_token_id", SN_TOK_EOS },
		{ "tokenizer.ggml.padding_token_id", SN_TOK_PAD },
		{ "tokenizer.ggml.unknown_token_id", SN_TOK_UNK },
	};
	bool bos = pre->bos, eos = false;
	int rc = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && rc == 0; i++) {
		uint64_t id;

		if (!sn_gguf_find(g, keys[i].key))
			continue;
		rc = sn_gguf_u64(g, keys[i].key, SN_JSON_NEED, 0, t->bpe.vocab.size - 1, &id, e);
		if (rc == 0)
			t->special[keys[i].which] = (int64_t)id;
	}
	if (rc == 0)
		rc = sn_gguf_bool(g, "tokenizer.ggml.add_bos_token", SN_JSON_MAY, &bos, e);
	if (rc == 0)
		rc = sn_gguf_bool(g, "tokenizer.ggml.add_eos_token", SN_JSON_MAY, &eos, e);
	if (rc)
		return rc;
	if (bos && t->special[SN_TOK_BOS] < 0)
		return wrong(g, "tokenizer.ggml.bos_token_id", "missing", e);
	if (eos && t->special[SN_TOK_EOS] < 0)
		return wrong(g, "tokenizer.ggml.eos_token_id", "missing", e);
	if (bos)
		rc = sn_tok_around(t, true, (uint64_t)t->special[SN_TOK_BOS], g->name, e);
	if (rc == 0 && eos)
		rc = sn_tok_around(t, false, (uint64_t)t->special[SN_TOK_EOS], g->name, e);
	return rc;
}

int sn_tokenizer_gguf(struct sn_tokenizer **out, const struct sn_gguf *g, struct sn_err *e)
{
	const struct pre *pre = NULL;
	struct sn_tokenizer *t = NULL;
	int rc = sn_tok_new(&t, e);

	*out = NULL;
	if (rc == 0)
		rc = read_pre(t, g, &pre, e);
	if (rc == 0)
		rc = read_tokens(t, g, e);
	if (rc == 0)
		rc = read_merges(t, g, e);
	if (rc == 0) {
		sn_bpe_seal(&t->bpe);
		rc = read_types(t, g, e);
	}
	if (rc == 0)
		rc = read_specials(t, g, pre, e);
	if (rc == 0)
		rc = sn_tok_seal(t, g->name, e);
	if (rc)
		sn_tokenizer_close(t);
	else
		*out = t;
	return rc;
}
