/*
 * The plan is a list of chunks in the order of use; gate's and up's take turns, as their
 * panels do.  Two counts run along it: bytes asked for and bytes used, the first at
 * most a window ahead.  A reader that falls behind the arithmetic jumps to where that is.
 */
#include "infer/stream.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "util/io.h"

enum { CHUNK_MAX = 4 << 20, CHUNK_MIN = 64 << 10 };

struct chunk { const struct sn_tensor *t; uint64_t at; size_t len; };

struct sn_stream {
	const struct sn_net *net;
	enum sn_behind behind;
	uint64_t window;
	size_t chunk_bytes;
	struct chunk *chunk;
	size_t n, cap;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under the lock */
	bool stop;
	size_t next;                    /* chunk to ask for; n: all have been, or no group runs */
	uint64_t asked, used;
};

/* The matmuls of a layer, in order, as groups of tensors that take turns. */
static const struct { enum sn_role role[2]; unsigned n; } turns[] = {
	{ { SN_W_Q }, 1 }, { { SN_W_K }, 1 }, { { SN_W_V }, 1 }, { { SN_W_O }, 1 },
	{ { SN_W_GATE, SN_W_UP }, 2 }, { { SN_W_DOWN }, 1 },
};

uint64_t sn_stream_bytes(const struct sn_net *net)
{
	uint64_t n = sn_net_tensor(net, SN_W_HEAD, 0)->bytes;

	for (uint32_t i = 0; i < net->cfg.n_layers; i++)
		for (int role = SN_W_ATTN_NORM; role < SN_ROLES; role++)
			n += sn_net_tensor(net, (enum sn_role)role, i)->bytes;
	return n;
}

static int add(struct sn_stream *s, const struct sn_tensor *const *t, unsigned n, struct sn_err *e)
{
	uint64_t at[2] = { 0 };

	for (unsigned left = n, i = 0; left; i = (i + 1) % n) {
		uint64_t rest = t[i]->bytes - at[i];
		size_t len = rest < s->chunk_bytes ? (size_t)rest : s->chunk_bytes;

		if (!len)
			continue;
		if (s->n == s->cap) {
			size_t cap = s->cap ? 2 * s->cap : 256;
			struct chunk *v = realloc(s->chunk, cap * sizeof(*v));

			if (!v)
				return sn_err_mem(e);
			s->chunk = v;
			s->cap = cap;
		}
		s->chunk[s->n++] = (struct chunk){ t[i], at[i], len };
		at[i] += len;
		if (at[i] == t[i]->bytes)
			left--;
	}
	return 0;
}

static int plan(struct sn_stream *s, struct sn_err *e)
{
	const struct sn_tensor *t[2] = { sn_net_tensor(s->net, SN_W_HEAD, 0) };
	int rc = 0;

	for (uint32_t i = 0; i < s->net->cfg.n_layers; i++)
		for (size_t k = 0; k < sizeof(turns) / sizeof(*turns) && rc == 0; k++) {
			const struct sn_tensor *of[2] = { 0 };

			for (unsigned j = 0; j < turns[k].n; j++)
				of[j] = sn_net_tensor(s->net, turns[k].role[j], i);
			rc = add(s, of, turns[k].n, e);
		}
	return rc ? rc : add(s, t, 1, e);
}

static void drop(const struct sn_stream *s, const struct sn_tensor *t, uint64_t at, uint64_t len)
{
	if (t->map && s->behind != SN_KEEP)
		sn_map_drop(t->map, t->at + at, len, s->behind == SN_FORGET);
}

static void *reader(void *arg)
{
	struct sn_stream *s = arg;
	uint64_t end;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct chunk c;

		while (s->next < s->n && s->asked + s->chunk[s->next].len <= s->used)
			s->asked += s->chunk[s->next++].len;
		if (s->next == s->n || s->asked >= s->used + s->window) {
			pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		c = s->chunk[s->next++];
		end = s->asked += c.len;
		pthread_mutex_unlock(&s->lock);
		if (c.t->map)
			sn_map_ahead(c.t->map, c.t->at + c.at, c.len);
		pthread_mutex_lock(&s->lock);
		if (end <= s->used)     /* too late: it was used, and given back, meanwhile */
			drop(s, c.t, c.at, c.len);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int start(struct sn_stream *s, struct sn_err *e)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, reader, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? sn_err(e, SN_ETEMP, "cannot start a thread that reads ahead") : 0;
}

int sn_stream_open(struct sn_stream **out, const struct sn_net *net, uint64_t window,
	enum sn_behind behind, struct sn_err *e)
{
	struct sn_stream *s = calloc(1, sizeof(*s));
	uint64_t chunk = window / 8;
	int rc;

	*out = NULL;
	if (!s)
		return sn_err_mem(e);
	s->net = net;
	s->window = window;
	s->behind = behind;
	s->chunk_bytes = chunk < CHUNK_MIN ? CHUNK_MIN : chunk > CHUNK_MAX ? CHUNK_MAX : (size_t)chunk;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	rc = plan(s, e);
	s->next = s->n;
	if (rc == 0)
		rc = start(s, e);
	if (rc) {
		free(s->chunk);
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void sn_stream_close(struct sn_stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->chunk);
	free(s);
}

void sn_stream_begin(struct sn_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->next = 0;
	s->asked = s->used = 0;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void sn_stream_used(struct sn_stream *s, const struct sn_tensor *t, uint64_t row, uint64_t n)
{
	const struct sn_dtype_info *d = &sn_dtypes[t->dtype];
	uint64_t row_bytes = t->shape[t->ndim - 1] / d->block * d->bytes;

	pthread_mutex_lock(&s->lock);
	s->used += n * row_bytes;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	/* from the beginning: what a late reader brought back goes too */
	drop(s, t, 0, (row + n) * row_bytes);
}

void sn_stream_embedded(struct sn_stream *s)
{
	const struct sn_tensor *t = sn_net_tensor(s->net, SN_W_EMBED, 0);

	drop(s, t, 0, t->bytes);
}
