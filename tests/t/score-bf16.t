#!/bin/sh
# --numerics bf16-fast: the same bits for any kernels, threads, memory limit and batch; other
# ones than f32-exact's, and not far from them.
. "$(dirname "$0")/lib.sh"

score() { sn-score -q -m "$data/tiny" --numerics bf16-fast "$@"; }
digest() { json "$1" 'd["result"]["digest"]'; }

head -n 6 "$data/demo.jsonl" >r.jsonl
head -n 2 r.jsonl >two.jsonl
for p in ppl dippy-2025-01; do
	score -p $p -j 1 --samples base.$p --logprobs r.jsonl >base.json || fail "$p: baseline"
	is "$p: the summary says it" "$(json base.json 'd["numerics"]')" bf16-fast
	want=$(digest base.json)
	for how in "-j 2" "-j 3" "--isa avx2 -j 3" "--isa avx512" "--memory 8M" "--memory 16M -j 2"; do
		# shellcheck disable=SC2086 # words
		runs_here "$p $how" score -p $p $how --samples lines --logprobs r.jsonl || continue
		is "$p $how: digest" "$(digest out.json)" "$want"
		same "$p $how: lines" lines base.$p
	done
	score -p $p two.jsonl >a.json
	for isa in scalar ref; do
		score -p $p --isa $isa two.jsonl >b.json
		is "$p --isa $isa" "$(digest b.json)" "$(digest a.json)"
	done
	sn-score -q -m "$data/tiny" -p $p --samples exact.$p --logprobs r.jsonl >exact.json
	ok "$p: other bits than f32-exact" test "$(digest exact.json)" != "$want"
done

far=$(python3 - base.ppl exact.ppl <<'PY'
import json, sys
a, b = ([json.loads(l)["logprobs"] for l in open(f)] for f in sys.argv[1:])
d = [abs(x - y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)]
print("near" if 0 < max(d) < 0.1 and sum(d) / len(d) < 0.02 else f"max {max(d)}, mean {sum(d) / len(d)}")
PY
)
is "log-probabilities near f32-exact's" "$far" near
done_testing
