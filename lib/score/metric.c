#include "score/metric.h"

#include "infer/elem.h"

#define LN2 0x1.62e42fefa39efp-1
#define LN10 0x1.26bb1bbb55516p+1

float sn_nll(const struct sn_pos *pos)
{
	return pos->lse - pos->logit;
}

float sn_top_probability(const struct sn_pos *pos, uint32_t actual, double *entropy)
{
	float e[SN_TOP], sum = 0, p = 1e-9f;
	double h = 0;

	for (int i = 0; i < SN_TOP; i++) {
		e[i] = sn_expf(pos->top[i] - pos->top[0]);
		sum += e[i];
	}
	for (int i = 0; i < SN_TOP; i++) {
		float q = e[i] / sum;

		h += (double)q * sn_log((double)q + 1e-9);
		if (pos->top_id[i] == actual)
			p = q;
	}
	*entropy = -h;
	return p;
}

void sn_runs(const float *p, uint64_t n, double s[4])
{
	for (unsigned k = 0; k < 4; k++) {
		s[k] = 0;
		for (uint64_t j = k; j < n; j++) {
			double run = (double)p[j];

			for (unsigned back = 1; back <= k; back++)
				run *= (double)p[j - back];
			s[k] += run;
		}
	}
}

double sn_quality(const struct sn_sums *s)
{
	return 0.25 * (s->v[0] + s->v[1] + s->v[2] + s->v[3]) / (double)s->n;
}

double sn_creativity(const struct sn_sums *s)
{
	return 1 - sn_exp(-5 * (s->v[4] / (double)s->n) / LN10);
}

double sn_adjusted(double quality, double creativity)
{
	return quality / (1 + sn_exp(8 * (quality - 0.25)) * sn_exp(-8 * (creativity - 0.5)));
}

double sn_perplexity(double nll, uint64_t tokens)
{
	return sn_exp(nll / (double)tokens);
}

double sn_bits_per_byte(double nll, uint64_t bytes)
{
	return nll / (LN2 * (double)bytes);
}
