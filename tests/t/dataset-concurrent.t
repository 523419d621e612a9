#!/bin/sh
# Packers at the same time take turns, and readers beside them and a repacker never wait
# and never see anything but a sealed snapshot.
. "$(dirname "$0")/lib.sh"

cat >drive.py <<'E2'
import hashlib, json, os, subprocess, sys, threading
d = "d"
tests = 0

def ok(good, name, why=""):
    global tests
    tests += 1
    print(f"{'' if good else 'not '}ok {tests} - {name}")
    if not good:
        print("# " + str(why))

def rec(w, i):
    return b'{"created_at":%d,"system_prompt":"packer %d, record %d","messages":[]}\n' % (i, w, i)

def packer(w, out):
    for i in range(0, 40, 4):
        p = subprocess.run(["sn-dataset", "-q", "pack", d], capture_output=True,
            input=b"".join(rec(w, k) for k in range(i, i + 4)))
        out.append((p.returncode, p.stdout, p.stderr))

done = False
def reader(out):
    while not done:
        p = subprocess.run(["sn-dataset", "cat", d], capture_output=True)
        out.append((p.returncode, len(p.stdout.splitlines()), p.stderr))

def repacker(out):
    while not done:
        p = subprocess.run(["sn-dataset", "-q", "repack", d], capture_output=True)
        out.append((p.returncode, p.stdout, p.stderr))

subprocess.run(["sn-dataset", "pack", d, "/dev/null"], check=True, stdout=subprocess.DEVNULL)
packed, read, repacked = [], [], []
packers = [threading.Thread(target=packer, args=(w, packed)) for w in range(4)]
others = [threading.Thread(target=reader, args=(read,)), threading.Thread(target=repacker, args=(repacked,))]
for t in packers + others: t.start()
for t in packers: t.join()
done = True
for t in others: t.join()
bad = [p for p in packed if p[0] or p[2]]
ok(len(packed) == 40 and not bad, "four packers, ten batches each", bad)
acks = [json.loads(p[1])["snapshot"] for p in packed]
ok(len(set(acks)) == 40, "each made a snapshot of its own")
ls = [json.loads(l)["snapshot"] for l in subprocess.run(["sn-dataset", "ls", d], capture_output=True).stdout.splitlines()]
ok(sorted(ls) == sorted(acks), "the history is what they were told")
bad = [r for r in read if r[0] or r[1] % 4]
ok(read and not bad, f"{len(read)} readers saw whole batches only", bad)
bad = [r for r in repacked if r[0]]
ok(repacked and not bad, f"{len(repacked)} repacks went through", bad)
got = subprocess.run(["sn-dataset", "cat", d], capture_output=True).stdout
want = sorted(rec(w, i) for w in range(4) for i in range(40))
ok(sorted(got.splitlines(keepends=True)) == want, "every record once")
ok(subprocess.run(["sn-dataset", "verify", d], stdout=subprocess.DEVNULL).returncode == 0, "verify")
print(f"1..{tests}")
E2
python3 drive.py >tap || echo "not ok 0 - the driver"
grep -v '^1\.\.' tap
n=$(grep -c '^\(not \)*ok' tap)

# a packer whose input does not end holds the lock; another says that it waits
mkfifo pipe
bg sn-dataset pack held pipe >first
exec 3>pipe
wait_for 5 [ -e held/HEAD ]
echo '{"system_prompt":"x","messages":[]}' >x
bg sn-dataset pack held x >second 2>err 3>&-     # else it would keep the pipe open
# shellcheck disable=SC2016
wait_for 5 grep -q waiting err
is "a second packer says what it waits for" "$(cat err)" "sn-dataset: held: waiting for another writer to end"
status "a reader does not wait" 0 timeout 5 sn-dataset stat held
echo '{"system_prompt":"y","messages":[]}' >&3
exec 3>&-
wait_for 5 [ -s second ]
is "the first is sealed first" "$(json first 'd["records"]')" 1
is "then the second" "$(json second 'd["records"]')" 2
done_testing
