/*
 * Reader of tests/data/vectors/NAME.txt, as tests/oracle/vectors.py writes them: lines
 * KEY WORD..., `case NAME' opens a case.  Numbers are hexadecimal bits (8 digits f32, 16
 * f64), counts and ids decimal, bytes one long hexadecimal word.
 */
#ifndef SN_TESTS_VEC_H
#define SN_TESTS_VEC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/io.h"

struct vec_file {
	struct sn_buf text;
	char *at;               /* the line after the current `case' */
	char name[64];          /* of the case */
};

static int vec_open(struct vec_file *f, const char *name)
{
	char path[256];
	struct sn_err e;

	memset(f, 0, sizeof(*f));
	snprintf(path, sizeof(path), "tests/data/vectors/%s.txt", name);
	if (sn_read_file(path, &f->text, &e)) {
		printf("# %s\n", e.msg);
		return -1;
	}
	f->at = f->text.p;
	return 0;
}

static int vec_next(struct vec_file *f)
{
	char *p = f->at ? strstr(f->at, "\ncase ") : NULL;

	if (!p) {
		sn_buf_release(&f->text);
		return 0;
	}
	f->at = p + 6;
	snprintf(f->name, sizeof(f->name), "%.*s", (int)strcspn(f->at, "\n"), f->at);
	return 1;
}

/* The words after the nth line of this case with that key, "" when there is none. */
static const char *vec_words(const struct vec_file *f, const char *key, int nth)
{
	size_t n = strlen(key);
	const char *p = f->at, *end = strstr(f->at, "\ncase ");

	while ((p = strchr(p, '\n')) && (!end || p < end)) {
		p++;
		if (!strncmp(p, key, n) && p[n] == ' ' && !nth--)
			return p + n + 1;
	}
	return "";
}

/* The nth line's words into out; how many there are. */
static size_t vec_f32(const struct vec_file *f, const char *key, int nth, float *out, size_t max)
{
	const char *p = vec_words(f, key, nth);
	size_t n = 0;

	while (*p && *p != '\n' && n < max) {
		char *end;
		uint32_t b = (uint32_t)strtoul(p, &end, 16);

		memcpy(&out[n++], &b, 4);
		p = *end == ' ' ? end + 1 : end;
	}
	return n;
}

__attribute__((unused))
static size_t vec_f64(const struct vec_file *f, const char *key, double *out, size_t max)
{
	const char *p = vec_words(f, key, 0);
	size_t n = 0;

	while (*p && *p != '\n' && n < max) {
		char *end;
		uint64_t b = strtoull(p, &end, 16);

		memcpy(&out[n++], &b, 8);
		p = *end == ' ' ? end + 1 : end;
	}
	return n;
}

static size_t vec_u32(const struct vec_file *f, const char *key, int nth, uint32_t *out, size_t max)
{
	const char *p = vec_words(f, key, nth);
	size_t n = 0;

	while (*p && *p != '\n' && n < max) {
		char *end;

		out[n++] = (uint32_t)strtoul(p, &end, 10);
		p = *end == ' ' ? end + 1 : end;
	}
	return n;
}

__attribute__((unused))
static size_t vec_bytes(const struct vec_file *f, const char *key, uint8_t *out, size_t max)
{
	const char *p = vec_words(f, key, 0);
	size_t n = 0;
	unsigned b;

	for (; n < max && *p != '\n' && sscanf(p, "%2x", &b) == 1; p += 2)
		out[n++] = (uint8_t)b;
	return n;
}

#endif
