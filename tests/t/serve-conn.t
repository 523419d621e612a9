#!/bin/sh
# Connections of sn-dataset-serve: keep-alive, pipelining, clients that are slow or send
# nothing (the others are served meanwhile), SIGHUP, SIGTERM during a download, and one build
# for all who ask at once.
. "$(dirname "$0")/lib.sh"

sn-dataset pack demo <"$data/demo.jsonl" >/dev/null || exit 111
python3 - >big.jsonl <<'P'
import json
for i in range(4000):
    print(json.dumps({"id": str(i), "created_at": 1735700000 + i, "system_prompt": "s" * 3000,
        "messages": [{"role": "user", "content": str(i) * 100}]}))
P
sn-dataset pack big <big.jsonl >/dev/null || exit 111
sn-dataset sample big --start 20250101 --end 20250131 >want.big
port=$(free_port)
sn-dataset-serve -q --header-timeout 2s --idle-timeout 3s -l unix:sock -l "127.0.0.1:$port" demo big 2>log &
pid=$!
pids="$pids $pid"
ask() { curl -s --max-time 20 --unix-socket sock "http://x/$1"; }
wait_for 10 ask hc >/dev/null
metric() { ask metrics | sed -n "s/^$1 //p"; }

is "keep-alive: one connection for three requests" \
	"$(curl -s -o /dev/null -o /dev/null -o /dev/null --max-time 20 -w '%{num_connects}' --unix-socket sock http://x/hc "http://x/v1/datasets" "http://x/none")" 100

cat >conn.py <<'P'
import hashlib, json, os, signal, socket, subprocess, sys, threading, time
port, pid, n = (int(x) for x in sys.argv[1:])
def show(name, got, want=True):
    global n
    n += 1
    print(f"{'ok' if got == want else 'not ok'} {n} - {name}" + ("" if got == want else f"\n# got:  {got}\n# want: {want}"), flush=True)
def connect(timeout=20):
    s = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    return s
def answers(s, count):
    """count answers off one connection, in order"""
    f, out = s.makefile("rb"), []
    for _ in range(count):
        status, length = int(f.readline().split()[1]), 0
        while (line := f.readline().strip()):
            k, _, v = line.partition(b": ")
            if k.lower() == b"content-length": length = int(v)
        out.append((status, f.read(length)))
    return out
def get(path, *fields, timeout=20):
    s = connect(timeout)
    s.sendall(("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + "".join(f + "\r\n" for f in fields) + "\r\n").encode())
    r = answers(s, 1)[0]
    s.close()
    return r
def metric(name):
    for line in get("/metrics")[1].decode().splitlines():
        if line.startswith(name + " "): return float(line.split()[1])

S = "/v1/datasets/demo/sample?start=20241201&end=20250131"
want = {k: get(S + f"&n={k}")[1] for k in (1, 5, 20)}
s = connect()
s.sendall(b"".join(f"GET {S}&n={k} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for k in (1, 5, 20, 1, 20)))
show("pipelining: five answers in order", answers(s, 5) == [(200, want[k]) for k in (1, 5, 20, 1, 20)])
s.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
show("an error leaves the connection open", [a[0] for a in answers(s, 2)], [404, 200])
s.sendall(f"HEAD {S} HTTP/1.1\r\nHost: x\r\n\r\nGET /hc HTTP/1.1\r\nHost: x\r\n\r\n".encode())
head = s.makefile("rb")
while (line := head.readline().strip()): pass
show("HEAD sends no body", head.readline().split()[1], b"200")
s.close()
s = connect()
for byte in f"GET {S}&n=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode():
    s.send(bytes([byte]))
show("a request byte by byte", answers(s, 1)[0] == (200, want[1]))
s.close()

# 300 connections that send nothing, or a byte now and then
slow0 = metric("sn_slow_closed_total")
idle = [connect() for _ in range(300)]
for i, s in enumerate(idle):
    if i % 2: s.sendall(b"GET /hc HTTP/1.1\r\nX: ")
t, worst = time.monotonic(), 0
for k in range(40):
    t0 = time.monotonic()
    if get(S + "&n=5") != (200, want[5]): break
    worst = max(worst, time.monotonic() - t0)
    for s in idle[1::60]:
        try: s.send(b"a")
        except OSError: pass
show("with 300 idle connections others are served", k == 39 and worst < 5)
t, closed = time.monotonic(), 0
for s in idle:
    s.settimeout(max(0.01, 15 - (time.monotonic() - t)))
    try:
        while s.recv(1000): pass
        closed += 1
    except ConnectionResetError: closed += 1
    except TimeoutError: pass
    s.close()
show("the idle ones are closed in the end", closed, 300)
show("and counted", metric("sn_slow_closed_total") - slow0 >= 300)
s = connect(15)
s.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
answers(s, 1)
t = time.monotonic()
show("a connection that rests after a request is closed", s.recv(10), b"")
show("after --idle-timeout", 2.5 < time.monotonic() - t < 10)
s = connect(15)
t, sent = time.monotonic(), 0
try:
    s.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\nX: ")
    while time.monotonic() - t < 12:
        s.send(b"a")
        sent += 1
        time.sleep(0.2)
except OSError: pass
show("a header that comes a byte at a time does not hold its connection", time.monotonic() - t < 8)
# a client that stops reading is let go, and nobody else is held
B = "/v1/datasets/big/sample?start=20250101&end=20250131"
stuck = connect()
stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
stuck.sendall(f"GET {B} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
show("a client that does not read holds nobody", get(S + "&n=5") == (200, want[5]))

# one build for all who ask at once
got, big = [], hashlib.sha256(open("want.big", "rb").read()).hexdigest()
def one():
    r = get(B + "&seed=big/20250131&n=4096&window=48h", "Accept-Encoding: gzip;q=0")
    got.append((r[0], hashlib.sha256(r[1]).hexdigest()))
def others():
    r = get(B + "&seed=other", "Accept-Encoding: zstd")
    got.append((r[0], hashlib.sha256(r[1]).hexdigest()))
one()
show("a large answer is right", got.pop(), (200, big))
built = metric("sn_cache_builds_total")
joined = metric("sn_cache_joined_total") + metric("sn_cache_hits_total")
ts = [threading.Thread(target=others) for _ in range(20)]
for t in ts: t.start()
for t in ts: t.join()
show("20 at once: all the same answer", len(got) == 20 and len(set(got)) == 1 and got[0][0] == 200)
show("and one build", metric("sn_cache_builds_total") - built, 1.0)
show("joined or found", metric("sn_cache_joined_total") + metric("sn_cache_hits_total") - joined, 19.0)

# many clients at once, each with its own connection, all kinds
bad = []
def mixed(i):
    s = connect()
    for k in range(20):
        j = (1, 5, 20)[(i + k) % 3]
        s.sendall(f"GET {S}&n={j} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if answers(s, 1)[0] != (200, want[j]): bad.append((i, k))
    s.close()
ts = [threading.Thread(target=mixed, args=(i,)) for i in range(32)]
for t in ts: t.start()
for t in ts: t.join()
show("32 clients, 640 requests: each gets its own answer", bad, [])

# SIGHUP drops nobody
s = connect()
s.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
answers(s, 1)
os.kill(pid, signal.SIGHUP)
time.sleep(0.2)
s.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
show("SIGHUP leaves connections alone", answers(s, 1)[0][0], 200)
s.close()
for _ in range(20): os.kill(pid, signal.SIGHUP)
show("and many of them too", get("/hc")[0], 200)

# clients that go away in the middle
for _ in range(50):
    s = connect()
    s.sendall(f"GET {B} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    s.recv(1000)
    s.close()
for i in range(30):  # before their answer is there
    s = connect()
    s.sendall(f"GET {B}&seed=gone{i % 3} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    s.close()
show("clients that go away are no harm", get(S + "&n=5") == (200, want[5]))
stuck.close()

# SIGTERM: a slow download is finished, no new connection is taken
s = connect()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
s.sendall(f"GET {B} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
first = s.recv(1000)
os.kill(pid, signal.SIGTERM)
time.sleep(0.5)
try:
    connect(2).close()
    refused = False
except OSError: refused = True
body = first
while (more := s.recv(65536)):
    body += more
    time.sleep(0.002)
head, _, body = body.partition(b"\r\n\r\n")
show("SIGTERM: the download is whole", hashlib.sha256(body).hexdigest(), big)
open("n", "w").write(str(n))
P
python3 conn.py "$port" "$pid" "$n" || exit 1
n=$(($(cat n) + 0))
i=0
while kill -0 "$pid" 2>/dev/null && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
wait "$pid"
is "SIGTERM: ends with status 0" $? 0
ok "the socket is gone" [ ! -e sock ]
is "nothing was said" "$(cat log)" ""
# a download that takes longer than --drain is cut
sn-dataset-serve -q --drain 200ms -l unix:sock big &
pid=$!
pids="$pids $pid"
wait_for 10 ask hc >/dev/null
python3 - "$pid" <<'P'
import os, signal, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect("sock")
s.sendall(b"GET /v1/datasets/big/sample?start=20250101&end=20250131 HTTP/1.1\r\nHost: x\r\n\r\n")
s.recv(1000)
os.kill(int(sys.argv[1]), signal.SIGTERM)
time.sleep(3)
P
is "SIGTERM: no longer than --drain" "$(kill -0 "$pid" 2>/dev/null && echo alive)" ""
done_testing
