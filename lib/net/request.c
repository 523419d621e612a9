#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "net/server-impl.h"
#include "util/clock.h"

static struct request *of(struct sn_http_req *r)
{
	return (struct request *)r;
}

void sn_request_begin(struct request *r, struct conn *c, struct MHD_Connection *mhd,
	const char *target)
{
	r->conn = c;
	r->mhd = mhd;
	r->target = strdup(target);
	r->seen = r->answered = r->parked = r->head = false;
	r->body = r->upload = 0;
	r->nset = r->used = 0;
	memset(&r->pub, 0, sizeof(r->pub));
	r->pub.listener = c->listener;
	r->pub.start = sn_clock_mono();
	memcpy(r->pub.peer, c->peer, sizeof(r->pub.peer));
	COUNT(c->s->st.in_flight, 1);
	COUNT(c->s->st.requests, 1);
	sn_conn_phase(c, PHASE_HEADER);
}

void sn_request_end(struct request *r, bool whole)
{
	struct sn_http *s = r->conn->s;

	r->pub.sent = whole && !r->head ? r->body : 0;
	r->pub.took = sn_clock_mono() - r->pub.start;
	if (r->seen && s->o.done)
		s->o.done(&r->pub, s->o.arg);
	else if (!r->seen)
		COUNT(s->st.bad_requests, 1);
	free(r->target);
	r->target = NULL;
	COUNT(s->st.in_flight, -1);
	sn_conn_phase(r->conn, PHASE_IDLE);
}

/* ---- the request ---- */

struct join { const char *name; char *out; size_t n, room; int found; };

static enum MHD_Result join_one(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct join *j = arg;
	size_t n;

	if (strcasecmp(name, j->name))
		return MHD_YES;
	n = value ? strlen(value) : 0;
	if (n + 3 > j->room - j->n)
		return MHD_NO;          /* longer than anything that means something */
	if (j->found++)
		j->out[j->n++] = ',', j->out[j->n++] = ' ';
	memcpy(j->out + j->n, value ? value : "", n);
	j->n += n;
	j->out[j->n] = 0;
	return MHD_YES;
}

const char *sn_http_field(struct sn_http_req *pub, const char *name)
{
	struct request *r = of(pub);
	struct join j = { name, r->joined, 0, sizeof(r->joined), 0 };

	MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, join_one, &j);
	return j.found ? r->joined : NULL;
}

bool sn_http_from_here(struct sn_http_req *pub)
{
	static const char *const proxied[] = { "Forwarded", "X-Forwarded-For", "X-Real-IP", "Via" };
	struct request *r = of(pub);

	if (!r->conn->loopback)
		return false;
	for (size_t i = 0; i < sizeof(proxied) / sizeof(*proxied); i++)
		if (MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, proxied[i]))
			return false;
	return true;
}

/* ---- the answer ---- */

void sn_http_set(struct sn_http_req *pub, const char *name, const char *fmt, ...)
{
	struct request *r = of(pub);
	size_t left = sizeof(r->room) - r->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	if (!strcmp(fmt, "%s")) {       /* most of them; printf is slow */
		const char *value = va_arg(ap, const char *);
		size_t len = strlen(value);

		n = len < left ? (int)len : -1;
		if (n >= 0)
			memcpy(r->room + r->used, value, len + 1);
	} else {
		n = vsnprintf(r->room + r->used, left, fmt, ap);
	}
	va_end(ap);
	if (n < 0 || (size_t)n >= left || n > 512 || r->nset == SN_HTTP_SET)
		return;
	for (char *p = r->room + r->used; *p; p++)      /* no one splits our answers */
		if ((unsigned char)*p < 32 || *p == 127)
			*p = '?';
	r->set[r->nset].name = name;
	r->set[r->nset++].value = r->room + r->used;
	r->used += (size_t)n + 1;
}

static void unref(void *body)
{
	sn_body_unref(body);
}

static struct MHD_Response *response(struct sn_body *b)
{
	struct MHD_Response *resp;
	int fd;

	if (!b || !b->size)
		return MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
	if (b->fd < 0) {
		resp = MHD_create_response_from_buffer_with_free_callback_cls(b->size, b->p, unref,
			sn_body_ref(b));
		if (!resp)
			sn_body_unref(b);
		return resp;
	}
	fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 3);          /* the response closes its own */
	resp = fd < 0 ? NULL : MHD_create_response_from_fd64(b->size, fd);
	if (!resp && fd >= 0)
		close(fd);
	return resp;
}

static void queue(struct request *r, unsigned status, struct MHD_Response *resp, uint64_t size)
{
	bool ok = resp != NULL;

	for (size_t i = 0; ok && i < r->nset; i++)
		ok = MHD_add_response_header(resp, r->set[i].name, r->set[i].value) == MHD_YES;
	if (ok && LOAD(r->conn->s->draining))
		ok = MHD_add_response_header(resp, "Connection", "close") == MHD_YES;
	if (ok)
		ok = MHD_queue_response(r->mhd, status, resp) == MHD_YES;
	if (resp)
		MHD_destroy_response(resp);
	if (!ok)
		return;                 /* the caller's caller drops the connection */
	r->answered = true;
	r->pub.status = status;
	r->body = size;
}

void sn_http_reply(struct sn_http_req *pub, unsigned status, struct sn_body *body)
{
	queue(of(pub), status, response(body), body ? body->size : 0);
}

void sn_http_text(struct sn_http_req *pub, unsigned status, const char *type, const void *p, size_t n)
{
	sn_http_set(pub, "Content-Type", "%s", type);
	queue(of(pub), status, MHD_create_response_from_buffer(n, (void *)(uintptr_t)p,
		MHD_RESPMEM_MUST_COPY), n);
}

void sn_http_error(struct sn_http_req *pub, unsigned status, const char *code, const char *fmt, ...)
{
	struct sn_buf b = SN_BUF_INIT;
	struct sn_err e = { 0 };
	va_list ap;

	va_start(ap, fmt);
	sn_verr(&e, SN_ENO, fmt, ap);
	va_end(ap);
	sn_buf_str(&b, "{\"error\":");
	sn_buf_json(&b, e.msg, strlen(e.msg));
	sn_buf_str(&b, ",\"code\":");
	sn_buf_json(&b, code, strlen(code));
	sn_buf_str(&b, "}\n");
	sn_http_set(pub, "X-Error-Code", "%s", code);
	sn_http_set(pub, "Cache-Control", "no-store");
	if (sn_buf_ok(&b, "answer", NULL) == 0)
		sn_http_text(pub, status, "application/json", b.p, b.len);
	sn_buf_release(&b);
}

/* ---- parking ---- */

void sn_http_park(struct sn_http_req *pub)
{
	struct request *r = of(pub);

	COUNT(r->conn->s->st.parked, 1);
	r->parked = true;
	MHD_suspend_connection(r->mhd);
}

void sn_http_wake(struct sn_http_req *pub)
{
	struct request *r = of(pub);

	/* the handler may run again before this returns, and the request end: touch nothing after */
	COUNT(r->conn->s->st.parked, -1);
	MHD_resume_connection(r->mhd);
}

/* ---- from the server ---- */

static void check_header(struct request *r)
{
	const union MHD_ConnectionInfo *info;
	struct sn_err e = { 0 };
	const char *length;
	int rc;

	info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if ((info && info->header_size > SN_HTTP_HEADER_MAX) ||
	    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, NULL, NULL) > SN_HTTP_FIELDS) {
		sn_http_error(&r->pub, 431, "header_too_large",
			"header: more than %d bytes or %d fields", SN_HTTP_HEADER_MAX, SN_HTTP_FIELDS);
		return;
	}
	length = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Content-Length");
	if (length && (strlen(length) > 9 || atol(length) > SN_HTTP_UPLOAD_MAX)) {
		sn_http_error(&r->pub, 413, "body_too_large", "body: more than %d bytes",
			SN_HTTP_UPLOAD_MAX);
		return;
	}
	rc = sn_uri_parse(&r->pub.uri, r->target, &e);
	if (rc < 0)
		sn_http_error(&r->pub, rc == SN_EUSE ? 414 : 400,
			rc == SN_EUSE ? "target_too_long" : "bad_target", "%s", e.msg);
}

/* libmicrohttpd calls with the header, then with each piece of a body, then once for the
 * answer, and again for the answer after each park. */
enum MHD_Result sn_request_call(struct request *r, const char *method, size_t *upload)
{
	struct sn_http *s = r->conn->s;

	if (!r->target)
		return MHD_NO;          /* out of memory when it began */
	r->pub.method = method;
	if (!r->seen) {
		r->seen = true;
		r->head = !strcmp(method, "HEAD");
		check_header(r);
		return MHD_YES;
	}
	if (*upload) {
		r->upload += *upload;
		*upload = 0;
		return r->upload > SN_HTTP_UPLOAD_MAX ? MHD_NO : MHD_YES;
	}
	if (r->answered)
		return MHD_YES;
	sn_conn_phase(r->conn, PHASE_HANDLE);
	r->parked = false;
	s->o.handle(&r->pub, s->o.arg);
	if (!r->answered && !r->parked)
		sn_http_error(&r->pub, 500, "internal", "the answer could not be made");
	sn_conn_phase(r->conn, PHASE_ANSWER);
	return r->answered || r->parked ? MHD_YES : MHD_NO;
}
