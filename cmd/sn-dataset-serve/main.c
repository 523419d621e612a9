/*
 * sn-dataset-serve: datasets over HTTP.  This file turns options into a running server and
 * takes it down again; routes.c has the table of routes and the gate in front of them, bodies.c
 * the answers that are kept, build.c how they are made, metrics.c the accounts.
 *
 * Order at the start: sockets first (a port in use is said at once), then datasets, gate and
 * cache, then the server's threads, then READY.  At the end: stop accepting, answer what is in
 * flight, stop the builders (which wakes whoever still waits for one), stop the threads, and
 * only then close what they used.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "net/listen.h"
#include "net/notify.h"
#include "util/home.h"
#include "util/io.h"
#include "util/log.h"
#include "util/prog.h"

struct app app;

static struct sn_opt_list listen_to;
static bool inetd, want_open;
static const char *cache_dir;
static uint64_t cache_size = (uint64_t)1 << 30, max_body = (uint64_t)256 << 20;
static uint64_t threads, builders = 1, max_conns = 4096, max_client = 512;
static uint64_t header_ns = 10000000000, idle_ns = 60000000000, drain_ns = 30000000000;

static const struct sn_opt opts[] = {
	{ 'l', "listen", SN_OPT_LIST, "ADDR", "ADDR:PORT, [ADDR6]:PORT, :PORT or unix:PATH; may be repeated",
	  &listen_to, 0, 0 },
	{ 'i', "inetd", SN_OPT_FLAG, NULL, "serve the connection on standard input and end", &inetd, 0, 0 },
	{ 0, "open", SN_OPT_FLAG, NULL, "serve anyone, on any address, while no group is set up",
	  &want_open, 0, 0 },
	{ 0, "cache", SN_OPT_STR, "DIR", "where large answers are kept (default: $SN_HOME/cache)",
	  &cache_dir, 0, 0 },
	{ 0, "cache-size", SN_OPT_SIZE, "SIZE", "bytes of answers to keep (default: 1Gi)",
	  &cache_size, 0, UINT64_MAX / 2 },
	{ 0, "max-body", SN_OPT_SIZE, "SIZE", "refuse to make an answer larger than this (default: 256Mi)",
	  &max_body, 1, UINT64_MAX / 2 },
	{ 'j', "threads", SN_OPT_U64, "N", "threads for each socket (default: processors, at most 8)",
	  &threads, 1, 64 },
	{ 0, "builders", SN_OPT_U64, "N", "threads that make answers (default: 1)", &builders, 1, 64 },
	{ 0, "max-conns", SN_OPT_U64, "N", "connections at one time (default: 4096)", &max_conns, 1, 1000000 },
	{ 0, "max-client-conns", SN_OPT_U64, "N", "of them from one address, on each socket (default: 512)",
	  &max_client, 1, 1000000 },
	{ 0, "header-timeout", SN_OPT_TIME, "T", "time a client has to send a request (default: 10s)",
	  &header_ns, 1000000, UINT64_C(86400000000000) },
	{ 0, "idle-timeout", SN_OPT_TIME, "T",
	  "time between requests, and of a stalled answer (default: 60s)",
	  &idle_ns, 1000000, UINT64_C(86400000000000) },
	{ 0, "drain", SN_OPT_TIME, "T", "time to finish answers at SIGTERM (default: 30s)",
	  &drain_ns, 1, UINT64_C(86400000000000) },
	{ 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static int open_datasets(int n, char **dirs, struct sn_err *e)
{
	if (n > MAX_DATASETS)
		return sn_err(e, SN_EUSE, "more than %d datasets", MAX_DATASETS);
	for (int i = 0; i < n; i++) {
		struct sn_dataset *d;
		int rc = sn_dataset_open(&d, dirs[i], e);

		if (rc < 0)
			return rc;
		if (dataset_named(sn_dataset_name(d))) {
			rc = sn_err(e, SN_EUSE, "%s: another dataset is served as \"%s\" already", dirs[i],
				sn_dataset_name(d));
			sn_dataset_close(d);
			return rc;
		}
		app.set[app.nsets++] = d;
	}
	return 0;
}

static int open_gate(const struct sn_listeners *l, struct sn_err *e)
{
	int rc = sn_gate_open(&app.gate, NULL, NULL, e);

	if (rc < 0)
		return rc;
	app.may_be_open = want_open || sn_listen_local(l);
	if (sn_gate_has_groups(app.gate))
		return 0;
	if (!app.may_be_open)
		return sn_err(e, SN_EUSE, "no group has been set up and not all sockets are local: "
			"see sn-key(1), or give --open to serve anyone");
	if (!inetd)
		sn_warn("open: no group has been set up, so anyone who can connect may ask");
	return 0;
}

/* The place for large answers is a convenience: without it memory has to do. */
static void find_cache_dir(char **dir)
{
	struct sn_err e = { 0 };

	if (cache_dir)
		*dir = strdup(cache_dir);
	else if (sn_home("cache", dir, &e) < 0)
		*dir = NULL;
	if (*dir && sn_mkdirs(*dir, 0700, &e) < 0) {
		free(*dir);
		*dir = NULL;
	}
	if (!*dir)
		sn_warn("%s; large answers are kept in memory", e.msg);
}

static void on_reload(void *arg)
{
	reread_datasets();
	sn_info("reloaded");
}

/* Once a second.  News for the log are said when they begin and when they end. */
static void on_tick(void *arg)
{
	static bool stale;
	struct sn_err e = { 0 };
	bool now = sn_gate_health(app.gate, &e) < 0;

	reread_datasets();
	if (now && !stale)
		sn_warn("%s; the keys known last stay in force", e.msg);
	else if (stale && !now)
		sn_warn("keys can be read again");
	stale = now;
}

static void on_stop(void *arg)
{
	sn_cache_stop(app.cache);
}

static int serve(struct sn_listeners *l, const char *dir, struct sn_err *e)
{
	const struct sn_cache_opts c = { .dir = dir, .max_bytes = cache_size, .max_body = max_body,
		.builders = (unsigned)builders };
	const struct sn_http_opts h = { .threads = (unsigned)threads, .max_conns = (unsigned)max_conns,
		.max_client = (unsigned)max_client,
		.header_ns = header_ns, .idle_ns = idle_ns, .drain_ns = drain_ns, .spare_fds = 1024,
		.handle = handle, .done = request_done, .reload = on_reload, .tick = on_tick,
		.stop = on_stop };
	int rc;

	if ((rc = sn_cache_open(&app.cache, &c, e)) < 0)
		return rc;
	rc = sn_http_start(&app.http, l, &h, e);
	if (rc == 0) {
		for (size_t i = 0; i < l->n; i++)
			sn_info("serving %zu dataset%s on %s%s%s", app.nsets, app.nsets == 1 ? "" : "s",
				l->v[i].text, l->v[i].name[0] ? ", named " : "", l->v[i].name);
		rc = sn_http_run(app.http, e);
	}
	sn_http_free(app.http);
	sn_cache_close(app.cache);
	return rc;
}

static int run(int argc, char **argv, struct sn_err *e)
{
	struct sn_listeners l;
	char *dir = NULL;
	int rc;

	sn_http_signals();              /* before anything has threads */
	sn_notify_init();
	rc = sn_listen_open(&l, inetd, listen_to.v, listen_to.n, e);
	if (rc < 0)
		return rc;
	rc = open_datasets(argc, argv, e);
	if (rc == 0)
		rc = open_gate(&l, e);
	if (rc == 0) {
		watch_datasets();
		find_cache_dir(&dir);
		rc = serve(&l, dir, e);
	}
	sn_gate_close(app.gate);
	for (size_t i = 0; i < app.nsets; i++)
		sn_dataset_close(app.set[i]);
	sn_listen_close(&l);
	free(dir);
	return rc;
}

static const struct sn_prog prog = {
	.name = "sn-dataset-serve",
	.help = "Serve each dataset directory over HTTP under its base name.",
	.self = { NULL, "DIR...", NULL, opts, run, 1, -1 },
};

int main(int argc, char **argv)
{
	return sn_main(&prog, argc, argv);
}
