#!/bin/sh
# A whole run of sn-score against the machine's FMA peak, which is measured before and
# after each: from the start of the program to the summary, reading, hashing, tokenising
# and the file of samples included.  2 FLOP a multiply-add that the model asks for.
# "By CPU" divides by processor seconds, and holds while other programs run.
# SmolLM2-135M on the shared conversations where they are, else the tiny model and demo.
top=$(cd "$(dirname "$0")/../.." && pwd)
model=${SN_MODEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sn-tools/models}/SmolLM2-135M-Instruct.Q4_1.gguf
records=${SN_SHARED:-$top/../shared}/data/conversations.jsonl
[ -r "$model" ] || model=$top/tests/data/tiny
[ -r "$records" ] || records=$top/tests/data/demo.jsonl
TMP=$(mktemp -d) || exit 111
trap 'rm -rf "$TMP"' EXIT
head -n "${RECORDS:-24}" "$records" >"$TMP/r"
python3 - "$top/${B:-build}" "$model" "$TMP" "${ROUNDS:-3}" <<'PY'
import json, resource, subprocess, sys, time
b, model, tmp, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

def peak(isa):
    out = subprocess.run([b + "/tests/bench/fma", "-q", isa], capture_output=True, text=True).stdout.split()
    return [float(x) for x in out]

def run(profile):
    u0, t0 = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    out = subprocess.run([b + "/bin/sn-score", "-qm", model, "-p", profile, "--samples", tmp + "/lines", tmp + "/r"],
                         capture_output=True, check=True).stdout
    t, u = time.monotonic() - t0, resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(out)["run"], t, u.ru_utime + u.ru_stime - u0.ru_utime - u0.ru_stime

isa = next((i for i in ("avx512", "avx2") if peak(i)), "scalar")
print(f"{model.rsplit('/', 1)[-1]}, {sum(1 for _ in open(tmp + '/r'))} records")
print(f"{'profile':15}{'tokens':>8}{'seconds':>9}{'tok/s':>8}{'GFLOP/s':>9}{'peak':>8}{'of peak':>9}{'by CPU':>8}{'arithmetic':>12}")
for profile in ("ppl", "dippy-2025-01"):
    for _ in range(rounds):
        before = peak(isa)
        how, t, cpu = run(profile)
        after = peak(isa)
        wall, second = (max(x) for x in zip(before, after))
        flop = 2e-9 * how["fma"]
        print(f"{profile:15}{how['tokens']:8}{t:9.2f}{how['tokens'] / t:8.0f}{flop / t:9.1f}{wall:8.1f}"
              f"{100 * flop / t / wall:7.1f} %{100 * flop / cpu / second:6.1f} %{100 * how['seconds'] / t:10.1f} %")
print(f"peak: {isa}, all threads, the better of before and after; arithmetic: the share of the time from first to last token")
PY
