/*
 * Option tables.  A program describes itself in one struct sn_prog; parsing, -h,
 * --version, the completions and the checks of the man pages read that table.
 *
 * Grammar: `PROG [option...] [COMMAND] [option|operand...] [-- operand...]'.
 * Options and operands may be mixed; "--" ends the options; "-" is an operand.
 * Short options may be bundled, a value may be attached (-n5, --name=V) or be the
 * next word.  Long names are never abbreviated.  An option given twice: the last
 * one holds, except SN_OPT_LIST, which collects.  A command is one word or two
 * ("group add"); of two that fit the longer is meant.
 *
 * Every program also has: -q -v -h/--help --version, and --options, which prints
 * the table itself for scripts, tab separated:
 *   prog NAME ARGS HELP | cmd NAME ARGS HELP | opt CMD LETTER LONG KIND ARG HELP
 */
#ifndef SN_UTIL_OPT_H
#define SN_UTIL_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

enum sn_opt_kind {
	SN_OPT_FLAG,    /* bool *: true when given */
	SN_OPT_STR,     /* const char ** */
	SN_OPT_LIST,    /* struct sn_opt_list *: every value given */
	SN_OPT_U64,     /* uint64_t *, in [min, max] */
	SN_OPT_SIZE,    /* uint64_t *, k M G / Ki Mi Gi */
	SN_OPT_TIME,    /* uint64_t *, nanoseconds */
	SN_OPT_RATE,    /* uint64_t *, nanoseconds between two events; "50/h" */
	SN_OPT_REAL,    /* double * */
	SN_OPT_CHOICE,  /* int *: index into the alternatives of arg, "auto|cpu|cuda" */
};

#define SN_OPT_LIST_MAX 64
struct sn_opt_list { const char *v[SN_OPT_LIST_MAX]; size_t n; };

struct sn_opt {
	char letter;            /* 0: none */
	const char *name;       /* long name without dashes; NULL ends a table */
	enum sn_opt_kind kind;
	const char *arg;        /* the value's word: FILE, N, T...; NULL for a flag */
	const char *help;       /* one line, lower case, no full stop */
	void *dest;
	uint64_t min, max;      /* of U64, SIZE, TIME; max 0 means no limit */
};

struct sn_cmd {
	const char *name;       /* one word or two, one space between; NULL ends a table */
	const char *args;       /* operands as shown in the usage line, "" for none */
	const char *help;
	const struct sn_opt *opts;      /* may be NULL */
	/* argv holds the operands only.  Returns 0, a negative code with *e set, or
	 * SN_ENO/... with e->msg empty to end with that status and no message. */
	int (*run)(int argc, char **argv, struct sn_err *e);
	int min, max;           /* operands allowed; max -1: any number */
};

struct sn_prog {
	const char *name;
	const char *help;       /* one line */
	const struct sn_opt *opts;      /* of the program, accepted before and after the command */
	const struct sn_cmd *cmds;      /* NULL: a program without commands, which uses `self' */
	struct sn_cmd self;             /* name unused */
};

/* Parse argv, leaving the operands in argv[0..*argc), and the command in *cmd. */
int sn_opt_parse(const struct sn_prog *p, int *argc, char **argv,
	const struct sn_cmd **cmd, int *show, struct sn_err *e);
enum { SN_SHOW_NONE, SN_SHOW_HELP, SN_SHOW_VERSION, SN_SHOW_OPTIONS };

/* Texts for stdout. */
void sn_opt_help(const struct sn_prog *p, const struct sn_cmd *cmd);
void sn_opt_table(const struct sn_prog *p);
/* "usage: prog cmd [options] ARGS" into out. */
void sn_opt_usage(const struct sn_prog *p, const struct sn_cmd *cmd, char *out, size_t n);

#endif
