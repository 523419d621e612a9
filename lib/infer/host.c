/* What is worked out once on the host, in f64, for every backend. */
#include <math.h>

#include "infer/elem.h"
#include "infer/net.h"

void sn_rope_tables(const struct sn_config *c, uint32_t n, float *cos, float *sin)
{
	uint32_t half = c->head_dim / 2;
	double log_theta = sn_log(c->rope_theta);

	for (uint32_t i = 0; i < half; i++) {
		double part = (double)(2 * i) / (double)c->head_dim;
		float inv_freq = (float)sn_exp(-part * log_theta);

		for (uint32_t p = 0; p < n; p++) {
			float angle = (float)((double)p * (double)inv_freq);

			cos[(size_t)p * half + i] = (float)sn_cos((double)angle);
			sin[(size_t)p * half + i] = (float)sn_sin((double)angle);
		}
	}
}

float sn_attention_scale(const struct sn_config *c)
{
	return (float)(1.0 / sqrt((double)c->head_dim));
}

float sn_lse(float m, float l)
{
	return (float)((double)m + sn_log((double)l));
}
