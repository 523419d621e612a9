#!/bin/sh
# --memory bounds what a run takes, weights included: the peak does not grow with the
# number of layers, and the digest is that of a run without a limit.
. "$(dirname "$0")/lib.sh"
[ -z "${ASAN_OPTIONS:-}" ] || skip_all "a sanitizer takes memory of its own"

head -n 4 "$data/demo.jsonl" >r
cat >peak.py <<'PY'
import resource, subprocess, sys
out = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(out.returncode)
PY
peak() { python3 peak.py "$@"; }


limit=33554432
for layers in 2 8; do
	"$top/scripts/make-model" -l $layers 60m m$layers 2>/dev/null || fail "a model of $layers layers is made"
	peak free$layers sn-score -q -m m$layers -j 2 r >free$layers.kb
	# how far reading is ahead at the worst moment is chance, by some MiB: three runs
	for _ in 1 2 3; do
		peak tight$layers sn-score -q -m m$layers -j 2 --memory $limit r
	done | sort -n >tight$layers.kb
	is "$layers layers: the same digest within 32 MiB" \
		"$(json tight$layers 'd["result"]["digest"]')" "$(json free$layers 'd["result"]["digest"]')"
done
# what a process takes that scores nothing big: libraries, tokenizer, records
peak tiny sn-score -q -m "$data/tiny" -j 2 --memory 16M r >tiny.kb
base=$(cat tiny.kb)
ok "at most the limit beyond what a small model takes" [ "$(tail -n 1 tight8.kb)" -lt $((base + limit / 1024)) ]
ok "six layers more do not show" [ "$(head -n 1 tight8.kb)" -lt $(($(head -n 1 tight2.kb) + 4096)) ]
ok "without a limit they do" [ "$(cat free8.kb)" -gt $(($(cat free2.kb) + 16384)) ]
done_testing
