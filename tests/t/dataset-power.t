#!/bin/sh
# Power failures: from the trace of what pack, merge and repack do, every state that a disk
# may be left in is built (what was not synced is lost, whole or in part, and directories
# keep their changes or lose them, each for itself), and each has to be a dataset that has
# all that was acknowledged.
. "$(dirname "$0")/lib.sh"

cat >drive.py <<'E2'
import hashlib, itertools, json, os, shutil, subprocess, sys
trace = os.environ["SN_BIN"][:-len("bin")] + "tests/trace.so"
here = sys.argv[1]
d = here + "/d"
tests = 0

def ok(good, name, why=""):
    global tests
    tests += 1
    print(f"{'' if good else 'not '}ok {tests} - {name}")
    if not good:
        print("# " + why.replace("\n", "\n# "))

def run(*args, data=b"", log=None):
    env = dict(os.environ)
    if log:
        env.update(LD_PRELOAD=trace, SN_TRACE=log, ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
    return subprocess.run(["sn-dataset", "-q", *args], input=data, capture_output=True, env=env)

def rec(i):
    text = "".join(chr(97 + (i * 7919 + k * k * 31 + k) % 26) for k in range(300))
    return b'{"created_at":%d,"system_prompt":"%s","messages":[]}\n' % (i * 1000, text.encode())

class Inode:
    def __init__(self, data=b""):
        self.now, self.disk = bytearray(data), bytes(data)

class Disk:
    """Files of the dataset as programs see them, and as the disk has them for certain."""
    def __init__(self):
        self.names, self.kept = {}, {}          # path -> inode, seen and durable
        self.fds = {}
        if os.path.isdir(d):
            for at, _, files in os.walk(d):
                for f in files:
                    p = at + "/" + f
                    self.names[p] = self.kept[p] = Inode(open(p, "rb").read())

    def step(self, line):
        op, *a = line.split(" ")
        if op == "open":
            fd, path, how = int(a[0]), os.path.normpath(a[1]), a[2]
            if how == "new":
                self.names[path] = Inode()
            if path in self.names and how == "trunc":
                self.names[path].now = bytearray()
            self.fds[fd] = [self.names.get(path, path), 0]
        elif op in ("write", "seek", "trunc", "sync"):
            inode, at = self.fds[int(a[0])]
            if op == "sync" and isinstance(inode, str):
                for names in (self.names, self.kept):
                    for p in [p for p in names if os.path.dirname(p) == inode]:
                        if p in self.names:
                            self.kept[p] = self.names[p]
                        else:
                            del self.kept[p]
            elif isinstance(inode, str):
                pass
            elif op == "sync":
                inode.disk = bytes(inode.now)
            elif op == "trunc":
                del inode.now[int(a[1]):]
            elif op == "seek":
                self.fds[int(a[0])][1] = int(a[1])
            else:
                data = bytes.fromhex(a[1])
                inode.now[at:at + len(data)] = data
                self.fds[int(a[0])][1] += len(data)
        elif op == "rename":
            self.names[os.path.normpath(a[1])] = self.names.pop(os.path.normpath(a[0]))
        elif op == "unlink":
            self.names.pop(os.path.normpath(a[0]), None)

    def states(self):
        """What may be found after the power comes back: {path: bytes}."""
        dirs = sorted({os.path.dirname(p) for p in [*self.names, *self.kept]})
        for eager in itertools.chain.from_iterable(itertools.combinations(dirs, k) for k in range(len(dirs) + 1)):
            files = {}
            for dir in dirs:
                names = self.names if dir in eager else self.kept
                files.update({p: i for p, i in names.items() if os.path.dirname(p) == dir})
            for content in ("disk", "now", "part"):
                yield {p: self.content(i, content) for p, i in files.items()}

    @staticmethod
    def content(i, how):
        if how == "disk" or bytes(i.now) == i.disk:
            return i.disk
        if how == "now":
            return bytes(i.now)
        same = len(os.path.commonprefix([bytes(i.now), i.disk]))    # half of what is new, then zeros
        half = (len(i.now) - same) // 2
        return bytes(i.now[:same + half]) + bytes(len(i.now) - same - half)

def build(files):
    shutil.rmtree(d, ignore_errors=True)
    for p in ("", "/log", "/shards"):
        os.makedirs(d + p)
    for p, data in files.items():
        open(p, "wb").write(data)

def scenario(name, base, args, data, want=None):
    shutil.rmtree(d, ignore_errors=True)
    if base:
        shutil.copytree(base, d)
    args = [d if a == "DIR" else a for a in args]
    old = json.loads(run("stat", d).stdout)["snapshot"] if base else None
    disk = Disk()
    log = here + "/trace"
    if os.path.exists(log):
        os.unlink(log)
    p = run(*args, data=data, log=log)
    if p.returncode:
        return ok(False, name, p.stderr.decode())
    new = json.loads(run("stat", d).stdout)["snapshot"]
    all = run("cat", d).stdout
    sealed = run("cat", base).stdout if base else b""
    seen, acked, bad, points = set(), False, "", 0
    for line in open(log).read().splitlines():
        acked |= line == "flush"
        disk.step(line)
        points += 1
        for files in disk.states():
            key = hashlib.sha256(repr((acked, sorted(files.items()))).encode()).digest()
            if key in seen:
                continue
            seen.add(key)
            build(files)
            if d + "/HEAD" not in files:
                bad = bad or ("HEAD is lost" if base or acked else "")
            else:
                p = run("verify", d)
                got = json.loads(p.stdout)["snapshot"] if p.stdout else None
                if p.returncode:
                    bad = p.stderr.decode() or str(p.returncode)
                elif got not in (old, new) or (acked and got != new):
                    bad = f"snapshot {got} after {'the answer' if acked else 'nothing yet'}"
                elif run("cat", d).stdout not in ((all,) if got == new else (all, sealed)):
                    bad = "other records"
            p = run("pack", d, data=rec(999))
            if p.returncode or run("verify", d).returncode:
                bad = bad or "the next pack: " + p.stderr.decode()
            if bad:
                return ok(False, name, f"after {line[:60]}: {bad}")
    ok(acked, f"{name}: {len(seen)} states at {points} points")

first, second = b"".join(rec(i) for i in range(20)), b"".join(rec(i) for i in range(10, 30))
base, many = here + "/base", here + "/many"
scenario("the first pack", None, ["pack", "DIR"], first)
run("pack", base, data=first)
scenario("a second pack", base, ["pack", "DIR"], second)
scenario("a pack of two shards", base, ["pack", "--shard-size", "4096", "DIR"], second)
for i in range(15):
    run("pack", many, data=rec(i))
scenario("a pack that merges", many, ["pack", "DIR"], rec(15))
scenario("a repack", many, ["repack", "DIR"], b"")
# over what a killed writer left
stale = here + "/stale"
shutil.copytree(base, stale)
open(stale + "/log/0000000001", "ab").write(b"left over" * 30)
open(stale + "/shards/tmp-AbCdEf", "wb").write(b"x")
scenario("a pack over leftovers", stale, ["pack", "DIR"], second)
print(f"1..{tests}")
E2
here=$PWD
if [ -w /dev/shm ]; then
	here=$(mktemp -d /dev/shm/sn-power.XXXXXX) || exit 111
	trap 'rm -rf "$here"; cleanup' EXIT
fi
python3 drive.py "$here" >tap || echo "not ok 0 - the driver"
cat tap
