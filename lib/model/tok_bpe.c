/*
 * Byte-level BPE.  A word's bytes become symbols; the adjacent pair of the lowest
 * rank (ties: leftmost) is joined until none is left.  Short words look over all
 * pairs each time; long ones keep the pairs in a heap, whose stale entries are
 * known by the pair there no longer making the same symbol, so that a word of n
 * bytes takes n log n.  Words with few bytes are remembered per caller.
 *
 * Both hash tables are filled from hostile files, so they are keyed at random.
 * The result does not depend on the keys.
 */
#include <stdlib.h>
#include <string.h>

#include "model/tok.h"
#include "util/digest.h"
#include "util/utf8.h"

enum { SHORT = 48, CACHE_LOG = 15, WORD_BYTES = 22, WORD_IDS = 10 };

/* ids of a word, in the one place its hash gives it */
struct sn_word { uint8_t len, n; char bytes[WORD_BYTES]; uint32_t ids[WORD_IDS]; };

uint32_t sn_byte_char(uint8_t b)
{
	unsigned k = 0;

	if ((b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae)
		return b;
	/* the others in ascending order: 0..32, 127..160, 173 */
	k = b <= 32 ? b : b <= 160 ? b - 127u + 33 : 67;
	return 256 + k;
}

int sn_ids_room(struct sn_ids *ids, size_t n, struct sn_err *e)
{
	size_t cap = ids->cap ? ids->cap : 64;
	uint32_t *v;

	if (ids->v && n <= ids->cap - ids->n)
		return 0;
	while (cap - ids->n < n)
		cap *= 2;
	v = realloc(ids->v, cap * sizeof(*v));
	if (!v)
		return sn_err_mem(e);
	ids->v = v;
	ids->cap = cap;
	return 0;
}

/* ---- vocabulary */

int sn_vocab_start(struct sn_vocab *v, size_t n, struct sn_err *e)
{
	size_t slots = 16;

	if (!n || n > SN_TOK_MAX_IDS)
		return sn_err(e, SN_ENO, "a vocabulary of %zu", n);
	while (slots < 2 * n + 4096)    /* and some room for added tokens */
		slots *= 2;
	randombytes_buf(v->key, sizeof(v->key));
	v->slot = calloc(slots, sizeof(*v->slot));
	v->mask = (uint32_t)slots - 1;
	return v->slot ? 0 : sn_err_mem(e);
}

static uint32_t *slot_of(const struct sn_vocab *v, const char *p, size_t n)
{
	uint32_t i = (uint32_t)sn_siphash(v->key, p, n) & v->mask;

	for (;; i = (i + 1) & v->mask) {
		const struct sn_piece *q;

		if (!v->slot[i])
			return &v->slot[i];
		q = &v->piece[v->slot[i] - 1];
		if (q->len == n && !memcmp(v->text.p + q->at, p, n))
			return &v->slot[i];
	}
}

int64_t sn_vocab_find(const struct sn_vocab *v, const char *p, size_t n)
{
	return (int64_t)*slot_of(v, p, n) - 1;
}

static int grow_pieces(struct sn_vocab *v, uint32_t id, struct sn_err *e)
{
	uint32_t n = v->n ? v->n : 1024;
	struct sn_piece *q;

	if (id < v->n)
		return 0;
	while (n <= id)
		n *= 2;
	q = realloc(v->piece, n * sizeof(*q));
	if (!q)
		return sn_err_mem(e);
	for (uint32_t i = v->n; i < n; i++)
		q[i] = (struct sn_piece){ 0, UINT32_MAX, 0 };
	v->piece = q;
	v->n = n;
	return 0;
}

int sn_vocab_add(struct sn_vocab *v, const char *p, size_t n, uint32_t id, const char *name,
	struct sn_err *e)
{
	uint32_t *slot = slot_of(v, p, n);
	int rc;

	if (*slot)
		return sn_err(e, SN_ENO, "%s: token \"%.*s\" is there twice", name, n > 80 ? 80 : (int)n,
			p);
	if (id >= SN_TOK_MAX_IDS)
		return sn_err(e, SN_ENO, "%s: token \"%.*s\": its id %u is too high", name,
			n > 80 ? 80 : (int)n, p, id);
	if (v->count >= v->mask / 4 * 3)
		return sn_err(e, SN_ENO, "%s: too many added tokens", name);
	rc = grow_pieces(v, id, e);
	if (rc)
		return rc;
	if (v->piece[id].len != UINT32_MAX)
		return sn_err(e, SN_ENO, "%s: two tokens have the id %u", name, id);
	v->piece[id] = (struct sn_piece){ (uint32_t)v->text.len, (uint32_t)n, 0 };
	sn_buf_add(&v->text, p, n);
	sn_buf_chr(&v->text, 0);
	rc = sn_buf_ok(&v->text, name, e);
	if (rc)
		return rc;
	*slot = id + 1;
	v->count++;
	if (id >= v->size)
		v->size = id + 1;
	return 0;
}

void sn_vocab_release(struct sn_vocab *v)
{
	sn_buf_release(&v->text);
	free(v->piece);
	free(v->slot);
}

/* ---- merges */

int sn_bpe_start_merges(struct sn_bpe *b, size_t n, struct sn_err *e)
{
	unsigned log = 4;
	size_t size;

	if (n > SN_TOK_MAX_IDS)
		return sn_err(e, SN_ENO, "%zu merges", n);
	while ((size_t)1 << log < 2 * n)
		log++;
	size = (size_t)1 << log;
	b->merge_shift = 64 - log;
	randombytes_buf(&b->merge_mul, sizeof(b->merge_mul));
	b->merge_mul |= 1;
	b->merge = malloc(size * sizeof(*b->merge));
	if (!b->merge)
		return sn_err_mem(e);
	memset(b->merge, 0xff, size * sizeof(*b->merge));
	return 0;
}

static struct sn_merge *merge_of(const struct sn_bpe *b, uint32_t left, uint32_t right)
{
	uint64_t k = (uint64_t)left << 32 | right;
	uint64_t mask = ~(uint64_t)0 >> b->merge_shift, i;

	k ^= k >> 29;
	i = k * b->merge_mul >> b->merge_shift;
	for (;; i = (i + 1) & mask) {
		struct sn_merge *m = &b->merge[i];

		if ((m->left == left && m->right == right) || m->left == UINT32_MAX)
			return m;
	}
}

static int absent(const char *p, size_t n, struct sn_err *e)
{
	return sn_err(e, SN_ENO, "\"%.*s\" is not in the vocabulary", n > 80 ? 80 : (int)n, p);
}

int sn_bpe_merge(struct sn_bpe *b, const char *l, size_t ln, const char *r, size_t rn,
	uint32_t rank, struct sn_err *e)
{
	int64_t left = sn_vocab_find(&b->vocab, l, ln), right = sn_vocab_find(&b->vocab, r, rn);
	char join[1024];
	struct sn_merge *m;
	int64_t id;

	if (left < 0)
		return absent(l, ln, e);
	if (right < 0)
		return absent(r, rn, e);
	if (ln + rn > sizeof(join))
		return sn_err(e, SN_ENO, "joins to more than %zu bytes", sizeof(join));
	memcpy(join, l, ln);
	memcpy(join + ln, r, rn);
	id = sn_vocab_find(&b->vocab, join, ln + rn);
	if (id < 0)
		return absent(join, ln + rn, e);
	/* a pair that is listed twice has its last rank */
	m = merge_of(b, (uint32_t)left, (uint32_t)right);
	*m = (struct sn_merge){ (uint32_t)left, (uint32_t)right, rank, (uint32_t)id };
	return 0;
}

void sn_bpe_seal(struct sn_bpe *b)
{
	b->own = b->vocab.text.len;
	b->own_count = b->vocab.count;
	for (int i = 0; i < 256; i++) {
		char utf8[4];
		int k = sn_utf8_put(sn_byte_char((uint8_t)i), utf8);

		b->byte_id[i] = (int32_t)sn_vocab_find(&b->vocab, utf8, (size_t)k);
	}
}

void sn_bpe_release(struct sn_bpe *b)
{
	sn_vocab_release(&b->vocab);
	free(b->merge);
}

/* ---- words */

int sn_bpe_work_init(struct sn_bpe_work *w, struct sn_err *e)
{
	*w = (struct sn_bpe_work){ 0 };
	w->cache = calloc((size_t)1 << CACHE_LOG, sizeof(*w->cache));
	return w->cache ? 0 : sn_err_mem(e);
}

void sn_bpe_work_release(struct sn_bpe_work *w)
{
	free(w->sym);
	free(w->prev);
	free(w->next);
	free(w->heap);
	free(w->cache);
	sn_buf_release(&w->text);
}

/* The bytes as symbols in sym; how many.  Without an unknown token a byte that the
 * vocabulary lacks disappears, as it does in the original. */
static size_t symbols(const struct sn_bpe *b, const char *p, size_t n, uint32_t *sym)
{
	bool unknown = false;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		int32_t id = b->byte_id[(uint8_t)p[i]];

		if (id >= 0)
			sym[k++] = (uint32_t)id;
		else if (b->unk >= 0 && !(unknown && b->fuse_unk))
			sym[k++] = (uint32_t)b->unk;
		unknown = id < 0;
	}
	return k;
}

static size_t join_short(const struct sn_bpe *b, uint32_t *sym, size_t n)
{
	struct { uint32_t rank, id; } pair[SHORT];

	for (size_t i = 0; i + 1 < n; i++) {
		const struct sn_merge *m = merge_of(b, sym[i], sym[i + 1]);

		pair[i].rank = m->rank;
		pair[i].id = m->id;
	}
	while (n > 1) {
		uint32_t low = UINT32_MAX;
		size_t at = 0;

		for (size_t i = 0; i + 1 < n; i++)
			if (pair[i].rank < low) {
				low = pair[i].rank;
				at = i;
			}
		if (low == UINT32_MAX)
			break;
		sym[at] = pair[at].id;
		memmove(sym + at + 1, sym + at + 2, (n - at - 2) * sizeof(*sym));
		if (at + 2 < n)
			memmove(pair + at, pair + at + 1, (n - at - 2) * sizeof(*pair));
		n--;
		for (size_t i = at ? at - 1 : 0; i <= at && i + 1 < n; i++) {
			const struct sn_merge *m = merge_of(b, sym[i], sym[i + 1]);

			pair[i].rank = m->rank;
			pair[i].id = m->id;
		}
	}
	return n;
}

static int push(const struct sn_bpe *b, struct sn_bpe_work *w, size_t at, struct sn_err *e)
{
	const struct sn_merge *m = merge_of(b, w->sym[at], w->sym[w->next[at]]);
	struct sn_bpe_heap new = { (uint64_t)m->rank << 32 | at, m->id };
	size_t i;

	if (m->left == UINT32_MAX)
		return 0;
	if (w->heap_n == w->heap_cap) {
		size_t cap = w->heap_cap ? 2 * w->heap_cap : 256;
		struct sn_bpe_heap *h = realloc(w->heap, cap * sizeof(*h));

		if (!h)
			return sn_err_mem(e);
		w->heap = h;
		w->heap_cap = cap;
	}
	for (i = w->heap_n++; i && w->heap[(i - 1) / 2].key > new.key; i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = new;
	return 0;
}

static struct sn_bpe_heap pop(struct sn_bpe_work *w)
{
	struct sn_bpe_heap top = w->heap[0], last = w->heap[--w->heap_n];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= w->heap_n)
			break;
		if (c + 1 < w->heap_n && w->heap[c + 1].key < w->heap[c].key)
			c++;
		if (last.key <= w->heap[c].key)
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	if (w->heap_n)
		w->heap[i] = last;
	return top;
}

/* Symbols are linked by prev and next (n at the end, -1 at the start); next of one
 * that was joined to its left is -1. */
static int join_long(const struct sn_bpe *b, struct sn_bpe_work *w, size_t n, struct sn_err *e)
{
	int rc = 0;

	w->heap_n = 0;
	for (size_t i = 0; i < n; i++) {
		w->prev[i] = (int32_t)i - 1;
		w->next[i] = (int32_t)i + 1;
	}
	for (size_t i = 0; i + 1 < n && rc == 0; i++)
		rc = push(b, w, i, e);
	while (rc == 0 && w->heap_n) {
		struct sn_bpe_heap top = pop(w);
		size_t at = (uint32_t)top.key, right;
		const struct sn_merge *m;

		if (w->next[at] < 0 || (size_t)w->next[at] >= n)
			continue;
		right = (size_t)w->next[at];
		m = merge_of(b, w->sym[at], w->sym[right]);
		if (m->left == UINT32_MAX || m->id != top.id)
			continue;
		w->sym[at] = top.id;
		w->next[at] = w->next[right];
		w->next[right] = -1;
		if ((size_t)w->next[at] < n)
			w->prev[w->next[at]] = (int32_t)at;
		if (w->prev[at] >= 0)
			rc = push(b, w, (size_t)w->prev[at], e);
		if (rc == 0 && (size_t)w->next[at] < n)
			rc = push(b, w, at, e);
	}
	return rc;
}

static int long_word(const struct sn_bpe *b, struct sn_bpe_work *w, const char *p, size_t n,
	struct sn_ids *out, struct sn_err *e)
{
	int rc = 0;

	if (n > w->cap) {
		uint32_t *sym = realloc(w->sym, n * sizeof(*sym));
		int32_t *prev, *next;

		if (sym)
			w->sym = sym;
		prev = realloc(w->prev, n * sizeof(*prev));
		if (prev)
			w->prev = prev;
		next = realloc(w->next, n * sizeof(*next));
		if (next)
			w->next = next;
		if (!sym || !prev || !next)
			return sn_err_mem(e);
		w->cap = n;
	}
	n = symbols(b, p, n, w->sym);
	rc = join_long(b, w, n, e);
	if (rc == 0)
		rc = sn_ids_room(out, n, e);
	for (size_t i = 0; rc == 0 && i < n; i = (size_t)w->next[i])
		out->v[out->n++] = w->sym[i];
	return rc;
}

static int whole_word(const struct sn_bpe *b, struct sn_bpe_work *w, const char *p, size_t n,
	int64_t *id, struct sn_err *e)
{
	int rc;

	sn_buf_clear(&w->text);
	for (size_t i = 0; i < n; i++) {
		char utf8[4];

		sn_buf_add(&w->text, utf8, (size_t)sn_utf8_put(sn_byte_char((uint8_t)p[i]), utf8));
	}
	rc = sn_buf_ok(&w->text, "a word", e);
	if (rc == 0)
		*id = sn_vocab_find(&b->vocab, w->text.p, w->text.len);
	/* an added token that is not in the model's own vocabulary does not count */
	if (*id >= 0 && b->vocab.piece[*id].at >= b->own)
		*id = SN_TOK_NONE;
	return rc;
}

static int new_word(const struct sn_bpe *b, struct sn_bpe_work *w, const char *p, size_t n,
	struct sn_ids *out, struct sn_err *e)
{
	uint32_t sym[SHORT];
	int64_t id = SN_TOK_NONE;
	size_t k;
	int rc = 0;

	if (b->ignore_merges) {
		rc = whole_word(b, w, p, n, &id, e);
		if (rc == 0)
			rc = sn_ids_room(out, 1, e);
		if (rc == 0 && id >= 0)
			out->v[out->n++] = (uint32_t)id;
		if (rc || id >= 0)
			return rc;
	}
	if (n > SHORT)
		return long_word(b, w, p, n, out, e);
	k = join_short(b, sym, symbols(b, p, n, sym));
	rc = sn_ids_room(out, k, e);
	if (rc == 0) {
		memcpy(out->v + out->n, sym, k * sizeof(*sym));
		out->n += k;
	}
	return rc;
}

/* Any spread will do: a crowded place costs time only. */
static uint32_t place_of(const char *p, size_t n)
{
	uint64_t a = 0, b = 0, c = 0;

	memcpy(&a, p, n < 8 ? n : 8);
	if (n > 8)
		memcpy(&b, p + 8, n < 16 ? n - 8 : 8);
	if (n > 16)
		memcpy(&c, p + 16, n - 16);
	a = (a ^ n) * 0x9e3779b97f4a7c15ull;
	a = (a ^ a >> 32 ^ b) * 0xd6e8feb86659fd93ull;
	a = (a ^ a >> 32 ^ c) * 0xa0761d6478bd642full;
	return (uint32_t)(a >> (64 - CACHE_LOG));
}

int sn_bpe_word(const struct sn_bpe *b, struct sn_bpe_work *w, const char *p, size_t n,
	struct sn_ids *out, struct sn_err *e)
{
	struct sn_word *c;
	size_t from = out->n;
	int rc;

	if (n > WORD_BYTES)
		return new_word(b, w, p, n, out, e);
	c = &w->cache[place_of(p, n)];
	if (c->len == n && !memcmp(c->bytes, p, n)) {
		rc = sn_ids_room(out, WORD_IDS, e);
		if (rc == 0) {
			memcpy(out->v + from, c->ids, sizeof(c->ids));
			out->n += c->n;
		}
		return rc;
	}
	rc = new_word(b, w, p, n, out, e);
	if (rc == 0 && out->n - from <= WORD_IDS) {
		c->len = (uint8_t)n;
		c->n = (uint8_t)(out->n - from);
		memcpy(c->bytes, p, n);
		memcpy(c->ids, out->v + from, c->n * sizeof(*c->ids));
	}
	return rc;
}
