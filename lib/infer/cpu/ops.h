/*
 * The packed kernels' smallest parts, one table an instruction set.  All tables give
 * the same bits; they differ in the tile's shape, which changes nothing.
 *
 * Rows are padded: a pointer to n floats may be read and written up to the next
 * multiple of SN_PAD, and what the caller keeps there is finite.
 */
#ifndef SN_INFER_CPU_OPS_H
#define SN_INFER_CPU_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "infer/infer.h"

enum {
	SN_PAD = 32,            /* floats; a multiple of every nr */
	SN_MAX_MR = 12,
	SN_MAX_NR = 32,
};

struct sn_ops {
	const char *name;
	unsigned mr, nr;        /* a tile is mr rows (tokens) by nr columns (outputs) */
	int (*usable)(void);    /* whether this processor has the instructions */

	/*
	 * c[i][j] = chain over k of a[i][k] * b[k][j], from +0, or from what is in c where
	 * `load'.  a: mr rows, lda apart; b: a panel [k][nr]; c: mr rows, ldc apart.
	 */
	void (*tile)(const float *a, size_t lda, const float *b, size_t k, float *c, size_t ldc,
		int load);
	/* The same for one row. */
	void (*row)(const float *a, const float *b, size_t k, float *c, int load);
	/* A panel [k][nr] out of nr rows of k floats, ldw apart.  Whether all are finite. */
	int (*pack)(const float *w, size_t ldw, size_t k, float *panel);

	/* y = RMSNorm(x) * w; x, w and y padded, with zeros in x and w.  Whether finite. */
	int (*norm)(const float *x, const float *w, size_t n, float eps, float *y);
	/* A tile [mr][nr] to its place, or added to what is there: dst is mr rows, ldd apart. */
	void (*put)(const float *tile, float *dst, size_t ldd);
	void (*add)(const float *tile, float *dst, size_t ldd);
	/* n a multiple of nr */
	void (*swiglu)(float *dst, const float *g, const float *u, size_t n);
	void (*rope)(float *x, const float *cos, const float *sin, size_t half);

	/*
	 * One query's block of 64 raw scores, of which the first n count: scale them, go on
	 * with the online softmax (m, l; m is -inf at the first block), leave the weights in
	 * s (0 behind n) and the factor for what was summed before in *c.  Whether finite.
	 */
	int (*softmax)(float *s, unsigned n, float scale, float *m, float *l, float *c);
	void (*scale)(float *x, float by, size_t n);                    /* n padded */
	void (*divide)(float *dst, const float *x, float by, size_t n); /* n exact */

	/* A tile of n logits, of ids from id0 on, added to m, l and the ten highest.  Whether finite. */
	int (*logits)(const float *z, size_t n, uint32_t id0, float *m, float *l, float *top,
		uint32_t *top_id);
};

extern const struct sn_ops sn_ops_scalar, sn_ops_avx2, sn_ops_avx512;

#endif
