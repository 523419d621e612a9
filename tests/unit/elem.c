/*
 * The elementary functions: known values, ends, and how far they are from libm's f64
 * functions (whose own errors are far below an f32's last place).  `elem --all' goes
 * through all 2^32 inputs of the f32 ones; a run of the tests takes one in 4,099.
 */
#include "infer/elem.h"

#include <math.h>
#include <stdlib.h>

#include "infer/elem_table.h"
#include "tap.h"

static double worst_exp, worst_sigmoid;

/* |got - want| in units of an f32's last place at `want' */
static double ulps(float got, double want)
{
	int e;

	if (want > 0x1.ffffffp127)      /* beyond what rounds to a finite f32 */
		return isinf(got) ? 0 : 1e9;
	if (isinf(got))
		return 1e9;
	frexp(want, &e);
	return fabs((double)got - want) / ldexp(1, e - 24 < -149 ? -149 : e - 24);
}

static void sweep(uint64_t step)
{
	for (uint64_t b = 0; b <= UINT32_MAX; b += step) {
		uint32_t bits = (uint32_t)b;
		double e, s;
		float x;

		memcpy(&x, &bits, 4);
		if (isnan(x)) {
			if (!isnan(sn_expf(x)) || !isnan(sn_sigmoidf(x)))
				worst_exp = 1e9;
			continue;
		}
		e = exp((double)x);
		s = x > 0 ? 1 / (1 + exp(-(double)x)) : e / (1 + e);
		worst_exp = fmax(worst_exp, ulps(sn_expf(x), e));
		worst_sigmoid = fmax(worst_sigmoid, ulps(sn_sigmoidf(x), s));
	}
}

static double relative(double got, double want)
{
	return want == got ? 0 : fabs(got - want) / fabs(want);
}

static double worst_f64(double (*ours)(double), double (*libms)(double), double from, double to)
{
	double worst = 0;

	for (int i = 0; i < 100000; i++) {
		double x = from + (to - from) * ((double)i + 0.37) / 100000;

		worst = fmax(worst, relative(ours(x), libms(x)));
	}
	return worst;
}

/* Angles as rope has them: f32, some next to multiples of pi/2 where few bits are left. */
static double worst_angle(double (*ours)(double), double (*libms)(double))
{
	double worst = 0;

	for (int i = 1; i < 200000; i++) {
		float x = (float)(i % 2 ? 1.5707963267948966 * i * (i % 7) : 0.0137 * i * i);

		worst = fmax(worst, relative(ours((double)x), libms((double)x)));
	}
	return worst;
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "--all");

	sweep(all ? 1 : 4099);
	printf("# expf %.3f, sigmoidf %.3f units in the last place\n", worst_exp, worst_sigmoid);
	ok(worst_exp > 0.5 && worst_exp < 1.19 + 0.005, "expf: within 1.19 units");
	ok(worst_sigmoid > 0.5 && worst_sigmoid < 2.41 + 0.005, "sigmoidf: within 2.41 units");

	ok(sn_expf(0) == 1 && sn_expf(-0.0f) == 1, "expf(0) is 1");
	ok(sn_expf(-104) == 0 && sn_expf(-INFINITY) == 0, "expf of much below zero is 0");
	ok(sn_expf(-103.9f) == 0x1p-149f, "expf keeps denormals");
	ok(isinf(sn_expf(89)) && isinf(sn_expf(INFINITY)) && isfinite(sn_expf(88.7f)),
		"expf of much above zero is infinite");
	ok(sn_sigmoidf(0) == 0.5f && sn_sigmoidf(100) == 1 && sn_sigmoidf(INFINITY) == 1 &&
		sn_sigmoidf(-INFINITY) == 0 && sn_sigmoidf(-100) > 0, "sigmoidf at its ends");

	ok(worst_f64(sn_exp, exp, -700, 700) < 3e-16, "exp: as libm's within 3e-16");
	ok(worst_f64(sn_exp, exp, -1e-3, 1e-3) < 3e-16, "exp next to 0");
	ok(worst_f64(sn_log, log, 1e-9, 1e6) < 3e-16, "log: as libm's within 3e-16");
	ok(worst_f64(sn_log, log, 0.9, 1.1) < 3e-16, "log next to 1");
	ok(worst_angle(sn_sin, sin) < 3e-16, "sin: as libm's within 3e-16");
	ok(worst_angle(sn_cos, cos) < 3e-16, "cos: as libm's within 3e-16");
	ok(sn_exp(0) == 1 && sn_exp(-800) == 0 && isinf(sn_exp(800)) && sn_exp(-745) == 0x1p-1074,
		"exp at its ends");
	ok(sn_log(1) == 0 && isinf(sn_log(0)) && isnan(sn_log(-1)) && isinf(sn_log(INFINITY)) &&
		relative(sn_log(0x1p-1074), log(0x1p-1074)) < 3e-16, "log at its ends");
	ok(sn_sin(0) == 0 && signbit(sn_sin(-0.0)) && sn_cos(0) == 1 && isnan(sn_sin(0x1p33)) &&
		isnan(sn_cos(INFINITY)), "sin and cos at their ends");
	ok(isnan(sn_exp(NAN)) && isnan(sn_log(NAN)) && isnan(sn_sin(NAN)), "a NaN stays");
	return done_testing();
}
