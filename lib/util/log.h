/*
 * Words for people, on stderr, one line each, "PROGRAM: text".  Only cmd/ and
 * the servers' loops call this; other library code returns a struct sn_err.
 */
#ifndef SN_UTIL_LOG_H
#define SN_UTIL_LOG_H

/* -1 after -q (errors only), 0 normally, 1, 2... with each -v. */
extern int sn_verbosity;
extern const char *sn_progname;

void sn_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));      /* always shown */
void sn_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));       /* not with -q */
void sn_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));       /* with -v */

#endif
