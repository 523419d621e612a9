/*
 * Profile `dippy-2025-01': the rule that subnet 11 used in January 2025, as the scoring
 * page states it, quirks included.
 *
 * Where the page is silent: "empty" is the empty string; the last message may have any
 * role; an absent system_prompt is an empty one; the tokens of the messages are counted
 * without special tokens; --pair pairs the scored records in order and leaves an odd
 * last one alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score/profile.h"

static uint32_t length(const struct sn_prepare *p)
{
	uint32_t n = sn_model_config(p->model)->max_positions, most = (uint32_t)p->profile->rules.max_length;

	return n < most ? n : most;
}

static size_t max_target(const struct sn_prepare *p)
{
	return (size_t)p->profile->rules.max_target_tokens;
}

static int fits(const struct sn_prepare *p, struct sn_err *e)
{
	const struct sn_config *c = sn_model_config(p->model);
	size_t front, behind;

	sn_tokenizer_added(sn_model_tokenizer(p->model), &front, &behind);
	if (length(p) <= max_target(p) + front + behind)
		return sn_err(e, SN_ENO, "%s: a context of %u tokens is too short for profile %s",
			sn_model_path(p->model), c->max_positions, p->profile->name);
	if (c->vocab < SN_TOP)
		return sn_err(e, SN_ENO, "%s: a vocabulary of %u is too small for profile %s",
			sn_model_path(p->model), c->vocab, p->profile->name);
	return 0;
}

/* The rules that need no rendering; m is the context with the system prompt. */
static int rules(struct sn_prepare *p, const struct sn_record *r, const struct sn_message *m,
	size_t n, struct sn_task *t, struct sn_err *e)
{
	struct sn_ids ids = { 0 };
	bool user = false, empty = false;
	size_t count;
	int rc = 0;

	for (size_t i = 0; i < r->n && rc == 0; i++)
		rc = sn_prepare_encode(p, r->messages[i].content, r->messages[i].content_len, 0, 0,
			&ids, e);
	count = ids.n;
	free(ids.v);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		user = user || !strcmp(m[i].role, "user");
		empty = empty || !m[i].content_len;
	}
	if ((double)count > p->profile->rules.max_message_tokens)
		return sn_task_skip(t, e, "%zu tokens in the messages, more than %.0f", count,
			p->profile->rules.max_message_tokens);
	if (!user)
		return sn_task_skip(t, e, "no user message before the last");
	if (empty)
		return sn_task_skip(t, e, "a context message is empty");
	return 0;
}

/* Make p->text the context text: one trailing EOS dropped, BOS in front. */
static int context_text(struct sn_prepare *p, struct sn_err *e)
{
	struct sn_tok_text bos = sn_tokenizer_special(sn_model_tokenizer(p->model), SN_TOK_BOS);
	struct sn_tok_text eos = sn_tokenizer_special(sn_model_tokenizer(p->model), SN_TOK_EOS);
	struct sn_buf *b = &p->text;
	size_t len;

	if (eos.len && b->len >= eos.len && !memcmp(b->p + b->len - eos.len, eos.text, eos.len))
		b->len -= eos.len;
	if (!bos.text || (b->len >= bos.len && !memcmp(b->p, bos.text, bos.len)))
		return 0;
	len = b->len;
	sn_buf_add(b, bos.text, bos.len);       /* make room, then shift the rest behind */
	if (sn_buf_ok(b, "rendered context", e) < 0)
		return e->code;
	memmove(b->p + bos.len, b->p, len);
	memcpy(b->p, bos.text, bos.len);
	return 0;
}

/* Context, target and what comes at the last scored position. */
static int join(struct sn_prepare *p, const struct sn_message *last, struct sn_task *t,
	struct sn_err *e)
{
	const struct sn_tokenizer *tok = sn_model_tokenizer(p->model);
	struct sn_tok_text eos = sn_tokenizer_special(tok, SN_TOK_EOS);
	struct sn_tok_text pad = sn_tokenizer_special(tok, SN_TOK_PAD);
	struct sn_ids ids = { 0 };
	struct sn_request *r;
	size_t context;
	int rc;

	rc = sn_prepare_encode(p, p->text.p ? p->text.p : "", p->text.len, SN_TOK_ADD_SPECIAL,
		length(p) - max_target(p), &ids, e);
	context = ids.n;
	sn_buf_clear(&p->text);
	sn_buf_add(&p->text, last->content, last->content_len);
	sn_buf_add(&p->text, eos.text, eos.len);
	if (rc == 0)
		rc = sn_buf_ok(&p->text, "target", e);
	if (rc == 0)
		rc = sn_prepare_encode(p, p->text.p, p->text.len, 0, 0, &ids, e);
	if (rc < 0)
		goto out;
	if (ids.n - context >= max_target(p)) {
		ids.n = context + max_target(p);
	} else {
		uint32_t *v = realloc(ids.v, (ids.n + 1) * sizeof(*v));

		if (!v) {
			rc = sn_err_mem(e);
			goto out;
		}
		ids.v = v;
		ids.v[ids.n++] = (uint32_t)(pad.id >= 0 ? pad.id : eos.id);
	}
	r = sn_task_request(t, e);
	if (!r) {
		rc = e->code;
		goto out;
	}
	/* position c, that of the first target token, predicts the first one scored */
	*r = (struct sn_request){ .ids = ids.v, .len = (uint32_t)ids.n,
		.first = (uint32_t)context };
	t->tokens = ids.n - context - 1;
	t->bytes = last->content_len;
	ids.v = NULL;
out:
	free(ids.v);
	return rc;
}

static int prepare(struct sn_prepare *p, const struct sn_record *r, struct sn_task *t,
	struct sn_err *e)
{
	struct sn_message *m;
	char *why = NULL;
	size_t n;
	int rc;

	if (sn_tokenizer_special(sn_model_tokenizer(p->model), SN_TOK_EOS).id < 0)
		return sn_task_skip(t, e, "the model has no EOS");
	if (!r->n)
		return sn_task_skip(t, e, "no messages");
	m = sn_with_system(r, true, &n);
	if (!m)
		return sn_err_mem(e);
	n--;
	rc = rules(p, r, m, n, t, e);
	if (rc < 0 || t->reason)
		goto out;
	if ((rc = sn_prepare_context(p, m, n, &why, e)) < 0)
		goto out;
	if (why)
		rc = sn_task_skip(t, e, "rendering fails: %s", why);
	else if ((rc = context_text(p, e)) == 0)
		rc = join(p, &m[n], t, e);
out:
	free(why);
	free(m);
	return rc;
}

static void measure(const struct sn_pos *pos, const uint32_t *ids, uint64_t n, struct sn_sums *s,
	float *per_token)
{
	double entropy = 0, one;

	for (uint64_t i = 0; i < n; i++) {
		per_token[i] = sn_top_probability(&pos[i], ids[i], &one);
		entropy += one;
	}
	*s = (struct sn_sums){ .n = n };
	sn_runs(per_token, n, s->v);
	s->v[4] = entropy;
}

static void sample(const struct sn_sums *s, struct sn_buf *b)
{
	sn_buf_str(b, ",\"q\":");
	sn_buf_double(b, sn_quality(s));
	sn_buf_str(b, ",\"creativity\":");
	sn_buf_double(b, sn_creativity(s));
	for (int k = 0; k < 4; k++) {
		sn_buf_str(b, k ? "," : ",\"sums\":[");
		sn_buf_double(b, s->v[k]);
	}
	sn_buf_str(b, "],\"entropy\":");
	sn_buf_double(b, s->v[4]);
}

static bool reread(const json_t *line, struct sn_sums *s)
{
	const json_t *sums = json_object_get(line, "sums"), *v;
	bool good = true;

	for (size_t k = 0; k < 5; k++) {
		v = k < 4 ? json_array_get(sums, k) : json_object_get(line, "entropy");
		good = good && json_is_number(v);
		s->v[k] = json_number_value(v);
	}
	return good;
}

static void pool(struct sn_sums *a, const struct sn_sums *b)
{
	a->n += b->n;
	for (int k = 0; k < 5; k++)
		a->v[k] += b->v[k];
}

/* What was given of the parts, a total when that is all of them, and what is missing. */
static void total(const struct sn_prepare *p, double q, double creativity, json_t *out)
{
	const struct sn_rules *r = &p->profile->rules;
	const double *part = p->opts->part;
	double post = isnan(part[SN_PART_POST_EVAL]) ? 1 : part[SN_PART_POST_EVAL];
	json_t *missing = json_array();

	for (int i = 0; i < SN_PARTS; i++) {
		if (!isnan(part[i]))
			sn_set_real(out, sn_part_names[i], part[i]);
		else if (i != SN_PART_POST_EVAL)
			json_array_append_new(missing, json_string(sn_part_names[i]));
	}
	if (!json_array_size(missing))
		sn_set_real(out, "total_score", (r->quality_weight * sn_adjusted(q, creativity) +
			r->latency_weight * part[SN_PART_LATENCY] + r->vibe_weight * part[SN_PART_VIBE]) *
			(part[SN_PART_COHERENCE] >= r->coherence_least ? 1 : 0) * post);
	json_object_set_new(out, "missing", missing);
}

static void figures(const struct sn_prepare *p, const struct sn_sums *s, const uint64_t *bytes,
	size_t n, json_t *out)
{
	double q = 0, creativity = 0, size = (double)sn_model_bytes(p->model);
	size_t groups = 0, step = p->opts->pair ? 2 : 1;
	uint64_t tokens = 0;

	(void)bytes;
	for (size_t i = 0; i < n; i += step, groups++) {
		struct sn_sums one = s[i];

		if (step == 2 && i + 1 < n)
			pool(&one, &s[i + 1]);
		q += sn_quality(&one);
		creativity += sn_creativity(&one);
		tokens += one.n;
	}
	q /= (double)groups;
	creativity /= (double)groups;
	json_object_set_new(out, "tokens", json_integer((json_int_t)tokens));
	sn_set_real(out, "qualitative_score", q);
	sn_set_real(out, "creativity_score", creativity);
	sn_set_real(out, "model_size_score", 1 - size / (p->profile->rules.size_limit_gib * 1073741824.0));
	total(p, q, creativity, out);
}

const struct sn_profile sn_profile_dippy_2025_01 = {
	.name = "dippy-2025-01",
	.help = "subnet 11's rule of January 2025",
	.rules = { .max_length = 4096, .max_message_tokens = 3696, .max_target_tokens = 200,
		.size_limit_gib = 72, .quality_weight = 0.84, .latency_weight = 0.08,
		.vibe_weight = 0.08, .coherence_least = 0.95 },
	.nsums = 5,
	.takes_pair = true,
	.takes_parts = true,
	.fits = fits,
	.prepare = prepare,
	.measure = measure,
	.sample = sample,
	.reread = reread,
	.per_token_name = "p",
	.figures = figures,
};
