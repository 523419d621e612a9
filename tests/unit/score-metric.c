/*
 * Per-position arithmetic and the sums (score/metric.h).  The runs S1..S4 are exact
 * vectors from Python doubles; probabilities and entropy are compared with Python's
 * math.exp and math.log within the error of the elementary functions, and then pinned
 * to the bit.
 */
#include <math.h>

#include "score/metric.h"
#include "tap.h"

static void runs(void)
{
	static const struct { unsigned n; float p[6]; double s[4]; } t[] = {
		{ 6, { 0.5f, 0.25f, 1e-9f, 0.75f, 1.0f, 0.1f },
		  { 0x1.4cccccd225c18p+1, 0x1.f33333489705fp-1, 0x1.333333c903b28p-4,
		    0x1.87b3753b040e4p-32 } },
		{ 1, { 0.3f }, { 0x1.3333340000000p-2, 0, 0, 0 } },
		{ 3, { 0.9f, 0.8f, 0.7f },
		  { 0x1.3333330000000p+1, 0x1.47ae1451eb850p+0, 0x1.020c493e76c8ap-1, 0 } },
		{ 5, { 1e-9f, 1e-9f, 1e-9f, 1e-9f, 1e-9f },
		  { 0x1.5798ed8000000p-28, 0x1.2725dc050d040p-58, 0x1.db5e728208782p-89,
		    0x1.544846acfa8dbp-119 } },
		{ 6, { 1, 1, 1, 1, 1, 1 }, { 6, 5, 4, 3 } },
		{ 0, { 0 }, { 0, 0, 0, 0 } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		double s[4];

		sn_runs(t[i].p, t[i].n, s);
		for (int k = 0; k < 4; k++)
			if (!ok(s[k] == t[i].s[k], "runs %zu: S%d", i, k + 1))
				printf("# got %a, want %a\n", s[k], t[i].s[k]);
	}
}

/* top logits, then for the id at `at' p and H: by Python, and the bits of ours. */
static const struct { float top[10]; int at; double p, h; float p_bits; double h_bits; } tops[] = {
	{ { 3, 3, 2, 1, 0, -1, -2, -3, -4, -200 }, 1, 0.387379795, 1.3032357783608939,
	  0x1.8cad4ap-2f, 0x1.4da0dc2709824p+0 },
	{ { 3, 3, 2, 1, 0, -1, -2, -3, -4, -200 }, 9, 0, 1.3032357783608939, 0,
	  0x1.4da0dc2709824p+0 },
	{ { 0 }, 7, 0.1, 2.302585102404076, 0x1.99999ap-4f, 0x1.26bb1bcf8a896p+1 },
	{ { 50, -50, -60, -60, -60, -60, -60, -60, -60, -60 }, 0, 1, -1.000000082240371e-09,
	  1, -0x1.12e0bffdb1b44p-30 },
	{ { 12.25f, 11.5f, 11.4375f, 10, 9.75f, 9, 8.5f, 8.25f, 8.125f, 8 }, 2, 0.20037055,
	  1.504887430760608, 0x1.9a5bep-3f, 0x1.81404d7330277p+0 },
	{ { 12.25f, 11.5f, 11.4375f, 10, 9.75f, 9, 8.5f, 8.25f, 8.125f, 8 }, -1, 1e-9,
	  1.504887430760608, 1e-9f, 0x1.81404d7330277p+0 },
};

static void probabilities(void)
{
	for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++) {
		struct sn_pos pos = { .logit = 1.5f, .lse = 4 };
		double h;
		float p;

		for (unsigned k = 0; k < 10; k++) {
			pos.top[k] = tops[i].top[k];
			pos.top_id[k] = 100 + k;
		}
		p = sn_top_probability(&pos, tops[i].at < 0 ? 5 : 100 + (uint32_t)tops[i].at, &h);
		if (!ok(fabs((double)p - tops[i].p) <= 3e-7 * tops[i].p, "top %zu: p", i) ||
		    !ok(p == tops[i].p_bits, "top %zu: p to the bit", i))
			printf("# got %a %.9g, want %.9g\n", (double)p, (double)p, tops[i].p);
		if (!ok(fabs(h - tops[i].h) <= 1e-6 * fabs(tops[i].h), "top %zu: entropy", i) ||
		    !ok(h == tops[i].h_bits, "top %zu: entropy to the bit", i))
			printf("# got %a %.17g, want %.17g\n", h, h, tops[i].h);
	}
	ok(sn_nll(&(struct sn_pos){ .logit = 1.5f, .lse = 4 }) == 2.5f, "nll is lse - logit");
}

static void near(double got, double want, const char *name)
{
	if (!ok(fabs(got - want) <= 1e-14 * fabs(want), "%s", name))
		printf("# got %.17g, want %.17g\n", got, want);
}

static void scores(void)
{
	struct sn_sums s = { 199, { 100.5, 60.25, 40.125, 30.0625, 150.75 } };

	near(sn_quality(&s), 0.29012248743718594, "quality");
	near(sn_creativity(&s), 0.806982069379072, "creativity");
	near(sn_adjusted(sn_quality(&s), sn_creativity(&s)), 0.25944118647978676, "adjusted quality");
	near(sn_perplexity(12.5, 7), 5.963838311065338, "perplexity");
	near(sn_bits_per_byte(12.5, 33), 0.5464753942761226, "bits per byte");
}

int main(void)
{
	runs();
	probabilities();
	scores();
	return done_testing();
}
