#!/bin/sh
# Token ids are those of the original library, as kept in tests/data/tokens, whatever
# the machine's Unicode version; and what a tokenizer asks for that we do not do is
# refused with its place in the file.
. "$(dirname "$0")/lib.sh"
tok=${SN_BIN%/bin}/tests/helper/tok

ids_of() { python3 -c 'import json,sys
for l in open(sys.argv[1]): print(*json.loads(l)["ids"])' "$1"; }
texts_of() { python3 -c 'import json,sys
for l in open(sys.argv[1]):
    d = json.loads(l); print(json.dumps({"hex": d["hex"]} if "hex" in d else d["text"]))' "$1"; }

texts_of "$data/tokens/tiny.ndjson" >texts
ids_of "$data/tokens/tiny.ndjson" >want
ok "tiny: ids come out" sh -c '"$1" "$2" <texts >got' - "$tok" "$data/tiny"
same "tiny: random texts have the library's ids" got want
ok "tiny: ids with special tokens come out" sh -c '"$1" -s "$2" <texts >got' - "$tok" "$data/tiny"
sed 's/^/0 /; s/ $//' want >want.bos
same "tiny: the special token is in front" got want.bos
gguf=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -f "$gguf" ]; then
	texts_of "$data/tokens/smollm2.ndjson" >texts
	ids_of "$data/tokens/smollm2.ndjson" >want
	"$tok" "$gguf" <texts >got
	same "SmolLM2: random texts have the library's ids" got want
else
	skip "SmolLM2: random texts have the library's ids" "not in the cache"
fi

# one long word, one long run of marks: no time that grows with the square
python3 - >long <<'E2'
import json
for t in ("a" * 1000000, "ab" * 500000, " " * 1000000, "\n " * 300000, "1" * 1000000,
          "\u0301\u0316" * 200000, "<|im_end|" * 100000, "'" * 1000000):
    print(json.dumps(t))
E2
ok "a megabyte of one letter takes no more than seconds" timeout 60 sh -c '"$1" "$2" <long >ids' - "$tok" "$data/tiny"
is "... and all of it is there" "$(awk 'NF < 1000 { bad++ } END { print NR, bad + 0 }' ids)" "8 0"
python3 "$top/tests/oracle/variants.py" "$data/tiny/tokenizer.json" variants
for v in nfc strips words overlapping llama3-regex o200k; do
	ok "the same with $v" timeout 60 sh -c '"$1" "variants/$2/tokenizer.json" <long >ids' - "$tok" "$v"
done

# change PLACE VALUE: a tokenizer.json with one thing changed
change() { python3 - "$data/tiny/tokenizer.json" "$@" >t.json <<'E2'
import json, sys
d = json.load(open(sys.argv[1]))
exec(sys.argv[2])
print(json.dumps(d))
E2
}
while IFS='~' read -r what pattern; do
	change "$what"
	refuses "refused: $what" 1 "tok: t.json: $pattern" "$tok" t.json
done <<'E2'
d["model"]["type"] = "Unigram"~model: Unigram is not supported
d["model"]["dropout"] = 0.1~model: key "dropout": 0.1 is not supported
d["model"]["byte_fallback"] = True~model: key "byte_fallback": true is not supported
d["model"]["end_of_word_suffix"] = "</w>"~model: key "end_of_word_suffix": "</w>" is not supported
d["model"]["what"] = 1~model: key "what" is not supported
d["model"]["merges"][3] = ["a"]~model.merges?3?: expected two strings
d["model"]["merges"][3] = "a b c"~model.merges?3?: expected two parts with a space between
d["model"]["merges"][3] = ["zz", "qqq"]~model.merges?3?: "*" is not in the vocabulary
d["model"]["vocab"]["q9"] = 7~model: two tokens have the id 7
d["model"]["vocab"]["q9"] = -7~model: token "q9": expected an id below *
d["model"]["vocab"]["q9"] = 4000000000~model: token "q9": expected an id below *
d["model"]["unk_token"] = "nope"~model: key "unk_token": "nope" is not in the vocabulary
d["normalizer"] = {"type": "Lowercase"}~normalizer: Lowercase is not supported
d["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip"}]}~normalizer?1?: Strip is not supported
d["pre_tokenizer"] = None~pre_tokenizer: expected an object
d["pre_tokenizer"]["pretokenizers"][1]["foo"] = 1~pre_tokenizer?1?: key "foo" is not supported
d["pre_tokenizer"]["pretokenizers"].pop()~pre_tokenizer: only byte-level BPE is supported
d["pre_tokenizer"]["pretokenizers"].append({"type": "Punctuation"})~pre_tokenizer?2?: Punctuation is not supported
d["pre_tokenizer"]["pretokenizers"].append({"type": "Digits", "individual_digits": True})~pre_tokenizer?2?: a step behind ByteLevel is not supported
d["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "\\b"}~pre_tokenizer?0?: the pattern's escape at byte 0 is not supported
d["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "a(?<=b)"}~pre_tokenizer?0?: the pattern's group at byte 1 is not supported
d["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "a*"}~pre_tokenizer?0?: the pattern matches where there is nothing
d["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "(a"}~pre_tokenizer?0?: the pattern's missing ')' at byte 2 is not supported
d["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Sideways"~pre_tokenizer?0?: Sideways is not supported
d["post_processor"] = {"type": "BertProcessing"}~post_processor: BertProcessing is not supported
d["post_processor"]["processors"].append(d["post_processor"]["processors"][1])~post_processor?2?: a second TemplateProcessing is not supported
d["post_processor"]["processors"][1]["special_tokens"]["<|begin_of_text|>"]["ids"] = [99999]~post_processor?1?.single?0?: there is no token with the id 99999
d["added_tokens"][1]["id"] = 5~added_tokens?1?: token "<|im_start|>" has the id 5 here, and would get 1
d["added_tokens"].append(d["added_tokens"][0])~added_tokens?4?: token "<|begin_of_text|>" is there twice
d["added_tokens"][0]["content"] = ""~added_tokens?0?: an added token of 0 bytes
d["added_tokens"][0]["content"] = "x" * 600~added_tokens?0?: an added token of 600 bytes
d["added_tokens"][0]["lstrip"] = 1~added_tokens?0?: key "lstrip": expected true or false
d["extra"] = {}~key "extra" is not supported
d = [d]~expected a JSON object
d["x"] = [0] * 9000000~more than 8388608 JSON values
E2

# the same for tokenizer_config.json
while IFS='~' read -r what pattern; do
	rm -rf m && cp -r "$data/tiny" m && chmod -R u+w m
	python3 - "$what" <<'E2'
import json, sys
d = json.load(open("m/tokenizer_config.json"))
exec(sys.argv[1])
json.dump(d, open("m/tokenizer_config.json", "w"))
E2
	refuses "refused: $what" 1 "tok: m/tokenizer_config.json: $pattern" "$tok" m
done <<'E2'
d["eos_token"] = "the"~key "eos_token": "the" is not among the added_tokens of tokenizer.json
d["eos_token"] = 2~key "eos_token": expected a token's text
d["added_tokens_decoder"]["2"]["lstrip"] = True~key "added_tokens_decoder": "2" ("<|im_end|>") is not as in tokenizer.json
d["added_tokens_decoder"]["9"] = dict(d["added_tokens_decoder"]["2"], content="<new>")~key "added_tokens_decoder": "9" ("<new>") is not as in tokenizer.json
d["additional_special_tokens"] = ["<x>"]~key "additional_special_tokens": "<x>" is not among*
d["split_special_tokens"] = True~key "split_special_tokens": true is not supported
d["add_prefix_space"] = True~key "add_prefix_space": true, and tokenizer.json says false
d["truncation_side"] = "middle"~key "truncation_side": neither left nor right
E2

# classes that put BOS and EOS around a text by the config
rm -rf m && cp -r "$data/tiny" m && chmod -R u+w m
conf() { python3 - "$1" <<'E2'
import json, sys
d = json.load(open("m/tokenizer_config.json"))
d.update(json.loads(sys.argv[1]))
json.dump(d, open("m/tokenizer_config.json", "w"))
E2
}
echo '""' >empty
is "PreTrainedTokenizerFast: as tokenizer.json says" "$("$tok" -s m <empty)" 0
conf '{"tokenizer_class": "LlamaTokenizerFast", "add_eos_token": true}'
is "LlamaTokenizerFast: add_eos_token" "$("$tok" -s m <empty)" "0 2"
conf '{"add_bos_token": false, "add_eos_token": false}'
is "LlamaTokenizerFast: add_bos_token" "$("$tok" -s m <empty)" ""
done_testing
