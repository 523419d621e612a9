/*
 * Whole models against the vectors: the tiny model in tests/data with every set of kernels
 * and the reference, and SmolLM2 where scripts/get-model has brought it.
 */
#include <unistd.h>

#include "infer/infer.h"
#include "tap.h"
#include "vec.h"

enum { RUN = 4096 };

static bool same_pos(const struct vec_file *f, int i, const struct sn_pos *got)
{
	struct sn_pos want;

	memset(&want, 0, sizeof(want));
	return vec_f32(f, "logit", i, &want.logit, 1) == 1 && vec_f32(f, "lse", i, &want.lse, 1) == 1 &&
		vec_f32(f, "top", i, want.top, SN_TOP) == SN_TOP &&
		vec_u32(f, "top_id", i, want.top_id, SN_TOP) == SN_TOP &&
		!memcmp(&want, got, sizeof(want));
}

static void test_model(const char *vectors, const char *path, enum sn_isa isa)
{
	static uint32_t tok[RUN], target[RUN];
	static struct sn_pos out[RUN];
	struct sn_infer_opts o = { .isa = isa, .threads = 2 };
	struct sn_model *m;
	struct sn_infer *inf = NULL;
	struct vec_file f;
	struct sn_err e;

	if (sn_model_open(&m, path, &e)) {
		ok(false, "%s: %s", path, e.msg);
		return;
	}
	if (sn_infer_open(&inf, m, &o, &e)) {
		skip(sn_isa_names[isa], "%s", e.msg);
	} else if (ok(!vec_open(&f, vectors), "%s.txt", vectors)) {
		while (vec_next(&f)) {
			struct sn_seq q = { .tok = tok, .target = target, .out = out };
			int rc;

			q.n = (uint32_t)vec_u32(&f, "tokens", 0, tok, RUN);
			q.count = (uint32_t)vec_u32(&f, "targets", 0, target, RUN);
			vec_u32(&f, "first", 0, &q.first, 1);
			memset(out, 0, sizeof(out));
			rc = sn_infer_run(inf, &q, 1, &e);
			if (!ok(rc == 0 && q.count, "%s: %s, %s runs", vectors, sn_isa_names[isa], f.name))
				continue;
			for (uint32_t i = 0; i < q.count; i++)
				rc |= !same_pos(&f, (int)i, &out[i]);
			ok(!rc, "%s: %s, %s, %u positions", vectors, sn_isa_names[isa], f.name, q.count);
		}
	}
	sn_infer_close(inf);
	sn_model_close(m);
}

/* Where scripts/get-model puts it. */
static bool smollm2(char *path, size_t n)
{
	static const char name[] = "SmolLM2-135M-Instruct.Q4_1.gguf";
	const char *own = getenv("SN_MODEL_CACHE"), *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (own)
		snprintf(path, n, "%s/%s", own, name);
	else if (cache)
		snprintf(path, n, "%s/sn-tools/models/%s", cache, name);
	else
		snprintf(path, n, "%s/.cache/sn-tools/models/%s", home ? home : "/root", name);
	return access(path, R_OK) == 0;
}

int main(void)
{
	char path[4096];

	for (int isa = SN_ISA_SCALAR; isa < SN_ISAS; isa++)
		test_model("tiny", "tests/data/tiny", (enum sn_isa)isa);
	if (smollm2(path, sizeof(path)))
		test_model("smollm2", path, SN_ISA_AUTO);
	else
		skip("smollm2", "scripts/get-model has not brought it");
	return done_testing();
}
