/*
 * tok - token ids for the tests, and how fast they come
 *
 *   tok [-s] MODEL|tokenizer.json <TEXTS     a line of ids for each text
 *   tok -t N MODEL|tokenizer.json <TEXTS     encode all N times: "tokens seconds"
 *
 * A text is a line of NDJSON: a string, or {"hex": "..."}.  -s adds the special
 * tokens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/json.h"

static struct sn_err err;

static void die(void)
{
	fprintf(stderr, "tok: %s\n", err.msg);
	exit(-err.code);
}

struct texts { char **p; size_t *n; size_t count; };

static void read_texts(struct texts *t)
{
	struct sn_lines lines;
	char *line;
	size_t len;
	int rc;

	sn_lines_init(&lines, 0, "stdin", 64 << 20);
	while ((rc = sn_lines_next(&lines, &line, &len, &err)) > 0) {
		json_t *v = json_loadb(line, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		const char *hex = json_string_value(json_object_get(v, "hex"));
		size_t n = hex ? strlen(hex) / 2 : json_string_length(v);
		char *p = malloc(n + 1);

		if (!v || !p) {
			fprintf(stderr, "tok: bad text: %s\n", line);
			exit(1);
		}
		if (hex)
			sodium_hex2bin((unsigned char *)p, n, hex, 2 * n, NULL, &n, NULL);
		else
			memcpy(p, json_string_value(v), n);
		t->p = realloc(t->p, (t->count + 1) * sizeof(*t->p));
		t->n = realloc(t->n, (t->count + 1) * sizeof(*t->n));
		t->p[t->count] = p;
		t->n[t->count++] = n;
		json_decref(v);
	}
	if (rc < 0)
		die();
	sn_lines_release(&lines);
}

static const struct sn_tokenizer *open_any(const char *path, struct sn_tokenizer **own,
	struct sn_model **m)
{
	struct sn_buf b = SN_BUF_INIT;
	size_t n = strlen(path);

	if (n < 5 || strcmp(path + n - 5, ".json")) {
		if (sn_model_find(m, path, &err) || sn_model_load_config(*m, &err) ||
		    sn_model_load_tokenizer(*m, &err))
			die();
		return sn_model_tokenizer(*m);
	}
	if (sn_read_file(path, &b, &err) ||
	    sn_tokenizer_json(own, b.p ? b.p : "", b.len, path, NULL, 0, NULL, &err))
		die();
	sn_buf_release(&b);
	return *own;
}

int main(int argc, char **argv)
{
	struct sn_tokenizer *own = NULL;
	struct sn_model *m = NULL;
	struct sn_tok_scratch *s;
	struct texts t = { 0 };
	struct sn_ids ids = { 0 };
	const struct sn_tokenizer *tok;
	unsigned flags = 0;
	int c, times = 0;
	size_t total = 0;
	int64_t start;

	while ((c = getopt(argc, argv, "st:")) != -1) {
		if (c == 's')
			flags = SN_TOK_ADD_SPECIAL;
		else if (c == 't')
			times = atoi(optarg);
		else
			return 100;
	}
	if (optind + 1 != argc || sodium_init() < 0)
		return 100;
	tok = open_any(argv[optind], &own, &m);
	read_texts(&t);
	if (sn_tok_scratch_new(&s, tok, &err))
		die();
	start = sn_clock_mono();
	for (int k = 0; k < (times ? times : 1); k++)
		for (size_t i = 0; i < t.count; i++) {
			ids.n = 0;
			if (sn_tokenizer_encode(tok, s, t.p[i], t.n[i], flags, 0, &ids, &err))
				die();
			total += ids.n;
			for (size_t j = 0; j < ids.n && !times; j++)
				printf(j ? " %u" : "%u", ids.v[j]);
			if (!times)
				putchar('\n');
		}
	if (times)
		printf("%zu %.6f\n", total, (double)(sn_clock_mono() - start) / 1e9);
	for (size_t i = 0; i < t.count; i++)
		free(t.p[i]);
	free(t.p);
	free(t.n);
	free(ids.v);
	sn_tok_scratch_free(s);
	sn_tokenizer_close(own);
	sn_model_close(m);
	return fflush(stdout) ? 111 : 0;
}
