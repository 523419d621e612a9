/*
 * lib/score's arithmetic against tests/data/vectors/metric.txt, which
 * tests/oracle/vectors.py computed from the page alone: every bit.
 */
#include "score/metric.h"
#include "tap.h"
#include "vec.h"

enum { MAX = 512 };

static bool same32(float a, float b)
{
	return !memcmp(&a, &b, 4);
}

static bool same64(double a, double b)
{
	return !memcmp(&a, &b, 8);
}

static void nll(const struct vec_file *f)
{
	float lse[MAX], logit[MAX], want[MAX];
	size_t n = vec_f32(f, "lse", 0, lse, MAX), bad = 0;

	if (!ok(n > 0 && vec_f32(f, "logit", 0, logit, MAX) == n && vec_f32(f, "nll", 0, want, MAX) == n,
		"nll: the case reads"))
		return;
	for (size_t i = 0; i < n; i++) {
		struct sn_pos pos = { .lse = lse[i], .logit = logit[i] };

		bad += !same32(sn_nll(&pos), want[i]);
	}
	is_int((int64_t)bad, 0, "nll: every bit");
}

static void top(const struct vec_file *f, int nth)
{
	struct sn_pos pos;
	uint32_t actual = 0;
	double entropy, want_entropy = 0;
	float p, want = 0;

	if (!ok(vec_f32(f, "top", 0, pos.top, SN_TOP) == SN_TOP &&
		vec_u32(f, "ids", 0, pos.top_id, SN_TOP) == SN_TOP && vec_u32(f, "actual", 0, &actual, 1) == 1 &&
		vec_f32(f, "p", 0, &want, 1) == 1 && vec_f64(f, "entropy", &want_entropy, 1) == 1,
		"top %d: the case reads", nth))
		return;
	p = sn_top_probability(&pos, actual, &entropy);
	if (!ok(same32(p, want) && same64(entropy, want_entropy), "top %d: p and entropy, every bit", nth))
		printf("# got %a %a, want %a %a\n", p, entropy, want, want_entropy);
}

static void runs(const struct vec_file *f, int nth)
{
	float p[MAX];
	double s[4], want[4];
	size_t n = vec_f32(f, "p", 0, p, MAX);

	if (!ok(vec_f64(f, "sums", want, 4) == 4, "runs %d: the case reads", nth))
		return;
	sn_runs(p, n, s);
	ok(!memcmp(s, want, sizeof(s)), "runs %d: S1 to S4 of %zu, every bit", nth, n);
}

int main(void)
{
	struct vec_file f;
	int n = 0;

	if (!ok(vec_open(&f, "metric") == 0, "tests/data/vectors/metric.txt"))
		return done_testing();
	for (; vec_next(&f); n++) {
		if (!strcmp(f.name, "nll"))
			nll(&f);
		else if (!strcmp(f.name, "top"))
			top(&f, n);
		else if (!strcmp(f.name, "runs"))
			runs(&f, n);
		else
			ok(false, "a case that nothing reads: %s", f.name);
	}
	ok(n > 10, "%d cases", n);
	return done_testing();
}
