/*
 * Every operation of every table of kernels; and that a table with one rounding too
 * many is found out.
 */
#include "kernels.h"
#include "tap.h"

/* The plain C kernels once more, with multiplication and addition not fused. */
#define __builtin_fmaf(a, b, c) ((a) * (b) + (c))
#define NAME planted
#include "infer/cpu/kernels_scalar.c"
#undef __builtin_fmaf

int main(void)
{
	static const struct sn_ops *const tables[] = { &sn_ops_scalar, &sn_ops_avx2, &sn_ops_avx512,
		&sn_ops_neon };
	uint64_t s = 1;

	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (size_t i = 0; i < OP_CHECKS; i++) {
			char name[64];

			snprintf(name, sizeof(name), "%s: %s", tables[t]->name, op_checks[i].name);
			if (tables[t]->usable())
				ok(op_checks[i].check(tables[t], &s), "%s", name);
			else
				skip(name, "this processor does not have it");
		}
	for (size_t i = 0; i < OP_CHECKS; i++) {
		bool uses_fma = strcmp(op_checks[i].name, "elementwise") && strcmp(op_checks[i].name, "pack");

		ok(op_checks[i].check(&sn_ops_planted, &s) != uses_fma, "planted, not fused: %s %s",
			op_checks[i].name, uses_fma ? "shows it" : "does not use fma");
	}
	return done_testing();
}
