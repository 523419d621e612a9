/*
 * The AVX-512 kernels on processors without AVX-512: the same source compiled with
 * SIMDe (Debian: libsimde-dev), whose 512-bit operations are made of AVX2 ones.  Their bits
 * against plain loops, then a whole net against the plain C kernels.
 */
#include <stdbool.h>

#include "tap.h"

#if defined(__x86_64__) && defined(__FMA__) && __has_include(<simde/x86/avx512.h>)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

#include "infer/stream.h"
#include "kernels.h"

#define SN_SIMDE
#define NAME simde
#include "infer/cpu/kernels_avx512.c"

/* The bf16 kernel's one instruction in its documented steps, by others: this shows that the
 * kernel uses it well, not what a processor makes of it. */
static inline __m512 dot(__m512 c, __m512i a, __m512i b)
{
	__m512i high = _mm512_set1_epi32((int)0xffff0000u);
	unsigned modes = flush_on();

	c = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(a, high)),
		_mm512_castsi512_ps(_mm512_and_si512(b, high)), c);
	c = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)),
		_mm512_castsi512_ps(_mm512_slli_epi32(b, 16)), c);
	/* the compiler may not move the arithmetic past the change of modes */
	__asm__ volatile("" : "+m"(c));
	flush_off(modes);
	return c;
}
#define DOT(c, a, b) dot(c, a, b)
#include "infer/cpu/kernels_bf16_avx512.c"

static int run(const struct sn_ops *ops, const struct sn_product *by, const struct sn_net *net,
	struct sn_seq *seq, size_t n)
{
	struct sn_infer_stats stats = { 0 };
	struct sn_cpu c = { .net = net, .ops = ops, .by = by, .stats = &stats };
	struct sn_err e;
	int rc = sn_pool_open(&c.pool, 2, NULL, &e);

	if (!rc)
		rc = sn_stream_open(&c.stream, net, 1 << 20, SN_KEEP, &e);
	if (!rc)
		rc = sn_cpu_init(&c, &e);
	if (!rc)
		rc = sn_cpu_run(&c, seq, n, NULL, NULL, &e);
	sn_stream_close(c.stream);
	sn_pool_close(c.pool);
	sn_cpu_release(&c);
	return rc;
}

static bool whole_net(const struct sn_product *want, const struct sn_product *by)
{
	struct sn_config cfg = { .name = "llama", .n_layers = 2, .n_heads = 6, .n_kv_heads = 2,
		.head_dim = 10, .hidden = 50, .ffn = 77, .vocab = 4200, .max_positions = 1000,
		.rms_eps = 1e-5f, .rope_theta = 10000, .tied = true };
	enum { N = 150 };
	uint32_t tok[N], target[N];
	struct sn_pos out[2][N];
	struct sn_net net;
	uint64_t s = 3;
	bool good = true;

	testnet_init(&net, &cfg, SN_F32, 0, 9);
	memset(out, 0, sizeof(out));
	for (int i = 0; i < N; i++) {
		tok[i] = rng_next(&s) % cfg.vocab;
		target[i] = rng_next(&s) % cfg.vocab;
	}
	for (int k = 0; k < 2; k++) {
		struct sn_seq seq[2] = {
			{ .tok = tok, .n = 131, .count = 131, .target = target, .out = out[k] },
			{ .tok = tok + 131, .n = 19, .first = 4, .count = 10, .target = target + 131,
				.out = out[k] + 131 },
		};

		good &= run(k ? &sn_ops_simde : &sn_ops_scalar, k ? by : want, &net, seq, 2) == 0;
	}
	good &= out[0][0].lse != 0 && !memcmp(out[0], out[1], sizeof(out[0]));
	testnet_release(&net);
	return good;
}

static const struct sn_product native = { 2, sn_bf16_pair, bf16_tile };

int main(void)
{
	uint64_t s = 1;

	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
		puts("1..0 # SKIP this processor does not have avx2");
		return 0;
	}
	for (size_t i = 0; i < OP_CHECKS; i++)
		ok(op_checks[i].check(&sn_ops_simde, &s), "avx512 by simde: %s", op_checks[i].name);
	ok(check_product(&native, 12, 32, &s), "avx512 by simde: bf16 by the dot product");
	for (int i = 0; i < SN_NUMERICS; i++)
		ok(whole_net(&sn_ops_scalar.product[i], &sn_ops_simde.product[i]),
			"avx512 by simde: a whole net, %s", sn_numerics_names[i]);
	ok(whole_net(&sn_ops_scalar.product[SN_BF16_FAST], &native),
		"avx512 by simde: a whole net, bf16 by the dot product");
	return done_testing();
}

#else

int main(void)
{
	(void)ok;
	puts("1..0 # SKIP needs an x86 processor's compiler and libsimde-dev");
	return 0;
}
#endif
