#include "util/digest.h"

#include <string.h>

#include "util/io.h"

void sn_digest_init(struct sn_digest *d)
{
	crypto_hash_sha256_init(&d->st);
}

void sn_digest_add(struct sn_digest *d, const void *p, size_t n)
{
	crypto_hash_sha256_update(&d->st, p, n);
}

void sn_digest_u64(struct sn_digest *d, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	sn_digest_add(d, b, 8);
}

void sn_digest_f64(struct sn_digest *d, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	sn_digest_u64(d, bits);
}

void sn_digest_end(struct sn_digest *d, uint8_t out[SN_DIGEST])
{
	crypto_hash_sha256_final(&d->st, out);
}

void sn_sha256(const void *p, size_t n, uint8_t out[SN_DIGEST])
{
	crypto_hash_sha256(out, p, n);
}

char *sn_hex(const uint8_t digest[SN_DIGEST], char out[SN_DIGEST_HEX])
{
	return sodium_bin2hex(out, SN_DIGEST_HEX, digest, SN_DIGEST);
}

int sn_sha256_fd(int fd, const char *name, uint8_t out[SN_DIGEST], uint64_t *size, struct sn_err *e)
{
	unsigned char buf[65536];
	struct sn_digest d;
	ssize_t n;

	*size = 0;
	sn_digest_init(&d);
	while ((n = sn_read(fd, buf, sizeof(buf))) > 0) {
		sn_digest_add(&d, buf, (size_t)n);
		*size += (uint64_t)n;
	}
	if (n < 0)
		return sn_err_sys(e, "cannot read %s", name);
	sn_digest_end(&d, out);
	return 0;
}

uint64_t sn_siphash(const uint8_t key[16], const void *p, size_t n)
{
	unsigned char h[crypto_shorthash_siphash24_BYTES];
	uint64_t v = 0;

	crypto_shorthash_siphash24(h, p, n, key);
	for (int i = 7; i >= 0; i--)
		v = v << 8 | h[i];
	return v;
}
