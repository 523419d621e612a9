/* Little datasets for the unit tests of lib/dataset: made in a fresh directory. */
#ifndef SN_TESTS_DATASET_H
#define SN_TESTS_DATASET_H

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "dataset/writer.h"
#include "tap.h"

static char dir[256];

static int gone(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	return remove(path);
}

__attribute__((unused))
static void remove_dir(void)
{
	nftw(dir, gone, 16, FTW_DEPTH | FTW_PHYS);
}

/* A fresh name for the dataset, in memory where there is such a place (fsync is quick). */
__attribute__((unused))
static void fresh_dir(void)
{
	snprintf(dir, sizeof(dir), "%s/sn-unit.XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(dir))
		abort();
}

/* Record number i, about `size' bytes, in out; its time is 1000 * i. */
__attribute__((unused))
static size_t record(char *out, unsigned i, size_t size)
{
	int n = sprintf(out, "{\"created_at\":%u,\"system_prompt\":\"p%u\",\"messages\":"
		"[{\"role\":\"user\",\"content\":\"", i * 1000, i);
	unsigned r = i * 2654435761u + 1;

	while ((size_t)n < size) {
		r = r * 1103515245 + 12345;
		out[n++] = "abcdefghijklmnop    "[(r >> 16) % 20];
	}
	return (size_t)n + (size_t)sprintf(out + n, "\"}]}");
}

/* Seal records from .. to - 1 as one batch. */
__attribute__((unused))
static int pack(unsigned from, unsigned to, size_t size, uint64_t roll, struct sn_sealed *s)
{
	struct sn_err e = { 0 };
	char *line = malloc(size + 200);
	struct sn_writer *w;
	int rc = sn_writer_open(&w, dir, 0, &e);

	if (rc == 0) {
		w->roll = roll ? roll : w->roll;
		for (unsigned i = from; rc >= 0 && i < to; i++) {
			size_t n = record(line, i, size);

			rc = sn_writer_add(w, line, n, (int64_t)i * 1000, &e);
		}
		if (rc >= 0)
			rc = sn_writer_seal(w, s, &e);
		sn_writer_close(w);
	}
	free(line);
	if (rc < 0)
		printf("# %s\n", e.msg);
	return rc;
}

#endif
