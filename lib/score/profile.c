#include "score/profile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const sn_part_names[SN_PARTS] = { "latency_score", "vibe_score", "coherence_score",
	"post_eval_score" };

const struct sn_profile *const sn_profiles[] = { &sn_profile_ppl, &sn_profile_dippy_2025_01, NULL };

const struct sn_profile *sn_profile_named(const char *name)
{
	for (size_t i = 0; sn_profiles[i]; i++)
		if (!strcmp(sn_profiles[i]->name, name))
			return sn_profiles[i];
	return NULL;
}

void sn_task_release(struct sn_task *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->req[i].ids);
		free(t->req[i].mark);
	}
	free(t->req);
	free(t->pos);
	free(t->ids);
	free(t->reason);
	*t = (struct sn_task){ 0 };
}

int sn_task_skip(struct sn_task *t, struct sn_err *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	sn_task_release(t);
	va_start(ap, fmt);
	n = vasprintf(&t->reason, fmt, ap);
	va_end(ap);
	if (n < 0)
		t->reason = NULL;
	return n < 0 ? sn_err_mem(e) : 0;
}

struct sn_request *sn_task_request(struct sn_task *t, struct sn_err *e)
{
	struct sn_request *v = realloc(t->req, (t->n + 1) * sizeof(*v));

	if (!v) {
		sn_err_mem(e);
		return NULL;
	}
	t->req = v;
	v[t->n] = (struct sn_request){ 0 };
	return &v[t->n++];
}

struct sn_message *sn_with_system(const struct sn_record *r, bool always, size_t *n)
{
	struct sn_message *m = malloc((r->n + 1) * sizeof(*m));

	*n = 0;
	if (!m)
		return NULL;
	if (always || *r->system)
		m[(*n)++] = (struct sn_message){ "system", r->system, strlen(r->system) };
	if (r->n)
		memcpy(m + *n, r->messages, r->n * sizeof(*m));
	*n += r->n;
	return m;
}

int sn_prepare_context(struct sn_prepare *p, const struct sn_message *m, size_t n, char **why,
	struct sn_err *e)
{
	const struct sn_tokenizer *tok = sn_model_tokenizer(p->model);
	struct sn_template_args a = { .messages = m, .n = n, .add_generation_prompt = true,
		.include_beginning_of_conversation = true,
		.bos = sn_tokenizer_special(tok, SN_TOK_BOS).text,
		.eos = sn_tokenizer_special(tok, SN_TOK_EOS).text };
	struct sn_err no = { 0 };
	int rc;

	*why = NULL;
	sn_buf_clear(&p->text);
	rc = sn_template_render(p->template, &a, &p->text, &no);
	if (rc == 0)
		rc = sn_buf_ok(&p->text, "rendered context", &no);
	if (rc == 0)
		return 0;
	if (rc != SN_ENO)
		return sn_err(e, rc, "%s", no.msg);
	*why = strdup(no.msg);
	return *why ? 0 : sn_err_mem(e);
}

int sn_prepare_encode(struct sn_prepare *p, const char *text, size_t len, unsigned flags,
	size_t max, struct sn_ids *out, struct sn_err *e)
{
	return sn_tokenizer_encode(sn_model_tokenizer(p->model), p->scratch, text, len, flags, max,
		out, e);
}

void sn_set_real(json_t *o, const char *key, double v)
{
	json_t *real = json_real(v);    /* NULL for what JSON cannot say */

	json_object_set_new(o, key, real ? real : json_null());
}
