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

/*
 * How matmuls multiply, by numerics.  Both are chains over k; bf16-fast's inputs and
 * weights first become bf16 by `lay', which also brings them in the order that its tile
 * wants (bf16.c).
 */
struct sn_product {
	unsigned per;           /* elements in a float's place: 1, or 2 where they are 16 bits */
	/* n elements of a row, in place, zero-padded to an even number.  Whether all are finite
	 * then.  NULL: nothing to do. */
	int (*lay)(float *x, size_t n);
	/* As the tile of sn_ops, over k / per floats' places. */
	void (*tile)(const float *a, size_t lda, const float *b, size_t k, float *c, size_t ldc,
		int load);
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

	struct sn_product product[SN_NUMERICS];

	/* A tile of n logits, of ids from id0 on, added to m, l and the ten highest.  Whether finite. */
	int (*logits)(const float *z, size_t n, uint32_t id0, float *m, float *l, float *top,
		uint32_t *top_id);
};

/* lay */
int sn_bf16_swap(float *x, size_t n);   /* bf16 as f32, partners swapped: per 1 */
int sn_bf16_pair(float *x, size_t n);   /* bf16, two to a float's place: per 2 */

/* By the instruction; its tile is that of AVX-512's table in shape. */
extern const struct sn_product sn_bf16_native;
/* Whether the processor has it, and it gives the bits of `like', the emulation. */
int sn_bf16_native_usable(const struct sn_product *like);

extern const struct sn_ops sn_ops_scalar, sn_ops_avx2, sn_ops_avx512, sn_ops_neon;

#endif
