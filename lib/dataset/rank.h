/* Ranks: SipHash-2-4 (Aumasson and Bernstein, 2012) of 8-byte inputs, many at a time.
 * The same values as sn_siphash(key, &head[i], 8).  Private to lib/dataset. */
#ifndef SN_DATASET_RANK_H
#define SN_DATASET_RANK_H

#include <stddef.h>
#include <stdint.h>

#define SN_RANK_LANES 8

/* head[n] -> rank[n]; both arrays have room up to the next multiple of SN_RANK_LANES. */
void sn_rank(const uint8_t key[16], const uint64_t *head, uint64_t *rank, size_t n);

#endif
