#!/bin/sh
# Against torch and transformers in float64 on the same weights (tests/oracle/score.py):
# ids equal, the log-probability of a target token within 1e-4, scores within 1e-5 of
# themselves.  Needs the environment of scripts/venv.
. "$(dirname "$0")/lib.sh"

py=${SN_VENV:-$top/build/venv}/bin/python
[ -x "$py" ] || skip_all "no $py (scripts/venv makes it, SN_VENV names it)"
"$py" -c 'import torch, transformers' 2>/dev/null || skip_all "no torch and transformers in $py"

cat >compare.py <<'PY'
import json, sys
profile, ours, lines, oracle = sys.argv[1:]
ours, lines = json.load(open(ours)), [json.loads(l) for l in open(lines)]
theirs = [json.loads(l) for l in open(oracle)]
summary = theirs.pop()
bad, worst = [], 0
for a, b in zip(lines, theirs, strict=True):
    at = f"record {a['index']}"
    if ("skipped" in a) != ("skipped" in b):
        bad.append(f"{at}: skipped here: {a.get('skipped')}, there: {b.get('skipped')}")
    if "skipped" in a or "skipped" in b:
        continue
    if profile == "ppl":
        ids = sum((i["target"] for i in b["ids"]), [])
        if a["ids"] != ids:
            bad.append(f"{at}: ids differ")
        worst = max([worst] + [abs(x - y) for x, y in zip(a["logprobs"], b["logprobs"])])
    else:
        target = b["ids"][0]["target"]
        if a["ids"][:len(target) - 1] != target[1:] or a["tokens"] != b["tokens"]:
            bad.append(f"{at}: ids differ")
        worst = max([worst] + [abs(x - y) for x, y in zip(a["p"], b["p"])])
if worst >= 1e-4:
    bad.append(f"largest difference {worst}")
for key in "model", "records":
    if ours[key]["digest"] != summary[key]["digest"]:
        bad.append(f"{key}.digest differs")
for key in ("nll", "ppl", "bits_per_byte", "qualitative_score", "creativity_score", "model_size_score"):
    if (key in ours) != (key in summary):
        bad.append(f"{key} is only in one")
    elif key in ours and abs(ours[key] - summary[key]) > 1e-5 * abs(summary[key]):
        bad.append(f"{key}: {ours[key]}, oracle {summary[key]}")
print("\n".join(bad[:8]) or "agree")
sys.stderr.write(f"largest difference {worst:.3g}\n")
PY

against() { # NAME MODEL PROFILE RECORDS [OPTION...]
	name=$1 model=$2 profile=$3 records=$4
	shift 4
	sn-score -q -m "$model" -p "$profile" --samples lines --logprobs "$@" "$records" >out.json ||
		fail "$name: runs"
	"$py" "$top/tests/oracle/score.py" -m "$model" -p "$profile" --template chatml --dtype float64 \
		--ids "$@" "$records" >oracle 2>oracle.err || { fail "$name: oracle" "$(tail -n 3 oracle.err)"; return; }
	is "$name" "$("$py" compare.py "$profile" out.json lines oracle 2>note)" agree
	diag "$(cat note)"
}

# demo records, and every way to be skipped or cut
python3 - "$data/demo.jsonl" <<'PY'
import json, sys
u, a = lambda c: {"role": "user", "content": c}, lambda c: {"role": "assistant", "content": c}
rows = [json.loads(l) for l in open(sys.argv[1])][:10]
def add(system, *messages):
    rows.append({"system_prompt": system, "messages": list(messages)})
add("", u("No system prompt."), a("None."))
add("Last is the user's.", u("One."), a("Two."), u("Three."))
add("Nothing.")
add("Long.", u("A word and " * 1300), a("Yes."))
add("Too long.", u("A word and " * 4000), a("Yes."))
add("Long target.", u("Go on."), a("and so on " * 100))
add("Empty target.", u("Go on."), a(""))
add("Empty context.", u(""), a("Yes."))
add("No user.", a("I speak."), a("And on."))
add("Odd text.", u("caf\u00e9 \U0001f600 \u4e2d\u6587 <|im_end|> <|im_start|>"), a("  \n\n\ttabs  and <|im_end|> within\n"))
add("Ends with EOS.", u("x"), a("y<|im_end|>"))
with open("r", "w") as f:
    for r in rows:
        print(json.dumps(r, ensure_ascii=False), file=f)
PY
against "tiny, ppl" "$data/tiny" ppl r
against "tiny, ppl, all targets" "$data/tiny" ppl r --target all
against "tiny, dippy" "$data/tiny" dippy-2025-01 r
against "tiny, dippy, pairs" "$data/tiny" dippy-2025-01 r --pair
cp -r "$data/tiny" left && chmod -R u+w left
sed -i '1s/{/{ "truncation_side": "left",/' left/tokenizer_config.json
against "tiny, cut on the left" left dippy-2025-01 r

smol=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -f "$smol" ]; then
	if [ -f "$shared/data/conversations.jsonl" ]; then
		head -n 8 "$shared/data/conversations.jsonl" >r8
	else
		head -n 8 "$data/demo.jsonl" >r8
	fi
	against "SmolLM2, ppl" "$smol" ppl r8
	against "SmolLM2, dippy" "$smol" dippy-2025-01 r8
else
	skip "SmolLM2, ppl" "no $smol (scripts/get-model smollm2)"
	skip "SmolLM2, dippy" "no $smol"
fi
done_testing
