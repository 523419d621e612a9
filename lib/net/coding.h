/*
 * Content codings: choosing one by Accept-Encoding (RFC 9110 section 12.5.3),
 * entity tags (section 8.8.3) and the encoders.  zstd frames keep to a window of 8 MiB,
 * as RFC 9659 asks of anything sent with Content-Encoding: zstd.
 */
#ifndef SN_NET_CODING_H
#define SN_NET_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

enum sn_coding { SN_IDENTITY, SN_GZIP, SN_ZSTD, SN_CODINGS };
extern const char *const sn_coding_name[SN_CODINGS];    /* "identity", "gzip", "zstd" */

/* The coding to answer with: the highest weight, ties to zstd, then gzip, then identity.
 * NULL (no field) is identity.  Elements that cannot be read are passed over.  -1 when
 * the client accepts none of the three. */
int sn_coding_choose(const char *accept);

/* Does the If-None-Match list name this tag (with its quotes), by weak comparison? */
bool sn_etag_match(const char *list, const char *tag);

/* An encoder: bytes in, coded bytes out to `put', which returns 0 or a negative code. */
struct sn_encoder;
typedef int sn_encoder_put(void *arg, const void *p, size_t n, struct sn_err *e);
int sn_encoder_open(struct sn_encoder **enc, enum sn_coding c, sn_encoder_put *put, void *arg,
	struct sn_err *e);
int sn_encoder_add(struct sn_encoder *enc, const void *p, size_t n, struct sn_err *e);
int sn_encoder_end(struct sn_encoder *enc, struct sn_err *e);
void sn_encoder_close(struct sn_encoder *enc);
/* Names the library version that codes: other versions may give other bytes. */
const char *sn_coding_version(enum sn_coding c);

#endif
