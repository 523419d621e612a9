/* Submissions: one line of NDJSON from a miner. */
#include "board/submission.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sn_submission s;
	struct sn_err e;

	if (sn_submission_parse(&s, (const char *)data, size, "fuzz", &e) == 0 && s.has_hash)
		sn_submission_hash(s.namespace, s.name, s.template, s.hotkey);
	sn_submission_release(&s);
	return 0;
}
