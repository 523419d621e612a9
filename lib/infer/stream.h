/*
 * Weights on their way from the files to the arithmetic.  The order in which a group uses
 * them is known, so a thread of its own reads ahead of the arithmetic, `window' bytes
 * at most, and what the arithmetic is done with is given back.
 *
 * This changes when bytes are read, never what is read: a file that cannot be read
 * fails where the arithmetic touches it.  Tensors that are not mapped from a file are left alone.
 */
#ifndef SN_INFER_STREAM_H
#define SN_INFER_STREAM_H

#include "infer/net.h"

/* What becomes of bytes behind the arithmetic. */
enum sn_behind {
	SN_KEEP,        /* they stay mapped */
	SN_UNMAP,       /* they leave this process's memory, and stay in the page cache */
	SN_FORGET,      /* they leave the page cache too */
};

struct sn_stream;

/* Bytes of all the weights that a group reads in order (an embedding that is not the head
 * is read by row, and not counted). */
uint64_t sn_stream_bytes(const struct sn_net *net);

/* window: at least 1.  The net must outlive the struct. */
int sn_stream_open(struct sn_stream **s, const struct sn_net *net, uint64_t window,
	enum sn_behind behind, struct sn_err *e);
void sn_stream_close(struct sn_stream *s);

/* A group begins: from the first layer again. */
void sn_stream_begin(struct sn_stream *s);
/* Rows row .. row + n - 1 of a tensor have been read. */
void sn_stream_used(struct sn_stream *s, const struct sn_tensor *t, uint64_t row, uint64_t n);
/* Rows of the embedding were read here and there. */
void sn_stream_embedded(struct sn_stream *s);

#endif
