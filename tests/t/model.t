#!/bin/sh
# Models: a digest as the page defines it, and files that are wrong: each gets one line
# that names the file, and no more.
. "$(dirname "$0")/lib.sh"
model=${SN_BIN%/bin}/tests/helper/model
tiny=$data/tiny

copy() { rm -rf m && cp -r "$tiny" m && chmod -R u+w m; }
digest() { (cd "$1" && for f in $2; do
	printf '%s %s %s\n' "$(sha256sum <"$f" | cut -d ' ' -f 1)" "$(wc -c <"$f" | tr -d ' ')" "$f"
done) | sha256sum | cut -d ' ' -f 1; }

status "the tiny model opens" 0 "$model" "$tiny"
like "its facts" "$(cat out)" "name llama
layers 4
parameters 1180800
bytes 2361632
dtype BF16
digest *"
is "its digest is over its files, sorted" "$(sed -n 's/^digest //p' out)" \
	"$(digest "$tiny" 'config.json model.safetensors tokenizer.json tokenizer_config.json')"
copy
echo x >m/chat_template.jinja
echo x >m/README.md
"$model" m >out
is "chat_template.jinja counts, others do not" "$(sed -n 's/^digest //p' out)" \
	"$(digest m 'chat_template.jinja config.json model.safetensors tokenizer.json tokenizer_config.json')"

# shards: the same tensors over two files; and one that says something else
python3 - "$tiny/model.safetensors" <<'E2'
import json, os, struct, sys
data = open(sys.argv[1], "rb").read()
n, = struct.unpack("<Q", data[:8])
head = json.loads(data[8:8 + n])
head.pop("__metadata__", None)
base = 8 + n
names = sorted(head)
def write(path, part):
    out, at, blob = {}, 0, b""
    for name in part:
        a, b = head[name]["data_offsets"]
        blob += data[base + a:base + b]
        out[name] = dict(head[name], data_offsets=[at, at + b - a])
        at += b - a
    text = json.dumps(out).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + blob)
os.mkdir("shards")
half = len(names) // 2
write("shards/b.safetensors", names[:half])
write("shards/a.safetensors", names[half:])
json.dump({"metadata": {}, "weight_map": {
    n: "b.safetensors" if i < half else "a.safetensors" for i, n in enumerate(names)}},
    open("shards/model.safetensors.index.json", "w"))
E2
for f in config.json tokenizer.json tokenizer_config.json; do cp "$tiny/$f" shards/; done
chmod -R u+w shards
"$model" shards >out
is "shards: the digest is over them and the index" "$(sed -n 's/^digest //p' out)" "$(digest shards \
	'a.safetensors b.safetensors config.json model.safetensors.index.json tokenizer.json tokenizer_config.json')"
index() { python3 - "$1" <<'E2'
import json, sys
d = json.load(open("shards/model.safetensors.index.json"))
m = d["weight_map"]
exec(sys.argv[1])
json.dump(d, open("i/model.safetensors.index.json", "w"))
E2
}
while IFS='~' read -r what pattern; do
	rm -rf i && cp -r shards i
	index "$what"
	refuses "index: $what" 1 "model: $pattern" "$model" i
done <<'E2'
m["lm_head.weight"] = "../a.safetensors"~i/model.safetensors.index.json: key "weight_map": "lm_head.weight": expected the name of a .safetensors file beside it
m["lm_head.weight"] = "/etc/passwd"~i/model.safetensors.index.json: key "weight_map": "lm_head.weight": expected*
m["lm_head.weight"] = "gone.safetensors"~i: there is no gone.safetensors
m["lm_head.weight"] = "a.safetensors"~i/b.safetensors: tensor "lm_head.weight" is in a.safetensors by model.safetensors.index.json
del m["lm_head.weight"]~i/b.safetensors: tensor "lm_head.weight" is not in model.safetensors.index.json
m["more"] = "a.safetensors"~i/model.safetensors.index.json: names 40 tensors, and the files hold 39
d["weight_map"] = {}~i/model.safetensors.index.json: key "weight_map": empty
E2

# config.json
while IFS='~' read -r what pattern; do
	copy
	python3 - "$what" <<'E2'
import json, sys
d = json.load(open("m/config.json"))
exec(sys.argv[1])
json.dump(d, open("m/config.json", "w"))
E2
	if [ "$pattern" = ok ]; then
		status "config: $what" 0 "$model" m
	else
		refuses "config: $what" 1 "model: $pattern" "$model" m
	fi
done <<'E2'
d["model_type"] = "gpt2"~m/config.json: key "model_type": "gpt2" is not supported
d["architectures"] = ["LlamaForSequenceClassification"]~m/config.json: key "architectures": ?"LlamaForSequenceClassification"? is not supported
d["hidden_act"] = "gelu"~m/config.json: key "hidden_act": "gelu" is not supported
d["attention_bias"] = True~m/config.json: key "attention_bias": true is not supported
d["mlp_bias"] = True~m/config.json: key "mlp_bias": true is not supported
d["pretraining_tp"] = 2~m/config.json: key "pretraining_tp": 2 is not supported
d["pretraining_tp"] = 1~ok
d["sliding_window"] = 4096~m/config.json: key "sliding_window": 4096 is not supported
d["quantization_config"] = {"bits": 4}~m/config.json: key "quantization_config": {"bits":4} is not supported
d["rope_scaling"] = {"rope_type": "llama3", "factor": 8.0}~m/config.json: key "rope_scaling": {"rope_type":"llama3","factor":8.0} is not supported
d["rope_scaling"] = {"rope_type": "default"}~ok
d.pop("rope_theta"); d["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0}~ok
d["rope_parameters"] = {"rope_type": "yarn"}~m/config.json: key "rope_parameters": {"rope_type":"yarn"} is not supported
d["auto_map"] = {"AutoModel": "x.py"}~m/config.json: key "auto_map": not known, and it might change the result
d["logit_scale"] = 0.5~m/config.json: key "logit_scale": not known, and it might change the result
d["temperature"] = 0.6; d["do_sample"] = True; d["eos_token_id"] = [2, 3]~ok
d["hidden_size"] = "128"~m/config.json: key "hidden_size": expected a whole number
d["hidden_size"] = 2**62~m/config.json: key "hidden_size": * is not between 1 and 1048576
d["hidden_size"] = 256~m/model.safetensors: tensor "*": its shape is *, and by the config *
d["num_hidden_layers"] = 5~m: tensor "model.layers.4.input_layernorm.weight" is missing
d["num_hidden_layers"] = 3~m/model.safetensors: tensor "model.layers.3.*" has no place in a llama model of 3 layers
d["num_key_value_heads"] = 3~m/config.json: 3 key/value heads do not divide 4 attention heads
d["head_dim"] = 31~m/config.json: a head dimension of 31
d["rms_norm_eps"] = 0~m/config.json: an RMSNorm epsilon of 0
d["rope_theta"] = -1.0~m/config.json: a rope theta of -1
d["vocab_size"] = 1799~m/model.safetensors: tensor "*": its shape is ?1800, 128?, and by the config ?1799, 128?
del d["hidden_size"]~m/config.json: key "hidden_size": missing
d["tie_word_embeddings"] = True~ok
E2

# safetensors: one thing in the header changed
while IFS='~' read -r what pattern; do
	copy
	python3 - "$what" <<'E2'
import json, struct, sys
p = "m/model.safetensors"
data = open(p, "rb").read()
n, = struct.unpack("<Q", data[:8])
h, body = json.loads(data[8:8 + n]), data[8 + n:]
e, length, raw = "lm_head.weight", None, None
exec(sys.argv[1])
text = raw if raw is not None else json.dumps(h).encode()
open(p, "wb").write(struct.pack("<Q", len(text) if length is None else length) + text + body)
E2
	refuses "safetensors: $what" 1 "model: m/model.safetensors: $pattern" "$model" m
done <<'E2'
length = 2**63~not a safetensors file: a header of 9223372036854775808 bytes
length = 90000000~ends within its header of 90000000 bytes
length = 0~not a safetensors file: its header is not a JSON object
raw = b"[]"~not a safetensors file: its header is not a JSON object
raw = b"{"~not JSON: *
raw = b'{"a": 1, "a": 2}'~not JSON: *duplicate*
raw = b"{}"~has no tensors
h[e]["dtype"] = "F8_E4M3"~tensor "lm_head.weight": type F8_E4M3 is not supported
h[e]["dtype"] = "F32"~tensor "lm_head.weight": 460800 bytes by its offsets, 921600 by its shape
h[e]["shape"] = [2**40, 2**40]~tensor "lm_head.weight": its shape ?1099511627776, 1099511627776? is too large
h[e]["shape"] = [-1, 128]~tensor "lm_head.weight": key "shape": expected whole numbers
h[e]["shape"] = [1] * 5~tensor "lm_head.weight": more than 4 dimensions
h[e]["data_offsets"][0] += 2; h[e]["shape"] = [230399]~tensor "lm_head.weight": begins at 2 of the data, the one before it ends at 0
h[e]["data_offsets"] = [5, 4]~tensor "lm_head.weight": key "data_offsets": expected ?begin, end?
h[e]["data_offsets"] = [0, 2**63 - 2]; h[e]["shape"] = [2**62 - 1]~tensor "lm_head.weight": its shape * is too large
h["x"] = h.pop(e)~tensor "x" has no place in a llama model of 4 layers
h["model.layers.007.mlp.up_proj.weight"] = h.pop(e)~tensor "model.layers.007.mlp.up_proj.weight" has no place*
h["__metadata__"] = {"a": 1}~key "__metadata__": "a": expected a string
body += b"x"~1 bytes behind the last tensor
body = body[:-1]~tensor "*": its * bytes at * of the data are not in the file of * bytes
E2

# absent and cut off
for f in config.json tokenizer.json model.safetensors; do
	copy && rm "m/$f"
	refuses "no $f" 1 "model: m: there is n* $f*" "$model" m
	for part in 0 7 100 600; do
		copy && head -c $part "$tiny/$f" >"m/$f"
		refuses "$f cut to $part bytes" 1 "model: m/$f: *" "$model" m
	done
done
refuses "no model" 111 "model: cannot open nosuch: No such file or directory" "$model" nosuch
mkfifo fifo
refuses "a pipe as a model" 100 "model: fifo: neither a directory nor a regular file" "$model" fifo
copy && rm m/config.json && mkdir m/config.json
refuses "a directory as config.json" 1 "model: m/config.json: not a regular file" "$model" m

# single bits: it opens or is refused in one line, and nothing else
bits() { # NAME FILE WITHIN COUNT [MODEL]
	is "$1: $4 flipped bits" "$(python3 - "$model" "$2" "$3" "$4" "${5:-m}" <<'E2'
import random, subprocess, sys
model, path, within, count, target = sys.argv[1:]
rng = random.Random(1)
with open(path, "r+b") as f:
    for _ in range(int(count)):
        at, bit = rng.randrange(int(within)), rng.randrange(8)
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1 << bit]))
        f.flush()
        run = subprocess.run([model, target], capture_output=True)
        if (run.returncode, run.stderr.count(b"\n")) not in ((0, 0), (1, 1)):
            print(f"byte {at} bit {bit}: status {run.returncode}: {run.stderr[:300]}")
        f.seek(at)
        f.write(byte)
E2
	)" ""
}
copy
bits safetensors m/model.safetensors 4000 60
bits config.json m/config.json 600 60
bits tokenizer.json m/tokenizer.json 100000 60

gguf=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -f "$gguf" ]; then
	"$model" "$gguf" >out
	like "SmolLM2 opens" "$(cat out)" "name llama
layers 30
parameters 134515008
bytes 269030080
dtype Q4_1
digest *"
	mkdir g && cp "$gguf" g/
	is "GGUF: the digest is of the one file" "$(sed -n 's/^digest //p' out)" "$(digest g "$(basename "$gguf")")"
	for part in 0 3 20 1000 500000 1785600 98362431; do
		head -c $part "$gguf" >cut.gguf
		refuses "GGUF cut to $part bytes" 1 "model: cut.gguf: *" "$model" cut.gguf
	done
	mv g/* g.gguf
	bits GGUF g.gguf 3000 20 g.gguf
	bits "GGUF's tokenizer" g.gguf 1785600 10 g.gguf
else
	skip "SmolLM2" "not in the cache"
fi
done_testing
