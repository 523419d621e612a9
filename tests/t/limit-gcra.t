#!/bin/sh
# The limiter against the rule itself, computed with exact fractions in another language,
# over random schedules: many keys and policies, costs up to and over the burst, pauses from
# nanoseconds to days, bursts and rates changed while in use.
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip_all "no python3"
cat >oracle.py <<'EOP'
import random, subprocess, sys
from fractions import Fraction as F

class Bucket:
    """A bucket that leaks: level in units of cost, filled by takes, drained at 1/T."""
    def __init__(self):
        self.level, self.at = F(0), 0
    def drained(self, now, T, B):
        level = max(F(0), self.level - F(now - self.at, T))
        # more than full: only after the burst or the rate was cut.  What lies further than
        # 10 s beyond full is forgiven, the rest is waited out
        return F(B) if (level - B) * T > 10**10 else level

def answer(level, cost, T, B):
    if cost > B:
        return False, level, None
    if level + cost <= B:
        return True, level + cost, 0
    return False, level, (level + cost - B) * T

seed = int(sys.argv[1])
r = random.Random(seed)
policies = {"p%d" % i: None for i in range(4)}
lines, want = [], []
keys = {}
now = 1737237600 * 10**9
for step in range(6000):
    now += r.choice([0, 0, 1, r.randrange(1000), r.randrange(10**9), r.randrange(10**11),
                     r.randrange(10**14) if r.random() < 0.02 else 5])
    name = r.choice(list(policies))
    if policies[name] is None or r.random() < 0.01:
        T = r.choice([1, 3, 7, 10**6, 10**9, 72 * 10**9, 3600 * 10**9, r.randrange(1, 10**11)])
        B = r.choice([1, 2, 3, 100, r.randrange(1, 10**5)])
        old = policies[name]
        policies[name] = T, B
        lines.append("set %s %d %d" % (name, T, B))
        want.append("0")
        for (p, k), b in keys.items():
            # a TAT is a time, so what is owed is kept in time when the rate changes
            if p == name and old:
                owed = max(F(0), b.level * old[0] - (now - b.at))
                b.level, b.at = owed / T, now
        continue
    T, B = policies[name]
    key = "k%d" % r.randrange(12)
    cost = r.choice([1, 1, 1, 2, r.randrange(1, B + 1), r.randrange(1, B + 3)])
    b = keys.setdefault((name, key), Bucket())
    level = b.drained(now, T, B)
    allowed, after, retry = answer(level, cost, T, B)
    verb = r.choice(["take", "take", "take", "peek"])
    lines.append("%s %s %s %d %d" % (verb, name, key, cost, now))
    if verb == "take" and cost <= B:
        b.level, b.at = after, now
    shown = after if verb == "take" else level
    reset, wait = shown * T, 2**63 - 1 if retry is None else retry
    assert F(reset).denominator == 1 and F(wait).denominator == 1
    want.append("%d %d %d %d" % (allowed, max(0, B - shown) // 1, reset, wait))

got = subprocess.run([sys.argv[2], "drive", "table.%d" % seed], input="\n".join(lines) + "\n",
                     capture_output=True, text=True)
if got.returncode:
    sys.exit("driver failed: %d" % got.returncode)
got = got.stdout.splitlines()
for i, (g, w) in enumerate(zip(got, want)):
    if g != w:
        sys.exit("step %d: %s\ngot  %s\nwant %s" % (i, lines[i], g, w))
if len(got) != len(want):
    sys.exit("%d answers, want %d" % (len(got), len(want)))
limited = sum(w.startswith("0 ") for w in want)
if not 500 < limited < 5500:
    sys.exit("a poor schedule: %d of %d limited" % (limited, len(want)))
EOP
for seed in 1 2 3 4 5 6 7 8; do
	if err=$(python3 oracle.py $seed "$top/$B/tests/unit/limit" 2>&1); then
		pass "6000 steps of schedule $seed"
	else
		fail "6000 steps of schedule $seed" "$err"
	fi
done
done_testing
