/*
 * Parts of the dataset bench that need the library:
 *	dataset gen N          N synthetic conversations on stdout
 *	dataset read DIR       open, draw, random reads
 *	dataset seal DIR N     durable seals of one record each, and bare fdatasync beside them
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dataset/set.h"
#include "dataset/writer.h"
#include "util/clock.h"

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return seed;
}

/* Words by a skewed draw from 4096 made-up ones: about as compressible as talk. */
static size_t words(char *to, unsigned n)
{
	static const char *const part[] = { "ka", "lo", "the", "mi", "ran", "so", "ter", "vi", "en",
		"u", "da", "sh", "wo", "ple", "an", "gri" };
	char *p = to;

	for (unsigned i = 0; i < n; i++) {
		uint64_t w = rnd() % (1u << (1 + rnd() % 12));

		for (unsigned k = 0; k < 3; k++, w /= 16)
			p = stpcpy(p, part[w % 16]);
		*p++ = i + 1 < n ? ' ' : '.';
	}
	return (size_t)(p - to);
}

static size_t conversation(char *to, uint64_t i)
{
	size_t n = (size_t)sprintf(to, "{\"id\": \"c%07llu\", \"created_at\": %llu, \"system_prompt\": "
		"\"", (unsigned long long)i, 1732000000ull + (unsigned long long)(rnd() % 5200000));

	n += words(to + n, 15);
	n += (size_t)sprintf(to + n, "\", \"messages\": [");
	for (unsigned k = 0; k < 6; k++) {
		n += (size_t)sprintf(to + n, "%s{\"role\": \"%s\", \"content\": \"", k ? ", " : "",
			k % 2 ? "assistant" : "user");
		n += words(to + n, 6 + (unsigned)(rnd() % 12));
		n += (size_t)sprintf(to + n, "\"}");
	}
	return n + (size_t)sprintf(to + n, "]}\n");
}

static int fail(const struct sn_err *e)
{
	fprintf(stderr, "%s\n", e->msg);
	return 1;
}

static double since(int64_t from)
{
	return (double)(sn_clock_mono() - from) / 1e9;
}

/* CPU time of this thread, so that a busy machine does not blur the figures. */
static int64_t cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double spent(int64_t from)
{
	return (double)(cpu() - from) / 1e9;
}

static int gen(uint64_t n)
{
	static char line[16384];

	for (uint64_t i = 0; i < n; i++) {
		size_t k = conversation(line, i);

		if (fwrite(line, 1, k, stdout) < k)
			return 1;
	}
	return fflush(stdout) ? 1 : 0;
}

static int reads(const char *dir)
{
	struct sn_sample how = { 0, 2000000000, 4096, 1, 2, 172800, "bench", 5 };
	const int rounds = 200000;
	struct sn_unpack u = { 0 };
	struct sn_pick *picks;
	struct sn_reader *r;
	struct sn_dataset *d;
	struct sn_view *v;
	struct sn_err e;
	double best[3] = { 9, 9, 9 }, t;
	uint64_t rows, bytes = 0;
	const char *p;
	int64_t from = cpu();
	size_t n, len;

	if (sn_dataset_open(&d, dir, &e) < 0 || sn_reader_new(&r, &e) < 0)
		return fail(&e);
	printf("one thread, CPU time:\nopen                          %8.2f ms\n", spent(from) * 1e3);
	v = sn_dataset_newest(d);
	rows = sn_view_snapshot(v)->records;
	how.end = sn_view_snapshot(v)->last;
	for (int k = 0; k < 5; k++) {
		from = cpu();
		if (sn_view_sample(v, &how, &picks, &n, &e) < 0)
			return fail(&e);
		t = spent(from);
		best[0] = t < best[0] ? t : best[0];
		from = cpu();
		for (size_t i = 0; i < n; i++)
			if (sn_reader_get(r, v, picks[i].row, &p, &len, &e) < 0)
				return fail(&e);
		t = spent(from);
		best[1] = t < best[1] ? t : best[1];
		free(picks);
	}
	printf("draw 4096 of %-9llu        %8.2f ms  (%.2f ns a record)\n", (unsigned long long)rows,
		best[0] * 1e3, best[0] * 1e9 / (double)rows);
	printf("read those, digests checked   %8.2f ms\n", best[1] * 1e3);
	for (int check = 1; check >= 0; check--) {
		bytes = 0;
		from = cpu();
		for (int i = 0; i < rounds; i++) {
			uint64_t row = rnd() % rows;
			struct sn_shard *s = sn_set_shard(v->set, row);
			int rc = check ? sn_reader_get(r, v, row, &p, &len, &e) :
				sn_unpack_get(&u, s, row - s->part.row, &p, &len, &e);

			if (rc < 0)
				return fail(&e);
			bytes += len;
		}
		t = spent(from);
		printf("random reads%s %8.0f /s   %6.0f MB/s\n", check ? ", digests checked " :
			", not checked     ", rounds / t, (double)bytes / t / 1e6);
	}
	sn_unpack_release(&u);
	sn_view_drop(v);
	sn_reader_free(r);
	sn_dataset_close(d);
	return 0;
}

static int seals(const char *dir, uint64_t n)
{
	static char line[16384];
	double sealing = 0, syncing = 0;
	struct sn_sealed s;
	struct sn_writer *w;
	struct sn_err e;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.probe", dir);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (sn_writer_open(&w, dir, 0, &e) < 0)
		return fail(&e);
	for (uint64_t i = 0; i < n; i++) {
		size_t len = conversation(line, i);
		int64_t from = sn_clock_mono();

		if (sn_writer_add(w, line, len - 1, (int64_t)i, &e) < 0 ||
		    sn_writer_seal(w, &s, &e) < 0 || sn_writer_merge(w, &e) < 0)
			return fail(&e);
		sealing += since(from);
		from = sn_clock_mono();
		if (pwrite(fd, line, len, (off_t)(i * 4096)) < 0 || fdatasync(fd) < 0)
			return 1;
		syncing += since(from);
	}
	sn_writer_close(w);
	close(fd);
	unlink(path);
	printf("seal of one record            %8.2f ms\none write and fdatasync       %8.2f ms  "
		"(a seal: %.1f of them)\n", sealing * 1e3 / (double)n, syncing * 1e3 / (double)n,
		sealing / syncing);
	return 0;
}

int main(int c, char **v)
{
	if (sodium_init() < 0)
		return 111;
	if (c == 3 && !strcmp(v[1], "gen"))
		return gen(strtoull(v[2], NULL, 10));
	if (c == 3 && !strcmp(v[1], "read"))
		return reads(v[2]);
	if (c == 4 && !strcmp(v[1], "seal"))
		return seals(v[2], strtoull(v[3], NULL, 10));
	return 100;
}
