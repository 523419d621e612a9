/*
 * Writing.  One writer at a time holds DIR/lock from open to close; the kernel lets go
 * of it when a writer dies.  A batch goes into temporary files, which get their names
 * (their own digests) when they are whole and synced; nothing of it counts before
 * manifest.c has replaced HEAD.  So a writer may die anywhere: what HEAD names is
 * whole, what it does not name is rubbish, and the next writer removes that.
 *
 * A batch that adds nothing still answers "sealed" for what is there.  That may rest on
 * a rename by a writer killed before it synced the directory, hence the sync in open.
 */
#include "dataset/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/clock.h"

/* ---- opening ---- */

/* Call fn for each name in a directory; an absent directory has none. */
static int names(const char *dir, int (*fn)(void *ctx, const char *name, struct sn_err *e),
	void *ctx, struct sn_err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int rc = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d && errno == ENOTDIR)
		return sn_err(e, SN_EUSE, "%s: not a directory", dir);
	if (!d)
		return sn_err_sys(e, "cannot read %s", dir);
	while (rc == 0 && (errno = 0, de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			rc = fn(ctx, de->d_name, e);
	if (rc == 0 && errno)
		rc = sn_err_sys(e, "cannot read %s", dir);
	closedir(d);
	return rc;
}

/* Only what a writer killed while making a dataset leaves may be there already. */
static int ours(void *ctx, const char *name, struct sn_err *e)
{
	if (!strcmp(name, "lock") || !strcmp(name, "log") || !strcmp(name, "shards") ||
	    !strncmp(name, "HEAD", 4))
		return 0;
	return sn_err(e, SN_EUSE, "%s: not a dataset, and not empty: %s is in it",
		(const char *)ctx, name);
}

/* Make the directories, and their names durable all the way up. */
static int make(struct sn_writer *w, struct sn_err *e)
{
	char *log = sn_path(w->dir, "log"), *up = strdup(w->dir), *cut;
	int rc = log && up ? 0 : sn_err_mem(e);

	if (rc == 0)
		rc = sn_mkdirs(w->dir, 0755, e);
	if (rc == 0)
		rc = sn_mkdirs(w->shards, 0755, e);
	if (rc == 0)
		rc = sn_mkdirs(log, 0755, e);
	if (rc == 0)
		rc = sn_sync_parent(w->dir, e);
	while (rc == 0 && (cut = strrchr(up, '/')) && cut != up) {
		*cut = 0;
		if (sn_sync_parent(up, NULL) < 0)       /* not ours to open, so not made here */
			break;
	}
	free(up);
	free(log);
	return rc;
}

static int take_lock(struct sn_writer *w, unsigned flags, struct sn_err *e)
{
	char *path = sn_path(w->dir, "lock");
	int rc = 0;

	if (!path)
		return sn_err_mem(e);
	w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (w->lock < 0) {
		rc = sn_err_sys(e, "cannot open %s", path);
	} else {
		int how = LOCK_EX | (flags & SN_WRITER_NOWAIT ? LOCK_NB : 0);

		while (rc == 0 && flock(w->lock, how) < 0)
			if (errno == EWOULDBLOCK)
				rc = sn_err(e, SN_ETIME, "%s: another writer is at it", w->dir);
			else if (errno != EINTR)
				rc = sn_err_sys(e, "cannot lock %s", path);
	}
	free(path);
	return rc;
}

static int remove_in(const char *dir, const char *name, struct sn_err *e)
{
	char *path = sn_path(dir, name);
	int rc = 0;

	if (!path)
		return sn_err_mem(e);
	if (unlink(path) < 0 && errno != ENOENT)
		rc = sn_err_sys(e, "cannot remove %s", path);
	free(path);
	return rc;
}

static int clean_top(void *ctx, const char *name, struct sn_err *e)
{
	struct sn_writer *w = ctx;

	return strncmp(name, "HEAD.tmp", 8) ? 0 : remove_in(w->dir, name, e);
}

static bool named(const struct sn_writer *w, const uint8_t digest[SN_DIGEST])
{
	for (size_t i = 0; i < w->st.parts; i++)
		if (!memcmp(w->st.part[i].digest, digest, SN_DIGEST))
			return true;
	return false;
}

static int clean_shards(void *ctx, const char *name, struct sn_err *e)
{
	struct sn_writer *w = ctx;
	uint8_t digest[SN_DIGEST];
	char hex[SN_DIGEST_HEX] = "";
	size_t len = strlen(name);

	if (!strncmp(name, SN_SHARD_TMP, strlen(SN_SHARD_TMP)))
		return remove_in(w->shards, name, e);
	if (len != SN_SHARD_NAME - 1 || strcmp(name + 2 * SN_DIGEST, ".zst"))
		return 0;
	memcpy(hex, name, 2 * SN_DIGEST);
	if (sodium_hex2bin(digest, sizeof(digest), hex, 2 * SN_DIGEST, NULL, NULL, NULL) < 0)
		return 0;
	return named(w, digest) ? 0 : remove_in(w->shards, name, e);
}

/* Segments behind the current one, of a writer killed before HEAD took them up. */
static int clean_log(struct sn_writer *w, struct sn_err *e)
{
	char *path = sn_segment_path(w->dir, w->st.head.segment + 1);
	int rc = 0;

	if (!path)
		return sn_err_mem(e);
	if (unlink(path) < 0 && errno != ENOENT)
		rc = sn_err_sys(e, "cannot remove %s", path);
	free(path);
	return rc;
}

int sn_writer_open(struct sn_writer **pw, const char *dir, unsigned flags, struct sn_err *e)
{
	struct sn_writer *w = calloc(1, sizeof(*w));
	char *head = NULL;
	size_t len;
	int rc = 0;

	*pw = NULL;
	if (!w)
		return sn_err_mem(e);
	w->lock = -1;
	w->shard_bytes = SN_SHARD_BYTES;
	w->roll = SN_SEG_ROLL;
	w->dir = strdup(dir);
	for (len = strlen(dir); w->dir && len > 1 && w->dir[len - 1] == '/'; )
		w->dir[--len] = 0;
	if (!w->dir || !(w->shards = sn_path(w->dir, "shards")) || !(head = sn_path(w->dir, "HEAD"))) {
		rc = sn_err_mem(e);
		goto out;
	}
	if (access(head, F_OK) < 0 &&
	    ((rc = names(w->dir, ours, w->dir, e)) < 0 || (rc = make(w, e)) < 0))
		goto out;
	if ((rc = take_lock(w, flags, e)) < 0)
		goto out;
	if (access(head, F_OK) < 0 && errno == ENOENT && (rc = sn_manifest_create(w->dir, e)) < 0)
		goto out;
	rc = sn_sync_dir(w->dir, e);
	if (rc == 0)
		rc = sn_set_read(&w->set, w->dir, NULL, &w->st, e);
	if (rc == 0)
		rc = names(w->dir, clean_top, w, e);
	if (rc == 0)
		rc = names(w->shards, clean_shards, w, e);
	if (rc == 0)
		rc = clean_log(w, e);
out:
	free(head);
	if (rc < 0)
		sn_writer_close(w);
	else
		*pw = w;
	return rc;
}

/* The batch is forgotten, its files too unless HEAD may name them: it may after a commit
 * was begun, and it does where a repack came to the very shard there was. */
static void forget(struct sn_writer *w)
{
	char name[SN_SHARD_NAME];

	sn_shardw_abort(w->out);
	w->out = NULL;
	for (size_t i = 0; i < w->parts && !w->committing; i++)
		if (!named(w, w->part[i].digest))
			remove_in(w->shards, sn_shard_name(w->part[i].digest, name), NULL);
	free(w->part);
	free(w->added);
	free(w->slot);
	w->part = NULL;
	w->added = NULL;
	w->slot = NULL;
	w->parts = w->n = w->cap = 0;
	w->slots = w->duplicates = w->bytes = 0;
}

void sn_writer_close(struct sn_writer *w)
{
	if (!w)
		return;
	forget(w);
	sn_set_drop(w->set);
	sn_state_release(&w->st);
	if (w->lock >= 0)
		close(w->lock);
	free(w->shards);
	free(w->dir);
	free(w);
}

void sn_writer_shard_bytes(struct sn_writer *w, uint64_t bytes)
{
	w->shard_bytes = bytes < SN_SHARD_BYTES_MAX ? bytes : SN_SHARD_BYTES_MAX;
}

/* ---- adding ---- */

/* The slot of a digest in the batch: free, or the record's own. */
static uint64_t *slot(struct sn_writer *w, const uint8_t digest[SN_DIGEST])
{
	uint64_t k = sn_get32(digest + SN_DIGEST - 4) & (w->slots - 1);

	while (w->slot[k] && memcmp(w->added[w->slot[k] - 1].digest, digest, SN_DIGEST))
		k = (k + 1) & (w->slots - 1);
	return &w->slot[k];
}

static int grow(struct sn_writer *w, struct sn_err *e)
{
	size_t cap = w->cap ? w->cap * 2 : 1024;
	struct sn_added *p = reallocarray(w->added, cap, sizeof(*p));
	uint64_t *s = calloc(cap * 2, sizeof(*s));

	if (p)
		w->added = p;
	if (!p || !s) {
		free(s);
		return sn_err_mem(e);
	}
	free(w->slot);
	w->slot = s;
	w->slots = cap * 2;
	w->cap = cap;
	for (size_t i = 0; i < w->n; i++)
		*slot(w, w->added[i].digest) = i + 1;
	return 0;
}

int sn_writer_cut(struct sn_writer *w, struct sn_err *e)
{
	struct sn_part *p = reallocarray(w->part, w->parts + 1, sizeof(*p));
	int rc;

	if (!p)
		return sn_err_mem(e);
	w->part = p;
	p += w->parts;
	memset(p, 0, sizeof(*p));
	rc = sn_shardw_finish(w->out, p, e);
	if (rc < 0)
		return rc;
	w->out = NULL;
	p->row = w->parts ? p[-1].row + p[-1].n : 0;
	w->parts++;
	return 0;
}

int sn_writer_add(struct sn_writer *w, const char *p, size_t n, int64_t time, struct sn_err *e)
{
	uint8_t digest[SN_DIGEST];
	uint64_t *at;
	int rc;

	if (w->n == w->cap && (rc = grow(w, e)) < 0)
		return rc;
	sn_sha256(p, n, digest);
	at = slot(w, digest);
	if (*at || sn_set_find(w->set, digest) >= 0) {
		w->duplicates++;
		return 0;
	}
	if (w->out && sn_shardw_raw(w->out) + n + 1 > w->shard_bytes &&
	    (rc = sn_writer_cut(w, e)) < 0)
		return rc;
	if (!w->out && (rc = sn_shardw_open(&w->out, w->shards, e)) < 0)
		return rc;
	rc = sn_shardw_add(w->out, p, n, digest, time, e);
	if (rc < 0)
		return rc;
	memcpy(w->added[w->n].digest, digest, SN_DIGEST);
	w->added[w->n].time = time;
	*at = ++w->n;
	w->bytes += n;
	return 1;
}

/* ---- sealing ---- */

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, SN_DIGEST);
}

void sn_snapshot_id(struct sn_added *list, size_t n, const uint8_t prev[SN_DIGEST],
	uint8_t id[SN_DIGEST])
{
	uint8_t batch[SN_DIGEST];
	struct sn_digest d;

	qsort(list, n, sizeof(*list), by_digest);
	sn_digest_init(&d);
	for (size_t i = 0; i < n; i++) {
		sn_digest_add(&d, list[i].digest, SN_DIGEST);
		sn_digest_u64(&d, (uint64_t)list[i].time);
	}
	sn_digest_end(&d, batch);
	sn_digest_init(&d);
	sn_digest_add(&d, prev, SN_DIGEST);
	sn_digest_add(&d, batch, SN_DIGEST);
	sn_digest_end(&d, id);
}

int sn_writer_commit(struct sn_writer *w, enum sn_entry_kind kind, const struct sn_snapshot *snap,
	size_t index, size_t gone, struct sn_err *e)
{
	struct sn_state to = { .snap = *snap, .parts = w->st.parts - gone + w->parts };
	struct sn_set *set;
	int rc;

	rc = sn_sync_dir(w->shards, e);
	if (rc < 0)
		return rc;
	to.part = calloc(to.parts, sizeof(*to.part));
	if (!to.part)
		return sn_err_mem(e);
	if (w->st.parts) {
		memcpy(to.part, w->st.part, index * sizeof(*to.part));
		memcpy(to.part + index + w->parts, w->st.part + index + gone,
			(w->st.parts - index - gone) * sizeof(*to.part));
	}
	memcpy(to.part + index, w->part, w->parts * sizeof(*to.part));
	w->committing = true;
	rc = sn_manifest_commit(w->dir, &w->st, &to, kind, index, gone, w->parts, w->roll, e);
	if (rc == 0)
		rc = sn_set_open(&set, w->dir, &to, w->set, e);
	if (rc < 0) {
		sn_state_release(&to);
		return rc;
	}
	sn_set_drop(w->set);
	sn_state_release(&w->st);
	w->set = set;
	w->st = to;
	forget(w);
	w->committing = false;
	return 0;
}

int sn_writer_seal(struct sn_writer *w, struct sn_sealed *s, struct sn_err *e)
{
	const struct sn_snapshot *was = &w->st.snap;
	struct sn_snapshot now = *was;
	int64_t clock = sn_clock_real() / 1000000000;
	int rc;

	*s = (struct sn_sealed){ .snapshot = *was, .duplicates = w->duplicates, .bytes = w->bytes };
	if (!w->n) {
		forget(w);
		return 0;
	}
	if (w->out && (rc = sn_writer_cut(w, e)) < 0)
		return rc;
	for (size_t i = 0; i < w->parts; i++) {
		w->part[i].row += was->records;
		s->stored += w->part[i].size;
		if (!now.records || w->part[i].first < now.first)
			now.first = w->part[i].first;
		if (!now.records || w->part[i].last > now.last)
			now.last = w->part[i].last;
		now.records += w->part[i].n;
	}
	memcpy(now.prev, was->id, SN_DIGEST);
	now.number++;
	now.added = w->n;
	now.bytes += w->bytes;
	now.sealed = clock > was->sealed ? clock : was->sealed;
	sn_snapshot_id(w->added, w->n, now.prev, now.id);
	s->snapshot = now;
	return sn_writer_commit(w, SN_SEAL, &now, w->st.parts, 0, e);
}
