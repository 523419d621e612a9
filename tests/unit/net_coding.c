/* Choosing a content coding, entity tags, and the encoders, whose frames are read back. */
#include "tap.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "net/coding.h"
#include "util/buf.h"

enum { NONE = -1, I = SN_IDENTITY, G = SN_GZIP, Z = SN_ZSTD };

static const struct { const char *accept; int want; } choose[] = {
	{ NULL, I }, { "", I }, { "identity", I }, { "gzip", G }, { "zstd", Z }, { "x-gzip", G },
	{ "GZip", G }, { "gzip, zstd", Z }, { "gzip, deflate, br, zstd", Z }, { "gzip, deflate, br", G },
	{ "deflate, br", I }, { "*", Z }, { "gzip;q=1, zstd;q=0.5", G }, { "gzip;q=0.5, *;q=0.1", G },
	{ "gzip;q=0", I }, { "gzip;q=0, zstd;q=0", I }, { "*;q=0", NONE }, { "identity;q=0", NONE },
	{ "identity;q=0, gzip;q=0.001", G }, { "identity;q=0, *;q=0.2", Z },
	{ "*;q=0, identity", I }, { "*;q=0, identity;q=0.5", I }, { "zstd;q=0.0, gzip;q=0.000", I },
	{ "identity, gzip;q=0.9", I }, { "identity;q=0.5, gzip;q=0.5", G },
	{ "gzip ; q=0.5 , zstd ; q=0.6", Z }, { "\tgzip\t", G }, { ",,gzip,,", G },
	{ "gzip;q=2", I }, { "gzip;q=1.001", I }, { "gzip;q=", I }, { "gzip;q=-1", I },
	{ "gzip;q=0.1234", I }, { "gzip;level=9", I }, { "gzip;q=1;q=0", I }, { "gz ip", I },
	{ "gzip;Q=0.5", G }, { "gzip;q=1.000", G }, { "gzip;q=0.", I }, { ";q=1", I },
	{ "zstd;q=x, gzip", G },
};

static const struct { const char *list; bool want; } tags[] = {
	{ "\"abc\"", true }, { "W/\"abc\"", true }, { "\"x\", \"abc\"", true }, { "*", true },
	{ " * ", true }, { "\"x\",\"abc\",\"y\"", true }, { "\"x,\", \"abc\"", true },
	{ "abc", false }, { "\"ab\"", false }, { "\"abcd\"", false }, { "", false }, { "\"abc", false },
	{ "*, \"abc\"", false }, { "W/ \"abc\"", false }, { ",,,", false }, { "\"x\" \"abc\"", false },
};

static int put(void *arg, const void *p, size_t n, struct sn_err *e)
{
	sn_buf_add(arg, p, n);
	return sn_buf_ok(arg, "out", e);
}

/* All of n bytes coded in uneven pieces. */
static void code(enum sn_coding c, const char *p, size_t n, struct sn_buf *out)
{
	struct sn_encoder *enc;
	struct sn_err e = { 0 };

	ok(sn_encoder_open(&enc, c, put, out, &e) == 0, "%s: opens", sn_coding_name[c]);
	for (size_t at = 0, k = 1; at < n; at += k, k = k * 3 % 100003 + 1) {
		if (k > n - at)
			k = n - at;
		if (sn_encoder_add(enc, p + at, k, &e) < 0)
			break;
	}
	ok(sn_encoder_end(enc, &e) == 0, "%s: ends", sn_coding_name[c]);
	sn_encoder_close(enc);
}

static size_t gunzip(const struct sn_buf *in, char *out, size_t room)
{
	z_stream z = { .next_in = (unsigned char *)in->p, .avail_in = (uInt)in->len,
		.next_out = (unsigned char *)out, .avail_out = (uInt)room };
	size_t n;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return 0;
	n = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 ? z.total_out : 0;
	inflateEnd(&z);
	return n;
}

static void encoders(size_t n)
{
	char *p = calloc(n + 1, 1), *back = calloc(n + 1, 1);
	struct sn_buf z = SN_BUF_INIT, g = SN_BUF_INIT, i = SN_BUF_INIT;
	uint64_t r = 88172645463325252ull;

	for (size_t k = 0; k < n; k++) {
		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		p[k] = (char)('a' + r % 20 % 7);
	}
	code(SN_IDENTITY, p, n, &i);
	ok(i.len == n && (!n || !memcmp(i.p, p, n)), "identity: %zu bytes as they are", n);
	code(SN_GZIP, p, n, &g);
	ok(gunzip(&g, back, n + 1) == n && !memcmp(back, p, n), "gzip: %zu bytes come back", n);
	code(SN_ZSTD, p, n, &z);
	{
		ZSTD_DCtx *d = ZSTD_createDCtx();
		ZSTD_inBuffer in = { z.p, z.len, 0 };
		ZSTD_outBuffer out = { back, n + 1, 0 };
		size_t left;

		ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, 23);
		left = ZSTD_decompressStream(d, &out, &in);
		ok(left == 0 && out.pos == n && !memcmp(back, p, n) && in.pos == z.len,
			"zstd: %zu bytes come back in a window of 8 MiB", n);
		ZSTD_freeDCtx(d);
	}
	sn_buf_release(&z);
	sn_buf_release(&g);
	sn_buf_release(&i);
	free(p);
	free(back);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(choose) / sizeof(*choose); i++)
		ok(sn_coding_choose(choose[i].accept) == choose[i].want, "Accept-Encoding: %s",
			choose[i].accept ? choose[i].accept : "(none)");
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		ok(sn_etag_match(tags[i].list, "\"abc\"") == tags[i].want, "If-None-Match: %s", tags[i].list);
	encoders(0);
	encoders(1);
	encoders(20 << 20);
	return done_testing();
}
