#!/bin/sh
# sn-validate: verdicts on the tiny model as it is, damaged, and under policies.
. "$(dirname "$0")/lib.sh"

cp -r "$data/tiny" model
rm -f model/README.md
status "a sound model is accepted" 0 sn-validate model
is "one verdict" "$(wc -l <out | tr -d ' ')" 1
is "which says so" "$(json out 'd["ok"]')" true
is "every check is named and passed" "$(json out '[c["name"] for c in d["checks"] if c["ok"]]')" \
	'["files", "config", "weights", "shapes", "tokenizer", "digest"]'
is "the architecture" "$(json out 'd["model"]["architecture"]')" llama
is "the type" "$(json out 'd["model"]["dtype"]')" BF16
# parameters and the digest once more, from the page alone
cat >own.py <<'EOF'
import hashlib, json, os, struct, sys
d = sys.argv[1]
names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
h = hashlib.sha256()
for n in sorted(n for n in names if os.path.exists(os.path.join(d, n))):
    b = open(os.path.join(d, n), "rb").read()
    h.update(("%s %d %s\n" % (hashlib.sha256(b).hexdigest(), len(b), n)).encode())
b = open(os.path.join(d, "model.safetensors"), "rb").read()
head = json.loads(b[8:8 + struct.unpack("<Q", b[:8])[0]])
p = 0
for k, t in head.items():
    if k != "__metadata__":
        n = 1
        for x in t["shape"]: n *= x
        p += n
print(h.hexdigest(), p)
EOF
is "digest and parameters as the page defines them" \
	"$(json out 'd["model"]["digest"]+" %d" % d["model"]["parameters"]')" "$(python3 own.py model)"
status "to read" 0 sn-validate -t model
like "a table" "$(cat out)" "model: accepted*ok   files *"

# submissions
hash=$(python3 -c "import hashlib;print(int(hashlib.sha256(b'acme pirate chatml 5FHneW46').hexdigest()[:16],16))")
sub() { printf '{"target":"%s","repo_namespace":"acme","repo_name":"pirate","chat_template_type":"%s","hotkey":"5FHneW46","hash":%s}\n' "$@"; }
sub model chatml "$hash" >in
ok "a submission with its hash" sh -c 'sn-validate <in >out'
is "hash and template are checked" "$(json out '[c["name"] for c in d["checks"]][:2]')" '["hash", "template"]'
sub model chatml "\"$hash\"" | sn-validate >out
is "a hash as a string" "$?" 0
sub model chatml 17 | sn-validate >out
is "another hash is refused" "$?" 1
like "and the verdict says why" "$(json out '[c["detail"] for c in d["checks"] if not c["ok"]]')" "*17 does not match*$hash*"
# a hash above 2^63, which signed 64-bit JSON libraries cannot hold
big=0 i=0
while [ "$big" = 0 ]; do
	i=$((i + 1))
	big=$(python3 -c "
import hashlib,sys
v=int(hashlib.sha256(b'acme pirate chatml k$i').hexdigest()[:16],16)
print(v if v>=2**63 else 0)")
done
sub model chatml "$big" | sed "s/5FHneW46/k$i/" | sn-validate >out
is "a hash above 2^63" "$?" 0
{ sub model chatml "$hash"; sub model nosuch 5; sub absent chatml "$hash"; } | sn-validate >out
is "several: the worst decides" "$?" 1
is "a verdict each" "$(wc -l <out | tr -d ' ')" 3
is "in order" "$(python3 -c 'import json;print([json.loads(l)["ok"] for l in open("out")])')" "[True, False, False]"
echo 'not json' | sn-validate >out 2>err
is "a line that is no submission" "$?" 1
like "is named" "$(cat err)" "sn-validate: stdin: line 1: not JSON*"
echo '{"target":"model","repo_name":"x"}' | sn-validate >out 2>err
like "names without a hash" "$? $(cat err)" '1 *key "hash": missing'
head -c 70000 /dev/zero | sn-validate >out 2>err
like "a line without end" "$? $(cat err)" "1 *longer than 65536 bytes"
{ head -c 70000 /dev/zero | tr '\000' x; echo; sub model chatml "$hash"; } | sn-validate >out 2>err
is "a line that is too long, then a good one" "$? $(wc -l <out | tr -d ' ') $(wc -l <err | tr -d ' ')" "1 1 1"
printf '{"target":"good: accepted\\n\\u001b[2J\\u009b"}\n' | sn-validate -t >out
is "a target's name forges no line and moves no cursor" "$(head -n 1 out)" "good: accepted??[2J?: REFUSED"

# policies
policy() { echo "$1" >policy.json; sn-validate -p policy.json model >out 2>err; }
policy '{"formats":["safetensors"],"architectures":["llama"],"dtypes":["BF16"],"max_parameters":34000000000,"max_bytes":4000000,"min_context":512}'
is "a policy that it meets" "$?" 0
for rule in '{"formats":["gguf"]}' '{"architectures":["qwen2"]}' '{"dtypes":["F16"]}' '{"max_parameters":1000}' \
	'{"min_parameters":1000000000}' '{"max_bytes":1000}' '{"max_context":16}' '{"min_context":1000000}' '{"max_vocab":10}'; do
	policy "$rule"
	is "a rule that it does not meet: $rule" "$?" 1
	key=$(echo "$rule" | cut -d'"' -f2)
	is "  by that check alone" "$(json out '[c["name"] for c in d["checks"] if not c["ok"]]')" "[\"policy.$key\"]"
done
policy '{"max_bytes":1000}'
is "a sound model that a rule refuses is not read through" "$(json out 'd["model"]["digest"]')" null
truncate -s 3G huge.gguf
is "nor is one whose header is wrong" \
	"$(echo '{"max_bytes":1000}' >p.json; timeout 5 sn-validate -p p.json huge.gguf >out; echo $? "$(json out 'd["model"]["digest"]')")" "1 null"
rm huge.gguf
echo '{"max_params":5}' >bad.json
refuses "a mistyped rule" 100 '*bad.json: key "max_params": not a rule*' sn-validate -p bad.json model
echo '{"max_parameters":"5"}' >bad.json
refuses "a rule of the wrong type" 100 '*expected a whole number*' sn-validate -p bad.json model
refuses "no policy file" 100 '*cannot open nope.json: No such file*' sn-validate -p nope.json model

# damage: a verdict with the reason, never a crash
damage() {      # NAME WANTED-CHECK PATTERN
	status "$1" 1 sn-validate broken
	like "  and why" "$(json out '[c["name"]+": "+c["detail"] for c in d["checks"] if not c["ok"]][0]')" "$2: *$3*"
	rm -rf broken
}
fresh() { cp -r model broken; }
fresh; rm broken/config.json; damage "no config.json" files config.json
fresh; rm broken/tokenizer.json; damage "no tokenizer.json" files tokenizer.json
fresh; rm broken/model.safetensors; damage "no weights" files safetensors
fresh; head -c 100000 model/model.safetensors >broken/model.safetensors; damage "weights cut short" weights model.safetensors
fresh; head -c 5 model/model.safetensors >broken/model.safetensors; damage "weights of five bytes" weights model.safetensors
fresh; printf '\377\377\377\377\377\377\377\177' | dd of=broken/model.safetensors conv=notrunc 2>/dev/null
damage "a header of 2^63 bytes" weights model.safetensors
fresh; head -c 300 model/config.json >broken/config.json; damage "config.json cut short" config config.json
fresh; sed -i 's/"hidden_size": *[0-9]*/"hidden_size": 96/' broken/config.json; damage "a config of another size" shapes "shape"
fresh; sed -i 's/LlamaForCausalLM/SpinachForCausalLM/' broken/config.json; damage "an unknown architecture" config Spinach
fresh; head -c 2000 model/tokenizer.json >broken/tokenizer.json; damage "tokenizer.json cut short" tokenizer tokenizer.json
status "an absent target" 1 sn-validate absent
like "  and why" "$(json out 'd["checks"][0]["detail"]')" "cannot open absent: No such file*"
echo GGUF >x.gguf
status "a GGUF of five bytes" 1 sn-validate x.gguf
head -c 4000 /dev/urandom >x.gguf
status "random bytes" 1 sn-validate x.gguf

# single bits flipped in the headers: always an answer
crashed=
for at in $(python3 -c 'import random;random.seed(5);print(*sorted(random.sample(range(3000),20)))'); do
	for f in config.json model.safetensors tokenizer.json tokenizer_config.json; do
		fresh
		python3 - "$at" "broken/$f" <<'EOF'
import sys
at, p = int(sys.argv[1]), sys.argv[2]
b = bytearray(open(p, "rb").read()); b[at % len(b)] ^= 1 << at % 8; open(p, "wb").write(b)
EOF
		sn-validate broken >out 2>err
		s=$?
		{ [ $s -le 1 ] && [ "$(wc -l <out)" = 1 ]; } || crashed="$crashed $f:$at($s)"
		rm -rf broken
	done
done
is "a flipped bit: a verdict each time" "$crashed" ""

refuses "an I/O error gives no verdict" 111 "*no verdict*Input/output error*" fault read:1+:EIO sn-validate model
status "a full disk" 111 sh -c 'sn-validate model >/dev/full'
status "a closed stdout" 111 sh -c 'sn-validate model >&-'
done_testing
