#!/bin/sh
# Digests and figures of a run, made again from the scoring page by Python's standard
# library alone: from the records' bytes, the model's files, and the raw per-token values
# that --logprobs writes.
. "$(dirname "$0")/lib.sh"

cat >check.py <<'PY'
import hashlib, json, math, os, struct, sys
profile, model, records, summary, lines, pair = sys.argv[1:7]
S = lambda b: hashlib.sha256(b).digest()
f32 = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]
out = json.load(open(summary))
lines = [json.loads(l) for l in open(lines)]
raw = open(records, "rb").read().split(b"\n")[:-1]
bad = []
def want(what, got, expected, rel=0):
    if got != expected and not (rel and abs(got - expected) <= rel * abs(expected)):
        bad.append(f"{what}: got {got}, want {expected}")

h = hashlib.sha256()
names = sorted(n for n in os.listdir(model) if n != "README.md")
for n in names:
    b = open(os.path.join(model, n), "rb").read()
    h.update(f"{hashlib.sha256(b).hexdigest()} {len(b)} {n}\n".encode())
want("model.digest", out["model"]["digest"], h.hexdigest())
want("records.digest", out["records"]["digest"], hashlib.sha256(b"".join(map(S, raw))).hexdigest())
want("lines", len(lines), len(raw))

result = hashlib.sha256(f"sn-result-1\n{profile}\nf32-exact\n".encode())
scored = []
for i, (r, line) in enumerate(zip(raw, lines)):
    want("index", line["index"], i)
    want("digest", line["digest"], S(r).hex())
    result.update(S(r))
    if "skipped" in line:
        result.update(b"\1")
        continue
    if profile == "ppl":
        sums = [0.0]
        for lp in line["logprobs"]:
            sums[0] -= f32(lp)
        want("nll", line["nll"], sums[0])
        want("tokens", line["tokens"], len(line["logprobs"]))
    else:
        p, sums = [f32(x) for x in line["p"]], []
        for k in range(4):
            s = 0.0
            for j in range(k, len(p)):
                run = p[j]
                for b in range(1, k + 1):
                    run *= p[j - b]
                s += run
            sums.append(s)
        want("sums", line["sums"], sums)
        n = line["tokens"]
        want("tokens", n, len(p))
        want("q", line["q"], 0.25 * sum(sums) / n, 1e-13)
        want("creativity", line["creativity"], 1 - math.exp(-5 * line["entropy"] / n / math.log(10)), 1e-13)
        sums.append(line["entropy"])
    want("ids", len(line["ids"]), line["tokens"])
    result.update(b"\0" + struct.pack(f"<Q{len(sums)}d", line["tokens"], *sums))
    scored.append((line["tokens"], sums, json.loads(r)))
want("result.digest", out["result"]["digest"], result.hexdigest())

tokens = sum(n for n, _, _ in scored)
want("tokens", out["tokens"], tokens)
want("scored", out["records"]["scored"], len(scored))
want("count", out["records"]["count"], len(raw))
want("skipped", [[s["index"], s["digest"], s["reason"]] for s in out["skipped"]],
     [[l["index"], l["digest"], l["skipped"]] for l in lines if "skipped" in l])
if profile == "ppl":
    nll = 0.0
    for _, s, _ in scored:
        nll += s[0]
    size = sum(len(r["messages"][-1]["content"].encode()) for _, _, r in scored)
    want("nll", out["nll"], nll)
    want("ppl", out["ppl"], math.exp(nll / tokens), 1e-13)
    want("bits_per_byte", out["bits_per_byte"], nll / math.log(2) / size, 1e-13)
else:
    step, q, c = 2 if pair == "pair" else 1, [], []
    for i in range(0, len(scored), step):
        g = scored[i:i + step]
        n = sum(x[0] for x in g)
        q.append(0.25 * sum(sum(x[1][k] for x in g) for k in range(4)) / n)
        c.append(1 - math.exp(-5 * sum(x[1][4] for x in g) / n / math.log(10)))
    want("qualitative_score", out["qualitative_score"], sum(q) / len(q), 1e-13)
    want("creativity_score", out["creativity_score"], sum(c) / len(c), 1e-13)
    want("model_size_score", out["model_size_score"], 1 - out["model"]["bytes"] / (72 * 2**30))
    if len(sys.argv) > 7:
        lat, vibe, coh, post = map(float, sys.argv[7:])
        q, c = out["qualitative_score"], out["creativity_score"]
        a = q / (1 + math.exp(8 * (q - .25)) * math.exp(-8 * (c - .5)))
        want("total_score", out["total_score"], (.84 * a + .08 * lat + .08 * vibe) * (coh >= .95) * post, 1e-13)
        want("missing", out["missing"], [])
    else:
        want("missing", out["missing"], ["latency_score", "vibe_score", "coherence_score"])
        want("total", "total_score" in out, False)
print("\n".join(bad[:8]) or "same")
PY

# a few that are skipped by either profile among those that are not
{
	head -n 9 "$data/demo.jsonl"
	echo '{"system_prompt":"x","messages":[{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}'
	sed -n 10,13p "$data/demo.jsonl"
	echo '{"system_prompt":"","messages":[]}'
} >r.jsonl

run() {
	name=$1 profile=$2 pair=$3
	shift 3
	sn-score -q -m "$data/tiny" -p "$profile" --samples lines --logprobs "$@" <r.jsonl >out.json || fail "$name runs"
}
check() { is "$name" "$(python3 check.py "$profile" "$data/tiny" r.jsonl out.json lines "$pair" "$@")" same; }
run ppl ppl no; check
run dippy dippy-2025-01 no; check
run "dippy, pairs, odd" dippy-2025-01 pair --pair; check
run "dippy with all parts" dippy-2025-01 no --part latency_score=0.5 --part vibe_score=0.25 --part coherence_score=0.95
check 0.5 0.25 0.95 1
run "dippy with post_eval" dippy-2025-01 no --part latency_score=1 --part vibe_score=0.125 --part coherence_score=1 --part post_eval_score=0.75
check 1 0.125 1 0.75
run "dippy, not coherent" dippy-2025-01 no --part latency_score=1 --part vibe_score=1 --part coherence_score=0.949
check 1 1 0.949 1

# and the check itself can fail
sed '3s/"entropy":\([0-9]\)/"entropy":1\1/' lines >l2
like "a planted difference is found" "$(python3 check.py "$profile" "$data/tiny" r.jsonl out.json l2 no)" "*result.digest*"
done_testing
