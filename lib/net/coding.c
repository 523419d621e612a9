#include "net/coding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

const char *const sn_coding_name[SN_CODINGS] = { "identity", "gzip", "zstd" };

#define WINDOW_LOG 23           /* 8 MiB */
#define ZSTD_LEVEL 3
#define GZIP_LEVEL 5
#define ROOM ((size_t)64 << 10)

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t");
}

/* RFC 9110 section 5.6.2 */
static size_t token_len(const char *p)
{
	return strspn(p, "!#$%&'*+-.^_`|~0123456789"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) in thousandths; -1: none */
static int qvalue(const char **at)
{
	const char *p = *at;
	int q, digit = 100;

	if (*p != '0' && *p != '1')
		return -1;
	q = (*p++ - '0') * 1000;
	if (*p == '.') {
		p++;
		for (int i = 0; i < 3 && *p >= '0' && *p <= '9'; i++, digit /= 10)
			q += (*p++ - '0') * digit;
	}
	*at = p;
	return q <= 1000 ? q : -1;
}

/* One element "coding [;q=v]" up to a comma: -1 when it cannot be read. */
static int element(const char **at, const char **name, size_t *len, int *q)
{
	const char *p = skip_space(*at);

	*name = p;
	*len = token_len(p);
	*q = 1000;
	p = skip_space(p + *len);
	if (*len && *p == ';') {
		p = skip_space(p + 1);
		if ((*p | 32) != 'q' || p[1] != '=')
			goto bad;
		p += 2;
		*q = qvalue(&p);
		p = skip_space(p);
	}
	*at = p;
	if (*len && *q >= 0 && (*p == ',' || !*p))
		return 0;
bad:
	*at = p + strcspn(p, ",");
	return -1;
}

int sn_coding_choose(const char *accept)
{
	static const enum sn_coding order[] = { SN_ZSTD, SN_GZIP, SN_IDENTITY };
	int q[SN_CODINGS] = { -1, -1, -1 }, star = -1, best = -1, best_q = 0;
	const char *name;
	size_t len;
	int weight;

	if (!accept)
		return SN_IDENTITY;
	while (*accept) {
		if (element(&accept, &name, &len, &weight) == 0) {
			if (len == 1 && *name == '*')
				star = weight;
			else if (len == 6 && !strncasecmp(name, "x-gzip", 6))
				q[SN_GZIP] = weight;
			for (int c = 0; c < SN_CODINGS; c++)
				if (strlen(sn_coding_name[c]) == len &&
				    !strncasecmp(name, sn_coding_name[c], len))
					q[c] = weight;
		}
		accept += *accept == ',';
	}
	for (size_t i = 0; i < SN_CODINGS; i++) {
		enum sn_coding c = order[i];
		int w = q[c] >= 0 ? q[c] : star >= 0 ? star : 0;

		if (w > best_q) {
			best = c;
			best_q = w;
		}
	}
	/* identity needs no mention to be acceptable, only not to be ruled out */
	if (best < 0 && (q[SN_IDENTITY] > 0 || (q[SN_IDENTITY] < 0 && star != 0)))
		best = SN_IDENTITY;
	return best;
}

bool sn_etag_match(const char *list, const char *tag)
{
	size_t n = strlen(tag);

	list = skip_space(list);
	if (*list == '*')
		return !*skip_space(list + 1);
	while (*list) {
		const char *end;

		list = skip_space(list);
		if (!strncmp(list, "W/", 2))
			list += 2;
		if (*list == '"') {
			end = strchr(list + 1, '"');
			if (!end)
				return false;
			end++;
			if ((size_t)(end - list) == n && !memcmp(list, tag, n))
				return true;
			list = end;
		}
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return false;
}

struct sn_encoder {
	enum sn_coding c;
	sn_encoder_put *put;
	void *arg;
	ZSTD_CCtx *zstd;
	z_stream z;
	unsigned char room[ROOM];
};

int sn_encoder_open(struct sn_encoder **out, enum sn_coding c, sn_encoder_put *put, void *arg,
	struct sn_err *e)
{
	struct sn_encoder *enc = calloc(1, sizeof(*enc));

	if (!enc)
		return sn_err_mem(e);
	enc->put = put;
	enc->arg = arg;
	enc->c = c;
	if (c == SN_GZIP && deflateInit2(&enc->z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8,
	    Z_DEFAULT_STRATEGY) != Z_OK) {
		free(enc);
		return sn_err_mem(e);
	}
	if (c == SN_ZSTD) {
		enc->zstd = ZSTD_createCCtx();
		if (!enc->zstd) {
			free(enc);
			return sn_err_mem(e);
		}
		ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_checksumFlag, 1);
		ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_windowLog, WINDOW_LOG);
	}
	*out = enc;
	return 0;
}

static int zstd_step(struct sn_encoder *enc, const void *p, size_t n, ZSTD_EndDirective how,
	struct sn_err *e)
{
	ZSTD_inBuffer in = { p, n, 0 };
	size_t left;
	int rc;

	do {
		ZSTD_outBuffer out = { enc->room, ROOM, 0 };

		left = ZSTD_compressStream2(enc->zstd, &out, &in, how);
		if (ZSTD_isError(left))
			return sn_err(e, SN_ETEMP, "zstd: %s", ZSTD_getErrorName(left));
		if (out.pos && (rc = enc->put(enc->arg, enc->room, out.pos, e)) < 0)
			return rc;
	} while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
	return 0;
}

static int gzip_step(struct sn_encoder *enc, const void *p, size_t n, int how, struct sn_err *e)
{
	int rc, z = Z_OK;

	do {
		uInt take = n > (1u << 30) ? 1u << 30 : (uInt)n;

		enc->z.next_in = (unsigned char *)(uintptr_t)p;
		enc->z.avail_in = take;
		p = (const char *)p + take;
		n -= take;
		do {
			enc->z.next_out = enc->room;
			enc->z.avail_out = ROOM;
			z = deflate(&enc->z, n ? Z_NO_FLUSH : how);
			if (z == Z_STREAM_ERROR)
				return sn_err(e, SN_ETEMP, "gzip: %s", "stream error");
			if (enc->z.avail_out < ROOM &&
			    (rc = enc->put(enc->arg, enc->room, ROOM - enc->z.avail_out, e)) < 0)
				return rc;
		} while (enc->z.avail_out == 0);
	} while (n);
	return how == Z_FINISH && z != Z_STREAM_END ? sn_err(e, SN_ETEMP, "gzip: no end") : 0;
}

int sn_encoder_add(struct sn_encoder *enc, const void *p, size_t n, struct sn_err *e)
{
	switch (enc->c) {
	case SN_ZSTD:
		return zstd_step(enc, p, n, ZSTD_e_continue, e);
	case SN_GZIP:
		return gzip_step(enc, p, n, Z_NO_FLUSH, e);
	default:
		return n ? enc->put(enc->arg, p, n, e) : 0;
	}
}

int sn_encoder_end(struct sn_encoder *enc, struct sn_err *e)
{
	switch (enc->c) {
	case SN_ZSTD:
		return zstd_step(enc, NULL, 0, ZSTD_e_end, e);
	case SN_GZIP:
		return gzip_step(enc, NULL, 0, Z_FINISH, e);
	default:
		return 0;
	}
}

void sn_encoder_close(struct sn_encoder *enc)
{
	if (!enc)
		return;
	ZSTD_freeCCtx(enc->zstd);
	if (enc->c == SN_GZIP)
		deflateEnd(&enc->z);
	free(enc);
}

const char *sn_coding_version(enum sn_coding c)
{
	return c == SN_ZSTD ? ZSTD_versionString() : c == SN_GZIP ? zlibVersion() : "";
}
