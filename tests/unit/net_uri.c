/* Request targets: what is taken apart how, and what is refused. */
#include "tap.h"

#include <stdlib.h>

#include "net/uri.h"

static const struct { const char *in, *out; } good[] = {
	{ "/", "[]" },
	{ "/a", "[a]" },
	{ "/a/", "[a][]" },
	{ "//a", "[][a]" },
	{ "/a%2Fb/c", "[a/b][c]" },
	{ "/a+b?c+d=e+f", "[a+b] c d=e f" },
	{ "/x?a=1&b=2", "[x] a=1 b=2" },
	{ "/x?a=1&&b=2&", "[x] a=1 b=2" },
	{ "/x?a", "[x] a=" },
	{ "/x?a=", "[x] a=" },
	{ "/x?a=b=c", "[x] a=b=c" },
	{ "/x?a=%26%3d%25", "[x] a=&=%" },
	{ "/x?%61=1", "[x] a=1" },
	{ "/x?a=%C3%A4", "[x] a=\xc3\xa4" },
	{ "/x?a=1?2", "[x] a=1?2" },
	{ "/x?", "[x]" },
	{ "/..", "[..]" },
	{ "http://host/a?b=c", "[a] b=c" },
	{ "HTTPS://host:1/a", "[a]" },
	{ "http://host", "[]" },
	{ "http://host?a=b", "[] a=b" },
	{ "/1/2/3/4/5/6/7/8", "[1][2][3][4][5][6][7][8]" },
};

static const struct { const char *in; int code; const char *msg; } bad[] = {
	{ "", SN_ENO, "target: does not begin with \"/\"" },
	{ "*", SN_ENO, "target: does not begin with \"/\"" },
	{ "a/b", SN_ENO, "target: does not begin with \"/\"" },
	{ "/a#b", SN_ENO, "target: has a fragment" },
	{ "/%", SN_ENO, "path: \"%\" is not followed by two hex digits" },
	{ "/%4", SN_ENO, "path: \"%\" is not followed by two hex digits" },
	{ "/%4g", SN_ENO, "path: \"%\" is not followed by two hex digits" },
	{ "/%u0041", SN_ENO, "path: \"%\" is not followed by two hex digits" },
	{ "/a%00b", SN_ENO, "path: a control character" },
	{ "/a%0d%0aX: y", SN_ENO, "path: a control character" },
	{ "/%ff", SN_ENO, "path: not UTF-8" },
	{ "/%c0%af", SN_ENO, "path: not UTF-8" },
	{ "/x?a=%", SN_ENO, "parameter: a: \"%\" is not followed by two hex digits" },
	{ "/x?a=%7f", SN_ENO, "parameter: a: a control character" },
	{ "/x?a=%ed%a0%80", SN_ENO, "parameter: a: not UTF-8" },
	{ "/x?=1", SN_ENO, "query: a parameter without a name" },
	{ "/x?a=1&a=2", SN_ENO, "parameter \"a\": given twice" },
	{ "/x?a=1&%61=2", SN_ENO, "parameter \"a\": given twice" },
	{ "/1/2/3/4/5/6/7/8/9", SN_EUSE, "path: more than 8 segments" },
	{ "/x?a1&a2&a3&a4&a5&a6&a7&a8&a9&b0&b1&b2&b3&b4&b5&b6&b7&b8&b9&c0&c1&c2&c3&c4&c5", SN_EUSE,
	  "query: more than 24 parameters" },
	{ "/x?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", SN_EUSE,
	  "query: parameter name: longer than 64 bytes" },
};

static void show(const struct sn_uri *u, char *out, size_t n)
{
	size_t k = 0;

	out[0] = 0;
	for (size_t i = 0; i < u->nseg; i++)
		k += (size_t)snprintf(out + k, n - k, "[%s]", u->seg[i]);
	if (!u->nseg)
		k += (size_t)snprintf(out + k, n - k, "[]");
	for (size_t i = 0; i < u->nparam; i++)
		k += (size_t)snprintf(out + k, n - k, " %s=%s", u->param[i].name, u->param[i].value);
}

static void long_ones(void)
{
	static char text[SN_URI_MAX + 100];
	struct sn_err e = { 0 };
	struct sn_uri u;

	memset(text, 'a', sizeof(text) - 1);
	text[0] = '/';
	is_int(sn_uri_parse(&u, text, &e), SN_EUSE, "a target over the limit is refused");
	is_str(e.msg, "target: longer than 4096 bytes", "and the limit named");
	text[SN_URI_VALUE + 2] = 0;
	is_int(sn_uri_parse(&u, text, &e), SN_EUSE, "a segment over the limit is refused");
	text[SN_URI_VALUE + 1] = 0;
	is_int(sn_uri_parse(&u, text, &e), 0, "a segment at the limit is not");
}

int main(void)
{
	char buf[512], shown[700];
	struct sn_uri u;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct sn_err e = { 0 };

		snprintf(buf, sizeof(buf), "%s", good[i].in);
		if (sn_uri_parse(&u, buf, &e) < 0)
			snprintf(shown, sizeof(shown), "refused: %s", e.msg);
		else
			show(&u, shown, sizeof(shown));
		is_str(shown, good[i].out, good[i].in);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct sn_err e = { 0 };

		snprintf(buf, sizeof(buf), "%s", bad[i].in);
		is_int(sn_uri_parse(&u, buf, &e), bad[i].code, bad[i].in);
		is_str(e.msg, bad[i].msg, "  and why");
	}
	long_ones();
	return done_testing();
}
