/*
 * Answers that are built once and kept.  A handler works out the snapshot and the rest of
 * what is wanted; both the cache's key and the entity tag are made of exactly that, so a
 * client that has the answer is told so (304) without anything being built, and by any
 * replica and after any restart alike.  The tag also names the coder's version, since other
 * versions give other bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/num.h"

#define HOUR 3600

static void bad(struct sn_http_req *r, const char *name, const struct sn_err *e)
{
	sn_http_error(r, 400, "bad_parameter", "parameter \"%s\": %s", name, e->msg);
}

static void missing(struct sn_http_req *r, const char *name)
{
	sn_http_error(r, 400, "missing_parameter", "parameter \"%s\" is needed", name);
}

/* ---- the parts of what is wanted; each false has answered ---- */

static bool take_range(struct sn_http_req *r, struct want *w, const char *first, const char *last)
{
	const char *s = sn_uri_param(&r->uri, first), *t = sn_uri_param(&r->uri, last);
	struct sn_err e = { 0 };

	if (!s || !t) {
		missing(r, s ? last : first);
		return false;
	}
	if (sn_sample_bound(s, false, &w->sample.start, &e) < 0) {
		bad(r, first, &e);
		return false;
	}
	if (sn_sample_bound(t, true, &w->sample.end, &e) < 0) {
		bad(r, last, &e);
		return false;
	}
	if (w->sample.end < w->sample.start) {
		sn_http_error(r, 400, "bad_parameter", "parameter \"%s\": before \"%s\"", last, first);
		return false;
	}
	return true;
}

static bool take_u64(struct sn_http_req *r, const char *name, uint64_t min, uint64_t max,
	uint64_t standard, uint64_t *out)
{
	const char *text = sn_uri_param(&r->uri, name);
	struct sn_err e = { 0 };

	*out = standard;
	if (!text || sn_num_u64(text, min, max, out, &e) == 0)
		return true;
	bad(r, name, &e);
	return false;
}

static bool take_recent(struct sn_http_req *r, struct want *w)
{
	const char *text = sn_uri_param(&r->uri, "recent");
	struct sn_err e = { 0 };

	if (sn_num_fraction(text ? text : "0.5", &w->sample.num, &w->sample.den, &e) < 0) {
		bad(r, "recent", &e);
		return false;
	}
	/* 0.5 and 0.50 want the same */
	while (w->sample.den % 10 == 0 && w->sample.num % 10 == 0) {
		w->sample.den /= 10;
		w->sample.num /= 10;
	}
	return true;
}

static bool take_window(struct sn_http_req *r, struct want *w)
{
	const char *text = sn_uri_param(&r->uri, "window");
	struct sn_err e = { 0 };
	uint64_t ns;

	if (sn_num_duration(text ? text : "48h", 0, UINT64_MAX, &ns, &e) < 0) {
		bad(r, "window", &e);
		return false;
	}
	if (ns % 1000000000) {
		sn_http_error(r, 400, "bad_parameter", "parameter \"window\": \"%s\" is not whole seconds",
			text);
		return false;
	}
	w->sample.window = ns / 1000000000;
	return true;
}

static bool take_seed(struct sn_http_req *r, struct want *w, const char *name, const char *end)
{
	const char *text = sn_uri_param(&r->uri, "seed");
	struct sn_buf b = SN_BUF_INIT;
	struct sn_err e = { 0 };
	bool fits;

	if (text)
		sn_buf_str(&b, text);
	else if (sn_sample_seed(name, end, &b, &e) < 0)
		sn_buf_clear(&b);
	fits = b.p && b.len <= SEED_MAX;
	if (fits) {
		memcpy(w->seed, b.p, b.len + 1);
		w->sample.seed = w->seed;
		w->sample.seed_len = b.len;
	} else {
		sn_http_error(r, 400, "bad_parameter", "parameter \"seed\": longer than %d bytes", SEED_MAX);
	}
	sn_buf_release(&b);
	return fits;
}

/* The snapshot that is named, or the newest. */
static bool take_snapshot(struct sn_http_req *r, struct want *w, struct sn_dataset *d)
{
	const char *text = sn_uri_param(&r->uri, "snapshot");
	uint8_t id[SN_DIGEST];
	struct sn_err e = { 0 };

	refresh_datasets();
	if (!text) {
		w->view = sn_dataset_newest(d);
		if (!w->view)
			sn_http_error(r, 503, "memory", "out of memory");
		return w->view;
	}
	if (sn_num_hex(text, id, sizeof(id), &e) < 0) {
		bad(r, "snapshot", &e);
		return false;
	}
	if (sn_dataset_find(d, id, &w->view, &e) < 0) {
		sn_http_error(r, 404, "no_snapshot", "no snapshot %s in dataset \"%s\"", text,
			sn_dataset_name(d));
		return false;
	}
	return true;
}

/* ---- the answer ---- */

static void send_body(struct sn_http_req *r, const struct ask *a, struct sn_body *b)
{
	if (a->coding != SN_IDENTITY)
		sn_http_set(r, "Content-Encoding", "%s", sn_coding_name[a->coding]);
	sn_http_set(r, "Content-Type", "%s", a->type);
	sn_http_set(r, "X-SN-Records", "%" PRIu64, b->count);
	sn_http_reply(r, 200, b);
	sn_body_unref(b);
}

static void validators(struct sn_http_req *r, const struct ask *a)
{
	sn_http_set(r, "ETag", "%s", a->etag);
	sn_http_set(r, "Vary", "Accept-Encoding, Authorization");
	sn_http_set(r, "Cache-Control", "%s, %s", a->open ? "public" : "private", a->cache_control);
	sn_http_set(r, "X-SN-Snapshot", "%s", a->snapshot);
}

static void send_failure(struct sn_http_req *r, int rc, const struct sn_err *e)
{
	if (rc == SN_ETEMP) {
		metrics_refused(REFUSED_BUSY);
		sn_http_set(r, "Retry-After", "%u", 1 + randombytes_uniform(4));
		sn_http_error(r, 503, "busy", "%s", e->msg);
		return;
	}
	if (rc == SN_EUSE) {
		sn_http_error(r, 400, "answer_too_large", "%s; ask for fewer records", e->msg);
		return;
	}
	sn_error("%s", e->msg);         /* a record that cannot be read, say */
	sn_http_error(r, 500, "internal", "the answer could not be made");
}

void body_ready(struct sn_http_req *r, struct ask *a)
{
	struct sn_body *b = NULL;
	struct sn_err e = { 0 };
	int rc = sn_cache_claim(app.cache, &a->ticket, &b, &e);

	if (rc < 0) {
		send_failure(r, rc, &e);
		return;
	}
	validators(r, a);
	send_body(r, a, b);
}

/* A snapshot's id does not fix the order in which records arrived, so which rows they are
 * is part of the key. */
static void add_rows(struct sn_buf *key, const struct want *w)
{
	uint64_t records = sn_view_snapshot(w->view)->records;
	struct sn_digest d;
	uint8_t h[SN_DIGEST];

	sn_digest_init(&d);
	for (uint64_t i = 0; i < w->length && w->offset < records && i < records - w->offset; i++) {
		sn_view_digest(w->view, w->offset + i, h);
		sn_digest_add(&d, h, SN_DIGEST);
	}
	sn_digest_end(&d, h);
	sn_buf_fmt(key, " %" PRIu64 " %" PRIu64 " ", w->offset, w->length);
	sn_buf_hex(key, h, sizeof(h));
}

/* The key says all that the body depends on; its hash is the tag. */
static bool make_key(struct sn_buf *key, const struct want *w, struct ask *a)
{
	uint8_t h[SN_DIGEST];
	char hex[SN_DIGEST_HEX];

	sn_buf_fmt(key, "1 %d %s %s %s", (int)w->shape, a->snapshot, sn_coding_name[w->coding],
		sn_coding_version(w->coding));
	if (w->shape == SHAPE_ROWS)
		add_rows(key, w);
	else
		sn_buf_fmt(key, " %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 "/%" PRIu64
			" %" PRIu64 " %s", w->sample.start, w->sample.end, w->sample.n,
			w->sample.num, w->sample.den, w->sample.window, w->seed);
	if (sn_buf_ok(key, "key", NULL) < 0)
		return false;
	sn_sha256(key->p, key->len, h);
	snprintf(a->etag, sizeof(a->etag), "\"%.32s\"", sn_hex(h, hex));
	return true;
}

/* 304, the body, or parked until it is there.  Drops w->view. */
static void answer(struct sn_http_req *r, struct want *w)
{
	const struct sn_cache_job job = { want_build, want_hold, want_drop, w, sizeof(*w) };
	struct sn_buf key = SN_BUF_INIT;
	struct ask *a = r->state;
	struct sn_body *b = NULL;
	struct sn_err e = { 0 };
	const char *have;
	int c = sn_coding_choose(sn_http_field(r, "Accept-Encoding")), rc;

	if (c < 0) {
		sn_http_set(r, "Vary", "Accept-Encoding");
		sn_http_error(r, 406, "not_acceptable", "Accept-Encoding rules out zstd, gzip and identity");
		goto out;
	}
	w->coding = a->coding = (enum sn_coding)c;
	sn_hex(sn_view_snapshot(w->view)->id, a->snapshot);
	a->type = w->shape == SHAPE_NDJSON ? "application/x-ndjson" : "application/json";
	if (!make_key(&key, w, a)) {
		sn_http_error(r, 503, "memory", "out of memory");
		goto out;
	}
	have = sn_http_field(r, "If-None-Match");
	if (have && sn_etag_match(have, a->etag)) {
		validators(r, a);
		sn_http_reply(r, 304, NULL);
		goto out;
	}
	rc = sn_cache_get(app.cache, key.p, &job, r, &a->ticket, &b, &e);
	if (rc < 0) {
		send_failure(r, rc, &e);
	} else if (rc > 0) {
		validators(r, a);
		send_body(r, a, b);
	}
out:
	sn_buf_release(&key);
	sn_view_drop(w->view);
}

/* ---- the routes ---- */

static void want_init(struct want *w, enum shape shape)
{
	memset(w, 0, offsetof(struct want, seed));
	w->seed[0] = 0;
	w->shape = shape;
}

/* A named snapshot never changes; the newest may have changed by the next request. */
static const char *freshness(struct sn_http_req *r)
{
	return sn_uri_param(&r->uri, "snapshot") ? "max-age=31536000, immutable" : "no-cache";
}

static struct sn_dataset *take_dataset(struct sn_http_req *r)
{
	struct sn_dataset *d = dataset_named(r->uri.seg[2]);

	if (!d)
		sn_http_error(r, 404, "no_dataset", "no dataset \"%s\" here", r->uri.seg[2]);
	return d;
}

void get_sample(struct sn_http_req *r, void *arg)
{
	struct sn_dataset *d = take_dataset(r);
	struct ask *a = r->state;
	struct want w;

	want_init(&w, SHAPE_NDJSON);
	if (!d || !take_range(r, &w, "start", "end") ||
	    !take_u64(r, "n", 1, MAX_PICKS, 4096, &w.sample.n) || !take_recent(r, &w) ||
	    !take_window(r, &w) ||
	    !take_seed(r, &w, sn_dataset_name(d), sn_uri_param(&r->uri, "end")) ||
	    !take_snapshot(r, &w, d))
		return;
	snprintf(a->cache_control, sizeof(a->cache_control), "%s", freshness(r));
	answer(r, &w);
}

void get_rows(struct sn_http_req *r, void *arg)
{
	struct sn_dataset *d = take_dataset(r);
	struct ask *a = r->state;
	struct want w;

	want_init(&w, SHAPE_ROWS);
	if (!d || !take_u64(r, "offset", 0, INT64_MAX, 0, &w.offset) ||
	    !take_u64(r, "length", 1, MAX_ROWS, MAX_ROWS, &w.length) || !take_snapshot(r, &w, d))
		return;
	snprintf(a->cache_control, sizeof(a->cache_control), "%s", freshness(r));
	answer(r, &w);
}

/* The older names mean the same; naming a bound by both is asking for two things at once. */
static bool older_name(struct sn_http_req *r, const char *name, const char *older, const char **use)
{
	bool has_name = sn_uri_param(&r->uri, name), has_older = sn_uri_param(&r->uri, older);

	*use = has_older ? older : name;
	if (has_name && has_older)
		sn_http_error(r, 400, "bad_parameter",
			"parameters \"%s\" and \"%s\" are two names for one", name, older);
	return !(has_name && has_older);
}

void get_dataset(struct sn_http_req *r, void *arg)
{
	struct sn_dataset *d = app.set[0];
	struct ask *a = r->state;
	int64_t now = sn_clock_real() / 1000000000, hour = now - now % HOUR;
	const char *first, *last;
	struct sn_err e = { 0 };
	struct want w;

	want_init(&w, SHAPE_ALL_CONVOS);
	if (!older_name(r, "start_date", "epoch_date", &first) ||
	    !older_name(r, "end_date", "current_date", &last) || !take_range(r, &w, first, last) ||
	    !take_u64(r, "limit", 1, MAX_PICKS, 4096, &w.sample.n) || !take_recent(r, &w) ||
	    !take_window(r, &w) || !take_seed(r, &w, sn_dataset_name(d), sn_uri_param(&r->uri, last)))
		return;
	refresh_datasets();
	if (sn_dataset_before(d, hour, &w.view, &e) < 0) {
		send_failure(r, SN_ENO, &e);
		return;
	}
	/* the same for all until the hour ends, where the snapshot is older than it */
	if (sn_view_snapshot(w.view)->number && sn_view_snapshot(w.view)->sealed < hour)
		snprintf(a->cache_control, sizeof(a->cache_control), "max-age=%lld",
			(long long)(hour + HOUR - now));
	else
		snprintf(a->cache_control, sizeof(a->cache_control), "no-cache");
	answer(r, &w);
}
