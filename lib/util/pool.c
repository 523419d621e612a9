/*
 * A loop is announced by raising `round'.  Workers look at it for a few
 * microseconds before they sleep on a condition, since loops follow one another
 * closely; so does the caller when it waits for the last of them.  Items are handed
 * out by one counter.  All workers take part in every round: `busy' counts those
 * that have not finished it, and no round starts before it is 0.
 */
#include "util/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct worker {
	struct sn_pool *pool;
	pthread_t thread;
	unsigned index;
};

struct sn_pool {
	unsigned threads;
	void (*start)(void);

	void (*fn)(void *, size_t, unsigned);
	void *arg;
	size_t n;
	_Atomic size_t next;

	pthread_mutex_t lock;
	pthread_cond_t begin, end;
	_Atomic unsigned round, busy;
	bool quit;

	struct worker w[];
};

enum { SPINS = 2000, MAX_THREADS = 1024 };

static void pause_a_little(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static void take_items(struct sn_pool *p, unsigned worker)
{
	size_t i;

	while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
		p->fn(p->arg, i, worker);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct sn_pool *p = w->pool;
	unsigned seen = 0;

	if (p->start)
		p->start();
	for (;;) {
		for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++)
			pause_a_little();
		if (atomic_load(&p->round) == seen) {
			pthread_mutex_lock(&p->lock);
			while (atomic_load(&p->round) == seen)
				pthread_cond_wait(&p->begin, &p->lock);
			pthread_mutex_unlock(&p->lock);
		}
		seen++;
		if (p->quit)
			return NULL;
		take_items(p, w->index);
		if (atomic_fetch_sub(&p->busy, 1) == 1) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->end);
			pthread_mutex_unlock(&p->lock);
		}
	}
}

static void next_round(struct sn_pool *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->busy, p->threads - 1);
	atomic_fetch_add(&p->round, 1);
	pthread_cond_broadcast(&p->begin);
	pthread_mutex_unlock(&p->lock);
}

void sn_pool_run(struct sn_pool *p, size_t n, void (*fn)(void *, size_t, unsigned), void *arg)
{
	p->fn = fn;
	p->arg = arg;
	p->n = n;
	atomic_store(&p->next, 0);
	if (p->threads == 1 || n < 2) {
		take_items(p, 0);
		return;
	}
	next_round(p);
	take_items(p, 0);
	for (int i = 0; i < SPINS && atomic_load(&p->busy); i++)
		pause_a_little();
	if (atomic_load(&p->busy)) {
		pthread_mutex_lock(&p->lock);
		while (atomic_load(&p->busy))
			pthread_cond_wait(&p->end, &p->lock);
		pthread_mutex_unlock(&p->lock);
	}
}

unsigned sn_pool_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set) > 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

unsigned sn_pool_threads(const struct sn_pool *p)
{
	return p->threads;
}

int sn_pool_open(struct sn_pool **out, unsigned threads, void (*start)(void), struct sn_err *e)
{
	struct sn_pool *p;
	sigset_t all, old;
	int rc = 0;

	*out = NULL;
	if (threads < 1 || threads > MAX_THREADS)
		return sn_err(e, SN_EUSE, "%u threads: from 1 to %d are possible", threads, MAX_THREADS);
	p = calloc(1, sizeof(*p) + threads * sizeof(*p->w));
	if (!p)
		return sn_err_mem(e);
	p->threads = 1;
	p->start = start;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->begin, NULL);
	pthread_cond_init(&p->end, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!rc && p->threads < threads) {
		struct worker *w = &p->w[p->threads];

		w->pool = p;
		w->index = p->threads;
		rc = pthread_create(&w->thread, NULL, work, w);
		p->threads += !rc;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		sn_pool_close(p);
		return sn_err(e, SN_ETEMP, "cannot start %u threads", threads);
	}
	*out = p;
	return 0;
}

void sn_pool_close(struct sn_pool *p)
{
	if (!p)
		return;
	p->quit = true;
	next_round(p);
	for (unsigned i = 1; i < p->threads; i++)
		pthread_join(p->w[i].thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->begin);
	pthread_cond_destroy(&p->end);
	free(p);
}
