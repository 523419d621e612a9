/*
 * Text to token ids, by byte-level BPE, as a tokenizer.json or a GGUF file says:
 * the same ids as the original library on any input.  A part of the file that is
 * not understood is refused by its place in the file.
 *
 * Bytes that are not UTF-8: each maximal ill-formed part counts as U+FFFD, as in
 * Python's errors="replace".
 *
 * A tokenizer does not change once it is open: threads share it, each with a
 * scratch of its own (working memory and the cache of words).
 */
#ifndef SN_MODEL_TOKENIZER_H
#define SN_MODEL_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct sn_tokenizer;
struct sn_tok_scratch;
struct sn_gguf;

enum {
	SN_TOK_MAX_JSON = 128 << 20,    /* bytes of tokenizer.json */
	SN_TOK_MAX_TEXT = 16 << 20,     /* bytes of a text to encode */
};

/* A grown array of ids; zero-initialised by the holder, released with free(v). */
struct sn_ids { uint32_t *v; size_t n, cap; };

/* tokenizer.json, and tokenizer_config.json where conf is not NULL. */
int sn_tokenizer_json(struct sn_tokenizer **t, const char *json, size_t n, const char *name,
	const char *conf, size_t conf_n, const char *conf_name, struct sn_err *e);
int sn_tokenizer_gguf(struct sn_tokenizer **t, const struct sn_gguf *g, struct sn_err *e);
void sn_tokenizer_close(struct sn_tokenizer *t);

int sn_tok_scratch_new(struct sn_tok_scratch **s, const struct sn_tokenizer *t,
	struct sn_err *e);
void sn_tok_scratch_free(struct sn_tok_scratch *s);

/*
 * Append the ids of text[0..len) to out.  Special and other added tokens that
 * stand in the text are recognised, as the file says.  SN_TOK_ADD_SPECIAL: what the
 * post-processor puts around a text (BOS, EOS) is added.  max not 0: the text's own
 * ids are cut on the tokenizer's truncation side so that with the added ones at
 * most max are appended; SN_EUSE when the added ones alone are more.
 */
enum { SN_TOK_ADD_SPECIAL = 1 };
int sn_tokenizer_encode(const struct sn_tokenizer *t, struct sn_tok_scratch *s,
	const char *text, size_t len, unsigned flags, size_t max, struct sn_ids *out,
	struct sn_err *e);

/* How many ids the post-processor adds in front of a text, and behind it. */
void sn_tokenizer_added(const struct sn_tokenizer *t, size_t *front, size_t *behind);

/* One more than the highest id in use. */
uint32_t sn_tokenizer_size(const struct sn_tokenizer *t);
/* The vocabulary's text of an id (byte-level alphabet for ordinary tokens, as it
 * stands for added ones), NUL-terminated; NULL for an id that is not in use. */
const char *sn_tokenizer_piece(const struct sn_tokenizer *t, uint32_t id, size_t *len);
/* -1 when no token, added or not, has this text. */
int64_t sn_tokenizer_id(const struct sn_tokenizer *t, const char *text, size_t len);

/* The tokens that have a part to play; text NULL and id -1 where there is none. */
enum sn_tok_special { SN_TOK_BOS, SN_TOK_EOS, SN_TOK_PAD, SN_TOK_UNK, SN_TOK_SPECIALS };
struct sn_tok_text { const char *text; size_t len; int64_t id; };
struct sn_tok_text sn_tokenizer_special(const struct sn_tokenizer *t, enum sn_tok_special which);

/* truncation_side is "left"; the default is right. */
bool sn_tokenizer_cuts_left(const struct sn_tokenizer *t);

#endif
