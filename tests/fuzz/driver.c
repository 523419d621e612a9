/*
 * Replays a corpus through one LLVMFuzzerTestOneInput() without libFuzzer, as TAP.
 * The corpus is tests/fuzz/corpus/NAME for a program called NAME.  Each file goes
 * in as it is, then cut at a few places and with single bits flipped, so that a
 * plain `make check' already walks many error paths.
 */
#include <dirent.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "util/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A fresh heap copy each time, so that ASan sees reads behind the end. */
static void feed(const char *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	memcpy(copy, p, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void mutate(struct sn_buf *b)
{
	uint64_t r = 88172645463325252ull;
	size_t flips = b->len < 40 ? b->len : 40;

	for (size_t i = 1; i < 8; i++)
		feed(b->p, b->len * i / 8);
	for (size_t i = 0; i < flips; i++) {
		size_t at;

		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		at = r % b->len;
		b->p[at] ^= (char)(1 << (r >> 40 & 7));
		feed(b->p, b->len);
		b->p[at] ^= (char)(1 << (r >> 40 & 7));
	}
}

int main(int argc, char **argv)
{
	char dir[512], path[1024];
	struct dirent **list;
	int n, tests = 0;

	if (sodium_init() < 0)
		return 111;
	snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", argc > 1 ? argv[1] : basename(argv[0]));
	n = scandir(dir, &list, NULL, alphasort);
	if (n < 0)
		n = 0;
	for (int i = 0; i < n; i++) {
		struct sn_buf b = SN_BUF_INIT;

		if (list[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
			if (sn_read_file(path, &b, NULL) == 0) {
				feed(b.p, b.len);
				mutate(&b);
				printf("ok %d - %s\n", ++tests, list[i]->d_name);
			} else {
				printf("not ok %d - cannot read %s\n", ++tests, path);
			}
			sn_buf_release(&b);
		}
		free(list[i]);
	}
	free(list);
	if (!tests)
		printf("not ok %d - no corpus in %s\n", ++tests, dir);
	printf("1..%d\n", tests);
	return 0;
}
