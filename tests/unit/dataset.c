/* lib/dataset from inside: ranks, records, history over many log segments, views that
 * outlive repacking, readers beside a writer. */
#include "dataset.h"

#include <pthread.h>
#include <stdatomic.h>

#include "dataset/rank.h"

static void ranks(void)
{
	uint64_t head[1000 + SN_RANK_LANES] = { 0 }, rank[1000 + SN_RANK_LANES];
	uint8_t key[16];
	int wrong = 0;

	for (size_t n = 1; n <= 1000; n += 37) {
		randombytes_buf(key, sizeof(key));
		randombytes_buf(head, n * 8);
		sn_rank(key, head, rank, n);
		for (size_t i = 0; i < n; i++)
			wrong += rank[i] != sn_siphash(key, &head[i], 8);
	}
	is_int(wrong, 0, "ranks are libsodium's SipHash-2-4");
}

static void records(void)
{
#define M "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define P "\"system_prompt\":\"\","
	static const struct { const char *line, *want; int64_t time; } t[] = {
		{ "{" P M "}", NULL, 77 },
		{ "{" P "\"messages\":[]}", NULL, 77 },
		{ "{" P M ",\"created_at\":null}", NULL, 77 },
		{ "{" P M ",\"created_at\":1737237600}", NULL, 1737237600 },
		{ "{" P M ",\"created_at\":1737237600.999}", NULL, 1737237600 },
		{ "{" P M ",\"created_at\":-0.5}", NULL, -1 },
		{ "{" P M ",\"created_at\":\"2025-01-18T22:00:00Z\"}", NULL, 1737237600 },
		{ "{" P M ",\"created_at\":\"2025-01-18T23:30:00.9+01:30\"}", NULL, 1737237600 },
		{ "{" P M ",\"created_at\":\"1969-12-31T23:59:59Z\"}", NULL, -1 },
		{ "{" P M ",\"id\":7,\"extra\":{\"a\":[1]}}\r", NULL, 77 },
		{ "{" P M ",\"created_at\":\"yesterday\"}", "f: line 9: key \"created_at\": \"yesterday\" is "
			"not a time such as 2025-01-18T22:00:00Z", 0 },
		{ "{" P M ",\"created_at\":1e18}", "f: line 9: key \"created_at\": Unix seconds outside "
			"the years 0 to 9999", 0 },
		{ "{" P M ",\"created_at\":true}", "f: line 9: key \"created_at\": expected an RFC 3339 "
			"time or Unix seconds", 0 },
		{ "{" P M ",\"id\":{}}", "f: line 9: key \"id\": expected a string", 0 },
		{ "{" M "}", "f: line 9: key \"system_prompt\": missing", 0 },
		{ "{\"system_prompt\":1," M "}", "f: line 9: key \"system_prompt\": expected a string", 0 },
		{ "{\"system_prompt\":\"\"}", "f: line 9: key \"messages\": missing", 0 },
		{ "{" P "\"messages\":{}}", "f: line 9: key \"messages\": expected an array", 0 },
		{ "{" P "\"messages\":[1]}", "f: line 9: key \"messages\": item 1: expected an object", 0 },
		{ "{" P "\"messages\":[{\"role\":\"a\"}]}",
			"f: line 9: key \"messages\": item 1: key \"content\": missing", 0 },
		{ "{" P "\"messages\":[{\"role\":\"a\",\"content\":[]}]}",
			"f: line 9: key \"messages\": item 1: key \"content\": expected a string", 0 },
		{ "[]", "f: line 9: expected an object", 0 },
	};
	struct sn_err e;
	int64_t time;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int rc = sn_record_check(t[i].line, strlen(t[i].line), "f", 9, 77, &time, &e);

		if (t[i].want)
			is_str(rc == SN_ENO ? e.msg : "accepted", t[i].want, t[i].line);
		else if (!ok(rc == 0 && time == t[i].time, "%s", t[i].line))
			printf("# %d %s, time %lld\n", rc, rc < 0 ? e.msg : "", (long long)time);
	}
	ok(sn_record_check("{\"a\":1,\"a\":1}", 13, "f", 9, 77, &time, &e) == SN_ENO, "a key twice");
	ok(sn_record_check("{", 1, "f", 9, 77, &time, &e) == SN_ENO, "half a record");
	ok(sn_record_check("", 0, "f", 9, 77, &time, &e) == SN_ENO, "no record");
}

#define SEALS 300
static struct sn_snapshot seen[SEALS + 1];

static int collect(void *ctx, const struct sn_snapshot *s, struct sn_err *e)
{
	int *n = ctx;

	if (*n < SEALS)
		seen[*n] = *s;
	++*n;
	return 0;
}

static void quiet(void *ctx, const char *line)
{
	printf("# %s\n", line);
}

/* 300 seals over many small log segments, with merges: the history is all there. */
static void history(void)
{
	struct sn_snapshot want[SEALS], newest;
	struct sn_dataset *d;
	struct sn_writer *w;
	struct sn_view *v;
	struct sn_sealed s;
	struct sn_storage disk;
	struct sn_err e = { 0 };
	int rc = 0, n = 0, bad = 0;

	fresh_dir();
	for (unsigned i = 0; rc == 0 && i < SEALS; i++) {
		char now[32];

		snprintf(now, sizeof(now), "%u", 100000 + i / 3);
		setenv("SN_NOW", now, 1);
		rc = pack(2 * i, 2 * i + 2, 300, 2000, &s);
		want[i] = s.snapshot;
		if (rc == 0 && (rc = sn_writer_open(&w, dir, 0, &e)) == 0) {
			rc = sn_writer_merge(w, &e);
			sn_writer_close(w);
		}
	}
	unsetenv("SN_NOW");
	is_int(rc, 0, "300 seals and merges");
	is_int(sn_dataset_verify(dir, quiet, NULL, NULL, &newest, &e), 0, "verify finds nothing");
	if (sn_dataset_open(&d, dir, &e) < 0) {
		ok(false, "open: %s", e.msg);
		return;
	}
	rc = sn_dataset_each(d, collect, &n, &e);
	ok(rc == 0 && n == SEALS && !memcmp(seen, want, sizeof(want)), "each snapshot as it was sealed");
	for (int i = 0; i < SEALS; i++) {
		rc = sn_dataset_find(d, want[i].id, &v, &e);
		bad += rc != 0 || memcmp(sn_view_snapshot(v), &want[i], sizeof(want[i]));
		sn_view_drop(v);
	}
	is_int(bad, 0, "each is found by its id");
	for (int i = 0; i <= SEALS / 3; i++) {
		const struct sn_snapshot *right = i ? &want[3 * i - 1] : &want[SEALS - 1];

		for (int twice = 0; twice < 2; twice++) {
			rc = sn_dataset_before(d, 100000 + i, &v, &e);
			bad += rc != 0 || memcmp(sn_view_snapshot(v), right, sizeof(*right));
			sn_view_drop(v);
		}
	}
	is_int(bad, 0, "the newest before a time, or the newest");
	ok(sn_dataset_find(d, (const uint8_t *)"0123456789abcdef0123456789abcdef", &v, &e) == SN_ENO,
		"an id that is none: %s", e.msg);
	v = sn_dataset_newest(d);
	sn_view_storage(v, &disk);
	ok(disk.shards < 40, "shards are few: %d", (int)disk.shards);
	sn_view_drop(v);
	sn_dataset_close(d);
	remove_dir();
}

/* A view goes on giving the same bytes while its shards are rewritten and unlinked. */
static void outlives(void)
{
	struct sn_storage before, after;
	struct sn_dataset *d;
	struct sn_reader *r;
	struct sn_writer *w;
	struct sn_sealed s;
	struct sn_view *v, *v2;
	struct sn_err e = { 0 };
	char line[2000];
	bool changed;
	int rc = 0, bad = 0;
	const char *p;
	size_t n;

	fresh_dir();
	for (unsigned i = 0; rc == 0 && i < 10; i++)
		rc = pack(10 * i, 10 * i + 10, 1000, 0, &s);
	if (rc < 0 || sn_dataset_open(&d, dir, &e) < 0 || sn_reader_new(&r, &e) < 0) {
		ok(false, "open: %s", e.msg);
		return;
	}
	v = sn_dataset_newest(d);
	rc = sn_dataset_refresh(d, &changed, &e);
	ok(rc == 0 && !changed, "nothing new");
	rc = sn_writer_open(&w, dir, 0, &e);
	if (rc == 0)
		rc = sn_writer_repack(w, &before, &after, NULL, NULL, &e);
	sn_writer_close(w);
	ok(rc == 0 && before.shards == 10 && after.shards == 1, "repacked ten shards into one");
	rc = sn_dataset_refresh(d, &changed, &e);
	ok(rc == 0 && changed, "a repack is something new");
	v2 = sn_dataset_newest(d);
	sn_dataset_close(d);
	for (unsigned i = 0; i < 100; i++) {
		size_t want = record(line, i, 1000);

		rc = sn_reader_get(r, v, i, &p, &n, &e);
		bad += rc < 0 || n != want || memcmp(p, line, n) || p[n] != '\n';
		rc = sn_reader_get(r, v2, i, &p, &n, &e);
		bad += rc < 0 || n != want || memcmp(p, line, n);
		bad += sn_view_time(v, i) != 1000 * (int64_t)i;
	}
	is_int(bad, 0, "rows are the same in the old files and the new, after close");
	ok(sn_reader_get(r, v, 100, &p, &n, &e) == SN_EUSE, "a row too many");
	sn_view_drop(v);
	sn_view_drop(v2);
	sn_reader_free(r);
	remove_dir();
}

static struct sn_dataset *shared;
static atomic_bool stop;
static atomic_int trouble;

/* One reader among several: take the newest, draw, read, check, let go. */
static void *reading(void *arg)
{
	struct sn_reader *r = NULL;
	struct sn_err e = { 0 };
	char line[400];

	sn_reader_new(&r, &e);
	while (!stop) {
		struct sn_sample how = { 0, 1000000, 8, 1, 2, 5000, "s", 1 };
		struct sn_pick *picks = NULL;
		struct sn_view *v;
		const char *p;
		size_t n = 0, len;

		if (sn_dataset_refresh(shared, NULL, &e) < 0) {
			printf("# %s\n", e.msg);
			trouble++;
		}
		v = sn_dataset_newest(shared);
		if (sn_view_sample(v, &how, &picks, &n, &e) < 0)
			trouble++;
		for (size_t i = 0; i < n; i++)
			if (sn_reader_get(r, v, picks[i].row, &p, &len, &e) < 0 ||
			    len != record(line, (unsigned)picks[i].row, 300) || memcmp(line, p, len))
				trouble++;
		free(picks);
		sn_view_drop(v);
	}
	sn_reader_free(r);
	return NULL;
}

static void beside(void)
{
	struct sn_storage before, after;
	struct sn_writer *w;
	struct sn_sealed s;
	struct sn_err e = { 0 };
	pthread_t t[3];
	int rc;

	fresh_dir();
	rc = pack(0, 5, 300, 0, &s);
	if (rc < 0 || sn_dataset_open(&shared, dir, &e) < 0) {
		ok(false, "open: %s", e.msg);
		return;
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, reading, NULL);
	for (unsigned i = 1; rc == 0 && i < 100; i++) {
		rc = pack(5 * i, 5 * i + 5, 300, 1000, &s);
		if (rc == 0 && i % 7 == 0 && (rc = sn_writer_open(&w, dir, 0, &e)) == 0) {
			rc = sn_writer_repack(w, &before, &after, NULL, NULL, &e);
			sn_writer_close(w);
		}
	}
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ok(rc == 0 && s.snapshot.records == 500, "100 seals and 14 repacks beside three readers");
	is_int(trouble, 0, "no reader noticed");
	sn_dataset_close(shared);
	remove_dir();
}

/* A repack that fails after it has come to a shard that is there already must leave it. */
static void same_shard(void)
{
	struct sn_storage before, after;
	struct sn_snapshot newest;
	struct sn_writer *w;
	struct sn_sealed s;
	struct sn_err e = { 0 };
	int rc;

	fresh_dir();
	rc = pack(0, 40, 300, 0, &s);
	if (rc == 0)
		rc = pack(40, 60, 300, 0, &s);
	/* by size the first stays as it is, byte for byte, and the second is cut after it */
	if (rc == 0 && (rc = sn_writer_open(&w, dir, 0, &e)) == 0) {
		uint64_t raw = w->st.part[0].raw;

		sn_writer_shard_bytes(w, raw + raw / 5);
		rc = sn_writer_repack(w, &before, &after, NULL, NULL, &e);
		sn_writer_close(w);
	}
	is_int(rc, 0, "repack into other cuts");
	is_int(sn_dataset_verify(dir, quiet, NULL, NULL, &newest, &e), 0, "nothing is missing");
	remove_dir();
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, SN_DIGEST);
}

/* Records whose digests begin alike have one rank: the whole digests decide. */
static void ties(void)
{
	enum { N = 60, TAKE = 23 };
	struct sn_sample how = { 0, 100, TAKE, 1, 2, 50, "s", 1 };
	uint8_t digest[N][SN_DIGEST], got[SN_DIGEST], shards[300];
	struct sn_part part = { .row = 0 };
	struct sn_state st = { .part = &part, .parts = 1, .snap = { .records = N, .last = 100 } };
	struct sn_shardw *w = NULL;
	struct sn_pick *picks = NULL;
	struct sn_set *set = NULL;
	struct sn_view *v = NULL;
	struct sn_err e = { 0 };
	size_t n = 0;
	int rc, bad = 0;

	fresh_dir();
	snprintf((char *)shards, sizeof(shards), "%s/shards", dir);
	mkdir((char *)shards, 0700);
	randombytes_buf(digest, sizeof(digest));
	rc = sn_shardw_open(&w, (char *)shards, &e);
	for (int i = 0; rc == 0 && i < N; i++) {
		memset(digest[i], 7, 8);
		rc = sn_shardw_add(w, "{}", 2, digest[i], 100, &e);     /* all on the recent side */
	}
	if (rc == 0)
		rc = sn_shardw_finish(w, &part, &e);
	if (rc == 0)
		rc = sn_set_open(&set, dir, &st, NULL, &e);
	if (rc == 0)
		v = sn_view_new(set, &st.snap);
	if (v)
		rc = sn_view_sample(v, &how, &picks, &n, &e);
	qsort(digest, N, SN_DIGEST, by_bytes);
	for (size_t i = 0; i < n; i++) {
		sn_view_digest(v, picks[i].row, got);
		bad += memcmp(got, digest[i], SN_DIGEST) || picks[i].rank != picks[0].rank;
	}
	ok(rc == 0 && n == TAKE && !bad, "equal ranks: the lowest digests, in their order");
	free(picks);
	sn_view_drop(v);
	sn_set_drop(set);
	remove_dir();
}

int main(void)
{
	if (sodium_init() < 0)
		return 111;
	ranks();
	ties();
	records();
	history();
	outlives();
	beside();
	same_shard();
	return done_testing();
}
