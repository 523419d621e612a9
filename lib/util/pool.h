/*
 * A parallel for: a few threads that take the items of a loop one by one.
 *
 * Which thread does which item is not fixed, so items must not depend on one another
 * and results must not depend on the worker.  One thread at a time uses a pool, and
 * it works along: a pool of n threads starts n - 1.
 */
#ifndef SN_UTIL_POOL_H
#define SN_UTIL_POOL_H

#include <stddef.h>

#include "util/err.h"

struct sn_pool;

/* Processors that this process may run on, at least 1. */
unsigned sn_pool_cpus(void);

/* threads from 1 to 1024.  `start' (may be NULL) runs first in each thread that is
 * started, for modes that belong to a thread; signals are blocked in them. */
int sn_pool_open(struct sn_pool **p, unsigned threads, void (*start)(void), struct sn_err *e);
void sn_pool_close(struct sn_pool *p);
unsigned sn_pool_threads(const struct sn_pool *p);

/* fn(arg, item, worker) for each item below n, worker below threads; returns when all
 * are done, and what they wrote is seen. */
void sn_pool_run(struct sn_pool *p, size_t n, void (*fn)(void *arg, size_t item, unsigned worker),
	void *arg);

#endif
