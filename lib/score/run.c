#include "score/run.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score/resume.h"
#include "util/clock.h"

enum {
	GROUP_LEAST = 2048,     /* tokens: fewer, and unpacking the weights begins to show */
	GROUP_DEADLINE = 1024,  /* of the first group with --deadline, to learn the speed */
	GROUP_SECONDS = 60      /* results come about so often */
};

/* The time since *from, which becomes now. */
static int64_t lap(int64_t *from)
{
	int64_t was = *from;

	*from = sn_clock_mono();
	return *from - was;
}

static int prepare(struct sn_run *run, struct sn_err *e)
{
	const struct sn_records *l = run->records;
	const struct sn_task *first = NULL;
	size_t skipped = 0;
	int rc;

	run->task = calloc(l->n ? l->n : 1, sizeof(*run->task));
	run->sums = calloc(l->n ? l->n : 1, sizeof(*run->sums));
	if (!run->task || !run->sums)
		return sn_err_mem(e);
	for (size_t i = 0; i < l->n; i++) {
		struct sn_task *t = &run->task[i];

		rc = run->o.profile->prepare(&run->prep, &l->v[i], t, e);
		if (rc < 0)
			return sn_err_prefix(e, "record %zu", i);
		if (t->reason) {
			first = first ? first : t;
			skipped++;
		}
		for (size_t k = 0; k < t->n; k++)
			run->total += t->req[k].len - 1;
	}
	run->scored = l->n - skipped;
	if (!l->n)
		return sn_err(e, SN_ENO, "there are no records to score");
	if (first && !run->scored)
		return sn_err(e, SN_ENO, "none of %zu record%s can be scored: record %zu: %s", l->n,
			l->n == 1 ? "" : "s", (size_t)(first - run->task), first->reason);
	return 0;
}

static void progress(void *arg, uint64_t tokens)
{
	struct sn_run *run = arg;

	if (run->o.progress)
		run->o.progress(run->o.arg, "scoring", "tok", run->done + tokens, run->total);
}

static void hashed(void *arg, uint64_t bytes)
{
	struct sn_run *run = arg;
	const struct sn_model_file *f;
	uint64_t total = 0;
	size_t n;

	f = sn_model_files(run->model, &n);
	for (size_t i = 0; i < n; i++)
		total += f[i].size;
	if (run->o.progress)
		run->o.progress(run->o.arg, "hashing", "B", bytes, total);
}

/* A record that alone does not fit is known before the work begins. */
static int fits_memory(const struct sn_run *run, struct sn_err *e)
{
	uint64_t most = sn_infer_group_tokens(run->infer);

	for (size_t i = 0; i < run->records->n; i++)
		for (size_t k = 0; k < run->task[i].n; k++) {
			uint64_t n = run->task[i].req[k].len - 1;

			if (n > most)
				return sn_err(e, SN_EUSE, "record %zu has %llu tokens, and the memory limit "
					"holds %llu: %llu bytes are needed", i, (unsigned long long)n,
					(unsigned long long)most, (unsigned long long)
					(sn_infer_bytes_fixed(run->infer) +
					n * sn_infer_bytes_per_token(run->infer)));
		}
	return 0;
}

int sn_run_open(struct sn_run *run, const struct sn_run_opts *o, const struct sn_records *records,
	struct sn_err *e)
{
	int64_t from = sn_clock_mono();
	int rc;

	*run = (struct sn_run){ .o = *o, .records = records };
	run->o.infer.progress = progress;
	run->o.infer.arg = run;
	if ((rc = sn_model_open(&run->model, o->model, e)) < 0)
		return rc;
	run->prep = (struct sn_prepare){ .profile = o->profile, .opts = &run->o.how,
		.model = run->model, .template = o->template };
	rc = sn_tok_scratch_new(&run->prep.scratch, sn_model_tokenizer(run->model), e);
	if (rc == 0 && o->profile->fits)
		rc = o->profile->fits(&run->prep, e);
	run->times.open = lap(&from);
	if (rc == 0)
		rc = prepare(run, e);
	run->times.prepare = lap(&from);
	if (rc == 0)
		rc = sn_infer_open(&run->infer, run->model, &run->o.infer, e);
	if (rc == 0)
		rc = fits_memory(run, e);
	run->times.open += lap(&from);
	if (rc == 0)
		rc = sn_model_digest(run->model, hashed, run, run->model_digest, e);
	run->times.hash = lap(&from);
	return rc;
}

/* A record whose requests have all been run, or one that is skipped. */
/* Finite logits may still be so far apart that what is made of them is not. */
static int check_finite(const struct sn_run *run, size_t i, struct sn_err *e)
{
	const struct sn_sums *s = &run->sums[i];

	for (unsigned k = 0; k < run->o.profile->nsums; k++)
		if (!isfinite(s->v[k]))
			return sn_err(e, SN_ENO, "record %zu: its score is not finite", i);
	return 0;
}

static int finish(struct sn_run *run, size_t i, struct sn_buf *line, struct sn_err *e)
{
	struct sn_task *t = &run->task[i];
	float *per_token = NULL;
	int rc = 0;

	if (!t->reason) {
		per_token = malloc(t->tokens * sizeof(*per_token));
		if (!per_token)
			return sn_err_mem(e);
		run->o.profile->measure(t->pos, t->ids, t->tokens, &run->sums[i], per_token);
		rc = check_finite(run, i, e);
	}
	if (rc == 0 && run->samples) {
		sn_buf_clear(line);
		sn_run_line(run, i, per_token, line);
		rc = sn_buf_ok(line, "a line of samples", e);
		if (rc == 0)
			rc = sn_samples_line(run->samples, line->p, line->len, e);
	}
	free(per_token);
	free(t->pos);
	free(t->ids);
	t->pos = NULL;
	t->ids = NULL;
	return rc;
}

/* The records from run->written on that are finished, in input order. */
static int flush(struct sn_run *run, struct sn_err *e)
{
	struct sn_buf line = SN_BUF_INIT;
	size_t before = run->written;
	int rc = 0;

	for (; run->written < run->records->n; run->written++) {
		const struct sn_task *t = &run->task[run->written];

		if (!t->reason && t->done < t->n)
			break;
		if ((rc = finish(run, run->written, &line, e)) < 0)
			break;
	}
	sn_buf_release(&line);
	if (rc == 0 && run->samples && run->written > before)
		rc = sn_samples_sync(run->samples, e);
	return rc;
}

/* What goes through the model at once: requests from (task, req) on, in order. */
struct group {
	size_t task, req;       /* the next request not in any group yet */
	struct sn_seq *seq;
	size_t *owner;          /* [n], the task of each */
	size_t n, cap;
	struct sn_pos *pos;     /* [positions] */
	uint64_t tokens, positions;
};

static int group_add(struct group *g, size_t task, const struct sn_request *r, struct sn_err *e)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 64;
		struct sn_seq *seq = realloc(g->seq, cap * sizeof(*seq));
		size_t *owner;

		if (!seq)
			return sn_err_mem(e);
		g->seq = seq;
		owner = realloc(g->owner, cap * sizeof(*owner));
		if (!owner)
			return sn_err_mem(e);
		g->owner = owner;
		g->cap = cap;
	}
	g->owner[g->n] = task;
	g->seq[g->n++] = (struct sn_seq){ .tok = r->ids, .n = r->len - 1, .first = r->first,
		.count = r->len - 1 - r->first, .target = r->ids + r->first + 1 };
	g->tokens += r->len - 1;
	g->positions += r->len - 1 - r->first;
	return 0;
}

/* Tokens a second so far; 0 before the first group. */
static double speed(const struct sn_run *run)
{
	double seconds = (double)((uint64_t)sn_clock_mono() - run->began) / 1e9;

	return run->done > run->before ? (double)(run->done - run->before) / seconds : 0;
}

/* As much of `tokens' as the time left is enough for: a first, small group to learn the speed
 * by, then what fits. */
static double before_deadline(const struct sn_run *run, double tokens)
{
	double left = (double)((int64_t)run->o.deadline - sn_clock_mono()) / 1e9;
	double fit = speed(run) > 0 ? 0.9 * left * speed(run) : GROUP_DEADLINE;

	return tokens < fit ? tokens : fit < 1 ? 1 : fit;
}

/* Whether the next request would end behind the deadline.  One record is scored in any
 * case, so that a command that is given again and again comes to an end. */
static bool too_late(const struct sn_run *run, const struct group *g)
{
	double left = (double)((int64_t)run->o.deadline - sn_clock_mono()) / 1e9;
	const struct sn_task *t = run->task;
	size_t i = g->task, k = g->req;

	if (!run->o.deadline || (run->samples && run->written == run->resumed))
		return false;
	for (; i < run->records->n && k >= t[i].n; i++)
		k = 0;
	return i < run->records->n && (left <= 0 ||
		(speed(run) > 0 && t[i].req[k].len - 1 > left * speed(run)));
}

/* How many tokens the next group should have: what is left, in equal parts of at most
 * what memory holds and what takes about a minute. */
static uint64_t goal(const struct sn_run *run, uint64_t *most)
{
	uint64_t left = run->total - run->done, parts;
	double minute = speed(run) * GROUP_SECONDS;

	*most = sn_infer_group_tokens(run->infer);
	if (minute < GROUP_LEAST)
		minute = GROUP_LEAST;
	if (run->o.deadline)
		minute = before_deadline(run, minute);
	if (minute < (double)*most)
		*most = (uint64_t)minute;
	parts = (left + *most - 1) / *most;
	return parts ? (left + parts - 1) / parts : 0;
}

/* Fill the group; n == 0 afterwards when nothing is left. */
static int group_fill(struct sn_run *run, struct group *g, struct sn_err *e)
{
	uint64_t most, want = goal(run, &most), at = 0;
	struct sn_pos *pos;
	int rc;

	g->n = 0;
	g->tokens = g->positions = 0;
	for (; g->task < run->records->n; g->task++, g->req = 0) {
		const struct sn_task *t = &run->task[g->task];

		for (; g->req < t->n; g->req++) {
			uint64_t n = t->req[g->req].len - 1;

			if (g->n && (g->tokens >= want || g->tokens + n > most))
				goto full;
			if ((rc = group_add(g, g->task, &t->req[g->req], e)) < 0)
				return rc;
		}
	}
full:
	pos = realloc(g->pos, (g->positions ? g->positions : 1) * sizeof(*pos));
	if (!pos)
		return sn_err_mem(e);
	g->pos = pos;
	for (size_t i = 0; i < g->n; at += g->seq[i++].count)
		g->seq[i].out = pos + at;
	return 0;
}

/* Hand what came out of sequence s to its task: the positions that count. */
static int collect(struct sn_run *run, const struct group *g, size_t s, struct sn_err *e)
{
	struct sn_task *t = &run->task[g->owner[s]];
	struct sn_request *r = &t->req[t->done++];
	const struct sn_seq *seq = &g->seq[s];

	if (!t->pos) {
		t->pos = malloc(t->tokens * sizeof(*t->pos));
		t->ids = malloc(t->tokens * sizeof(*t->ids));
		if (!t->pos || !t->ids)
			return sn_err_mem(e);
	}
	for (uint32_t i = 0; i < seq->count; i++) {
		if (r->mark && !r->mark[r->first + 1 + i])
			continue;
		t->ids[t->filled] = seq->target[i];
		t->pos[t->filled++] = seq->out[i];
	}
	free(r->ids);
	free(r->mark);
	r->ids = NULL;
	r->mark = NULL;
	return 0;
}

static int group_run(struct sn_run *run, struct group *g, struct sn_err *e)
{
	int rc = sn_infer_run(run->infer, g->seq, g->n, e);
	size_t bad = sn_infer_bad_seq(run->infer);
	char hex[SN_DIGEST_HEX];

	if (rc < 0 && bad < g->n)
		return sn_err_prefix(e, "record %zu (%.16s...)", g->owner[bad],
			sn_hex(run->records->v[g->owner[bad]].digest, hex));
	for (size_t i = 0; i < g->n && rc == 0; i++)
		rc = collect(run, g, i, e);
	run->done += g->tokens;
	return rc;
}

static void digest(struct sn_run *run)
{
	const struct sn_profile *p = run->o.profile;
	struct sn_result r;

	sn_result_init(&r, p->name, sn_numerics_names[run->o.infer.numerics]);
	for (size_t i = 0; i < run->records->n; i++) {
		const uint8_t *record = run->records->v[i].digest;

		if (run->task[i].reason)
			sn_result_skipped(&r, record);
		else
			sn_result_scored(&r, record, run->sums[i].n, run->sums[i].v, p->nsums);
	}
	sn_result_end(&r, run->records_digest, run->result_digest);
}

static int stopped(const struct sn_run *run, struct sn_err *e)
{
	bool stay = run->samples && sn_samples_stay(run->samples);

	return sn_err(e, SN_ETIME, "deadline: %zu of %zu records are done; %s", run->written,
		run->records->n, stay ? "the same command goes on from there" :
		"nothing to go on from without --samples FILE");
}

int sn_run_score(struct sn_run *run, struct sn_samples *samples, struct sn_err *e)
{
	struct group g = { 0 };
	bool late;
	int rc = 0;

	/* the arithmetic behind the logits wants the modes that infer sets for its own:
	 * round to nearest, denormals kept, whatever a library has set */
	fesetenv(FE_DFL_ENV);
	run->samples = samples;
	if (samples && (rc = sn_run_resume(run, samples, e)) < 0)
		return rc;
	run->began = (uint64_t)sn_clock_mono();
	progress(run, 0);
	g.task = run->written;
	while (!(late = too_late(run, &g)) && (rc = group_fill(run, &g, e)) == 0 && g.n) {
		if ((rc = group_run(run, &g, e)) < 0 || (rc = flush(run, e)) < 0)
			break;
	}
	if (rc == 0 && late)
		rc = stopped(run, e);
	if (rc == 0)
		rc = flush(run, e);     /* records at the end that are skipped */
	run->nanoseconds = (uint64_t)sn_clock_mono() - run->began;
	if (rc == 0)
		digest(run);
	free(g.seq);
	free(g.owner);
	free(g.pos);
	return rc;
}

void sn_run_close(struct sn_run *run)
{
	for (size_t i = 0; run->task && i < run->records->n; i++)
		sn_task_release(&run->task[i]);
	free(run->task);
	free(run->sums);
	sn_buf_release(&run->prep.text);
	sn_tok_scratch_free(run->prep.scratch);
	if (run->infer)
		sn_infer_close(run->infer);
	if (run->model)
		sn_model_close(run->model);
	*run = (struct sn_run){ 0 };
}
