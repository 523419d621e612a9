/* What the parts of sn-dataset-serve share.  Made by main.c before the server starts, and
 * read only from then on but for what locks itself. */
#ifndef SN_DATASET_SERVE_APP_H
#define SN_DATASET_SERVE_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "dataset/dataset.h"
#include "gate/gate.h"
#include "net/cache.h"
#include "net/coding.h"
#include "net/route.h"
#include "net/server.h"

#define MAX_DATASETS 64
#define MAX_PICKS 1000000       /* records in one sample */
#define MAX_ROWS 100            /* in one answer of /rows */

struct app {
	struct sn_dataset *set[MAX_DATASETS];
	size_t nsets;
	struct sn_gate *gate;
	bool may_be_open;       /* without groups: local sockets only, or --open */
	struct sn_cache *cache;
	struct sn_http *http;
};

extern struct app app;

/* ---- fresh.c ---- */

void watch_datasets(void);
void refresh_datasets(void);    /* before an answer: what has been sealed by now is seen */
void reread_datasets(void);     /* whatever the watch says */

/* ---- routes.c ---- */

enum { ROUTE_FREE = 1 /* not limited, no key asked for */ };
extern const struct sn_route routes[];
void handle(struct sn_http_req *r, void *arg);

/* The state of a request across calls of its handler: what it asks for and, once that is
 * known, how to answer.  Freed by request_done(). */
struct ask {
	struct sn_ticket *ticket;       /* while its body is being built */
	bool open;                      /* admitted without a gate */
	enum sn_coding coding;
	char etag[80];
	char snapshot[SN_DIGEST_HEX];
	char cache_control[64];
	const char *type;
};
void request_done(struct sn_http_req *r, void *arg);
struct sn_dataset *dataset_named(const char *name);
bool is_open(void);
/* The part of admission that answers for a second dataset: may this client read it? */
bool may_read(struct sn_http_req *r, const struct ask *a, const char *name);

/* ---- bodies.c: answers that are built once and kept ---- */

void get_dataset(struct sn_http_req *r, void *arg);
void get_sample(struct sn_http_req *r, void *arg);
void get_rows(struct sn_http_req *r, void *arg);
/* A handler called again for a request whose body was being built. */
void body_ready(struct sn_http_req *r, struct ask *a);

/* ---- build.c: from a description to the bytes ---- */

enum shape { SHAPE_NDJSON, SHAPE_ALL_CONVOS, SHAPE_ROWS };
#define SEED_MAX 2048
struct want {
	struct sn_view *view;
	enum shape shape;
	enum sn_coding coding;
	struct sn_sample sample;        /* its seed is the one below */
	uint64_t offset, length;        /* of rows */
	char seed[SEED_MAX + 1];        /* last: what is before it is cleared, not all of it */
};
int want_build(struct sn_sink *out, void *want, struct sn_err *e);
void want_hold(void *want);
void want_drop(void *want);

/* ---- metrics.c ---- */

unsigned metrics_group(const char *name);       /* its number, for sn_http_req.group */
void metrics_count(const struct sn_http_req *r);
enum refusal { REFUSED_NO_KEY, REFUSED_WRONG, REFUSED_EXPIRED, REFUSED_REVOKED, REFUSED_FORBIDDEN,
	REFUSED_LIMITED, REFUSED_BLOCKED, REFUSED_BUSY, REFUSED_GATE, REFUSALS };
void metrics_refused(enum refusal why);
void get_metrics(struct sn_http_req *r, void *arg);

#endif
