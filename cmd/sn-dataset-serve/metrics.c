/*
 * Accounts and their text for Prometheus (exposition format 0.0.4).  Counting is a few relaxed
 * atomic additions in a table by group, route and status; the text is made when asked for.
 *
 * Who may read it: anyone where the server is open; otherwise this machine (loopback or
 * UNIX, and not through a proxy), and keys of the group `ops'.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "util/clock.h"

#define GROUPS 65               /* by name; the last takes all that come later */
#define ROUTES 8                /* 0: no route */
#define OPS "ops"

static const unsigned statuses[] = { 200, 304, 400, 401, 403, 404, 405, 406, 413, 414, 429, 431,
	500, 503, 0 /* ended without an answer, and any other */ };
#define STATUSES (sizeof(statuses) / sizeof(*statuses))

/* seconds, as text and in nanoseconds */
static const struct { const char *le; int64_t ns; } bounds[] = {
	{ "0.0005", 500000 }, { "0.001", 1000000 }, { "0.0025", 2500000 }, { "0.005", 5000000 },
	{ "0.01", 10000000 }, { "0.025", 25000000 }, { "0.05", 50000000 }, { "0.1", 100000000 },
	{ "0.25", 250000000 }, { "0.5", 500000000 }, { "1", 1000000000 }, { "2.5", 2500000000 },
	{ "5", 5000000000 }, { "10", 10000000000 }, { "+Inf", INT64_MAX },
};
#define BOUNDS (sizeof(bounds) / sizeof(*bounds))

static const char *const reasons[REFUSALS] = { "no_key", "wrong_key", "expired_key",
	"revoked_key", "forbidden", "limited", "blocked", "busy", "gate" };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char group_name[GROUPS][SN_LIMIT_NAME] = { "none" };
static unsigned ngroups = 1;    /* atomic: names below it do not change any more */

static uint64_t requests[GROUPS][ROUTES][STATUSES];
static uint64_t sent[GROUPS][ROUTES];
static uint64_t took[ROUTES][BOUNDS], took_ns[ROUTES];
static uint64_t refused[REFUSALS];

#define COUNT(var, by) __atomic_fetch_add(&(var), (by), __ATOMIC_RELAXED)
#define LOAD(var) __atomic_load_n(&(var), __ATOMIC_RELAXED)

static int known(const char *name, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(group_name[i], name))
			return (int)i;
	return -1;
}

unsigned metrics_group(const char *name)
{
	int i;

	if (!*name)
		return 0;
	i = known(name, __atomic_load_n(&ngroups, __ATOMIC_ACQUIRE));
	if (i >= 0)
		return (unsigned)i;
	pthread_mutex_lock(&lock);
	i = known(name, ngroups);
	if (i < 0) {
		i = ngroups < GROUPS ? (int)ngroups : GROUPS - 1;
		if (ngroups < GROUPS) {
			snprintf(group_name[i], sizeof(group_name[i]), "%s",
				i == GROUPS - 1 ? "others" : name);
			__atomic_store_n(&ngroups, ngroups + 1, __ATOMIC_RELEASE);
		}
	}
	pthread_mutex_unlock(&lock);
	return (unsigned)i;
}

void metrics_count(const struct sn_http_req *r)
{
	size_t s = 0, b = 0;

	while (s < STATUSES - 1 && statuses[s] != r->status)
		s++;
	while (r->took > bounds[b].ns)
		b++;
	COUNT(requests[r->group][r->route][s], 1);
	if (r->sent)
		COUNT(sent[r->group][r->route], r->sent);
	COUNT(took[r->route][b], 1);
	COUNT(took_ns[r->route], (uint64_t)r->took);
}

void metrics_refused(enum refusal why)
{
	COUNT(refused[why], 1);
}

/* ---- the text ---- */

static const char *route_name(unsigned i)
{
	return i ? routes[i - 1].name : "none";
}

static void head(struct sn_buf *b, const char *name, const char *type, const char *help)
{
	sn_buf_fmt(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(struct sn_buf *b, double v)
{
	if (v >= 0 && v < 9007199254740992.0 && v == (double)(uint64_t)v)
		sn_buf_fmt(b, "%llu", (unsigned long long)v);
	else
		sn_buf_double(b, v);
}

static void one(struct sn_buf *b, const char *name, const char *type, const char *help, double v)
{
	head(b, name, type, help);
	sn_buf_fmt(b, "%s ", name);
	number(b, v);
	sn_buf_chr(b, '\n');
}

static void label(struct sn_buf *b, const char *v)
{
	sn_buf_chr(b, '"');
	for (; *v; v++) {
		if (*v == '"' || *v == '\\')
			sn_buf_chr(b, '\\');
		sn_buf_chr(b, *v == '\n' ? ' ' : *v);
	}
	sn_buf_chr(b, '"');
}

static void by_group(struct sn_buf *b, const char *name, unsigned g, unsigned rt)
{
	sn_buf_fmt(b, "%s{route=\"%s\",group=", name, route_name(rt));
	label(b, group_name[g]);
}

static void request_lines(struct sn_buf *b)
{
	unsigned n = __atomic_load_n(&ngroups, __ATOMIC_ACQUIRE);
	uint64_t v;

	head(b, "sn_requests_total", "counter", "Requests that have ended, status 0: without an answer.");
	for (unsigned g = 0; g < n; g++)
		for (unsigned rt = 0; rt < ROUTES; rt++)
			for (size_t s = 0; s < STATUSES; s++)
				if ((v = LOAD(requests[g][rt][s])) > 0) {
					by_group(b, "sn_requests_total", g, rt);
					sn_buf_fmt(b, ",status=\"%u\"} %llu\n", statuses[s],
						(unsigned long long)v);
				}
	head(b, "sn_sent_bytes_total", "counter", "Bytes of bodies that were sent whole.");
	for (unsigned g = 0; g < n; g++)
		for (unsigned rt = 0; rt < ROUTES; rt++)
			if ((v = LOAD(sent[g][rt])) > 0) {
				by_group(b, "sn_sent_bytes_total", g, rt);
				sn_buf_fmt(b, "} %llu\n", (unsigned long long)v);
			}
}

static void latency_lines(struct sn_buf *b)
{
	head(b, "sn_request_seconds", "histogram",
		"From the request line to the last byte handed to the kernel.");
	for (unsigned rt = 0; rt < ROUTES; rt++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < BOUNDS; i++) {
			sum += LOAD(took[rt][i]);
			sn_buf_fmt(b, "sn_request_seconds_bucket{route=\"%s\",le=\"%s\"} %llu\n",
				route_name(rt), bounds[i].le, (unsigned long long)sum);
		}
		sn_buf_fmt(b, "sn_request_seconds_sum{route=\"%s\"} ", route_name(rt));
		sn_buf_double(b, (double)LOAD(took_ns[rt]) / 1e9);
		sn_buf_fmt(b, "\nsn_request_seconds_count{route=\"%s\"} %llu\n", route_name(rt),
			(unsigned long long)sum);
	}
}

static void server_lines(struct sn_buf *b)
{
	struct sn_http_stats h;

	sn_http_stats(app.http, &h);
	one(b, "sn_in_flight", "gauge", "Requests being read, handled or answered.", (double)h.in_flight);
	one(b, "sn_parked", "gauge", "Requests that wait for a body to be built.", (double)h.parked);
	one(b, "sn_connections", "gauge", "Connections open.", (double)h.conns);
	one(b, "sn_connections_total", "counter", "Connections accepted.", (double)h.accepted);
	one(b, "sn_bad_requests_total", "counter", "Requests broken before a route was looked for.",
		(double)h.bad_requests);
	one(b, "sn_slow_closed_total", "counter", "Connections closed because no request came in time.",
		(double)h.slow_closed);
}

static void cache_lines(struct sn_buf *b)
{
	struct sn_cache_stats c;

	sn_cache_stats(app.cache, &c);
	one(b, "sn_cache_hits_total", "counter", "Bodies found ready.", (double)c.hits);
	one(b, "sn_cache_joined_total", "counter", "Requests that waited for another's build.",
		(double)c.joined);
	one(b, "sn_cache_builds_total", "counter", "Bodies built.", (double)c.built);
	one(b, "sn_cache_failures_total", "counter", "Builds that failed.", (double)c.failed);
	one(b, "sn_cache_evictions_total", "counter", "Bodies let go for lack of room.", (double)c.evicted);
	one(b, "sn_cache_shed_total", "counter", "Requests refused because too many builds waited.",
		(double)c.shed);
	one(b, "sn_cache_build_seconds_total", "counter", "Time spent building.",
		(double)c.build_ns / 1e9);
	one(b, "sn_cache_bytes", "gauge", "Bytes of bodies kept.", (double)c.bytes);
	one(b, "sn_cache_entries", "gauge", "Bodies kept or being built.", (double)c.entries);
	one(b, "sn_cache_files", "gauge", "Bodies kept as files.", (double)c.files);
	one(b, "sn_cache_queue", "gauge", "Builds that wait.", (double)c.queued);
}

static void gate_lines(struct sn_buf *b)
{
	struct sn_limit_stat s;

	head(b, "sn_refused_total", "counter", "Requests refused, by reason.");
	for (int i = 0; i < REFUSALS; i++)
		sn_buf_fmt(b, "sn_refused_total{reason=\"%s\"} %llu\n", reasons[i],
			(unsigned long long)LOAD(refused[i]));
	one(b, "sn_open", "gauge", "1: no group has been set up, anyone may ask.", is_open());
	one(b, "sn_gate_stale", "gauge", "1: the keys cannot be read; those known last are in force.",
		sn_gate_health(app.gate, NULL) < 0);
	if (!sn_gate_stat(app.gate, sn_clock_real(), &s))
		return;
	one(b, "sn_limiter_slots", "gauge", "Room in the limiter's table.", (double)s.slots);
	one(b, "sn_limiter_live", "gauge", "Clients in it that have taken.", (double)s.live);
	one(b, "sn_limiter_blocks", "gauge", "Blocks in force.", (double)s.blocks);
	one(b, "sn_limiter_crowded_total", "counter", "Takes that met a full place in the table.",
		(double)s.crowded);
}

static void dataset_line(struct sn_buf *b, const char *metric, const char *name, double v)
{
	sn_buf_fmt(b, "%s{dataset=", metric);
	label(b, name);
	sn_buf_str(b, "} ");
	number(b, v);
	sn_buf_chr(b, '\n');
}

static void dataset_lines(struct sn_buf *b)
{
	static const struct { const char *name, *help; } m[] = {
		{ "sn_dataset_records", "Records in the newest snapshot." },
		{ "sn_dataset_bytes", "Bytes of those records." },
		{ "sn_dataset_snapshot_number", "How many snapshots there have been." },
		{ "sn_dataset_snapshot_age_seconds", "Time since the newest was sealed." },
	};
	double now = (double)sn_clock_real() / 1e9;

	for (size_t k = 0; k < sizeof(m) / sizeof(*m); k++) {
		head(b, m[k].name, "gauge", m[k].help);
		for (size_t i = 0; i < app.nsets; i++) {
			struct sn_view *v = sn_dataset_newest(app.set[i]);
			const struct sn_snapshot none = { 0 };
			const struct sn_snapshot *s = v ? sn_view_snapshot(v) : &none;
			const double value[] = { (double)s->records, (double)s->bytes,
				(double)s->number, now - (double)s->sealed };

			if (k < 3 || s->number)
				dataset_line(b, m[k].name, sn_dataset_name(app.set[i]), value[k]);
			sn_view_drop(v);
		}
	}
}

static void process_lines(struct sn_buf *b)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (f && fscanf(f, "%*u %llu", &pages) == 1)
		one(b, "process_resident_memory_bytes", "gauge", "Resident memory.",
			(double)pages * (double)sysconf(_SC_PAGESIZE));
	if (f)
		fclose(f);
}

static bool may_see(struct sn_http_req *r)
{
	struct sn_gate_ask ask = { .client = r->peer, .now = sn_clock_real() };
	struct sn_gate_decision d = { 0 };

	if (is_open() || sn_http_from_here(r))
		return true;
	ask.bearer = sn_gate_bearer(sn_http_field(r, "Authorization"));
	return sn_gate_admit(app.gate, &ask, &d, NULL) == 0 && !strcmp(d.group, OPS) &&
		d.kind != SN_GATE_EXPIRED && d.kind != SN_GATE_REVOKED && d.kind != SN_GATE_WRONG;
}

void get_metrics(struct sn_http_req *r, void *arg)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_err e = { 0 };

	if (!may_see(r)) {
		sn_http_set(r, "WWW-Authenticate", "Bearer realm=\"sn\"");
		sn_http_error(r, 401, "no_key", "metrics are for this machine and for keys of group " OPS);
		return;
	}
	refresh_datasets();
	request_lines(&b);
	latency_lines(&b);
	server_lines(&b);
	cache_lines(&b);
	gate_lines(&b);
	dataset_lines(&b);
	process_lines(&b);
	sn_http_set(r, "Cache-Control", "no-store");
	if (sn_buf_ok(&b, "answer", &e) < 0)
		sn_http_error(r, 503, "memory", "%s", e.msg);
	else
		sn_http_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", b.p, b.len);
	sn_buf_release(&b);
}
