/*
 * A group of sequences on its way through the layers.  All tokens stand one behind
 * the other, without padding between sequences, and every matrix below is
 * [tokens, columns] with a row length (ld) that is padded, and a few rows more than
 * there are tokens, so that tiles need no edges; what is in the padding is finite or
 * is never looked at.  Tokens at the beginning that a sequence has in common with an
 * earlier one stand there once, as the earlier one's (share.c).
 *
 *   x     [tokens, hidden]        the residual stream
 *   a     [tokens, hidden or heads * head_dim]    input of the next matmul
 *   big   [tokens, q k v or ffn]  output of the last one
 *
 * Each step is a loop over items that the shapes alone decide; the pool's threads
 * take them.
 */
#ifndef SN_INFER_CPU_CPU_H
#define SN_INFER_CPU_CPU_H

#include <stdatomic.h>

#include "infer/cpu/ops.h"
#include "infer/net.h"
#include "infer/stream.h"
#include "util/clock.h"
#include "util/pool.h"

/* Rows of a block of tokens and of a block of queries are multiples of every mr. */
enum {
	SN_ROW_BLOCK = 192,             /* tokens of a matmul item */
	SN_PANEL_BLOCK = 8,             /* panels of a matmul item */
	SN_DEPTH_BLOCK = 576,           /* k of one pass over a panel, at most */
	SN_QUERY_BLOCK = 96,            /* queries of an attention item, at most */
	SN_LOGIT_ROWS = 96,             /* positions of a logits item, at most */
	SN_PACK_DEPTH = 256,            /* k widened at once */
	SN_SPARE_ROWS = 64,             /* rows behind the last token */
};

/* Of one sequence: positions below `shared' are its parent's, position `shared' is row `row'. */
struct sn_branch { uint32_t parent, shared, row; };

/* Of one token. */
struct sn_token { uint32_t seq, pos; };

/* Sizes that follow from the net and the table of kernels alone. */
struct sn_shape {
	size_t ldx, lda, ldb;           /* row lengths of x, a and big */
	size_t k_at, v_at;              /* columns of big where k and v begin */
	size_t dim_padded;              /* head_dim up to a multiple of nr */
	size_t share;                   /* query heads of a key head */
	size_t queries;                 /* queries of an attention item */
	size_t panels;                  /* floats of the panel buffer */
	size_t scratch;                 /* floats of one worker */
};

struct sn_cpu {
	const struct sn_net *net;
	const struct sn_ops *ops;
	const struct sn_product *by;    /* of ops, by numerics */
	struct sn_pool *pool;
	struct sn_stream *stream;
	struct sn_shape shape;
	float *panels;
	float *scratch;                 /* [workers, shape.scratch] */
	float *weights;                 /* one norm's weights, padded */

	/* room for `room' tokens */
	size_t room;
	float *x, *a, *big;
	float *cos, *sin;               /* [room, head_dim/2] */
	uint32_t rope_rows;             /* rows of those that are filled */
	struct sn_token *token;         /* [room] */
	float *ml;                      /* [room, 2]: m and l of a scored position */
	struct sn_pos **out;            /* [room]: of a scored position, in the order of rows */
	uint32_t *target;               /* [room]: of a scored position */
	uint32_t *scored_seq;           /* [room]: the sequence of a scored position */
	uint32_t *row;                  /* [room]: a token's row among the scored, or UINT32_MAX */
	struct sn_chunk { uint32_t seq, q0, at; } *chunk;       /* [room]: attention's items */

	/* room for `seq_room' sequences */
	size_t seq_room;
	struct sn_branch *branch;
	const struct sn_seq **order;    /* sorted by tokens */
	uint32_t *before, *after;       /* neighbours in that order, or UINT32_MAX */

	/* the group */
	bool no_share;
	const struct sn_seq *seqs;
	size_t n_seqs, tokens, scored, chunks;
	uint64_t layer_fma, fma;        /* multiply-adds of one layer, of all that is done */
	_Atomic size_t bad_seq;         /* lowest sequence with a value that is not finite */
	_Atomic unsigned bad_part;      /* lowest part of a matmul of which that is true */
	void (*tick)(void *arg, uint64_t fma);
	void *tick_arg;
	struct sn_infer_stats *stats;
};

void sn_cpu_shape(struct sn_shape *s, const struct sn_net *net, const struct sn_ops *ops);
uint64_t sn_cpu_bytes_fixed(const struct sn_net *net, const struct sn_shape *s, unsigned threads);
uint64_t sn_cpu_bytes_per_token(const struct sn_net *net, const struct sn_shape *s);

/* net, ops, by, pool, stream, stats and no_share are set, the rest zero. */
int sn_cpu_init(struct sn_cpu *c, struct sn_err *e);
void sn_cpu_release(struct sn_cpu *c);
/* One group; `tick' is told of each share of the work as multiply-adds done. */
int sn_cpu_run(struct sn_cpu *c, const struct sn_seq *seqs, size_t n,
	void (*tick)(void *arg, uint64_t fma), void *arg, struct sn_err *e);

/* Memory, positions, items of a group: the first step of sn_cpu_run. */
int sn_cpu_plan(struct sn_cpu *c, const struct sn_seq *seqs, size_t n, struct sn_err *e);
/* Multiply-adds of one layer for so many tokens, and pairs of a query and a key it sees. */
uint64_t sn_cpu_layer_fma(const struct sn_config *f, uint64_t tokens, uint64_t pairs);

/* share.c: branch, from seqs, and tokens; no sequence is left without a row of its own. */
void sn_cpu_share(struct sn_cpu *c);
/* Rows of positions from .. end - 1 of a sequence; they ascend. */
void sn_cpu_rows(const struct sn_cpu *c, uint32_t seq, uint32_t from, uint32_t end,
	uint32_t *row);

/* matmul.c: outputs are the rows of up to three tensors, one behind the other, each
 * padded to SN_PAD columns of dst. */
enum sn_epilogue { SN_STORE, SN_ADD, SN_SWIGLU };
struct sn_matmul {
	enum sn_epilogue epilogue;
	unsigned parts;
	const struct sn_tensor *part[3];        /* SN_SWIGLU: gate and up */
	float *a;                               /* may be changed in place: see sn_product */
	size_t lda;
	float *dst;
	size_t ldd;
};
int sn_cpu_matmul(struct sn_cpu *c, const struct sn_matmul *m, struct sn_err *e);
/* Panels of rows r0 .. r0 + n - 1 of one tensor into c->panels. */
int sn_cpu_pack_rows(struct sn_cpu *c, const struct sn_tensor *t, size_t r0, size_t n,
	struct sn_err *e);
/* `rows' rows of k inputs, made what c->by->tile wants; and how many elements that is. */
void sn_cpu_lay(struct sn_cpu *c, float *a, size_t lda, size_t rows, size_t k);
size_t sn_cpu_laid(const struct sn_cpu *c, size_t k);
/* Largest k of one pass: depth cut into equal parts, of an even number. */
size_t sn_cpu_depth(size_t k);

void sn_cpu_attention(struct sn_cpu *c);        /* attention.c: big to a */
size_t sn_cpu_attention_scratch(const struct sn_net *net, const struct sn_shape *s);
int sn_cpu_head(struct sn_cpu *c, struct sn_err *e);    /* head.c: rows of a to the outputs */
size_t sn_cpu_head_scratch(void);

static inline size_t sn_pad(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Rows of an item: `most', or fewer so that small groups make at least eight items. */
static inline size_t sn_rows_of_item(size_t rows, size_t most)
{
	size_t eighth = sn_pad((rows + 7) / 8, SN_MAX_MR);

	return eighth < most ? eighth : most;
}

static inline void sn_lowest(_Atomic size_t *where, size_t v)
{
	size_t old = atomic_load(where);

	while (v < old && !atomic_compare_exchange_weak(where, &old, v))
		;
}

#endif
