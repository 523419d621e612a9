/*
 * Admission: every kind of answer, who shares a bucket with whom, and how soon a change
 * made by another connection counts.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "gate/gate.h"
#include "tap.h"
#include "util/clock.h"

#define S 1000000000ll

static char dir[] = "/tmp/sn-gate.XXXXXX";
static char db_path[64], table_path[64];
static struct sn_db *db;
static struct sn_gate *gate;
static int64_t now;

/* Stands before libsodium's: secrets are compared by this, which takes the same time
 * wherever they differ, and whether or not there is a key of that id. */
static int compared;
int crypto_verify_32(const unsigned char *x, const unsigned char *y)
{
	unsigned char d = 0;

	compared++;
	for (int i = 0; i < 32; i++)
		d |= x[i] ^ y[i];
	return d ? -1 : 0;
}

static void must(int rc, const struct sn_err *e)
{
	if (rc >= 0)
		return;
	printf("Bail out! %s\n", e->msg);
	exit(1);
}

static void add_group(const char *name, uint64_t interval, uint64_t burst, const char *datasets)
{
	struct sn_group g = { .name = name, .interval = interval, .burst = burst, .weight = 7,
		.datasets = datasets, .created = 1 };
	struct sn_err e;

	must(sn_group_add(db, NULL, &g, &e), &e);
}

static void add_key(const char *group, int64_t expires, char text[SN_KEY_LEN + 1])
{
	struct sn_key_row row = { .group = group, .note = "", .created = 1, .expires = expires };
	struct sn_key k;
	struct sn_err e;

	sn_key_make(text, &k);
	must(sn_db_begin(db, &e), &e);
	must(sn_key_add(db, &k, &row, &e), &e);
	must(sn_db_commit(db, &e), &e);
}

static void revoke_key(const char *key)
{
	struct sn_err e;
	struct sn_key k;
	int64_t when;

	must(sn_key_parse(key, strlen(key), &k, &e), &e);
	must(sn_key_revoke(db, k.id, 2, &when, &e), &e);
}

static struct sn_gate_decision ask(const char *bearer, const char *client, const char *dataset)
{
	struct sn_gate_ask a = { bearer, client, dataset, 1, now };
	struct sn_gate_decision d = { .kind = 99 };
	struct sn_err e = { 0 };

	if (sn_gate_admit(gate, &a, &d, &e) < 0)
		printf("# %s\n", e.msg);
	return d;
}

static enum sn_gate_kind kind(const char *bearer, const char *client, const char *dataset)
{
	return ask(bearer, client, dataset).kind;
}

/* Milliseconds until a key (or none) is answered so; -1 after 2 s. */
static int until(const char *bearer, enum sn_gate_kind want)
{
	int64_t start = sn_clock_mono();

	do {
		struct sn_gate_ask a = { bearer, "192.0.2.99", NULL, 0, now };
		struct sn_gate_decision d;

		if (sn_gate_admit(gate, &a, &d, NULL) == 0 && d.kind == want)
			return (int)((sn_clock_mono() - start) / 1000000);
		usleep(1000);
	} while (sn_clock_mono() - start < 2 * S);
	return -1;
}

static void soon(int ms, const char *what)
{
	ok(ms >= 0 && ms < 1000, "%s, within a second (%d ms)", what, ms);
}

static void key_texts(void)
{
	char text[SN_KEY_LEN + 1], other[SN_KEY_LEN + 1];
	struct sn_key k, p;
	struct sn_err e;
	int accepted = 0;

	sn_key_make(text, &k);
	is_int((int64_t)strlen(text), SN_KEY_LEN, "a key has 61 characters");
	ok(sn_key_parse(text, SN_KEY_LEN, &p, &e) == 0 && !strcmp(p.id, k.id) &&
		!memcmp(p.hash, k.hash, SN_KEY_HASH), "it parses to what was made");
	sn_key_make(other, &p);
	ok(memcmp(text, other, SN_KEY_LEN) && strcmp(k.id, p.id), "the next one differs");
	for (size_t i = 0; i < SN_KEY_LEN; i++)
		for (int c = 0; c < 256; c++) {
			memcpy(other, text, sizeof(other));
			if (other[i] == (char)c)
				continue;
			other[i] = (char)c;
			accepted += sn_key_parse(other, SN_KEY_LEN, &p, NULL) == 0;
		}
	is_int(accepted, 0, "no single wrong character goes unnoticed");
	for (size_t n = 0; n < SN_KEY_LEN; n++)
		accepted += sn_key_parse(text, n, &p, NULL) == 0;
	is_int(accepted, 0, "nor a cut");
}

static void texts(void)
{
	static const struct { const char *header, *token; } h[] = {
		{ "Bearer abc", "abc" }, { "bearer  abc", "abc" }, { " BEARER\tabc", "abc" },
		{ "Basic abc", "" }, { "Bearer", "" }, { "Bearer ", "" }, { "Bearerabc", "" },
		{ "", "" }, { NULL, NULL },
	};
	static const struct { const char *addr, *key; } a[] = {
		{ "192.0.2.7", "192.0.2.7" }, { "::ffff:192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" }, { "::1", "::/64" },
		{ "fe80::1", "fe80::/64" }, { "unix", "unix" }, { "", "" },
	};
	char out[SN_LIMIT_NAME];

	for (size_t i = 0; i < sizeof(h) / sizeof(*h); i++)
		is_str(sn_gate_bearer(h[i].header), h[i].token, "the token of a header");
	for (size_t i = 0; i < sizeof(a) / sizeof(*a); i++)
		is_str(sn_gate_client(a[i].addr, out), a[i].key, "the limiter's key of an address");
}

/* A key whose text is well formed, with the id of `victim'. */
static void same_id(const char *victim, char text[SN_KEY_LEN + 1])
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t hash[32];
	uint32_t v;
	struct sn_key k;

	sn_key_make(text, &k);
	memcpy(text, victim, 3 + SN_KEY_ID);
	crypto_generichash(hash, 32, (uint8_t *)text, SN_KEY_LEN - SN_KEY_CHECK, NULL, 0);
	v = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
	for (int i = SN_KEY_LEN; i-- > SN_KEY_LEN - SN_KEY_CHECK; v /= 62)
		text[i] = digits[v % 62];
}

static void kinds(void)
{
	char good[SN_KEY_LEN + 1], expired[SN_KEY_LEN + 1], revoked[SN_KEY_LEN + 1];
	char forged[SN_KEY_LEN + 1], stranger[SN_KEY_LEN + 1];
	struct sn_gate_decision d;
	struct sn_key k;

	ok(!sn_gate_has_groups(gate), "no groups yet");
	is_int(kind(NULL, "192.0.2.1", NULL), SN_GATE_NO_KEY, "no key, no public group");
	ok(access(table_path, F_OK) < 0, "no limits, no table");
	add_group("sn11", 3600 * S, 2, "a,b c");
	add_group("ops", 0, 0, "");
	add_key("sn11", 0, good);
	add_key("sn11", now / S + 100, expired);
	add_key("sn11", 1, revoked);    /* expired, too */
	revoke_key(revoked);
	soon(until(good, SN_GATE_OK), "a new key is let in");
	ok(sn_gate_has_groups(gate), "there are groups");
	ok(access(table_path, F_OK) == 0, "and a table");

	d = ask(good, NULL, "a");
	ok(d.kind == SN_GATE_OK && !strcmp(d.group, "sn11") && strlen(d.key_id) == 8 &&
		!strncmp(good + 3, d.key_id, 8) && d.metered && d.weight == 7 &&
		d.limit.limit == 2 && d.limit.remaining == 1 && d.limit.window == 7200 * S, "ok");
	is_int(kind(good, NULL, "b c"), SN_GATE_OK, "the other dataset");
	d = ask(good, NULL, "a");
	ok(d.kind == SN_GATE_LIMITED && d.limit.retry_after == 3600 * S, "limited");
	d = ask(good, NULL, "b");
	ok(d.kind == SN_GATE_FORBIDDEN && !strcmp(d.group, "sn11"), "forbidden, before limited");
	is_int(kind(good, NULL, ""), SN_GATE_FORBIDDEN, "no name is a name as well");
	is_int(kind(expired, NULL, NULL), SN_GATE_OK, "before it expires");
	now += 100 * S;
	is_int(kind(expired, NULL, NULL), SN_GATE_EXPIRED, "at that second it has");
	now -= 100 * S;
	d = ask(revoked, NULL, NULL);
	ok(d.kind == SN_GATE_REVOKED && !strcmp(d.group, "sn11"), "revoked, though expired as well");

	compared = 0;
	ask(good, NULL, NULL);
	is_int(compared, 1, "a secret is compared in constant time");
	sn_key_make(stranger, &k);
	ask(stranger, NULL, NULL);
	is_int(compared, 2, "also where there is no such key");
	is_int(kind("", NULL, NULL), SN_GATE_WRONG, "an empty key");
	is_int(kind("sn_x", NULL, NULL), SN_GATE_WRONG, "not a key");
	sn_key_make(stranger, &k);
	d = ask(stranger, NULL, NULL);
	ok(d.kind == SN_GATE_WRONG && !*d.group && !*d.key_id, "a key of somebody else");
	for (int i = 0; i < 3; i++) {
		char *mine[] = { good, expired, revoked };
		struct sn_key p;

		same_id(mine[i], forged);
		is_int(sn_key_parse(forged, SN_KEY_LEN, &p, NULL), 0, "well formed, the id of another");
		is_int(kind(forged, NULL, NULL), SN_GATE_WRONG,
			"a wrong secret is wrong, whatever became of the key");
	}
}

static void buckets(void)
{
	char one[SN_KEY_LEN + 1], two[SN_KEY_LEN + 1], ops[SN_KEY_LEN + 1];
	struct sn_gate_ask a = { NULL, "192.0.2.50", NULL, 0, now };
	struct sn_gate_decision d;
	struct sn_limit *l;
	struct sn_err e = { 0 };

	add_group("sn58", 3600 * S, 1, "");
	add_group(SN_GATE_PUBLIC, 3600 * S, 1, "");
	add_key("sn58", 0, one);
	add_key("sn58", 0, two);
	add_key("ops", 0, ops);
	soon(until(two, SN_GATE_OK), "they are known");
	is_int(kind(one, "192.0.2.1", NULL), SN_GATE_OK, "a key");
	is_int(kind(one, "192.0.2.2", NULL), SN_GATE_LIMITED, "is limited wherever it comes from");
	is_int(kind(two, "192.0.2.1", NULL), SN_GATE_OK, "a key of the same group has its own bucket");
	is_int(kind(NULL, "192.0.2.1", NULL), SN_GATE_OK, "without a key: public");
	is_int(kind(NULL, "192.0.2.1", NULL), SN_GATE_LIMITED, "limited by address");
	is_int(kind(NULL, "192.0.2.2", NULL), SN_GATE_OK, "another address");
	is_int(kind(NULL, "2001:db8::1", NULL), SN_GATE_OK, "an IPv6 address");
	is_int(kind(NULL, "2001:db8::2", NULL), SN_GATE_LIMITED, "is its /64");
	is_int(kind(NULL, "2001:db8:0:1::2", NULL), SN_GATE_OK, "another /64");
	d = ask(ops, NULL, "anything");
	ok(d.kind == SN_GATE_OK && !d.metered, "a group without a limit");
	ok(sn_gate_admit(gate, &a, &d, &e) == 0 && d.kind == SN_GATE_OK && d.limit.remaining == 1,
		"cost 0 asks and takes nothing");
	is_int(kind("wrong", "192.0.2.60", NULL), SN_GATE_WRONG, "a wrong key is not public");

	must(sn_limit_open(&l, table_path, 0, &e), &e);
	must(sn_limit_block(l, NULL, ops + 3, 8, now + 60 * S, now, &e), &e);
	d = ask(ops, NULL, NULL);
	ok(d.kind == SN_GATE_LIMITED && d.limit.blocked && d.limit.retry_after == 60 * S,
		"a block reaches a group without a limit");
	must(sn_limit_set(l, "sn58", 1, 1, &e), &e);
	is_int(ask(one, NULL, NULL).limit.window, 1, "sn-ratelimit set counts at once");
	must(sn_limit_rm(l, "sn58", &e), &e);
	d = ask(two, NULL, NULL);
	ok(d.kind == SN_GATE_OK && d.metered && d.limit.window == 3600 * S,
		"a policy that was removed is put back");
	sn_limit_close(l);
}

static void replaced(void)
{
	char key[SN_KEY_LEN + 1];
	struct sn_group change = { .name = "sn58", .interval = 60 * S, .burst = 5 };
	struct sn_err e = { 0 };
	int64_t start;
	int got;

	add_key("sn58", 0, key);
	soon(until(key, SN_GATE_OK), "a key");
	ask(key, NULL, NULL);
	is_int(kind(key, NULL, NULL), SN_GATE_LIMITED, "spent");
	unlink(table_path);
	for (start = sn_clock_mono(), got = -1; got != SN_GATE_OK && sn_clock_mono() < start + 2 * S; )
		usleep(10000), got = kind(key, NULL, NULL);
	is_int(got, SN_GATE_OK, "the table is removed: a new one is made");
	ok(access(table_path, F_OK) == 0, "there it is");
	is_int(kind(key, NULL, NULL), SN_GATE_LIMITED, "and holds");
	must(sn_group_set(db, NULL, &change, false, &e), &e);
	for (start = sn_clock_mono(), got = 0; got != 5 && sn_clock_mono() < start + 2 * S; )
		usleep(10000), got = (int)ask(key, NULL, NULL).limit.limit;
	is_int(got, 5, "a change in the database reaches the table");
	revoke_key(key);
	soon(until(key, SN_GATE_REVOKED), "a revoked key is refused");
	is_int(sn_gate_health(gate, &e), 0, "no trouble");
}

static char thread_key[SN_KEY_LEN + 1];
static uint64_t thread_admitted;

static void *thread(void *arg)
{
	for (int i = 0; i < 20000; i++)
		if (kind(thread_key, NULL, NULL) == SN_GATE_OK)
			__atomic_fetch_add(&thread_admitted, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Threads ask while groups come and go. */
static void threads(void)
{
	pthread_t t[4];
	char name[16];

	add_group("busy", 3600 * S, 500, "");
	add_key("busy", 0, thread_key);
	until(thread_key, SN_GATE_OK);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, thread, NULL);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		add_group(name, S, 1, "");
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	is_int((int64_t)thread_admitted, 500, "four threads get one burst between them");
}

int main(void)
{
	static const struct sn_schema *const schemas[] = { &sn_gate_schema, NULL };
	struct sn_err e = { 0 };

	if (sodium_init() < 0 || !mkdtemp(dir))
		return 111;
	snprintf(db_path, sizeof(db_path), "%s/gate.db", dir);
	snprintf(table_path, sizeof(table_path), "%s/limits", dir);
	now = 1737237600 * S;
	must(sn_db_open(&db, db_path, SN_DB_NOSYNC, schemas, &e), &e);
	must(sn_gate_open(&gate, db_path, table_path, &e), &e);
	key_texts();
	texts();
	kinds();
	buckets();
	replaced();
	threads();
	sn_gate_close(gate);
	sn_db_close(db);
	if (chdir(dir) == 0) {
		unlink("gate.db");
		unlink("limits");
	}
	rmdir(dir);
	return done_testing();
}
