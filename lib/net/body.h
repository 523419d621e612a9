/*
 * Bodies: bytes in memory or in a file, counted by reference, shared by any number of
 * answers on any threads; never changed once made.
 *
 * A body is written through a sink.  Up to SN_BODY_MEM bytes stay in memory; more go to a
 * file without a name in the sink's directory, so that nothing is left behind whatever
 * ends the process, and an answer is sent from it by sendfile(2).  When the file cannot be
 * written the bytes go on in memory, up to SN_BODY_SPILL.
 */
#ifndef SN_NET_BODY_H
#define SN_NET_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

#define SN_BODY_MEM ((size_t)32 << 10)
#define SN_BODY_SPILL ((size_t)64 << 20)

struct sn_body {
	unsigned refs;          /* atomic */
	int fd;                 /* -1: in memory */
	char *p;                /* NULL: in a file */
	uint64_t size;
	uint64_t count;         /* the maker's own: of records in it */
};

/* Takes the text of b; NULL when b failed or memory ran out (b is released either way). */
struct sn_body *sn_body_take(struct sn_buf *b);
struct sn_body *sn_body_ref(struct sn_body *b);
void sn_body_unref(struct sn_body *b);

struct sn_sink {
	const char *dir;        /* where files go; NULL: memory only */
	uint64_t max;           /* more than this is refused, SN_EUSE */
	uint64_t count;         /* becomes the body's */
	/* private */
	struct sn_buf buf;
	int fd;
	uint64_t flushed;
	bool no_file;           /* a file was wanted and could not be had: why is in file_err */
	struct sn_err file_err;
};
void sn_sink_init(struct sn_sink *s, const char *dir, uint64_t max);
int sn_sink_put(void *sink, const void *p, size_t n, struct sn_err *e);  /* a sn_encoder_put */
int sn_sink_end(struct sn_sink *s, struct sn_body **out, struct sn_err *e);
void sn_sink_release(struct sn_sink *s);

#endif
