/*
 * The life of a program: main() of every file in cmd/ is
 *     return sn_main(&prog, argc, argv);
 * which starts libsodium, parses, runs the command, and ends through sn_exit().
 */
#ifndef SN_UTIL_PROG_H
#define SN_UTIL_PROG_H

#include "util/err.h"
#include "util/opt.h"

#define SN_VERSION "0.1.0"

int sn_main(const struct sn_prog *p, int argc, char **argv);

/* Flush stdout, check that everything reached it, and exit with `status` (0, 1,
 * 99, 100, 111); a failed flush makes a 0 or 1 into 111 and is said on stderr. */
_Noreturn void sn_exit(int status);

/* Print "PROG: message" and sn_exit(-code). */
_Noreturn void sn_die(const struct sn_err *e);

/* Write and flush one record on stdout: immediately when it is not a regular
 * file, so that the next program in a pipe sees it; checked either way. */
int sn_print(const void *p, size_t n, struct sn_err *e);

#endif
