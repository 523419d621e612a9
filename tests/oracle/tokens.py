#!/usr/bin/env python3
"""Print token ids as the original tokenizers library gives them.

    tokens.py -m MODEL [--special] [FILE...]     texts in, {"text"|"hex","ids"} out
    tokens.py --gen N [--seed S]                 N random texts, to feed it and others
    tokens.py -m MODEL --vocab                   every string of the vocabulary, as texts

MODEL is a Hugging Face directory or a GGUF file. A text is a line of NDJSON: a
JSON string, or {"hex": "..."} for bytes that need not be UTF-8. Those bytes are
decoded the way Python does with errors=replace (the maximal wrong part of a
sequence becomes one U+FFFD); the library never sees anything else. A lone
surrogate in a JSON string becomes U+FFFD too.

--special adds the tokenizer's special tokens (BOS and the like).
"""
import argparse
import json
import random
import sys

RANGES = [  # scripts, signs and trouble
    (0x20, 0x7e), (0x20, 0x7e), (0xa0, 0x17f), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x4ff),
    (0x590, 0x5ff), (0x600, 0x6ff), (0x900, 0x97f), (0xe00, 0xe7f), (0x1100, 0x11ff),
    (0x1e00, 0x1eff), (0x2000, 0x206f), (0x2070, 0x209f), (0x2100, 0x218f), (0x2460, 0x24ff),
    (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xe000, 0xe0ff), (0xfb00, 0xfb4f),
    (0xfe00, 0xfe0f), (0xff00, 0xffef), (0x10000, 0x100ff), (0x1d400, 0x1d7ff),
    (0x1f100, 0x1f1ff), (0x1f300, 0x1f6ff), (0x1f900, 0x1f9ff), (0x20000, 0x2a6df),
    (0xe0100, 0xe01ef)]
SPACES = ["", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", " \n ", "\u00a0", "\u3000",
          "\u2028", "\u200b", "\u0085", "\x0b", "\x0c", "\x1c", "\ufeff", " \t \n  "]
PIECES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'Re", "'LL", "I'm", "can't",
          "\u017f", "'\u017f", "\u212a", "don\u2019t", "...", "!!!", "?!\n", "--", "://", "(", ")",
          "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|pad|>", "<|endoftext|>",
          "<|im_start|", "|im_end|>", "<|IM_END|>", "<|im_end|><|im_end|>", " <|im_end|> ",
          "<s>", "</s>", "<unk>", "[INST]", "<repo_name>", "<0x0A>", "\u2581", "\u0120",
          "\u010a", "e\u0301", "\u0065\u0323\u0301", "\u1e9b\u0323", "\u00bd", "\u0663",
          "\u4e00\u4e8c", "\U0001f469\u200d\U0001f680", "\U0001f44d\U0001f3fd",
          "\U0001f1eb\U0001f1f7", "\u2764\ufe0f", "1\ufe0f\u20e3", "\x00", "\x7f", "\ufffd",
          "\ufffe", "\U0010ffff", "0", "12", "123", "1234567", "3.14", "1,000", "x86_64", "C++",
          "hello", "Hello", "HELLO", "the", " the", "ing", "na\u00efve", "stra\u00dfe",
          "\u0130stanbul", "\u6771\u4eac", "\uc548\ub155", "\u041f\u0440\u0438\u0432\u0435\u0442",
          "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd",
          "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"]


def random_text(rng):
    out = []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 8, 13, 30])):
        kind = rng.random()
        if kind < 0.35:
            out.append(rng.choice(PIECES))
        elif kind < 0.55:
            out.append(rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 7]))
        elif kind < 0.65:
            out.append("".join(rng.choice("0123456789") for _ in range(rng.randint(1, 9))))
        elif kind < 0.8:
            word = "".join(rng.choice("etaoinshrdlucmfw") for _ in range(rng.randint(1, 12)))
            out.append(rng.choice([word, word, " " + word, word.title(), word.upper()]))
        else:
            low, high = rng.choice(RANGES)
            out.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6))))
    return "".join(out)


def random_bytes(rng):
    data = bytearray(random_text(rng).encode())
    for _ in range(rng.randint(1, 4)):  # spoil some, so that what is near UTF-8 is met
        at = rng.randint(0, len(data))
        data[at:at + rng.randint(0, 2)] = rng.choice([
            rng.randbytes(rng.randint(1, 3)), b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
            b"\xe2\x82", b"\xf0\x9f\x98", b"\xff", b"\x80", b"\xf8\x88\x80\x80\x80"])
    return bytes(data)


def generate(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        if rng.random() < 0.25:
            yield {"hex": random_bytes(rng).hex()}
        else:
            yield random_text(rng)


def text_of(item):
    if isinstance(item, dict):
        return bytes.fromhex(item["hex"]).decode("utf-8", "replace")
    return item.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("files", nargs="*", metavar="FILE")
    ap.add_argument("-m", "--model")
    ap.add_argument("--special", action="store_true", help="add the special tokens")
    ap.add_argument("--gen", type=int, metavar="N")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--vocab", action="store_true")
    args = ap.parse_args()

    if args.gen is not None:
        for item in generate(args.gen, args.seed):
            print(json.dumps(item))
        return
    if not args.model:
        ap.error("-m MODEL is needed")
    from models import Model
    tok = Model(args.model).tok
    if args.vocab:
        for i in range(tok.get_vocab_size(with_added_tokens=True)):
            print(json.dumps(tok.decode([i], skip_special_tokens=False)))
        return
    for name in args.files or ["-"]:
        with (sys.stdin if name == "-" else open(name, encoding="utf-8")) as f:
            for line in f:
                item = json.loads(line)
                ids = tok.encode(text_of(item), add_special_tokens=args.special).ids
                out = dict(item) if isinstance(item, dict) else {"text": item}
                out["ids"] = ids
                print(json.dumps(out))


if __name__ == "__main__":
    main()
