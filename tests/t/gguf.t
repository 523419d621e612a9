#!/bin/sh
# GGUF files that are wrong, or ask for what we do not do, in one place each.
. "$(dirname "$0")/lib.sh"
model=${SN_BIN%/bin}/tests/helper/model
small=$top/tests/fuzz/corpus/gguf/small

status "a small GGUF file opens" 0 "$model" "$small"
like "its facts" "$(cat out)" "name llama
layers 1
parameters 7072
bytes 14152
dtype Q4_0
digest *"

# put VALUE of FORMAT over the N bytes that stand SKIP behind the first KEY; or swap texts
while IFS='~' read -r what pattern; do
	python3 - "$small" "$what" <<'E2'
import struct, sys
d = bytearray(open(sys.argv[1], "rb").read())
def put(key, skip, fmt, value):
    at = d.index(key.encode()) + len(key) + skip
    d[at:at + struct.calcsize("<" + fmt)] = struct.pack("<" + fmt, value)
def swap(a, b):
    at = d.index(a.encode())
    assert len(a) == len(b)
    d[at:at + len(a)] = b.encode()
def tensor(name, what, value):  # dims: 0, 1; type; offset
    at = {"ndim": (0, "I"), "in": (4, "Q"), "out": (12, "Q"), "type": (20, "I"), "at": (24, "Q")}
    put(name, at[what][0], at[what][1], value)
exec(sys.argv[2])
open("x.gguf", "wb").write(d)
E2
	if [ "$pattern" = ok ]; then
		status "$what" 0 "$model" x.gguf
	else
		refuses "$what" 1 "model: x.gguf: $pattern" "$model" x.gguf
	fi
done <<'E2'
d[0:4] = b"GGML"~not a GGUF file
d[4:8] = b"\0\0\0\3"~a big-endian GGUF file is not supported
d[4:8] = b"\1\0\0\0"~GGUF version 1 is not supported
d[8:16] = b"\xff" * 8~claims 18446744073709551615 tensors
d[16:24] = b"\xff" * 8~claims 18446744073709551615 metadata keys
d[24:32] = b"\xff" * 8~ends within a key, at byte 32
d[24:32] = b"\0" * 8~a key at byte 24 is not a name
put("general.architecture", 0, "I", 77)~key "general.architecture": there is no type 77
put("general.architecture", 4, "Q", 2**64 - 1)~ends within general.architecture, at byte *
swap("llama", "gemma")~key "general.architecture": "gemma" is not supported
swap("llama.context_length", "llama.expert_countxx")~key "llama.expert_countxx": not known, and it might change the result
swap("llama.context_length", "llama.block_count\0\0\0")~a key at byte * is not a name
put("llama.block_count", 4, "I", 0)~key "llama.block_count": 0 is not between 1 and 1024
put("llama.block_count", 4, "I", 2)~tensor "blk.1.attn_norm.weight" is missing
put("llama.block_count", 0, "I", 5)~ok
put("llama.block_count", 0, "I", 6)~key "llama.block_count": expected a whole number
put("llama.attention.head_count", 4, "I", 3)~*
put("llama.attention.head_count_kv", 4, "I", 3)~3 key/value heads do not divide 4 attention heads
put("llama.rope.dimension_count", 4, "I", 4)~key "llama.rope.dimension_count": 4 is not supported with a head dimension of 8
put("llama.rope.freq_base", 4, "f", float("nan"))~a rope theta of nan
put("tokenizer.ggml.tokens", 0, "I", 5)~*
put("tokenizer.ggml.tokens", 4, "I", 9)~key "tokenizer.ggml.tokens": arrays of type 9 are not read
put("tokenizer.ggml.tokens", 8, "Q", 2**60)~*
swap("smollm", "falcon")~key "tokenizer.ggml.pre": "falcon" is not supported
swap("gpt2", "bert")~key "tokenizer.ggml.model": "bert" is not supported
swap("hell o", "hell p")~key "tokenizer.ggml.merges": 3: "p" is not in the vocabulary
swap("hell o", "hello ")~key "tokenizer.ggml.merges": 3: *
put("tokenizer.ggml.bos_token_id", 4, "I", 9999)~key "tokenizer.ggml.bos_token_id": 9999 is not between 0 and *
put("tokenizer.ggml.token_type", 16, "I", 9)~key "tokenizer.ggml.token_type": a token of no type
tensor("token_embd.weight", "type", 14)~tensor "token_embd.weight": type Q6_K is not supported
tensor("token_embd.weight", "type", 4)~tensor "token_embd.weight": there is no type 4
tensor("token_embd.weight", "in", 33)~tensor "token_embd.weight": rows of Q8_0 in shape * are not whole blocks of 32
tensor("token_embd.weight", "in", 2**63)~tensor "token_embd.weight": its shape * is too large
tensor("token_embd.weight", "ndim", 5)~tensor "token_embd.weight": 5 dimensions
tensor("token_embd.weight", "at", 33)~tensor "token_embd.weight": offset 33 is not a multiple of 32
tensor("token_embd.weight", "at", 2**63)~tensor "token_embd.weight": its 884 bytes at offset 9223372036854775808 are not in the file of 8896 bytes
tensor("blk.0.ffn_down.weight", "at", 0)~tensors "*" and "*" overlap
swap("blk.0.ffn_down.weight", "blk.0.ffn_gate.weight")~tensor "blk.0.ffn_gate.weight" is there twice
swap("blk.0.ffn_down.weight", "blk.0.ffn_down.weighx")~tensor "blk.0.ffn_down.weighx" has no place in a llama model of 1 layers
swap("blk.0.ffn_norm.weight", "blk.0.attn_q.bias\0\0\0\0")~a tensor's name at byte * is not a name
tensor("blk.0.attn_q.weight", "out", 64)~*
tensor("blk.0.attn_k.weight", "out", 8)~tensor "blk.0.attn_k.weight": its shape is ?8, 32?, and by the config ?16, 32?
E2
done_testing
