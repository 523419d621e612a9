#!/bin/sh
# The forward pass against the FMA peak, which is measured just before and just after:
# SmolLM2-135M where scripts/get-model can say where it is, else random weights of its
# shape. "By CPU time" holds while other programs run, "by the clock" does not.
b=${B:-build}/tests/bench
isa=avx512
peak=$("$b/fma" -q $isa)
[ -n "$peak" ] || isa=avx2
model=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
set --
[ ! -r "$model" ] || set -- -m "$model"
for n in 1200 4000 8000; do
	before=$("$b/fma" -q $isa)
	[ -n "$before" ] || before="0 0"
	"$b/infer" -n $n -p "$before" "$@" || exit
	echo "  FMA peak (GFLOP/s, and a CPU second): $before before, $("$b/fma" -q $isa) after"
done
