/* The handle: which kernels, how much memory, and what is refused before anything runs. */
#include "infer/infer.h"

#include <fenv.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infer/cpu/cpu.h"
#include "infer/net.h"
#include "infer/stream.h"

enum { DEFAULT_TOKENS = 8192 };

const char *const sn_isa_names[SN_ISAS] = { "auto", "scalar", "avx2", "avx512", "neon",
	"ref" };

const char *const sn_numerics_names[SN_NUMERICS] = { "f32-exact", "bf16-fast" };

static const struct sn_ops *const tables[SN_ISAS] = {
	[SN_ISA_SCALAR] = &sn_ops_scalar,
	[SN_ISA_AVX2] = &sn_ops_avx2,
	[SN_ISA_AVX512] = &sn_ops_avx512,
	[SN_ISA_NEON] = &sn_ops_neon,
};

struct sn_infer {
	struct sn_net net;
	struct sn_infer_opts opts;
	enum sn_isa isa;
	uint64_t fixed, per_token, group_tokens;
	uint64_t window;                /* bytes of weights that are read ahead */
	size_t bad_seq;
	struct sn_pool *pool;
	struct sn_cpu cpu;
	struct sn_stream *stream;
	struct sn_infer_stats stats;
	/* of the run */
	uint64_t run_tokens, done_fma;
};

/* Rounding to nearest, denormals kept, whatever the program set before. */
static void set_modes(void)
{
	fesetenv(FE_DFL_ENV);
}

static int choose(struct sn_infer *inf, struct sn_err *e)
{
	enum sn_isa isa = inf->opts.isa;

	if (isa == SN_ISA_AUTO) {
		isa = SN_ISA_NEON;
		while (!tables[isa]->usable())
			isa--;
	}
	if (isa != SN_ISA_REF && !tables[isa]->usable())
		return sn_err(e, SN_EUSE, "this processor does not have %s", sn_isa_names[isa]);
	inf->isa = isa;
	return 0;
}

/* The instruction for bf16 instead of its emulation, where there is one. */
static const struct sn_product *product(const struct sn_infer *inf)
{
	const struct sn_product *by = &tables[inf->isa]->product[inf->opts.numerics];

	if (inf->isa == SN_ISA_AVX512 && inf->opts.numerics == SN_BF16_FAST &&
			sn_bf16_native_usable(by))
		by = &sn_bf16_native;
	return by;
}

static int size(struct sn_infer *inf, unsigned threads, struct sn_err *e)
{
	struct sn_shape shape;
	const struct sn_ops *ops = tables[inf->isa == SN_ISA_REF ? SN_ISA_SCALAR : inf->isa];
	uint64_t memory = inf->opts.memory;

	sn_cpu_shape(&shape, &inf->net, ops);
	/* as many bytes of weights wait to be unpacked as there are of unpacked ones */
	inf->window = sn_stream_bytes(&inf->net);
	if (inf->window > shape.panels * sizeof(float))
		inf->window = shape.panels * sizeof(float);
	inf->fixed = sn_cpu_bytes_fixed(&inf->net, &shape, threads) + inf->window;
	inf->per_token = sn_cpu_bytes_per_token(&inf->net, &shape);
	if (!memory) {
		inf->group_tokens = DEFAULT_TOKENS;
		if (inf->group_tokens < inf->net.cfg.max_positions)
			inf->group_tokens = inf->net.cfg.max_positions;
		return 0;
	}
	if (memory < inf->fixed + inf->per_token)
		return sn_err(e, SN_EUSE, "%" PRIu64 " bytes of memory are too few: the buffers of this "
			"model take %" PRIu64 " and %" PRIu64 " a token", memory, inf->fixed,
			inf->per_token);
	inf->group_tokens = (memory - inf->fixed) / inf->per_token;
	return 0;
}

/* Weights that memory has room for stay in the page cache, for the next group or the next run. */
static int stream(struct sn_infer *inf, struct sn_err *e)
{
	uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t room = inf->opts.memory ? inf->opts.memory : physical / 2;
	enum sn_behind behind = sn_stream_bytes(&inf->net) > room ? SN_FORGET :
		inf->opts.memory ? SN_UNMAP : SN_KEEP;

	return sn_stream_open(&inf->stream, &inf->net, inf->window, behind, e);
}

int sn_infer_open_net(struct sn_infer **out, const struct sn_net *net,
	const struct sn_infer_opts *o, struct sn_err *e)
{
	struct sn_infer *inf = calloc(1, sizeof(*inf));
	unsigned threads = o->threads ? o->threads : sn_pool_cpus();
	int rc;

	*out = NULL;
	if (!inf)
		return sn_err_mem(e);
	inf->net = *net;
	inf->opts = *o;
	inf->bad_seq = SIZE_MAX;
	if ((rc = choose(inf, e)) || (rc = size(inf, threads, e)) ||
			(rc = sn_pool_open(&inf->pool, threads, set_modes, e)))
		goto fail;
	if (inf->isa != SN_ISA_REF) {
		if ((rc = stream(inf, e)))
			goto fail;
		inf->cpu.net = &inf->net;
		inf->cpu.stream = inf->stream;
		inf->cpu.ops = tables[inf->isa];
		inf->cpu.by = product(inf);
		inf->cpu.pool = inf->pool;
		inf->cpu.stats = &inf->stats;
		inf->cpu.no_share = inf->opts.no_share;
		if ((rc = sn_cpu_init(&inf->cpu, e)))
			goto fail;
	}
	*out = inf;
	return 0;
fail:
	inf->net.owned = false;
	sn_infer_close(inf);
	return rc;
}

void sn_infer_close(struct sn_infer *inf)
{
	if (!inf)
		return;
	sn_stream_close(inf->stream);
	sn_cpu_release(&inf->cpu);
	sn_pool_close(inf->pool);
	if (inf->net.owned)
		free(inf->net.t);
	free(inf);
}

const char *sn_infer_isa(const struct sn_infer *inf)
{
	return sn_isa_names[inf->isa];
}

unsigned sn_infer_threads(const struct sn_infer *inf)
{
	return sn_pool_threads(inf->pool);
}

uint64_t sn_infer_bytes_fixed(const struct sn_infer *inf)
{
	return inf->fixed;
}

uint64_t sn_infer_bytes_per_token(const struct sn_infer *inf)
{
	return inf->per_token;
}

uint64_t sn_infer_group_tokens(const struct sn_infer *inf)
{
	return inf->group_tokens;
}

size_t sn_infer_bad_seq(const struct sn_infer *inf)
{
	return inf->bad_seq;
}

void sn_infer_stats(const struct sn_infer *inf, struct sn_infer_stats *st)
{
	*st = inf->stats;
}

static int check(struct sn_infer *inf, const struct sn_seq *seqs, size_t n, struct sn_err *e)
{
	const struct sn_config *c = &inf->net.cfg;

	inf->run_tokens = 0;
	if (n >= UINT32_MAX)
		return sn_err(e, SN_EUSE, "%zu sequences are too many", n);
	for (size_t i = 0; i < n; i++) {
		const struct sn_seq *s = &seqs[i];

		if (s->n < 1 || s->n > c->max_positions)
			return sn_err(e, SN_EUSE, "sequence %zu: %" PRIu32 " tokens, the model takes "
				"1 to %" PRIu32, i, s->n, c->max_positions);
		if (s->first > s->n || s->count > s->n - s->first)
			return sn_err(e, SN_EUSE, "sequence %zu: positions to score lie outside it", i);
		for (uint32_t k = 0; k < s->n; k++)
			if (s->tok[k] >= c->vocab)
				return sn_err(e, SN_EUSE, "sequence %zu: token %" PRIu32 " at position "
					"%" PRIu32 " is not in the vocabulary", i, s->tok[k], k);
		for (uint32_t k = 0; k < s->count; k++)
			if (s->target[k] >= c->vocab)
				return sn_err(e, SN_EUSE, "sequence %zu: target %" PRIu32 " is not in the "
					"vocabulary", i, s->target[k]);
		inf->run_tokens += s->n;
	}
	if (inf->run_tokens > inf->group_tokens)
		return sn_err(e, SN_EUSE, "%" PRIu64 " tokens at once; the memory allowed is enough for %"
			PRIu64, inf->run_tokens, inf->group_tokens);
	return 0;
}

static void tick(void *arg, uint64_t fma)
{
	struct sn_infer *inf = arg;

	inf->done_fma += fma;
	inf->opts.progress(inf->opts.arg, (uint64_t)((double)inf->run_tokens *
		((double)inf->done_fma / (double)inf->cpu.fma)));
}

static uint64_t net_fma(const struct sn_config *c, const struct sn_seq *s)
{
	return sn_cpu_layer_fma(c, s->n, (uint64_t)s->n * (s->n + 1) / 2) * c->n_layers +
		(uint64_t)s->count * c->hidden * c->vocab;
}

static int run_ref(struct sn_infer *inf, struct sn_seq *seqs, size_t n, struct sn_err *e)
{
	uint64_t done = 0;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		rc = sn_ref_run(&inf->net, inf->opts.numerics, &seqs[i], i, &inf->bad_seq, e);
		done += seqs[i].n;
		inf->stats.fma += net_fma(&inf->net.cfg, &seqs[i]);
		if (inf->opts.progress)
			inf->opts.progress(inf->opts.arg, done);
	}
	return rc;
}

int sn_infer_run(struct sn_infer *inf, struct sn_seq *seqs, size_t n, struct sn_err *e)
{
	int64_t start = sn_clock_mono();
	fenv_t callers;
	int rc;

	inf->bad_seq = SIZE_MAX;
	if ((rc = check(inf, seqs, n, e)) || !n)
		return rc;
	inf->done_fma = 0;
	fegetenv(&callers);
	set_modes();
	if (inf->isa == SN_ISA_REF) {
		rc = run_ref(inf, seqs, n, e);
	} else {
		rc = sn_cpu_run(&inf->cpu, seqs, n, inf->opts.progress ? tick : NULL, inf, e);
		inf->bad_seq = atomic_load(&inf->cpu.bad_seq);
		if (!rc) {
			inf->stats.fma += inf->cpu.fma;
			inf->stats.shared += inf->run_tokens - inf->cpu.tokens;
		}
	}
	fesetenv(&callers);
	if (!rc) {
		inf->stats.groups++;
		inf->stats.tokens += inf->run_tokens;
		for (size_t i = 0; i < n; i++)
			inf->stats.scored += seqs[i].count;
	}
	inf->stats.total += sn_clock_mono() - start;
	return rc;
}
