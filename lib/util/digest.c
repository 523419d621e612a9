#include "util/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
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

int sn_sha256_fd(int fd, const char *name, void (*tick)(void *arg, size_t n), void *arg,
	uint8_t out[SN_DIGEST], uint64_t *size, struct sn_err *e)
{
	enum { CHUNK = 1 << 20 };
	EVP_MD_CTX *d = EVP_MD_CTX_new();
	char *buf = malloc(CHUNK);
	bool good = d && buf && EVP_DigestInit_ex(d, EVP_sha256(), NULL);
	ssize_t n = 0;

	*size = 0;
	while (good && (n = sn_read(fd, buf, CHUNK)) > 0) {
		good = EVP_DigestUpdate(d, buf, (size_t)n);
		*size += (uint64_t)n;
		if (tick)
			tick(arg, (size_t)n);
	}
	if (n < 0)
		sn_err_sys(e, "cannot read %s", name);
	else if (!good || !EVP_DigestFinal_ex(d, out, NULL))
		n = sn_err_mem(e);
	free(buf);
	EVP_MD_CTX_free(d);
	return n < 0 ? e->code : 0;
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
