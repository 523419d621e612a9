/*
 * sn-validate: judge models, named as operands or by submissions on stdin.
 *
 * Each verdict is printed as soon as it is reached.  A target about which nothing
 * can be said (an I/O error) gets no verdict but a line on stderr; the others are
 * still judged, and the exit status tells: 111 before 1 before 0.
 */
#include <stdio.h>
#include <unistd.h>

#include "board/policy.h"
#include "board/submission.h"
#include "board/verdict.h"
#include "util/io.h"
#include "util/log.h"
#include "util/prog.h"
#include "util/progress.h"

#define MAX_SUBMISSION (1 << 16)

static const char *policy_path;
static bool as_text;

static void tick(void *arg, uint64_t done, uint64_t total)
{
	bool *started = arg;

	if (!*started)
		sn_progress_start("hashing", "B", total);
	*started = true;
	sn_progress_set(done);
}

/* Prints the verdict; *status becomes the worst of what it was and 0, -1 or -111.
 * Negative only when stdout cannot be written. */
static int judge(const struct sn_submission *s, const struct sn_policy *p, int *status, struct sn_err *e)
{
	struct sn_buf out = SN_BUF_INIT;
	struct sn_verdict v;
	bool started = false;
	int rc = sn_verdict_make(&v, s, p, tick, &started, e);

	if (started)
		sn_progress_end();
	if (rc < 0) {
		sn_error("%s: no verdict: %s", s->target, e->msg);
		*status = SN_ETEMP;
		rc = 0;
		goto out;
	}
	if (!v.ok && *status == 0)
		*status = SN_ENO;
	if (as_text)
		sn_verdict_text(&v, &out);
	else
		sn_verdict_json(&v, &out);
	rc = sn_buf_ok(&out, s->target, e);
	if (rc == 0)
		rc = sn_print(out.p, out.len, e);
out:
	sn_buf_release(&out);
	sn_verdict_release(&v);
	return rc;
}

static int judge_line(const char *line, size_t n, uint64_t lineno, const struct sn_policy *p,
	int *status, struct sn_err *e)
{
	struct sn_submission s;
	char where[64];
	int rc;

	snprintf(where, sizeof(where), "stdin: line %llu", (unsigned long long)lineno);
	rc = sn_submission_parse(&s, line, n, where, e);
	if (rc == 0) {
		rc = judge(&s, p, status, e);
	} else if (rc == SN_ENO) {
		sn_error("%s", e->msg);
		if (*status == 0)
			*status = SN_ENO;
		rc = 0;
	}
	sn_submission_release(&s);
	return rc;
}

static int judge_stdin(const struct sn_policy *p, int *status, struct sn_err *e)
{
	struct sn_lines lines;
	char *line;
	size_t n;
	int rc;

	if (isatty(0))
		sn_warn("reading submissions from the terminal, one JSON object a line; ^D ends them");
	sn_lines_init(&lines, 0, "stdin", MAX_SUBMISSION);
	while ((rc = sn_lines_next(&lines, &line, &n, e)) != 0) {
		if (rc == SN_ENO) {             /* too long: no submission, but others follow */
			sn_error("%s", e->msg);
			if (*status == 0)
				*status = SN_ENO;
			rc = sn_lines_skip(&lines, e);
		} else if (rc > 0) {
			rc = judge_line(line, n, lines.lineno, p, status, e);
		}
		if (rc < 0)
			break;
	}
	sn_lines_release(&lines);
	return rc;
}

static int run(int argc, char **argv, struct sn_err *e)
{
	struct sn_policy p = { NULL };
	int status = 0, rc = 0;

	if (policy_path && (rc = sn_policy_read(&p, policy_path, e)) < 0)
		return rc;
	if (argc == 0)
		rc = judge_stdin(&p, &status, e);
	for (int i = 0; i < argc && rc == 0; i++) {
		struct sn_submission s = { .target = argv[i] };

		rc = judge(&s, &p, &status, e);
	}
	sn_policy_release(&p);
	if (rc < 0)
		return rc;
	e->msg[0] = 0;          /* the verdicts have said it all */
	return status;
}

static const struct sn_opt options[] = {
	{ 'p', "policy", SN_OPT_STR, "FILE", "what the competition allows, as JSON", &policy_path, 0, 0 },
	{ 't', "text", SN_OPT_FLAG, NULL, "verdicts to read, instead of JSON", &as_text, 0, 0 },
	{ 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static const struct sn_prog prog = {
	.name = "sn-validate",
	.help = "judge submitted models: a directory or a GGUF file each, or submissions on stdin",
	.self = { NULL, "[TARGET...]", "", options, run, 0, -1 },
};

int main(int argc, char **argv)
{
	return sn_main(&prog, argc, argv);
}
