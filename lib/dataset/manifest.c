/*
 * The manifest on disk.
 *
 * A seal appends one entry to the current log segment and replaces HEAD, so it costs
 * the same after a million seals; a segment that has grown long is followed by a new
 * one that begins with a checkpoint, so opening reads one segment, never the history.
 * HEAD holds the length and the chained checksum of what counts, so a log cut or bent
 * anywhere is noticed, its last entry included; bytes behind that length are what a
 * killed writer left, and the next one cuts them off.
 *
 * Order of a commit, each step durable before the next: the shards and their directory
 * (the caller), the entry in the log, HEAD.tmp, its rename to HEAD, the directory.  The
 * rename is the commit; a kill before it leaves the old HEAD, which names nothing that
 * is not there, and a kill after it leaves the new one, of which the same is true.  What
 * is asked of the disk: a sync that succeeded is kept, and appending to a file whose last
 * block holds synced bytes does not harm those bytes.
 */
#include "dataset/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/io.h"

/* ---- reading ---- */

char *sn_segment_path(const char *dir, uint64_t segment)
{
	char *p;

	return asprintf(&p, "%s/log/%010llu", dir, (unsigned long long)segment) < 0 ? NULL : p;
}

int sn_manifest_segment(const char *dir, uint64_t segment, uint64_t length, uint64_t sum,
	struct sn_state *st, struct sn_segment_link *before, const struct sn_segment_tell *tell,
	struct sn_err *e)
{
	char *path = sn_segment_path(dir, segment);
	struct sn_map m = { 0 };
	int rc;

	*st = (struct sn_state){ 0 };
	if (!path)
		return sn_err_mem(e);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		rc = sn_err(e, SN_ENO, "%s: missing", path);
	else
		rc = sn_map_open(&m, path, e);
	if (rc == 0 && m.size < length)
		rc = sn_err(e, SN_ENO, "%s: damaged: %zu bytes, of which %llu should count", path,
			m.size, (unsigned long long)length);
	if (rc == 0)
		rc = sn_segment_parse(m.p, length, segment, path, st, before, tell, e);
	if (rc == 0 && st->head.sum != sum)
		rc = sn_err(e, SN_ENO, "%s: damaged: not the log that its successor names", path);
	sn_map_close(&m);
	free(path);
	return rc;
}

int sn_manifest_head(const char *dir, struct sn_head *h, struct sn_err *e)
{
	char *path = sn_path(dir, "HEAD");
	uint8_t bytes[SN_HEAD_BYTES + 1];
	ssize_t n = -1;
	int fd, rc;

	if (!path)
		return sn_err_mem(e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		rc = sn_err(e, SN_EUSE, "%s: not a dataset: no HEAD in it", dir);
	else if (fd < 0 || (n = sn_read(fd, bytes, sizeof(bytes))) < 0)
		rc = sn_err_sys(e, "cannot read %s", path);
	else
		rc = sn_head_parse(bytes, (size_t)n, path, h, e);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

int sn_manifest_read(const char *dir, struct sn_state *st, struct sn_err *e)
{
	struct sn_head h = { 0 };
	int rc;

	*st = (struct sn_state){ 0 };
	rc = sn_manifest_head(dir, &h, e);
	if (rc == 0)
		rc = sn_manifest_segment(dir, h.segment, h.length, h.sum, st, NULL, NULL, e);
	if (rc == 0 && (memcmp(st->snap.id, h.id, SN_DIGEST) || st->snap.number != h.number ||
	    st->snap.records != h.records))
		rc = sn_err(e, SN_ENO, "%s/HEAD: damaged: it and the log name different snapshots",
			dir);
	st->head = h;
	return rc;
}

/* ---- writing ---- */

void sn_head_write(const struct sn_head *h, uint8_t out[SN_HEAD_BYTES])
{
	uint8_t *p = out + 8;

	memcpy(out, SN_HEAD_MAGIC, 8);
	sn_put64(&p, h->segment);
	sn_put64(&p, h->length);
	sn_put64(&p, h->sum);
	sn_put64(&p, h->generation);
	sn_put64(&p, h->number);
	sn_put64(&p, h->records);
	memcpy(p, h->id, SN_DIGEST);
	p += SN_DIGEST;
	sn_put64(&p, sn_checksum(0, 0, out, SN_HEAD_BYTES - 8));
}

static void put_snapshot(struct sn_buf *b, const struct sn_snapshot *s)
{
	sn_buf_add(b, s->id, SN_DIGEST);
	sn_buf_add(b, s->prev, SN_DIGEST);
	sn_buf_add(b, &s->number, 8);
	sn_buf_add(b, &s->records, 8);
	sn_buf_add(b, &s->added, 8);
	sn_buf_add(b, &s->bytes, 8);
	sn_buf_add(b, &s->sealed, 8);
	sn_buf_add(b, &s->first, 8);
	sn_buf_add(b, &s->last, 8);
}

static void put_parts(struct sn_buf *b, const struct sn_part *part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sn_buf_add(b, part[i].digest, SN_DIGEST);
		sn_buf_add(b, &part[i].row, 8);
		sn_buf_add(b, &part[i].n, 8);
		sn_buf_add(b, &part[i].size, 8);
		sn_buf_add(b, &part[i].raw, 8);
		sn_buf_add(b, &part[i].first, 8);
		sn_buf_add(b, &part[i].last, 8);
	}
}

static void entry(struct sn_buf *b, uint64_t *sum, uint64_t segment, enum sn_entry_kind kind,
	const struct sn_buf *payload)
{
	size_t at = b->len;
	uint32_t head[2] = { kind, (uint32_t)payload->len };

	sn_buf_add(b, head, 8);
	sn_buf_add(b, payload->p, payload->len);
	if (b->over || b->nomem)
		return;
	*sum = sn_checksum(*sum, segment, b->p + at, b->len - at);
	sn_buf_add(b, sum, 8);
}

/* The beginning of a segment: its header and the checkpoint of st. */
static void begin(struct sn_buf *b, const struct sn_state *st, uint64_t segment, uint64_t *sum)
{
	struct sn_buf pay = SN_BUF_INIT;

	sn_buf_add(b, SN_SEG_MAGIC, 8);
	sn_buf_add(b, &segment, 8);
	if (b->nomem)
		return;
	*sum = sn_checksum(0, 0, b->p, b->len);
	sn_buf_add(&pay, &st->head.length, 8);
	sn_buf_add(&pay, &st->head.sum, 8);
	put_snapshot(&pay, &st->snap);
	put_parts(&pay, st->part, st->parts);
	b->nomem |= pay.nomem;
	entry(b, sum, segment, SN_CHECKPOINT, &pay);
	sn_buf_release(&pay);
}

/* Write b at `at' of a segment; what a killed writer left behind there goes first. */
static int append(const char *dir, uint64_t segment, uint64_t at, const struct sn_buf *b,
	struct sn_err *e)
{
	char *path = sn_segment_path(dir, segment);
	int fd, rc = 0;

	if (!path)
		return sn_err_mem(e);
	fd = open(path, O_WRONLY | O_CLOEXEC | (at ? 0 : O_CREAT), 0644);
	if (fd < 0)
		rc = sn_err_sys(e, "cannot open %s", path);
	else if (ftruncate(fd, (off_t)at) < 0 || lseek(fd, (off_t)at, SEEK_SET) < 0 ||
		 sn_write(fd, b->p, b->len) < 0)
		rc = sn_err_sys(e, "cannot write %s", path);
	else if (fdatasync(fd) < 0)
		rc = sn_err_sys(e, "cannot sync %s", path);
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = sn_err_sys(e, "cannot close %s", path);
	if (rc == 0 && !at)
		rc = sn_sync_parent(path, e);
	free(path);
	return rc;
}

static int head_out(const char *dir, const struct sn_head *h, struct sn_err *e)
{
	uint8_t bytes[SN_HEAD_BYTES];
	char *path = sn_path(dir, "HEAD");
	struct sn_outfile f;
	int rc;

	if (!path)
		return sn_err_mem(e);
	sn_head_write(h, bytes);
	rc = sn_outfile_open(&f, path, 0644, e);
	if (rc == 0) {
		rc = sn_outfile_write(&f, bytes, sizeof(bytes), e);
		if (rc < 0)
			sn_outfile_abort(&f);
		else
			rc = sn_outfile_commit(&f, e);
	}
	free(path);
	return rc;
}

int sn_manifest_commit(const char *dir, const struct sn_state *from, struct sn_state *to,
	enum sn_entry_kind kind, size_t index, size_t gone, size_t come, uint64_t roll,
	struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT, pay = SN_BUF_INIT;
	struct sn_head h = from->head;
	uint64_t at = h.length;
	int rc;

	if (at >= roll) {
		at = 0;
		begin(&b, from, ++h.segment, &h.sum);
	}
	if (kind == SN_SEAL) {
		put_snapshot(&pay, &to->snap);
	} else {
		sn_buf_add(&pay, &(uint64_t){ index }, 8);
		sn_buf_add(&pay, &(uint64_t){ gone }, 8);
	}
	put_parts(&pay, to->part + index, come);
	entry(&b, &h.sum, h.segment, kind, &pay);
	b.nomem |= pay.nomem;
	rc = sn_buf_ok(&b, "manifest", e);
	h.length = at + b.len;
	h.generation++;
	h.number = to->snap.number;
	h.records = to->snap.records;
	memcpy(h.id, to->snap.id, SN_DIGEST);
	if (rc == 0)
		rc = append(dir, h.segment, at, &b, e);
	if (rc == 0)
		rc = head_out(dir, &h, e);
	if (rc == 0)
		to->head = h;
	sn_buf_release(&b);
	sn_buf_release(&pay);
	return rc;
}

int sn_manifest_create(const char *dir, struct sn_err *e)
{
	struct sn_state empty = { .snap = { .first = 0, .last = -1 } };
	struct sn_head h = { .segment = 1, .generation = 1 };
	struct sn_buf b = SN_BUF_INIT;
	int rc;

	begin(&b, &empty, h.segment, &h.sum);
	h.length = b.len;
	rc = sn_buf_ok(&b, "manifest", e);
	if (rc == 0)
		rc = append(dir, h.segment, 0, &b, e);
	if (rc == 0)
		rc = head_out(dir, &h, e);
	sn_buf_release(&b);
	return rc;
}
