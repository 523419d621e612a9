"""See peers.sh.  peers.py BUILD MODEL.gguf DIR ROUNDS ORIGINAL LLAMA-PYTHON"""
import json
import os
import subprocess
import sys
import time

LLAMA = r'''
import ctypes, json, math, sys, time
import llama_cpp as l
import numpy as np
path, threads, rounds = sys.argv[1], int(sys.argv[2]), 0
work = json.load(sys.stdin)
l.llama_backend_init()
quiet = l.llama_log_callback(lambda *a: None)
l.llama_log_set(quiet, ctypes.c_void_p(0))
model = l.llama_model_load_from_file(path.encode(), l.llama_model_default_params())
p = l.llama_context_default_params()
p.n_ctx = p.n_batch = 4096
p.n_ubatch = 512
p.n_threads = p.n_threads_batch = threads
ctx = l.llama_new_context_with_model(model, p)
vocab = l.llama_vocab_n_tokens(l.llama_model_get_vocab(model))
batch = l.llama_batch_init(4096, 0, 1)
def once():
    nll = 0.0
    for context, target in work:
        ids = (context + target)[:-1]
        l.llama_memory_clear(l.llama_get_memory(ctx), True)
        batch.n_tokens = len(ids)
        for i, t in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = t, i, 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i >= len(context) - 1
        assert l.llama_decode(ctx, batch) == 0
        for k, t in enumerate(target):
            z = np.ctypeslib.as_array(l.llama_get_logits_ith(ctx, len(context) - 1 + k), shape=(vocab,)).astype(np.float64)
            nll += math.log(np.exp(z - z.max()).sum()) + z.max() - z[t]
    return nll
once()
t = time.monotonic(); nll = once()
print(json.dumps([time.monotonic() - t, nll]))
'''


def main():
    build, gguf, tmp, rounds, original, llama = sys.argv[1:7]
    rounds, original = int(rounds), int(original)
    threads = len(os.sched_getaffinity(0))
    import torch
    torch.set_num_threads(threads)

    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
    import score
    from models import Model
    model, template = Model(gguf), score.named_template(score.CHATML)
    with open(tmp + "/r", encoding="utf-8") as f:
        work = [r[:2] for line in f for r in score.ppl_requests(json.loads(line), model, template, False)]
    tokens = sum(len(c) + len(t) - 1 for c, t in work)
    print(f"{len(work)} conversations, {tokens} tokens, {sum(len(t) for _, t in work)} of them targets, {threads} threads")

    def ours(numerics):
        def run():
            p = subprocess.run([build + "/bin/sn-score", "-qm", gguf, "--numerics", numerics, tmp + "/r"],
                               capture_output=True, text=True)
            if p.returncode:
                return None
            d = json.loads(p.stdout)
            return d["run"]["seconds"], d["nll"]
        return run

    nets = {"float32": model.load(torch.float32).eval(), "bfloat16": model.load(torch.bfloat16).eval()}

    def hf(kind):
        def run():
            nll, t = 0.0, time.monotonic()
            with torch.inference_mode():
                for context, target in work:
                    ids = torch.tensor([(context + target)[:-1]])
                    z = nets[kind](ids, use_cache=False, logits_to_keep=len(target)).logits[0].float()
                    nll -= z.log_softmax(-1).gather(1, torch.tensor(target)[:, None]).sum().item()
            return time.monotonic() - t, nll
        return run

    def llama_of(kind):
        path = f"{tmp}/{kind}.gguf"

        def run():
            p = subprocess.run([llama, "-c", LLAMA, path, str(threads)], input=json.dumps(work),
                               capture_output=True, text=True)
            if p.returncode:
                sys.exit(p.stderr[-2000:])
            return tuple(json.loads(p.stdout.splitlines()[-1]))
        return run

    ways = {"sn-score f32-exact": ours("f32-exact"), "sn-score bf16-fast": ours("bf16-fast"),
            "transformers float32": hf("float32"), "transformers bfloat16": hf("bfloat16")}
    if llama:
        requant(gguf, tmp)
        ways |= {"llama.cpp F32": llama_of("F32"), "llama.cpp BF16": llama_of("BF16")}
    best = {}
    for _ in range(rounds):
        for way, run in ways.items():
            got = run()
            if got and (way not in best or got[0] < best[way][0]):
                best[way] = got
    base = best["sn-score f32-exact"][0]
    print(f"{'':24}{'seconds':>9}{'tok/s':>8}{'f32-exact is':>14}{'nll':>14}")
    for way, (t, nll) in best.items():
        print(f"{way:24}{t:9.2f}{tokens / t:8.0f}{t / base:12.2f} x{nll:14.3f}")
    if original:
        t, n = 0.0, 0
        with torch.inference_mode():
            for b in range(original):
                pair = work[2 * b:2 * b + 2]
                ids = torch.zeros((2, 4096), dtype=torch.long)
                mask = torch.zeros((2, 4096), dtype=torch.long)
                for i, (context, target) in enumerate(pair):
                    both = context + target
                    ids[i, 4096 - len(both):] = torch.tensor(both)
                    mask[i, 4096 - len(both):] = 1
                start = time.monotonic()
                z = nets["bfloat16"](ids, attention_mask=mask, use_cache=False).logits.float()
                z[:, -200:].softmax(-1)
                t += time.monotonic() - start
                n += len(pair)
        print(f"the old way (padded to 4,096, two at a time, bfloat16): {t / n:.2f} s a record; "
              f"f32-exact {base / len(work):.3f} s: {t / n / (base / len(work)):.0f} times")


def requant(gguf, tmp):
    """The same weights as F32 and as BF16, in files that llama.cpp reads."""
    import gguf as g
    import numpy as np
    r = g.GGUFReader(gguf)
    for kind, ftype in ("F32", g.GGMLQuantizationType.F32), ("BF16", g.GGMLQuantizationType.BF16):
        arch = bytes(r.fields["general.architecture"].parts[-1]).decode()
        w = g.GGUFWriter(f"{tmp}/{kind}.gguf", arch)
        for f in r.fields.values():
            if f.name.startswith("GGUF.") or f.name == "general.architecture":
                continue
            w.add_key_value(f.name, f.contents(), f.types[0], f.types[-1] if len(f.types) > 1 else None)
        for t in r.tensors:
            x = g.quants.dequantize(t.data, t.tensor_type).astype(np.float32)
            keep = len(t.shape) == 1
            w.add_tensor(t.name, x if keep or kind == "F32" else g.quants.quantize(x, ftype),
                         raw_dtype=g.GGMLQuantizationType.F32 if keep else ftype)
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()


main()
