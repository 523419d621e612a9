/*
 * A dataset with one byte changed, or cut, at every place of HEAD and the log and at many
 * of a shard: verify names the file, and readers give the right bytes or an error.
 */
#include "dataset.h"

#include <fcntl.h>
#include <glob.h>

#define RECORDS 60

static char told[600];

static void tell(void *ctx, const char *line)
{
	if (!told[0])
		snprintf(told, sizeof(told), "%s", line);
}

/* What readers do with it; the number of wrong records they were given as right. */
static int use(void)
{
	struct sn_sample how = { 0, 1000000, 20, 1, 2, 20000, "s", 1 };
	struct sn_pick *picks;
	struct sn_reader *r;
	struct sn_dataset *d;
	struct sn_view *v;
	char line[500];
	const char *p;
	int wrong = 0;
	size_t n;

	if (sn_dataset_open(&d, dir, NULL) < 0)
		return 0;
	v = sn_dataset_newest(d);
	if (sn_reader_new(&r, NULL) < 0)
		abort();
	for (uint64_t row = 0; row < sn_view_snapshot(v)->records; row++)
		if (sn_reader_get(r, v, row, &p, &n, NULL) == 0)
			wrong += n != record(line, (unsigned)row, 300) || memcmp(p, line, n);
	if (sn_view_sample(v, &how, &picks, &n, NULL) == 0)
		free(picks);
	sn_reader_free(r);
	sn_view_drop(v);
	sn_dataset_close(d);
	return wrong;
}

static bool caught(const char *path)
{
	struct sn_snapshot newest;
	int rc;

	told[0] = 0;
	rc = sn_dataset_verify(dir, tell, NULL, NULL, &newest, NULL);
	return rc > 0 && strstr(told, path + strlen(dir) + 1);
}

static void flips(const char *path, size_t step)
{
	const char *name = path + strlen(dir) + 1;
	int missed = 0, wrong = 0, tried = 0, fd;
	struct sn_buf b = SN_BUF_INIT;

	chmod(path, 0600);
	if (sn_read_file(path, &b, NULL) < 0 || (fd = open(path, O_RDWR)) < 0)
		abort();
	for (size_t at = 0; at < b.len; at += step, tried++) {
		char c = (char)(b.p[at] ^ (1 << (at / step % 8)));

		if (pwrite(fd, &c, 1, (off_t)at) != 1)
			abort();
		if (!caught(path) && missed++ < 5)
			printf("# byte %zu of %s: %s\n", at, name, told[0] ? told : "not noticed");
		wrong += use();
		if (pwrite(fd, b.p + at, 1, (off_t)at) != 1)
			abort();
	}
	ok(missed == 0 && tried > 0, "%s: %d changed bytes are named", name, tried);
	is_int(wrong, 0, "readers never gave a wrong record for right");
	missed = 0;
	for (size_t i = 0; i < 40; i++) {
		if (ftruncate(fd, (off_t)(b.len * i / 40)) < 0)
			abort();
		missed += !caught(path);
		use();
		if (pwrite(fd, b.p, b.len, 0) != (ssize_t)b.len)
			abort();
	}
	is_int(missed, 0, "so is every cut");
	if (ftruncate(fd, (off_t)b.len - 1) < 0)
		abort();
	ok(caught(path), "and the last byte missing");
	if (pwrite(fd, b.p, b.len, 0) != (ssize_t)b.len)
		abort();
	close(fd);
	unlink(path);
	ok(caught(path), "and the file missing: %s", told);
	use();
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	if (write(fd, b.p, b.len) != (ssize_t)b.len)
		abort();
	close(fd);
	sn_buf_release(&b);
}

int main(void)
{
	struct sn_sealed s;
	char pattern[300];
	glob_t g;
	int rc = 0;

	if (sodium_init() < 0)
		return 111;
	fresh_dir();
	/* a small `roll' makes several log segments; one repack entry among them */
	for (unsigned i = 0; rc == 0 && i < 3; i++)
		rc = pack(RECORDS / 3 * i, RECORDS / 3 * (i + 1), 300, i ? 500 : 0, &s);
	is_int(rc, 0, "pack");
	snprintf(pattern, sizeof(pattern), "%s/*[0-9D]", dir);
	glob(pattern, 0, NULL, &g);
	snprintf(pattern, sizeof(pattern), "%s/*/*", dir);
	glob(pattern, GLOB_APPEND, NULL, &g);
	ok(g.gl_pathc >= 6, "%d files", (int)g.gl_pathc);
	for (size_t i = 0; i < g.gl_pathc; i++)
		flips(g.gl_pathv[i], strstr(g.gl_pathv[i], "/shards/") ? 7 : 1);
	globfree(&g);
	remove_dir();
	return done_testing();
}
