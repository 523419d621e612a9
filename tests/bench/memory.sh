#!/bin/sh
# Weights streamed within a limit against weights left to the page cache: a 7B-shaped model in
# bf16 (13.5 GB, made in $MODEL once), a few conversations, alternating.  Peak is what
# the kernel counted at most for the process, mapped weights included; "weights" is the
# share of the time in which they were waited for and unpacked.
#   MODEL=DIR     where the model is or goes (default /var/tmp/sn-bench-7b)
#   LIMIT=2G RECORDS=3 ROUNDS=1 SHAPE=7b
top=$(cd "$(dirname "$0")/../.." && pwd)
model=${MODEL:-/var/tmp/sn-bench-7b}
[ -r "$model/config.json" ] || "$top/scripts/make-model" "${SHAPE:-7b}" "$model" || exit
TMP=$(mktemp -d) || exit 111
trap 'rm -rf "$TMP"' EXIT
head -n "${RECORDS:-3}" "$top/tests/data/demo.jsonl" >"$TMP/r"
python3 - "$top/${B:-build}" "$model" "$TMP/r" "${LIMIT:-2G}" "${ROUNDS:-1}" <<'PY'
import json, os, re, resource, subprocess, sys
b, model, records, limit, rounds = sys.argv[1:]

def cold():
    for name in os.listdir(model):
        fd = os.open(os.path.join(model, name), os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)

def run(*args):
    cold()
    p = subprocess.Popen([b + "/bin/sn-score", "-qm", model, *args, records], stdout=subprocess.PIPE)
    out = p.stdout.read()
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit(f"sn-score: exit status {p.returncode}")
    return json.loads(out), used

print(f"{'limit':>6}{'tokens':>8}{'seconds':>9}{'tok/s':>8}{'CPU s':>8}{'peak MiB':>10}  result.digest")
speed = {}
for _ in range(int(rounds)):
    for name, args in (("none", ()), (limit, ("--memory", limit))):
        o, used = run(*args)
        speed.setdefault(name, []).append(o["run"]["tokens"] / o["run"]["seconds"])
        print(f"{name:>6}{o['run']['tokens']:8}{o['run']['seconds']:9.1f}{speed[name][-1]:8.2f}"
              f"{used.ru_utime + used.ru_stime:8.1f}{used.ru_maxrss / 1024:10.0f}  {o['result']['digest'][:16]}", flush=True)
print(f"within {limit}: {100 * max(speed[limit]) / max(speed['none']):.1f} % of the speed without a limit")
PY
