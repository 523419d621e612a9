/*
 * The limiter's table as a file from outside.  A first byte of 'R': the rest is the file.
 * Else a good table of 8 slots is patched: groups of five bytes, a place (3 bytes, little-
 * endian, modulo the size) and two bytes for it; the header's check is put right if the first
 * byte is 'H'.  What opens is used in every way, and may only answer or refuse.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gate/limit.h"
#include "gate/table.h"
#include "util/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define T0 1737237600000000000

static uint8_t *good;
static size_t good_size;

static void make_good(void)
{
	char path[] = "/tmp/sn-fuzz-limits.XXXXXX";
	struct sn_limit *l;
	struct sn_limit_policy p;
	struct sn_limit_result r;
	FILE *f;
	int fd = mkstemp(path);

	unlink(path);
	close(fd);
	if (sodium_init() < 0 || sn_limit_open(&l, path, 8, NULL) < 0)
		abort();
	memset(l->head->key, 7, 16);
	sn_limit_set(l, "p", 1000000000, 3, NULL);
	sn_limit_find(l, "p", &p, NULL);
	sn_limit_take(l, &p, "k", 1, 1, T0, &r, NULL);
	sn_limit_block(l, NULL, "b", 1, T0 + 1000, T0, NULL);
	good_size = l->size;
	sn_limit_close(l);
	good = malloc(good_size);
	f = fopen(path, "r");
	if (!good || !f || fread(good, 1, good_size, f) != good_size)
		abort();
	fclose(f);
	unlink(path);
}

static void use(struct sn_limit *l)
{
	struct sn_limit_policy p;
	struct sn_limit_result r;
	struct sn_limit_stat st;
	struct sn_limit_counts c;
	struct sn_err e;
	char key[8];

	for (uint32_t at = 0; sn_limit_next(l, &at, &p); )
		for (int i = 0; i < 12; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			if (sn_limit_take(l, &p, key, strlen(key), 1, T0 + i, &r, &e) < 0)
				break;
			if (r.remaining > r.limit || r.reset < 0 || r.retry_after < 0)
				abort();
			sn_limit_peek(l, &p, key, strlen(key), 2, T0, &r, &e);
		}
	sn_limit_set(l, "p", 5, 5, &e);
	sn_limit_set(l, "new", 5, 5, &e);
	sn_limit_block(l, NULL, "b", 1, T0 + 5, T0, &e);
	sn_limit_unblock(l, NULL, "b", 1, T0, &e);
	sn_limit_stat(l, T0, &st);
	sn_limit_count(l, T0, &c);
	sn_limit_rm(l, "p", &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *file;
	struct sn_limit *l;
	struct sn_err e = { 0 };
	char path[64];
	size_t n;
	int fd;

	if (!good) {
		make_good();
		file = malloc(good_size);
	}
	if (!file || !size)
		return 0;
	if (*data == 'R') {
		n = size - 1 < good_size ? size - 1 : good_size;
		memcpy(file, data + 1, n);
	} else {
		n = good_size;
		memcpy(file, good, n);
		for (size_t i = 1; i + 5 <= size; i += 5) {
			size_t at = (data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % (n - 1);

			memcpy(file + at, data + i + 3, 2);
		}
	}
	if (*data == 'H' && n >= sizeof(struct table_head)) {
		static const uint8_t zero[16];
		uint64_t check = sn_siphash(zero, file, offsetof(struct table_head, check));

		memcpy(file + offsetof(struct table_head, check), &check, 8);
	}
	fd = memfd_create("limits", 0);
	if (fd < 0 || (n && write(fd, file, n) != (ssize_t)n))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (sn_limit_open(&l, path, 0, &e) == 0) {
		use(l);
		sn_limit_close(l);
	} else if (!e.msg[0] || strchr(e.msg, '\n')) {
		abort();
	}
	close(fd);
	return 0;
}
