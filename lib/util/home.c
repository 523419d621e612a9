#include "util/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/io.h"

int sn_home(const char *name, char **path, struct sn_err *e)
{
	const char *env = secure_getenv("SN_HOME"), *xdg = secure_getenv("XDG_STATE_HOME");
	const char *home = secure_getenv("HOME");
	char *dir = NULL;
	int n, rc;

	if (env && *env)
		n = asprintf(&dir, "%s", env);
	else if (geteuid() == 0)
		n = asprintf(&dir, "/var/lib/sn");
	else if (xdg && *xdg)
		n = asprintf(&dir, "%s/sn", xdg);
	else if (home && *home)
		n = asprintf(&dir, "%s/.local/state/sn", home);
	else
		return sn_err(e, SN_EUSE, "no SN_HOME and no HOME: cannot tell where state lives");
	if (n < 0)
		return sn_err_mem(e);
	rc = sn_mkdirs(dir, 0700, e);
	if (rc == 0 && !(*path = sn_path(dir, name)))
		rc = sn_err_mem(e);
	free(dir);
	return rc;
}
