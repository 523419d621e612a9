/*
 * The digests of a run, as the scoring page lays them out:
 *   records  SHA-256 over the 32-byte record digests in input order
 *   result   SHA-256 over "sn-result-1\n<profile>\n<numerics>\n", then per record in
 *            input order its 32-byte digest, one byte (0 scored, 1 skipped) and, when
 *            scored, the count of positions as little-endian u64 and the profile's raw
 *            sums as little-endian f64
 * Nothing that went through exp or log behind the sums is in them.
 */
#ifndef SN_SCORE_RESULT_H
#define SN_SCORE_RESULT_H

#include <stdint.h>

#include "util/digest.h"

struct sn_result {
	struct sn_digest records, result;
};

void sn_result_init(struct sn_result *r, const char *profile, const char *numerics);
void sn_result_skipped(struct sn_result *r, const uint8_t record[SN_DIGEST]);
void sn_result_scored(struct sn_result *r, const uint8_t record[SN_DIGEST], uint64_t positions,
	const double *sums, unsigned nsums);
void sn_result_end(struct sn_result *r, uint8_t records[SN_DIGEST], uint8_t result[SN_DIGEST]);

#endif
