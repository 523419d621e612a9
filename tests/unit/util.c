/* lib/util: numbers, dates, UTF-8, buffers, JSON, lines, digests. */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/digest.h"
#include "util/io.h"
#include "util/json.h"
#include "util/num.h"
#include "util/utf8.h"

#define BAD UINT64_MAX

static void numbers(void)
{
	static const struct { char kind; const char *text; uint64_t want; } t[] = {
		{ 'u', "0", 0 }, { 'u', "42", 42 }, { 'u', "18446744073709551614", UINT64_MAX - 1 },
		{ 'u', "18446744073709551616", BAD }, { 'u', "", BAD }, { 'u', "-1", BAD },
		{ 'u', " 1", BAD }, { 'u', "1 ", BAD }, { 'u', "0x10", BAD }, { 'u', "1e3", BAD },
		{ 's', "64k", 64000 }, { 's', "64Ki", 65536 }, { 's', "1.5Mi", 1572864 },
		{ 's', "2G", 2000000000 }, { 's', "1K", BAD }, { 's', "1.", BAD }, { 's', ".5k", BAD },
		{ 's', "99999999999999999999", BAD }, { 's', "20000000Ti", BAD },
		{ 't', "90", 90000000000 }, { 't', "250ms", 250000000 }, { 't', "1.5h", 5400000000000 },
		{ 't', "2d", 172800000000000 }, { 't', "1us", 1000 }, { 't', "7ns", 7 },
		{ 't', "1w", BAD }, { 't', "h", BAD }, { 't', "300000d", BAD },
		{ 'r', "50/h", 72000000000 }, { 'r', "1/s", 1000000000 }, { 'r', "0.5/s", 2000000000 },
		{ 'r', "3/d", 28800000000000 }, { 'r', "3000000000/s", 1 }, { 'r', "0/s", BAD },
		{ 'r', "5", BAD }, { 'r', "5/", BAD }, { 'r', "5/hour", BAD }, { 'r', "/h", BAD },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		uint64_t v = BAD;
		struct sn_err e = { 0 };
		int rc = t[i].kind == 'u' ? sn_num_u64(t[i].text, 0, BAD - 1, &v, &e) :
			t[i].kind == 's' ? sn_num_size(t[i].text, 0, BAD - 1, &v, &e) :
			t[i].kind == 't' ? sn_num_duration(t[i].text, 0, BAD - 1, &v, &e) :
			sn_num_rate(t[i].text, &v, &e);

		ok(v == t[i].want && (rc == 0) == (v != BAD) && (rc == 0 || (rc == SN_EUSE && e.msg[0])),
			"number %c \"%s\"", t[i].kind, t[i].text);
	}
}

static void fractions(void)
{
	uint64_t n, d;
	double v = 0;

	ok(sn_num_fraction("0.5", &n, &d, NULL) == 0 && n == 5 && d == 10, "fraction 0.5");
	ok(sn_num_fraction("1.000", &n, &d, NULL) == 0 && n == d, "fraction 1.000");
	ok(sn_num_fraction("0", &n, &d, NULL) == 0 && n == 0, "fraction 0");
	ok(sn_num_fraction("1.01", &n, &d, NULL) < 0, "fraction above one");
	ok(sn_num_fraction("0.1234567890123456789", &n, &d, NULL) < 0, "fraction too long");
	ok(sn_num_double("-1.25e2", -1000, 1000, &v, NULL) == 0 && v == -125, "double");
	ok(sn_num_double("nan", -1, 1, &v, NULL) < 0, "double: nan");
	ok(sn_num_double("inf", -1, 1, &v, NULL) < 0, "double: inf");
	ok(sn_num_double("0x1p3", -100, 100, &v, NULL) < 0, "double: hex");
	ok(sn_num_double("1e999", -1e308, 1e308, &v, NULL) < 0, "double: overflow");
}

static void dates(void)
{
	static const struct { const char *text; int64_t want; int day; } t[] = {
		{ "19700101", 0, 1 }, { "20250118", 1737158400, 1 }, { "2024-02-29", 1709164800, 1 },
		{ "2023-02-29", -1, 0 }, { "20251301", -1, 0 }, { "2025-0118", -1, 0 },
		{ "2025-01-18T22:00:00Z", 1737237600, 0 }, { "2025-01-18T22:00:00.999Z", 1737237600, 0 },
		{ "2025-01-19T00:00:00+02:00", 1737237600, 0 }, { "2025-01-18t20:30:00-01:30", 1737237600, 0 },
		{ "2025-01-18T22:00:00", -1, 0 }, { "2025-01-18T24:00:00Z", -1, 0 },
		{ "1737237600", 1737237600, 0 }, { "@20250118", 20250118, 0 }, { "", -1, 0 },
		{ "now", -1, 0 }, { "9999-12-31T23:59:59Z", 253402300799, 0 },
	};
	char text[24];

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int64_t v = -1;
		int day = 0, rc = sn_date_any(t[i].text, &v, &day, NULL);

		ok(v == t[i].want && (rc == 0) == (t[i].want != -1) && (rc || day == t[i].day),
			"date \"%s\"", t[i].text);
	}
	is_str(sn_date_text(1737237600, text), "2025-01-18T22:00:00Z", "date text");
	for (int64_t d = -200000, good = 1; d <= 200000 || (ok(good, "every day reads back"), 0); d += 13) {
		int64_t v = 0;

		if (d * 86400 >= -62167219200)
			good &= sn_date_rfc3339(sn_date_text(d * 86400, text), &v, NULL) == 0 && v == d * 86400;
	}
}

static void utf8(void)
{
	static const struct { const char *bytes; size_t n; int want; } t[] = {
		{ "a", 1, 1 }, { "\xc3\xa9", 2, 2 }, { "\xe2\x82\xac", 3, 3 }, { "\xf0\x9f\x98\x80", 4, 4 },
		{ "", 0, 0 }, { "\x80", 1, -1 }, { "\xc0\x80", 2, -1 }, { "\xc3", 1, -1 },
		{ "\xe2\x82", 2, -2 }, { "\xe0\x80\x80", 3, -1 }, { "\xed\xa0\x80", 3, -1 },
		{ "\xf4\x90\x80\x80", 4, -1 }, { "\xf0\x9f\x98" "a", 4, -3 }, { "\xff", 1, -1 },
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		is_int(sn_utf8_len(t[i].bytes, t[i].n), t[i].want, "utf-8 length");
	for (uint32_t cp = 0; cp < 0x110000; cp++) {
		char b[4];
		uint32_t back = 0;
		int n = sn_utf8_put(cp, b);

		if (cp >= 0xd800 && cp < 0xe000)
			good &= n == 0;
		else
			good &= n > 0 && sn_utf8_get(b, (size_t)n, &back) == n && back == cp;
	}
	ok(good, "every code point goes there and back");
}

static void buffers(void)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_err e = { 0 };

	sn_buf_json(&b, "a\"\\\n\x01\xff\xc3\xa9/", 9);
	is_str(b.p, "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9/\"", "a JSON string");
	sn_buf_clear(&b);
	sn_buf_double(&b, 0.1);
	sn_buf_chr(&b, ' ');
	sn_buf_double(&b, 1.0 / 3);
	sn_buf_chr(&b, ' ');
	sn_buf_double(&b, 5);
	sn_buf_chr(&b, ' ');
	sn_buf_double(&b, 1e300);
	sn_buf_chr(&b, ' ');
	sn_buf_double(&b, NAN);
	is_str(b.p, "0.1 0.3333333333333333 5.0 1e+300 null", "doubles, shortest");
	sn_buf_release(&b);
	sn_buf_init(&b, 8);
	sn_buf_str(&b, "12345678");
	ok(sn_buf_ok(&b, "x", &e) == 0, "a buffer up to its maximum");
	sn_buf_chr(&b, '9');
	sn_buf_str(&b, "");
	ok(sn_buf_ok(&b, "x", &e) == SN_ENO && b.len == 8, "and not beyond");
	is_str(e.msg, "x: larger than 8 bytes", "which it says");
	ok(sn_buf_take(&b) == NULL, "nothing to take after a failure");
}

static void lines(void)
{
	static const char text[] = "one\n\nthr\0ee\nlast";
	struct sn_lines l;
	char name[] = "/tmp/sn-unit-XXXXXX", *p;
	int fd = mkstemp(name), rc;
	size_t n;
	struct sn_err e = { 0 };

	unlink(name);
	ok(sn_write(fd, text, sizeof(text) - 1) == 0 && lseek(fd, 0, SEEK_SET) == 0, "lines: set up");
	sn_lines_init(&l, fd, "f", 6);
	ok(sn_lines_next(&l, &p, &n, &e) == 1 && n == 3 && !strcmp(p, "one") && l.lineno == 1, "line 1");
	ok(sn_lines_next(&l, &p, &n, &e) == 1 && n == 0 && l.offset == 4, "an empty line");
	ok(sn_lines_next(&l, &p, &n, &e) == 1 && n == 6 && !memcmp(p, "thr\0ee", 7), "a NUL inside");
	ok(sn_lines_next(&l, &p, &n, &e) == 1 && n == 4 && l.partial, "a last line without an end");
	ok(sn_lines_next(&l, &p, &n, &e) == 0, "the end");
	sn_lines_release(&l);
	lseek(fd, 0, SEEK_SET);
	sn_lines_init(&l, fd, "f", 5);
	while ((rc = sn_lines_next(&l, &p, &n, &e)) > 0)
		;
	ok(rc == SN_ENO, "a line that is too long");
	is_str(e.msg, "f: line 3: longer than 5 bytes", "is named");
	ok(sn_lines_skip(&l, &e) == 0, "can be passed over");
	ok(sn_lines_next(&l, &p, &n, &e) == 1 && !strcmp(p, "last") && l.lineno == 4 && l.offset == 12,
		"and the next line follows");
	ok(sn_lines_skip(&l, &e) == 0 && sn_lines_next(&l, &p, &n, &e) == 0, "a sound one is not passed over");
	sn_lines_release(&l);
	close(fd);
}

static void json(void)
{
	static const char *const bad[] = { "", "{", "{\"a\":1,\"a\":2}", "[1] x", "\"\xff\"", "{\"a\":\"\\u0000\"}",
		"1e999", "nul" };
	static const char text[] = "{\"n\":5,\"s\":\"x\",\"z\":null,\"r\":0.1,\"l\":[true,{}]}";
	struct sn_err e = { 0 };
	struct sn_buf b = SN_BUF_INIT;
	json_t *v;
	uint64_t u = 7;
	const char *s = "old";

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(sn_json_parse(bad[i], strlen(bad[i]), "f", &v, &e) == SN_ENO && !v, "not JSON: %s", bad[i]);
	if (!ok(sn_json_parse(text, strlen(text), "f", &v, &e) == 0, "JSON"))
		return;
	ok(sn_json_u64(v, "n", SN_JSON_NEED, "f", 0, 9, &u, &e) == 0 && u == 5, "a number");
	ok(sn_json_u64(v, "n", SN_JSON_NEED, "f", 0, 4, &u, &e) == SN_ENO && strstr(e.msg, "\"n\""), "out of range");
	ok(sn_json_u64(v, "s", SN_JSON_MAY, "f", 0, 4, &u, &e) == SN_ENO, "of another type");
	ok(sn_json_str(v, "z", SN_JSON_MAY, "f", &s, &e) == 0 && !strcmp(s, "old"), "null is absent");
	ok(sn_json_str(v, "y", SN_JSON_NEED, "f", &s, &e) == SN_ENO, "missing");
	is_str(e.msg, "f: key \"y\": missing", "and it says so");
	sn_buf_value(&b, v);
	is_str(b.p, text, "written as it was read");
	sn_buf_release(&b);
	json_decref(v);
}

static void digests(void)
{
	uint8_t out[SN_DIGEST], key[16], in[15];
	char hex[SN_DIGEST_HEX];

	sn_sha256("abc", 3, out);
	is_str(sn_hex(out, hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"SHA-256 of abc (FIPS 180-4)");
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	ok(sn_siphash(key, in, 15) == 0xa129ca6149be45e5ull, "SipHash-2-4 (the paper's appendix A)");
}

static void count(void *arg, size_t n)
{
	*(size_t *)arg += n;
}

/* Two libraries make digests; they must agree, over more than one read. */
static void hashed_files(void)
{
	enum { SIZE = (3 << 20) + 7 };
	char path[] = "/tmp/sn-unit-XXXXXX";
	uint8_t *p = malloc(SIZE), a[SN_DIGEST], b[SN_DIGEST];
	struct sn_map m = { 0 };
	struct sn_err e = { 0 };
	uint64_t size;
	size_t told = 0;
	int fd = mkstemp(path);

	for (size_t i = 0; i < SIZE; i++)
		p[i] = (uint8_t)(i * i >> 3);
	ok(fd >= 0 && write(fd, p, SIZE) == SIZE && lseek(fd, 0, SEEK_SET) == 0, "digest: set up");
	sn_sha256(p, SIZE, a);
	ok(sn_sha256_fd(fd, path, count, &told, b, &size, &e) == 0 && !memcmp(a, b, sizeof(a)) &&
		size == SIZE && told == SIZE, "a file's digest is that of its bytes");
	close(fd);
	fd = open("/", O_RDONLY);
	ok(sn_sha256_fd(fd, "/", NULL, NULL, b, &size, &e) == SN_ETEMP && strstr(e.msg, "cannot read /"),
		"what cannot be read has none");
	close(fd);
	ok(sn_map_open_fd(&m, path, &e) == 0 && m.size == SIZE, "a map that keeps its descriptor");
	sn_map_ahead(&m, 5000, SIZE);
	sn_map_drop(&m, 5000, 1 << 20, true);
	ok(!memcmp(m.p, p, SIZE), "reads the same bytes after some were dropped");
	sn_map_drop(&m, 0, SIZE, false);
	sn_map_ahead(&m, 0, 1);
	ok(!memcmp(m.p, p, SIZE), "and after all were");
	sn_map_close(&m);
	unlink(path);
	free(p);
}

static void files(void)
{
	char dir[] = "/tmp/sn-unit-XXXXXX", *path, *deep;
	struct sn_outfile f;
	struct sn_buf b = SN_BUF_INIT;
	struct sn_map m;
	struct sn_err e = { 0 };

	ok(mkdtemp(dir) != NULL, "files: set up");
	path = sn_path(dir, "x");
	deep = sn_path(dir, "a/b/c");
	ok(sn_outfile_open(&f, path, 0644, &e) == 0 && sn_outfile_write(&f, "hello", 5, &e) == 0 &&
		access(path, F_OK) < 0, "an output file is not there before its commit");
	ok(sn_outfile_commit(&f, &e) == 0 && sn_read_file(path, &b, &e) == 0 && b.len == 5, "and whole after");
	ok(sn_outfile_open(&f, path, 0644, &e) == 0 && sn_outfile_write(&f, "bye", 3, &e) == 0, "a second one");
	sn_outfile_abort(&f);
	ok(sn_map_open(&m, path, &e) == 0 && m.size == 5 && !memcmp(m.p, "hello", 5), "given up, leaves the old");
	sn_map_close(&m);
	ok(sn_mkdirs(deep, 0755, &e) == 0 && sn_mkdirs(deep, 0755, &e) == 0, "directories, twice");
	ok(sn_read_file(dir, &b, &e) == SN_ETEMP && strstr(e.msg, dir), "a directory is not read");
	sn_buf_release(&b);
	unlink(path);
	for (; strcmp(deep, dir); *strrchr(deep, '/') = 0)
		rmdir(deep);
	ok(rmdir(dir) == 0, "nothing is left behind");
	free(path);
	free(deep);
}

/* What is there now, of a pipe whose writer takes its time. */
static void lines_ready(void)
{
	struct sn_lines l;
	size_t n;
	char *p;
	int fd[2];

	if (!ok(pipe(fd) == 0, "a pipe"))
		return;
	sn_lines_init(&l, fd[0], "p", 6);
	is_int(sn_lines_ready(&l), 0, "an empty pipe is not ready");
	ok(sn_write(fd[1], "a\nb", 3) == 0 && sn_lines_ready(&l) == 1, "a line and a half is");
	ok(sn_lines_next(&l, &p, &n, NULL) == 1 && n == 1 && *p == 'a', "the line");
	is_int(sn_lines_ready(&l), 0, "half a line is not");
	ok(sn_write(fd[1], "c\n", 2) == 0 && sn_lines_ready(&l) == 1, "its other half makes it so");
	ok(sn_lines_next(&l, &p, &n, NULL) == 1 && n == 2 && !memcmp(p, "bc", 2), "both halves");
	ok(sn_write(fd[1], "1234567", 7) == 0 && sn_lines_ready(&l) == 1, "too long is an answer");
	is_int(sn_lines_next(&l, &p, &n, NULL), SN_ENO, "this one");
	close(fd[1]);
	sn_lines_release(&l);
	sn_lines_init(&l, fd[0], "p", 6);
	is_int(sn_lines_ready(&l), 1, "the end is an answer");
	is_int(sn_lines_next(&l, &p, &n, NULL), 0, "this one");
	sn_lines_release(&l);
	close(fd[0]);
}

int main(void)
{
	if (sodium_init() < 0)
		return 111;
	numbers();
	fractions();
	dates();
	utf8();
	buffers();
	lines();
	lines_ready();
	json();
	digests();
	files();
	hashed_files();
	return done_testing();
}
