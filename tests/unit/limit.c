/*
 * The limiter in one process: the rule, changing policies, blocks, the clock, the files
 * that are refused, a table that is full.  `limit drive FILE' reads commands on stdin and
 * prints results, for tests/t/limit-gcra.t, which compares them with exact arithmetic.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gate/limit.h"
#include "gate/table.h"
#include "tap.h"

#define S 1000000000ll
#define T0 (1737237600 * S)     /* 18 January 2025 */

static char dir[] = "/tmp/sn-limit.XXXXXX";
static char path[64];

static struct sn_limit *fresh(uint64_t slots)
{
	struct sn_limit *l;
	struct sn_err e = { 0 };

	unlink(path);
	if (sn_limit_open(&l, path, slots, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	return l;
}

static struct sn_limit_policy policy(struct sn_limit *l, const char *name, uint64_t t, uint64_t b)
{
	struct sn_limit_policy p = { 0 };
	struct sn_err e = { 0 };

	if (sn_limit_set(l, name, t, b, &e) < 0 || sn_limit_find(l, name, &p, &e) < 0)
		printf("# %s\n", e.msg);
	return p;
}

static struct sn_limit_result take(struct sn_limit *l, const struct sn_limit_policy *p,
	const char *key, uint64_t cost, int64_t now)
{
	struct sn_limit_result r = { 0 };
	struct sn_err e = { 0 };

	if (sn_limit_take(l, p, key, strlen(key), cost, now, &r, &e) < 0)
		printf("# %s\n", e.msg);
	return r;
}

static void the_rule(void)
{
	struct sn_limit *l = fresh(64);
	struct sn_limit_policy p = policy(l, "p", 72 * S, 3);
	struct sn_limit_result r;

	for (int i = 2; i >= 0; i--) {
		r = take(l, &p, "k", 1, T0);
		ok(r.allowed && r.remaining == (uint64_t)i && r.limit == 3 && r.window == 216 * S &&
			r.reset == (3 - i) * 72 * S && r.retry_after == 0, "take %d of a burst of 3", 3 - i);
	}
	r = take(l, &p, "k", 1, T0);
	ok(!r.allowed && r.retry_after == 72 * S && r.reset == 216 * S, "a fourth has to wait");
	ok(take(l, &p, "k", 2, T0).retry_after == 144 * S, "two have to wait longer");
	ok(take(l, &p, "other", 1, T0).allowed, "another key is not touched");
	ok(!take(l, &p, "k", 1, T0 + 72 * S - 1).allowed, "a nanosecond early is too early");
	ok(take(l, &p, "k", 1, T0 + 72 * S).allowed, "on time is in time");
	r = take(l, &p, "k", 4, T0 + 10000 * S);
	ok(!r.allowed && r.never && r.retry_after == SN_LIMIT_FOREVER, "more than the burst: never");
	ok(take(l, &p, "k", 3, T0 + 10000 * S).allowed, "the whole burst at once, when full");
	ok(sn_limit_peek(l, &p, "new", 3, 1, T0, &r, NULL) == 0 && r.allowed && r.remaining == 3 &&
		r.reset == 0, "peek of a key never seen: full");
	ok(take(l, &p, "new", 3, T0).remaining == 0, "and it had taken nothing");
	ok(sn_limit_peek(l, &p, "new", 3, 1, T0, &r, NULL) == 0 && !r.allowed &&
		r.retry_after == 72 * S, "peek says how long");
	ok(take(l, &p, "", 1, T0).allowed && take(l, &p, "", 2, T0).allowed &&
		!take(l, &p, "", 1, T0).allowed, "the empty key is a key");
	sn_limit_close(l);
}

static void extremes(void)
{
	struct sn_limit *l = fresh(64);
	struct sn_limit_policy p = policy(l, "wide", 1, SN_LIMIT_SPAN_MAX);
	struct sn_limit_policy q = policy(l, "slow", SN_LIMIT_SPAN_MAX, 1);
	struct sn_limit_result r;
	int64_t last = (int64_t)SN_LIMIT_SPAN_MAX;
	struct sn_err e;

	r = take(l, &p, "k", SN_LIMIT_SPAN_MAX, last);
	ok(r.allowed && r.remaining == 0 && r.reset == last, "the largest cost there is");
	ok(!take(l, &p, "k", 1, last).allowed, "leaves nothing");
	ok(take(l, &p, "j", UINT64_MAX, T0).never, "a cost of 2^64 - 1 never");
	ok(take(l, &q, "k", 1, last).allowed && !take(l, &q, "k", 1, last).allowed,
		"the longest interval");
	is_int(sn_limit_take(l, &p, "k", 1, 1, -1, &r, &e), SN_EUSE, "a time before 1970");
	is_int(sn_limit_take(l, &p, "k", 1, 1, INT64_MAX, &r, &e), SN_EUSE, "a time too far ahead");
	is_int(sn_limit_set(l, "x", SN_LIMIT_SPAN_MAX, 2, &e), SN_EUSE, "a bucket of 292 years");
	is_int(sn_limit_set(l, "x", 0, 1, &e), SN_EUSE, "interval 0");
	is_int(sn_limit_set(l, "x", 1, 0, &e), SN_EUSE, "burst 0");
	is_int(sn_limit_set(l, "", 1, 1, &e), SN_EUSE, "no name");
	is_int(sn_limit_set(l, "a b", 1, 1, &e), SN_EUSE, "a space in the name");
	is_int(sn_limit_set(l, "-a", 1, 1, &e), SN_EUSE, "a name like an option");
	sn_limit_close(l);
}

static void changes(void)
{
	struct sn_limit *l = fresh(64), *m = NULL;
	struct sn_limit_policy p = policy(l, "p", 10 * S, 2), q, again;
	struct sn_limit_result r;
	struct sn_err e = { 0 };
	uint32_t at = 0;
	char name[16];
	int n = 0;

	take(l, &p, "k", 2, T0);
	ok(!take(l, &p, "k", 1, T0).allowed, "spent");
	is_int(sn_limit_open(&m, path, 0, &e), 0, "a second one opens the same table");
	is_int(sn_limit_set(m, "p", 10 * S, 3, &e), 0, "and raises the burst");
	ok(take(l, &p, "k", 1, T0).allowed, "which the first sees at once");
	sn_limit_set(m, "p", 1 * S, 1, &e);
	r = take(l, &p, "k", 1, T0);
	ok(!r.allowed && r.limit == 1, "a burst cut below what is owed");
	ok(take(l, &p, "k", 1, T0 + 1 * S).allowed, "forgives what does not fit any more");

	q = policy(m, "q", S, 1);
	take(l, &q, "k", 1, T0);
	is_int(sn_limit_rm(m, "q", &e), 0, "a policy is removed");
	is_int(sn_limit_take(l, &q, "k", 1, 1, T0, &r, &e), SN_EUSE, "its holder finds out");
	is_int(sn_limit_find(l, "q", &again, &e), SN_EUSE, "nobody finds it");
	is_int(sn_limit_rm(m, "q", &e), SN_EUSE, "nor removes it twice");
	again = policy(m, "q", S, 1);
	is_int(sn_limit_take(l, &q, "k", 1, 1, T0, &r, &e), SN_EUSE, "the old one stays removed");
	ok(take(l, &again, "k", 1, T0).allowed, "the new one has forgotten the key");
	for (n = 2; n < SN_LIMIT_POLICIES; n++) {
		snprintf(name, sizeof(name), "n%d", n);
		if (sn_limit_set(l, name, S, 1, &e) < 0)
			break;
	}
	is_int(n, SN_LIMIT_POLICIES, "254 policies fit");
	is_int(sn_limit_set(l, "more", S, 1, &e), SN_ENO, "and no more");
	for (n = 0; sn_limit_next(l, &at, &q); )
		n++;
	is_int(n, SN_LIMIT_POLICIES, "all are listed");
	sn_limit_close(m);
	sn_limit_close(l);
}

static void the_clock(void)
{
	struct sn_limit *l = fresh(64);
	struct sn_limit_policy p = policy(l, "p", 60 * S, 5);
	struct sn_limit_result r;

	take(l, &p, "k", 5, T0);
	r = take(l, &p, "k", 1, T0 - 5 * S);
	ok(!r.allowed && r.retry_after == 65 * S, "a step back of 5 s is waited out");
	r = take(l, &p, "k", 1, T0 - 86400 * S);
	ok(!r.allowed && r.retry_after == 60 * S, "one of a day costs one bucket at most");
	ok(take(l, &p, "k", 1, T0 - 86400 * S + 60 * S).allowed, "and the key goes on from there");
	ok(take(l, &p, "k", 4, T0 + 86400 * S).allowed, "a step forward fills the bucket");
	for (size_t i = 0; i < l->buckets * BUCKET; i++)
		if (l->slot[i].tag)
			l->slot[i].tat = UINT64_MAX;
	r = take(l, &p, "k", 1, T0);
	ok(!r.allowed && r.retry_after == 60 * S, "garbage in a slot is a spent bucket");
	ok(take(l, &p, "k", 5, T0 + 300 * S).allowed, "and drains like one");
	sn_limit_close(l);
}

static void blocks(void)
{
	struct sn_limit *l = fresh(64);
	struct sn_limit_policy p = policy(l, "p", S, 9), q = policy(l, "q", S, 9);
	struct sn_limit_result r;
	struct sn_err e = { 0 };
	char key[16];
	int n;

	is_int(sn_limit_block(l, NULL, "k", 1, T0 + 10 * S, T0, &e), 0, "block for all");
	r = take(l, &p, "k", 1, T0);
	ok(!r.allowed && r.blocked && r.retry_after == 10 * S && r.remaining == 9, "under p");
	ok(take(l, &q, "k", 1, T0).blocked, "under q");
	ok(take(l, &p, "j", 1, T0).allowed, "not another key");
	is_int(sn_limit_blocked(l, "k", 1, T0), T0 + 10 * S, "until when");
	ok(take(l, &p, "k", 9, T0 + 10 * S).allowed, "it ends by itself, and nothing was charged");
	is_int(sn_limit_block(l, &p, "k", 1, SN_LIMIT_FOREVER, T0, &e), 0, "block for ever under p");
	r = take(l, &p, "k", 1, T0 + 1000000 * S);
	ok(r.blocked && r.retry_after == SN_LIMIT_FOREVER, "refused for ever");
	ok(take(l, &q, "k", 1, T0 + 20 * S).allowed, "not under q");
	is_int(sn_limit_unblock(l, NULL, "k", 1, T0 + 20 * S, &e), 0, "no block for all any more");
	is_int(sn_limit_unblock(l, &p, "k", 1, T0, &e), 1, "lifted");
	is_int(sn_limit_unblock(l, &p, "k", 1, T0, &e), 0, "only once");
	ok(take(l, &p, "k", 1, T0 + 1000000 * S).allowed, "allowed again");
	is_int((int64_t)l->head->blocks_until, 0, "and takes no longer look for blocks");
	is_int(sn_limit_block(l, NULL, "k", 1, T0, T0, &e), SN_EUSE, "a block into the past");
	for (n = 0; n < 12000; n++) {
		snprintf(key, sizeof(key), "%d", n);
		if (sn_limit_block(l, NULL, key, strlen(key), SN_LIMIT_FOREVER, T0, &e) < 0)
			break;
	}
	is_int(n, 12000, "12000 blocks fit");
	for (n = 0; n < 12000; n++) {
		snprintf(key, sizeof(key), "%d", n);
		if (!take(l, &p, key, 1, T0).blocked)
			break;
	}
	is_int(n, 12000, "and all hold");
	for (n = 12000; n < 20000; n++) {
		snprintf(key, sizeof(key), "%d", n);
		if (sn_limit_block(l, NULL, key, strlen(key), SN_LIMIT_FOREVER, T0, &e) < 0)
			break;
	}
	ok(n < 20000 && e.code == SN_ETEMP, "no room: said, not forgotten");
	sn_limit_close(l);
}

/* One bucket, so that every key meets every other. */
static void full(void)
{
	struct sn_limit *l = fresh(8);
	struct sn_limit_policy a = policy(l, "a", 10 * S, 2), b = policy(l, "b", 10 * S, 2);
	struct sn_limit_result r;
	struct sn_limit_stat st;
	struct sn_limit_counts c;
	int64_t now = T0;
	int admitted = 0;
	char key[16];

	for (int i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "a%d", i);
		admitted += take(l, &a, key, 1, now).allowed;
	}
	is_int(admitted, 8, "eight keys fill the bucket");
	for (int i = 8; i < 108; i++) {
		snprintf(key, sizeof(key), "a%d", i);
		r = take(l, &a, key, 1, now);
		admitted += r.allowed;
	}
	is_int(admitted, 10, "a hundred more of the policy share one burst of 2");
	ok(r.crowded, "and it is said");
	for (int i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "a%d", i);
		admitted += take(l, &a, key, 1, now).allowed + take(l, &a, key, 1, now).allowed;
	}
	is_int(admitted, 18, "those inside have their own");
	ok(take(l, &b, "b0", 1, now).allowed && take(l, &b, "b0", 1, now).allowed &&
		!take(l, &b, "b0", 1, now).allowed, "another policy gets a slot of its own");
	for (int i = 1; i < 4; i++) {
		snprintf(key, sizeof(key), "b%d", i);
		ok(take(l, &b, key, 1, now).allowed && !take(l, &b, key, 2, now).allowed, "%s too", key);
	}
	admitted = 0;
	for (int i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "a%d", i);
		admitted += take(l, &a, key, 1, now).allowed;
	}
	is_int(admitted, 0, "who was put out for it has not gained by that");
	sn_limit_stat(l, now, &st);
	ok(st.slots == 8 && st.live == 8 && st.displaced == 4 && st.crowded > 100 &&
		st.crowded_last == now, "the counts say what happened");
	sn_limit_count(l, now, &c);
	ok(c.live[a.id] == 4 && c.live[b.id] == 4, "half of the bucket each");
	now += 10 * S;
	admitted = 0;
	for (int i = 0; i < 108; i++) {
		snprintf(key, sizeof(key), "a%d", i);
		admitted += take(l, &a, key, 1, now).allowed;
	}
	ok(admitted >= 5 && admitted <= 9, "10 s later: one for each slot and for the cell (%d)",
		admitted);
	now += 20 * S;
	for (int i = 200; i < 208; i++) {
		snprintf(key, sizeof(key), "a%d", i);
		ok(take(l, &a, key, 2, now).allowed, "when all are idle, %s is let in whole", key);
	}
	sn_limit_stat(l, now, &st);
	ok(st.evicted >= 8, "by replacing the idle");
	sn_limit_close(l);
}

/* What two who claim a slot for one key at the same instant leave behind. */
static void twins(void)
{
	struct sn_limit *l = fresh(8);
	struct sn_limit_policy p = policy(l, "p", 10 * S, 4);
	struct sn_limit_result r;
	int held = 0;

	take(l, &p, "k", 1, T0);
	for (int i = 0; i < BUCKET; i++)
		if (l->slot[i].tag) {
			int j = (i + 3) % BUCKET;

			l->slot[j] = (struct slot){ l->slot[i].tag, T0 + 20 * S };
			break;
		}
	r = take(l, &p, "k", 1, T0);
	ok(r.allowed && r.remaining == 0 && r.reset == 40 * S, "what both were charged counts");
	for (int i = 0; i < BUCKET; i++)
		held += l->slot[i].tag != 0;
	is_int(held, 1, "and one of them is left");
	sn_limit_close(l);
}

static void write_at(const char *file, long at, const void *p, size_t n)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || pwrite(fd, p, n, at) != (ssize_t)n)
		printf("# cannot write %s\n", file);
	close(fd);
}

static void files(void)
{
	static const struct { long at; const char *bytes; size_t n; const char *says; } bad[] = {
		{ 0, "SQLite", 6, "not a limiter table" },
		{ 8, "\1\2\3\4", 4, "a limiter table of a machine with another byte order" },
		{ 12, "\2\0\0\0", 4, "a limiter table of version 2, this program knows 1" },
		{ 16, "\xff", 1, "the header of the limiter table is damaged" },
		{ 24, "\xff", 1, "the header of the limiter table is damaged" },
		{ 40, "\xff\xff\xff\xff", 4, "the header of the limiter table is damaged" },
	};
	struct sn_limit *l;
	struct sn_limit_policy p;
	struct sn_limit_result r;
	struct sn_err e = { 0 };
	char want[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		sn_limit_close(fresh(64));
		write_at(path, bad[i].at, bad[i].bytes, bad[i].n);
		snprintf(want, sizeof(want), "%s: %s", path, bad[i].says);
		is_int(sn_limit_open(&l, path, 64, &e), SN_ENO, "refused");
		is_str(e.msg, want, "and why");
	}
	sn_limit_close(fresh(64));
	if (truncate(path, 4096) < 0)
		printf("# truncate\n");
	is_int(sn_limit_open(&l, path, 64, &e), SN_ENO, "cut short");
	if (truncate(path, 10) < 0)
		printf("# truncate\n");
	is_int(sn_limit_open(&l, path, 64, &e), SN_ENO, "cut in the header");
	if (truncate(path, 0) < 0)
		printf("# truncate\n");
	is_int(sn_limit_open(&l, path, 64, &e), SN_ENO, "empty");
	is_int(sn_limit_open(&l, dir, 64, &e), SN_ETEMP, "a directory");
	is_int(sn_limit_open(&l, "/tmp/no/such/dir/limits", 64, &e), SN_ETEMP, "no directory");
	unlink(path);
	if (mkfifo(path, 0600) < 0)
		printf("# mkfifo\n");
	is_int(sn_limit_open(&l, path, 64, &e), SN_ENO, "a FIFO is not waited for");
	unlink(path);
	is_int(sn_limit_open(&l, path, 0, &e), SN_ETEMP, "absent, not to be made");
	is_int(sn_limit_open(&l, path, 1, &e), SN_EUSE, "too few slots");
	ok(access(path, F_OK) < 0, "leave no file");

	l = fresh(64);
	p = policy(l, "p", S, 1);
	l->policy[p.id].copy[l->policy[p.id].gen & 1].interval = 0;
	is_int(sn_limit_take(l, &p, "k", 1, 1, T0, &r, &e), SN_ENO, "a damaged policy is refused");
	sn_limit_close(l);
}

static void texts(void)
{
	static const struct { uint64_t ns; const char *text; } t[] = {
		{ 72 * S, "50/h" }, { 3600 * S, "1/h" }, { S / 10, "10/s" }, { S, "1/s" },
		{ 86400 * S, "1/d" }, { 1200 * S, "3/h" }, { 1, "1000000000/s" },
		{ 30 * 86400 * S, "0.0333333333/d" }, { S / 3, "3/s" }, { 7 * S, "8.57142857/m" },
	};
	char out[32];

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		is_str(sn_limit_rate_text(t[i].ns, out), t[i].text, "rate as text");
}

/* set NAME T B | take NAME KEY COST NOW | peek ... | block KEY UNTIL NOW | unblock KEY NOW */
static int drive(const char *file)
{
	char line[256], name[64], key[64];
	struct sn_limit *l;
	struct sn_err e;
	unsigned long long a, b;

	if (sn_limit_open(&l, file, 1024, &e) < 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		struct sn_limit_policy p;
		struct sn_limit_result r;

		if (sscanf(line, "set %63s %llu %llu", name, &a, &b) == 3) {
			printf("%d\n", sn_limit_set(l, name, a, b, &e));
		} else if (sscanf(line, "take %63s %63s %llu %llu", name, key, &a, &b) == 4 ||
			   sscanf(line, "peek %63s %63s %llu %llu", name, key, &a, &b) == 4) {
			if (sn_limit_find(l, name, &p, &e) < 0 ||
			    (line[0] == 't' ? sn_limit_take : sn_limit_peek)(l, &p, key, strlen(key),
				a, (int64_t)b, &r, &e) < 0)
				return 1;
			printf("%d %" PRIu64 " %" PRId64 " %" PRId64 "\n", r.allowed, r.remaining,
				r.reset, r.retry_after);
		} else {
			return 1;
		}
	}
	sn_limit_close(l);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "drive"))
		return drive(argv[2]);
	if (!mkdtemp(dir))
		return 111;
	snprintf(path, sizeof(path), "%s/limits", dir);
	the_rule();
	extremes();
	changes();
	the_clock();
	blocks();
	full();
	twins();
	files();
	texts();
	unlink(path);
	rmdir(dir);
	return done_testing();
}
