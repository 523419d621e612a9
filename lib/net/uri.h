/*
 * Request targets (RFC 9112 section 3.2) taken apart: path segments and query
 * parameters, decoded strictly.  Refused: a `%' without two hex digits, bytes that
 * decode to something other than UTF-8, control characters, an empty parameter
 * name, a parameter given twice, and more of anything than the limits below.  In a
 * query `+' is a space, as forms and every client library write it.
 */
#ifndef SN_NET_URI_H
#define SN_NET_URI_H

#include <stddef.h>

#include "util/err.h"

#define SN_URI_MAX 4096         /* bytes of a target */
#define SN_URI_SEGMENTS 8
#define SN_URI_PARAMS 24
#define SN_URI_NAME 64          /* bytes of a parameter's name, decoded */
#define SN_URI_VALUE 2048       /* bytes of a segment or value, decoded */

struct sn_param { const char *name, *value; };

struct sn_uri {
	const char *seg[SN_URI_SEGMENTS];       /* "/a/b": "a", "b"; "/": none; "/a/": "a", "" */
	size_t nseg;
	struct sn_param param[SN_URI_PARAMS];   /* in the order given */
	size_t nparam;
};

/* Take apart `target', in place: u points into it.  Absolute form ("http://host/path") loses
 * its authority.  Failure is SN_ENO (or SN_EUSE when over a limit) with a reason fit for
 * the client. */
int sn_uri_parse(struct sn_uri *u, char *target, struct sn_err *e);

/* The value of a parameter, or NULL. */
const char *sn_uri_param(const struct sn_uri *u, const char *name);

#endif
