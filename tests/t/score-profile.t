#!/bin/sh
# A profile from a file: the base with other numbers, under a name that says which.
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 12 "$data/demo.jsonl" >r
score() { sn-score -q -m "$m" "$@" r; }
value() { json "$1" "d$2"; }

# the same numbers: the same sums, another name and so another digest
echo '{"name":"same","base":"dippy-2025-01"}' >same.json
score -p dippy-2025-01 --samples base.lines >base || fail "the base"
score -p same.json --samples same.lines >same || fail "the base's numbers in a file"
same "the base's numbers: the same lines" base.lines same.lines
is "... and figures" "$(value same '["qualitative_score"]')" "$(value base '["qualitative_score"]')"
like "the name says that it is a file's" "$(value same '["profile"]')" "same@????????????????"
ok "and the digest is another" [ "$(value same '["result"]["digest"]')" != "$(value base '["result"]["digest"]')" ]

# the name, made again from the page; key order and 0.50 for 0.5 do not matter
cat >other.json <<'JSON'
{"quality_weight": 0.50, "name": "august", "vibe_weight": 0.25, "latency_weight": 0.25,
 "base": "dippy-2025-01", "max_target_tokens": 16, "size_limit_gib": 1, "coherence_least": 0.5}
JSON
python3 - >want <<'PY'
import hashlib
text = "dippy-2025-01\n" + "".join(f"{k} {v:.17g}\n" for k, v in (
    ("max_length", 4096), ("max_message_tokens", 3696), ("max_target_tokens", 16),
    ("size_limit_gib", 1), ("quality_weight", .5), ("latency_weight", .25), ("vibe_weight", .25),
    ("coherence_least", .5)))
print("august@" + hashlib.sha256(text.encode()).hexdigest()[:16])
PY
parts="--part latency_score=0.5 --part vibe_score=0.75 --part coherence_score=0.6"
# shellcheck disable=SC2086 # words
score -p ./other.json $parts --samples other.lines --logprobs >other || fail "other numbers"
is "the name is what the page says" "$(value other '["profile"]')" "$(cat want)"
is "the summary has the numbers" "$(value other '["rules"]["max_target_tokens"]')" 16
cat >check.py <<'PY'
import hashlib, json, math, struct, sys
out, lines = json.load(open("other")), [json.loads(l) for l in open("other.lines")]
h = hashlib.sha256(f"sn-result-1\n{out['profile']}\nf32-exact\n".encode())
for l in lines:
    h.update(bytes.fromhex(l["digest"]) + b"\0" + struct.pack("<Q5d", l["tokens"], *l["sums"], l["entropy"]))
q, c = out["qualitative_score"], out["creativity_score"]
a = q / (1 + math.exp(8 * (q - .25)) * math.exp(-8 * (c - .5)))
close = lambda x, y: abs(x - y) <= 1e-13 * abs(y)
print(h.hexdigest() == out["result"]["digest"], max(l["tokens"] for l in lines),
      close(out["total_score"], .5 * a + .25 * .5 + .25 * .75),
      close(out["model_size_score"], 1 - out["model"]["bytes"] / 2**30))
PY
is "digest, cut, total and size score by other numbers" "$(python3 check.py)" "True 15 True True"

# the limits skip
echo '{"name":"few","base":"ppl","max_length":400}' >few.json
score -p few.json >few || fail "a short limit"
like "what is longer than max_length is skipped" "$(value few '["skipped"][0]["reason"]')" "* tokens, more than 400"
echo '{"name":"few","base":"dippy-2025-01","max_message_tokens":20}' >words.json
refuses "too many tokens in the messages" 1 "*none of 12 records can be scored*" score -p words.json

# a job names a file, too
printf '{"model":"%s","records":"%s/r","profile":"%s/same.json"}' "$m" "$PWD" "$PWD" >job
sn-score -q --job <job >job.out || fail "a job"
is "a job by a file's profile" "$(value job.out '["result"]["digest"]')" "$(value same '["result"]["digest"]')"

bad() { printf '%s' "$2" >bad.json; refuses "refused: $2" 1 "*bad.json: $1*" score -p bad.json; }
bad 'key "name"' '{"base":"ppl"}'
bad 'key "name"' '{"name":"a b","base":"ppl"}'
bad 'key "base"' '{"name":"x","base":"other"}'
bad 'key "max_target_tokens": unknown' '{"name":"x","base":"ppl","max_target_tokens":3}'
bad 'key "top_k": unknown' '{"name":"x","base":"ppl","top_k":3}'
bad 'key "max_length": expected a whole number' '{"name":"x","base":"ppl","max_length":3.5}'
bad 'key "max_length": expected a whole number' '{"name":"x","base":"ppl","max_length":"9"}'
bad 'key "quality_weight": 1.5 is not between 0 and 1' '{"name":"x","base":"dippy-2025-01","quality_weight":1.5}'
bad 'key "max_target_tokens": 4096 leaves nothing' '{"name":"x","base":"dippy-2025-01","max_target_tokens":4096}'
bad '*' '{"name":"x"'
refuses "a file that is not there" 111 "*absent.json*" score -p absent.json
refuses "a name that is neither" 100 "*no profile is called*" score -p august
done_testing
