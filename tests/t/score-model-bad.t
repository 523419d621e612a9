#!/bin/sh
# Model files that are cut short, bit-flipped or lacking: one line, exit 1, nothing on
# standard output; never a crash.
. "$(dirname "$0")/lib.sh"

head -n 1 "$data/demo.jsonl" >r
copy() { rm -rf model && cp -r "$data/tiny" model && chmod -R u+w model; }

for f in config.json tokenizer.json model.safetensors; do
	copy && rm model/$f
	status "without $f" 1 sn-score -m model r
	is "without $f: one line, no output" "$(wc -l <err) $(wc -c <out)" "1 0"
	like "without $f: named" "$(cat err)" "sn-score: *"
	size=$(wc -c <"$data/tiny/$f")
	for at in 0 1 100 $((size / 2)) $((size - 3)); do
		copy && head -c $at "$data/tiny/$f" >model/$f
		refuses "$f cut at $at" 1 "sn-score: model/$f: *" sn-score -m model r
	done
done

# a weight that is no number
copy
python3 - <<'PY'
import json, struct
b = bytearray(open("model/model.safetensors", "rb").read())
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
at = 8 + n + h["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]
b[at:at + 2] = b"\xc0\x7f"
open("model/model.safetensors", "wb").write(b)
PY
refuses "a NaN among the weights" 1 "sn-score: *model.layers.1.mlp.up_proj.weight*" sn-score -m model r

# single bits: an answer or one line, whatever it is
for f in config.json tokenizer.json tokenizer_config.json model.safetensors; do
	crashed=
	for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
		copy
		python3 - model/$f $seed <<'PY'
import random, sys
p, seed = sys.argv[1], sys.argv[2]
b = bytearray(open(p, "rb").read())
r = random.Random(p + seed)
b[r.randrange(min(len(b), 4000))] ^= 1 << r.randrange(8)
open(p, "wb").write(b)
PY
		timeout 60 sn-score -q -m model r >out 2>err
		got=$?
		case $got in
		0) [ -s out ] && [ ! -s err ] ;;
		1) [ ! -s out ] && [ "$(wc -l <err)" = 1 ] ;;
		*) false ;;
		esac || crashed="$crashed seed $seed: status $got, $(wc -l <err) lines: $(head -n 3 err)"
	done
	is "$f with a bit flipped" "$crashed" ""
done
done_testing
