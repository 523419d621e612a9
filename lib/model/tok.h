/*
 * The inside of a tokenizer, shared by the files tok_*.c and tokenizer.c.
 *
 * A text passes: repair of wrong UTF-8 -> added tokens that are looked for in the
 * raw text -> normaliser -> added tokens looked for in the normalised text ->
 * pre-tokenizer steps, each cutting the pieces of the one before -> words -> BPE.
 */
#ifndef SN_MODEL_TOK_H
#define SN_MODEL_TOK_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/tokenizer.h"
#include "model/unicode.h"
#include "util/buf.h"
#include "util/err.h"

enum {
	SN_TOK_MAX_IDS = 1 << 22,       /* ids are below this */
	SN_TOK_MAX_VALUES = 8 << 20,    /* JSON values of tokenizer.json */
	SN_TOK_MAX_ADDED = 512,         /* bytes of an added token */
	SN_TOK_MAX_STEPS = 16,
	SN_TOK_MAX_AROUND = 16,         /* ids the post-processor adds on a side */
	SN_TOK_MAX_PATTERN = 4096,
	SN_TOK_NONE = -1,
};

/* ---- vocabulary and merges: tok_bpe.c */

struct sn_vocab {
	struct sn_buf text;             /* all pieces, each with a NUL behind it */
	/* by id; len UINT32_MAX: no such id; added: place in sn_tokenizer.added, plus 1 */
	struct sn_piece { uint32_t at, len, added; } *piece;
	uint32_t n;                     /* entries of piece */
	uint32_t size;                  /* one more than the highest id in use */
	uint32_t count;                 /* how many there are */
	uint32_t *slot, mask;           /* text -> id + 1 */
	uint8_t key[16];
};

struct sn_merge { uint32_t left, right, rank, id; };

struct sn_bpe {
	struct sn_vocab vocab;
	struct sn_merge *merge;         /* open addressing; left UINT32_MAX: free */
	uint32_t merge_shift;           /* 64 - log2 of the table's size */
	uint64_t merge_mul;
	int32_t byte_id[256];           /* of each byte of a word, SN_TOK_NONE if there is none */
	int32_t unk;
	size_t own;                     /* where in vocab.text the pieces of the model end */
	uint32_t own_count;             /* and how many these are */
	bool fuse_unk, ignore_merges;
};

/* Pieces first (sn_vocab_start, n times sn_vocab_add), then merges, then sn_bpe_seal(). */
int sn_vocab_start(struct sn_vocab *v, size_t n, struct sn_err *e);
int sn_vocab_add(struct sn_vocab *v, const char *p, size_t n, uint32_t id, const char *name,
	struct sn_err *e);
int64_t sn_vocab_find(const struct sn_vocab *v, const char *p, size_t n);
void sn_vocab_release(struct sn_vocab *v);

int sn_bpe_start_merges(struct sn_bpe *b, size_t n, struct sn_err *e);
/* Piece l followed by r becomes their join.  Messages do not say where. */
int sn_bpe_merge(struct sn_bpe *b, const char *l, size_t ln, const char *r, size_t rn,
	uint32_t rank, struct sn_err *e);
void sn_bpe_seal(struct sn_bpe *b);     /* byte_id, after all pieces are there */
void sn_bpe_release(struct sn_bpe *b);

/* Working memory of sn_bpe_word(). */
struct sn_bpe_work {
	uint32_t *sym;
	int32_t *prev, *next;
	size_t cap;
	struct sn_bpe_heap { uint64_t key; uint32_t id; } *heap;        /* key: rank << 32 | position */
	size_t heap_n, heap_cap;
	struct sn_word *cache;
	struct sn_buf text;             /* a word in the byte-level alphabet */
};
int sn_bpe_work_init(struct sn_bpe_work *w, struct sn_err *e);
void sn_bpe_work_release(struct sn_bpe_work *w);
int sn_bpe_word(const struct sn_bpe *b, struct sn_bpe_work *w, const char *p, size_t n,
	struct sn_ids *out, struct sn_err *e);

/* The byte-level alphabet: the code point that stands for a byte (256..323 or itself). */
uint32_t sn_byte_char(uint8_t byte);

int sn_ids_room(struct sn_ids *ids, size_t n, struct sn_err *e);

/* ---- patterns: tok_regex.c, tok_scan.c */

/* From the regex dialect of tokenizer files to PCRE2, with character sets spelled
 * out from our own tables; what might mean something else there is refused. */
int sn_regex_translate(const char *p, size_t n, const char *name, struct sn_buf *out,
	struct sn_err *e);
int sn_regex_compile(pcre2_code **re, const char *p, size_t n, const char *name,
	struct sn_err *e);

/* Length of the match at p < end, never 0: patterns that match at any place. */
typedef size_t (*sn_scan_fn)(const uint8_t *cls, const char *p, const char *end);
size_t sn_scan_gpt2(const uint8_t *cls, const char *p, const char *end);
/* The function for a pattern's exact text, or NULL. */
sn_scan_fn sn_scan_find(const char *pattern, size_t n);

/* ---- pre-tokenizer steps: tok_pre.c */

enum sn_step_kind {
	SN_STEP_DIGITS,         /* each digit alone, or (contiguous) runs of them */
	SN_STEP_SPLIT,
	SN_STEP_PREFIX,         /* a space in front unless there is one */
};
enum sn_behavior { SN_ISOLATED, SN_REMOVED, SN_CONTIGUOUS, SN_MERGED_PREVIOUS, SN_MERGED_NEXT };

struct sn_step {
	enum sn_step_kind kind;
	enum sn_behavior behavior;
	bool invert;
	sn_scan_fn scan;        /* or */
	pcre2_code *re;
};

/* ---- added tokens: tok_added.c */

struct sn_added {
	char *text;             /* what is looked for; in a set, normalised when it is to be */
	size_t len;
	uint32_t id;
	bool special, lstrip, rstrip, single_word, normalized;
};

/* Sorted by text; `first' narrows by first byte. */
struct sn_added_set { struct sn_added *t; size_t n; uint32_t first[257]; };

int sn_added_put(struct sn_added_set *s, const struct sn_added *a, const char *text, size_t n,
	struct sn_err *e);
void sn_added_seal(struct sn_added_set *s);     /* sort and index */
void sn_added_release(struct sn_added_set *s);
/*
 * Cut text at the tokens: for each piece in turn fn gets the text (id SN_TOK_NONE)
 * or the token's id.  Stops at the first non-zero return.
 */
typedef int (*sn_added_fn)(void *arg, const char *p, size_t n, int64_t id);
int sn_added_split(const struct sn_added_set *s, const char *text, size_t n, sn_added_fn fn,
	void *arg);

/* ---- the whole */

struct sn_tokenizer {
	struct sn_bpe bpe;
	bool nfc;
	struct sn_step step[SN_TOK_MAX_STEPS];
	unsigned n_steps;
	bool byte_level, templated;     /* while reading: these have been seen */
	struct sn_added *added;         /* as the file has them; text is the vocabulary's */
	size_t n_added, added_cap;
	int64_t max_added;
	struct sn_added_set raw, normalized;
	uint32_t front[SN_TOK_MAX_AROUND], behind[SN_TOK_MAX_AROUND];
	unsigned n_front, n_behind;
	int64_t special[SN_TOK_SPECIALS];
	bool cuts_left;
	uint8_t *cls;                   /* [SN_CODE_POINTS] */
};

struct sn_tok_scratch {
	const struct sn_tokenizer *t;
	struct sn_bpe_work bpe;
	struct sn_nfc nfc;
	struct sn_buf repaired, normal, prefixed;
	pcre2_match_data *match[SN_TOK_MAX_STEPS];
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	struct sn_ids *out;             /* of the call that runs */
	struct sn_err *e;
};

/* One piece of normalised text through the steps from k on, into s->out. */
int sn_tok_pieces(struct sn_tok_scratch *s, unsigned k, const char *p, size_t n);

/* Reading: an empty tokenizer, steps, added tokens; and the end of it. */
int sn_tok_new(struct sn_tokenizer **t, struct sn_err *e);
int sn_tok_add_step(struct sn_tokenizer *t, const struct sn_step *s, const char *name,
	struct sn_err *e);
int sn_tok_byte_level(struct sn_tokenizer *t, bool add_prefix_space, bool use_regex,
	const char *name, struct sn_err *e);
/* a->text is copied.  id: what the file says; it must be the one the original would
 * give, which is the vocabulary's or the next free one. */
int sn_tok_add_token(struct sn_tokenizer *t, const struct sn_added *a, int64_t id,
	const char *name, struct sn_err *e);
int sn_tok_seal(struct sn_tokenizer *t, const char *name, struct sn_err *e);
/* Put one more id in front of a text or behind it, outside of those that are there. */
int sn_tok_around(struct sn_tokenizer *t, bool front, uint64_t id, const char *name,
	struct sn_err *e);

/* tok_conf.c: what tokenizer_config.json changes. */
int sn_tok_conf(struct sn_tokenizer *t, const char *p, size_t n, const char *name,
	struct sn_err *e);

#endif
