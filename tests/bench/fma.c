/*
 * fma [-j THREADS] [-q ISA]: what this machine can do at most: f32 multiply-adds a
 * second with all threads, for each instruction set it has, and bytes a second read
 * from memory.  -q prints the GFLOP/s of one instruction set alone, for scripts.
 * Each is the best of many short runs; GFLOP/s a CPU second is what is left of it when
 * other work takes processors away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/pool.h"

enum { ROUNDS = 200000, RUNS = 30, CHAINS = 12 };

static volatile double sink[1024];       /* keeps the work from being left out */

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma")))
static void fma_avx2(void *arg, size_t item, unsigned worker)
{
	__m256 c[CHAINS], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
	float out[8];

	for (int i = 0; i < CHAINS; i++)
		c[i] = _mm256_set1_ps((float)i);
	for (int n = 0; n < ROUNDS; n++) {
#define STEP(i) c[i] = _mm256_fmadd_ps(c[i], a, b);
		STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
		STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
#undef STEP
	}
	for (int i = 1; i < CHAINS; i++)
		c[0] = _mm256_add_ps(c[0], c[i]);
	_mm256_storeu_ps(out, c[0]);
	sink[item] = (double)out[0];
}

__attribute__((target("avx512f")))
static void fma_avx512(void *arg, size_t item, unsigned worker)
{
	__m512 c[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(1e-3f);
	float out[16];

	for (int i = 0; i < CHAINS; i++)
		c[i] = _mm512_set1_ps((float)i);
	for (int n = 0; n < ROUNDS; n++) {
#define STEP(i) c[i] = _mm512_fmadd_ps(c[i], a, b);
		STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
		STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
#undef STEP
	}
	for (int i = 1; i < CHAINS; i++)
		c[0] = _mm512_add_ps(c[0], c[i]);
	_mm512_storeu_ps(out, c[0]);
	sink[item] = (double)out[0];
}

static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}
#endif

static void fma_scalar(void *arg, size_t item, unsigned worker)
{
	float c[4] = { 0, 1, 2, 3 };

	for (int n = 0; n < ROUNDS; n++)
		for (int i = 0; i < 4; i++)
			c[i] = __builtin_fmaf(c[i], 0.999f, 1e-3f);
	sink[item] = (double)(c[0] + c[1] + c[2] + c[3]);
}

static int always(void)
{
	return 1;
}

static const struct {
	const char *name;
	int (*has)(void);
	void (*run)(void *, size_t, unsigned);
	double flop;            /* of one item */
} isas[] = {
#if defined(__x86_64__)
	{ "avx512", has_avx512, fma_avx512, 2.0 * 16 * CHAINS * ROUNDS },
	{ "avx2", has_avx2, fma_avx2, 2.0 * 8 * CHAINS * ROUNDS },
#endif
	{ "scalar", always, fma_scalar, 2.0 * 4 * ROUNDS },
};

static double cpu_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)r.ru_utime.tv_sec + 1e-6 * (double)r.ru_utime.tv_usec;
}

static uint64_t *block;
enum { BLOCK = 16 << 20 };      /* bytes of an item */

static void read_item(void *arg, size_t item, unsigned worker)
{
	const uint64_t *p = block + item * (BLOCK / 8);
	uint64_t a = 0, b = 0, c = 0, d = 0;

	for (size_t i = 0; i < BLOCK / 8; i += 4) {
		a += p[i];
		b += p[i + 1];
		c += p[i + 2];
		d += p[i + 3];
	}
	sink[item] = (double)(a + b + c + d);
}

/* The best seconds of many runs of n items. */
static double best(struct sn_pool *p, size_t n, void (*fn)(void *, size_t, unsigned))
{
	double least = 1e9;

	for (int i = 0; i < RUNS; i++) {
		int64_t start = sn_clock_mono();
		double s;

		sn_pool_run(p, n, fn, NULL);
		s = (double)(sn_clock_mono() - start) * 1e-9;
		least = s < least ? s : least;
	}
	return least;
}

int main(int argc, char **argv)
{
	unsigned threads = sn_pool_cpus();
	const char *only = NULL;
	struct sn_pool *p, *one;
	struct sn_err e;
	size_t n = 16;
	int opt;

	while ((opt = getopt(argc, argv, "j:q:")) != -1) {
		if (opt == 'j')
			threads = (unsigned)atoi(optarg);
		else if (opt == 'q')
			only = optarg;
		else
			return 100;
	}
	if (sn_pool_open(&p, threads, NULL, &e) || sn_pool_open(&one, 1, NULL, &e)) {
		fprintf(stderr, "fma: %s\n", e.msg);
		return 111;
	}
	for (size_t i = 0; i < sizeof(isas) / sizeof(*isas); i++) {
		double all, single, cpu;

		if (!isas[i].has() || (only && strcmp(only, isas[i].name)))
			continue;
		all = 4 * threads * isas[i].flop / best(p, 4 * threads, isas[i].run) * 1e-9;
		if (only) {
			cpu = cpu_seconds();
			best(one, 2, isas[i].run);
			cpu = 2 * RUNS * isas[i].flop / (cpu_seconds() - cpu) * 1e-9;
			printf("%.1f %.1f\n", all, cpu);
			return 0;
		}
		single = 2 * isas[i].flop / best(one, 2, isas[i].run) * 1e-9;
		printf("%-7s %7.1f GFLOP/s on %u threads, %.1f on one\n", isas[i].name, all, threads, single);
	}
	if (only)
		return 0;       /* not on this processor: nothing to print */
	block = calloc(n, BLOCK);
	if (!block)
		return 111;
	memset(block, 1, n * BLOCK);
	printf("memory  %7.1f GB/s read on %u threads, %.1f on one\n",
		(double)n * BLOCK / best(p, n, read_item) * 1e-9, threads,
		(double)n * BLOCK / best(one, n, read_item) * 1e-9);
	free(block);
	sn_pool_close(p);
	sn_pool_close(one);
	return 0;
}
