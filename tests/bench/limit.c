/*
 * Limiter checks per second, against what nothing could do without: reading the clock,
 * SipHash of the key, and one locked 16-byte compare-and-swap in a table of the same size.
 * And admissions per second of a gate with 1000 keys, against BLAKE2b of the key alone.
 *
 * The two sides of each line alternate, ROUNDS times; medians.  Two: two processes (limiter)
 * or two threads (gate) at once.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gate/gate.h"
#include "gate/limit.h"
#include "gate/table.h"

#define ROUNDS 7
#define SLICE 200000000ll       /* ns of a measurement */
#define KEYS 500000
#define GATE_KEYS 1000

static char dir[] = "/tmp/sn-bench.XXXXXX";
static char path[64], db_path[64];
static struct sn_limit *limit;
static struct sn_limit_policy loose, tight;
static struct slot *bare;       /* a table for the bound to swap in */
static char (*name)[16];
static struct sn_gate *gate;
static char key[GATE_KEYS][SN_KEY_LEN + 1];
static uint64_t (*done)[8];     /* per process, shared */

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void take(const struct sn_limit_policy *p, uint64_t i)
{
	struct sn_limit_result r;
	const char *k = name[i % KEYS];

	if (sn_limit_take(limit, p, k, strlen(k), 1, clock_ns(CLOCK_REALTIME), &r, NULL) < 0)
		abort();
}

static uint64_t scatter(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15ull >> 20;
}

static void hot(uint64_t i, int who) { take(&loose, 0); }
static void own(uint64_t i, int who) { take(&loose, (uint64_t)who); }
static void refused(uint64_t i, int who) { take(&tight, 0); }
static void spread(uint64_t i, int who) { take(&loose, scatter(i)); }

/* The bound: the same clock, the same hash, one swap where the hash points. */
static void bound(uint64_t i, int who, bool one_place)
{
	uint64_t tat = (uint64_t)clock_ns(CLOCK_REALTIME);
	const char *k = name[i % KEYS];
	struct hash h = table_hash(limit, k, strlen(k));
	struct slot *s = one_place ? &bare[8 * who] : &bare[hash_at(h, 1, SN_LIMIT_SLOTS)];

	slot_cas(s, (struct slot){ s->tag, s->tat }, (struct slot){ h.tag, tat });
}

static void bound_hot(uint64_t i, int who) { bound(0, 0, true); }
static void bound_own(uint64_t i, int who) { bound((uint64_t)who, who, true); }
static void bound_spread(uint64_t i, int who) { bound(scatter(i), who, false); }

static void admit(uint64_t i, int who)
{
	struct sn_gate_ask ask = { key[scatter(i) % GATE_KEYS], "192.0.2.1", "a", 1,
		clock_ns(CLOCK_REALTIME) };
	struct sn_gate_decision d;

	if (sn_gate_admit(gate, &ask, &d, NULL) < 0 || d.kind != SN_GATE_OK)
		abort();
}

static void wrong(uint64_t i, int who)
{
	struct sn_gate_ask ask = { key[0], "192.0.2.1", "a", 1, clock_ns(CLOCK_REALTIME) };
	struct sn_gate_decision d;
	char forged[SN_KEY_LEN + 1];

	memcpy(forged, key[0], sizeof(forged));
	forged[20] ^= 1;
	ask.bearer = forged;
	if (sn_gate_admit(gate, &ask, &d, NULL) < 0 || d.kind != SN_GATE_WRONG)
		abort();
}

static void blake(uint64_t i, int who)
{
	uint8_t hash[32];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)key[scatter(i) % GATE_KEYS],
		SN_KEY_LEN - SN_KEY_CHECK, NULL, 0);
	__asm__ __volatile__("" : : "r" (hash) : "memory");
}

typedef void op(uint64_t i, int who);
struct job { op *f; int who; };

static void *work(void *arg)
{
	struct job *j = arg;
	int64_t end = clock_ns(CLOCK_MONOTONIC) + SLICE, now;
	uint64_t n = 0, from = (uint64_t)j->who << 32;

	do
		for (int k = 0; k < 256; k++)
			j->f(from + n++, j->who);
	while ((now = clock_ns(CLOCK_MONOTONIC)) < end);
	done[j->who][0] = (uint64_t)((double)n * 1e9 / (double)(now - end + SLICE));
	return NULL;
}

/* Operations per second of `many' processes or threads together. */
static double rate(op *f, int many, bool threads)
{
	struct job j[2] = { { f, 0 }, { f, 1 } };
	pthread_t t[2];
	double sum = 0;

	for (int i = 0; i < many; i++) {
		if (threads) {
			pthread_create(&t[i], NULL, work, &j[i]);
		} else if (fork() == 0) {
			work(&j[i]);
			_exit(0);
		}
	}
	for (int i = 0; i < many; i++) {
		if (threads)
			pthread_join(t[i], NULL);
		else
			wait(NULL);
	}
	for (int i = 0; i < many; i++)
		sum += (double)done[i][0];
	return sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void line(const char *what, op *f, op *limit_of, int many, bool threads)
{
	double a[ROUNDS], b[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		a[i] = rate(f, many, threads);
		b[i] = rate(limit_of, many, threads);
	}
	qsort(a, ROUNDS, sizeof(*a), by_value);
	qsort(b, ROUNDS, sizeof(*b), by_value);
	printf("%-44s %d %10.2f M/s %10.2f M/s %6.0f %%\n", what, many, a[ROUNDS / 2] / 1e6,
		b[ROUNDS / 2] / 1e6, 100 * a[ROUNDS / 2] / b[ROUNDS / 2]);
	fflush(stdout);
}

static void set_up(void)
{
	static const struct sn_schema *const schemas[] = { &sn_gate_schema, NULL };
	struct sn_group g = { .name = "g", .interval = 1, .burst = 1000000000, .created = 1 };
	struct sn_key_row row = { .group = "g", .note = "", .created = 1 };
	struct sn_db *db;
	struct sn_key k;
	struct sn_err e = { 0 };

	if (sn_limit_open(&limit, path, SN_LIMIT_SLOTS, &e) < 0 ||
	    sn_limit_set(limit, "loose", 1, 1000000000, &e) < 0 ||
	    sn_limit_set(limit, "tight", 3600000000000, 1, &e) < 0 ||
	    sn_limit_find(limit, "loose", &loose, &e) < 0 ||
	    sn_limit_find(limit, "tight", &tight, &e) < 0 ||
	    sn_db_open(&db, db_path, SN_DB_NOSYNC, schemas, &e) < 0 ||
	    sn_group_add(db, limit, &g, &e) < 0 || sn_db_begin(db, &e) < 0)
		goto bad;
	for (int i = 0; i < GATE_KEYS; i++) {
		sn_key_make(key[i], &k);
		if (sn_key_add(db, &k, &row, &e) < 0)
			goto bad;
	}
	if (sn_db_commit(db, &e) < 0)
		goto bad;
	sn_db_close(db);
	if (sn_gate_open(&gate, db_path, path, &e) < 0)
		goto bad;
	return;
bad:
	fprintf(stderr, "%s\n", e.msg);
	exit(111);
}

int main(void)
{
	if (sodium_init() < 0 || !mkdtemp(dir))
		return 111;
	snprintf(path, sizeof(path), "%s/limits", dir);
	snprintf(db_path, sizeof(db_path), "%s/gate.db", dir);
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bare = mmap(NULL, SN_LIMIT_SLOTS * sizeof(*bare), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	name = calloc(KEYS, sizeof(*name));
	if (done == MAP_FAILED || bare == MAP_FAILED || !name)
		return 111;
	for (int i = 0; i < KEYS; i++)
		snprintf(name[i], sizeof(name[i]), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
	memset(bare, 1, SN_LIMIT_SLOTS * sizeof(*bare));
	set_up();
	for (uint64_t i = 0; i < KEYS; i++)
		take(&loose, i);

	printf("%-44s %s %14s %14s %8s\n", "", "n", "sn", "bound", "ratio");
	line("take, one key, allowed", hot, bound_hot, 1, false);
	line("take, one key, limited", refused, bound_hot, 1, false);
	line("take, 500000 keys at random", spread, bound_spread, 1, false);
	line("take, one key, contended", hot, bound_hot, 2, false);
	line("take, a key each", own, bound_own, 2, false);
	line("take, 500000 keys at random", spread, bound_spread, 2, false);
	line("admit: key, dataset and take (BLAKE2b)", admit, blake, 1, true);
	line("admit: key, dataset and take (BLAKE2b)", admit, blake, 2, true);
	line("admit: a wrong key refused (BLAKE2b)", wrong, blake, 1, true);
	sn_gate_close(gate);
	sn_limit_close(limit);
	if (chdir(dir) == 0 && unlink("limits") == 0 && unlink("gate.db") == 0 && chdir("/") == 0)
		rmdir(dir);
	return 0;
}
