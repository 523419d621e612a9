#include "score/result.h"

#include <string.h>

void sn_result_init(struct sn_result *r, const char *profile, const char *numerics)
{
	sn_digest_init(&r->records);
	sn_digest_init(&r->result);
	sn_digest_add(&r->result, "sn-result-1\n", 12);
	sn_digest_add(&r->result, profile, strlen(profile));
	sn_digest_add(&r->result, "\n", 1);
	sn_digest_add(&r->result, numerics, strlen(numerics));
	sn_digest_add(&r->result, "\n", 1);
}

static void record(struct sn_result *r, const uint8_t digest[SN_DIGEST], uint8_t skipped)
{
	sn_digest_add(&r->records, digest, SN_DIGEST);
	sn_digest_add(&r->result, digest, SN_DIGEST);
	sn_digest_add(&r->result, &skipped, 1);
}

void sn_result_skipped(struct sn_result *r, const uint8_t digest[SN_DIGEST])
{
	record(r, digest, 1);
}

void sn_result_scored(struct sn_result *r, const uint8_t digest[SN_DIGEST], uint64_t positions,
	const double *sums, unsigned nsums)
{
	record(r, digest, 0);
	sn_digest_u64(&r->result, positions);
	for (unsigned i = 0; i < nsums; i++)
		sn_digest_f64(&r->result, sums[i]);
}

void sn_result_end(struct sn_result *r, uint8_t records[SN_DIGEST], uint8_t result[SN_DIGEST])
{
	sn_digest_end(&r->records, records);
	sn_digest_end(&r->result, result);
}
