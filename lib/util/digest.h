/* SHA-256 (FIPS 180-4) and SipHash-2-4 (Aumasson and Bernstein, 2012), from libsodium;
 * SHA-256 of whole files from libcrypto, which uses the processor's instructions for it. */
#ifndef SN_UTIL_DIGEST_H
#define SN_UTIL_DIGEST_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define SN_DIGEST 32                   /* bytes of a SHA-256 */
#define SN_DIGEST_HEX (2 * SN_DIGEST + 1)

struct sn_digest { crypto_hash_sha256_state st; };

void sn_digest_init(struct sn_digest *d);
void sn_digest_add(struct sn_digest *d, const void *p, size_t n);
void sn_digest_u64(struct sn_digest *d, uint64_t v);      /* little-endian */
void sn_digest_f64(struct sn_digest *d, double v);        /* little-endian IEEE bits */
void sn_digest_end(struct sn_digest *d, uint8_t out[SN_DIGEST]);

void sn_sha256(const void *p, size_t n, uint8_t out[SN_DIGEST]);
char *sn_hex(const uint8_t digest[SN_DIGEST], char out[SN_DIGEST_HEX]);  /* returns out */

/* SHA-256 and size of what is left to read on fd; `name' is for messages, tick (may be
 * NULL) is told of every n bytes. */
int sn_sha256_fd(int fd, const char *name, void (*tick)(void *arg, size_t n), void *arg,
	uint8_t out[SN_DIGEST], uint64_t *size, struct sn_err *e);

/* SipHash-2-4 as a number (the reference's 8 output bytes read little-endian). */
uint64_t sn_siphash(const uint8_t key[16], const void *p, size_t n);

#endif
