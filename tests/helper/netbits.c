/*
 * netbits ISA: what the forward pass gives on nets with made-up weights, as one line of bits
 * each, to be compared between machines.  It needs no model and no library but the C one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../unit/testnet.h"

#define NET(l, h, kv, dim, hid, f, v, tie) { .name = "llama", .n_layers = l, .n_heads = h, \
	.n_kv_heads = kv, .head_dim = dim, .hidden = hid, .ffn = f, .vocab = v, \
	.max_positions = 4096, .rms_eps = 1e-5f, .rope_theta = 10000, .tied = tie }

static const struct { struct sn_config cfg; enum sn_dtype dtype; uint32_t n; } nets[] = {
	{ NET(2, 3, 1, 6, 18, 37, 131, false), SN_F32, 70 },
	{ NET(1, 6, 2, 16, 96, 130, 4100, true), SN_BF16, 129 },
	{ NET(1, 3, 3, 40, 64, 100, 300, false), SN_F16, 65 },
	{ NET(2, 4, 2, 16, 64, 96, 200, true), SN_Q8_0, 66 },
	{ NET(1, 4, 1, 32, 128, 160, 64, false), SN_Q4_1, 80 },
};
enum { MOST = 129 };

static uint64_t hash(const void *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const uint8_t *b = p; n--; b++)
		h = (h ^ *b) * UINT64_C(0x100000001b3);
	return h;
}

int main(int argc, char **argv)
{
	struct sn_infer_opts o = { .threads = 2 };
	struct sn_err e;
	int isa = 0;

	while (isa < SN_ISAS && strcmp(argc > 1 ? argv[1] : "auto", sn_isa_names[isa]))
		isa++;
	o.isa = (enum sn_isa)isa;
	for (size_t k = 0; k < sizeof(nets) / sizeof(*nets); k++) {
		static struct sn_pos out[MOST];
		uint32_t tok[MOST], target[MOST];
		struct sn_seq q = { .tok = tok, .n = nets[k].n, .count = nets[k].n,
			.target = target, .out = out };
		struct sn_infer *inf;
		struct sn_net net;
		uint64_t s = 7;

		memset(out, 0, sizeof(out));
		testnet_init(&net, &nets[k].cfg, nets[k].dtype, 0, 42 + k);
		for (uint32_t i = 0; i < q.n; i++) {
			tok[i] = rng_next(&s) % net.cfg.vocab;
			target[i] = rng_next(&s) % net.cfg.vocab;
		}
		if (isa == SN_ISAS || sn_infer_open_net(&inf, &net, &o, &e) ||
				sn_infer_run(inf, &q, 1, &e)) {
			fprintf(stderr, "netbits: %s\n", isa == SN_ISAS ? "unknown kernels" : e.msg);
			return 1;
		}
		printf("%zu %016" PRIx64 " %a\n", k, hash(out, sizeof(out)), (double)out[q.n - 1].lse);
		sn_infer_close(inf);
		testnet_release(&net);
	}
	return 0;
}
