#include "score/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/io.h"

struct sn_samples {
	char *path;
	int fd;
	bool regular;           /* a file of its own, that can be cut and synced */
	off_t good;             /* end of the last whole line */
};

int sn_samples_open(struct sn_samples **out, const char *path, struct sn_err *e)
{
	struct sn_samples *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s || !(s->path = strdup(path))) {
		free(s);
		return sn_err_mem(e);
	}
	s->fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) :
		fcntl(1, F_DUPFD_CLOEXEC, 3);
	if (s->fd < 0) {
		sn_err_sys(e, "cannot open %s", path);
		free(s->path);
		free(s);
		return SN_ETEMP;
	}
	s->regular = strcmp(path, "-") && fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode);
	*out = s;
	return 0;
}

int sn_samples_line(struct sn_samples *s, const char *line, size_t len, struct sn_err *e)
{
	if (sn_write(s->fd, line, len) < 0) {
		sn_err_sys(e, "cannot write %s", s->path);
		if (s->regular && ftruncate(s->fd, s->good) < 0)
			return sn_err(e, SN_ETEMP, "cannot write %s, nor cut off the half line at its end",
				s->path);
		return SN_ETEMP;
	}
	s->good += (off_t)len;
	return 0;
}

int sn_samples_sync(struct sn_samples *s, struct sn_err *e)
{
	if (s->regular && fsync(s->fd) < 0)
		return sn_err_sys(e, "cannot sync %s", s->path);
	return 0;
}

int sn_samples_close(struct sn_samples *s, struct sn_err *e)
{
	int rc = 0;

	if (!s)
		return 0;
	if (close(s->fd) < 0)
		rc = sn_err_sys(e, "cannot close %s", s->path);
	free(s->path);
	free(s);
	return rc;
}
