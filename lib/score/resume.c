#include "score/resume.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/prog.h"

static void add_floats(struct sn_buf *b, const float *v, uint64_t n)
{
	char text[32];

	for (uint64_t i = 0; i < n; i++) {
		/* nine digits always read back as the same f32; mostly fewer do */
		for (int digits = 6; digits <= 9; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, (double)v[i]);
			if (strtof(text, NULL) == v[i])
				break;
		}
		sn_buf_fmt(b, "%s%s", i ? "," : "", text);
	}
}

void sn_run_line(const struct sn_run *run, size_t i, const float *per_token, struct sn_buf *b)
{
	const struct sn_profile *p = run->o.profile;
	const struct sn_task *t = &run->task[i];
	char hex[SN_DIGEST_HEX];

	sn_buf_fmt(b, "{\"index\":%zu,\"digest\":\"%s\"", i, sn_hex(run->records->v[i].digest, hex));
	if (t->reason) {
		sn_buf_str(b, ",\"skipped\":");
		sn_buf_json(b, t->reason, strlen(t->reason));
		sn_buf_str(b, "}\n");
		return;
	}
	sn_buf_fmt(b, ",\"tokens\":%llu", (unsigned long long)t->tokens);
	p->sample(&run->sums[i], b);
	if (run->o.logprobs) {
		if (!per_token)
			return;
		for (uint64_t k = 0; k < t->tokens; k++)
			sn_buf_fmt(b, "%s%u", k ? "," : ",\"ids\":[", t->ids[k]);
		sn_buf_fmt(b, "],\"%s\":[", p->per_token_name);
		add_floats(b, per_token, t->tokens);
		sn_buf_chr(b, ']');
	}
	sn_buf_str(b, "}\n");
}

/* The lines of --logprobs have as many ids and values as they have tokens. */
static bool whole_logprobs(const struct sn_run *run, size_t i, const json_t *o)
{
	uint64_t n = run->task[i].tokens;

	return json_array_size(json_object_get(o, "ids")) == n &&
		json_array_size(json_object_get(o, run->o.profile->per_token_name)) == n;
}

static bool read_line(struct sn_run *run, size_t i, const char *line, size_t len, struct sn_buf *b)
{
	const struct sn_task *t = &run->task[i];
	struct sn_sums *s = &run->sums[i];
	struct sn_err no;
	json_t *o = NULL;
	bool good = true;

	if (!t->reason) {
		*s = (struct sn_sums){ .n = t->tokens };
		good = sn_json_parse(line, len, "line", &o, &no) == 0 &&
			run->o.profile->reread(o, s);
		for (unsigned k = 0; good && k < run->o.profile->nsums; k++)
			good = isfinite(s->v[k]);
		if (run->o.logprobs)
			good = good && whole_logprobs(run, i, o);
	}
	sn_buf_clear(b);
	sn_run_line(run, i, NULL, b);
	/* All of the line but its end, or with --logprobs what is before the ids.  What is written
	 * here ends in a line end, so a line that goes on behind it is not the same. */
	good = good && !b->nomem && !b->over && b->len <= len + 1 &&
		!memcmp(b->p, line, b->len - (b->len > len));
	json_decref(o);
	return good;
}

static void take(struct sn_run *run, size_t i)
{
	struct sn_task *t = &run->task[i];

	for (; t->done < t->n; t->done++) {
		struct sn_request *r = &t->req[t->done];

		run->done += r->len - 1;
		free(r->ids);
		free(r->mark);
		r->ids = NULL;
		r->mark = NULL;
	}
	run->written++;
}

static int lines(struct sn_run *run, struct sn_samples *s, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	size_t len;
	char *line;
	int rc;

	while ((rc = sn_samples_next(s, &line, &len, e)) > 0) {
		size_t i = run->written;

		if (i == run->records->n)
			rc = sn_err(e, SN_ENO, "%s: line %llu: there are only %zu records",
				sn_samples_path(s), (unsigned long long)sn_samples_lineno(s), i);
		else if (!read_line(run, i, line, len, &b))
			rc = sn_err(e, SN_ENO, "%s: line %llu: is not what this run wrote (--restart "
				"begins anew)", sn_samples_path(s), (unsigned long long)sn_samples_lineno(s));
		if (rc < 0)
			break;
		take(run, i);
		sn_samples_keep(s);
	}
	sn_buf_release(&b);
	return rc;
}

/* All that a line depends on. */
static json_t *describe(const struct sn_run *run)
{
	uint8_t template[SN_DIGEST], records[SN_DIGEST];
	char model[SN_DIGEST_HEX], recs[SN_DIGEST_HEX], tmpl[SN_DIGEST_HEX];
	struct sn_digest d;

	sn_digest_init(&d);
	for (size_t i = 0; i < run->records->n; i++)
		sn_digest_add(&d, run->records->v[i].digest, SN_DIGEST);
	sn_digest_end(&d, records);
	sn_template_digest(run->o.template, template);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "version", SN_VERSION,
		"numerics", sn_numerics_names[run->o.infer.numerics], "profile", run->o.profile->name,
		"target", run->o.how.target == SN_TARGET_ALL ? "all" : "last",
		"logprobs", run->o.logprobs ? "yes" : "no", "template", sn_hex(template, tmpl),
		"model", sn_hex(run->model_digest, model), "records", sn_hex(records, recs));
}

int sn_run_resume(struct sn_run *run, struct sn_samples *samples, struct sn_err *e)
{
	json_t *what = describe(run);
	int rc;

	if (!what)
		return sn_err_mem(e);
	rc = sn_samples_begin(samples, what, e);
	json_decref(what);
	if (rc == 0)
		rc = lines(run, samples, e);
	if (rc == 0)
		rc = sn_samples_go_on(samples, e);
	run->resumed = run->written;
	run->before = run->done;
	return rc;
}
