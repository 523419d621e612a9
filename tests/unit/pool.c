/* The pool: every item once, on as many threads as asked for, again and again. */
#include "util/pool.h"

#include <stdatomic.h>
#include <unistd.h>

#include "tap.h"

enum { ITEMS = 1000 };
static _Atomic int times[ITEMS], started;
static _Atomic unsigned workers;

static void start(void)
{
	atomic_fetch_add(&started, 1);
}

static void item(void *arg, size_t i, unsigned worker)
{
	atomic_fetch_add(&times[i], 1);
	atomic_fetch_or(&workers, 1u << worker);
	if (arg)
		usleep(100);
}

int main(void)
{
	static const unsigned threads[] = { 1, 2, 3, 7 };
	struct sn_err e;
	struct sn_pool *p;

	ok(sn_pool_cpus() >= 1, "there is a processor");
	for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
		bool good = true;
		int sleeps = 0;

		memset(times, 0, sizeof(times));
		atomic_store(&started, 0);
		atomic_store(&workers, 0);
		if (!ok(sn_pool_open(&p, threads[t], start, &e) == 0, "%u threads", threads[t]))
			continue;
		for (int round = 0; round < 300; round++) {
			size_t n = round % 5 ? (size_t)round : 0;

			if (round % 50 == 49)
				sleeps++, usleep(3000);         /* workers fall asleep */
			sn_pool_run(p, n, item, round == 299 ? p : NULL);
		}
		for (int i = 0; i < 300; i++) {
			int want = 0;

			for (int round = 0; round < 300; round++)
				want += round % 5 && i < round;
			good &= atomic_load(&times[i]) == want;
		}
		ok(good, "%u threads: each item once a loop", threads[t]);
		ok(atomic_load(&workers) == (1u << threads[t]) - 1, "%u threads: all of them worked",
			threads[t]);
		is_int(sn_pool_threads(p), threads[t], "as many as asked for");
		sn_pool_close(p);
		is_int(atomic_load(&started), (int)threads[t] - 1, "the start function ran in each");
	}
	ok(sn_pool_open(&p, 0, NULL, &e) == SN_EUSE && !p, "no threads are refused");
	ok(sn_pool_open(&p, 5000, NULL, &e) == SN_EUSE && !p, "5,000 threads are refused");
	sn_pool_close(NULL);
	return done_testing();
}
