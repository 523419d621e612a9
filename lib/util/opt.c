#include "util/opt.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "util/num.h"

static bool want_help, want_version, want_table, want_quiet, want_verbose;

static const struct sn_opt common[] = {
	{ 'q', "quiet", SN_OPT_FLAG, NULL, "no progress bar, no warnings", &want_quiet, 0, 0 },
	{ 'v', "verbose", SN_OPT_FLAG, NULL, "say more; may be given twice", &want_verbose, 0, 0 },
	{ 'h', "help", SN_OPT_FLAG, NULL, "print this help", &want_help, 0, 0 },
	{ 0, "version", SN_OPT_FLAG, NULL, "print the version", &want_version, 0, 0 },
	{ 0, "options", SN_OPT_FLAG, NULL, "print the option table, for scripts", &want_table, 0, 0 },
	{ 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static const struct sn_opt *find_in(const struct sn_opt *o, char letter, const char *name, size_t n)
{
	for (; o && o->name; o++)
		if (name ? strlen(o->name) == n && !memcmp(o->name, name, n) :
		    o->letter && o->letter == letter)
			return o;
	return NULL;
}

static const struct sn_opt *find(const struct sn_prog *p, const struct sn_cmd *cmd,
	char letter, const char *name, size_t n)
{
	const struct sn_opt *o = NULL;

	if (cmd)
		o = find_in(cmd->opts, letter, name, n);
	if (!o)
		o = find_in(p->opts, letter, name, n);
	return o ? o : find_in(common, letter, name, n);
}

static int choice(const struct sn_opt *o, const char *v, struct sn_err *e)
{
	const char *p = o->arg;

	for (int i = 0; ; i++) {
		size_t n = strcspn(p, "|");

		if (strlen(v) == n && !memcmp(v, p, n)) {
			*(int *)o->dest = i;
			return 0;
		}
		if (!p[n])
			return sn_err(e, SN_EUSE, "\"%s\" is not one of %s", v, o->arg);
		p += n + 1;
	}
}

static int take(const struct sn_opt *o, const char *v, struct sn_err *e)
{
	uint64_t max = o->max ? o->max : UINT64_MAX;
	struct sn_opt_list *list;

	switch (o->kind) {
	case SN_OPT_FLAG:
		*(bool *)o->dest = true;
		if (o->dest == &want_verbose)
			sn_verbosity++;
		else if (o->dest == &want_quiet)
			sn_verbosity = -1;
		return 0;
	case SN_OPT_STR:
		*(const char **)o->dest = v;
		return 0;
	case SN_OPT_LIST:
		list = o->dest;
		if (list->n == SN_OPT_LIST_MAX)
			return sn_err(e, SN_EUSE, "given more than %d times", SN_OPT_LIST_MAX);
		list->v[list->n++] = v;
		return 0;
	case SN_OPT_U64:
		return sn_num_u64(v, o->min, max, o->dest, e);
	case SN_OPT_SIZE:
		return sn_num_size(v, o->min, max, o->dest, e);
	case SN_OPT_TIME:
		return sn_num_duration(v, o->min, max, o->dest, e);
	case SN_OPT_RATE:
		return sn_num_rate(v, o->dest, e);
	case SN_OPT_REAL:
		return sn_num_double(v, -1e300, 1e300, o->dest, e);
	case SN_OPT_CHOICE:
		return choice(o, v, e);
	}
	return sn_err(e, SN_EUSE, "bad option table");
}

/* One word of options, a[*i]; *i moves on when the value is the next word. */
static int word(const struct sn_prog *p, const struct sn_cmd *cmd, int argc, char **a, int *i,
	struct sn_err *e)
{
	const char *w = a[*i] + 1, *value = NULL;
	const struct sn_opt *o;
	char shown[80];
	size_t n;

	if (*w == '-') {
		w++;
		n = strcspn(w, "=");
		snprintf(shown, sizeof(shown), "--%.*s", (int)(n < 60 ? n : 60), w);
		o = find(p, cmd, 0, w, n);
		if (!o)
			return sn_err(e, SN_EUSE, "unknown option %s", shown);
		if (w[n] == '=')
			value = w + n + 1;
		if (o->kind == SN_OPT_FLAG && value)
			return sn_err(e, SN_EUSE, "option %s takes no value", shown);
		w = "";
	} else {
		snprintf(shown, sizeof(shown), "-%c", *w);
		o = find(p, cmd, *w, NULL, 0);
		if (!o)
			return sn_err(e, SN_EUSE, "unknown option %s", shown);
		w++;
		if (o->kind != SN_OPT_FLAG && *w) {
			value = w;
			w = "";
		}
	}
	if (o->kind != SN_OPT_FLAG && !value) {
		if (*i + 1 >= argc)
			return sn_err(e, SN_EUSE, "option %s needs a value: %s", shown, o->arg);
		value = a[++*i];
	}
	if (take(o, value, e) < 0)
		return sn_err_prefix(e, "option %s", shown);
	if (!*w)
		return 0;
	/* more letters in the same word: let them stand as a word of their own */
	a[*i] += 1;
	a[*i][0] = '-';
	return word(p, cmd, argc, a, i, e);
}

/* A command's name is one word or two ("group add"): the longer match wins.  *words
 * says how many of a and b it took; NULL with *words 1 when a is only a first half. */
static const struct sn_cmd *command(const struct sn_prog *p, const char *a, const char *b, int *words)
{
	const struct sn_cmd *one = NULL;
	size_t n = strcspn(a, " ");

	*words = 0;
	if (a[n] || !n)
		return NULL;
	for (const struct sn_cmd *c = p->cmds; c->name; c++) {
		if (strncmp(c->name, a, n))
			continue;
		if (!c->name[n])
			one = c;
		else if (c->name[n] == ' ' && b && !strcmp(c->name + n + 1, b)) {
			*words = 2;
			return c;
		} else if (c->name[n] == ' ')
			*words = 1;
	}
	if (one)
		*words = 1;
	return one;
}

/* "group: add, ls" for the half command "group" */
static int half_command(const struct sn_prog *p, const char *first, struct sn_err *e)
{
	size_t n = strlen(first), len = 0;
	char list[200] = "";

	for (const struct sn_cmd *c = p->cmds; c->name; c++)
		if (!strncmp(c->name, first, n) && c->name[n] == ' ' && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
				len ? ", " : "", c->name + n + 1);
	return sn_err(e, SN_EUSE, "\"%s\" needs a second word: %s", first, list);
}

int sn_opt_parse(const struct sn_prog *p, int *argc, char **argv,
	const struct sn_cmd **cmd, int *show, struct sn_err *e)
{
	const char *half = NULL;
	int n = 0, words, rc;

	*cmd = p->cmds ? NULL : &p->self;
	*show = SN_SHOW_NONE;
	for (int i = 1; i < *argc; i++) {
		char *w = argv[i];

		if (!strcmp(w, "--")) {
			while (++i < *argc)
				argv[n++] = argv[i];
		} else if (w[0] == '-' && w[1]) {
			if ((rc = word(p, *cmd, *argc, argv, &i, e)) < 0)
				return rc;
		} else if (!*cmd && p->cmds) {
			*cmd = half ? command(p, half, w, &words) :
				command(p, w, i + 1 < *argc ? argv[i + 1] : NULL, &words);
			if (!*cmd && (half || !words))
				return half ? half_command(p, half, e) :
					sn_err(e, SN_EUSE, "unknown command \"%s\"", w);
			if (!*cmd)
				half = w;       /* the other word may follow an option */
			else if (!half)
				i += words - 1;
		} else {
			argv[n++] = w;
		}
	}
	*argc = n;
	if (want_help || want_version || want_table) {
		*show = want_help ? SN_SHOW_HELP : want_version ? SN_SHOW_VERSION : SN_SHOW_OPTIONS;
		return 0;
	}
	if (!*cmd)
		return half ? half_command(p, half, e) : sn_err(e, SN_EUSE, "no command given");
	if (n < (*cmd)->min)
		return sn_err(e, SN_EUSE, "%s: too few operands", (*cmd)->args);
	if ((*cmd)->max >= 0 && n > (*cmd)->max)
		return sn_err(e, SN_EUSE, "unexpected operand \"%s\"", argv[(*cmd)->max]);
	return 0;
}

void sn_opt_usage(const struct sn_prog *p, const struct sn_cmd *cmd, char *out, size_t n)
{
	if (!cmd)
		snprintf(out, n, "usage: %s COMMAND [option...] [operand...]", p->name);
	else
		snprintf(out, n, "usage: %s%s%s [option...]%s%s", p->name, cmd->name ? " " : "",
			cmd->name ? cmd->name : "", *cmd->args ? " " : "", cmd->args);
}

static void help_opts(const struct sn_opt *o)
{
	char left[80];

	for (; o && o->name; o++) {
		snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
			o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			o->arg ? " " : "", o->arg ? o->arg : "");
		if (strlen(left) > 28)
			printf("%s\n%30s%s\n", left, "", o->help);
		else
			printf("%-30s%s\n", left, o->help);
	}
}

void sn_opt_help(const struct sn_prog *p, const struct sn_cmd *cmd)
{
	char usage[300];

	sn_opt_usage(p, cmd, usage, sizeof(usage));
	printf("%s\n%s\n", usage, cmd && cmd->name ? cmd->help : p->help);
	if (!cmd) {
		printf("\ncommands:\n");
		for (const struct sn_cmd *c = p->cmds; c->name; c++)
			printf("  %-12s%s\n", c->name, c->help);
	}
	if (cmd && cmd->opts && cmd->opts->name) {
		printf("\noptions:\n");
		help_opts(cmd->opts);
	}
	printf(p->opts && p->opts->name ? "\noptions of every command:\n" : "\ncommon options:\n");
	help_opts(p->opts);
	help_opts(common);
	if (!cmd)
		printf("\n`%s COMMAND -h' says more; the manual is %s(%s).\n", p->name, p->name,
			strstr(p->name, "-serve") ? "8" : "1");
}

static void table_opts(const char *cmd, const struct sn_opt *o)
{
	static const char *const kind[] = { "flag", "str", "list", "u64", "size", "time", "rate",
		"real", "choice" };

	for (; o && o->name; o++)
		printf("opt\t%s\t%c\t%s\t%s\t%s\t%s\n", cmd, o->letter ? o->letter : '-', o->name,
			kind[o->kind], o->arg ? o->arg : "-", o->help);
}

void sn_opt_table(const struct sn_prog *p)
{
	printf("prog\t%s\t%s\t%s\n", p->name, p->cmds ? "COMMAND" : p->self.args, p->help);
	table_opts("-", p->opts);
	if (!p->cmds)
		table_opts("-", p->self.opts);
	table_opts("-", common);
	for (const struct sn_cmd *c = p->cmds; c && c->name; c++) {
		printf("cmd\t%s\t%s\t%s\n", c->name, c->args, c->help);
		table_opts(c->name, c->opts);
	}
}
