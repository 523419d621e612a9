#include "net/uri.h"

#include <string.h>
#include <strings.h>

#include "util/utf8.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode s in place; what: for the message. */
static int decode(char *s, int plus, size_t max, const char *what, struct sn_err *e)
{
	char *from = s, *to = s;

	for (; *from; from++) {
		unsigned char c = (unsigned char)*from;

		if (c == '%') {
			int hi = hex(from[1]), lo = hi < 0 ? -1 : hex(from[2]);

			if (lo < 0)
				return sn_err(e, SN_ENO, "%s: \"%%\" is not followed by two hex digits", what);
			c = (unsigned char)(hi << 4 | lo);
			from += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 32 || c == 127)
			return sn_err(e, SN_ENO, "%s: a control character", what);
		*to++ = (char)c;
	}
	*to = 0;
	if ((size_t)(to - s) > max)
		return sn_err(e, SN_EUSE, "%s: longer than %zu bytes", what, max);
	if (!sn_utf8_valid(s, (size_t)(to - s)))
		return sn_err(e, SN_ENO, "%s: not UTF-8", what);
	return 0;
}

static int path(struct sn_uri *u, char *p, struct sn_err *e)
{
	int rc;

	if (!*p)
		return 0;
	for (;;) {
		char *end = strchr(p, '/');

		if (u->nseg == SN_URI_SEGMENTS)
			return sn_err(e, SN_EUSE, "path: more than %d segments", SN_URI_SEGMENTS);
		if (end)
			*end = 0;
		if ((rc = decode(p, 0, SN_URI_VALUE, "path", e)) < 0)
			return rc;
		u->seg[u->nseg++] = p;
		if (!end)
			return 0;
		p = end + 1;
	}
}

static int query(struct sn_uri *u, char *p, struct sn_err *e)
{
	int rc;

	while (p && *p) {
		char *next = strchr(p, '&'), *value;

		if (next)
			*next++ = 0;
		if (!*p) {              /* "a=1&&b=2", "a=1&" */
			p = next;
			continue;
		}
		if (u->nparam == SN_URI_PARAMS)
			return sn_err(e, SN_EUSE, "query: more than %d parameters", SN_URI_PARAMS);
		value = strchr(p, '=');
		if (value)
			*value++ = 0;
		else
			value = p + strlen(p);
		if ((rc = decode(p, 1, SN_URI_NAME, "query: parameter name", e)) < 0)
			return rc;
		if (!*p)
			return sn_err(e, SN_ENO, "query: a parameter without a name");
		if (sn_uri_param(u, p))
			return sn_err(e, SN_ENO, "parameter \"%s\": given twice", p);
		if ((rc = decode(value, 1, SN_URI_VALUE, p, e)) < 0)
			return sn_err_prefix(e, "parameter"), rc;
		u->param[u->nparam].name = p;
		u->param[u->nparam++].value = value;
		p = next;
	}
	return 0;
}

int sn_uri_parse(struct sn_uri *u, char *target, struct sn_err *e)
{
	char *p = target, *q;
	int rc;

	u->nseg = u->nparam = 0;
	if (strlen(p) > SN_URI_MAX)
		return sn_err(e, SN_EUSE, "target: longer than %d bytes", SN_URI_MAX);
	if (!strncasecmp(p, "http://", 7) || !strncasecmp(p, "https://", 8)) {
		p = strchr(p, ':') + 3;
		p += strcspn(p, "/?#");
	} else if (*p != '/') {
		return sn_err(e, SN_ENO, "target: does not begin with \"/\"");
	}
	q = strchr(p, '#');             /* no client should send one */
	if (q)
		return sn_err(e, SN_ENO, "target: has a fragment");
	q = strchr(p, '?');
	if (q)
		*q++ = 0;
	if (*p == '/')
		p++;
	if ((rc = path(u, p, e)) < 0)
		return rc;
	return query(u, q, e);
}

const char *sn_uri_param(const struct sn_uri *u, const char *name)
{
	for (size_t i = 0; i < u->nparam; i++)
		if (!strcmp(u->param[i].name, name))
			return u->param[i].value;
	return NULL;
}
