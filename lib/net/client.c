#include "net/client.h"

#include <curl/curl.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/json.h"
#include "util/prog.h"

#define UNIX_SCHEME "http+unix://"

struct call {
	struct sn_buf *b;
	size_t from, max;
	bool over;
	struct sn_http_got got;
};

bool sn_http_is_url(const char *text)
{
	return !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8) ||
		!strncmp(text, UNIX_SCHEME, strlen(UNIX_SCHEME));
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
	struct call *c = arg;

	if (n > c->max - (c->b->len - c->from)) {
		c->over = true;
		return 0;
	}
	sn_buf_add(c->b, p, n);
	return c->b->nomem || c->b->over ? 0 : n;
}

/* Copy the value of "Name: value\r\n" when it is that field and fits. */
static void take_field(const char *line, size_t n, const char *name, char *out, size_t room)
{
	size_t k = strlen(name);

	if (n <= k || strncasecmp(line, name, k) || line[k] != ':')
		return;
	line += k + 1, n -= k + 1;
	while (n && (*line == ' ' || *line == '\t'))
		line++, n--;
	while (n && isspace((unsigned char)line[n - 1]))
		n--;
	if (n >= room)
		n = 0;
	memcpy(out, line, n);
	out[n] = 0;
}

static size_t on_field(char *p, size_t one, size_t n, void *arg)
{
	struct call *c = arg;
	char retry[16] = "";

	if (n > 5 && !strncasecmp(p, "HTTP/", 5))       /* of the next answer, after a redirect */
		memset(&c->got, 0, sizeof(c->got));
	take_field(p, n, "ETag", c->got.etag, sizeof(c->got.etag));
	take_field(p, n, "Content-Type", c->got.type, sizeof(c->got.type));
	take_field(p, n, "X-SN-Snapshot", c->got.snapshot, sizeof(c->got.snapshot));
	take_field(p, n, "Retry-After", retry, sizeof(retry));
	if (retry[0] && strspn(retry, "0123456789") == strlen(retry))
		c->got.retry_after = strtoull(retry, NULL, 10);
	return n;
}

static void global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* http+unix://ENCODED-PATH/rest: the socket's path from malloc, and the URL to ask it for. */
static int unix_url(const char *url, char **sock, char **rest, struct sn_err *e)
{
	const char *p = url + strlen(UNIX_SCHEME);
	size_t n = strcspn(p, "/?#"), room;
	char *dec;
	int len = 0;

	dec = curl_easy_unescape(NULL, p, (int)n, &len);
	if (!dec)
		return sn_err_mem(e);
	if (len == 0 || dec[0] != '/' || memchr(dec, 0, (size_t)len)) {
		curl_free(dec);
		return sn_err(e, SN_EUSE, "%s: expected http+unix://%%2Fpath%%2Fof%%2Fsocket/...", url);
	}
	*sock = strdup(dec);
	curl_free(dec);
	room = strlen(p + n) + 20;
	*rest = malloc(room);
	if (!*sock || !*rest)
		return sn_err_mem(e);
	snprintf(*rest, room, "http://localhost%s%s", p[n] == '/' ? "" : "/", p + n);
	return 0;
}

/* What the server says in {"error": text} (ours) or {"detail": text}. */
static const char *server_text(const struct call *c, json_t **root)
{
	const char *text = NULL;

	*root = NULL;
	if (c->b->len == c->from || c->b->len - c->from > 65536 ||
	    sn_json_parse(c->b->p + c->from, c->b->len - c->from, "", root, NULL) < 0 ||
	    !json_is_object(*root))
		return NULL;
	text = json_string_value(json_object_get(*root, "error"));
	return text ? text : json_string_value(json_object_get(*root, "detail"));
}

static int judge_status(const char *url, const struct call *c, bool tagged, struct sn_err *e)
{
	int st = c->got.status, code;
	const char *text;
	json_t *root;

	if ((st >= 200 && st < 300) || (st == 304 && tagged))
		return 0;
	code = st >= 500 || st == 408 || st == 425 || st == 429 ? SN_ETEMP : SN_ENO;
	text = server_text(c, &root);
	if (text)
		sn_err(e, code, "%s: status %d: %s", url, st, text);
	else
		sn_err(e, code, "%s: status %d", url, st);
	json_decref(root);
	return code;
}

static int judge_curl(const char *url, CURLcode rc, const struct call *c, const char *why,
	struct sn_err *e)
{
	if (c->over)
		return sn_err(e, SN_ENO, "%s: larger than %zu bytes", url, c->max);
	if (c->b->nomem || c->b->over)
		return sn_buf_ok(c->b, url, e);
	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return sn_err(e, SN_ETIME, "%s: timed out", url);
	case CURLE_URL_MALFORMAT:
		return sn_err(e, SN_EUSE, "%s: not a URL that can be fetched", url);
	case CURLE_UNSUPPORTED_PROTOCOL:        /* of a redirect, or no HTTP/1 in the answer */
		return c->got.status ?
			sn_err(e, SN_ENO, "%s: redirected to what cannot be fetched", url) :
			sn_err(e, SN_ETEMP, "%s: the answer is not HTTP", url);
	case CURLE_TOO_MANY_REDIRECTS:
		return sn_err(e, SN_ENO, "%s: redirected too often", url);
	default:
		return sn_err(e, SN_ETEMP, "%s: %s", url, why[0] ? why : curl_easy_strerror(rc));
	}
}

static long ms(uint64_t ns, uint64_t standard_s)
{
	uint64_t v = ns ? (ns + 999999) / 1000000 : standard_s * 1000;

	return v > 86400000 ? 86400000 : (long)v;
}

static int fields(const struct sn_http_get *o, struct curl_slist **list, struct sn_err *e)
{
	const char *const names[] = { "Authorization: Bearer ", "If-None-Match: " };
	const char *const values[] = { o->bearer, o->etag };

	for (int i = 0; i < 2; i++) {
		char line[1200];
		struct curl_slist *more;

		if (!values[i])
			continue;
		if (strpbrk(values[i], "\r\n") || strlen(values[i]) > 1000)
			return sn_err(e, SN_EUSE, i ? "bad entity tag" : "bad key");
		snprintf(line, sizeof(line), "%s%s", names[i], values[i]);
		more = curl_slist_append(*list, line);
		if (!more)
			return sn_err_mem(e);
		*list = more;
	}
	return 0;
}

int sn_http_get(const char *url, const struct sn_http_get *opts, struct sn_buf *b,
	struct sn_http_got *got, struct sn_err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct sn_http_get none = { 0 }, *o = opts ? opts : &none;
	struct call c = { .b = b, .from = b->len, .max = o->max ? o->max : (size_t)256 << 20 };
	struct curl_slist *list = NULL;
	char why[CURL_ERROR_SIZE] = "", *sock = NULL, *rest = NULL;
	long status = 0;
	CURLcode rc;
	CURL *h;
	int ret;

	if (!sn_http_is_url(url))
		return sn_err(e, SN_EUSE, "%s: not a URL that can be fetched", url);
	pthread_once(&once, global_init);
	h = curl_easy_init();
	if (!h)
		return sn_err_mem(e);
	ret = fields(o, &list, e);
	if (ret == 0 && !strncmp(url, UNIX_SCHEME, strlen(UNIX_SCHEME)))
		ret = unix_url(url, &sock, &rest, e);
	if (ret < 0)
		goto out;
	if (sock)
		curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, sock);
	curl_easy_setopt(h, CURLOPT_URL, rest ? rest : url);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, sock ? 0L : 1L);
	curl_easy_setopt(h, CURLOPT_MAXREDIRS, 5L);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(h, CURLOPT_USERAGENT, "sn-tools/" SN_VERSION);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, ms(o->connect_ns, 10));
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, ms(o->total_ns, 300));
	curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (ms(o->stall_ns, 30) + 999) / 1000);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, &c);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_field);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, &c);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
	rc = curl_easy_perform(h);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	c.got.status = (int)status;
	c.got.type[strcspn(c.got.type, "; \t")] = 0;
	for (char *p = c.got.type; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	ret = rc != CURLE_OK ? judge_curl(url, rc, &c, why, e) : judge_status(url, &c, o->etag, e);
out:
	if (got)
		*got = c.got;
	if (ret < 0 && b->p) {
		b->len = c.from;
		b->p[b->len] = 0;
	}
	curl_slist_free_all(list);
	curl_easy_cleanup(h);
	free(sock);
	free(rest);
	return ret;
}
