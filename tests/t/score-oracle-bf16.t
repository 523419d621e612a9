#!/bin/sh
# bf16-fast is no further from float64 than transformers' own bfloat16 is, in a target
# token's log-probability on the same weights: neither at most nor on average.
. "$(dirname "$0")/lib.sh"

py=${SN_VENV:-$top/build/venv}/bin/python
[ -x "$py" ] || skip_all "no $py (scripts/venv makes it, SN_VENV names it)"
"$py" -c 'import torch, transformers' 2>/dev/null || skip_all "no torch and transformers in $py"

cat >compare.py <<'PY'
import json, sys
ours, theirs, exact = ([x for l in open(f) for x in json.loads(l).get("logprobs", [])]
                       for f in sys.argv[1:])
def distance(a):
    d = [abs(x - y) for x, y in zip(a, exact, strict=True)]
    return max(d), sum(d) / len(d)
a, b = distance(ours), distance(theirs)
print("no further" if len(exact) > 300 and 0 < a[0] <= b[0] and a[1] <= b[1] else "further")
sys.stderr.write("%d tokens; ours: max %.3g, mean %.3g; transformers: max %.3g, mean %.3g\n"
                 % (len(exact), *a, *b))
PY

head -n 12 "$data/demo.jsonl" >r
sn-score -q -m "$data/tiny" --numerics bf16-fast --samples lines --logprobs r >out.json || fail "runs"
for dtype in bfloat16 float64; do
	"$py" "$top/tests/oracle/score.py" -m "$data/tiny" -p ppl --template chatml --dtype $dtype r \
		>$dtype 2>err || fail "oracle, $dtype" "$(tail -n 3 err)"
done
is "tiny" "$("$py" compare.py lines bfloat16 float64 2>note)" "no further"
diag "$(cat note)"
done_testing
