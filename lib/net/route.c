#include "net/route.h"

#include <stdio.h>
#include <string.h>

/* Does the pattern fit the path's segments? */
static bool fits(const char *pattern, const struct sn_uri *u)
{
	size_t i = 0;

	for (pattern++; *pattern; i++) {
		size_t n = strcspn(pattern, "/");

		if (i == u->nseg)
			return false;
		if (n == 2 && !memcmp(pattern, "{}", 2)) {
			if (!*u->seg[i])
				return false;
		} else if (strlen(u->seg[i]) != n || memcmp(u->seg[i], pattern, n)) {
			return false;
		}
		pattern += n;
		pattern += *pattern == '/';
	}
	return i == u->nseg;
}

static bool method_fits(const struct sn_route *t, const char *method)
{
	return !strcmp(t->method, method) || (!strcmp(t->method, "GET") && !strcmp(method, "HEAD"));
}

static bool in_words(const char *words, const char *w)
{
	size_t n = strlen(w);

	while (*words) {
		size_t k = strcspn(words, " ");

		if (k == n && !memcmp(words, w, n))
			return true;
		words += k;
		words += *words == ' ';
	}
	return false;
}

static bool params_known(const struct sn_route *t, struct sn_http_req *r)
{
	for (size_t i = 0; i < r->uri.nparam; i++) {
		if (in_words(t->params, r->uri.param[i].name))
			continue;
		if (*t->params)
			sn_http_error(r, 400, "unknown_parameter",
				"unknown parameter \"%s\"; known here: %s", r->uri.param[i].name,
				t->params);
		else
			sn_http_error(r, 400, "unknown_parameter",
				"unknown parameter \"%s\"; this route takes none",
				r->uri.param[i].name);
		return false;
	}
	return true;
}

const struct sn_route *sn_route_find(const struct sn_route *table, struct sn_http_req *r)
{
	char allow[80] = "";

	for (const struct sn_route *t = table; t->name; t++) {
		size_t n = strlen(allow);

		if (!fits(t->pattern, &r->uri))
			continue;
		if (method_fits(t, r->method))
			return params_known(t, r) ? t : NULL;
		snprintf(allow + n, sizeof(allow) - n, "%s%s%s", n ? ", " : "", t->method,
			strcmp(t->method, "GET") ? "" : ", HEAD");
	}
	if (allow[0]) {
		sn_http_set(r, "Allow", "%s", allow);
		sn_http_error(r, 405, "method_not_allowed", "this route answers %s", allow);
	} else {
		sn_http_error(r, 404, "no_route", "no such route");
	}
	return NULL;
}
