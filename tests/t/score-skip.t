#!/bin/sh
# Which records are skipped, and the words for it; what is cut, and where.
. "$(dirname "$0")/lib.sh"

python3 - <<'PY'
import json
u, a = lambda c: {"role": "user", "content": c}, lambda c: {"role": "assistant", "content": c}
def put(name, *rows):
    with open(name, "w") as f:
        for system, messages in rows:
            print(json.dumps({"system_prompt": system, "messages": messages}), file=f)
good = ("Be kind.", [u("Hello there."), a("Hello to you.")])
put("good", good)
put("ppl", good,
    ("Be kind.", [u("Hello there.")]),
    ("Be kind.", []),
    ("Be kind.", [u("Hello."), a("")]),
    ("Be kind.", [u("word " * 2500), a("Yes.")]),
    ("", [u("Hello there."), a("Hello to you.")]),
    ("Be kind.", [a("I am first.")]))
put("dippy", good,
    ("Be kind.", []),
    ("Be kind.", [u("word " * 4000), a("Yes.")]),
    ("Be kind.", [a("Hm."), a("Yes.")]),
    ("", [u("Hello there."), a("Hello to you.")]),
    ("Be kind.", [u(""), a("Yes.")]),
    ("Be kind.", [u("Hello."), u("And more.")]),
    ("Be kind.", [u("Hello."), a("")]),
    ("Be kind.", [u("Hello."), a("yes " * 60)]),
    ("Be kind.", [u("Hello."), a("yes " * 300)]),
    ("Be kind.", [u("word " * 1200), a("Yes.")]))
PY
skips() { json out.json '" / ".join("%d %s" % (s["index"], s["reason"]) for s in d["skipped"])'; }

status "ppl: runs" 0 sn-score -m "$data/tiny" --samples lines --logprobs ppl
cp out out.json
like "ppl: says on stderr how many" "$(cat err)" "sn-score: 4 of 7 records skipped; the summary says why"
like "ppl: reasons" "$(skips)" "1 the last message is not the assistant's / 2 the last message is not the assistant's / 3 the target has no tokens / 4 * tokens, more than the model's context of 2048"
is "ppl: lines say the same" "$(grep -c '"skipped":"' lines)" 4
is "ppl: an empty system prompt is no message" "$(sed -n 6p lines | grep -c logprobs)" 1
is "-q says nothing" "$(sn-score -q -m "$data/tiny" ppl 2>&1 >/dev/null)" ""

status "dippy: runs" 0 sn-score -m "$data/tiny" -p dippy-2025-01 --samples lines --logprobs dippy
cp out out.json
like "dippy: reasons" "$(skips)" "1 no messages / 2 * tokens in the messages, more than 3696 / 3 no user message before the last / 4 a context message is empty / 5 a context message is empty"
line() { sed -n "$1p" lines >l.json; json l.json "$2"; }
pad=3 eos=2
is "dippy: the last one scored is the padding token" "$(line 1 'd["ids"][-2:]')" "[$eos, $pad]"
is "dippy: the first target token is not" "$(line 1 'len(d["ids"]) - d["tokens"]')" 0
is "dippy: a last message of a user is a target" "$(line 7 'd["ids"][-2:]')" "[$eos, $pad]"
is "dippy: an empty target has its EOS alone, and scores the padding" "$(line 8 'd["ids"]')" "[$pad]"
like "dippy: a target under 200 tokens keeps its end" "$(line 9 '[d["tokens"] < 200, d["ids"][-1]]')" "[[]true, $pad]"
is "dippy: a long target is cut, and no padding is scored" "$(line 10 '[d["tokens"], 3 in d["ids"], 2 in d["ids"]]')" "[199, false, false]"
ok "dippy: a long context is cut, not skipped" test "$(line 11 'd["tokens"]')" -gt 1

# no pad token: EOS in its place
cp -r "$data/tiny" nopad && chmod -R u+w nopad
sed -i '/"pad_token"/d' nopad/tokenizer_config.json
sed -i '/"pad_token_id"/d' nopad/config.json
sn-score -q -m nopad -p dippy-2025-01 --samples lines --logprobs good >/dev/null
is "dippy: EOS where there is no padding token" "$(line 1 'd["ids"][-2:]')" "[$eos, $eos]"

# the side that is cut
cp -r "$data/tiny" left && chmod -R u+w left
sed -i '1s/{/{ "truncation_side": "left",/' left/tokenizer_config.json
python3 - <<'PY'
import json
u, a = lambda c: {"role": "user", "content": c}, lambda c: {"role": "assistant", "content": c}
with open("side", "w") as f:
    for front, back in (("x", "x"), ("y", "x"), ("x", "y")):
        print(json.dumps({"system_prompt": f"Be {front}.", "messages": [u("word " * 1200 + back), a("Yes.")]}), file=f)
PY
for side in right left; do
	model=$data/tiny
	[ $side = right ] || model=left
	sn-score -q -m "$model" -p dippy-2025-01 --samples lines side >/dev/null
	is "cut on the $side" "$(python3 -c 'import json
a, b, c = [json.loads(l)["entropy"] for l in open("lines")]
print("front" if a == b else "", "back" if a == c else "")')" "$([ $side = right ] && echo ' back' || echo 'front ')"
done

# no EOS: none can be scored
cp -r "$data/tiny" noeos && chmod -R u+w noeos
sed -i '/"eos_token"/d' noeos/tokenizer_config.json
sed -i '/"eos_token_id"/d' noeos/config.json
refuses "dippy: no EOS" 1 "sn-score: none of 1 record can be scored: record 0: the model has no EOS" \
	sn-score -m noeos -p dippy-2025-01 good
status "ppl: no EOS is no harm" 0 sn-score -m noeos good

cp -r "$data/tiny" short && chmod -R u+w short
sed -i 's/"max_position_embeddings": 2048/"max_position_embeddings": 200/' short/config.json
refuses "dippy: a model with too short a context" 1 "sn-score: short: a context of 200 tokens is too short*" \
	sn-score -m short -p dippy-2025-01 good

sed -n 2,3p ppl >bad
refuses "none left" 1 "sn-score: none of 2 records can be scored: record 0: the last message is not the assistant's" \
	sn-score -m "$data/tiny" bad
: >empty
refuses "no records" 1 "sn-score: there are no records to score" sn-score -m "$data/tiny" empty
printf '\n\n' >empty
refuses "only empty lines" 1 "sn-score: there are no records to score" sn-score -m "$data/tiny" empty
done_testing
