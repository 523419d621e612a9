/* The HTTP client against a server of canned answers: what becomes of each status, of sizes,
 * redirects, times, and of connections that break off. */
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include "net/client.h"
#include "util/io.h"

static char seen[8192];         /* the request last read */

static void say(int fd, const char *s)
{
	(void)!send(fd, s, strlen(s), MSG_NOSIGNAL);
}

static void say_gzip(int fd, size_t n)
{
	static unsigned char in[1 << 20], out[1 << 20];
	z_stream z = { .next_in = in, .avail_in = (uInt)n, .next_out = out, .avail_out = sizeof(out) };
	char head[200];

	memset(in, 'x', sizeof(in));
	if (deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END)
		return;
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
		z.total_out);
	say(fd, head);
	(void)!send(fd, out, z.total_out, MSG_NOSIGNAL);
	deflateEnd(&z);
}

static const struct { const char *path, *answer; } canned[] = {
	{ "/ok", "HTTP/1.1 200 OK\r\nContent-Type: Application/X-NDJSON; charset=utf-8\r\nETag: \"abc\"\r\n"
	         "X-SN-Snapshot: 0123\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/same", "HTTP/1.1 304 Not Modified\r\nETag: \"abc\"\r\n\r\n" },
	{ "/no", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 52\r\n\r\n"
	         "{\"error\":\"the key has expired\",\"code\":\"expired_key\"}" },
	{ "/detail", "HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n{\"detail\":\"not here\"}" },
	{ "/plain", "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope" },
	{ "/busy", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n" },
	{ "/broken", "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n" },
	{ "/short", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly this" },
	{ "/long", "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n0123456789012345678901234567890123456789" },
	{ "/moved", "HTTP/1.1 302 Found\r\nETag: \"old\"\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n" },
	{ "/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n" },
	{ "/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n" },
	{ "/empty", "" },
	{ "/garbage", "\x01\x02\x03\r\n\r\n" },
};

static void answer(int fd)
{
	char path[100] = "";
	ssize_t n = 0, k;

	while (n < (ssize_t)sizeof(seen) - 1 &&
	       (k = recv(fd, seen + n, sizeof(seen) - 1 - (size_t)n, 0)) > 0) {
		n += k;
		seen[n] = 0;
		if (strstr(seen, "\r\n\r\n"))
			break;
	}
	sscanf(seen, "GET %99[^ ?]", path);
	if (!strcmp(path, "/slow")) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly");
		sleep(3);
	} else if (!strcmp(path, "/gzip")) {
		say_gzip(fd, 100000);
	}
	for (size_t i = 0; i < sizeof(canned) / sizeof(*canned); i++)
		if (!strcmp(path, canned[i].path))
			say(fd, canned[i].answer);
}

static void *serve(void *arg)
{
	int fd;

	while ((fd = accept(*(int *)arg, NULL, NULL)) >= 0) {
		answer(fd);
		close(fd);
	}
	return NULL;
}

static int listen_on(struct sockaddr *a, socklen_t n)
{
	static int fds[2], used;
	pthread_t t;
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, a, n) < 0 || listen(fd, 16) < 0 || getsockname(fd, a, &n) < 0)
		exit(111);
	fds[used] = fd;
	if (pthread_create(&t, NULL, serve, &fds[used++]))
		exit(111);
	return fd;
}

static char base[100];

static void is_get(const char *path, const struct sn_http_get *o, int code, const char *want,
	struct sn_http_got *got)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_err e = { 0 };
	char url[300];
	int rc;

	snprintf(url, sizeof(url), "%s%s", strstr(path, "://") ? "" : base, path);
	sn_buf_str(&b, "before:");
	rc = sn_http_get(url, o, &b, got, &e);
	ok(rc == code, "%s: %d", path, code);
	if (rc != code)
		printf("# got: %d %s\n", rc, e.msg);
	if (rc < 0) {
		is_str(b.p, "before:", "  the buffer is as it was");
		ok(strstr(e.msg, want) != NULL, "  message: %s", want);
		if (!strstr(e.msg, want))
			printf("# got: %s\n", e.msg);
	} else {
		is_str(b.p + 7, want, "  body");
	}
	sn_buf_release(&b);
}

int main(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sn_http_get o = { 0 };
	struct sn_http_got got;
	char dir[] = "/tmp/sn-client.XXXXXX", url[300];
	int port;

	if (!mkdtemp(dir))
		return 111;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/a b", dir);
	listen_on((struct sockaddr *)&in, sizeof(in));
	listen_on((struct sockaddr *)&un, sizeof(un));
	port = ntohs(in.sin_port);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);

	is_get("/ok", NULL, 0, "hello", &got);
	ok(got.status == 200 && !strcmp(got.type, "application/x-ndjson") && !strcmp(got.etag, "\"abc\"") &&
		!strcmp(got.snapshot, "0123"), "type, tag and snapshot");
	ok(!strstr(seen, "Authorization"), "no key unless one is given");
	o.bearer = "sn_key";
	o.etag = "\"abc\"";
	is_get("/same", &o, 0, "", &got);
	is_int(got.status, 304, "304 with a tag is an answer");
	ok(strstr(seen, "Authorization: Bearer sn_key\r\n") && strstr(seen, "If-None-Match: \"abc\"\r\n"),
		"key and tag are sent");
	is_get("/same", NULL, SN_ENO, "status 304", &got);
	o.bearer = "a\r\nX: y";
	is_get("/ok", &o, SN_EUSE, "bad key", &got);
	is_get("/no", NULL, SN_ENO, "status 401: the key has expired", &got);
	is_get("/detail", NULL, SN_ENO, "status 404: not here", &got);
	is_get("/plain", NULL, SN_ENO, "status 403", &got);
	is_get("/busy", NULL, SN_ETEMP, "status 429", &got);
	is_int((int64_t)got.retry_after, 17, "Retry-After");
	is_get("/broken", NULL, SN_ETEMP, "status 500", &got);
	is_get("/short", NULL, SN_ETEMP, "/short: ", &got);
	is_get("/empty", NULL, SN_ETEMP, "/empty: ", &got);
	is_get("/garbage", NULL, SN_ETEMP, "/garbage: the answer is not HTTP", &got);
	is_get("/moved", NULL, 0, "hello", &got);
	is_str(got.etag, "\"abc\"", "the fields are of the last answer");
	is_get("/loop", NULL, SN_ENO, "redirected too often", &got);
	is_get("/file", NULL, SN_ENO, "redirected to what cannot be fetched", &got);
	is_get("file:///etc/passwd", NULL, SN_EUSE, "not a URL that can be fetched", &got);
	is_get("ftp://127.0.0.1/x", NULL, SN_EUSE, "not a URL that can be fetched", &got);
	is_get("http://127.0.0.1:1/", NULL, SN_ETEMP, "http://127.0.0.1:1/: ", &got);
	is_get("http+unix://x/", NULL, SN_EUSE, "expected http+unix://", &got);
	is_get("http+unix://%2Fnone/x", NULL, SN_ETEMP, "", &got);
	snprintf(url, sizeof(url), "http+unix://%%2Ftmp%%2F%s%%2Fa%%20b/ok?x=1", strrchr(dir, '/') + 1);
	is_get(url, NULL, 0, "hello", &got);
	ok(!strncmp(seen, "GET /ok?x=1 ", 12), "through a UNIX socket, path and query kept");

	memset(&o, 0, sizeof(o));
	o.max = 20;
	is_get("/long", &o, SN_ENO, "larger than 20 bytes", &got);
	o.max = 1000;
	is_get("/gzip", &o, SN_ENO, "larger than 1000 bytes", &got);
	o.max = 0;
	o.total_ns = 300000000;
	is_get("/slow", &o, SN_ETIME, "timed out", &got);
	ok(sn_http_is_url("http://x") && sn_http_is_url("https://x") && sn_http_is_url("http+unix://x") &&
		!sn_http_is_url("/http://x") && !sn_http_is_url("file:///x"), "what is a URL");
	unlink(un.sun_path);
	rmdir(dir);
	return done_testing();
}
