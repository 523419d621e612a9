/* Reading a shard: layout, lookup by digest, one record at a time.  See shard.h. */
#include "dataset/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int damaged(const struct sn_shard *s, struct sn_err *e, const char *what)
{
	return sn_err(e, SN_ENO, "%s: damaged: %s", s->path, what);
}

/* Bytes from head[] to the footer, as its numbers (bounded by the caller) say. */
static uint64_t columns(const struct sn_footer *f)
{
	uint64_t n = f->n * (8 + 8 + SN_TAIL) + (f->n + 1) * 4 + (f->frames + 1) * 8 + f->slots * 4;

	return (n + 7) & ~(uint64_t)7;
}

int sn_shard_layout(struct sn_shard *s, const struct sn_part *part, struct sn_err *e)
{
	const uint8_t *p = s->map.p;
	struct sn_footer *f = &s->f;
	uint64_t size = s->map.size;

	if (part && size != part->size)
		return sn_err(e, SN_ENO, "%s: damaged: %llu bytes, the manifest says %llu", s->path,
			(unsigned long long)size, (unsigned long long)part->size);
	if (size < SN_FOOTER_BYTES + 8 || size > UINT32_MAX ||
	    memcmp(p + size - 8, SN_SHARD_MAGIC, 8))
		return damaged(s, e, "no index at its end");
	memcpy(f, p + size - SN_FOOTER_BYTES, sizeof(*f));
	if (!f->n || f->n > SN_SHARD_ROWS || !f->frames || f->frames > f->n ||
	    f->slots < f->n || f->slots > 4 * SN_SHARD_ROWS || (f->slots & (f->slots - 1)) ||
	    f->index % 8 || f->index < 8 || f->index > size || f->dict > f->index ||
	    f->raw > UINT32_MAX || f->first > f->last ||
	    columns(f) != size - SN_FOOTER_BYTES - f->index)
		return damaged(s, e, "footer does not fit the file");
	if (part && (f->n != part->n || f->raw != part->raw || f->first != part->first ||
	    f->last != part->last))
		return damaged(s, e, "footer and manifest differ");
	p += f->index;
	s->head = (const void *)p;
	s->time = (const void *)(p += f->n * 8);
	s->tail = p += f->n * 8;
	s->at = (const void *)(p += f->n * SN_TAIL);
	s->frame = (const void *)(p += (f->n + 1) * 4);
	s->slot = (const void *)(p + (f->frames + 1) * 8);
	return 0;
}

uint64_t sn_shard_sum(const struct sn_shard *s)
{
	return sn_checksum(0, 0, s->head, s->map.size - 16 - s->f.index);
}

int sn_shard_open(struct sn_shard **ps, const char *dir, const struct sn_part *part,
	struct sn_err *e)
{
	struct sn_shard *s = calloc(1, sizeof(*s));
	char name[SN_SHARD_NAME];
	int rc;

	*ps = NULL;
	if (!s || !(s->path = sn_path(dir, sn_shard_name(part->digest, name)))) {
		free(s);
		return sn_err_mem(e);
	}
	atomic_init(&s->refs, 1);
	atomic_init(&s->ddict, NULL);
	s->part = *part;
	if (access(s->path, F_OK) < 0 && errno == ENOENT) {
		sn_err(e, SN_ENO, "%s: missing", s->path);
		rc = SN_SHARD_GONE;
	} else {
		rc = sn_map_open(&s->map, s->path, e);
		if (rc == 0)
			rc = sn_shard_layout(s, part, e);
	}
	if (rc < 0) {
		sn_shard_drop(s);
		return rc;
	}
	*ps = s;
	return 0;
}

struct sn_shard *sn_shard_hold(struct sn_shard *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void sn_shard_drop(struct sn_shard *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	sn_map_close(&s->map);
	ZSTD_freeDDict(atomic_load(&s->ddict));
	free(s->path);
	free(s);
}

void sn_shard_digest(const struct sn_shard *s, uint64_t i, uint8_t out[SN_DIGEST])
{
	memcpy(out, &s->head[i], 8);
	memcpy(out + 8, s->tail + i * SN_TAIL, SN_TAIL);
}

int64_t sn_shard_find(const struct sn_shard *s, const uint8_t digest[SN_DIGEST])
{
	uint64_t mask = s->f.slots - 1, k = sn_get32(digest + SN_DIGEST - 4) & mask, head;

	memcpy(&head, digest, 8);
	for (uint64_t probes = 0; probes <= mask && s->slot[k]; probes++, k = (k + 1) & mask) {
		uint64_t i = s->slot[k] - 1;

		if (i < s->f.n && s->head[i] == head &&
		    !memcmp(s->tail + i * SN_TAIL, digest + 8, SN_TAIL))
			return (int64_t)i;
	}
	return -1;
}

/* The shard's dictionary, made once; threads that race throw theirs away. */
static int dictionary(struct sn_shard *s, ZSTD_DDict **dict, struct sn_err *e)
{
	ZSTD_DDict *mine, *other = NULL;

	*dict = atomic_load_explicit(&s->ddict, memory_order_acquire);
	if (*dict || !s->f.dict)
		return 0;
	if (s->f.dict + 8 > s->f.index)
		return damaged(s, e, "dictionary does not fit the file");
	mine = ZSTD_createDDict(s->map.p + 8, s->f.dict);
	if (!mine)
		return damaged(s, e, "dictionary cannot be used");
	if (!atomic_compare_exchange_strong(&s->ddict, &other, mine)) {
		ZSTD_freeDDict(mine);
		mine = other;
	}
	*dict = mine;
	return 0;
}

/* The frame that holds record i. */
static uint64_t which(const struct sn_shard *s, uint64_t i)
{
	uint64_t lo = 0, hi = s->f.frames;

	if (hi == s->f.n)
		return i;
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (s->frame[mid][1] <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int unpack(struct sn_unpack *u, struct sn_shard *s, uint64_t f, struct sn_err *e)
{
	uint64_t from = s->frame[f][0], to = s->frame[f + 1][0];
	uint64_t r0 = s->frame[f][1], r1 = s->frame[f + 1][1], raw;
	ZSTD_DDict *dict;
	size_t k;
	int rc;

	u->shard = NULL;
	if (from >= to || to > s->f.index || r0 >= r1 || r1 > s->f.n ||
	    s->at[r0] >= s->at[r1] || s->at[r1] - s->at[r0] > SN_RECORD_MAX + 1)
		return sn_err(e, SN_ENO, "%s: damaged: frame %llu does not fit the file", s->path,
			(unsigned long long)f);
	raw = s->at[r1] - s->at[r0];
	if (raw > u->cap) {
		char *p = realloc(u->buf, raw);

		if (!p)
			return sn_err_mem(e);
		u->buf = p;
		u->cap = raw;
	}
	if (!u->dctx && !(u->dctx = ZSTD_createDCtx()))
		return sn_err_mem(e);
	if ((rc = dictionary(s, &dict, e)) < 0)
		return rc;
	k = dict ? ZSTD_decompress_usingDDict(u->dctx, u->buf, raw, s->map.p + from, to - from, dict) :
		ZSTD_decompressDCtx(u->dctx, u->buf, raw, s->map.p + from, to - from);
	if (ZSTD_isError(k) || k != raw)
		return sn_err(e, SN_ENO, "%s: damaged: frame %llu at byte %llu: %s", s->path,
			(unsigned long long)f, (unsigned long long)from,
			ZSTD_isError(k) ? ZSTD_getErrorName(k) : "wrong length");
	u->shard = s;
	u->frame = f;
	return 0;
}

int sn_unpack_get(struct sn_unpack *u, struct sn_shard *s, uint64_t i, const char **p,
	size_t *n, struct sn_err *e)
{
	uint64_t f = which(s, i), begin, end, base, limit;
	int rc;

	if ((u->shard != s || u->frame != f) && (rc = unpack(u, s, f, e)) < 0)
		return rc;
	base = s->at[s->frame[f][1]];
	limit = s->at[s->frame[f + 1][1]];
	begin = s->at[i];
	end = s->at[i + 1];
	if (begin < base || end <= begin || end > limit || u->buf[end - base - 1] != '\n')
		return sn_err(e, SN_ENO, "%s: damaged: record %llu does not fit its frame", s->path,
			(unsigned long long)i);
	*p = u->buf + (begin - base);
	*n = end - begin - 1;
	return 0;
}

void sn_unpack_release(struct sn_unpack *u)
{
	ZSTD_freeDCtx(u->dctx);
	free(u->buf);
	*u = (struct sn_unpack){ 0 };
}
