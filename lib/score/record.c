#include "score/record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataset/dataset.h"
#include "net/client.h"
#include "util/io.h"
#include "util/json.h"

static const char *put(char **at, const char *text, size_t len)
{
	char *p = memcpy(*at, text, len + 1);

	*at += len + 1;
	return p;
}

/* One block: the messages, then every text with its NUL. */
static int keep(struct sn_record *r, const char *system, const json_t *messages, struct sn_err *e)
{
	size_t n = json_array_size(messages), size = n * sizeof(*r->messages) + strlen(system) + 1;
	struct sn_message *to;
	json_t *m;
	size_t i;
	char *at;

	json_array_foreach(messages, i, m)
		size += json_string_length(json_object_get(m, "role")) +
			json_string_length(json_object_get(m, "content")) + 2;
	r->mem = malloc(size);
	if (!r->mem)
		return sn_err_mem(e);
	to = r->mem;
	at = (char *)(to + n);
	r->system = put(&at, system, strlen(system));
	json_array_foreach(messages, i, m) {
		const json_t *role = json_object_get(m, "role");
		const json_t *content = json_object_get(m, "content");

		to[i].role = put(&at, json_string_value(role), json_string_length(role));
		to[i].content_len = json_string_length(content);
		to[i].content = put(&at, json_string_value(content), to[i].content_len);
	}
	r->messages = to;
	r->n = n;
	return 0;
}

int sn_record_parse(struct sn_record *r, const char *line, size_t len, const char *name,
	uint64_t lineno, struct sn_err *e)
{
	int64_t time;
	json_t *v;
	int rc = sn_record_check(line, len, name, lineno, 0, &time, e);

	*r = (struct sn_record){ 0 };
	if (rc < 0 || (rc = sn_json_parse(line, len, name, &v, e)) < 0)
		return rc;
	rc = keep(r, json_string_value(json_object_get(v, "system_prompt")),
		json_object_get(v, "messages"), e);
	json_decref(v);
	sn_sha256(line, len, r->digest);
	return rc;
}

void sn_record_release(struct sn_record *r)
{
	free(r->mem);
	*r = (struct sn_record){ 0 };
}

static int append(struct sn_records *l, const char *line, size_t len, const char *name,
	uint64_t lineno, struct sn_err *e)
{
	int rc;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64, bytes;
		struct sn_record *v = sn_mul(cap, sizeof(*v), &bytes) ? realloc(l->v, bytes) : NULL;

		if (!v)
			return sn_err_mem(e);
		l->v = v;
		l->cap = cap;
	}
	rc = sn_record_parse(&l->v[l->n], line, len, name, lineno, e);
	if (rc == 0)
		l->n++;
	return rc;
}

/* What a URL answers, as a descriptor to read from. */
static int fetch(const char *url, int *fd, struct sn_err *e)
{
	const struct sn_http_get how = { .max = SN_BUF_MAX, .bearer = secure_getenv("SN_KEY") };
	struct sn_buf body = SN_BUF_INIT;
	int rc = sn_http_get(url, &how, &body, NULL, e);

	if (rc < 0)
		return rc;
	*fd = memfd_create("records", MFD_CLOEXEC);
	if (*fd < 0 || sn_write(*fd, body.p, body.len) < 0 || lseek(*fd, 0, SEEK_SET) < 0) {
		rc = sn_err_sys(e, "cannot keep what %s answered", url);
		if (*fd >= 0)
			close(*fd);
	}
	sn_buf_release(&body);
	return rc;
}

int sn_records_read(struct sn_records *l, const char *source, struct sn_err *e)
{
	const char *name = strcmp(source, "-") ? source : "standard input";
	struct sn_lines lines;
	char *line;
	size_t len;
	int fd, rc;

	rc = sn_http_is_url(source) ? fetch(source, &fd, e) : sn_open_in(source, &fd, e);
	if (rc < 0)
		return rc;
	sn_lines_init(&lines, fd, name, SN_RECORD_MAX);
	while ((rc = sn_lines_next(&lines, &line, &len, e)) > 0) {
		if (!len)
			continue;
		if ((rc = append(l, line, len, name, lines.lineno, e)) < 0)
			break;
	}
	sn_lines_release(&lines);
	if (fd > 0)
		close(fd);
	return rc;
}

void sn_records_release(struct sn_records *l)
{
	for (size_t i = 0; i < l->n; i++)
		sn_record_release(&l->v[i]);
	free(l->v);
	*l = (struct sn_records){ 0 };
}
