#!/bin/sh
# The same bits for any number of threads, kernels, memory limit, batch, order of records
# and compiler.
. "$(dirname "$0")/lib.sh"

score() { sn-score -q -m "$data/tiny" "$@"; }
digest() { json "$1" 'd["result"]["digest"]'; }

head -n 6 "$data/demo.jsonl" >r.jsonl
for p in ppl dippy-2025-01; do
	score -p $p -j 1 --samples base.$p --logprobs r.jsonl >base.json || fail "$p: baseline"
	want=$(digest base.json)
	for how in "-j 2" "-j 3" "-j 7" "--isa avx2" "--isa avx512" "--isa neon" "--isa avx2 -j 3" "--memory 8M" "--memory 16M -j 2"; do
		# shellcheck disable=SC2086 # words
		runs_here "$p $how" score -p $p $how --samples lines --logprobs r.jsonl || continue
		is "$p $how: digest" "$(digest out.json)" "$want"
		same "$p $how: lines" lines base.$p
	done

	# one by one: every line but its index is that of the whole
	: >single
	while read -r line; do
		printf '%s\n' "$line" | score -p $p --samples one --logprobs >/dev/null
		cat one >>single
	done <r.jsonl
	sed 's/"index":[0-9]*//' single >a
	sed 's/"index":[0-9]*//' base.$p >b
	same "$p: records one by one" a b

	# backwards: the lines turn round with the records
	tac r.jsonl | score -p $p --samples lines --logprobs >/dev/null
	sed 's/"index":[0-9]*//' lines | tac >a
	same "$p: records in another order" a b
done

# plain C without the processor's fma, and the reference, are slow: two records
head -n 2 r.jsonl >two.jsonl
for p in ppl dippy-2025-01; do
	score -p $p two.jsonl >a.json
	for isa in scalar ref; do
		score -p $p --isa $isa two.jsonl >b.json
		is "$p --isa $isa" "$(digest b.json)" "$(digest a.json)"
		is "$p --isa $isa says so" "$(json b.json 'd["run"]["isa"]')" $isa
	done
done

# another file layout of the same records
head -n 2 r.jsonl >1.jsonl
tail -n +3 r.jsonl >2.jsonl
score -p ppl r.jsonl >whole.json
score -p ppl 1.jsonl - <2.jsonl >out.json
is "files and standard input in turn" "$(digest out.json)" "$(digest whole.json)"
is "... and records.digest" "$(json out.json 'd["records"]["digest"]')" "$(json whole.json 'd["records"]["digest"]')"

# a change of one byte in one record changes it
sed '3s/"created_at"/"created_at" /' r.jsonl >changed.jsonl
score -p ppl changed.jsonl >out.json
ok "a record with a space more has another digest" test "$(digest out.json)" != "$(digest whole.json)"
is "... but the same figures" "$(json out.json 'd["nll"]')" "$(json whole.json 'd["nll"]')"

other=$top/build/clang/bin/sn-score
case $B in *clang*) other=$top/build/bin/sn-score ;; esac
if [ -x "$other" ]; then
	"$other" -q -m "$data/tiny" -p ppl r.jsonl >out.json
	is "the other compiler's build" "$(digest out.json)" "$(digest whole.json)"
else
	skip "the other compiler's build" "there is no $other"
fi
done_testing
