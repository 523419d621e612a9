/*
 * One lock over a hash table, a list by last use, and a queue of what is to be built; no
 * body is built or sent under it.  An entry is referenced by the table (until it is
 * evicted or its build fails) and by each ticket.
 */
#include "net/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/digest.h"

#define BUCKETS 16384
#define OVERHEAD 512            /* bytes that an entry counts besides its body */

enum state { QUEUED, BUILDING, READY, FAILED };

struct entry {
	struct entry *chain;            /* in its bucket */
	struct entry *newer, *older;    /* by last use, once READY */
	struct entry *queue;            /* the next to build */
	unsigned bucket, refs;
	enum state state;
	struct sn_body *body;
	struct sn_err err;
	struct sn_cache_job job;
	void *data;
	struct sn_http_req **wait;
	size_t nwait, room;
	char key[];
};

struct sn_ticket { struct entry *en; };

struct sn_cache {
	struct sn_cache_opts o;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct entry *bucket[BUCKETS];
	struct entry *newest, *oldest;
	struct entry *first, **last;    /* of the queue */
	bool stopping;
	uint8_t hash[16];
	struct sn_cache_stats st;
	pthread_t *thread;
	unsigned threads;
};

static unsigned bucket_of(struct sn_cache *c, const char *key)
{
	return (unsigned)(sn_siphash(c->hash, key, strlen(key)) % BUCKETS);
}

static struct entry *find(struct sn_cache *c, const char *key, unsigned b)
{
	struct entry *en = c->bucket[b];

	while (en && strcmp(en->key, key))
		en = en->chain;
	return en;
}

/* Under the lock. */
static void entry_unref(struct entry *en)
{
	if (--en->refs)
		return;
	sn_body_unref(en->body);
	free(en->wait);
	free(en->data);
	free(en);
}

static void lru_out(struct sn_cache *c, struct entry *en)
{
	if (en->newer)
		en->newer->older = en->older;
	else
		c->newest = en->older;
	if (en->older)
		en->older->newer = en->newer;
	else
		c->oldest = en->newer;
	en->newer = en->older = NULL;
}

static void lru_in(struct sn_cache *c, struct entry *en)
{
	en->newer = NULL;
	en->older = c->newest;
	if (en->older)
		en->older->newer = en;
	else
		c->oldest = en;
	c->newest = en;
}

static void table_out(struct sn_cache *c, struct entry *en)
{
	struct entry **at = &c->bucket[en->bucket];

	while (*at != en)
		at = &(*at)->chain;
	*at = en->chain;
	c->st.entries--;
	entry_unref(en);
}

/* Bodies that somebody is sending live on until they are sent. */
static void evict(struct sn_cache *c)
{
	while (c->oldest && (c->st.bytes > c->o.max_bytes || c->st.files > c->o.max_files)) {
		struct entry *en = c->oldest;

		lru_out(c, en);
		c->st.bytes -= en->body->size + OVERHEAD;
		c->st.files -= en->body->fd >= 0;
		c->st.evicted++;
		table_out(c, en);
	}
}

/* Take the waiters out of the entry, and wake them when the lock is let go. */
static void finish(struct sn_cache *c, struct entry *en, enum state state)
{
	struct sn_http_req **wait = en->wait;
	size_t n = en->nwait;

	en->state = state;
	en->wait = NULL;
	en->nwait = en->room = 0;
	if (state == READY) {
		c->st.bytes += en->body->size + OVERHEAD;
		c->st.files += en->body->fd >= 0;
		lru_in(c, en);
		evict(c);
	} else {
		table_out(c, en);
	}
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < n; i++)
		sn_http_wake(wait[i]);
	free(wait);
	pthread_mutex_lock(&c->lock);
}

static void build(struct sn_cache *c, struct entry *en)
{
	struct sn_body *body = NULL;
	struct sn_err err = { 0 };
	int64_t t = sn_clock_mono();
	struct sn_sink sink;
	int rc;

	sn_sink_init(&sink, c->o.dir, c->o.max_body);
	rc = en->job.build(&sink, en->data, &err);
	if (rc == 0)
		rc = sn_sink_end(&sink, &body, &err);
	sn_sink_release(&sink);
	if (en->job.drop)
		en->job.drop(en->data);
	pthread_mutex_lock(&c->lock);
	c->st.build_ns += (uint64_t)(sn_clock_mono() - t);
	free(en->data);
	en->data = NULL;
	en->body = body;
	en->err = err;
	en->err.code = rc;
	en->refs++;             /* over finish(), which may let the table's go */
	if (rc == 0)
		c->st.built++;
	else
		c->st.failed++;
	finish(c, en, rc == 0 ? READY : FAILED);
	entry_unref(en);
	pthread_mutex_unlock(&c->lock);
}

static void *builder(void *arg)
{
	struct sn_cache *c = arg;

	for (;;) {
		struct entry *en;

		pthread_mutex_lock(&c->lock);
		while (!c->first && !c->stopping)
			pthread_cond_wait(&c->work, &c->lock);
		en = c->stopping ? NULL : c->first;
		if (en) {
			c->first = en->queue;
			if (!c->first)
				c->last = &c->first;
			c->st.queued--;
			en->state = BUILDING;
		}
		pthread_mutex_unlock(&c->lock);
		if (!en)
			return NULL;
		build(c, en);
	}
}

int sn_cache_open(struct sn_cache **out, const struct sn_cache_opts *o, struct sn_err *e)
{
	struct sn_cache *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (!c)
		return sn_err_mem(e);
	c->o = *o;
	c->o.builders = o->builders ? o->builders : 1;
	c->o.max_queue = o->max_queue ? o->max_queue : 256;
	c->o.max_files = o->max_files ? o->max_files : 512;
	c->last = &c->first;
	randombytes_buf(c->hash, sizeof(c->hash));
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	c->thread = calloc(c->o.builders, sizeof(*c->thread));
	if (!c->thread)
		rc = sn_err_mem(e);
	while (rc == 0 && c->threads < c->o.builders) {
		errno = pthread_create(&c->thread[c->threads], NULL, builder, c);
		if (errno)
			rc = sn_err_sys(e, "cannot start a thread");
		else
			c->threads++;
	}
	if (rc < 0)
		sn_cache_close(c);
	else
		*out = c;
	return rc;
}

void sn_cache_stop(struct sn_cache *c)
{
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	while (c->first) {
		struct entry *en = c->first;

		c->first = en->queue;
		c->st.queued--;
		if (en->job.drop)
			en->job.drop(en->data);
		sn_err(&en->err, SN_ETEMP, "the server is stopping");
		en->refs++;
		finish(c, en, FAILED);
		entry_unref(en);
	}
	c->last = &c->first;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->threads; i++)
		pthread_join(c->thread[i], NULL);
	c->threads = 0;
}

void sn_cache_close(struct sn_cache *c)
{
	if (!c)
		return;
	sn_cache_stop(c);
	c->o.max_bytes = 0;
	evict(c);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c->thread);
	free(c);
}

/* A new entry, queued.  NULL when out of memory. */
static struct entry *entry_new(struct sn_cache *c, const char *key, unsigned b,
	const struct sn_cache_job *job)
{
	size_t n = strlen(key);
	struct entry *en = calloc(1, sizeof(*en) + n + 1);

	if (!en)
		return NULL;
	en->data = malloc(job->size ? job->size : 1);
	if (!en->data) {
		free(en);
		return NULL;
	}
	memcpy(en->key, key, n);
	memcpy(en->data, job->data, job->size);
	en->job = *job;
	en->job.data = NULL;
	if (job->hold)
		job->hold(en->data);
	en->bucket = b;
	en->refs = 1;
	en->state = QUEUED;
	en->chain = c->bucket[b];
	c->bucket[b] = en;
	*c->last = en;
	c->last = &en->queue;
	c->st.entries++;
	c->st.queued++;
	pthread_cond_signal(&c->work);
	return en;
}

static int join(struct entry *en, struct sn_http_req *r, struct sn_ticket **t, struct sn_err *e)
{
	if (en->nwait == en->room) {
		size_t room = en->room ? 2 * en->room : 4;
		struct sn_http_req **more = realloc(en->wait, room * sizeof(*more));

		if (!more)
			return sn_err_mem(e);
		en->wait = more;
		en->room = room;
	}
	*t = malloc(sizeof(**t));
	if (!*t)
		return sn_err_mem(e);
	(*t)->en = en;
	en->refs++;
	sn_http_park(r);        /* before anyone can wake it: builders need the lock */
	en->wait[en->nwait++] = r;
	return 0;
}

int sn_cache_get(struct sn_cache *c, const char *key, const struct sn_cache_job *job,
	struct sn_http_req *r, struct sn_ticket **t, struct sn_body **out, struct sn_err *e)
{
	unsigned b = bucket_of(c, key);
	struct entry *en;
	int rc;

	pthread_mutex_lock(&c->lock);
	en = find(c, key, b);
	if (en && en->state == READY) {
		lru_out(c, en);
		lru_in(c, en);
		*out = sn_body_ref(en->body);
		c->st.hits++;
		rc = 1;
	} else if (en) {
		c->st.joined++;
		rc = join(en, r, t, e);
	} else if (c->stopping) {
		rc = sn_err(e, SN_ETEMP, "the server is stopping");
	} else if (c->st.queued >= c->o.max_queue) {
		c->st.shed++;
		rc = sn_err(e, SN_ETEMP, "too many answers wait to be made");
	} else {
		en = entry_new(c, key, b, job);
		rc = en ? join(en, r, t, e) : sn_err_mem(e);
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int sn_cache_claim(struct sn_cache *c, struct sn_ticket **t, struct sn_body **out,
	struct sn_err *e)
{
	struct entry *en = (*t)->en;
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = en->body ? 0 : sn_err(e, en->err.code, "%s", en->err.msg);
	if (rc == 0)
		*out = sn_body_ref(en->body);
	pthread_mutex_unlock(&c->lock);
	sn_cache_forget(c, t);
	return rc;
}

void sn_cache_forget(struct sn_cache *c, struct sn_ticket **t)
{
	if (!*t)
		return;
	pthread_mutex_lock(&c->lock);
	entry_unref((*t)->en);
	pthread_mutex_unlock(&c->lock);
	free(*t);
	*t = NULL;
}

void sn_cache_stats(struct sn_cache *c, struct sn_cache_stats *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->st;
	pthread_mutex_unlock(&c->lock);
}
