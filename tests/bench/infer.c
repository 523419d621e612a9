/*
 * infer [-j THREADS] [-i ISA] [-n TOKENS] [-l LENGTH] [-s SCORED] [-m MODEL | -d DTYPE]
 *       [-p "GFLOPS GFLOPS-A-CPU-SECOND"]
 *
 * The forward pass over conversations of random tokens, on a model, or on a net of
 * SmolLM2-135M's shape with random weights; where the time goes, and the share of the
 * peak that tests/bench/fma measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../unit/testnet.h"
#include "model/model.h"

static const struct sn_config smollm2 = { .name = "llama", .n_layers = 30, .n_heads = 9,
	.n_kv_heads = 3, .head_dim = 64, .hidden = 576, .ffn = 1536, .vocab = 49152,
	.max_positions = 8192, .rms_eps = 1e-5f, .rope_theta = 100000, .tied = true };

_Noreturn static void die(const struct sn_err *e)
{
	fprintf(stderr, "infer: %s\n", e->msg);
	exit(-e->code);
}

static double user_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)r.ru_utime.tv_sec + 1e-6 * (double)r.ru_utime.tv_usec;
}

/* Conversations of `length' tokens, the last `scored' of each the target's. */
static struct sn_seq *sequences(size_t n, uint32_t length, uint32_t scored, uint32_t vocab)
{
	struct sn_seq *seqs = calloc(n, sizeof(*seqs));
	uint32_t *tok = calloc(2 * n * length, sizeof(*tok));
	struct sn_pos *out = calloc(n * length, sizeof(*out));
	uint64_t r = 5;

	for (size_t i = 0; i < 2 * n * length; i++)
		tok[i] = rng_next(&r) % vocab;
	for (size_t i = 0; i < n; i++)
		seqs[i] = (struct sn_seq){ .tok = tok + i * length, .n = length, .first = length - scored,
			.count = scored, .target = tok + (n + i) * length, .out = out + i * length };
	return seqs;
}

static void report(const struct sn_infer *inf, const char *what, double cpu, const char *peak)
{
	struct sn_infer_stats st;
	double wall, flop, of_wall = 0, of_cpu = 0;

	sn_infer_stats(inf, &st);
	wall = (double)st.total * 1e-9;
	flop = 2e-9 * (double)st.fma;
	printf("%s, %s, %u threads: %.0f tokens, %.0f scored, %.2f s\n", what, sn_infer_isa(inf),
		sn_infer_threads(inf), (double)st.tokens, (double)st.scored, wall);
	printf("  %.1f tokens/s   %.1f GFLOP in all: %.1f GFLOP/s, %.1f a CPU second\n",
		(double)st.tokens / wall, flop, flop / wall, flop / cpu);
	if (peak && sscanf(peak, "%lf %lf", &of_wall, &of_cpu) == 2)
		printf("  of the FMA peak: %.1f %% by the clock, %.1f %% by CPU time\n",
			100 * flop / wall / of_wall, 100 * flop / cpu / of_cpu);
	printf("  time: matmul %.1f %%, attention %.1f %%, logits %.1f %%, packing %.1f %%, "
		"norm and rope %.1f %%\n",
		100 * (double)st.matmul / (double)st.total, 100 * (double)st.attention / (double)st.total,
		100 * (double)st.logits / (double)st.total, 100 * (double)st.pack / (double)st.total,
		100 * (double)st.norm / (double)st.total);
}

static int index_of(const char *word, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], word))
			return i;
	fprintf(stderr, "infer: %s: unknown\n", word);
	exit(100);
}

int main(int argc, char **argv)
{
	const char *dtypes[SN_DTYPES], *path = NULL, *peak = NULL;
	struct sn_infer_opts o = { 0 };
	struct sn_model *m = NULL;
	struct sn_infer *inf = NULL;
	struct sn_net net;
	struct sn_err e;
	struct sn_seq *seqs;
	uint32_t tokens = 4000, length = 400, scored = 130, vocab = smollm2.vocab;
	int opt, dtype = SN_BF16;
	double cpu;

	for (int i = 0; i < SN_DTYPES; i++)
		dtypes[i] = sn_dtypes[i].name;
	while ((opt = getopt(argc, argv, "j:i:n:l:s:m:d:p:")) != -1)
		switch (opt) {
		case 'j': o.threads = (unsigned)atoi(optarg); break;
		case 'i': o.isa = (enum sn_isa)index_of(optarg, sn_isa_names, SN_ISAS); break;
		case 'n': tokens = (uint32_t)atoi(optarg); break;
		case 'l': length = (uint32_t)atoi(optarg); break;
		case 's': scored = (uint32_t)atoi(optarg); break;
		case 'm': path = optarg; break;
		case 'd': dtype = index_of(optarg, dtypes, SN_DTYPES); break;
		case 'p': peak = optarg; break;
		default: return 100;
		}
	if (path) {
		if (sn_model_open(&m, path, &e) || sn_infer_open(&inf, m, &o, &e))
			die(&e);
		vocab = sn_model_config(m)->vocab;
	} else {
		testnet_init(&net, &smollm2, (enum sn_dtype)dtype, 0, 1);
		if (sn_infer_open_net(&inf, &net, &o, &e))
			die(&e);
	}
	seqs = sequences(tokens / length, length, scored < length ? scored : length, vocab);
	cpu = user_seconds();
	if (sn_infer_run(inf, seqs, tokens / length, &e))
		die(&e);
	report(inf, m ? sn_model_dtype(m) : dtypes[dtype], user_seconds() - cpu, peak);
	sn_infer_close(inf);
	sn_model_close(m);
	return 0;
}
