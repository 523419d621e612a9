/*
 * The forward pass: token ids in, what a score needs of the logits out.
 *
 * Numerics are `f32-exact' or `bf16-fast' (SCORING section 3, and numerics.h for what
 * that page leaves open): the bits of every output depend on these, on the model and on
 * the one sequence, never on the other sequences of the group, on threads, on the
 * instruction set or on the memory limit.
 *
 * A run is layer-major over the group it is given: every weight is read and widened
 * once per group, so groups of several thousand tokens are what is fast.  What
 * sequences of a group have in common at their beginnings, up to where scoring
 * begins, is worked out once.
 *
 * The model must outlive the struct; nothing else is shared, and one struct is
 * for one thread at a time (it has a pool of its own).
 */
#ifndef SN_INFER_INFER_H
#define SN_INFER_INFER_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "util/err.h"

enum { SN_TOP = 10 };

/* What is kept of one position's logits.  All are finite. */
struct sn_pos {
	float logit;                    /* of the target */
	float lse;                      /* log of the sum of exp over the vocabulary */
	float top[SN_TOP];              /* the highest logits, descending */
	uint32_t top_id[SN_TOP];        /* their tokens; ties: the lower id first */
};      /* in a vocabulary under 10 the rest is -FLT_MAX and UINT32_MAX */

struct sn_seq {
	const uint32_t *tok;            /* [n], each below the vocabulary's size */
	uint32_t n;                     /* at least 1, at most the model's max_positions */
	uint32_t first, count;          /* positions first .. first + count - 1 are scored, all < n */
	const uint32_t *target;         /* [count]: what position first + i predicts */
	struct sn_pos *out;             /* [count], filled */
};

enum sn_isa {
	SN_ISA_AUTO,            /* the best this processor has */
	SN_ISA_SCALAR,          /* the packed kernels in plain C */
	SN_ISA_AVX2,
	SN_ISA_AVX512,
	SN_ISA_NEON,            /* arm64 */
	SN_ISA_REF,             /* the reference (ref.c), which is written for reading */
	SN_ISAS
};
extern const char *const sn_isa_names[SN_ISAS];        /* "auto", "scalar", "avx2", ... */

enum sn_numerics {
	SN_F32_EXACT,
	SN_BF16_FAST,           /* the inputs of matmuls, but not of attention, rounded to bf16 */
	SN_NUMERICS
};
extern const char *const sn_numerics_names[SN_NUMERICS];       /* "f32-exact", "bf16-fast" */

struct sn_infer_opts {
	unsigned threads;               /* 0: one for each processor this process may use */
	enum sn_numerics numerics;
	enum sn_isa isa;                /* one that the processor lacks is SN_EUSE */
	bool no_share;                  /* work out each sequence by itself */
	uint64_t memory;                /* bytes that buffers and weights in flight may take;
					   0: what a group of 8,192 tokens takes, and weights
					   stay mapped (ref does not keep to it) */
	/* Called now and then from the thread that called sn_infer_run, with the tokens of
	 * this run that are done (a layer counts as its share).  May be NULL. */
	void (*progress)(void *arg, uint64_t tokens_done);
	void *arg;
};

/* Where a struct's time went since it was opened, in nanoseconds of wall time. */
struct sn_infer_stats {
	uint64_t tokens, scored, groups;
	uint64_t shared;                /* those of the tokens that another sequence had worked out */
	uint64_t fma;                   /* multiply-adds that the tokens not shared ask for: matmuls,
					   attention up to the causal mask, logits */
	int64_t pack;                   /* widening weights and laying out panels */
	int64_t matmul;                 /* the layers' matmuls, SwiGLU and residuals with them */
	int64_t attention;
	int64_t norm;                   /* norms, rope, embedding */
	int64_t logits;                 /* the head's product, log-sum-exp and top-10 */
	int64_t total;
};

struct sn_infer;

int sn_infer_open(struct sn_infer **inf, const struct sn_model *m,
	const struct sn_infer_opts *o, struct sn_err *e);
void sn_infer_close(struct sn_infer *inf);

/* The kernels in use: "avx2". */
const char *sn_infer_isa(const struct sn_infer *inf);
unsigned sn_infer_threads(const struct sn_infer *inf);

/*
 * Memory, so that a caller can size its groups: a run takes fixed + tokens *
 * per_token bytes at most.  group_tokens is what fits opts.memory; open refuses
 * a limit under which not one token fits.
 */
uint64_t sn_infer_bytes_fixed(const struct sn_infer *inf);
uint64_t sn_infer_bytes_per_token(const struct sn_infer *inf);
uint64_t sn_infer_group_tokens(const struct sn_infer *inf);

/*
 * Run n sequences (their tokens together at most group_tokens) as one group.
 * Sequences that are not as said above, or are too many, are SN_EUSE.  A value
 * that is not finite is SN_ENO, with the tensor's name, or with "sequence I" and
 * then I, the lowest one concerned, in sn_infer_bad_seq().
 */
int sn_infer_run(struct sn_infer *inf, struct sn_seq *seqs, size_t n, struct sn_err *e);

/* The sequence that the last run refused; SIZE_MAX when it was not a sequence's fault. */
size_t sn_infer_bad_seq(const struct sn_infer *inf);

void sn_infer_stats(const struct sn_infer *inf, struct sn_infer_stats *st);

#endif
