#!/bin/sh
# The named templates: what the program renders is what shared/data/named-templates.jsonl
# says, and what Jinja2 makes of the text whose digest is reported.
. "$(dirname "$0")/lib.sh"
template=${SN_BIN%/bin}/tests/helper/template
digests='chatml 17762d2e5131cb2a950db7dd5700c50095547773d3302b52baebe9ae32257a55'

cat >small <<'E2'
{"messages": [{"role": "user", "content": "Hi"}], "rendered": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"}
{"messages": [{"role": "system", "content": " s "}, {"role": "user", "content": "\na {{ b }}\n"}, {"role": "assistant", "content": "c\n\n"}], "rendered": "<|im_start|>system\n s <|im_end|>\n<|im_start|>user\n\na {{ b }}\n<|im_end|>\n<|im_start|>assistant\nc\n\n<|im_end|>\n<|im_start|>assistant\n"}
{"messages": [], "rendered": "<|im_start|>assistant\n"}
E2
agree() { # NAME TEMPLATE LINES
	# shellcheck disable=SC2094 # both read it
	is "$1" "$("$template" -r "$2" <"$3" | python3 -c 'import json, sys
want = [json.loads(l)["rendered"] for l in open(sys.argv[1])]
got = [json.loads(l) for l in sys.stdin]
print("same" if got == want else [p for p in zip(got, want) if p[0] != p[1]][:1] or "fewer", len(got))' "$3")" \
		"same $(wc -l <"$3" | tr -d ' ')"
}
agree "chatml: small cases" chatml small
status "no such template" 100 "$template" nosuch
python=${SN_VENV:-$top/build/venv}/bin/python
echo "$digests" | { while read -r t digest; do
	"$template" "$t" >text
	is "$t: the digest of its text stays" "$(sha256sum <text)" \
		"$digest  -"
	if [ -f "$shared/data/named-templates.jsonl" ]; then
		python3 -c 'import json, sys
for l in open(sys.argv[2]):
    if json.loads(l)["template"] == sys.argv[1]: print(l, end="")' "$t" "$shared/data/named-templates.jsonl" >lines
		agree "$t: the shared cases" "$t" lines
	else
		cp small lines
		skip "$t: the shared cases" "no shared data"
	fi
	if "$python" -c 'import jinja2' 2>/dev/null; then
		cat small lines | "$python" -c 'import json, sys, jinja2
t = jinja2.Environment().from_string(open(sys.argv[1]).read())
for l in sys.stdin:
    d = json.loads(l)
    d["rendered"] = t.render(messages=d["messages"], bos_token="", eos_token="", add_generation_prompt=True,
                             include_beginning_of_conversation=True)
    print(json.dumps(d))' text >jinja
		agree "$t: Jinja2 on its text" "$t" jinja
	else
		skip "$t: Jinja2 on its text" "no jinja2 in $python"
	fi
done
done_testing; }
