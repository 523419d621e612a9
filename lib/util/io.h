/*
 * Files and descriptors.  Calls that read or write go on after EINTR and after
 * short counts.  Messages name the file as the caller named it.
 */
#ifndef SN_UTIL_IO_H
#define SN_UTIL_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"
#include "util/err.h"

/* Up to n bytes (fewer only at end of file); -1 and errno on failure. */
ssize_t sn_read(int fd, void *p, size_t n);
ssize_t sn_pread(int fd, void *p, size_t n, off_t at);
/* All n bytes or -1 and errno. */
int sn_write(int fd, const void *p, size_t n);

/* Open for reading; "-" is standard input (fd 0).  Directories are refused. */
int sn_open_in(const char *path, int *fd, struct sn_err *e);
/* The whole file appended to b; more than b->max is SN_ENO "PATH: larger than N bytes". */
int sn_read_file(const char *path, struct sn_buf *b, struct sn_err *e);
int sn_read_fd(int fd, const char *name, struct sn_buf *b, struct sn_err *e);

/* A whole file mapped read-only.  size 0 maps to a valid empty range. */
struct sn_map { const uint8_t *p; size_t size; int fd; };
int sn_map_open(struct sn_map *m, const char *path, struct sn_err *e);
/* The descriptor stays open, which sn_map_ahead and sn_map_drop need. */
int sn_map_open_fd(struct sn_map *m, const char *path, struct sn_err *e);
void sn_map_close(struct sn_map *m);
/* Read bytes of the file now, so that whoever touches them does not wait; returns when
 * they are there.  What cannot be read stays for the one who touches it. */
void sn_map_ahead(const struct sn_map *m, uint64_t at, size_t len);
/* They will not be touched soon: out of this process's memory, and with `cache' out of the
 * page cache too.  Touched later all the same, they are read again. */
void sn_map_drop(const struct sn_map *m, uint64_t at, uint64_t len, bool cache);

/* mkdir -p; existing directories are fine. */
int sn_mkdirs(const char *path, mode_t mode, struct sn_err *e);
/* fsync of a directory, or of the directory that holds path. */
int sn_sync_dir(const char *dir, struct sn_err *e);
int sn_sync_parent(const char *path, struct sn_err *e);

/*
 * An output file that appears whole or not at all: written under a temporary
 * name in the same directory, fsynced, renamed over `path`, directory fsynced.
 * After open exactly one of commit and abort must follow; commit aborts by
 * itself when it fails.
 */
struct sn_outfile { int fd; char *path, *tmp; };
int sn_outfile_open(struct sn_outfile *f, const char *path, mode_t mode, struct sn_err *e);
int sn_outfile_write(struct sn_outfile *f, const void *p, size_t n, struct sn_err *e);
int sn_outfile_commit(struct sn_outfile *f, struct sn_err *e);
void sn_outfile_abort(struct sn_outfile *f);

/*
 * Lines of a descriptor.  A line is what stands before `delim' or the end of the
 * input; it may hold any bytes, NUL too.  Lines longer than max bytes are an error.
 */
struct sn_lines {
	int fd;
	const char *name;       /* for messages; not owned */
	char delim;
	uint64_t lineno;        /* of the line last returned, from 1 */
	uint64_t offset;        /* byte offset of its first byte */
	bool partial;           /* that line had no delimiter after it */
	/* private */
	struct sn_buf buf;
	size_t from, scanned;
	uint64_t next;
	bool eof;
};
void sn_lines_init(struct sn_lines *l, int fd, const char *name, size_t max);
/* 1 and the line (valid until the next call, NUL after it), 0 at the end, or a negative code. */
int sn_lines_next(struct sn_lines *l, char **line, size_t *len, struct sn_err *e);
/* 1 when sn_lines_next() would answer without waiting: a whole line, the end or an error
 * is there.  0 when it would wait.  Takes in what is there to be read. */
int sn_lines_ready(struct sn_lines *l);
/* After "longer than": pass over the rest of that line, so that the next call goes on behind
 * it.  A line that was not too long is not passed over. */
int sn_lines_skip(struct sn_lines *l, struct sn_err *e);
void sn_lines_release(struct sn_lines *l);

/* path joined as "dir/name", from malloc; NULL when out of memory. */
char *sn_path(const char *dir, const char *name);

#endif
