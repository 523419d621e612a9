/*
 * The limiter under many processes at once: never more than burst and rate allow, whoever
 * races, whoever is killed.  What was admitted is counted in memory shared with the children.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate/limit.h"
#include "gate/table.h"
#include "tap.h"
#include "util/clock.h"

#define S 1000000000ll
#define T0 (1737237600 * S)
#define PROCS 8
#define KEYS 3000

static char dir[] = "/tmp/sn-race.XXXXXX";
static char path[64];
static struct shared {
	uint64_t admitted[KEYS], failed, first, last;
	uint64_t go;
} *sh;

static uint64_t rnd(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return *x;
}

static void add(uint64_t *p, uint64_t n)
{
	__atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}

static struct sn_limit *table(uint64_t slots, const char *name, uint64_t t, uint64_t b)
{
	struct sn_limit *l = NULL;
	struct sn_err e;

	if (sn_limit_open(&l, path, slots, &e) < 0 ||
	    (name && sn_limit_set(l, name, t, b, &e) < 0)) {
		printf("# %s\n", e.msg);
		exit(1);
	}
	return l;
}

static bool take(struct sn_limit *l, const char *name, unsigned k, int64_t now)
{
	struct sn_limit_policy p;
	struct sn_limit_result r;
	char key[16];

	snprintf(key, sizeof(key), "k%u", k);
	if (sn_limit_find(l, name, &p, NULL) < 0 ||
	    sn_limit_take(l, &p, key, strlen(key), 1, now, &r, NULL) < 0) {
		add(&sh->failed, 1);
		return false;
	}
	if (r.allowed)
		add(&sh->admitted[k], 1);
	return r.allowed;
}

static void start_together(void)
{
	add(&sh->go, 1);
	while (__atomic_load_n(&sh->go, __ATOMIC_ACQUIRE) < PROCS)
		sched_yield();
}

/* f(i) in PROCS processes, all of them opening the table for themselves. */
static void run(void (*f)(int i))
{
	memset(sh, 0, sizeof(*sh));
	sh->first = UINT64_MAX;
	fflush(stdout);
	for (int i = 0; i < PROCS; i++)
		if (fork() == 0) {
			f(i);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

static uint64_t total(void)
{
	uint64_t n = 0;

	for (int i = 0; i < KEYS; i++)
		n += sh->admitted[i];
	return n;
}

static void one_key(int i)
{
	struct sn_limit *l = table(0, NULL, 0, 0);

	start_together();
	for (int n = 0; n < 20000; n++)
		take(l, "one", 0, T0);
}

static void many_keys(int i)
{
	struct sn_limit *l = table(0, NULL, 0, 0);
	uint64_t x = (uint64_t)i * 7919 + 1;

	start_together();
	for (unsigned n = 0; n < 4 * KEYS; n++)
		take(l, "many", n % KEYS, T0 + (int64_t)(rnd(&x) % 100));
	for (unsigned n = 0; n < 4 * KEYS; n++)
		take(l, "many", (unsigned)(rnd(&x) % KEYS), T0 + (int64_t)(rnd(&x) % 100));
}

static void note_time(int64_t now)
{
	uint64_t v = __atomic_load_n(&sh->last, __ATOMIC_RELAXED);

	while (v < (uint64_t)now && !__atomic_compare_exchange_n(&sh->last, &v, (uint64_t)now,
		false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	v = __atomic_load_n(&sh->first, __ATOMIC_RELAXED);
	while (v > (uint64_t)now && !__atomic_compare_exchange_n(&sh->first, &v, (uint64_t)now,
		false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void hammer(const char *name, unsigned keys, uint64_t seed)
{
	struct sn_limit *l = table(0, NULL, 0, 0);
	int64_t now = sn_clock_real(), end = now + S / 2;

	start_together();
	note_time(now);
	while (now < end) {
		unsigned k = (unsigned)(rnd(&seed) % keys);

		now = sn_clock_real();
		take(l, name, k, now);
	}
	note_time(now);
}

static void real_clock(int i)
{
	hammer("clock", 1, (uint64_t)i + 1);
}

static void churn(int i)
{
	hammer("churn", 20, (uint64_t)i + 1);
}

/* Keys that are full again after 20 us, more of them than slots: claims and evictions
 * all the time, by processes whose clocks differ. */
static void check_bounds(const char *what, unsigned keys, uint64_t t, uint64_t b)
{
	uint64_t most = b + (sh->last - sh->first) / t + 1, worst = 0;

	for (unsigned k = 0; k < keys; k++)
		if (sh->admitted[k] > worst)
			worst = sh->admitted[k];
	ok(sh->failed == 0 && worst <= most && worst > 0, "%s: at most %" PRIu64 " of %" PRIu64
		" allowed", what, worst, most);
}

static void makers(int i)
{
	struct sn_limit *l;

	start_together();
	l = table(4096, "made", 3600 * S, 5);
	for (int n = 0; n < 100; n++)
		take(l, "made", 0, T0);
}

/* Take at random for ever, change policies and blocks now and then; killed from outside. */
static void victim(int i)
{
	struct sn_limit *l = table(0, NULL, 0, 0);
	uint64_t x = (uint64_t)getpid() * 2654435761u + 1;
	struct sn_limit_policy p;

	for (;;) {
		take(l, "kill", (unsigned)(rnd(&x) % 300), T0);
		if (rnd(&x) % 64)
			continue;
		if (rnd(&x) % 2)
			sn_limit_set(l, "kill", 3600 * S, 4, NULL);
		else if (sn_limit_set(l, "other", S, 1 + rnd(&x) % 9, NULL) == 0 &&
			 sn_limit_find(l, "other", &p, NULL) == 0)
			sn_limit_block(l, &p, "x", 1, T0 + S, T0, NULL);
	}
}

static void kills(void)
{
	struct sn_limit *l = table(64, "kill", 3600 * S, 4);
	uint64_t x = 12345, worst = 0;
	struct sn_limit_policy p;
	pid_t pid[PROCS] = { 0 };
	int set = 0;

	memset(sh, 0, sizeof(*sh));
	fflush(stdout);
	for (int round = 0; round < 300; round++) {
		int i = round % PROCS;

		if (pid[i]) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
		}
		if ((pid[i] = fork()) == 0)
			victim(i);
		usleep((useconds_t)(rnd(&x) % 5000));
	}
	for (int i = 0; i < PROCS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	sn_limit_close(l);
	l = table(0, NULL, 0, 0);
	ok(l != NULL, "after 300 kills the table opens");
	for (uint32_t at = 0; sn_limit_next(l, &at, &p); )
		set += !strcmp(p.name, "kill") ? p.interval == 3600 * S && p.burst == 4 :
			!strcmp(p.name, "other") ? p.interval == S && p.burst <= 9 : -100;
	is_int(set, 2, "its policies are whole");
	is_int(sn_limit_set(l, "other", S, 1, NULL), 0, "nothing is locked");
	is_int((int64_t)sh->failed, 0, "no take failed");
	for (unsigned k = 0; k < 300; k++) {
		for (int n = 0; n < 10; n++)
			take(l, "kill", k, T0);
		worst = sh->admitted[k] > worst ? sh->admitted[k] : worst;
	}
	ok(worst <= 4, "no key had more than its burst of 4 (%" PRIu64 "), full table and all", worst);
	sn_limit_close(l);
}

static void *thread(void *arg)
{
	for (int n = 0; n < 20000; n++)
		take(arg, "thread", (unsigned)n % 10, T0);
	return NULL;
}

static void threads(void)
{
	struct sn_limit *l = table(64, "thread", 3600 * S, 100);
	pthread_t t[4];

	memset(sh, 0, sizeof(*sh));
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, thread, l);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	is_int((int64_t)total(), 1000, "four threads on one handle: 10 keys of burst 100");
	sn_limit_close(l);
}

int main(void)
{
	struct sn_limit *l;
	struct sn_limit_stat st;
	uint64_t wrong = 0;

	if (!mkdtemp(dir))
		return 111;
	snprintf(path, sizeof(path), "%s/limits", dir);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return 111;

	l = table(65536, "one", 3600 * S, 1000);
	run(one_key);
	is_int((int64_t)total(), 1000, "160000 takes of one key: exactly the burst");
	sn_limit_set(l, "many", 3600 * S, 3, NULL);
	run(many_keys);
	for (unsigned k = 0; k < 4 * KEYS; k++)         /* those whose last came a moment early */
		take(l, "many", k % KEYS, T0 + 100);
	for (unsigned k = 0; k < KEYS; k++)
		if (sh->admitted[k] != 3) {
			wrong++;
			printf("# key %u: %" PRIu64 "\n", k, sh->admitted[k]);
		}
	sn_limit_stat(l, T0, &st);
	ok(wrong == 0 && st.crowded == 0, "3000 keys in turn and at random: each exactly its burst (%"
		PRIu64 " wrong)", wrong);
	sn_limit_set(l, "clock", S / 1000, 50, NULL);
	run(real_clock);
	check_bounds("one key on the real clock", 1, S / 1000, 50);
	ok(sh->admitted[0] >= (sh->last - sh->first) / (S / 1000), "and hardly less");
	sn_limit_close(l);
	unlink(path);

	l = table(8, "churn", 20000, 1);
	run(churn);
	check_bounds("20 keys in 8 slots", 20, 20000, 1);
	sn_limit_stat(l, sn_clock_real(), &st);
	ok(st.evicted > 1000, "with many evictions (%" PRIu64 ")", st.evicted);
	sn_limit_close(l);
	unlink(path);

	wrong = 0;
	for (int n = 0; n < 20; n++) {
		run(makers);
		wrong += total() != 5;
		unlink(path);
	}
	is_int((int64_t)wrong, 0, "eight that make the table at once share one");
	kills();
	unlink(path);
	threads();
	unlink(path);
	rmdir(dir);
	return done_testing();
}
