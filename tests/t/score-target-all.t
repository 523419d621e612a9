#!/bin/sh
# --target all scores every assistant message as if the record had ended with it, though
# it runs what they have in common only once.
. "$(dirname "$0")/lib.sh"

python3 - "$data/demo.jsonl" <<'PY'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])][:6]
# targets whose text begins with white space join tokens with what is before them: the
# next context then does not begin with this one
rows[1]["messages"][1]["content"] = "\n\n  " + rows[1]["messages"][1]["content"]
rows[2]["messages"].insert(0, {"role": "assistant", "content": "I speak first."})
rows[3]["messages"][-2:-2] = [{"role": "assistant", "content": "Twice"}, {"role": "assistant", "content": " in a row."}]
with open("whole.jsonl", "w") as whole, open("parts.jsonl", "w") as parts, open("count", "w") as count:
    for r in rows:
        print(json.dumps(r), file=whole)
        ends = [i for i, m in enumerate(r["messages"]) if m["role"] == "assistant"]
        print(len(ends), file=count)
        for i in ends:
            print(json.dumps({**r, "messages": r["messages"][:i + 1]}), file=parts)
PY
sn-score -q -m "$data/tiny" --target all --samples whole --logprobs whole.jsonl >whole.json
sn-score -q -m "$data/tiny" --samples parts --logprobs parts.jsonl >parts.json
is "every message is a target" "$(python3 - <<'PY'
import json
parts = iter([json.loads(l) for l in open("parts")])
for n, line in zip(map(int, open("count")), map(json.loads, open("whole"))):
    mine = [next(parts) for _ in range(n)]
    for key in "ids", "logprobs":
        if line[key] != sum((m[key] for m in mine), []):
            print("record", line["index"], "differs in", key)
    if line["tokens"] != sum(m["tokens"] for m in mine):
        print("record", line["index"], "differs in tokens")
PY
)" ""
is "the run's tokens are the same" "$(json whole.json 'd["tokens"]')" "$(json parts.json 'd["tokens"]')"
is "bits per byte are over the same bytes" "$(json whole.json 'round(d["bits_per_byte"],9)')" \
	"$(json parts.json 'round(d["bits_per_byte"],9)')"
ok "and less goes through the model" test "$(json whole.json 'd["run"]["tokens"]')" -lt \
	"$(json parts.json 'd["run"]["tokens"] * 2 // 3')"
is "the summary says which" "$(json whole.json 'd["target"]') $(json parts.json 'd["target"]')" "all last"
done_testing
