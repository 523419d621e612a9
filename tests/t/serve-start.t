#!/bin/sh
# sn-dataset-serve's ways in and out: LISTEN_FDS, --inetd, --listen; what is refused at the
# start; READY and STOPPING; sockets that are replaced, left alone and removed.
# shellcheck disable=SC2086 # $serve is a command and its option
. "$(dirname "$0")/lib.sh"

sn-dataset pack demo <"$data/demo.jsonl" >/dev/null || exit 111
serve="sn-dataset-serve -q"
sample='v1/datasets/demo/sample?start=20241201&end=20250131&n=20'
sn-dataset sample demo --start 20241201 --end 20250131 -n 20 >want
get() { curl -s --max-time 20 --unix-socket "$1" "http://x/$2"; }
up() { curl -s -o /dev/null --max-time 5 --unix-socket "$1" http://x/hc; }
# ends PID: it ends with status 0 within 10 s
ends() {
	i=0
	while kill -0 "$1" 2>/dev/null && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
	wait "$1"
}

# --listen on a UNIX socket and on TCP, one process
port=$(free_port)
bg $serve --listen unix:sock -l "127.0.0.1:$port" demo
pid=$!
wait_for 10 up sock
is "--listen unix:" "$(get sock hc)" '{"g": true}'
is "--listen ADDR:PORT" "$(curl -s "http://127.0.0.1:$port/hc")" '{"g": true}'
get sock "$sample" >got
same "the sample is that of sn-dataset sample" got want
refuses "a port in use" 111 "sn-dataset-serve: 127.0.0.1:$port: Address already in use" \
	$serve --listen "127.0.0.1:$port" demo
refuses "a UNIX socket in use" 111 "sn-dataset-serve: unix:sock: address in use" \
	$serve --listen unix:sock demo
is "and it still answers" "$(get sock hc)" '{"g": true}'
kill "$pid"
ok "SIGTERM ends it with status 0" ends "$pid"
ok "its socket is gone" [ ! -e sock ]

# every address, IPv6
bg $serve --open -l ":$port" demo
pid=$!
wait_for 10 curl -s -o /dev/null "http://127.0.0.1:$port/hc"
is ":PORT takes IPv4" "$(curl -s "http://127.0.0.1:$port/hc")" '{"g": true}'
kill -INT "$pid"
ok "SIGINT ends it with status 0" ends "$pid"
if [ -e /proc/net/if_inet6 ] && grep -q '00000000000000000000000000000001' /proc/net/if_inet6; then
	bg $serve -l "[::1]:$port" demo
	pid=$!
	wait_for 10 curl -s -o /dev/null "http://[::1]:$port/hc"
	is "[V6]:PORT" "$(curl -s "http://[::1]:$port/hc")" '{"g": true}'
	kill "$pid"
	ends "$pid"
else
	skip "[V6]:PORT" "no IPv6 here"
fi

# a stale socket, and what is not a socket
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "stale", Listen => 1); exit'
bg $serve -l unix:stale demo
pid=$!
wait_for 10 up stale
is "a stale UNIX socket is replaced" "$(get stale hc)" '{"g": true}'
rm stale
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "stale", Listen => 1); exit'
kill "$pid"
ends "$pid"
ok "a successor's socket is left alone" [ -S stale ]
echo keep >file
refuses "a path that is no socket" 100 "sn-dataset-serve: file: exists and is not a socket" \
	$serve -l unix:file demo
is "and the file is left alone" "$(cat file)" keep

# LISTEN_FDS: several sockets, their names
"$top/scripts/activate" -n first -l unix:a -n second unix:b sn-dataset-serve -v demo 2>log &
pid=$!
pids="$pids $pid"
wait_for 10 up a
is "LISTEN_FDS: the first socket" "$(get a hc)" '{"g": true}'
get b "$sample" >got
same "LISTEN_FDS: the second" got want
like "LISTEN_FDNAMES" "$(grep second log)" '*unix:b, named second'
kill "$pid"
ok "LISTEN_FDS: ends with status 0" ends "$pid"
ok "LISTEN_FDS: the sockets are not ours to remove" [ -S a ]

# a connection that waited in the queue of the socket is served by what is started then
"$top/scripts/activate" -w unix:c sn-dataset-serve -q demo &
pid=$!
pids="$pids $pid"
wait_for 10 [ -S c ]
is "activate -w: started by the first connection" "$(get c hc)" '{"g": true}'
kill "$pid"
ends "$pid"

# sockets meant for another process are not taken
LISTEN_FDS=1 LISTEN_PID=1 refuses "LISTEN_PID of another process" 100 \
	"sn-dataset-serve: no socket: *" $serve demo
# shellcheck disable=SC2016
refuses "LISTEN_FDS without such a descriptor" 100 \
	"sn-dataset-serve: LISTEN_FDS: descriptor 3 is not a socket" \
	sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec sn-dataset-serve -q demo 3<&-'
# shellcheck disable=SC2016
refuses "LISTEN_FDS that is no number" 100 "sn-dataset-serve: LISTEN_FDS: *" \
	sh -c 'LISTEN_FDS=x LISTEN_PID=$$ exec sn-dataset-serve -q demo'

# --inetd: one connection with several requests, then the end
"$top/scripts/activate" -i unix:d sn-dataset-serve --inetd demo &
pids="$pids $!"
wait_for 10 [ -S d ]
get d "$sample" >got
same "--inetd" got want
is "--inetd: keep-alive" "$(curl -s -w '%{num_connects} ' --unix-socket d http://x/hc http://x/hc | tr -d '\n')" \
	'{"g": true}1 {"g": true}0 '
python3 - "$TMP" <<'P' >out
import socket, subprocess, sys, threading
a, b = socket.socketpair()
p = subprocess.Popen(["sn-dataset-serve", "-i", "demo"], stdin=b, stdout=b, stderr=b)
b.close()
a.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
got = a.recv(65536)
a.shutdown(socket.SHUT_WR)
while True:
    more = a.recv(65536)
    if not more: break
    got += more
print(got.startswith(b"HTTP/1.1 200"), got.count(b"HTTP/1.1"), got.endswith(b'{"g": true}\n'), p.wait(10))
P
is "--inetd: nothing but the answer on the socket, even where it is stderr; ends with 0" \
	"$(cat out)" "True 1 True 0"
refuses "--inetd without a socket" 100 "sn-dataset-serve: --inetd: standard input is not a socket" \
	sn-dataset-serve --inetd demo
# an activated descriptor that is a connection
python3 - <<'P' >out
import os, socket, subprocess
a, b = socket.socketpair()
pid = os.fork()
if pid == 0:
    os.dup2(b.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execvp("sn-dataset-serve", ["sn-dataset-serve", "-q", "demo"])
b.close()
a.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
got = b""
while True:
    more = a.recv(65536)
    if not more: break
    got += more
print(got.endswith(b'{"g": true}\n'), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
is "LISTEN_FDS with a connection" "$(cat out)" "True 0"

# what is refused before there is a server
refuses "no socket" 100 "sn-dataset-serve: no socket: give --listen or --inetd*" $serve demo
refuses "no dataset" 100 "sn-dataset-serve: DIR...: too few operands*" $serve -l unix:x
refuses "an absent directory" 100 "sn-dataset-serve: *nowhere*" $serve -l unix:x nowhere
mkdir empty
refuses "a directory that is no dataset" 100 "sn-dataset-serve: empty: not a dataset*" \
	$serve -l unix:x empty
refuses "two datasets of one name" 100 "sn-dataset-serve: *demo: another dataset is served as \"demo\" already" \
	$serve -l unix:x demo ./demo
for a in nonsense 127.0.0.1 127.0.0.1:x 127.0.0.1:70000 ::1:80 '[::1]' 'unix:' '[]:80'; do
	refuses "--listen $a" 100 "sn-dataset-serve: *expected *" $serve -l "$a" demo
done
refuses "a port that may not be had" 111 "sn-dataset-serve: 192.0.2.1:80: *" $serve --open -l 192.0.2.1:80 demo
ok "nothing was left behind" [ ! -e x ]

# open, or not
refuses "not local, without groups" 100 "sn-dataset-serve: no group has been set up and not all*" \
	sn-dataset-serve -l "0.0.0.0:$port" demo
bg sn-dataset-serve -l unix:sock demo 2>log
pid=$!
wait_for 10 up sock
is "open on a UNIX socket, and says so once" "$(cat log)" \
	"sn-dataset-serve: open: no group has been set up, so anyone who can connect may ask"
kill "$pid"
ends "$pid"
bg sn-dataset-serve -q -l unix:sock demo >&- 2>log
pid=$!
wait_for 10 up sock
is "a closed stdout" "$(get sock hc)" '{"g": true}'
kill "$pid"
ends "$pid"
is "a closed stdout: nothing said" "$(cat log)" ""

# the service manager's protocol
python3 - <<'P' >out
import os, signal, socket, subprocess, time
n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
n.bind("notify")
n.settimeout(10)
env = dict(os.environ, NOTIFY_SOCKET=os.path.abspath("notify"), WATCHDOG_USEC="300000")
p = subprocess.Popen(["sn-dataset-serve", "-q", "-l", "unix:sock", "demo"], env=env)
def until(word):
    while True:
        m = n.recv(4096).decode()
        if m.startswith(word): return m
until("READY=1"); ready = os.path.exists("sock")
until("WATCHDOG=1"); t = time.monotonic(); until("WATCHDOG=1"); gap = time.monotonic() - t
p.send_signal(signal.SIGHUP)
mono = until("RELOADING=1").split("MONOTONIC_USEC=")[1]
until("READY=1")
p.send_signal(signal.SIGTERM)
until("STOPPING=1")
print(ready, gap < 0.3, mono.strip().isdigit(), p.wait(10))
P
is "READY, WATCHDOG, RELOADING, STOPPING" "$(cat out)" "True True True 0"
done_testing
