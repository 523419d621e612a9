/* A tokenizer as a whole: putting it together, encoding, and what it can be asked. */
#include "model/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "model/tok.h"
#include "util/utf8.h"

int sn_tok_new(struct sn_tokenizer **out, struct sn_err *e)
{
	struct sn_tokenizer *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return sn_err_mem(e);
	t->cls = malloc(SN_CODE_POINTS);
	if (!t->cls) {
		free(t);
		*out = NULL;
		return sn_err_mem(e);
	}
	sn_cls_fill(t->cls);
	t->bpe.unk = SN_TOK_NONE;
	t->max_added = -1;
	for (int i = 0; i < SN_TOK_SPECIALS; i++)
		t->special[i] = SN_TOK_NONE;
	return 0;
}

void sn_tokenizer_close(struct sn_tokenizer *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n_steps; i++)
		pcre2_code_free(t->step[i].re);
	sn_added_release(&t->raw);
	sn_added_release(&t->normalized);
	sn_bpe_release(&t->bpe);
	free(t->added);
	free(t->cls);
	free(t);
}

int sn_tok_add_step(struct sn_tokenizer *t, const struct sn_step *s, const char *name,
	struct sn_err *e)
{
	if (t->byte_level)
		return sn_err(e, SN_ENO, "%s: a step behind ByteLevel is not supported", name);
	if (t->n_steps == SN_TOK_MAX_STEPS)
		return sn_err(e, SN_ENO, "%s: more than %d steps", name, SN_TOK_MAX_STEPS);
	t->step[t->n_steps++] = *s;
	return 0;
}

int sn_tok_byte_level(struct sn_tokenizer *t, bool add_prefix_space, bool use_regex,
	const char *name, struct sn_err *e)
{
	const struct sn_step prefix = { .kind = SN_STEP_PREFIX };
	const struct sn_step split = { .kind = SN_STEP_SPLIT, .scan = sn_scan_gpt2 };
	int rc = 0;

	if (add_prefix_space)
		rc = sn_tok_add_step(t, &prefix, name, e);
	if (rc == 0 && use_regex)
		rc = sn_tok_add_step(t, &split, name, e);
	if (rc == 0 && t->byte_level)
		rc = sn_err(e, SN_ENO, "%s: ByteLevel twice is not supported", name);
	t->byte_level = true;
	return rc;
}

/* The id the original gives to an added token that the vocabulary lacks. */
static int64_t next_id(const struct sn_tokenizer *t)
{
	return t->max_added >= (int64_t)t->bpe.own_count ? t->max_added + 1 : t->bpe.own_count;
}

static int reserve_added(struct sn_tokenizer *t, struct sn_err *e)
{
	size_t cap = t->added_cap ? 2 * t->added_cap : 16;
	struct sn_added *a;

	if (t->n_added < t->added_cap)
		return 0;
	a = realloc(t->added, cap * sizeof(*a));
	if (!a)
		return sn_err_mem(e);
	t->added = a;
	t->added_cap = cap;
	return 0;
}

int sn_tok_add_token(struct sn_tokenizer *t, const struct sn_added *a, int64_t id,
	const char *name, struct sn_err *e)
{
	struct sn_vocab *v = &t->bpe.vocab;
	int64_t own;
	int rc = reserve_added(t, e);

	if (rc)
		return rc;
	if (!a->len || a->len > SN_TOK_MAX_ADDED)
		return sn_err(e, SN_ENO, "%s: an added token of %zu bytes", name, a->len);
	own = sn_vocab_find(v, a->text, a->len);
	if (own < 0) {
		own = next_id(t);
		if (own >= SN_TOK_MAX_IDS)
			return sn_err(e, SN_ENO, "%s: its id %lld is too high", name, (long long)own);
		rc = id >= 0 && id != own ? 0 : sn_vocab_add(v, a->text, a->len, (uint32_t)own, name, e);
		if (rc)
			return rc;
	}
	if (id >= 0 && id != own)
		return sn_err(e, SN_ENO, "%s: token \"%.80s\" has the id %lld here, and would get %lld",
			name, a->text, (long long)id, (long long)own);
	if (v->piece[own].added)
		return sn_err(e, SN_ENO, "%s: token \"%.80s\" is there twice", name, a->text);
	if (own > t->max_added)
		t->max_added = own;
	t->added[t->n_added] = *a;
	t->added[t->n_added].id = (uint32_t)own;
	v->piece[own].added = (uint32_t)++t->n_added;
	return 0;
}

int sn_tok_around(struct sn_tokenizer *t, bool front, uint64_t id, const char *name,
	struct sn_err *e)
{
	uint32_t *ids = front ? t->front : t->behind;
	unsigned *n = front ? &t->n_front : &t->n_behind;

	if (id >= t->bpe.vocab.size || t->bpe.vocab.piece[id].len == UINT32_MAX)
		return sn_err(e, SN_ENO, "%s: there is no token with the id %llu", name,
			(unsigned long long)id);
	if (*n == SN_TOK_MAX_AROUND)
		return sn_err(e, SN_ENO, "%s: adds more than %d tokens", name, SN_TOK_MAX_AROUND);
	if (front)
		memmove(ids + 1, ids, *n * sizeof(*ids));
	ids[front ? 0 : *n] = (uint32_t)id;
	++*n;
	return 0;
}

/* Two that look for one text: which of them the original takes is nothing to rely on. */
static int distinct(const struct sn_added_set *s, const char *name, struct sn_err *e)
{
	for (size_t i = 1; i < s->n; i++)
		if (s->t[i].len == s->t[i - 1].len && !memcmp(s->t[i].text, s->t[i - 1].text, s->t[i].len))
			return sn_err(e, SN_ENO, "%s: two added tokens are \"%.80s\"", name, s->t[i].text);
	return 0;
}

int sn_tok_seal(struct sn_tokenizer *t, const char *name, struct sn_err *e)
{
	const struct sn_vocab *v = &t->bpe.vocab;
	struct sn_buf b = SN_BUF_INIT;
	struct sn_nfc nfc = { 0 };
	int rc = 0;

	if (!t->byte_level)
		return sn_err(e, SN_ENO, "%s: pre_tokenizer: only byte-level BPE is supported", name);
	for (size_t i = 0; i < t->n_added && rc == 0; i++) {
		struct sn_added *a = &t->added[i];
		const char *text = v->text.p + v->piece[a->id].at;
		size_t n = a->len;

		a->text = NULL;         /* was the reader's */
		if (a->normalized && t->nfc) {
			sn_buf_clear(&b);
			rc = sn_nfc(&nfc, text, n, &b, e);
			text = b.p;
			n = b.len;
		}
		if (rc == 0)
			rc = sn_added_put(a->normalized ? &t->normalized : &t->raw, a, text, n, e);
	}
	sn_buf_release(&b);
	sn_nfc_release(&nfc);
	sn_added_seal(&t->raw);
	sn_added_seal(&t->normalized);
	if (rc == 0)
		rc = distinct(&t->raw, name, e);
	return rc ? rc : distinct(&t->normalized, name, e);
}

/* ---- scratch */

int sn_tok_scratch_new(struct sn_tok_scratch **out, const struct sn_tokenizer *t,
	struct sn_err *e)
{
	struct sn_tok_scratch *s = calloc(1, sizeof(*s));
	bool ok = s != NULL;

	*out = NULL;
	if (!ok)
		return sn_err_mem(e);
	s->t = t;
	ok = sn_bpe_work_init(&s->bpe, e) == 0;
	for (unsigned i = 0; i < t->n_steps && ok; i++) {
		if (!t->step[i].re)
			continue;
		if (!s->limits) {
			s->limits = pcre2_match_context_create(NULL);
			s->stack = pcre2_jit_stack_create(32 << 10, 8 << 20, NULL);
			if (s->limits && s->stack)
				pcre2_jit_stack_assign(s->limits, NULL, s->stack);
		}
		s->match[i] = pcre2_match_data_create(1, NULL);
		ok = s->match[i] && s->limits && s->stack;
	}
	if (!ok) {
		sn_tok_scratch_free(s);
		return sn_err_mem(e);
	}
	*out = s;
	return 0;
}

void sn_tok_scratch_free(struct sn_tok_scratch *s)
{
	if (!s)
		return;
	for (int i = 0; i < SN_TOK_MAX_STEPS; i++)
		pcre2_match_data_free(s->match[i]);
	pcre2_match_context_free(s->limits);
	pcre2_jit_stack_free(s->stack);
	sn_bpe_work_release(&s->bpe);
	sn_nfc_release(&s->nfc);
	sn_buf_release(&s->repaired);
	sn_buf_release(&s->normal);
	sn_buf_release(&s->prefixed);
	free(s);
}

/* ---- encoding */

static int put_id(struct sn_tok_scratch *s, int64_t id)
{
	int rc = sn_ids_room(s->out, 1, s->e);

	if (rc == 0)
		s->out->v[s->out->n++] = (uint32_t)id;
	return rc;
}

static int normal_part(void *arg, const char *p, size_t n, int64_t id)
{
	struct sn_tok_scratch *s = arg;

	return id >= 0 ? put_id(s, id) : sn_tok_pieces(s, 0, p, n);
}

static int raw_part(void *arg, const char *p, size_t n, int64_t id)
{
	struct sn_tok_scratch *s = arg;
	int rc;

	if (id >= 0)
		return put_id(s, id);
	if (s->t->nfc) {
		sn_buf_clear(&s->normal);
		rc = sn_nfc(&s->nfc, p, n, &s->normal, s->e);
		if (rc)
			return rc;
		p = s->normal.p;
		n = s->normal.len;
	}
	return sn_added_split(&s->t->normalized, p, n, normal_part, s);
}

/* The text with U+FFFD for each maximal part that is not UTF-8. */
static int repair(struct sn_tok_scratch *s, const char **text, size_t *len)
{
	const char *p = *text, *end = p + *len;

	if (sn_utf8_valid(p, *len))
		return 0;
	sn_buf_clear(&s->repaired);
	while (p < end) {
		int k = sn_utf8_len(p, (size_t)(end - p));

		if (k > 0)
			sn_buf_add(&s->repaired, p, (size_t)k);
		else
			sn_buf_str(&s->repaired, "\xef\xbf\xbd");
		p += k > 0 ? k : -k;
	}
	*text = s->repaired.p;
	*len = s->repaired.len;
	return sn_buf_ok(&s->repaired, "the text", s->e);
}

static void truncate_to(const struct sn_tokenizer *t, struct sn_ids *ids, size_t from, size_t max)
{
	size_t n = ids->n - from;

	if (n <= max)
		return;
	if (t->cuts_left)
		memmove(ids->v + from, ids->v + ids->n - max, max * sizeof(*ids->v));
	ids->n = from + max;
}

int sn_tokenizer_encode(const struct sn_tokenizer *t, struct sn_tok_scratch *s,
	const char *text, size_t len, unsigned flags, size_t max, struct sn_ids *out,
	struct sn_err *e)
{
	bool add = flags & SN_TOK_ADD_SPECIAL;
	size_t around = add ? t->n_front + t->n_behind : 0, start = out->n;
	int rc;

	if (len > SN_TOK_MAX_TEXT)
		return sn_err(e, SN_ENO, "a text of more than %d bytes", SN_TOK_MAX_TEXT);
	if (max && max < around)
		return sn_err(e, SN_EUSE, "%zu tokens do not hold the %zu the tokenizer adds", max, around);
	s->out = out;
	s->e = e;
	rc = sn_ids_room(out, around, e);
	for (unsigned i = 0; rc == 0 && add && i < t->n_front; i++)
		out->v[out->n++] = t->front[i];
	if (rc == 0)
		rc = repair(s, &text, &len);
	if (rc == 0)
		rc = sn_added_split(&t->raw, text, len, raw_part, s);
	if (rc == 0 && max)
		truncate_to(t, out, start + (add ? t->n_front : 0), max - around);
	for (unsigned i = 0; rc == 0 && add && i < t->n_behind; i++)
		rc = put_id(s, t->behind[i]);
	if (rc)
		out->n = start;
	return rc;
}

/* ---- questions */

void sn_tokenizer_added(const struct sn_tokenizer *t, size_t *front, size_t *behind)
{
	*front = t->n_front;
	*behind = t->n_behind;
}

uint32_t sn_tokenizer_size(const struct sn_tokenizer *t)
{
	return t->bpe.vocab.size;
}

const char *sn_tokenizer_piece(const struct sn_tokenizer *t, uint32_t id, size_t *len)
{
	const struct sn_vocab *v = &t->bpe.vocab;

	if (id >= v->size || v->piece[id].len == UINT32_MAX)
		return NULL;
	*len = v->piece[id].len;
	return v->text.p + v->piece[id].at;
}

int64_t sn_tokenizer_id(const struct sn_tokenizer *t, const char *text, size_t len)
{
	return sn_vocab_find(&t->bpe.vocab, text, len);
}

struct sn_tok_text sn_tokenizer_special(const struct sn_tokenizer *t, enum sn_tok_special which)
{
	struct sn_tok_text x = { NULL, 0, t->special[which] };

	if (x.id >= 0)
		x.text = sn_tokenizer_piece(t, (uint32_t)x.id, &x.len);
	return x;
}

bool sn_tokenizer_cuts_left(const struct sn_tokenizer *t)
{
	return t->cuts_left;
}
