/*
 * Profile `ppl': how well the model predicts what the assistant said.
 *
 * With --target all every assistant message is a target in its own context.  Contexts
 * of one record mostly begin with the earlier context and target, token for token;
 * such targets share one request, since a position's bits depend on what is before it
 * and on nothing else.  What lies between two targets is run through but not counted.
 *
 * Where the page is silent: an empty system_prompt is no system message; a record is
 * too long when context and target are together more than the model's context; a
 * target without tokens skips its record.
 */
#include <stdlib.h>
#include <string.h>

#include "score/profile.h"

/* The ids of one request while it grows; mark[i] says that ids.v[i] is a target. */
struct growing {
	struct sn_ids ids;
	uint8_t *mark;
	size_t first;           /* position that predicts the first target */
};

static void drop(struct growing *g)
{
	free(g->ids.v);
	free(g->mark);
	*g = (struct growing){ 0 };
}

static int finish(struct growing *g, struct sn_task *t, struct sn_err *e)
{
	struct sn_request *r;

	if (!g->ids.n)
		return 0;
	r = sn_task_request(t, e);
	if (!r)
		return e->code;
	*r = (struct sn_request){ .ids = g->ids.v, .len = (uint32_t)g->ids.n,
		.first = (uint32_t)g->first, .mark = g->mark };
	*g = (struct growing){ 0 };
	return 0;
}

/* A context and the number of its ids that are the target, behind all that is in g. */
static int extend(struct growing *g, struct sn_ids *full, size_t target, struct sn_err *e)
{
	size_t had = g->ids.n;
	uint8_t *mark = realloc(g->mark, full->n);

	if (!mark)
		return sn_err_mem(e);
	g->mark = mark;
	memset(mark + had, 0, full->n - had);
	memset(mark + full->n - target, 1, target);
	if (!had)
		g->first = full->n - target - 1;
	free(g->ids.v);
	g->ids = *full;
	*full = (struct sn_ids){ 0 };
	return 0;
}

/* Whether the first n ids of full are all of g's, so that one pass does both. */
static bool begins_with(const struct sn_ids *full, size_t n, const struct growing *g)
{
	return !g->ids.n || (n >= g->ids.n &&
		!memcmp(full->v, g->ids.v, g->ids.n * sizeof(*full->v)));
}

/* The target m[i] in its context m[0..i). */
static int target(struct sn_prepare *p, const struct sn_message *m, size_t i, struct growing *g,
	struct sn_task *t, struct sn_err *e)
{
	struct sn_tok_text bos = sn_tokenizer_special(sn_model_tokenizer(p->model), SN_TOK_BOS);
	uint32_t context = sn_model_config(p->model)->max_positions;
	double most = p->profile->rules.max_length;
	struct sn_ids full = { 0 };
	size_t before;
	bool doubled;
	char *why;
	int rc = sn_prepare_context(p, m, i, &why, e);

	if (rc < 0)
		return rc;
	if (why) {
		rc = sn_task_skip(t, e, "rendering fails: %s", why);
		free(why);
		return rc;
	}
	doubled = bos.text && p->text.len >= bos.len && !memcmp(p->text.p, bos.text, bos.len);
	rc = sn_prepare_encode(p, p->text.p ? p->text.p : "", p->text.len,
		doubled ? 0 : SN_TOK_ADD_SPECIAL, 0, &full, e);
	before = full.n;
	if (rc == 0)
		rc = sn_prepare_encode(p, m[i].content, m[i].content_len, 0, 0, &full, e);
	if (rc < 0)
		goto out;
	if (full.n > context)
		rc = sn_task_skip(t, e, "%zu tokens, more than the model's context of %u", full.n,
			context);
	else if ((double)full.n > most)
		rc = sn_task_skip(t, e, "%zu tokens, more than %.0f", full.n, most);
	else if (full.n == before)
		rc = sn_task_skip(t, e, "the target has no tokens");
	else if (!before)
		rc = sn_task_skip(t, e, "the context has no tokens");
	if (rc < 0 || t->reason)
		goto out;
	if (!begins_with(&full, before, g))
		rc = finish(g, t, e);
	t->tokens += full.n - before;
	t->bytes += m[i].content_len;
	if (rc == 0)
		rc = extend(g, &full, full.n - before, e);
out:
	free(full.v);
	return rc;
}

static int prepare(struct sn_prepare *p, const struct sn_record *r, struct sn_task *t,
	struct sn_err *e)
{
	struct growing g = { 0 };
	struct sn_message *m;
	size_t n, first;
	int rc = 0;

	if (!r->n || strcmp(r->messages[r->n - 1].role, "assistant"))
		return sn_task_skip(t, e, "the last message is not the assistant's");
	m = sn_with_system(r, false, &n);
	if (!m)
		return sn_err_mem(e);
	first = p->opts->target == SN_TARGET_ALL ? n - r->n : n - 1;
	for (size_t i = first; i < n && rc == 0 && !t->reason; i++)
		if (!strcmp(m[i].role, "assistant"))
			rc = target(p, m, i, &g, t, e);
	if (rc == 0 && !t->reason)
		rc = finish(&g, t, e);
	drop(&g);
	free(m);
	return rc;
}

static void measure(const struct sn_pos *pos, const uint32_t *ids, uint64_t n, struct sn_sums *s,
	float *per_token)
{
	double nll = 0;

	(void)ids;
	for (uint64_t i = 0; i < n; i++) {
		float one = sn_nll(&pos[i]);

		nll += (double)one;
		per_token[i] = -one;
	}
	*s = (struct sn_sums){ .n = n, .v = { nll } };
}

static void sample(const struct sn_sums *s, struct sn_buf *b)
{
	sn_buf_str(b, ",\"nll\":");
	sn_buf_double(b, s->v[0]);
}

static bool reread(const json_t *line, struct sn_sums *s)
{
	const json_t *nll = json_object_get(line, "nll");

	s->v[0] = json_number_value(nll);
	return json_is_number(nll);
}

static void figures(const struct sn_prepare *p, const struct sn_sums *s, const uint64_t *bytes,
	size_t n, json_t *out)
{
	uint64_t tokens = 0, size = 0;
	double nll = 0;

	(void)p;
	for (size_t i = 0; i < n; i++) {
		nll += s[i].v[0];
		tokens += s[i].n;
		size += bytes[i];
	}
	sn_set_real(out, "nll", nll);
	json_object_set_new(out, "tokens", json_integer((json_int_t)tokens));
	sn_set_real(out, "ppl", sn_perplexity(nll, tokens));
	sn_set_real(out, "bits_per_byte", sn_bits_per_byte(nll, size));
}

const struct sn_profile sn_profile_ppl = {
	.name = "ppl",
	.help = "perplexity of what the assistant said",
	.rules = { .max_length = SN_CONFIG_MAX_POSITIONS },
	.nsums = 1,
	.takes_target = true,
	.prepare = prepare,
	.measure = measure,
	.sample = sample,
	.reread = reread,
	.per_token_name = "logprobs",
	.figures = figures,
};
