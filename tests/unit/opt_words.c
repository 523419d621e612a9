/* Commands of one word and of two: the longer match wins, half a command is refused. */
#include "tap.h"
#include "util/opt.h"

static int run(int argc, char **argv, struct sn_err *e)
{
	return 0;
}

static bool flag;
static const struct sn_opt opts[] = {
	{ 'f', "flag", SN_OPT_FLAG, NULL, "a flag", &flag, 0, 0 },
	{ 0, NULL, SN_OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};
static const struct sn_cmd cmds[] = {
	{ "group add", "NAME", "add", NULL, run, 1, 1 },
	{ "group rm", "NAME", "remove", NULL, run, 1, 1 },
	{ "add", "NAME", "add", NULL, run, 1, 1 },
	{ "key", "[NAME]", "both a command and a first half", NULL, run, 0, -1 },
	{ "key ls", "", "list", NULL, run, 0, 0 },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0 },
};
static const struct sn_prog prog = { "prog", "help", opts, cmds, { 0 } };

int main(void)
{
	static const struct { const char *argv[8]; const char *cmd; int operands; const char *msg; } t[] = {
		{ { "p", "group", "add", "x" }, "group add", 1, "" },
		{ { "p", "group", "rm", "x" }, "group rm", 1, "" },
		{ { "p", "-f", "group", "-f", "add", "-f", "x" }, "group add", 1, "" },
		{ { "p", "add", "group" }, "add", 1, "" },
		{ { "p", "key", "ls" }, "key ls", 0, "" },
		{ { "p", "key", "x" }, "key", 1, "" },
		{ { "p", "key" }, "key", 0, "" },
		{ { "p", "key", "--", "ls" }, "key", 1, "" },
		{ { "p", "group" }, NULL, 0, "\"group\" needs a second word: add, rm" },
		{ { "p", "group", "ad", "x" }, NULL, 0, "\"group\" needs a second word: add, rm" },
		{ { "p", "grou", "add", "x" }, NULL, 0, "unknown command \"grou\"" },
		{ { "p", "group add", "x" }, NULL, 0, "unknown command \"group add\"" },
		{ { "p", "", "x" }, NULL, 0, "unknown command \"\"" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct sn_err e = { 0 };
		const struct sn_cmd *cmd = NULL;
		char words[8][16], *argv[9] = { 0 };
		int argc = 0, show, rc;

		for (; argc < 8 && t[i].argv[argc]; argc++) {
			snprintf(words[argc], sizeof(words[0]), "%s", t[i].argv[argc]);
			argv[argc] = words[argc];
		}
		rc = sn_opt_parse(&prog, &argc, argv, &cmd, &show, &e);
		is_int(rc, t[i].cmd ? 0 : SN_EUSE, "status");
		if (t[i].cmd && rc == 0) {
			is_str(cmd->name, t[i].cmd, "command");
			is_int(argc, t[i].operands, "operands");
		} else {
			is_str(e.msg, t[i].msg, "message");
		}
	}
	return done_testing();
}
