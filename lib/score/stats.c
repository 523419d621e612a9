#include "score/stats.h"

#include <sys/resource.h>

#include "util/num.h"

static void row(struct sn_buf *b, const char *name, int64_t ns, uint64_t all)
{
	sn_buf_fmt(b, "%-16s %10.3f s %5.1f %%\n", name, (double)ns / 1e9,
		100 * (double)ns / (double)all);
}

static uint64_t peak_memory(void)
{
	struct rusage ru;

	return getrusage(RUSAGE_SELF, &ru) < 0 ? 0 : (uint64_t)ru.ru_maxrss * 1024;
}

int sn_run_stats_text(const struct sn_run *run, uint64_t elapsed, struct sn_buf *b,
	struct sn_err *e)
{
	const struct sn_run_times *t = &run->times;
	uint64_t done = run->done - run->before;
	struct sn_infer_stats st;
	int64_t rest = (int64_t)elapsed;
	double scoring;
	char size[16];

	sn_infer_stats(run->infer, &st);
	const struct { const char *name; int64_t ns; } rows[] = {
		{ "open model", t->open }, { "tokenise", t->prepare }, { "hash model", t->hash },
		{ "unpack weights", st.pack }, { "matmul", st.matmul }, { "attention", st.attention },
		{ "norms, rope", st.norm }, { "logits", st.logits },
	};

	elapsed = elapsed ? elapsed : 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		row(b, rows[i].name, rows[i].ns, elapsed);
		rest -= rows[i].ns;
	}
	row(b, "rest", rest > 0 ? rest : 0, elapsed);
	row(b, "all", (int64_t)elapsed, elapsed);
	scoring = run->nanoseconds ? (double)run->nanoseconds / 1e9 : 1e-9;
	sn_buf_fmt(b, "%-16s %10llu, %.1f a second; %llu shared; %llu group%s\n", "tokens",
		(unsigned long long)done, (double)done / scoring, (unsigned long long)st.shared,
		(unsigned long long)st.groups, st.groups == 1 ? "" : "s");
	sn_buf_fmt(b, "%-16s %10.2f G, %.2f G a second\n", "multiply-adds", (double)st.fma / 1e9,
		(double)st.fma / 1e9 / scoring);
	sn_buf_fmt(b, "%-16s %10s at most\n", "memory", sn_size_text(peak_memory(), size));
	return sn_buf_ok(b, "table", e);
}
