/*
 * Jobs as NDJSON.  A body that is JSON goes out as the very text that came in: read and
 * written again, a number of twenty digits or a repeated key would not survive.  Only
 * its line ends, which JSON allows between values, become spaces, so that a line stays
 * a line.
 */
#include "queue/queue.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "util/utf8.h"

static bool is_json(const char *p, size_t n)
{
	json_error_t je;
	json_t *v;

	/* the parser takes a NUL for the end */
	if (!n || memchr(p, 0, n))
		return false;
	v = json_loadb(p, n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &je);
	json_decref(v);
	return v != NULL;
}

static void add_base64(struct sn_buf *b, const void *p, size_t n)
{
	size_t len = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *to = sn_buf_room(b, len);

	if (!to)
		return;
	sodium_bin2base64(to, len, p, n, sodium_base64_VARIANT_ORIGINAL);
	sn_buf_grew(b, len - 1);        /* its NUL does not count */
}

void sn_body_json(struct sn_buf *b, const void *p, size_t n)
{
	size_t from;

	sn_buf_str(b, "\"body\":");
	from = b->len;
	if (is_json(p, n)) {
		sn_buf_add(b, p, n);
		for (size_t i = from; i < b->len; i++)
			if (b->p[i] == '\n' || b->p[i] == '\r')
				b->p[i] = ' ';
		return;
	}
	sn_buf_json(b, p, n);
	if (!sn_utf8_valid(p, n)) {
		sn_buf_str(b, ",\"body_base64\":\"");
		add_base64(b, p, n);
		sn_buf_chr(b, '"');
	}
}

/* Unix seconds to the millisecond, towards the past. */
static void add_time(struct sn_buf *b, const char *key, int64_t t)
{
	sn_buf_fmt(b, "\"%s\":%" PRId64 ".%03d,", key, t / 1000000000,
		(int)(t % 1000000000 / 1000000));
}

void sn_lease_json(struct sn_buf *b, const struct sn_lease *l)
{
	sn_buf_fmt(b, "{\"id\":%" PRId64 ",\"token\":\"", l->id);
	sn_buf_hex(b, l->token, sizeof(l->token));
	sn_buf_fmt(b, "\",\"attempt\":%" PRId64 ",\"group\":\"%s\",", l->attempt, l->group);
	add_time(b, "lease_until", l->until);
	sn_body_json(b, l->body, l->body_len);
	sn_buf_str(b, "}\n");
}

void sn_job_json(struct sn_buf *b, const struct sn_job *j)
{
	static const char *const when[SN_QUEUE_STATES] = {
		"ready_since", "ready_at", "lease_until", "ended", "ended"
	};

	sn_buf_fmt(b, "{\"id\":%" PRId64 ",\"state\":\"%s\",\"group\":\"%s\",\"priority\":%" PRId64
		",\"attempt\":%" PRId64 ",", j->id, sn_queue_state_name[j->state], j->group,
		j->priority, j->attempt);
	add_time(b, "pushed", j->pushed);
	add_time(b, when[j->state], j->when);
	if (j->status >= 0)
		sn_buf_fmt(b, "\"status\":%" PRId64 ",", j->status);
	if (j->error) {
		sn_buf_str(b, "\"error\":");
		sn_buf_json(b, j->error, strlen(j->error));
		sn_buf_chr(b, ',');
	}
	sn_body_json(b, j->body.p, j->body.n);
	sn_buf_str(b, "}\n");
}
