#!/bin/sh
# The files are what sn-dataset(5) says: read here by a program written from the page.
. "$(dirname "$0")/lib.sh"

c=$shared/data/conversations.jsonl
[ -r "$c" ] || c=$data/demo.jsonl
split -n l/3 "$c" part.
for p in part.*; do sn-dataset pack d "$p" >/dev/null; done
sn-dataset repack d >/dev/null
printf '{"system_prompt":"last","messages":[],"created_at":7}\n' >last
sn-dataset pack d last >/dev/null
cat "$c" last >all

cat >read.py <<'E2'
import hashlib, importlib.util, os, shutil, struct, subprocess, sys
top = sys.argv[1]
spec = importlib.util.spec_from_file_location("oracle", top + "/tests/oracle/sample.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
records = oracle.read(["all"], None)
tests = 0

def ok(good, name):
    global tests
    tests += 1
    print(f"{'' if good else 'not '}ok {tests} - {name}")

def sip(k0, k1, data):
    return oracle.siphash24(struct.pack("<QQ", k0, k1), data)

head = open("d/HEAD", "rb").read()
magic, segment, length, last, generation, number, count = struct.unpack("<8s6Q", head[:56])
ok(len(head) == 96 and magic == b"SNHEAD\0\1", "HEAD")
ok(struct.unpack("<Q", head[88:])[0] == sip(0, 0, head[:88]), "its sum")
ok((segment, generation, number, count) == (1, 6, 4, len(records)), "its numbers")

log = open("d/log/%010d" % segment, "rb").read()
ok(len(log) == length, "the log's length")
ok(log[:16] == b"SNLOG\0\0\1" + struct.pack("<Q", segment), "its header")
at, s, kinds, shards, batches = 16, sip(0, 0, log[:16]), [], [], []
good = True
def parts(b):
    return [struct.unpack("<32s4Q2q", b[i:i + 80]) for i in range(0, len(b), 80)]
while at < length:
    kind, n = struct.unpack("<II", log[at:at + 8])
    body = log[at + 8:at + 8 + n]
    s = sip(s, segment, log[at:at + 8 + n])
    good &= struct.unpack("<Q", log[at + 8 + n:at + 16 + n])[0] == s
    kinds.append(kind)
    if kind == 1:
        shards = parts(body[136:])
    elif kind == 2:
        batches.append(struct.unpack("<32s32s4Q3q", body[:120]))
        shards += parts(body[120:])
    elif kind == 3:
        i, gone = struct.unpack("<QQ", body[:16])
        shards[i:i + gone] = parts(body[16:])
    at += n + 16
ok(good and s == last, "the sums are a chain that ends in HEAD")
ok(kinds == [1, 2, 2, 2, 3, 2], "checkpoint, three seals, a repack, a seal")
prev, row = bytes(32), 0
for b in batches:
    mine = records[row:b[3]]
    good &= b[1] == prev and oracle.snapshot_id(prev, mine) == b[0].hex()
    good &= b[4] == len(mine) and (b[7], b[8]) == (min(t for _, t, _ in records[:b[3]]),
        max(t for _, t, _ in records[:b[3]]))
    good &= b[5] == sum(len(r) for _, _, r in records[:b[3]])
    prev, row = b[0], b[3]
ok(good and prev == head[56:88] and row == len(records), "the snapshots")

row, dictionaries = 0, 0
for digest, first, n, size, raw, lo, hi in shards:
    f = open(f"d/shards/{digest.hex()}.zst", "rb").read()
    ok(hashlib.sha256(f).digest() == digest and len(f) == size and first == row, "a shard's name, size and row")
    fn, ff, fs, index, dic, fraw, flo, fhi, fsum, magic = struct.unpack("<6Q2qQ8s", f[-80:])
    ok((fn, fraw, flo, fhi, magic) == (n, raw, lo, hi, b"SNSHARD\1"), "its footer")
    ok(sip(0, 0, f[index:-16]) == fsum, "its sum")
    p = index
    heads = [f[p + 8 * i:p + 8 * i + 8] for i in range(n)]; p += 8 * n
    times = struct.unpack(f"<{n}q", f[p:p + 8 * n]); p += 8 * n
    tails = [f[p + 24 * i:p + 24 * i + 24] for i in range(n)]; p += 24 * n
    at = struct.unpack(f"<{n + 1}I", f[p:p + 4 * n + 4]); p += 4 * n + 4
    frame = struct.unpack(f"<{2 * ff + 2}I", f[p:p + 8 * ff + 8]); p += 8 * ff + 8
    slot = struct.unpack(f"<{fs}I", f[p:p + 4 * fs]); p += 4 * fs
    p += -p % 8
    ok(p == size - 80 and index % 8 == 0, "its columns fill the index")
    mine = records[row:row + n]
    ok([(h + t, x) for h, t, x in zip(heads, tails, times)] == [(d, t) for d, t, _ in mine], "digests and times")
    ok(all(at[i + 1] - at[i] == len(mine[i][2]) + 1 for i in range(n)) and at[n] == raw, "positions")
    def find(d):
        k = struct.unpack("<I", d[-4:])[0] % fs
        while slot[k]:
            if heads[slot[k] - 1] + tails[slot[k] - 1] == d:
                return slot[k] - 1
            k = (k + 1) % fs
    ok(all(find(mine[i][0]) == i for i in range(n)), "the hash table")
    ok(all(f[o:o + 4] == b"\x28\xb5\x2f\xfd" for o in frame[:-2:2]) and
        f[frame[-2]:frame[-2] + 4] == b"\x5e\x2a\x4d\x18", "frames begin where it says")
    args = ["zstd", "-qdc"]
    if dic:
        ok(f[:8] == struct.pack("<II", 0x184d2a50, dic) and ff == n, "a dictionary, and a frame a record")
        open("dict", "wb").write(f[8:8 + dic])
        args += ["-D", "dict"]
        dictionaries += 1
    if shutil.which("zstd"):
        out = subprocess.run(args, input=f, capture_output=True).stdout
        ok(out == b"".join(r + b"\n" for _, _, r in mine), "zstd unpacks it")
    row += n
ok(row == len(records), "all rows")
ok(dictionaries == (1 if len(records) > 900 else 0), "a large shard has a dictionary")
print(f"1..{tests}")
E2
python3 read.py "$top" || echo "not ok 0 - the reader"
