#!/bin/sh
# Samples against the independent implementation of the page (tests/oracle/sample.py): many
# windows, seeds and sizes, one shard or many, before and after repacking, old snapshots.
. "$(dirname "$0")/lib.sh"

c=$shared/data/conversations.jsonl
[ -r "$c" ] || c=$data/demo.jsonl

cat >drive.py <<'E2'
import importlib.util, os, random, subprocess, sys
from fractions import Fraction
top, source = sys.argv[1:3]
spec = importlib.util.spec_from_file_location("oracle", top + "/tests/oracle/sample.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
lines = open(source, "rb").read().splitlines(keepends=True)
records = oracle.read([source], None)
rng = random.Random(20250118)
tests = 0

def ok(good, name, why=""):
    global tests
    tests += 1
    print(f"{'' if good else 'not '}ok {tests} - {name}")
    if not good:
        print("# " + why)

def run(*args, data=None):
    p = subprocess.run(["sn-dataset", *args], input=data, capture_output=True)
    if p.returncode:
        print(f"# {args}: {p.returncode} {p.stderr.decode()}")
    return p.stdout

# three shapes of the same records
run("pack", "one", source)
for i in range(0, len(lines), 1 + len(lines) // 7):
    run("pack", "seven", data=b"".join(lines[i:i + 1 + len(lines) // 7]))
run("pack", "small", "--shard-size", "60k", source)
cuts = [line for line in run("ls", "seven").splitlines()]

def bound(t):
    """A time in one of the ways there are to write it."""
    from datetime import datetime, timedelta
    d = datetime(1970, 1, 1) + timedelta(seconds=t)
    return rng.choice([d.strftime("%Y%m%d"), str(t), d.strftime("%Y-%m-%dT%H:%M:%SZ")])

def combination():
    times = [t for _, t, _ in records]
    lo, hi = min(times) - 90000, max(times) + 90000
    a, b = sorted((rng.randint(lo, hi), rng.randint(lo, hi)))
    if rng.random() < .3:
        a, b = lo, hi
    if rng.random() < .2:
        a, b = sorted(rng.sample(times, 2))    # bounds that are records' own times
    args = {"start": bound(a), "end": bound(b)}
    if oracle.parse_bound(args["end"], True) < oracle.parse_bound(args["start"], False):
        args["start"] = args["end"] = bound(b)
    n = rng.choice([0, 1, 2, 7, 50, 64, 333, 997, 4096, 10**12])
    recent = rng.choice(["0", "1", "0.5", "0.58", "0.999999999999", "0.25", "0.1", "1.0", "0.33"])
    window = rng.choice(["0", "1", "90m", "48h", "7d", "100000h"])
    if rng.random() < .2:   # an edge that is a record's own time
        window = str(max(0, oracle.parse_bound(args["end"], True) - rng.choice(times)))
    seed = rng.choice([None, "", "x", "f\u00fcr 2025", "s%d" % rng.randint(0, 99)])
    return args, n, recent, window, seed

def compare(name, dirname, limit=None, snapshot=()):
    bad = ""
    for _ in range(60):
        args, n, recent, window, seed = combination()
        argv = ["sample", dirname, "--start", args["start"], "--end", args["end"], "-n", str(n),
            "--recent", recent, "--window", window, *snapshot]
        if seed is not None:
            argv += ["--seed", seed]
        got = run(*argv)
        have = records[:limit]
        want = oracle.sample(have, oracle.parse_bound(args["start"], False),
            oracle.parse_bound(args["end"], True), n, recent, oracle.parse_span(window),
            dirname + "/" + args["end"] if seed is None else seed)
        if got != b"".join(raw + b"\n" for *_, raw in want):
            bad = f"differs: {argv}"
            break
    ok(not bad, name, bad)

import json
compare("one shard", "one")
compare("seven batches", "seven")
compare("many small shards", "small")
for k in (0, 3):
    s = json.loads(cuts[k])
    compare(f"snapshot {k + 1} of seven", "seven", s["records"], ("--snapshot", s["snapshot"]))
before = [run("ls", d) for d in ("one", "seven", "small")]
for d, size in (("one", "50k"), ("seven", "1Gi"), ("small", "200k")):
    was = json.loads(run("stat", d))["shards"]
    out = json.loads(run("repack", d, "--shard-size", size))
    ok(out["before"]["shards"] == was != out["after"]["shards"], f"repack {d} to {size}: {out}")
ok(before == [run("ls", d) for d in ("one", "seven", "small")], "repacking keeps every snapshot")
compare("one, in many shards now", "one")
compare("seven, in one shard now", "seven")
compare("small, in fewer", "small")
for k in (0, 3):
    s = json.loads(cuts[k])
    compare(f"snapshot {k + 1}, repacked", "seven", s["records"], ("--snapshot", s["snapshot"]))
for d in ("one", "seven", "small"):
    ok(run("cat", d) == b"".join(lines), f"cat {d} is as it was")
    ok(json.loads(run("verify", d))["ok"], f"verify {d}")
again = run("repack", "seven")
ok(json.loads(again)["before"] == json.loads(again)["after"], "repacking again changes nothing")
os.makedirs("elsewhere/one")
os.chdir("one")
ok(run("sample", ".", "--start", "20250101", "--end", "20250118", "-n", "9") ==
    run("sample", "../one/", "--start", "20250101", "--end", "20250118", "-n", "9", "--seed", "one/20250118"),
    "the default seed has the directory's name, however it is written")
print(f"1..{tests}")
E2
python3 drive.py "$top" "$c" >tap || echo "not ok 0 - the driver"
grep -v '^1\.\.' tap
n=$(grep -c '^\(not \)*ok' tap)

for a in "--start 20250118" "--end 20250118"; do
	# shellcheck disable=SC2086
	refuses "only $a" 100 'sn-dataset: sample needs --start and --end' sn-dataset sample one $a
done
refuses "an end before the start" 100 'sn-dataset: --end 20250101 is before --start 20250102' \
	sn-dataset sample one --start 20250102 --end 20250101
refuses "a day that is none" 100 'sn-dataset: --start: "20250229" is not a date*' \
	sn-dataset sample one --start 20250229 --end 20250301
refuses "a share above one" 100 'sn-dataset: --recent: *' \
	sn-dataset sample one --start 20250101 --end 20250301 --recent 1.1
refuses "a negative number" 100 'sn-dataset: *' sn-dataset sample one --start 20250101 --end 20250301 -n -1
refuses "a part of a second" 100 'sn-dataset: --window: whole seconds only' \
	sn-dataset sample one --start 20250101 --end 20250301 --window 1500ms
done_testing
