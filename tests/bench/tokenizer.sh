#!/bin/sh
# Tokens per second on one thread: the shared conversations (else the demo's) through
# our tokenizer and through the tokenizers library, taking turns, five times each.
cd "$(dirname "$0")/../.." || exit 111
tok=${B:-build}/tests/helper/tok
python=${SN_VENV:-build/venv}/bin/python
texts=$(mktemp) || exit 111
trap 'rm -f "$texts"' EXIT
trap 'exit 111' INT TERM
file=${SN_SHARED:-../shared}/data/conversations.jsonl
[ -f "$file" ] || file=tests/data/demo.jsonl
python3 - "$file" >"$texts" <<'E2'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    d = json.loads(line)
    print(json.dumps(d["system_prompt"] + "\n" + "\n".join(m["content"] for m in d["messages"])))
E2
theirs() { RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false "$python" - "$1" "$texts" <<'E2'
import json, sys, time
sys.path.insert(0, "tests/oracle")
from models import Model
tok = Model(sys.argv[1]).tok
texts = [json.loads(line) for line in open(sys.argv[2])]
start = time.monotonic()
n = sum(len(tok.encode(t, add_special_tokens=False).ids) for t in texts)
print(n, time.monotonic() - start)
E2
}
best() { awk -v best=0 '$1 / $2 > best { best = $1 / $2 } END { printf "%.0f", best }'; }
gguf=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
printf '%-10s %16s %16s %8s\n' tokenizer 'ours tok/s' 'library tok/s' ratio
for m in tests/data/tiny "$gguf"; do
	[ -e "$m" ] || continue
	ours='' lib=''
	for _ in 1 2 3 4 5; do
		ours="$ours$("$tok" -t 1 "$m" <"$texts")
"
		[ ! -x "$python" ] || lib="$lib$(theirs "$m")
"
	done
	a=$(printf %s "$ours" | best)
	b=$(printf %s "$lib" | best)
	case $m in *.gguf) name=smollm2 ;; *) name=tiny ;; esac
	printf '%-10s %16s %16s %8s\n' "$name" "$a" "$b" \
		"$(awk -v a="$a" -v b="$b" 'BEGIN { if (b > 0) printf "%.1f", a / b; else printf "-" }')"
done
[ -x "$python" ] || echo "no library to compare with: $python is missing"
