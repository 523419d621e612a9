#include "score/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/num.h"
#include "util/prog.h"

static json_t *hex(const uint8_t digest[SN_DIGEST])
{
	char text[SN_DIGEST_HEX];

	return json_string(sn_hex(digest, text));
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *skipped(const struct sn_run *run)
{
	json_t *list = json_array();

	for (size_t i = 0; i < run->records->n; i++) {
		json_t *one;

		if (!run->task[i].reason)
			continue;
		one = json_object();
		json_object_set_new(one, "index", number(i));
		json_object_set_new(one, "digest", hex(run->records->v[i].digest));
		json_object_set_new(one, "reason", json_string(run->task[i].reason));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *model(const struct sn_run *run)
{
	json_t *o = json_object();

	json_object_set_new(o, "digest", hex(run->model_digest));
	json_object_set_new(o, "architecture", json_string(sn_model_config(run->model)->name));
	json_object_set_new(o, "parameters", number(sn_model_parameters(run->model)));
	json_object_set_new(o, "bytes", number(sn_model_bytes(run->model)));
	json_object_set_new(o, "dtype", json_string(sn_model_dtype(run->model)));
	return o;
}

/* A path may hold any bytes, JSON may not. */
static json_t *path_text(const char *path)
{
	struct sn_buf b = SN_BUF_INIT;
	json_t *v;

	sn_buf_utf8(&b, path, strlen(path));
	v = b.p ? json_string(b.p) : json_string("");
	sn_buf_release(&b);
	return v;
}

/* Setting a member fails only for want of memory, and then the member is missing: all are
 * looked for once, at the end. */
static bool is_whole(const json_t *o)
{
	static const struct { const char *name; const char *members[10]; } parts[] = {
		{ "model", { "digest", "architecture", "parameters", "bytes", "dtype" } },
		{ "records", { "digest", "count", "scored" } },
		{ "result", { "digest" } },
		{ "run", { "model", "backend", "isa", "threads", "tokens", "shared", "groups", "fma",
			"seconds", "tokens_per_second" } },
	};
	static const char *const texts[] = { "profile", "numerics", "template", "template_name",
		"version", "skipped" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!json_object_get(o, texts[i]))
			return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (size_t k = 0; k < 10 && parts[i].members[k]; k++)
			if (!json_object_get(json_object_get(o, parts[i].name), parts[i].members[k]))
				return false;
	return true;
}

static json_t *how(const struct sn_run *run)
{
	double seconds = (double)run->nanoseconds / 1e9;
	struct sn_infer_stats st;
	json_t *o = json_object();

	sn_infer_stats(run->infer, &st);
	json_object_set_new(o, "model", path_text(run->o.model));
	json_object_set_new(o, "backend", json_string("cpu"));
	json_object_set_new(o, "isa", json_string(sn_infer_isa(run->infer)));
	json_object_set_new(o, "threads", number(sn_infer_threads(run->infer)));
	json_object_set_new(o, "tokens", number(run->done - run->before));
	json_object_set_new(o, "shared", number(st.shared));
	if (run->resumed)
		json_object_set_new(o, "resumed", number(run->resumed));
	json_object_set_new(o, "groups", number(st.groups));
	json_object_set_new(o, "fma", number(st.fma));
	sn_set_real(o, "seconds", seconds);
	sn_set_real(o, "tokens_per_second", (double)(run->done - run->before) / seconds);
	return o;
}

static void figures(const struct sn_run *run, const struct sn_sums *sums, const uint64_t *bytes,
	json_t *o)
{
	const struct sn_profile *p = run->o.profile;

	if (p->takes_target)
		json_object_set_new(o, "target",
			json_string(run->o.how.target == SN_TARGET_ALL ? "all" : "last"));
	if (p->takes_pair)
		json_object_set_new(o, "pair", json_boolean(run->o.how.pair));
	p->figures(&run->prep, sums, bytes, run->scored, o);
}

int sn_run_report(const struct sn_run *run, json_t **out, struct sn_err *e)
{
	json_t *rules;
	uint8_t template[SN_DIGEST];
	uint64_t *bytes = calloc(run->scored, sizeof(*bytes));
	struct sn_sums *sums = calloc(run->scored, sizeof(*sums));
	json_t *o = json_object(), *part;
	size_t n = 0;

	if (!bytes || !sums || !o) {
		free(bytes);
		free(sums);
		json_decref(o);
		return sn_err_mem(e);
	}
	for (size_t i = 0; i < run->records->n; i++)
		if (!run->task[i].reason) {
			bytes[n] = run->task[i].bytes;
			sums[n++] = run->sums[i];
		}
	json_object_set_new(o, "profile", json_string(run->o.profile->name));
	rules = sn_profile_rules(run->o.profile);
	if (rules)
		json_object_set_new(o, "rules", rules);
	figures(run, sums, bytes, o);
	json_object_set_new(o, "model", model(run));
	json_object_set_new(o, "records", part = json_object());
	json_object_set_new(part, "digest", hex(run->records_digest));
	json_object_set_new(part, "count", number(run->records->n));
	json_object_set_new(part, "scored", number(run->scored));
	json_object_set_new(o, "skipped", skipped(run));
	json_object_set_new(o, "numerics", json_string(sn_numerics_names[run->o.infer.numerics]));
	sn_template_digest(run->o.template, template);
	json_object_set_new(o, "template", hex(template));
	json_object_set_new(o, "template_name", json_string(run->o.template->name));
	json_object_set_new(o, "version", json_string(SN_VERSION));
	json_object_set_new(o, "result", part = json_object());
	json_object_set_new(part, "digest", hex(run->result_digest));
	json_object_set_new(o, "run", how(run));
	free(bytes);
	free(sums);
	if (!is_whole(o)) {
		json_decref(o);
		return sn_err_mem(e);
	}
	*out = o;
	return 0;
}

static void label(struct sn_buf *b, const char *s)
{
	size_t from = b->len;

	sn_buf_plain(b, s);
	do
		sn_buf_chr(b, ' ');
	while (b->len - from < 21 && !b->over && !b->nomem);
}

static void line(struct sn_buf *b, const char *name, const char *value)
{
	label(b, name);
	sn_buf_plain(b, value);
	sn_buf_chr(b, '\n');
}

static const json_t *member(const json_t *o, const char *a, const char *b)
{
	const json_t *v = json_object_get(o, a);

	return b ? json_object_get(v, b) : v;
}

static const char *text(const json_t *o, const char *a, const char *b)
{
	const char *s = json_string_value(member(o, a, b));

	return s ? s : "";
}

static long long count(const json_t *o, const char *a, const char *b)
{
	return json_integer_value(member(o, a, b));
}

/* Every figure: what stands in front of "model" in the object. */
static void text_figures(const json_t *o, struct sn_buf *b)
{
	const char *key;
	char number[40];
	json_t *v, *item;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		if (!strcmp(key, "model"))
			break;
		if (json_is_string(v))
			line(b, key, json_string_value(v));
		else if (json_is_boolean(v))
			line(b, key, json_is_true(v) ? "yes" : "no");
		else if (json_is_null(v))
			line(b, key, "too large for a number");
		if (json_is_number(v)) {
			snprintf(number, sizeof(number), json_is_real(v) ? "%.6g" : "%.0f",
				json_number_value(v));
			line(b, key, number);
		}
		if (!json_is_array(v) || !json_array_size(v))
			continue;
		label(b, "total_score");
		json_array_foreach(v, i, item) {
			sn_buf_str(b, i ? ", " : "not without ");
			sn_buf_plain(b, json_is_string(item) ? json_string_value(item) : "?");
		}
		sn_buf_chr(b, '\n');
	}
}

static void text_skipped(const json_t *list, struct sn_buf *b)
{
	enum { SHOWN = 10 };
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		label(b, i ? "" : "skipped");
		if (i == SHOWN) {
			sn_buf_fmt(b, "and %zu more\n", json_array_size(list) - i);
			break;
		}
		sn_buf_fmt(b, "record %lld: ", count(v, "index", NULL));
		sn_buf_plain(b, text(v, "reason", NULL));
		sn_buf_chr(b, '\n');
	}
}

static void text_model(const json_t *o, struct sn_buf *b)
{
	long long n = count(o, "model", "parameters");
	char size[16];

	sn_size_text(n > 0 ? (uint64_t)n : 0, size);
	size[strcspn(size, "B")] = 0;   /* "1.2 MB" is 1.2 M parameters */
	line(b, "model", text(o, "run", "model"));
	label(b, "");
	sn_buf_plain(b, text(o, "model", "architecture"));
	sn_buf_fmt(b, ", %s parameters, ", size);
	sn_buf_plain(b, text(o, "model", "dtype"));
	sn_buf_chr(b, '\n');
}

static void text_run(const json_t *o, struct sn_buf *b)
{
	double seconds = json_number_value(member(o, "run", "seconds"));
	long long threads = count(o, "run", "threads");
	char time[16];

	sn_duration_text(seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e9) : 0, time);
	label(b, "computed");
	sn_buf_fmt(b, "%lld tokens in %s, %.0f a second\n", count(o, "run", "tokens"), time,
		json_number_value(member(o, "run", "tokens_per_second")));
	label(b, "");
	if (count(o, "run", "shared") > 0) {
		sn_buf_fmt(b, "%lld of them once for several records\n", count(o, "run", "shared"));
		label(b, "");
	}
	sn_buf_plain(b, text(o, "numerics", NULL));
	sn_buf_str(b, ", template ");
	sn_buf_plain(b, text(o, "template_name", NULL));
	sn_buf_str(b, ", ");
	sn_buf_plain(b, text(o, "run", "isa"));
	sn_buf_fmt(b, " on %lld thread%s\n", threads, threads == 1 ? "" : "s");
}

int sn_report_text(const json_t *o, const char *name, struct sn_buf *b, struct sn_err *e)
{
	const json_t *list = json_object_get(o, "skipped");

	if (!*text(o, "profile", NULL) || !*text(o, "result", "digest"))
		return sn_err(e, SN_ENO, "%s: not a summary of sn-score", name);
	text_figures(o, b);
	text_model(o, b);
	label(b, "records");
	sn_buf_fmt(b, "%lld scored, %zu skipped\n", count(o, "records", "scored"),
		json_array_size(list));
	text_skipped(list, b);
	text_run(o, b);
	line(b, "model digest", text(o, "model", "digest"));
	line(b, "records digest", text(o, "records", "digest"));
	line(b, "result digest", text(o, "result", "digest"));
	return sn_buf_ok(b, "summary", e);
}
