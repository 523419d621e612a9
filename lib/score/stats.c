#include "score/stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/io.h"
#include "util/num.h"

static void row(struct sn_buf *b, const char *name, int64_t ns, uint64_t all)
{
	sn_buf_fmt(b, "%-16s %10.3f s %5.1f %%\n", name, (double)ns / 1e9,
		100 * (double)ns / (double)all);
}

int sn_run_stats_open(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* The kernel's high-water mark of this program; getrusage's is also that of what ran in this
 * process before it.  0: not known. */
static uint64_t peak_memory(int status)
{
	unsigned long long kb = 0;
	char text[4096], *at;
	ssize_t n = status < 0 ? -1 : sn_pread(status, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = 0;
	at = strstr(text, "VmHWM:");
	return at && sscanf(at, "VmHWM: %llu kB", &kb) == 1 ? kb * 1024 : 0;
}

int sn_run_stats_text(const struct sn_run *run, uint64_t elapsed, int status, struct sn_buf *b,
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
	if (peak_memory(status))
		sn_buf_fmt(b, "%-16s %10s at most\n", "memory", sn_size_text(peak_memory(status), size));
	return sn_buf_ok(b, "table", e);
}
