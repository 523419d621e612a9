#include "queue/queue.h"

#include <stdlib.h>
#include <string.h>

#include "queue/engine.h"

const char *const sn_queue_state_name[SN_QUEUE_STATES] = {
	"ready", "delayed", "leased", "done", "dead"
};

static const struct sn_queue_engine *const engines[] = { &sn_queue_sqlite };

struct sn_queue {
	const struct sn_queue_engine *engine;
	void *self;
};

/* "scheme://" before any slash: an URL, not a path. */
static size_t scheme_len(const char *where)
{
	size_t n = strspn(where, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	return n && !strncmp(where + n, "://", 3) ? n + 3 : 0;
}

static const struct sn_queue_engine *engine_of(const char *where)
{
	size_t n = scheme_len(where);

	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++) {
		const char *s = engines[i]->scheme;

		if (n ? s && strlen(s) == n && !memcmp(s, where, n) : !s)
			return engines[i];
	}
	return NULL;
}

int sn_queue_open(struct sn_queue **out, const char *where, unsigned flags, struct sn_err *e)
{
	const struct sn_queue_engine *engine = engine_of(where);
	struct sn_queue *q;
	int rc;

	*out = NULL;
	if (!engine)
		return sn_err(e, SN_EUSE, "%.*s...: no engine for such a queue; give the path of a file",
			(int)scheme_len(where), where);
	if (!*where)
		return sn_err(e, SN_EUSE, "the queue's file has an empty name");
	if (!(q = calloc(1, sizeof(*q))))
		return sn_err_mem(e);
	q->engine = engine;
	if ((rc = engine->open(&q->self, where, flags, e)) < 0)
		free(q);
	else
		*out = q;
	return rc;
}

void sn_queue_close(struct sn_queue *q)
{
	if (!q)
		return;
	q->engine->close(q->self);
	free(q);
}

static int check_group(const char *group, struct sn_err *e)
{
	size_t n = strlen(group);

	if (!n || n > SN_QUEUE_GROUP_MAX || strspn(group, "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return sn_err(e, SN_EUSE, "group \"%.80s\": a name is 1 to %d letters, digits and ._-",
			group, SN_QUEUE_GROUP_MAX);
	return 0;
}

static int check_range(const char *what, uint64_t v, uint64_t min, uint64_t max, struct sn_err *e)
{
	if (v >= min && v <= max)
		return 0;
	return sn_err(e, SN_EUSE, "%s %llu is not between %llu and %llu", what, (unsigned long long)v,
		(unsigned long long)min, (unsigned long long)max);
}

int sn_queue_push(struct sn_queue *q, const struct sn_queue_put *put, const struct sn_body *bodies,
	size_t n, int64_t *ids, struct sn_err *e)
{
	int rc;

	if ((rc = check_group(put->group, e)) < 0 ||
	    (rc = check_range("delay", put->delay, 0, SN_QUEUE_TIME_MAX, e)) < 0 ||
	    (rc = check_range("priority", put->priority, 0, SN_QUEUE_PRIORITY_MAX, e)) < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (bodies[i].n > SN_QUEUE_BODY_MAX)
			return sn_err(e, SN_ENO, "body %zu: larger than %zu bytes", i + 1,
				SN_QUEUE_BODY_MAX);
	return n ? q->engine->push(q->self, put, bodies, n, ids, e) : 0;
}

void sn_lease_release(struct sn_lease *l)
{
	free(l->body);
	l->body = NULL;
}

int sn_queue_pop(struct sn_queue *q, const struct sn_queue_take *take, struct sn_lease *l,
	int64_t *next, struct sn_err *e)
{
	int rc;

	*l = (struct sn_lease){ 0 };
	*next = INT64_MAX;
	if ((rc = check_range("lease", take->lease, 1, SN_QUEUE_TIME_MAX, e)) < 0 ||
	    (rc = check_range("attempt limit", take->max_attempts, 1, INT32_MAX, e)) < 0)
		return rc;
	if ((rc = q->engine->pop(q->self, take, l, next, e)) <= 0)
		sn_lease_release(l);
	return rc;
}

int sn_queue_end(struct sn_queue *q, int64_t id, const uint8_t token[SN_QUEUE_TOKEN],
	const struct sn_queue_end *end, enum sn_queue_state *became, struct sn_err *e)
{
	enum sn_queue_state ignored;
	int rc = check_range("delay", end->delay, 0, SN_QUEUE_TIME_MAX, e);

	return rc < 0 ? rc : q->engine->end(q->self, id, token, end, became ? became : &ignored, e);
}

int sn_queue_touch(struct sn_queue *q, int64_t id, const uint8_t token[SN_QUEUE_TOKEN],
	uint64_t lease, int64_t *until, struct sn_err *e)
{
	int rc = check_range("lease", lease, 1, SN_QUEUE_TIME_MAX, e);

	return rc < 0 ? rc : q->engine->touch(q->self, id, token, lease, until, e);
}

int sn_queue_weight(struct sn_queue *q, const char *group, uint64_t weight, struct sn_err *e)
{
	int rc;

	if ((rc = check_group(group, e)) < 0 ||
	    (rc = check_range("weight", weight, 1, 1000, e)) < 0)
		return rc;
	return q->engine->weight(q->self, group, weight, e);
}

int sn_queue_stats(struct sn_queue *q, int (*each)(void *arg, const struct sn_queue_count *c,
	struct sn_err *e), void *arg, struct sn_err *e)
{
	return q->engine->stats(q->self, each, arg, e);
}

int sn_queue_ls(struct sn_queue *q, enum sn_queue_state state, const char *group,
	int (*each)(void *arg, const struct sn_job *j, struct sn_err *e), void *arg,
	struct sn_err *e)
{
	int rc = group ? check_group(group, e) : 0;

	return rc < 0 ? rc : q->engine->ls(q->self, state, group, each, arg, e);
}

int sn_queue_version(struct sn_queue *q, int64_t *version, struct sn_err *e)
{
	return q->engine->version(q->self, version, e);
}

int sn_queue_left(struct sn_queue *q, struct sn_err *e)
{
	return q->engine->left(q->self, e);
}
