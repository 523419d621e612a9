/*
 * tokenizer.json.  Every object of it is read by naming all its keys: one that is
 * not named is refused with its place in the file, "pre_tokenizer[1].foo".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_bounded.h"
#include "model/tok.h"

/* Where we are in the file: "FILE: pre_tokenizer[1]". */
struct place { char text[300]; };

static struct place in(const char *name, const char *part)
{
	struct place p;

	snprintf(p.text, sizeof(p.text), "%.230s%s", name, part);
	return p;
}

static struct place at(const char *name, const char *part, size_t i)
{
	struct place p;

	snprintf(p.text, sizeof(p.text), "%.230s%s[%zu]", name, part, i);
	return p;
}

/* o is an object with no other keys than those of the list. */
static int only(const json_t *o, const char *const *known, const char *name, struct sn_err *e)
{
	const char *key;
	json_t *v;

	if (!json_is_object(o))
		return sn_err(e, SN_ENO, "%s: expected an object", name);
	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], key))
			i++;
		if (!known[i])
			return sn_err(e, SN_ENO, "%s: key \"%s\" is not supported", name, key);
	}
	return 0;
}

static bool none(const json_t *v)
{
	return !v || json_is_null(v);
}

static int type_of(const json_t *o, const char *name, const char **type, struct sn_err *e)
{
	if (!json_is_object(o))
		return sn_err(e, SN_ENO, "%s: expected an object", name);
	return sn_json_str(o, "type", SN_JSON_NEED, name, type, e);
}

static int unsupported(const char *name, const char *type, struct sn_err *e)
{
	return sn_err(e, SN_ENO, "%s: %.80s is not supported", name, type);
}

/* ---- model */

static int read_vocab(struct sn_tokenizer *t, const json_t *vocab, const char *name,
	struct sn_err *e)
{
	const char *key;
	json_t *v;
	int rc = sn_vocab_start(&t->bpe.vocab, json_object_size(vocab), e);

	if (rc)
		return sn_err_prefix(e, "%s", name);
	json_object_foreach((json_t *)(uintptr_t)vocab, key, v) {
		if (!json_is_integer(v) || json_integer_value(v) < 0 ||
		    json_integer_value(v) >= SN_TOK_MAX_IDS)
			return sn_err(e, SN_ENO, "%s: token \"%.80s\": expected an id below %d", name, key,
				SN_TOK_MAX_IDS);
		rc = sn_vocab_add(&t->bpe.vocab, key, strlen(key), (uint32_t)json_integer_value(v), name,
			e);
		if (rc)
			return rc;
	}
	return 0;
}

/* "a b", or ["a", "b"] */
static int read_merge(struct sn_tokenizer *t, const json_t *m, uint32_t rank, struct sn_err *e)
{
	const char *l, *r, *mid;

	if (json_is_string(m)) {
		l = json_string_value(m);
		mid = strchr(l, ' ');
		if (!mid || strchr(mid + 1, ' '))
			return sn_err(e, SN_ENO, "expected two parts with a space between");
		return sn_bpe_merge(&t->bpe, l, (size_t)(mid - l), mid + 1, strlen(mid + 1), rank, e);
	}
	l = json_string_value(json_array_get(m, 0));
	r = json_string_value(json_array_get(m, 1));
	if (json_array_size(m) != 2 || !l || !r)
		return sn_err(e, SN_ENO, "expected two strings");
	return sn_bpe_merge(&t->bpe, l, strlen(l), r, strlen(r), rank, e);
}

static int read_merges(struct sn_tokenizer *t, const json_t *merges, const char *name,
	struct sn_err *e)
{
	uint32_t rank = 0;
	size_t i;
	json_t *m;
	int rc = sn_bpe_start_merges(&t->bpe, json_array_size(merges), e);

	if (rc)
		return sn_err_prefix(e, "%s", name);
	json_array_foreach((json_t *)(uintptr_t)merges, i, m) {
		if (json_is_string(m) && !strncmp(json_string_value(m), "#version", 8))
			continue;
		if (read_merge(t, m, rank++, e))
			return sn_err_prefix(e, "%s.merges[%zu]", name, i);
	}
	return 0;
}

static int no_affix(const json_t *o, const char *key, const char *name, struct sn_err *e)
{
	const char *text = "";
	int rc = sn_json_str(o, key, SN_JSON_MAY, name, &text, e);

	if (rc == 0 && *text)
		rc = sn_err(e, SN_ENO, "%s: key \"%s\": \"%.80s\" is not supported", name, key, text);
	return rc;
}

static int read_flags(struct sn_tokenizer *t, const json_t *o, const char *name, struct sn_err *e)
{
	const char *unk = NULL;
	bool fallback = false;
	double dropout = 0;
	int rc = sn_json_num(o, "dropout", SN_JSON_MAY, name, &dropout, e);

	if (rc == 0 && dropout != 0)
		rc = sn_err(e, SN_ENO, "%s: key \"dropout\": %g is not supported", name, dropout);
	if (rc == 0)
		rc = no_affix(o, "continuing_subword_prefix", name, e);
	if (rc == 0)
		rc = no_affix(o, "end_of_word_suffix", name, e);
	if (rc == 0)
		rc = sn_json_bool(o, "byte_fallback", SN_JSON_MAY, name, &fallback, e);
	if (rc == 0 && fallback)
		rc = sn_err(e, SN_ENO, "%s: key \"byte_fallback\": true is not supported", name);
	if (rc == 0)
		rc = sn_json_bool(o, "fuse_unk", SN_JSON_MAY, name, &t->bpe.fuse_unk, e);
	if (rc == 0)
		rc = sn_json_bool(o, "ignore_merges", SN_JSON_MAY, name, &t->bpe.ignore_merges, e);
	if (rc == 0)
		rc = sn_json_str(o, "unk_token", SN_JSON_MAY, name, &unk, e);
	if (rc == 0 && unk) {
		t->bpe.unk = (int32_t)sn_vocab_find(&t->bpe.vocab, unk, strlen(unk));
		if (t->bpe.unk < 0)
			rc = sn_err(e, SN_ENO, "%s: key \"unk_token\": \"%.80s\" is not in the vocabulary",
				name, unk);
	}
	return rc;
}

static int read_model(struct sn_tokenizer *t, const json_t *o, const char *name, struct sn_err *e)
{
	static const char *const known[] = { "type", "dropout", "unk_token",
		"continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
		"ignore_merges", "vocab", "merges", NULL };
	const json_t *vocab = NULL, *merges = NULL;
	const char *type = "BPE";
	int rc;

	if (!json_is_object(o))
		return sn_err(e, SN_ENO, "%s: expected an object", name);
	rc = sn_json_str(o, "type", SN_JSON_MAY, name, &type, e);
	if (rc == 0 && strcmp(type, "BPE"))
		rc = unsupported(name, type, e);
	if (rc == 0)
		rc = only(o, known, name, e);
	if (rc == 0)
		rc = sn_json_obj(o, "vocab", SN_JSON_NEED, name, &vocab, e);
	if (rc == 0)
		rc = sn_json_arr(o, "merges", SN_JSON_NEED, name, &merges, e);
	if (rc == 0)
		rc = read_vocab(t, vocab, name, e);
	if (rc == 0)
		rc = read_merges(t, merges, name, e);
	if (rc == 0)
		rc = read_flags(t, o, name, e);
	if (rc == 0)
		sn_bpe_seal(&t->bpe);
	return rc;
}

/* What normalizers, pre-tokenizers and post-processors have in common: a part of type
 * "Sequence" is the list of parts under `key', each read in its turn. */
static int read_sequence(struct sn_tokenizer *t, const json_t *o, const char *type,
	const char *key, int (*read)(struct sn_tokenizer *t, const json_t *o, unsigned depth,
	const char *name, struct sn_err *e), unsigned depth, const char *name, struct sn_err *e)
{
	const char *const known[] = { "type", key, NULL };
	const json_t *list = NULL;
	json_t *item;
	size_t i;
	int rc;

	if (strcmp(type, "Sequence") || depth == 4)
		return unsupported(name, type, e);
	rc = only(o, known, name, e);
	if (rc == 0)
		rc = sn_json_arr(o, key, SN_JSON_NEED, name, &list, e);
	if (rc)
		return rc;
	json_array_foreach((json_t *)(uintptr_t)list, i, item) {
		struct place p = at(name, "", i);

		rc = read(t, item, depth + 1, p.text, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- normalizer */

static int read_normalizer(struct sn_tokenizer *t, const json_t *o, unsigned depth,
	const char *name, struct sn_err *e)
{
	static const char *const nfc[] = { "type", NULL };
	const char *type = NULL;
	int rc = type_of(o, name, &type, e);

	if (rc)
		return rc;
	if (!strcmp(type, "NFC")) {
		t->nfc = true;
		return only(o, nfc, name, e);
	}
	return read_sequence(t, o, type, "normalizers", read_normalizer, depth, name, e);
}

/* ---- pre_tokenizer */

static int read_byte_level(struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	static const char *const known[] = { "type", "add_prefix_space", "trim_offsets", "use_regex",
		NULL };
	bool prefix = true, regex = true, trim;
	int rc = only(o, known, name, e);

	if (rc == 0)
		rc = sn_json_bool(o, "add_prefix_space", SN_JSON_NEED, name, &prefix, e);
	if (rc == 0)
		rc = sn_json_bool(o, "trim_offsets", SN_JSON_MAY, name, &trim, e);
	if (rc == 0)
		rc = sn_json_bool(o, "use_regex", SN_JSON_MAY, name, &regex, e);
	return rc ? rc : sn_tok_byte_level(t, prefix, regex, name, e);
}

static int read_digits(struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	static const char *const known[] = { "type", "individual_digits", NULL };
	struct sn_step s = { .kind = SN_STEP_DIGITS };
	bool alone = false;
	int rc = only(o, known, name, e);

	if (rc == 0)
		rc = sn_json_bool(o, "individual_digits", SN_JSON_NEED, name, &alone, e);
	s.behavior = alone ? SN_ISOLATED : SN_CONTIGUOUS;
	return rc ? rc : sn_tok_add_step(t, &s, name, e);
}

static int read_behavior(const json_t *o, const char *name, enum sn_behavior *out,
	struct sn_err *e)
{
	static const char *const names[] = { "Isolated", "Removed", "Contiguous",
		"MergedWithPrevious", "MergedWithNext" };
	const char *text = NULL;
	int rc = sn_json_str(o, "behavior", SN_JSON_NEED, name, &text, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], text)) {
			*out = (enum sn_behavior)i;
			return 0;
		}
	return unsupported(name, text, e);
}

/* A plain string is the pattern with each of its characters escaped. */
static int literal_pattern(const char *text, const char *name, pcre2_code **re, struct sn_err *e)
{
	struct sn_buf b;
	int rc;

	sn_buf_init(&b, 2 * SN_TOK_MAX_PATTERN);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x21 && c < 0x7f && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' &&
		    (c | 32) <= 'z'))
			sn_buf_chr(&b, '\\');
		sn_buf_chr(&b, *text);
	}
	rc = sn_buf_ok(&b, name, e);
	if (rc == 0)
		rc = sn_regex_compile(re, b.p ? b.p : "", b.len, name, e);
	sn_buf_release(&b);
	return rc;
}

static int read_split(struct sn_tokenizer *t, const json_t *o, const char *name, struct sn_err *e)
{
	static const char *const known[] = { "type", "pattern", "behavior", "invert", NULL };
	struct sn_step s = { .kind = SN_STEP_SPLIT };
	const json_t *pattern = NULL;
	const char *text;
	int rc = only(o, known, name, e);

	if (rc == 0)
		rc = sn_json_obj(o, "pattern", SN_JSON_NEED, name, &pattern, e);
	if (rc == 0)
		rc = read_behavior(o, name, &s.behavior, e);
	if (rc == 0)
		rc = sn_json_bool(o, "invert", SN_JSON_NEED, name, &s.invert, e);
	if (rc)
		return rc;
	if (json_object_size(pattern) == 1 &&
	    (text = json_string_value(json_object_get(pattern, "Regex")))) {
		s.scan = sn_scan_find(text, strlen(text));
		if (!s.scan)
			rc = sn_regex_compile(&s.re, text, strlen(text), name, e);
	} else if (json_object_size(pattern) == 1 &&
	    (text = json_string_value(json_object_get(pattern, "String")))) {
		rc = literal_pattern(text, name, &s.re, e);
	} else {
		rc = sn_err(e, SN_ENO, "%s: key \"pattern\": expected one Regex or String", name);
	}
	if (rc)
		return rc;
	rc = sn_tok_add_step(t, &s, name, e);
	if (rc)
		pcre2_code_free(s.re);
	return rc;
}

static int read_pre(struct sn_tokenizer *t, const json_t *o, unsigned depth, const char *name,
	struct sn_err *e)
{
	static const struct {
		const char *type;
		int (*read)(struct sn_tokenizer *, const json_t *, const char *, struct sn_err *);
	} kinds[] = {
		{ "ByteLevel", read_byte_level }, { "Digits", read_digits }, { "Split", read_split },
	};
	const char *type = NULL;
	int rc = type_of(o, name, &type, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].type, type))
			return kinds[i].read(t, o, name, e);
	return read_sequence(t, o, type, "pretokenizers", read_pre, depth, name, e);
}

/* ---- added_tokens */

static int read_added(struct sn_tokenizer *t, const json_t *o, const char *name, struct sn_err *e)
{
	static const char *const known[] = { "id", "content", "single_word", "lstrip", "rstrip",
		"normalized", "special", NULL };
	struct sn_added a = { 0 };
	const char *text = NULL;
	const struct { const char *key; bool *out; } flags[] = {
		{ "single_word", &a.single_word }, { "lstrip", &a.lstrip }, { "rstrip", &a.rstrip },
		{ "normalized", &a.normalized }, { "special", &a.special },
	};
	uint64_t id = 0;
	int rc = only(o, known, name, e);

	if (rc == 0)
		rc = sn_json_str(o, "content", SN_JSON_NEED, name, &text, e);
	if (rc == 0)
		rc = sn_json_u64(o, "id", SN_JSON_NEED, name, 0, SN_TOK_MAX_IDS, &id, e);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && rc == 0; i++)
		rc = sn_json_bool(o, flags[i].key, SN_JSON_NEED, name, flags[i].out, e);
	if (rc)
		return rc;
	a.text = (char *)(uintptr_t)text;
	a.len = strlen(text);
	return sn_tok_add_token(t, &a, (int64_t)id, name, e);
}

/* ---- post_processor */

static int put_special(struct sn_tokenizer *t, const json_t *ids, bool front, const char *name,
	struct sn_err *e)
{
	size_t n = json_array_size(ids);
	int rc = 0;

	if (!n)
		return sn_err(e, SN_ENO, "%s: key \"ids\": expected token ids", name);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const json_t *id = json_array_get(ids, front ? n - 1 - i : i);

		if (!json_is_integer(id) || json_integer_value(id) < 0)
			return sn_err(e, SN_ENO, "%s: key \"ids\": expected token ids", name);
		rc = sn_tok_around(t, front, (uint64_t)json_integer_value(id), name, e);
	}
	return rc;
}

/* The special token of one place of a template; NULL when it is the text. */
static int template_piece(const json_t *piece, const json_t *tokens, const json_t **ids,
	const char *name, struct sn_err *e)
{
	const json_t *special = json_object_get(piece, "SpecialToken");
	const char *id = json_string_value(json_object_get(special, "id"));
	const char *seq = json_string_value(json_object_get(json_object_get(piece, "Sequence"), "id"));

	*ids = NULL;
	if (json_object_size(piece) == 1 && seq && !strcmp(seq, "A"))
		return 0;
	if (json_object_size(piece) != 1 || !id)
		return sn_err(e, SN_ENO, "%s: expected a SpecialToken or the Sequence A", name);
	*ids = json_object_get(json_object_get(tokens, id), "ids");
	if (!*ids)
		return sn_err(e, SN_ENO, "%s: \"%.80s\" is not among its special_tokens", name, id);
	return 0;
}

/* What is before the text goes in front, last one first; then what is behind it. */
static int read_template(struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	static const char *const known[] = { "type", "single", "pair", "special_tokens", NULL };
	const json_t *single = NULL, *tokens = NULL, *ids;
	size_t n, text;
	int rc = only(o, known, name, e);

	if (rc == 0)
		rc = sn_json_arr(o, "single", SN_JSON_NEED, name, &single, e);
	if (rc == 0)
		rc = sn_json_obj(o, "special_tokens", SN_JSON_NEED, name, &tokens, e);
	if (rc)
		return rc;
	if (t->templated)       /* the original stops here, too */
		return sn_err(e, SN_ENO, "%s: a second TemplateProcessing is not supported", name);
	t->templated = true;
	n = json_array_size(single);
	text = n;
	for (size_t i = 0; i < n; i++) {
		struct place p = at(name, ".single", i);

		rc = template_piece(json_array_get(single, i), tokens, &ids, p.text, e);
		if (rc)
			return rc;
		if (!ids && text < n)
			return sn_err(e, SN_ENO, "%s: the text a second time is not supported", p.text);
		if (!ids)
			text = i;
	}
	if (text == n)
		return sn_err(e, SN_ENO, "%s.single: the text is not in it", name);
	for (size_t i = text; i-- > 0 && rc == 0;) {
		struct place p = at(name, ".single", i);

		rc = template_piece(json_array_get(single, i), tokens, &ids, p.text, e);
		if (rc == 0)
			rc = put_special(t, ids, true, p.text, e);
	}
	for (size_t i = text + 1; i < n && rc == 0; i++) {
		struct place p = at(name, ".single", i);

		rc = template_piece(json_array_get(single, i), tokens, &ids, p.text, e);
		if (rc == 0)
			rc = put_special(t, ids, false, p.text, e);
	}
	return rc;
}

static int read_post(struct sn_tokenizer *t, const json_t *o, unsigned depth, const char *name,
	struct sn_err *e)
{
	static const char *const byte_level[] = { "type", "add_prefix_space", "trim_offsets",
		"use_regex", NULL };
	const char *type = NULL;
	int rc = type_of(o, name, &type, e);

	if (rc)
		return rc;
	if (!strcmp(type, "ByteLevel"))         /* about offsets only */
		return only(o, byte_level, name, e);
	if (!strcmp(type, "TemplateProcessing"))
		return read_template(t, o, name, e);
	return read_sequence(t, o, type, "processors", read_post, depth, name, e);
}

/* ---- the file */

/* Cutting and padding happen at the call, but their settings are defaults there. */
static int read_defaults(struct sn_tokenizer *t, const json_t *o, const char *name,
	struct sn_err *e)
{
	const json_t *cut = NULL, *pad = NULL;
	const char *side = "Right", *text = NULL;
	int rc = sn_json_obj(o, "truncation", SN_JSON_MAY, name, &cut, e);

	if (rc == 0 && cut)
		rc = sn_json_str(cut, "direction", SN_JSON_MAY, name, &side, e);
	t->cuts_left = !strcmp(side, "Left");
	if (rc == 0)
		rc = sn_json_obj(o, "padding", SN_JSON_MAY, name, &pad, e);
	if (rc == 0 && pad)
		rc = sn_json_str(pad, "pad_token", SN_JSON_MAY, name, &text, e);
	if (rc == 0 && text)
		t->special[SN_TOK_PAD] = sn_vocab_find(&t->bpe.vocab, text, strlen(text));
	return rc;
}

static int read_all(struct sn_tokenizer *t, const json_t *o, const char *name, struct sn_err *e)
{
	static const char *const known[] = { "version", "truncation", "padding", "added_tokens",
		"normalizer", "pre_tokenizer", "post_processor", "decoder", "model", NULL };
	struct place model = in(name, ": model"), norm = in(name, ": normalizer");
	struct place pre = in(name, ": pre_tokenizer"), post = in(name, ": post_processor");
	const json_t *added = NULL, *v;
	json_t *item;
	size_t i;
	int rc = only(o, known, name, e);

	if (rc == 0)
		rc = read_model(t, json_object_get(o, "model"), model.text, e);
	if (rc == 0 && !none(v = json_object_get(o, "normalizer")))
		rc = read_normalizer(t, v, 0, norm.text, e);
	if (rc == 0)
		rc = read_pre(t, json_object_get(o, "pre_tokenizer"), 0, pre.text, e);
	if (rc == 0)
		rc = sn_json_arr(o, "added_tokens", SN_JSON_MAY, name, &added, e);
	json_array_foreach((json_t *)(uintptr_t)added, i, item) {
		struct place p = at(name, ": added_tokens", i);

		if (rc == 0)
			rc = read_added(t, item, p.text, e);
	}
	if (rc == 0 && !none(v = json_object_get(o, "post_processor")))
		rc = read_post(t, v, 0, post.text, e);
	return rc ? rc : read_defaults(t, o, name, e);
}

int sn_tokenizer_json(struct sn_tokenizer **out, const char *json, size_t n, const char *name,
	const char *conf, size_t conf_n, const char *conf_name, struct sn_err *e)
{
	struct sn_tokenizer *t = NULL;
	json_t *o = NULL;
	int rc;

	*out = NULL;
	rc = sn_json_bounded(json, n, name, SN_TOK_MAX_VALUES, &o, e);
	if (rc == 0)
		rc = sn_tok_new(&t, e);
	if (rc == 0)
		rc = read_all(t, o, name, e);
	if (rc == 0 && conf)
		rc = sn_tok_conf(t, conf, conf_n, conf_name, e);
	if (rc == 0)
		rc = sn_tok_seal(t, name, e);
	json_decref(o);
	if (rc)
		sn_tokenizer_close(t);
	else
		*out = t;
	return rc;
}
