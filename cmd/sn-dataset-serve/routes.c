/* The route table, and what every request goes through before its handler: the gate. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "util/clock.h"
#include "util/log.h"

static void get_health(struct sn_http_req *r, void *arg);
static void get_datasets(struct sn_http_req *r, void *arg);
static void get_one(struct sn_http_req *r, void *arg);

const struct sn_route routes[] = {
	{ "dataset", "GET", "/dataset",
	  "start_date end_date epoch_date current_date limit seed", get_dataset, 0 },
	{ "datasets", "GET", "/v1/datasets", "", get_datasets, 0 },
	{ "info", "GET", "/v1/datasets/{}", "", get_one, 0 },
	{ "sample", "GET", "/v1/datasets/{}/sample",
	  "start end n recent window seed snapshot", get_sample, 0 },
	{ "rows", "GET", "/v1/datasets/{}/rows", "offset length snapshot", get_rows, 0 },
	{ "hc", "GET", "/hc", "", get_health, ROUTE_FREE },
	{ "metrics", "GET", "/metrics", "", get_metrics, ROUTE_FREE },
	{ NULL, NULL, NULL, NULL, NULL, 0 },
};

struct sn_dataset *dataset_named(const char *name)
{
	for (size_t i = 0; i < app.nsets; i++)
		if (!strcmp(sn_dataset_name(app.set[i]), name))
			return app.set[i];
	return NULL;
}

/* ---- admission ---- */

static uint64_t seconds_up(int64_t ns)
{
	return ns <= 0 ? 0 : ((uint64_t)ns + 999999999) / 1000000000;
}

/* draft-ietf-httpapi-ratelimit-headers: quoted names with parameters (RFC 9651) */
static void limit_fields(struct sn_http_req *r, const struct sn_gate_decision *d)
{
	const struct sn_limit_result *l = &d->limit;

	if (!d->metered)
		return;
	sn_http_set(r, "RateLimit-Policy", "\"%s\";q=%llu;w=%llu", d->group,
		(unsigned long long)l->limit, (unsigned long long)seconds_up(l->window));
	sn_http_set(r, "RateLimit", "\"%s\";r=%llu;t=%llu", d->group,
		(unsigned long long)l->remaining, (unsigned long long)seconds_up(l->reset));
}

static void refuse_limited(struct sn_http_req *r, const struct sn_gate_decision *d)
{
	uint64_t wait = seconds_up(d->limit.retry_after);

	limit_fields(r, d);
	if (d->limit.retry_after == SN_LIMIT_FOREVER) {
		sn_http_error(r, 403, "blocked", "this client is blocked");
		return;
	}
	wait = wait ? wait : 1;
	/* up to a quarter later, so that those refused together do not come back together */
	wait += randombytes_uniform((uint32_t)(wait / 4 > 3600 ? 3600 : wait / 4) + 2);
	sn_http_set(r, "Retry-After", "%llu", (unsigned long long)wait);
	sn_http_error(r, 429, d->limit.blocked ? "blocked" : "limited", "%s; try again in %llu s",
		d->limit.blocked ? "this client is blocked" : "the limit is reached",
		(unsigned long long)wait);
}

static void refuse_key(struct sn_http_req *r, const char *code, const char *text, bool given)
{
	if (given)
		sn_http_set(r, "WWW-Authenticate",
			"Bearer realm=\"sn\", error=\"invalid_token\", error_description=\"%s\"", text);
	else
		sn_http_set(r, "WWW-Authenticate", "Bearer realm=\"sn\"");
	sn_http_error(r, 401, code, "%s", text);
}

static const struct { enum refusal why; const char *text; } refusals[] = {
	[SN_GATE_NO_KEY] = { REFUSED_NO_KEY, "a key is needed" },
	[SN_GATE_WRONG] = { REFUSED_WRONG, "the key is not known" },
	[SN_GATE_EXPIRED] = { REFUSED_EXPIRED, "the key has expired" },
	[SN_GATE_REVOKED] = { REFUSED_REVOKED, "the key has been revoked" },
	[SN_GATE_FORBIDDEN] = { REFUSED_FORBIDDEN, NULL },
	[SN_GATE_LIMITED] = { REFUSED_LIMITED, NULL },
};

/* Has no group been set up, and is that all right on these sockets? */
bool is_open(void)
{
	return app.may_be_open && !sn_gate_has_groups(app.gate);
}

/* Who asks, and may they: true, or the request has been answered. */
static bool admit(struct sn_http_req *r, struct ask *a, const char *dataset)
{
	struct sn_gate_ask ask = { .client = r->peer, .dataset = dataset, .cost = 1,
		.now = sn_clock_real() };
	struct sn_gate_decision d = { 0 };
	struct sn_err e = { 0 };

	a->open = is_open();
	if (a->open)
		return true;
	ask.bearer = sn_gate_bearer(sn_http_field(r, "Authorization"));
	if (sn_gate_admit(app.gate, &ask, &d, &e) < 0) {
		metrics_refused(REFUSED_GATE);
		sn_http_set(r, "Retry-After", "%u", 1 + randombytes_uniform(5));
		sn_http_error(r, 503, "gate", "the limits cannot be read now");
		return false;
	}
	r->group = metrics_group(d.group);
	if (d.kind == SN_GATE_OK) {
		limit_fields(r, &d);
		return true;
	}
	metrics_refused(d.kind == SN_GATE_LIMITED && d.limit.blocked ? REFUSED_BLOCKED :
		refusals[d.kind].why);
	if (d.kind == SN_GATE_LIMITED) {
		refuse_limited(r, &d);
	} else if (d.kind == SN_GATE_FORBIDDEN) {
		limit_fields(r, &d);
		sn_http_error(r, 403, "forbidden", "group %s may not read this dataset", d.group);
	} else {
		refuse_key(r, sn_gate_kind_name(d.kind), refusals[d.kind].text,
			d.kind != SN_GATE_NO_KEY);
	}
	return false;
}

bool may_read(struct sn_http_req *r, const struct ask *a, const char *name)
{
	struct sn_gate_ask ask = { .client = r->peer, .dataset = name, .now = sn_clock_real() };
	struct sn_gate_decision d = { 0 };

	if (a->open)
		return true;
	ask.bearer = sn_gate_bearer(sn_http_field(r, "Authorization"));
	return sn_gate_admit(app.gate, &ask, &d, NULL) == 0 && d.kind != SN_GATE_FORBIDDEN;
}

/* The dataset that a request is about: by its path, or the first for /dataset. */
static const char *about(const struct sn_http_req *r)
{
	if (r->uri.nseg >= 3)
		return r->uri.seg[2];
	return r->uri.nseg == 1 ? sn_dataset_name(app.set[0]) : NULL;
}

void handle(struct sn_http_req *r, void *arg)
{
	const struct sn_route *t;
	struct ask *a = r->state;

	if (a) {                        /* woken */
		body_ready(r, a);
		return;
	}
	t = sn_route_find(routes, r);
	if (!t)
		return;
	r->route = (unsigned)(t - routes) + 1;
	r->state = a = calloc(1, sizeof(*a));
	if (!a) {
		sn_http_error(r, 503, "memory", "out of memory");
		return;
	}
	if (t->flags & ROUTE_FREE || admit(r, a, about(r)))
		t->handle(r, NULL);
}

void request_done(struct sn_http_req *r, void *arg)
{
	struct ask *a = r->state;

	metrics_count(r);
	if (a)
		sn_cache_forget(app.cache, &a->ticket);
	free(a);
	r->state = NULL;
}

/* ---- the small routes ---- */

static void get_health(struct sn_http_req *r, void *arg)
{
	static const char yes[] = "{\"g\": true}\n";

	sn_http_set(r, "Cache-Control", "no-store");
	sn_http_text(r, 200, "application/json", yes, sizeof(yes) - 1);
}

static void add_time(struct sn_buf *b, const char *key, int64_t sec, bool known)
{
	char text[24];

	if (known)
		sn_buf_fmt(b, ",\"%s\":\"%s\"", key, sn_date_text(sec, text));
	else
		sn_buf_fmt(b, ",\"%s\":null", key);
}

static void describe(struct sn_buf *b, struct sn_dataset *d)
{
	struct sn_view *v = sn_dataset_newest(d);
	const char *name = sn_dataset_name(d);
	const struct sn_snapshot *s;
	char hex[SN_DIGEST_HEX];

	if (!v) {
		b->nomem = true;
		return;
	}
	s = sn_view_snapshot(v);

	sn_buf_str(b, "{\"name\":");
	sn_buf_json(b, name, strlen(name));
	if (s->number)
		sn_buf_fmt(b, ",\"snapshot\":\"%s\"", sn_hex(s->id, hex));
	else
		sn_buf_str(b, ",\"snapshot\":null");
	sn_buf_fmt(b, ",\"number\":%llu,\"records\":%llu,\"bytes\":%llu",
		(unsigned long long)s->number, (unsigned long long)s->records,
		(unsigned long long)s->bytes);
	add_time(b, "sealed", s->sealed, s->number > 0);
	add_time(b, "first", s->first, s->records > 0);
	add_time(b, "last", s->last, s->records > 0);
	sn_buf_chr(b, '}');
	sn_view_drop(v);
}

static void send_json(struct sn_http_req *r, struct sn_buf *b)
{
	struct sn_err e = { 0 };

	sn_http_set(r, "Cache-Control", "no-cache");
	if (sn_buf_ok(b, "answer", &e) < 0)
		sn_http_error(r, 503, "memory", "%s", e.msg);
	else
		sn_http_text(r, 200, "application/json", b->p, b->len);
	sn_buf_release(b);
}

static void get_datasets(struct sn_http_req *r, void *arg)
{
	struct sn_buf b = SN_BUF_INIT;
	bool some = false;

	refresh_datasets();
	sn_buf_str(&b, "{\"datasets\":[");
	for (size_t i = 0; i < app.nsets; i++) {
		if (!may_read(r, r->state, sn_dataset_name(app.set[i])))
			continue;
		if (some)
			sn_buf_chr(&b, ',');
		describe(&b, app.set[i]);
		some = true;
	}
	sn_buf_str(&b, "]}\n");
	send_json(r, &b);
}

static void get_one(struct sn_http_req *r, void *arg)
{
	struct sn_dataset *d = dataset_named(r->uri.seg[2]);
	struct sn_buf b = SN_BUF_INIT;

	if (!d) {
		sn_http_error(r, 404, "no_dataset", "no dataset \"%s\" here", r->uri.seg[2]);
		return;
	}
	refresh_datasets();
	describe(&b, d);
	sn_buf_chr(&b, '\n');
	send_json(r, &b);
}
