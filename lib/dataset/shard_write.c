/*
 * Writing a shard.  How records are cut into frames was measured on 997 conversations
 * (2.5 kB each; AMD EPYC, zstd 1.5.4, level 3, dictionary trained on one half
 * and judged on the other):
 *
 *	a frame holds         bytes/record   pack     one random read
 *	1 record                   905      148 MB/s       5.4 us
 *	8 KiB of records           733      202 MB/s      10.4 us
 *	16 KiB                     652      227 MB/s      17.2 us
 *	64 KiB                     550      259 MB/s      53.0 us
 *	1 record, 16 KiB dict      567      229 MB/s       3.0 us
 *	1 record, 110 KiB dict     479      254 MB/s       2.6 us
 *	8 KiB, 110 KiB dict        456      266 MB/s       7.1 us
 *
 * A dictionary and one record a frame wins on both sides, so every shard that is large
 * enough to train one and to carry its weight has its own inside (each shard can be
 * read alone).  Smaller ones, which a later merge swallows, use 16 KiB frames without.
 * The first 4 MiB are held back to train on; from then on records go straight through,
 * so that memory does not grow with the shard but for its index (about 68 bytes each).
 */
#include "dataset/shard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zdict.h>

#define LEVEL 3
#define GROUP ((size_t)16 << 10)        /* raw bytes of a frame without a dictionary */
#define TRAIN ((size_t)4 << 20)         /* raw bytes to train on */
#define TRAIN_LEAST ((size_t)1 << 20)   /* a smaller shard has none */
#define DICT_SHARE 40                   /* dictionary <= what it is trained on / this */
#define DICT_MAX ((size_t)110 << 10)

struct sn_shardw {
	int fd;
	char *dir, *tmp;
	struct sn_digest sha;
	uint64_t size;                  /* written so far */
	ZSTD_CCtx *cctx;
	ZSTD_CDict *cdict;
	uint32_t dict;                  /* its bytes */
	bool started;                   /* the dictionary is decided */
	struct sn_buf raw;              /* records not yet in a frame */
	uint64_t pending;               /* the first of them */
	struct sn_buf out;              /* compressed, not yet written */
	uint64_t n, rawpos, frames;
	int64_t first, last;
	struct sn_buf head, time, tail, at, frame;      /* columns as they grow */
};

char *sn_shard_name(const uint8_t digest[SN_DIGEST], char out[SN_SHARD_NAME])
{
	sn_hex(digest, out);
	strcpy(out + 2 * SN_DIGEST, ".zst");
	return out;
}

int sn_shardw_open(struct sn_shardw **pw, const char *dir, struct sn_err *e)
{
	struct sn_shardw *w = calloc(1, sizeof(*w));
	const size_t columns = (size_t)SN_SHARD_ROWS * 32;

	*pw = NULL;
	if (!w)
		return sn_err_mem(e);
	w->fd = -1;
	w->dir = strdup(dir);
	w->cctx = ZSTD_createCCtx();
	if (!w->dir || !w->cctx || asprintf(&w->tmp, "%s/" SN_SHARD_TMP "XXXXXX", dir) < 0) {
		w->tmp = NULL;
		sn_shardw_abort(w);
		return sn_err_mem(e);
	}
	w->fd = mkostemp(w->tmp, O_CLOEXEC);
	if (w->fd < 0) {
		sn_err_sys(e, "cannot create a file in %s", dir);
		free(w->tmp);
		w->tmp = NULL;
		sn_shardw_abort(w);
		return SN_ETEMP;
	}
	sn_digest_init(&w->sha);
	sn_buf_init(&w->raw, TRAIN + SN_RECORD_MAX + 1);
	sn_buf_init(&w->out, (size_t)64 << 20);
	for (struct sn_buf *b = &w->head; b <= &w->frame; b++)
		sn_buf_init(b, columns);
	w->first = INT64_MAX;
	w->last = INT64_MIN;
	*pw = w;
	return 0;
}

void sn_shardw_abort(struct sn_shardw *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->tmp)
		unlink(w->tmp);
	ZSTD_freeCCtx(w->cctx);
	ZSTD_freeCDict(w->cdict);
	sn_buf_release(&w->raw);
	sn_buf_release(&w->out);
	for (struct sn_buf *b = &w->head; b <= &w->frame; b++)
		sn_buf_release(b);
	free(w->tmp);
	free(w->dir);
	free(w);
}

uint64_t sn_shardw_raw(const struct sn_shardw *w) { return w->rawpos; }
uint64_t sn_shardw_rows(const struct sn_shardw *w) { return w->n; }

/* Everything that reaches the file passes here, through its digest. */
static int put(struct sn_shardw *w, const void *p, size_t n, struct sn_err *e)
{
	if (sn_write(w->fd, p, n) < 0)
		return sn_err_sys(e, "cannot write %s", w->tmp);
	sn_digest_add(&w->sha, p, n);
	w->size += n;
	return 0;
}

static int flush(struct sn_shardw *w, struct sn_err *e)
{
	int rc = sn_buf_ok(&w->out, w->tmp, e);

	if (rc == 0)
		rc = put(w, w->out.p, w->out.len, e);
	sn_buf_clear(&w->out);
	return rc;
}

static void add32(struct sn_buf *b, uint64_t v)
{
	uint32_t x = (uint32_t)v;

	sn_buf_add(b, &x, 4);
}

/* Records `from' up to the end of n raw bytes at p, as one frame. */
static int frame(struct sn_shardw *w, const char *p, size_t n, uint64_t from, struct sn_err *e)
{
	size_t room = ZSTD_compressBound(n), k;
	char *to = sn_buf_room(&w->out, room);

	if (!to)
		return sn_buf_ok(&w->out, w->tmp, e);
	k = ZSTD_compress2(w->cctx, to, room, p, n);
	if (ZSTD_isError(k))
		return sn_err(e, SN_ETEMP, "cannot compress: %s", ZSTD_getErrorName(k));
	add32(&w->frame, w->size + w->out.len);
	add32(&w->frame, from);
	w->frames++;
	sn_buf_grew(&w->out, k);
	return w->out.len > (1u << 20) ? flush(w, e) : 0;
}

static uint32_t at(const struct sn_shardw *w, uint64_t i)
{
	return i == w->n ? (uint32_t)w->rawpos : sn_get32((const uint8_t *)w->at.p + 4 * i);
}

/* The whole records that are pending: each in its frame, or grouped, when the last group
 * waits for more unless all of it has to go. */
static int drain(struct sn_shardw *w, bool all, struct sn_err *e)
{
	uint32_t base = w->pending < w->n ? at(w, w->pending) : (uint32_t)w->rawpos;
	size_t most = w->cdict ? 0 : GROUP, done = 0;
	int rc = 0;

	while (rc == 0 && w->pending < w->n) {
		uint32_t begin = at(w, w->pending), end;
		uint64_t i = w->pending + 1;

		while (i < w->n && at(w, i + 1) - begin <= most)
			i++;
		end = at(w, i);
		if (!all && !w->cdict && i == w->n && end - begin < most)
			break;
		rc = frame(w, w->raw.p + (begin - base), end - begin, w->pending, e);
		done = end - base;
		w->pending = i;
	}
	if (rc == 0 && done) {
		memmove(w->raw.p, w->raw.p + done, w->raw.len - done);
		w->raw.len -= done;
	}
	return rc;
}

/* Train on what is pending; a dictionary that cannot be made is done without. */
static int train(struct sn_shardw *w, struct sn_err *e)
{
	size_t room = w->raw.len / DICT_SHARE < DICT_MAX ? w->raw.len / DICT_SHARE : DICT_MAX;
	size_t *sizes = calloc(w->n ? w->n : 1, sizeof(*sizes)), k;
	uint8_t head[8];
	uint32_t magic = SN_DICT_MAGIC, len;
	char *dict = malloc(room);
	int rc = 0;

	if (!sizes || !dict) {
		rc = sn_err_mem(e);
		goto out;
	}
	for (uint64_t i = 0; i < w->n; i++)
		sizes[i] = at(w, i + 1) - at(w, i);
	k = ZDICT_trainFromBuffer(dict, room, w->raw.p, sizes, (unsigned)w->n);
	if (ZDICT_isError(k))
		goto out;
	w->cdict = ZSTD_createCDict(dict, k, LEVEL);
	if (!w->cdict) {
		rc = sn_err_mem(e);
		goto out;
	}
	len = (uint32_t)k;
	memcpy(head, &magic, 4);
	memcpy(head + 4, &len, 4);
	rc = put(w, head, 8, e);
	if (rc == 0)
		rc = put(w, dict, k, e);
	w->dict = len;
	ZSTD_CCtx_refCDict(w->cctx, w->cdict);
out:
	free(sizes);
	free(dict);
	return rc;
}

static int start(struct sn_shardw *w, struct sn_err *e)
{
	w->started = true;
	ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_dictIDFlag, 0);
	return w->raw.len >= TRAIN_LEAST ? train(w, e) : 0;
}

int sn_shardw_add(struct sn_shardw *w, const char *p, size_t n,
	const uint8_t digest[SN_DIGEST], int64_t time, struct sn_err *e)
{
	int rc;

	if (w->n >= SN_SHARD_ROWS || w->rawpos + n + 1 > UINT32_MAX - SN_SHARD_BYTES)
		return sn_err(e, SN_EUSE, "%s: shard too large", w->tmp);
	add32(&w->at, w->rawpos);
	sn_buf_add(&w->head, digest, 8);
	sn_buf_add(&w->tail, digest + 8, SN_TAIL);
	sn_buf_add(&w->time, &time, 8);
	sn_buf_add(&w->raw, p, n);
	sn_buf_chr(&w->raw, '\n');
	for (struct sn_buf *b = &w->head; b <= &w->frame; b++)
		if ((rc = sn_buf_ok(b, w->tmp, e)) < 0)
			return rc;
	if ((rc = sn_buf_ok(&w->raw, w->tmp, e)) < 0)
		return rc;
	w->n++;
	w->rawpos += n + 1;
	w->first = time < w->first ? time : w->first;
	w->last = time > w->last ? time : w->last;
	if (!w->started && w->raw.len < TRAIN)
		return 0;
	if (!w->started && (rc = start(w, e)) < 0)
		return rc;
	return drain(w, false, e);
}

/* Half full at most 3/4: few probes, about 8 bytes a record. */
static uint32_t *hash(const struct sn_shardw *w, uint64_t *slots)
{
	uint64_t size = 8;
	uint32_t *slot;

	while (size * 3 < w->n * 4)
		size *= 2;
	slot = calloc(size, sizeof(*slot));
	for (uint64_t i = 0; slot && i < w->n; i++) {
		uint64_t k = sn_get32((const uint8_t *)w->tail.p + i * SN_TAIL + SN_TAIL - 4);

		for (k &= size - 1; slot[k]; k = (k + 1) & (size - 1))
			;
		slot[k] = (uint32_t)i + 1;
	}
	*slots = size;
	return slot;
}

static int index_out(struct sn_shardw *w, struct sn_err *e)
{
	struct sn_footer f = { .n = w->n, .frames = w->frames, .dict = w->dict, .raw = w->rawpos,
		.first = w->first, .last = w->last };
	uint32_t *slot = hash(w, &f.slots), magic = SN_INDEX_MAGIC, len;
	uint64_t start = w->size;
	struct sn_buf b = SN_BUF_INIT;
	size_t cols;
	int rc;

	if (!slot)
		return sn_err_mem(e);
	f.index = (start + 8 + 7) & ~(uint64_t)7;
	sn_buf_add(&b, &magic, 4);
	sn_buf_add(&b, "\0\0\0\0\0\0\0\0\0\0", 4 + (size_t)(f.index - start - 8));
	cols = b.len;
	sn_buf_add(&b, w->head.p, w->head.len);
	sn_buf_add(&b, w->time.p, w->time.len);
	sn_buf_add(&b, w->tail.p, w->tail.len);
	sn_buf_add(&b, w->at.p, w->at.len);
	add32(&b, w->rawpos);
	sn_buf_add(&b, w->frame.p, w->frame.len);
	add32(&b, start);
	add32(&b, w->n);
	sn_buf_add(&b, slot, f.slots * sizeof(*slot));
	while ((b.len - cols) % 8)
		sn_buf_chr(&b, 0);
	sn_buf_add(&b, &f, sizeof(f) - 8);
	free(slot);
	rc = sn_buf_ok(&b, w->tmp, e);
	if (rc == 0) {
		f.sum = sn_checksum(0, 0, b.p + cols, b.len - cols);
		sn_buf_add(&b, &f.sum, 8);
		sn_buf_add(&b, SN_SHARD_MAGIC, 8);
		rc = sn_buf_ok(&b, w->tmp, e);
	}
	if (rc == 0) {
		len = (uint32_t)(b.len - 8);
		memcpy(b.p + 4, &len, 4);
		rc = put(w, b.p, b.len, e);
	}
	sn_buf_release(&b);
	return rc;
}

int sn_shardw_finish(struct sn_shardw *w, struct sn_part *part, struct sn_err *e)
{
	char name[SN_SHARD_NAME], *path;
	mode_t mask = umask(0);
	int rc = 0;

	umask(mask);
	if (!w->started)
		rc = start(w, e);
	if (rc == 0)
		rc = drain(w, true, e);
	if (rc == 0)
		rc = flush(w, e);
	if (rc == 0)
		rc = index_out(w, e);
	if (rc < 0)
		return rc;
	sn_digest_end(&w->sha, part->digest);
	path = sn_path(w->dir, sn_shard_name(part->digest, name));
	if (!path)
		return sn_err_mem(e);
	if (fchmod(w->fd, 0444 & ~mask) < 0 || fsync(w->fd) < 0)
		rc = sn_err_sys(e, "cannot sync %s", w->tmp);
	else if (rename(w->tmp, path) < 0)
		rc = sn_err_sys(e, "cannot rename to %s", path);
	free(path);
	if (rc < 0)
		return rc;
	part->n = w->n;
	part->size = w->size;
	part->raw = w->rawpos;
	part->first = w->first;
	part->last = w->last;
	free(w->tmp);
	w->tmp = NULL;
	sn_shardw_abort(w);
	return 0;
}
