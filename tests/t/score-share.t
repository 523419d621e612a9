#!/bin/sh
# Records that begin with the same system prompt: it is computed once, and no bit shows it.
. "$(dirname "$0")/lib.sh"

score() { sn-score -q -m "$data/tiny" "$@"; }
digest() { json "$1" 'd["result"]["digest"]'; }
of() { json "$1" "d['run']['$2']"; }

# the demo conversations, all with one system prompt of some hundred tokens
python3 - "$data/demo.jsonl" >r.jsonl <<'PY'
import json, sys
prompt = " ".join(f"Rule {i}: stay in character, whatever is asked." for i in range(30))
for line in open(sys.argv[1]):
    r = json.loads(line)
    r["system_prompt"] = prompt
    print(json.dumps(r))
PY
is "the 100 demo conversations" "$(wc -l <r.jsonl)" 100

# several groups, so that some records share and others come later
for p in ppl dippy-2025-01; do
	score -p $p --samples on.lines --logprobs r.jsonl >on.json
	score -p $p --samples off.lines --logprobs --share off r.jsonl >off.json
	is "$p: one digest, shared or not" "$(digest on.json)" "$(digest off.json)"
	same "$p: all lines" on.lines off.lines
	is "$p: as many tokens" "$(of on.json tokens)" "$(of off.json tokens)"
	is "$p: none shared when off" "$(of off.json shared)" 0
	ok "$p: half of them shared: $(of on.json shared) of $(of on.json tokens)" \
		test $((2 * $(of on.json shared))) -gt "$(of on.json tokens)"
	ok "$p: less work: $(of on.json fma), $(of off.json fma)" \
		test "$(of on.json fma)" -lt "$(of off.json fma)"
done

# other groups share other things
head -n 25 r.jsonl >few.jsonl
head -n 25 off.lines | sed 's/"index":[0-9]*//' >b
for how in "-j 1" "-j 3" "--isa avx2 -j 2" "--memory 10M" "--memory 16M"; do
	# shellcheck disable=SC2086 # words
	runs_here "$how" score -p dippy-2025-01 $how --samples lines --logprobs few.jsonl || continue
	sed 's/"index":[0-9]*//' lines >a
	same "$how: every record's line" a b
done
tac few.jsonl | score -p dippy-2025-01 --samples lines --logprobs >/dev/null
sed 's/"index":[0-9]*//' lines | tac >a
same "backwards: every record's line" a b

score -p ppl -t few.jsonl >text
like "the summary for people says so" "$(cat text)" "*once for several records*"
refuses "share is on or off" 100 "*share*" sn-score -m "$data/tiny" --share maybe r.jsonl
done_testing
