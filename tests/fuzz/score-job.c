/* A job as it comes from a queue. */
#include <math.h>
#include <stdlib.h>

#include "score/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_score_job j = { .profile = "ppl", .template = "chatml", .numerics = "f32-exact",
		.how = { .part = { NAN, NAN, NAN, NAN } } };
	struct sn_err e = { 0 };
	int rc = sn_score_job_parse(&j, (const char *)data, size, "job", &e);

	if (rc == 0) {
		if (!j.model || !j.records || !j.profile || !j.template || !j.numerics)
			abort();
		for (int i = 0; i < SN_PARTS; i++)
			if (!isnan(j.how.part[i]) && !(j.how.part[i] >= 0 && j.how.part[i] <= 1))
				abort();
	} else if (!e.msg[0]) {
		abort();
	}
	sn_score_job_release(&j);
	return 0;
}
