/*
 * sn-score: score a model on conversations.
 *
 * Everything that can be found wrong without the model (options, job, records) is
 * looked at before it is opened, and the file of --samples is touched only when the
 * arithmetic is about to begin: a run that was refused leaves an earlier file alone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "score/compare.h"
#include "score/job.h"
#include "score/report.h"
#include "score/run.h"
#include "score/stats.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/json.h"
#include "util/log.h"
#include "util/num.h"
#include "util/prog.h"
#include "util/progress.h"
#include "util/sandbox.h"

enum { JOB_MAX = 1 << 20, SUMMARY_MAX = 1 << 30 };

static const char *model, *profile = "ppl", *template = "chatml", *numerics = "f32-exact", *samples;
static struct sn_opt_list parts;
static uint64_t threads, memory, deadline, began;
static int status = -1;         /* for --stats */
static int backend, isa, share, target;
static bool pair, restart, logprobs, as_text, as_stats, as_show, as_compare, as_job, no_sandbox;

static const struct sn_opt opts[] = {
	{ 'm', "model", SN_OPT_STR, "MODEL", "model directory or GGUF file", &model, 0, 0 },
	{ 'p', "profile", SN_OPT_STR, "NAME|FILE",
		"ppl (default), dippy-2025-01, or a profile's file (*.json)", &profile, 0, 0 },
	{ 0, "template", SN_OPT_STR, "NAME", "chat template: chatml (default)", &template, 0, 0 },
	{ 0, "target", SN_OPT_CHOICE, "last|all",
		"ppl: score the last message, or all of the assistant's", &target, 0, 0 },
	{ 0, "pair", SN_OPT_FLAG, NULL, "dippy-2025-01: pool records two by two", &pair, 0, 0 },
	{ 0, "part", SN_OPT_LIST, "NAME=VALUE",
		"dippy-2025-01: a part of the total that was measured elsewhere", &parts, 0, 0 },
	{ 0, "numerics", SN_OPT_STR, "NAME", "arithmetic: f32-exact (default) or bf16-fast", &numerics,
		0, 0 },
	{ 0, "backend", SN_OPT_CHOICE, "auto|cpu", "where to compute", &backend, 0, 0 },
	{ 'j', "threads", SN_OPT_U64, "N", "threads (default: one a processor)", &threads, 1, 1024 },
	{ 0, "isa", SN_OPT_CHOICE, "auto|scalar|avx2|avx512|neon|ref",
		"kernels; all give the same bits", &isa, 0, 0 },
	{ 0, "share", SN_OPT_CHOICE, "on|off",
		"compute once what records have in common at the beginning", &share, 0, 0 },
	{ 0, "memory", SN_OPT_SIZE, "SIZE", "limit for buffers and weights in flight", &memory, 1, 0 },
	{ 0, "samples", SN_OPT_STR, "FILE", "write a line per record, as it is done", &samples, 0, 0 },
	{ 0, "restart", SN_OPT_FLAG, NULL, "begin FILE anew, even when it could be gone on with",
		&restart, 0, 0 },
	{ 0, "logprobs", SN_OPT_FLAG, NULL, "with token ids and scores in those lines", &logprobs, 0, 0 },
	{ 0, "deadline", SN_OPT_TIME, "TIME", "stop after so long, with exit status 99", &deadline, 1,
		0 },
	{ 't', "text", SN_OPT_FLAG, NULL, "print the summary for people, not as JSON", &as_text, 0, 0 },
	{ 0, "stats", SN_OPT_FLAG, NULL, "say on standard error where the time went", &as_stats, 0, 0 },
	{ 0, "show", SN_OPT_FLAG, NULL, "print summaries that were kept, for people", &as_show, 0, 0 },
	{ 0, "compare", SN_OPT_FLAG, NULL, "why do two summaries, or two files of --samples, differ?",
		&as_compare, 0, 0 },
	{ 0, "job", SN_OPT_FLAG, NULL, "read a job on standard input instead", &as_job, 0, 0 },
	{ 0, "no-sandbox", SN_OPT_FLAG, NULL, "parse the model without confining this process",
		&no_sandbox, 0, 0 },
	{ 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

/* --part NAME=VALUE, each. */
static int read_parts(struct sn_profile_opts *o, struct sn_err *e)
{
	double value;
	int rc;

	for (int i = 0; i < SN_PARTS; i++)
		o->part[i] = NAN;
	for (size_t i = 0; i < parts.n; i++) {
		const char *eq = strchr(parts.v[i], '=');

		if (!eq)
			rc = sn_err(e, SN_EUSE, "\"%s\" is not NAME=VALUE", parts.v[i]);
		else if ((rc = sn_num_double(eq + 1, 0, 1, &value, e)) == 0)
			rc = sn_part_set(o, parts.v[i], (size_t)(eq - parts.v[i]), value, e);
		if (rc < 0)
			return sn_err_prefix(e, "option --part");
	}
	return 0;
}

static int read_job(struct sn_score_job *j, struct sn_err *e)
{
	struct sn_buf b;
	int rc;

	sn_buf_init(&b, JOB_MAX);
	rc = sn_read_fd(0, "job", &b, e);
	if (rc == 0)
		rc = sn_score_job_parse(j, b.p, b.len, "job", e);
	sn_buf_release(&b);
	return rc;
}

/* A profile of that name is a file. */
static bool is_file(const char *name)
{
	size_t n = strlen(name);

	return strchr(name, '/') || (n > 5 && !strcmp(name + n - 5, ".json"));
}

/* Names to rows, and whether the options go together. */
static int choose(const struct sn_score_job *j, struct sn_run_opts *o, struct sn_profile **own,
	struct sn_err *e)
{
	const struct sn_profile_opts *how = &j->how;
	bool given = false;
	int rc;

	o->model = j->model;
	o->how = j->how;
	o->logprobs = logprobs;
	o->infer.threads = (unsigned)threads;
	o->infer.isa = (enum sn_isa)isa;
	o->infer.no_share = share == 1;
	o->infer.memory = memory;
	o->deadline = deadline ? began + (deadline < INT64_MAX / 2 ? deadline : INT64_MAX / 2) : 0;
	for (int i = 0; i < SN_PARTS; i++)
		given = given || !isnan(how->part[i]);
	o->profile = sn_profile_named(j->profile);
	if (!o->profile && is_file(j->profile)) {
		if ((rc = sn_profile_read(own, j->profile, e)) < 0)
			return rc;
		o->profile = *own;
	}
	if (!o->profile)
		return sn_err(e, SN_EUSE, "no profile is called \"%s\" (there are %s, %s, and files: *.json)", j->profile,
			sn_profiles[0]->name, sn_profiles[1]->name);
	o->template = sn_template_named(j->template);
	if (!o->template)
		return sn_err(e, SN_EUSE, "no template is called \"%s\" (there is %s)", j->template,
			sn_template_names());
	while (o->infer.numerics < SN_NUMERICS &&
			strcmp(j->numerics, sn_numerics_names[o->infer.numerics]))
		o->infer.numerics++;
	if (o->infer.numerics == SN_NUMERICS)
		return sn_err(e, SN_EUSE, "no numerics is called \"%s\" (there are %s, %s)", j->numerics,
			sn_numerics_names[SN_F32_EXACT], sn_numerics_names[SN_BF16_FAST]);
	if (how->target != SN_TARGET_LAST && !o->profile->takes_target)
		return sn_err(e, SN_EUSE, "profile %s has no choice of targets", o->profile->name);
	if (how->pair && !o->profile->takes_pair)
		return sn_err(e, SN_EUSE, "profile %s has no pairs", o->profile->name);
	if (given && !o->profile->takes_parts)
		return sn_err(e, SN_EUSE, "profile %s has no parts", o->profile->name);
	return 0;
}

static void tell(void *arg, const char *what, const char *unit, uint64_t done, uint64_t total)
{
	const char **now = arg;

	if (*now != what) {
		sn_progress_end();
		sn_progress_start(what, unit, total);
		sn_progress_from(done);
		*now = what;
	}
	sn_progress_set(done);
}

static int print(const struct sn_run *run, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	json_t *report;
	int rc = sn_run_report(run, &report, e);

	if (rc < 0)
		return rc;
	if (as_text) {
		rc = sn_report_text(report, "summary", &b, e);
	} else {
		sn_buf_value(&b, report);
		sn_buf_chr(&b, '\n');
		rc = sn_buf_ok(&b, "summary", e);
	}
	json_decref(report);
	if (rc == 0)
		rc = sn_print(b.p, b.len, e);
	sn_buf_release(&b);
	return rc;
}

/* On stderr, --stats or -v asked for it; a table that cannot be made fails no run. */
static void say_time(const struct sn_run *run)
{
	struct sn_buf b = SN_BUF_INIT;

	if ((as_stats || sn_verbosity > 0) &&
	    sn_run_stats_text(run, (uint64_t)sn_clock_mono() - began, status,
		&b, NULL) == 0)
		sn_write(2, b.p, b.len);
	sn_buf_release(&b);
}

static int score(struct sn_run *run, struct sn_samples *lines, struct sn_err *e)
{
	int rc = sn_run_score(run, lines, e);

	sn_progress_end();
	if (rc == 0 || rc == SN_ETIME)
		say_time(run);
	if (rc < 0)
		return rc;
	if (run->scored < run->records->n)
		sn_warn("%zu of %zu records skipped; the summary says why",
			run->records->n - run->scored, run->records->n);
	if ((rc = print(run, e)) < 0)
		return rc;
	if (fflush(stdout) == EOF)
		return 0;       /* sn_exit() says so; the same command needs the lines again */
	return lines ? sn_samples_done(lines, e) : 0;
}

/* One summary a line, with an empty line between two. */
static int show_file(const char *path, bool *more, struct sn_err *e)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_lines lines;
	char *text, where[300];
	json_t *summary;
	size_t len;
	int fd, rc = sn_open_in(path, &fd, e);

	if (rc < 0)
		return rc;
	sn_lines_init(&lines, fd, strcmp(path, "-") ? path : "standard input", SUMMARY_MAX);
	while ((rc = sn_lines_next(&lines, &text, &len, e)) > 0) {
		snprintf(where, sizeof(where), "%.250s: line %llu", lines.name,
			(unsigned long long)lines.lineno);
		if ((rc = sn_json_parse(text, len, where, &summary, e)) < 0)
			break;
		sn_buf_clear(&b);
		if (*more)
			sn_buf_chr(&b, '\n');
		*more = true;
		rc = sn_report_text(summary, where, &b, e);
		json_decref(summary);
		if (rc < 0 || (rc = sn_print(b.p, b.len, e)) < 0)
			break;
	}
	sn_buf_release(&b);
	sn_lines_release(&lines);
	if (fd > 0)
		close(fd);
	return rc;
}

static int show(int argc, char **argv, struct sn_err *e)
{
	bool more = false;
	int rc = 0;

	if (model || as_job)
		return sn_err(e, SN_EUSE, "--show only prints: no -m, no --job");
	for (int i = 0; i < argc && rc == 0; i++)
		rc = show_file(argv[i], &more, e);
	return rc;
}

static int read_side(const char *path, struct sn_side *s, struct sn_buf *b, struct sn_err *e)
{
	int fd, rc = sn_open_in(path, &fd, e);

	if (rc < 0)
		return rc;
	s->name = strcmp(path, "-") ? path : "standard input";
	rc = sn_read_fd(fd, s->name, b, e);
	s->p = b->p ? b->p : "";
	s->len = b->len;
	if (fd > 0)
		close(fd);
	return rc;
}

static int compare(int argc, char **argv, struct sn_err *e)
{
	struct sn_buf in[2] = { SN_BUF_INIT, SN_BUF_INIT }, b = SN_BUF_INIT;
	struct sn_side side[2];
	json_t *report = NULL;
	int rc = 0;

	if (model || as_job || as_show || argc != 2)
		return sn_err(e, SN_EUSE, "--compare takes two files: no -m, no --job, no --show");
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = read_side(argv[i], &side[i], &in[i], e);
	if (rc == 0)
		rc = sn_compare(&side[0], &side[1], &report, e);
	if (rc == 0 && as_text) {
		rc = sn_compare_text(report, &b, e);
	} else if (rc == 0) {
		sn_buf_value(&b, report);
		sn_buf_chr(&b, '\n');
		rc = sn_buf_ok(&b, "comparison", e);
	}
	if (rc == 0 && (rc = sn_print(b.p, b.len, e)) == 0 && !sn_compare_agree(report)) {
		e->msg[0] = 0;          /* the report has said it all */
		rc = SN_ENO;
	}
	json_decref(report);
	sn_buf_release(&in[0]);
	sn_buf_release(&in[1]);
	sn_buf_release(&b);
	return rc;
}

/* Before the first byte of the model is looked at. */
static int confine(const char *path, struct sn_err *e)
{
	const struct sn_sandbox s = { .read = path,
		.remove = samples && strcmp(samples, "-") ? samples : NULL };
	bool landlock;
	struct sn_err cause;
	int rc = sn_sandbox_enter(&s, &landlock, &cause);

	if (rc < 0)
		return sn_err(e, rc, "%s (--no-sandbox goes without)", cause.msg);
	if (!landlock)
		sn_info("this kernel has no Landlock: other files could be read%s, "
			"though not written or sent", s.remove ? " or removed" : "");
	return 0;
}

static int main_score(int argc, char **argv, struct sn_err *e)
{
	struct sn_score_job job = { .model = model, .profile = profile, .template = template,
		.numerics = numerics, .how = { .target = (enum sn_target)target, .pair = pair } };
	char *from_stdin[] = { (char[]){ "-" } };
	struct sn_records records = { 0 };
	const char *bar = NULL;
	struct sn_run_opts o = { .progress = tell, .arg = &bar };
	struct sn_samples *lines = NULL;
	struct sn_profile *own = NULL;
	struct sn_run run = { 0 };
	int rc, closed;

	began = (uint64_t)sn_clock_mono();
	if (as_compare)
		return compare(argc, argv, e);
	if (!as_job && !argc)
		argc = 1, argv = from_stdin;
	if (as_show)
		return show(argc, argv, e);
	if (as_job && (model || argc))
		return sn_err(e, SN_EUSE, "--job says itself which model and records: no -m, no FILE");
	if (!as_job && !model)
		return sn_err(e, SN_EUSE, "which model? -m MODEL is needed (-h for help)");
	if ((logprobs || restart) && !samples)
		return sn_err(e, SN_EUSE, "--%s goes with --samples FILE",
			logprobs ? "logprobs" : "restart");
	if ((rc = read_parts(&job.how, e)) < 0)
		return rc;
	rc = as_job ? read_job(&job, e) : 0;
	if (rc == 0)
		rc = choose(&job, &o, &own, e);
	if (rc == 0 && as_job)
		rc = sn_records_read(&records, job.records, e);
	for (int i = 0; i < argc && rc == 0; i++)
		rc = sn_records_read(&records, argv[i], e);
	if (rc == 0 && samples)
		rc = sn_samples_open(&lines, samples, restart, e);
	if (as_stats || sn_verbosity > 0)
		status = sn_run_stats_open();
	if (rc == 0 && !no_sandbox)
		rc = confine(o.model, e);
	if (rc == 0)
		rc = sn_run_open(&run, &o, &records, e);
	if (rc == 0)
		rc = score(&run, lines, e);
	closed = sn_samples_close(lines, rc < 0 ? NULL : e);
	if (rc == 0)
		rc = closed;
	sn_run_close(&run);
	sn_profile_free(own);
	sn_records_release(&records);
	sn_score_job_release(&job);
	return rc;
}

static const struct sn_prog prog = {
	.name = "sn-score",
	.help = "score a model on conversations",
	.self = { .args = "[FILE...]", .opts = opts, .run = main_score, .min = 0, .max = -1 },
};

int main(int c, char **v)
{
	return sn_main(&prog, c, v);
}
