/*
 * The bytes under records.digest and result.digest.  The digests below were made with
 * Python's hashlib and struct from the scoring page:
 *
 *   r = [sha256(b"record %d" % i).digest() for i in range(3)]
 *   records = sha256(r[0] + r[1] + r[2])
 *   ppl = sha256(b"sn-result-1\nppl\nf32-exact\n" + r[0] + b"\0" + pack("<Qd", 7, 12.5) +
 *                r[1] + b"\1" + r[2] + b"\0" + pack("<Qd", 1, 0.1))
 *   dippy = sha256(b"sn-result-1\ndippy-2025-01\nf32-exact\n" + r[0] + b"\0" +
 *                  pack("<Q5d", 199, 1.5, 0.75, 1/3, 5e-324, 321.125) + r[1] + b"\1")
 *   empty = sha256(b"sn-result-1\nppl\nf32-exact\n")
 */
#include <sodium.h>

#include "tap.h"
#include "score/result.h"

struct entry { bool skipped; uint64_t n; double sums[5]; };
struct vector {
	const char *name, *profile, *records, *result;
	unsigned nsums, n;
	struct entry e[3];
};

static const struct vector vectors[] = {
	{ "ppl: scored, skipped, scored", "ppl",
	  "a5564807063166219619909bc9805e25719e21bb2c38bd08fc9e694e032106f6",
	  "efa073642d84a4ebb388dbf7304ac28baf1a4a04a91fa56d3877d64ac4293fc5",
	  1, 3, { { false, 7, { 12.5 } }, { true, 0, { 0 } }, { false, 1, { 0.1 } } } },
	{ "dippy: five sums, the last record skipped", "dippy-2025-01",
	  "85cd0874a6f208fc3f3e5ddfa1f7b79bf4cc4f45c5db9bb1e6c0b855ebd8acd6",
	  "8557970f68cccabe8aef4736d9127d8e201f4a677f5c5c353434ff997d229efe",
	  5, 2, { { false, 199, { 1.5, 0.75, 1.0 / 3, 4.9406564584124654e-324, 321.125 } },
		  { true, 0, { 0 } } } },
	{ "no records", "ppl",
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	  "2e65210d276d3a3bae4dc11136f0333276b16963ea0c41f1fcbbc2bc1dcdebd0",
	  1, 0, { { false, 0, { 0 } } } },
};

int main(void)
{
	if (sodium_init() < 0)
		return 111;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t digest[SN_DIGEST], records[SN_DIGEST], result[SN_DIGEST];
		char text[16], name[100], hex[SN_DIGEST_HEX];
		struct sn_result r;

		sn_result_init(&r, v->profile, "f32-exact");
		for (unsigned k = 0; k < v->n; k++) {
			sn_sha256(text, (size_t)snprintf(text, sizeof(text), "record %u", k), digest);
			if (v->e[k].skipped)
				sn_result_skipped(&r, digest);
			else
				sn_result_scored(&r, digest, v->e[k].n, v->e[k].sums, v->nsums);
		}
		sn_result_end(&r, records, result);
		snprintf(name, sizeof(name), "%s: records", v->name);
		is_str(sn_hex(records, hex), v->records, name);
		snprintf(name, sizeof(name), "%s: result", v->name);
		is_str(sn_hex(result, hex), v->result, name);
	}
	return done_testing();
}
