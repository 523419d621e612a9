/*
 * What is computed from the logits at one position, and from the probabilities of a
 * record: the normative place for what the scoring page leaves open.
 *
 *   nll     f32: lse - logit, one rounding.  A log-probability is its negative.
 *   top-10  e_i = exp(top_i - top_0) by the f32 exp of infer/elem.h, s = e_0 + e_1 + ...
 *           in order, q_i = e_i / s: all f32.
 *   p       the q_i whose id is the actual token's, else 1e-9f (f32).
 *   H       f64: -(sum over i in order of q_i * log(q_i + 1e-9)), q_i widened first,
 *           log of infer/elem.h, one rounding per operation, sum from +0.
 *   S_k     f64: the sum over j ascending, from +0, of p_j * p_(j-1) * ... * p_(j-k+1),
 *           multiplied from the left, j from the kth scored position on.
 *   nll, H of a record: f64 sums over positions ascending, from +0.
 *   q       0.25 * (((S1 + S2) + S3) + S4) / N
 *   creativity   1 - exp(-5 * (SH / N) / ln 10)
 * With --pair sums, SH and N of two records are added first.  Means and the run's sums
 * are f64 over records ascending.
 */
#ifndef SN_SCORE_METRIC_H
#define SN_SCORE_METRIC_H

#include <stdint.h>

#include "infer/infer.h"

enum { SN_SUMS_MAX = 5 };

/* A record's raw sums, in the order in which they enter result.digest. */
struct sn_sums {
	uint64_t n;                     /* positions */
	double v[SN_SUMS_MAX];
};

float sn_nll(const struct sn_pos *pos);
/* p of the actual token, and H in *entropy. */
float sn_top_probability(const struct sn_pos *pos, uint32_t actual, double *entropy);
/* s[0..3] = S1..S4 of p[0..n). */
void sn_runs(const float *p, uint64_t n, double s[4]);

/* From the sums S1..S4, SH: */
double sn_quality(const struct sn_sums *s);
double sn_creativity(const struct sn_sums *s);
/* a of the page: quality damped where creativity is low. */
double sn_adjusted(double quality, double creativity);

double sn_perplexity(double nll, uint64_t tokens);
double sn_bits_per_byte(double nll, uint64_t bytes);

#endif
