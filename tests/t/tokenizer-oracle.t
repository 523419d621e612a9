#!/bin/sh
# The same ids as the original library gives, asked here and now: the shared
# conversations, every string of the vocabulary and SN_ORACLE_TEXTS (100,000) random
# ones; and for each thing that a tokenizer.json can say, some random ones.
. "$(dirname "$0")/lib.sh"
tok=${SN_BIN%/bin}/tests/helper/tok
python=${SN_VENV:-$top/build/venv}/bin/python
"$python" -c 'import tokenizers, gguf' 2>/dev/null || skip_all "no tokenizers library in $python"
count=${SN_ORACLE_TEXTS:-100000}
oracle() { "$python" "$top/tests/oracle/tokens.py" "$@"; }
theirs() { oracle "$@" | python3 -c 'import json,sys
for l in sys.stdin: print(*json.loads(l)["ids"])'; }

oracle --gen "$count" >random
head -n 3000 random >some
if [ -f "$shared/data/conversations.jsonl" ]; then
	python3 - "$shared/data/conversations.jsonl" >talk.ndjson <<'E2'
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    for text in [d["system_prompt"]] + [m["content"] for m in d["messages"]]:
        print(json.dumps(text))
E2
fi
compare() { # NAME MODEL TEXTS
	"$tok" "$2" <"$3" >got
	theirs -m "$2" "$3" >want
	same "$1" got want
}
special() { # NAME MODEL TEXTS
	"$tok" -s "$2" <"$3" >got
	theirs --special -m "$2" "$3" >want
	same "$1" got want
}
gguf=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
for m in "$data/tiny" "$gguf"; do
	name=$(basename "$m")
	if [ ! -e "$m" ]; then
		skip "$name" "not in the cache"
		continue
	fi
	oracle -m "$m" --vocab >vocab
	compare "$name: every string of the vocabulary" "$m" vocab
	if [ -f talk.ndjson ]; then
		compare "$name: the shared conversations" "$m" talk.ndjson
	else
		skip "$name: the shared conversations" "no shared data"
	fi
	compare "$name: $count random texts" "$m" random
	special "$name: random texts with special tokens" "$m" some
done

"$python" "$top/tests/oracle/variants.py" "$data/tiny/tokenizer.json" variants
head -n 400 random >few
for v in variants/*; do
	"$tok" -s "$v/tokenizer.json" <few >got
	theirs --special -m "$v" few >want
	same "${v##*/}" got want
done
done_testing
