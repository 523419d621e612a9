/* Where state lives: SN_HOME, else /var/lib/sn for root, else $XDG_STATE_HOME/sn,
 * else ~/.local/state/sn. */
#ifndef SN_UTIL_HOME_H
#define SN_UTIL_HOME_H

#include "util/err.h"

/* SN_HOME/name, from malloc; the directory is made (mode 0700) when it is absent. */
int sn_home(const char *name, char **path, struct sn_err *e);

#endif
