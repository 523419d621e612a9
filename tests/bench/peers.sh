#!/bin/sh
# sn-score against other ways to get the same figures, on SmolLM2-135M and the shared
# conversations, alternating, all on the same threads.  Each peer gets the token ids ready
# made and its model loaded, and makes logits only where a target is; sn-score's time is
# the forward pass too, as its summary gives it.
#   transformers in bfloat16 and float32, one conversation at a time, no padding
#   transformers as scoring was done at first: padded to 4,096, two at a time, all logits
#   llama.cpp from an F32 and a BF16 GGUF file, where $LLAMA is a Python with llama-cpp-python
# Needs scripts/venv.   RECORDS=24 ROUNDS=2 ORIGINAL=1 (batches of the old way; 0: none)
top=$(cd "$(dirname "$0")/../.." && pwd)
model=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
records=${SN_SHARED:-$top/../shared}/data/conversations.jsonl
python=${SN_VENV:-$top/build/venv}/bin/python
if ! [ -x "$python" ] || ! [ -r "$model" ] || ! [ -r "$records" ]; then
	echo "peers need scripts/venv, scripts/get-model smollm2 and the shared conversations" >&2
	exit 100
fi
TMP=$(mktemp -d) || exit 111
trap 'rm -rf "$TMP"' EXIT
head -n "${RECORDS:-24}" "$records" >"$TMP/r"
HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false exec "$python" "$top/tests/bench/peers.py" \
	"$top/${B:-build}" "$model" "$TMP" "${ROUNDS:-2}" "${ORIGINAL:-1}" "${LLAMA:-}"
