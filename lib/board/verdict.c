#include "board/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/model.h"
#include "model/template.h"
#include "util/num.h"

struct judge {
	struct sn_verdict *v;
	const struct sn_submission *s;
	const struct sn_policy *p;
	struct sn_model *m;
	void (*tick)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	uint64_t total;
};

/* A check returns 0 with what it found in e->msg, SN_ENO with the reason, 1 when it
 * does not apply, or SN_ETEMP when nothing can be said. */
typedef int check(struct judge *j, struct sn_err *e);

static int check_hash(struct judge *j, struct sn_err *e)
{
	const struct sn_submission *s = j->s;
	uint64_t want;

	if (!s->has_hash)
		return 1;
	want = sn_submission_hash(s->namespace, s->name, s->template, s->hotkey);
	if (want != s->hash)
		return sn_err(e, SN_ENO, "%llu does not match the model details (%llu)",
			(unsigned long long)s->hash, (unsigned long long)want);
	return sn_err(e, 0, "%llu", (unsigned long long)want);
}

static int check_template(struct judge *j, struct sn_err *e)
{
	if (!j->s->template)
		return 1;
	if (!sn_template_named(j->s->template))
		return sn_err(e, SN_ENO, "\"%s\" is not a known template (%s)", j->s->template,
			sn_template_names());
	return sn_err(e, 0, "%s", j->s->template);
}

static int check_templates(struct judge *j, struct sn_err *e)
{
	return j->s->template ? sn_policy_word(j->p, "templates", j->s->template, e) : 1;
}

static int check_files(struct judge *j, struct sn_err *e)
{
	const struct sn_model_file *f;
	char size[16];
	struct stat st;
	size_t n;
	int rc;

	/* absent is an answer; unreadable is not one yet */
	if (stat(j->s->target, &st) < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
		return sn_err(e, SN_ENO, "cannot open %s: %s", j->s->target, strerror(errno));
	if ((rc = sn_model_find(&j->m, j->s->target, e)) < 0)
		return rc;
	f = sn_model_files(j->m, &n);
	for (size_t i = 0; i < n; i++)
		j->total += f[i].size;
	return sn_err(e, 0, "%zu file%s, %s", n, n == 1 ? "" : "s", sn_size_text(j->total, size));
}

static int check_format(struct judge *j, struct sn_err *e)
{
	return sn_policy_word(j->p, "formats", sn_model_is_gguf(j->m) ? "gguf" : "safetensors", e);
}

static int check_bytes(struct judge *j, struct sn_err *e)
{
	return sn_policy_number(j->p, "max_bytes", j->total, e);
}

static int check_config(struct judge *j, struct sn_err *e)
{
	const struct sn_config *c;
	int rc = sn_model_load_config(j->m, e);

	if (rc < 0)
		return rc;
	c = sn_model_config(j->m);
	strncpy(j->v->architecture, c->name, sizeof(j->v->architecture) - 1);
	return sn_err(e, 0, "%s, %u layers, hidden %u, %u positions", c->name, c->n_layers, c->hidden,
		c->max_positions);
}

static int check_architecture(struct judge *j, struct sn_err *e)
{
	return sn_policy_word(j->p, "architectures", j->v->architecture, e);
}

static int check_min_context(struct judge *j, struct sn_err *e)
{
	return sn_policy_number(j->p, "min_context", sn_model_config(j->m)->max_positions, e);
}

static int check_max_context(struct judge *j, struct sn_err *e)
{
	return sn_policy_number(j->p, "max_context", sn_model_config(j->m)->max_positions, e);
}

static int check_headers(struct judge *j, struct sn_err *e)
{
	int rc = sn_model_load_headers(j->m, e);
	size_t n;

	if (rc < 0)
		return rc;
	sn_model_tensors(j->m, &n);
	return sn_err(e, 0, "%zu tensors", n);
}

static int check_shapes(struct judge *j, struct sn_err *e)
{
	int rc = sn_model_bind(j->m, e);

	if (rc < 0)
		return rc;
	j->v->has_weights = true;
	j->v->parameters = sn_model_parameters(j->m);
	j->v->bytes = sn_model_bytes(j->m);
	strncpy(j->v->dtype, sn_model_dtype(j->m), sizeof(j->v->dtype) - 1);
	return sn_err(e, 0, "%llu parameters, %s", (unsigned long long)j->v->parameters, j->v->dtype);
}

static int check_min_parameters(struct judge *j, struct sn_err *e)
{
	return sn_policy_number(j->p, "min_parameters", j->v->parameters, e);
}

static int check_max_parameters(struct judge *j, struct sn_err *e)
{
	return sn_policy_number(j->p, "max_parameters", j->v->parameters, e);
}

static int check_vocab(struct judge *j, struct sn_err *e)
{
	return sn_policy_number(j->p, "max_vocab", sn_model_config(j->m)->vocab, e);
}

static int check_dtypes(struct judge *j, struct sn_err *e)
{
	size_t n;
	const struct sn_tensor *t = sn_model_tensors(j->m, &n);
	int rc = 1;

	for (size_t i = 0; i < n; i++) {
		if (t[i].ndim < 2)
			continue;
		rc = sn_policy_word(j->p, "dtypes", sn_dtypes[t[i].dtype].name, e);
		if (rc < 0)
			return sn_err_prefix(e, "tensor %s", t[i].name);
	}
	return rc;
}

static int check_tokenizer(struct judge *j, struct sn_err *e)
{
	int rc = sn_model_load_tokenizer(j->m, e);

	if (rc < 0)
		return rc;
	return sn_err(e, 0, "%u tokens", sn_tokenizer_size(sn_model_tokenizer(j->m)));
}

static void hashed(void *arg, uint64_t done)
{
	struct judge *j = arg;

	if (j->tick)
		j->tick(j->arg, done, j->total);
}

static int check_digest(struct judge *j, struct sn_err *e)
{
	char hex[SN_DIGEST_HEX];
	int rc = sn_model_digest(j->m, hashed, j, j->v->digest, e);

	if (rc < 0)
		return rc;
	j->v->has_digest = true;
	return sn_err(e, 0, "%s", sn_hex(j->v->digest, hex));
}

/* `needs' names the check that must have passed. */
static const struct row { const char *name, *needs; check *run; } table[] = {
	{ "hash", NULL, check_hash },
	{ "template", NULL, check_template },
	{ "policy.templates", NULL, check_templates },
	{ "files", NULL, check_files },
	{ "policy.formats", "files", check_format },
	{ "policy.max_bytes", "files", check_bytes },
	{ "config", "files", check_config },
	{ "policy.architectures", "config", check_architecture },
	{ "policy.min_context", "config", check_min_context },
	{ "policy.max_context", "config", check_max_context },
	{ "weights", "config", check_headers },
	{ "policy.dtypes", "weights", check_dtypes },
	{ "shapes", "weights", check_shapes },
	{ "policy.min_parameters", "shapes", check_min_parameters },
	{ "policy.max_parameters", "shapes", check_max_parameters },
	{ "policy.max_vocab", "shapes", check_vocab },
	{ "tokenizer", "config", check_tokenizer },
	{ "digest", "shapes", check_digest },
};
#define ROWS (sizeof(table) / sizeof(*table))
_Static_assert(ROWS <= SN_VERDICT_CHECKS, "every check has its place");

static bool passed(const struct sn_verdict *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->check[i].name, name))
			return v->check[i].ok;
	return false;
}

int sn_verdict_make(struct sn_verdict *v, const struct sn_submission *s, const struct sn_policy *p,
	void (*tick)(void *arg, uint64_t done, uint64_t total), void *arg, struct sn_err *e)
{
	struct judge j = { v, s, p, NULL, tick, arg, 0 };
	int rc = 0;

	*v = (struct sn_verdict){ .ok = true };
	v->target = strdup(s->target);
	if (!v->target)
		return sn_err_mem(e);
	for (size_t i = 0; i < ROWS; i++) {
		struct sn_check *c = &v->check[v->n];
		struct sn_err said = { 0 };

		if (table[i].needs && !passed(v, table[i].needs))
			continue;
		/* reading every byte is for models that nothing else refuses */
		if (table[i].run == check_digest && !v->ok)
			continue;
		rc = table[i].run(&j, &said);
		if (rc == 1)
			continue;
		if (rc == SN_ETEMP) {
			sn_err(e, rc, "%s", said.msg);
			break;
		}
		c->name = table[i].name;
		c->ok = rc == 0;
		memcpy(c->detail, said.msg, sizeof(said.msg));
		v->ok &= c->ok;
		v->n++;
		rc = 0;
	}
	sn_model_close(j.m);
	return rc < 0 ? rc : 0;
}

void sn_verdict_release(struct sn_verdict *v)
{
	free(v->target);
	v->target = NULL;
}

static void add_str(struct sn_buf *b, const char *key, const char *value)
{
	sn_buf_fmt(b, "\"%s\":", key);
	if (*value)
		sn_buf_json(b, value, strlen(value));
	else
		sn_buf_str(b, "null");
}

void sn_verdict_json(const struct sn_verdict *v, struct sn_buf *b)
{
	char hex[SN_DIGEST_HEX];

	sn_buf_str(b, "{\"target\":");
	sn_buf_json(b, v->target, strlen(v->target));
	sn_buf_fmt(b, ",\"ok\":%s,\"checks\":[", v->ok ? "true" : "false");
	for (size_t i = 0; i < v->n; i++) {
		sn_buf_fmt(b, "%s{\"name\":\"%s\",\"ok\":%s,", i ? "," : "", v->check[i].name,
			v->check[i].ok ? "true" : "false");
		add_str(b, "detail", v->check[i].detail);
		sn_buf_chr(b, '}');
	}
	sn_buf_str(b, "],\"model\":{");
	add_str(b, "digest", v->has_digest ? sn_hex(v->digest, hex) : "");
	sn_buf_chr(b, ',');
	add_str(b, "architecture", v->architecture);
	if (v->has_weights)
		sn_buf_fmt(b, ",\"parameters\":%llu,\"bytes\":%llu,", (unsigned long long)v->parameters,
			(unsigned long long)v->bytes);
	else
		sn_buf_str(b, ",\"parameters\":null,\"bytes\":null,");
	add_str(b, "dtype", v->dtype);
	sn_buf_str(b, "}}\n");
}

void sn_verdict_text(const struct sn_verdict *v, struct sn_buf *b)
{
	sn_buf_plain(b, v->target);
	sn_buf_fmt(b, ": %s\n", v->ok ? "accepted" : "REFUSED");
	for (size_t i = 0; i < v->n; i++) {
		sn_buf_fmt(b, "  %-4s %-22s ", v->check[i].ok ? "ok" : "NO", v->check[i].name);
		sn_buf_plain(b, v->check[i].detail);
		sn_buf_chr(b, '\n');
	}
}
