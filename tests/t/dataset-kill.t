#!/bin/sh
# A packer or repacker that is killed, or whose disk fails, at every write, sync, rename,
# truncation and open: nothing sealed is lost, the dataset is whole, and the next pack goes through.
. "$(dirname "$0")/lib.sh"

case $SN_BIN in */bin) ;; *) skip_all "SN_BIN is not set" ;; esac
cat >drive.py <<'E2'
import json, os, shutil, subprocess, sys
fault = os.environ["SN_BIN"][:-len("bin")] + "tests/fault.so"
here = sys.argv[1]
tests = 0

def ok(good, name, why=""):
    global tests
    tests += 1
    print(f"{'' if good else 'not '}ok {tests} - {name}")
    if not good:
        print("# " + why.replace("\n", "\n# "))

def run(*args, data=b"", spec=None, count=None):
    env = dict(os.environ)
    if spec or count:
        env.update(LD_PRELOAD=fault, ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        env.update({"SN_FAULT": spec} if spec else {"SN_FAULT_COUNT": count})
    return subprocess.run(["sn-dataset", *args], input=data, capture_output=True, env=env)

def rec(i, size=300):
    text = "".join(chr(97 + (i * 7919 + k * k * 31 + k) % 26) for k in range(size))
    return b'{"created_at":%d,"system_prompt":"%s","messages":[]}\n' % (i * 1000, text.encode())

def good(d):
    """What is wrong with it, or nothing."""
    p = run("verify", d)
    return "" if p.returncode == 0 else p.stderr.decode() or f"verify: {p.returncode}"

def state(d):
    return json.loads(run("stat", d).stdout)["snapshot"] if os.path.exists(d + "/HEAD") else None

def leftovers(d):
    shards = json.loads(run("stat", d).stdout)["shards"]
    files = os.listdir(d + "/shards")
    return len(files) != shards or any(f.startswith("HEAD.") for f in os.listdir(d))

def scenario(name, base, args, data, after):
    """args on a copy of base with every fault; `after' is the pack that must go through then."""
    d = here + "/d"
    def reset():
        shutil.rmtree(d, ignore_errors=True)
        if base:
            shutil.copytree(base, d)
    args = [d if a == "DIR" else a for a in args]
    sealed = run("cat", base).stdout if base else b""
    old = state(base) if base else None
    reset()
    totals = here + "/totals"
    if os.path.exists(totals):
        os.unlink(totals)
    p = run(*args, data=data, count=totals)
    new, shards = state(d), len(os.listdir(d + "/shards"))
    if p.returncode:
        return ok(False, name, p.stderr.decode())
    counts = {k: int(v) for k, v in (line.split() for line in open(totals))}
    reset()
    q = run("pack", d, data=after)
    final = state(d)
    for call, whats in (("write", ("KILL", "KILLED", "ENOSPC", "EIO", "SHORT")),
                        ("fsync", ("KILL", "KILLED", "EIO", "ENOSPC")),
                        ("rename", ("KILL", "KILLED", "EIO")),
                        ("ftruncate", ("KILL", "KILLED", "EIO")), ("open", ("EIO",))):
        for what in whats:
            bad, failed = "", 0
            for n in range(1, counts[call] + 1):
                reset()
                p = run(*args, data=data, spec=f"{call}:{n}:{what}")
                where = f"{call}:{n}:{what}: "
                killed = p.returncode == -9
                if what.startswith("KILL") and not killed:
                    bad = where + "not killed"
                elif what == "SHORT" and p.returncode:
                    bad = where + f"{p.returncode} {p.stderr.decode()}"
                elif not killed and p.returncode not in (0, 111):
                    bad = where + f"status {p.returncode} {p.stderr.decode()}"
                elif not killed and p.returncode == 111 and (p.stdout or p.stderr.count(b"\n") != 1):
                    bad = where + "not one line: " + p.stderr.decode()
                elif p.returncode == 0 and state(d) != new:
                    bad = where + "acknowledged, and not there"
                failed += p.returncode != 0
                there = os.path.exists(d + "/HEAD")
                if not bad and there:
                    why = good(d)
                    if why:
                        bad = where + why
                    elif state(d) not in (old, new):
                        bad = where + "a state that nobody sealed"
                    elif not run("cat", d).stdout.startswith(sealed):
                        bad = where + "sealed records are gone"
                elif not bad and base:
                    bad = where + "HEAD is gone"
                if not bad:
                    p = run("pack", d, data=after)
                    if p.returncode or not json.loads(p.stdout)["snapshot"]:
                        bad = where + "the next pack: " + p.stderr.decode()
                    elif good(d):
                        bad = where + "after the next pack: " + good(d)
                    elif leftovers(d):
                        bad = where + "something is left over: " + str(os.listdir(d + "/shards"))
                    elif after == data and state(d) != new:
                        bad = where + "the next pack made something else"
                if bad:
                    break
            ok(not bad, f"{name}: {what} at each of {counts[call]} {call}s ({failed} felt it)", bad)

first = b"".join(rec(i) for i in range(40))
second = b"".join(rec(i) for i in range(20, 60))
scenario("the first pack", None, ["pack", "DIR"], first, first)
base = here + "/base"
run("pack", base, data=first)
scenario("a second pack", base, ["pack", "DIR"], second, second)
scenario("a pack of several shards", base, ["pack", "--shard-size", "4096", "DIR"], second, second)
scenario("a pack that adds nothing", base, ["pack", "DIR"], first, first)
many = here + "/many"
for i in range(15):
    run("pack", many, data=rec(i))
scenario("a pack that merges", many, ["pack", "DIR"], rec(15), rec(15))
run("pack", many, data=second)
scenario("a repack", many, ["repack", "DIR", "--shard-size", "4096"], b"", rec(99))
shutil.copytree(many, here + "/cut")
run("repack", here + "/cut", "--shard-size", "6000")
run("pack", here + "/cut", data=rec(70))
scenario("a repack that comes to shards that are there", here + "/cut",
    ["repack", "DIR", "--shard-size", "6100"], b"", rec(99))
print(f"1..{tests}")
E2
here=$PWD
if [ -w /dev/shm ]; then        # thousands of syncs
	here=$(mktemp -d /dev/shm/sn-kill.XXXXXX) || exit 111
	trap 'rm -rf "$here"; cleanup' EXIT
fi
python3 drive.py "$here" >tap || echo "not ok 0 - the driver"
cat tap
