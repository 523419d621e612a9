#!/usr/bin/env python3
"""Write tokenizers that differ in one way each from a given one.

    variants.py TOKENIZER.JSON OUT

OUT/NAME/tokenizer.json for every row below, so that what a tokenizer.json can say
is compared with the original library part by part.
"""
import copy
import json
import os
import sys

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
# the same cuts, but not the exact text that has a scanner of its own
GPT2_RE = "(?:" + GPT2 + ")"
LLAMA3_RE = "(?:" + LLAMA3 + ")"
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?"
            r"[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def byte_level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True,
            "use_regex": regex}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def digits(alone):
    return {"type": "Digits", "individual_digits": alone}


def steps(*list_):
    return {"type": "Sequence", "pretokenizers": list(list_)}


def added(tok, content, **flags):
    known = {t["content"]: t["id"] for t in tok["added_tokens"]}
    vocab = tok["model"]["vocab"]
    new = max([len(vocab)] + [i + 1 for i in known.values() if i >= len(vocab)])
    t = {"id": vocab.get(content, new), "content": content, "single_word": False,
         "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    t.update(flags)
    tok["added_tokens"].append(t)


def pre(value):
    def change(tok):
        tok["pre_tokenizer"] = value
    return change


def model(**values):
    def change(tok):
        tok["model"].update(values)
    return change


def unk(fuse):
    def change(tok):
        vocab = tok["model"]["vocab"]
        for char in ("e", "\u0120", "\u00c3", "\u00f0"):  # bytes without a token
            vocab["(" + char] = vocab.pop(char)
        tok["model"]["merges"] = [m for m in tok["model"]["merges"]
                                  if all(p in vocab for p in m + ["".join(m)])]
        if fuse is not None:
            tok["model"].update(unk_token="<|pad|>", fuse_unk=fuse)
    return change


def string_merges(tok):
    tok["model"]["merges"] = ["#version: 0.2"] + [" ".join(m) for m in tok["model"]["merges"]]


def repeated_merge(tok):
    tok["model"]["merges"].append(tok["model"]["merges"][5])
    tok["model"]["merges"].append(tok["model"]["merges"][0])


def nfc(tok):
    tok["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}]}
    added(tok, "e\u0301", normalized=True)
    added(tok, "the", normalized=True, lstrip=True)
    added(tok, "\u1e9b\u0323")


def strips(tok):
    added(tok, "hello", lstrip=True, rstrip=True)
    added(tok, "...", rstrip=True)
    added(tok, "<s>", lstrip=True, special=True)
    added(tok, "\n", rstrip=True)
    added(tok, "12", lstrip=True, normalized=True)


def words(tok):
    added(tok, "the", single_word=True)
    added(tok, "1", single_word=True, rstrip=True)
    added(tok, "C++", single_word=True, normalized=True)
    added(tok, "ing", single_word=True, lstrip=True)


def overlapping(tok):
    for text in ("<|im", "<|im_start|", "im_end|>", "|>", "||", "aa", "aaa", "12", "123", "1234567",
                 "ll", "hello", "lo "):
        added(tok, text)
    added(tok, "llo", normalized=True)


def template(*processors):
    def change(tok):
        tok["post_processor"] = {"type": "Sequence", "processors": list(processors)}
    return change


def around(front, behind):
    token = lambda t: {"SpecialToken": {"id": t, "type_id": 0}}
    ids = {"B": [0], "E": [2, 3], "X": [7]}
    return {"type": "TemplateProcessing", "pair": [],
            "single": [token(t) for t in front] + [{"Sequence": {"id": "A", "type_id": 0}}]
            + [token(t) for t in behind],
            "special_tokens": {t: {"id": t, "ids": i, "tokens": ["x"] * len(i)}
                               for t, i in ids.items()}}


VARIANTS = {
    "plain": lambda tok: None,
    "gpt2": pre(byte_level(regex=True)),
    "gpt2-prefix": pre(byte_level(prefix=True, regex=True)),
    "prefix-only": pre(byte_level(prefix=True)),
    "no-split": pre(byte_level()),
    "gpt2-regex": pre(steps(split(GPT2_RE), byte_level())),
    "llama3-regex": pre(steps(split(LLAMA3_RE), byte_level())),
    "qwen2": pre(steps(split(QWEN2), byte_level())),
    "deepseek": pre(steps(split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
                          split(DEEPSEEK), byte_level())),
    "o200k": pre(steps(split(O200K), byte_level())),
    "smollm": pre(steps(digits(True), byte_level(regex=True))),
    "digit-runs": pre(steps(digits(False), byte_level(prefix=True, regex=True))),
    "classes": pre(steps(split(r"[^\S\n]+|\d{2,}|\P{L}{3}|[\p{Lu}\p{Ll}-]+?(?=\p{Nd})|\u00e9|.{9}"),
                         byte_level())),
    "properties": pre(steps(*[split(r"\p{%s}+" % p) for p in "P S M Z C Lm No Sc Cf Cn".split()],
                            byte_level())),
    **{f"{b}-{i}": pre(steps(split(r"[aeiou]|\s|\d+", b, bool(i)), byte_level()))
       for b in "Isolated Removed Contiguous MergedWithPrevious MergedWithNext".split()
       for i in (0, 1)},
    "string": pre(steps(split("e.", "MergedWithPrevious", kind="String"),
                        split(" ", "MergedWithNext", kind="String"), byte_level())),
    "ignore-merges": model(ignore_merges=True),
    "string-merges": string_merges,
    "repeated-merge": repeated_merge,
    "dropped": unk(None),
    "unk": unk(False),
    "unk-fused": unk(True),
    "nfc": nfc,
    "strips": strips,
    "words": words,
    "overlapping": overlapping,
    "template": template(around("B", "E")),
    "template-last": template({"type": "ByteLevel", "add_prefix_space": True,
                               "trim_offsets": False, "use_regex": True}, around("BXE", "XB")),
}


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        base = json.load(f)
    for name, change in VARIANTS.items():
        tok = copy.deepcopy(base)
        change(tok)
        folder = os.path.join(sys.argv[2], name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
            json.dump(tok, f)


if __name__ == "__main__":
    main()
