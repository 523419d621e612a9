/*
 * Rewriting shards that are sealed already.  A run of neighbours is read record by
 * record, each checked against its digest, so that damage is never carried on under a
 * fresh checksum; it is written out anew, and one log entry puts the new shards in the
 * place of the old.  Rows, and so snapshots and samples, stay as they are.  The old
 * files go when HEAD is durable; whoever has them mapped keeps them until he is done.
 *
 * Merging keeps the number of shards small while seals come every second: a run at the
 * end of shards below a size is merged when it has grown long, by powers of 16 in size,
 * so that a record is rewritten a few times in its life and never again after 256 MiB.
 */
#include "dataset/writer.h"

#include <stdlib.h>
#include <unistd.h>

static int copy(struct sn_writer *w, struct sn_unpack *u, struct sn_shard *s, uint64_t i,
	struct sn_err *e)
{
	uint8_t digest[SN_DIGEST], got[SN_DIGEST];
	const char *p;
	size_t n;
	int rc = sn_unpack_get(u, s, i, &p, &n, e);

	if (rc < 0)
		return rc;
	sn_shard_digest(s, i, digest);
	sn_sha256(p, n, got);
	if (memcmp(digest, got, SN_DIGEST))
		return sn_err(e, SN_ENO, "%s: damaged: record %llu is not what its digest names",
			s->path, (unsigned long long)i);
	if (w->out && sn_shardw_raw(w->out) + n + 1 > w->shard_bytes &&
	    (rc = sn_writer_cut(w, e)) < 0)
		return rc;
	if (!w->out && (rc = sn_shardw_open(&w->out, w->shards, e)) < 0)
		return rc;
	return sn_shardw_add(w->out, p, n, digest, s->time[i], e);
}

struct told { void (*fn)(void *ctx, uint64_t rows); void *ctx; };

/* The shards [index, index + gone) anew; *come is how many there are instead. */
static int rewrite(struct sn_writer *w, size_t index, size_t gone, const struct told *t,
	size_t *come, struct sn_err *e)
{
	struct sn_unpack u = { 0 };
	struct sn_set *old = sn_set_hold(w->set);
	char name[SN_SHARD_NAME], *path;
	uint64_t row = w->st.part[index].row;
	int rc = 0;

	for (size_t k = index; rc == 0 && k < index + gone; k++)
		for (uint64_t i = 0; rc == 0 && i < old->shard[k]->f.n; i++) {
			rc = copy(w, &u, old->shard[k], i, e);
			if (rc == 0 && t && t->fn && i % 256 == 0)
				t->fn(t->ctx, old->shard[k]->part.row + i);
		}
	if (rc == 0)
		rc = sn_writer_cut(w, e);
	for (size_t i = 0; rc == 0 && i < w->parts; i++)
		w->part[i].row += row;
	*come = w->parts;
	if (rc == 0)
		rc = sn_writer_commit(w, SN_REPACK, &w->st.snap, index, gone, e);
	for (size_t k = index; rc == 0 && k < index + gone; k++) {
		const uint8_t *digest = old->shard[k]->part.digest;
		bool kept = false;

		for (size_t i = 0; i < w->st.parts; i++)
			kept |= !memcmp(w->st.part[i].digest, digest, SN_DIGEST);
		path = kept ? NULL : sn_path(w->shards, sn_shard_name(digest, name));
		if (path && unlink(path) < 0)
			rc = sn_err_sys(e, "cannot remove %s", path);
		free(path);
	}
	sn_unpack_release(&u);
	sn_set_drop(old);
	return rc;
}

static int tier(uint64_t raw)
{
	return raw < 1 << 20 ? 0 : raw < 16 << 20 ? 1 : raw < 256 << 20 ? 2 : 3;
}

int sn_writer_merge(struct sn_writer *w, struct sn_err *e)
{
	size_t come;
	int rc = 0;

	for (int t = 0; rc == 0 && t < 3; t++) {
		size_t from = w->st.parts;

		while (from && tier(w->st.part[from - 1].raw) <= t)
			from--;
		if (w->st.parts - from >= 16 * ((size_t)t + 1))
			rc = rewrite(w, from, w->st.parts - from, NULL, &come, e);
	}
	return rc;
}

static void storage(const struct sn_state *st, struct sn_storage *s)
{
	*s = (struct sn_storage){ .shards = st->parts };
	for (size_t i = 0; i < st->parts; i++)
		s->bytes += st->part[i].size;
}

int sn_writer_repack(struct sn_writer *w, struct sn_storage *before, struct sn_storage *after,
	void (*progress)(void *ctx, uint64_t rows), void *ctx, struct sn_err *e)
{
	const uint64_t full = w->shard_bytes - w->shard_bytes / 8;
	struct told t = { progress, ctx };
	size_t i = 0, come;
	int rc = 0;

	storage(&w->st, before);
	while (rc == 0 && i < w->st.parts) {
		const struct sn_part *p = w->st.part;
		size_t k = i + 1;
		uint64_t raw = p[i].raw;
		bool over = raw > w->shard_bytes && p[i].n > 1;

		for (; raw < full && k < w->st.parts; k++)
			raw += p[k].raw;
		if (k == i + 1 && !over) {
			i++;
			continue;
		}
		rc = rewrite(w, i, k - i, &t, &come, e);
		/* the last one may take in more, so it is looked at again; that ends, since
		 * several became fewer or the first of them is left behind */
		if (rc == 0)
			i += come - 1;
	}
	storage(&w->st, after);
	return rc;
}
