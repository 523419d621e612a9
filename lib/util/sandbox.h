/*
 * From here on this process reads no file but those it names, opens none for writing,
 * makes no connection, starts no process and gains no rights; what is open stays open. There
 * is no way back.  For programs about to parse bytes from people who are paid to cheat.
 *
 * Two fences: seccomp (Linux 3.17), which leaves some eighty system calls and lets the
 * others fail with EPERM, and Landlock (Linux 5.13), which bounds what can be opened.
 */
#ifndef SN_UTIL_SANDBOX_H
#define SN_UTIL_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct sn_sandbox {
	/* A file, or a directory with the regular files right in it (behind symbolic links too,
	 * as download caches have them).  NULL: none. */
	const char *read;
	/* A file (open already) that will be unlinked or whose directory will be synced: in
	 * that directory files can be removed and listed, not opened.  NULL: none. */
	const char *remove;
};

/*
 * Call it while there is one thread; later ones inherit both.  *landlock says whether
 * the kernel has that fence; without it any file that the user may read can be opened for
 * reading, and with .remove any that the user may remove can be removed.  Where the process
 * cannot be confined at all: SN_ETEMP.  A path that is not there is left to whoever opens
 * it.  In builds for sanitizers and coverage, whose runtime does what is forbidden here,
 * nothing happens, and *landlock is true.
 */
int sn_sandbox_enter(const struct sn_sandbox *s, bool *landlock, struct sn_err *e);

#endif
