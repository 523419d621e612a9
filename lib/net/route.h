/*
 * Dispatch by a table of routes: 404, 405 with Allow, HEAD where GET is, and 400 for a
 * query parameter that the route does not know.  The table is the program's.
 */
#ifndef SN_NET_ROUTE_H
#define SN_NET_ROUTE_H

#include "net/server.h"

struct sn_route {
	const char *name;       /* for accounts; NULL ends a table */
	const char *method;     /* "GET" serves HEAD too */
	const char *pattern;    /* "/v1/datasets/{}/rows": {} is any one segment, not empty */
	const char *params;     /* names of query parameters, space between; "" for none */
	void (*handle)(struct sn_http_req *r, void *arg);
	unsigned flags;         /* the program's own */
};

/* The row for this request, or NULL when it has been answered with an error. */
const struct sn_route *sn_route_find(const struct sn_route *table, struct sn_http_req *r);

#endif
