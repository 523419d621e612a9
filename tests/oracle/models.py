"""What score.py and tokens.py share: a model directory or a GGUF file, opened
with the libraries of the trade (tokenizers, transformers, gguf).

A GGUF file is turned into the Hugging Face model it was made from: weights
dequantised to float32, the rows of q and k put back where transformers' rope
wants them, the tokenizer rebuilt from its tokens, merges and the name of its
pre-tokenizer. Only the `llama` architecture and byte-level BPE are done here.
"""
import hashlib
import json
import os
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers
from tokenizers import models as tokenizer_models
from tokenizers import pre_tokenizers, processors

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def die(message):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")


def _split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _pre_tokenizer(name):
    if name == "smollm":
        return pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    if name in ("gpt-2", "default"):
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "llama-bpe":
        return _split(LLAMA3)
    if name == "qwen2":
        return _split(QWEN2)
    die(f"pre-tokenizer {name!r} is not known here")


def _gguf_tokenizer(get):
    if get("tokenizer.ggml.model") != "gpt2":
        die(f"tokenizer model {get('tokenizer.ggml.model')!r} is not known here")
    pre = get("tokenizer.ggml.pre", "default")
    tokens = get("tokenizer.ggml.tokens")
    merges = [tuple(m.split(" ")) for m in get("tokenizer.ggml.merges")]
    tok = Tokenizer(tokenizer_models.BPE(
        vocab={t: i for i, t in enumerate(tokens)}, merges=merges,
        ignore_merges=pre == "llama-bpe"))
    if pre == "qwen2":
        tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = _pre_tokenizer(pre)
    tok.decoder = decoders.ByteLevel()
    kinds = get("tokenizer.ggml.token_type")  # 3: control, 4: user-defined
    tok.add_special_tokens([AddedToken(t, normalized=False)
                            for t, k in zip(tokens, kinds) if k == 3])
    tok.add_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, kinds) if k == 4])
    if get("tokenizer.ggml.add_bos_token", pre == "llama-bpe"):
        bos = get("tokenizer.ggml.bos_token_id")
        tok.post_processor = processors.TemplateProcessing(
            single=f"{tokens[bos]} $A", special_tokens=[(tokens[bos], bos)])
    return tok


class Model:
    """path, tok, bos, eos, pad (texts, or None), pad_id, template, context, truncation_side"""

    def __init__(self, path):
        self.path = path
        self.truncation_side = "right"
        if os.path.isdir(path):
            self._open_directory()
        else:
            self._open_gguf()

    def _json(self, name, default=None):
        file = os.path.join(self.path, name)
        if default is not None and not os.path.exists(file):
            return default
        with open(file, encoding="utf-8") as f:
            return json.load(f)

    def _open_directory(self):
        self.tok = Tokenizer.from_file(os.path.join(self.path, "tokenizer.json"))
        self.tok.no_padding()
        self.tok.no_truncation()
        conf = self._json("tokenizer_config.json", {})

        def text(key):
            value = conf.get(key)
            return value["content"] if isinstance(value, dict) else value

        self.bos, self.eos, self.pad = text("bos_token"), text("eos_token"), text("pad_token")
        self.truncation_side = conf.get("truncation_side", "right")
        self.template = conf.get("chat_template")
        jinja = os.path.join(self.path, "chat_template.jinja")
        if os.path.exists(jinja):
            with open(jinja, encoding="utf-8") as f:
                self.template = f.read()
        config = self._json("config.json", {})
        self.context = config.get("max_position_embeddings")
        self._ids()

    def _open_gguf(self):
        import gguf
        self.reader = gguf.GGUFReader(self.path)

        def get(key, default=None):
            field = self.reader.fields.get(key)
            return default if field is None else field.contents()

        self.get = get
        tokens = get("tokenizer.ggml.tokens")
        self.tok = _gguf_tokenizer(get)

        def text(key):
            i = get(f"tokenizer.ggml.{key}_token_id")
            return None if i is None else tokens[i]

        self.bos, self.eos, self.pad = text("bos"), text("eos"), text("padding")
        self.template = get("tokenizer.chat_template")
        self.context = get(get("general.architecture") + ".context_length")
        self._ids()

    def _ids(self):
        pad = self.eos if self.pad is None else self.pad
        self.pad_id = None if pad is None else self.tok.token_to_id(pad)

    def files(self):
        """The files that decide a result, as SCORING.md counts them."""
        if not os.path.isdir(self.path):
            return [self.path]
        names = ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                 "model.safetensors.index.json"]
        names = [n for n in names if os.path.exists(os.path.join(self.path, n))]
        if "model.safetensors.index.json" in names:
            names += sorted(set(self._json("model.safetensors.index.json")["weight_map"].values()))
        else:
            names.append("model.safetensors")
        return [os.path.join(self.path, n) for n in sorted(names, key=os.fsencode)]

    def digest(self):
        lines = hashlib.sha256()
        for file in self.files():
            with open(file, "rb") as f:
                h = hashlib.file_digest(f, "sha256").hexdigest()
            lines.update(f"{h} {os.path.getsize(file)} {os.path.basename(file)}\n".encode())
        return lines.hexdigest()

    def load(self, dtype):
        """The network, as transformers runs it, in the given torch dtype."""
        import torch
        if os.path.isdir(self.path):
            from transformers import AutoModelForCausalLM
            net = AutoModelForCausalLM.from_pretrained(
                self.path, dtype=torch.float32, local_files_only=True)
        else:
            net = self._from_gguf(torch)
        net = net.to(dtype).eval()
        if dtype == torch.float64:
            _widen_norms(net, torch)
        return net

    def _from_gguf(self, torch):
        from gguf.quants import dequantize
        from transformers import LlamaConfig, LlamaForCausalLM
        arch = self.get("general.architecture")
        if arch != "llama":
            die(f"{self.path}: architecture {arch!r} is not known here")

        def conf(key, default=None):
            return self.get(f"llama.{key}", default)

        heads = conf("attention.head_count")
        kv_heads = conf("attention.head_count_kv", heads)
        tensors = {t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).copy())
                   for t in self.reader.tensors}

        def unpermute(w, n):
            # the converter split each head into halves and interleaved them
            return (w.reshape(n, w.shape[0] // n // 2, 2, *w.shape[1:])
                    .swapaxes(1, 2).reshape(w.shape))

        state = {"model.embed_tokens.weight": tensors["token_embd.weight"],
                 "model.norm.weight": tensors["output_norm.weight"],
                 "lm_head.weight": tensors.get("output.weight", tensors["token_embd.weight"])}
        names = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                 "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
                 "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
                 "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
                 "ffn_down": "mlp.down_proj"}
        for name, w in tensors.items():
            if not name.startswith("blk."):
                continue
            _, layer, what, _ = name.split(".")
            if what == "attn_q":
                w = unpermute(w, heads)
            elif what == "attn_k":
                w = unpermute(w, kv_heads)
            state[f"model.layers.{layer}.{names[what]}.weight"] = w
        net = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(state["lm_head.weight"]), hidden_size=conf("embedding_length"),
            intermediate_size=conf("feed_forward_length"), num_hidden_layers=conf("block_count"),
            num_attention_heads=heads, num_key_value_heads=kv_heads,
            head_dim=conf("attention.key_length", conf("embedding_length") // heads),
            max_position_embeddings=conf("context_length"),
            rms_norm_eps=conf("attention.layer_norm_rms_epsilon"),
            rope_theta=conf("rope.freq_base", 10000.0),
            tie_word_embeddings="output.weight" not in tensors))
        net.load_state_dict(state)
        return net


def _widen_norms(net, torch):
    """transformers computes RMSNorm in float32 whatever the model's type; not here."""
    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)
                                              + self.variance_epsilon))
    for module in net.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.forward = forward.__get__(module)
