#!/usr/bin/env python3
"""Score records with torch and transformers, as SCORING.md section 2 says.

    score.py -m MODEL [-p ppl|dippy-2025-01] [--template own|chatml|FILE]
             [--dtype float32|float64|bfloat16] [--target last|all] [--pair] [--ids]
             [--limit N] [--threads N] [--brief] [FILE...]
    score.py --selftest NAMED-TEMPLATES

Records are NDJSON. Out comes one line per record, in input order, then a
summary. Nothing here is meant to be fast or to give equal bits: it is what
`sn-score` must agree with within the stated distance (float64), and what shows
how far transformers itself is from it (float32, bfloat16). In float64 RMSNorm is computed
in float64 too (transformers would do it in float32); the rope tables stay what
transformers makes them, in float32. Log-softmax is always done in float64.

--template own is the model's, rendered as transformers does it; chatml is the
named template, a FILE is one too: Jinja2's own defaults. Without the option:
own where the model has one and the profile is ppl, else chatml.

Where the page leaves room:
- ppl: a non-empty system_prompt is a system message, as in dippy; an empty or
  absent one is none. A record is too long when context + target tokens are more
  than the model's context. A target without tokens is skipped.
- dippy: "empty" is the empty string; the last message may have any role; an
  absent system_prompt counts as an empty one.
- --pair pairs the scored records in order; an odd last one stands alone.
- model bytes: two for each element of the network's parameters (tied ones once)
  and buffers (transformers' inv_freq).
- index counts records from 0.
"""
import argparse
import hashlib
import json
import math
import sys

PPL, DIPPY = "ppl", "dippy-2025-01"
CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + "
          "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}"
          "{{ '<|im_start|>assistant\\n' }}{% endif %}")


class Skip(Exception):
    """The record is not scored; says why."""


def named_template(text):
    import jinja2
    template = jinja2.Environment().from_string(text)
    return lambda messages, bos, eos: template.render(
        messages=messages, bos_token=bos, eos_token=eos,
        include_beginning_of_conversation=True, add_generation_prompt=True)


def own_template(text):
    import jinja2
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[loopcontrols])
    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, \
        sort_keys=False: json.dumps(x, ensure_ascii=ensure_ascii, indent=indent,
                                    separators=separators, sort_keys=sort_keys)
    env.globals["raise_exception"] = raise_exception
    template = env.from_string(text)
    return lambda messages, bos, eos: template.render(
        messages=messages, bos_token=bos, eos_token=eos,
        tools=None, documents=None, add_generation_prompt=True)


def as_messages(record):
    """The record's messages with the system prompt in front, if there is one."""
    system = record.get("system_prompt")
    return ([{"role": "system", "content": system}] if system else []) + record["messages"]


def render(template, messages, model):
    import jinja2
    try:
        return template(messages, model.bos, model.eos)
    except (jinja2.exceptions.TemplateError, TypeError) as e:
        raise Skip(f"rendering fails: {e}") from e


def plain(model, text):
    return model.tok.encode(text, add_special_tokens=False).ids


def ppl_requests(record, model, template, every):
    """[(context ids, target ids, target bytes)]"""
    messages = as_messages(record)
    first = len(messages) - len(record["messages"])
    if not record["messages"] or messages[-1]["role"] != "assistant":
        raise Skip("the last message is not the assistant's")
    out = []
    for i in range(first, len(messages)):
        if messages[i]["role"] != "assistant" or not (every or i == len(messages) - 1):
            continue
        text = render(template, messages[:i], model)
        special = not (model.bos and text.startswith(model.bos))
        context = model.tok.encode(text, add_special_tokens=special).ids
        target = plain(model, messages[i]["content"])
        if len(context) + len(target) > model.context:
            raise Skip(f"{len(context) + len(target)} tokens, "
                       f"more than the model's context of {model.context}")
        if not target:
            raise Skip("the target has no tokens")
        if not context:
            raise Skip("the context has no tokens")
        out.append((context, target, len(messages[i]["content"].encode())))
    return out


def dippy_request(record, model, template):
    if model.eos is None:
        raise Skip("the model has no EOS")
    if not record["messages"]:
        raise Skip("no messages")
    count = sum(len(plain(model, m["content"])) for m in record["messages"])
    if count > 3696:
        raise Skip(f"{count} tokens in the messages, more than 3696")
    context, last = record["messages"][:-1], record["messages"][-1]
    if not any(m["role"] == "user" for m in context):
        raise Skip("no user message before the last")
    context = [{"role": "system", "content": record.get("system_prompt", "")}] + context
    if any(m["content"] == "" for m in context):
        raise Skip("a context message is empty")
    text = render(template, context, model)
    text = text.removesuffix(model.eos)
    if model.bos and not text.startswith(model.bos):
        text = model.bos + text
    length = min(model.context, 4096)
    model.tok.enable_truncation(length - 200, direction=model.truncation_side)
    context_ids = model.tok.encode(text, add_special_tokens=True).ids
    model.tok.no_truncation()
    return context_ids, plain(model, last["content"] + model.eos)[:200]


def logits_of(net, ids, first):
    """Logits that predict ids[first:] and one more, in float64."""
    import torch
    with torch.no_grad():
        hidden = net(torch.tensor([ids]), use_cache=False, logits_to_keep=len(ids) - first + 1)
    return hidden.logits[0].double()


def score_ppl(net, requests):
    import torch
    logprobs = []
    for context, target, _ in requests:
        logits = logits_of(net, context + target, len(context))[:-1]
        lp = torch.log_softmax(logits, -1)[range(len(target)), target]
        logprobs += lp.tolist()
    return logprobs


def score_dippy(net, context, target, pad_id):
    """S1..S4, SH, N and the probabilities."""
    import torch
    # the token at c+1+j is predicted by the logits at c+j
    logits = logits_of(net, context + target, len(context))[1:]
    actual = (target + [pad_id])[1:]
    if len(target) == 200:
        logits, actual = logits[:-1], actual[:-1]
    top, ids = torch.sort(logits, dim=-1, descending=True, stable=True)  # ties: lower id first
    q = torch.softmax(top[:, :10], -1)
    entropy = -(q * torch.log(q + 1e-9)).sum(-1)
    p = []
    for row, row_ids, token in zip(q.tolist(), ids[:, :10].tolist(), actual):
        p.append(row[row_ids.index(token)] if token in row_ids else 1e-9)
    sums = [math.fsum(math.prod(p[j - k:j + 1]) for j in range(k, len(p))) for k in range(4)]
    return sums, math.fsum(entropy.tolist()), len(p), p


def dippy_scores(sums, entropy, n):
    return 0.25 * math.fsum(sums) / n, 1 - math.exp(-5 * (entropy / n) / math.log(10))


def summarise(args, model, net, lines, digests):
    scored = [line for line in lines if "skipped" not in line]
    out = {"profile": args.profile, "dtype": args.dtype, "model": {"digest": model.digest()},
           "records": {"digest": hashlib.sha256(b"".join(digests)).hexdigest(),
                       "count": len(lines), "scored": len(scored)},
           "template": hashlib.sha256(args.template_text.encode()).hexdigest(),
           "skipped": [{"index": line["index"], "reason": line["skipped"]}
                       for line in lines if "skipped" in line]}
    if not scored:
        return out
    if args.profile == PPL:
        nll = math.fsum(line["nll"] for line in scored)
        tokens = sum(line["tokens"] for line in scored)
        size = sum(line["bytes"] for line in scored)
        out |= {"nll": nll, "tokens": tokens, "ppl": math.exp(nll / tokens),
                "bits_per_byte": nll / math.log(2) / size}
        return out
    groups = [scored[i:i + 2] for i in range(0, len(scored), 2)] if args.pair \
        else [[line] for line in scored]
    means = [dippy_scores([math.fsum(line["sums"][k] for line in g) for k in range(4)],
                          math.fsum(line["entropy"] for line in g),
                          sum(line["tokens"] for line in g)) for g in groups]
    elements = sum(t.numel() for t in net.parameters()) + sum(t.numel() for t in net.buffers())
    out |= {"qualitative_score": math.fsum(q for q, _ in means) / len(means),
            "creativity_score": math.fsum(c for _, c in means) / len(means),
            "model_size_score": 1 - 2 * elements / (72 * 2**30), "model_bytes": 2 * elements,
            "pair": args.pair, "missing": ["latency_score", "vibe_score", "coherence_score"]}
    return out


def run(args, model, net, template, raw, index):
    record = json.loads(raw)
    line = {"index": index, "digest": hashlib.sha256(raw).hexdigest()}
    try:
        if args.profile == PPL:
            requests = ppl_requests(record, model, template, args.target == "all")
            logprobs = score_ppl(net, requests)
            line |= {"tokens": len(logprobs), "nll": -math.fsum(logprobs),
                     "bytes": sum(size for _, _, size in requests), "logprobs": logprobs}
            ids = [{"context": c, "target": t} for c, t, _ in requests]
        else:
            context, target = dippy_request(record, model, template)
            sums, entropy, n, p = score_dippy(net, context, target, model.pad_id)
            if n == 0:
                raise Skip("nothing to score")
            q, creativity = dippy_scores(sums, entropy, n)
            line |= {"tokens": n, "q": q, "creativity": creativity, "sums": sums,
                     "entropy": entropy, "p": p}
            ids = [{"context": context, "target": target}]
        if args.ids:
            line["ids"] = ids
    except Skip as e:
        line["skipped"] = str(e)
    return line


def brief(line):
    """What tests/data/fidelity keeps of a record."""
    out = {"digest": line["digest"]}
    for key in ("logprobs", "p"):
        if key in line:
            out[key] = [round(x, 7) for x in line[key]]
    return out


def selftest(path):
    template, count = named_template(CHATML), 0
    with open(path, encoding="utf-8") as f:
        for case in map(json.loads, f):
            if case["template"] == "chatml":
                got = template(case["messages"], case["bos_token"], case["eos_token"])
                assert got == case["rendered"], case
                count += 1
    assert count
    print(f"ok: {count} renderings of chatml")


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("files", nargs="*", metavar="FILE")
    ap.add_argument("-m", "--model")
    ap.add_argument("-p", "--profile", choices=[PPL, DIPPY], default=PPL)
    ap.add_argument("--template")
    ap.add_argument("--dtype", choices=["float32", "float64", "bfloat16"], default="float32")
    ap.add_argument("--target", choices=["last", "all"], default="last")
    ap.add_argument("--pair", action="store_true")
    ap.add_argument("--ids", action="store_true", help="print context and target ids too")
    ap.add_argument("--limit", type=int, help="read so many records")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--brief", action="store_true",
                    help="digest and logprobs or p alone, rounded, and no summary")
    ap.add_argument("--selftest", metavar="FILE")
    args = ap.parse_args()
    if args.selftest:
        return selftest(args.selftest)
    if not args.model:
        ap.error("-m MODEL is needed")

    import torch
    from models import Model
    torch.set_num_threads(args.threads)
    model = Model(args.model)
    own = args.template == "own" or (not args.template and args.profile == PPL and model.template)
    if own:
        if not model.template:
            sys.exit(f"score.py: {args.model} has no chat template")
        args.template_text, template = model.template, own_template(model.template)
    else:
        args.template_text = CHATML
        if args.template not in (None, "chatml"):
            with open(args.template, encoding="utf-8") as f:
                args.template_text = f.read()
        template = named_template(args.template_text)

    net = model.load(getattr(torch, args.dtype))
    lines, digests = [], []
    for name in args.files or ["-"]:
        with (sys.stdin.buffer if name == "-" else open(name, "rb")) as f:
            for raw in f.read().split(b"\n"):
                if raw and (args.limit is None or len(lines) < args.limit):
                    line = run(args, model, net, template, raw, len(lines))
                    digests.append(bytes.fromhex(line["digest"]))
                    lines.append(line)
                    print(json.dumps(brief(line) if args.brief else line), flush=True)
    if not args.brief:
        print(json.dumps(summarise(args, model, net, lines, digests)))
    return None


if __name__ == "__main__":
    main()
