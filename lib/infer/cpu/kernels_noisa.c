/* The tables of other architectures' instructions, which are never usable. */
#include <stddef.h>

#include "infer/cpu/ops.h"

static int never(void)
{
	return 0;
}

#ifdef __x86_64__
const struct sn_ops sn_ops_neon = { .name = "neon", .usable = never };
#else
const struct sn_ops sn_ops_avx2 = { .name = "avx2", .usable = never };
const struct sn_ops sn_ops_avx512 = { .name = "avx512", .usable = never };

const struct sn_product sn_bf16_native = { .per = 2 };

int sn_bf16_native_usable(const struct sn_product *like)
{
	return 0;
}

#ifndef __aarch64__
const struct sn_ops sn_ops_neon = { .name = "neon", .usable = never };
#endif
#endif
