#!/bin/sh
# The lease protocol, twice.
# 1. Exhaustively: every interleaving of workers that pop, stall, wake late, ack, nack and
#    die, over a small model of the rules in lib/queue/sqlite.c; what must never be is never.
#    The rules with one of them left out must fail, so that the search is seen to search.
# 2. At random: long runs of the real sn-queue beside a plain Python model of it; every
#    answer and every count has to agree.
. "$(dirname "$0")/lib.sh"

cat >search.py <<'PY'
"""Breadth-first over all states of: JOBS jobs, WORKERS workers that hold at most one lease,
a clock that may end any lease, MAX attempts.  A state is (jobs, workers, recorded):
  job     (state, attempt, token)      R ready, L leased, D done, X dead; token None or a number
  worker  None, or (job, token, worked)  what it believes; it may be wrong by now
  recorded  how often each job's end was written
A lease that ran out is swept by a pop, never before; a worker that does not know goes on."""
import collections, sys
JOBS, WORKERS, MAX = 2, 3, 3
broken = sys.argv[1] if len(sys.argv) > 1 else ""

def steps(s):
    jobs, workers, expired, recorded, fresh = s
    def put(t, i, v): return t[:i] + (v,) + t[i + 1:]
    # the clock: any lease may run out
    for j, (st, n, tok) in enumerate(jobs):
        if st == "L" and j not in expired:
            yield "expire", (jobs, workers, expired | {j}, recorded, fresh)
    for w, held in enumerate(workers):
        if held is None:
            # pop: sweep all that ran out, then lease the first that is ready
            js, rec = list(jobs), recorded
            for j in expired:
                st, n, tok = js[j]
                if n >= MAX:
                    js[j] = ("X", n, None); rec = put(rec, j, rec[j] + 1)
                else:
                    js[j] = ("R", n, None)
            for j, (st, n, tok) in enumerate(js):
                if st == "R":
                    t = j if broken == "same token" else fresh
                    js[j] = ("L", n + 1, t)
                    yield "pop", (tuple(js), put(workers, w, (j, t, False)), frozenset(), rec, fresh + 1)
                    break
            else:
                if expired:
                    yield "sweep", (tuple(js), workers, frozenset(), rec, fresh)
            continue
        j, t, worked = held
        st, n, tok = jobs[j]
        current = st == "L" and tok == t
        if broken == "no fence":
            current = st in "LR" or st == "D"
        if not worked:
            yield "work", (jobs, put(workers, w, (j, t, True)), expired, recorded, fresh)
        yield "die", (jobs, put(workers, w, None), expired, recorded, fresh)
        if current:             # touch
            yield "touch", (jobs, workers, expired - {j}, recorded, fresh)
        gone = put(workers, w, None)
        if worked:              # ack: recorded when the token is the current one, else refused
            yield "ack", (put(jobs, j, ("D", n, None)), gone, expired - {j}, put(recorded, j, recorded[j] + 1), fresh) \
                if current else (jobs, gone, expired, recorded, fresh)
        # nack, and what the end of the last attempt does
        if current and n >= MAX:
            yield "nack", (put(jobs, j, ("X", n, None)), gone, expired - {j}, put(recorded, j, recorded[j] + 1), fresh)
        elif current:
            yield "nack", (put(jobs, j, ("R", n, None)), gone, expired - {j}, recorded, fresh)
        else:
            yield "nack", (jobs, gone, expired, recorded, fresh)

def wrong(s):
    jobs, workers, expired, recorded, fresh = s
    for j, (st, n, tok) in enumerate(jobs):
        if recorded[j] > 1: return "job %d recorded %d times" % (j, recorded[j])
        if recorded[j] != (st in "DX"): return "job %d is %s and recorded %d times" % (j, st, recorded[j])
        if n > MAX: return "attempt %d" % n
        if (st == "L") != (tok is not None): return "a token without a lease"
        if sum(h is not None and h[0] == j and st == "L" and h[1] == tok for h in workers) > 1:
            return "two holders of one token"
        if j in expired and st != "L": return "expired without a lease"
    return None

def canon(s):
    """Workers are alike, and so are names of tokens: rename them in order of appearance."""
    jobs, workers, expired, recorded, fresh = s
    workers = tuple(sorted(workers, key=lambda h: (h is None, h or ())))
    names = {}
    def name(t): return None if t is None else names.setdefault(t, len(names))
    jobs = tuple((a, n, name(t)) for a, n, t in jobs)
    workers = tuple(None if h is None else (h[0], name(h[1]), h[2]) for h in workers)
    return jobs, workers, expired, recorded, len(names)

start = ((("R", 0, None),) * JOBS, (None,) * WORKERS, frozenset(), (0,) * JOBS, 0)
seen, queue, trail = {canon(start)}, collections.deque([canon(start)]), {}
edges = collections.defaultdict(set)
while queue:
    s = queue.popleft()
    for what, t in steps(s):
        t = canon(t)
        edges[t].add(s)
        if t in seen:
            continue
        seen.add(t)
        trail[t] = (s, what)
        bad = wrong(t)
        if bad:
            path = []
            while t in trail:
                t, what = trail[t]
                path.append(what)
            print("violated: %s, by %s" % (bad, " ".join(reversed(path))))
            sys.exit()
        queue.append(t)
# from every state an end can be reached: no job is stuck
ends = [s for s in seen if all(j[0] in "DX" for j in s[0])]
live = set(ends)
queue = collections.deque(ends)
while queue:
    for p in edges[queue.popleft()]:
        if p not in live:
            live.add(p)
            queue.append(p)
print("stuck: %r" % (next(iter(seen - live)),) if seen - live else "holds")
print("%d states" % len(seen), file=sys.stderr)
PY
is "exhaustive: the protocol holds" "$(python3 search.py 2>states)" holds
diag "$(cat states)"
ok "over many states" test "$(sed 's/ .*//' states)" -gt 1000
like "without the fence it does not" "$(python3 search.py "no fence")" "violated: *"
like "nor with the same token twice" "$(python3 search.py "same token")" "violated: *"

cat >random.steps.py <<'PY'
"""Random steps on sn-queue and on a model of it; prints "agree" or where they do not."""
import json, os, random, subprocess, sys
seed, steps = int(sys.argv[1]), int(sys.argv[2])
rnd = random.Random(seed)
now = 1000
class Job:
    pass
jobs, weights, groups = {}, {}, []      # groups in the order they came to be
turn, deficit = [-1], {}
leases = []                             # every (id, token) there ever was, with who should be told what
def sq(*a, data=None):
    env = dict(os.environ, SN_NOW=str(now))
    p = subprocess.run(("sn-queue", "-d", "r.db") + a, input=data, capture_output=True, env=env)
    return p.returncode, p.stdout.decode()
def disagree(what, got, want):
    print("seed %d, step %d, %s: sn-queue says %r, the model %r" % (seed, step, what, got, want))
    sys.exit()
def same(what, got, want):
    if got != want: disagree(what, got, want)
def sweep():
    late = sorted((j for j in jobs.values() if j.state in ("delayed", "leased") and j.due <= now), key=lambda j: j.due)
    assert len(late) <= 64      # the model knows no second helping
    for j in late:
        if j.state == "leased" and j.attempt >= j.limit: j.state = "dead"
        else: j.state = "ready"
def ready(g): return [j for j in jobs.values() if j.group == g and j.state == "ready"]
def pop(lease, limit):
    sweep()
    active = [i for i, g in enumerate(groups) if ready(g)]
    if not active: return None
    if not (turn[0] in active and deficit.get(turn[0], 0) > 0):
        after = [i for i in active if i > turn[0]]
        turn[0] = after[0] if after else active[0]
        deficit[turn[0]] = weights.get(groups[turn[0]], 1)
    g = groups[turn[0]]
    j = min(ready(g), key=lambda j: (-j.priority, j.due, j.id))
    deficit[turn[0]] = deficit[turn[0]] - 1 if len(ready(g)) > 1 else 0
    j.state, j.due, j.limit = "leased", now + lease, limit
    j.attempt += 1
    return j
for step in range(steps):
    what = rnd.choices(("push", "pop", "ack", "nack", "touch", "clock", "weight", "look"), (5, 9, 5, 4, 2, 5, 1, 2))[0]
    if what == "push":
        n, g, p, d = rnd.randint(1, 4), rnd.choice("abc"), rnd.randint(4, 6), rnd.choice((0, 0, 0, 3, 9))
        if g not in groups: groups.append(g)
        want = ""
        for i in range(n):
            j = Job()
            j.id, j.group, j.priority, j.attempt, j.limit = len(jobs) + 1, g, p, 0, 0
            j.state, j.due = ("delayed" if d else "ready"), now + d
            jobs[j.id] = j
            want += "%d\n" % j.id
        got = sq("push", "-g", g, "--priority", str(p), "--delay", str(d), data=b"".join(b"%d\n" % i for i in range(n)))
        same(what, got, (0, want))
    elif what == "pop":
        lease, limit = rnd.randint(1, 8), rnd.randint(1, 4)
        j = pop(lease, limit)
        rc, out = sq("pop", "--lease", str(lease), "--max-attempts", str(limit))
        d = json.loads(out) if out else None
        same(what, (rc, d and (d["id"], d["attempt"], d["group"], d["lease_until"])),
            (0, (j.id, j.attempt, j.group, float(j.due))) if j else (1, None))
        if j:
            j.token = d["token"]
            leases.append((j.id, j.token))
    elif what in ("ack", "nack", "touch") and leases:
        # mostly one of the newest, now and then an old one
        i, token = rnd.choice(leases[-4:] if rnd.random() < 0.8 else leases)
        j = jobs[i]
        good = j.state == "leased" and j.token == token
        t = rnd.choice((0, 0, 2, 7)) if what == "nack" else rnd.randint(1, 8)
        more = () if what == "ack" else ("--delay" if what == "nack" else "--lease", str(t))
        rc, out = sq(what, str(i), token, *more)
        same("%s %d" % (what, i), (rc, out), (0 if good else 1, ""))
        if good and what == "ack": j.state = "done"
        elif good and what == "touch": j.due = now + t
        elif good and j.attempt >= j.limit: j.state = "dead"
        elif good: j.state, j.due = ("delayed" if t else "ready"), now + t
    elif what == "clock":
        now += rnd.randint(1, 6)
    elif what == "weight":
        g, w = rnd.choice("abc"), rnd.randint(1, 4)
        if g not in groups: groups.append(g)
        weights[g] = w
        same(what, sq("weight", g, str(w)), (0, ""))
    elif what == "look" and groups:
        def seen(j):
            if j.state == "delayed" and j.due <= now: return "ready"
            if j.state == "leased" and j.due <= now: return "dead" if j.attempt >= j.limit else "ready"
            return j.state
        states = ("ready", "delayed", "leased", "done", "dead")
        want = {g: {"weight": weights.get(g, 1), **{s: sum(j.group == g and seen(j) == s for j in jobs.values()) for s in states}} for g in sorted(groups)}
        rc, out = sq("stats", "--json")
        same("stats", json.loads(out)["groups"], want)
        rc, out = sq("ls")
        same("ls", [(d["id"], d["state"], d["attempt"], d["group"]) for d in map(json.loads, out.splitlines())],
            [(j.id, seen(j), j.attempt, j.group) for j in jobs.values()])
        s = rnd.choice(states)
        rc, out = sq("ls", "-s", s, "-g", "a")
        same("ls -s %s" % s, [json.loads(l)["id"] for l in out.splitlines()],
            [j.id for j in jobs.values() if seen(j) == s and j.group == "a"])
print("agree")
PY
for seed in ${SN_SEED:-1 2 3 4 5 6}; do
	rm -f r.db*
	is "random steps, seed $seed" "$(python3 random.steps.py "$seed" "${SN_STEPS:-250}" 2>&1)" agree
done
done_testing
