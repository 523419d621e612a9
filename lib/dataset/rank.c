/*
 * Eight SipHashes side by side, in the compiler's own vectors: one instruction for all
 * with AVX-512, two with AVX2, four with what every x86-64 has; the same numbers on all.
 * libsodium's takes one input a call, and a sample ranks every record of a window.
 */
#include "dataset/rank.h"

#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(8 * SN_RANK_LANES), aligned(8), may_alias));

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define ROUND do { \
	v0 += v1; v1 = ROTL(v1, 13) ^ v0; v0 = ROTL(v0, 32); \
	v2 += v3; v3 = ROTL(v3, 16) ^ v2; \
	v0 += v3; v3 = ROTL(v3, 21) ^ v0; \
	v2 += v1; v1 = ROTL(v1, 17) ^ v2; v2 = ROTL(v2, 32); \
} while (0)

static inline __attribute__((always_inline))
void ranks(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n)
{
	const uint64_t last = (uint64_t)8 << 56;        /* the length, in the final word */
	uint64_t k0, k1;

	memcpy(&k0, key, 8);
	memcpy(&k1, key + 8, 8);
	for (size_t i = 0; i < n; i += SN_RANK_LANES) {
		lanes m = *(const lanes *)(head + i), zero = m ^ m;
		lanes v0 = zero + (k0 ^ 0x736f6d6570736575), v1 = zero + (k1 ^ 0x646f72616e646f6d);
		lanes v2 = zero + (k0 ^ 0x6c7967656e657261), v3 = zero + (k1 ^ 0x7465646279746573);

		v3 ^= m;
		ROUND; ROUND;
		v0 ^= m;
		v3 ^= zero + last;
		ROUND; ROUND;
		v0 ^= zero + last;
		v2 ^= zero + 0xff;
		ROUND; ROUND; ROUND; ROUND;
		*(lanes *)(rank + i) = v0 ^ v1 ^ v2 ^ v3;
	}
}

typedef void rank_fn(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n);

static void plain(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n)
{
	ranks(key, head, rank, n);
}

#ifdef __x86_64__
__attribute__((target("avx2")))
static void avx2(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n)
{
	ranks(key, head, rank, n);
}

__attribute__((target("avx512f")))
static void avx512(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n)
{
	ranks(key, head, rank, n);
}

static rank_fn *best(void)
{
	return __builtin_cpu_supports("avx512f") ? avx512 :
		__builtin_cpu_supports("avx2") ? avx2 : plain;
}
#else
static rank_fn *best(void)
{
	return plain;
}
#endif

void sn_rank(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n)
{
	best()(key, head, rank, n);
}
