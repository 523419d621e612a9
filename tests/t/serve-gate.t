#!/bin/sh
# Who may ask sn-dataset-serve, and how much: no key, a wrong, an expired and a revoked one;
# datasets of a group; limits with Retry-After and the RateLimit fields; changes that take effect
# while it runs; who may read /metrics.
. "$(dirname "$0")/lib.sh"

sn-dataset pack demo <"$data/demo.jsonl" >/dev/null || exit 111
sn-dataset pack secret <"$data/demo.jsonl" >/dev/null || exit 111
key() { sn-key add "$@" | tail -n 1; }
port=$(free_port)
bg sn-dataset-serve -q -l unix:sock -l "127.0.0.1:$port" demo secret
pid=$!
# ask PATH [KEY]: status, code and chosen fields on one line
ask() { curl -s -o body -D hdr --max-time 20 --unix-socket sock "http://x/$1" ${2:+-H "Authorization: Bearer $2"}
	tr -d '\r' <hdr | awk 'NR == 1 { printf "%s", $2 } tolower($1) == "x-error-code:" { printf " %s", $2 } END { print "" }'; }
field() { tr -d '\r' <hdr | sed -n "s/^$1: //Ip"; }
wait_for 10 ask hc >/dev/null
s='v1/datasets/demo/sample?start=20250101&end=20250131&n=3'

is "no groups: open" "$(ask "$s")" 200
is "open: no limit fields" "$(field ratelimit)$(field ratelimit-policy)" ""
like "open: a shared cache may keep it" "$(field cache-control)" "public, *"

# groups are set up while it runs
sn-key group add sn11 --rate 3/h --burst 3 --datasets demo >/dev/null
sn-key group add ops --rate 1000/s --burst 1000 >/dev/null
sn-key group add free >/dev/null
k=$(key --group sn11)
other=$(key --group sn11)
ops=$(key --group ops)
free=$(key --group free)
gone=$(key --group ops)
old=$(SN_NOW=$(($(date +%s) - 7200)) key --group ops --expires 1h)
sn-key revoke "$(echo "$gone" | cut -d_ -f2)" >/dev/null
is_closed() { [ "$(ask "$s")" = "401 no_key" ]; }
ok "with the first group it closes, within a second" wait_for 2 is_closed
is "no key" "$(ask "$s")" "401 no_key"
is "WWW-Authenticate" "$(field www-authenticate)" 'Bearer realm="sn"'
is "a wrong key" "$(ask "$s" "$(echo "$k" | tr abcdefgh bcdefgha)")" "401 wrong_key"
like "WWW-Authenticate says what is wrong" "$(field www-authenticate)" 'Bearer realm="sn", error="invalid_token", error_description="*"'
is "nonsense for a key" "$(ask "$s" nonsense)" "401 wrong_key"
is "an empty key" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 --unix-socket sock -H 'Authorization: Bearer ' "http://x/$s")" 401
is "another scheme" "$(curl -s --max-time 9 --unix-socket sock -u a:b "http://x/$s" | json - 'd["code"]')" wrong_key
is "an expired key" "$(ask "$s" "$old")" "401 expired_key"
is "a revoked key" "$(ask "$s" "$gone")" "401 revoked_key"
is "a key in force" "$(ask "$s" "$free")" 200
is "a group without a limit: no limit fields" "$(field ratelimit)" ""
like "only the client's own cache may keep it" "$(field cache-control)" "private, *"
is "the body is an error object" "$(ask "$s" "$gone" >/dev/null; json body 'sorted(d)')" '["code", "error"]'

# datasets of a group
is "a dataset of another group" "$(ask "v1/datasets/secret/rows" "$k")" "403 forbidden"
is "one that is not there, to one who may not read it" "$(ask "v1/datasets/none/rows" "$k")" "403 forbidden"
is "one that is not there" "$(ask "v1/datasets/none/rows" "$ops")" "404 no_dataset"
ask v1/datasets "$ops" >/dev/null
is "the list: all that it may read" "$(json body '[x["name"] for x in d["datasets"]]')" '["demo", "secret"]'
is "one that another group may read all of" "$(ask "v1/datasets/secret/rows" "$ops")" 200

# limits: 3 at once, then one each 20 minutes
is "the first" "$(ask "$s" "$other")" 200
is "RateLimit-Policy" "$(field ratelimit-policy)" '"sn11";q=3;w=3600'
is "RateLimit" "$(field ratelimit)" '"sn11";r=2;t=1200'
t=$(field etag)
is "the second, a 304, counts too" "$(curl -s -o /dev/null -D hdr -w '%{http_code}' --max-time 9 --unix-socket sock \
	-H "Authorization: Bearer $other" -H "If-None-Match: $t" "http://x/$s")" 304
like "and says so" "$(field ratelimit)" '"sn11";r=1;t=2[34]*'
is "the third: the list has but what it may read" "$(ask v1/datasets "$other") $(json body '[x["name"] for x in d["datasets"]]')" '200 ["demo"]'
is "the fourth" "$(ask "$s" "$other")" "429 limited"
like "RateLimit" "$(field ratelimit)" '"sn11";r=0;t=3[56]*'
is "RateLimit-Policy" "$(field ratelimit-policy)" '"sn11";q=3;w=3600'
for _ in 1 2 3 4 5 6 7 8; do ask "$s" "$other" >/dev/null; field retry-after; done >waits
ok "Retry-After: when it would be let in, or up to a quarter later" \
	awk '$1 < 1195 || $1 > 1502 { exit 1 }' waits
ok "and not the same for all" [ "$(sort -u waits | wc -l)" -gt 1 ]
is "/hc is not limited" "$(ask hc "$other")" 200
is "HEAD is limited" "$(curl -sI --max-time 9 --unix-socket sock -H "Authorization: Bearer $other" "http://x/$s" | head -n 1 | cut -d' ' -f2)" 429
is "another key of the group has its own" "$(ask "$s" "$k")" "200"
is "a refused request has no body but the error" "$(ask "$s" "$other" >/dev/null; json body 'd["code"]')" limited

# blocked, for a while and for good
id=$(echo "$ops" | cut -d_ -f2)
sn-ratelimit block "$id" --for 100s >/dev/null
is "blocked for a while" "$(ask "$s" "$ops")" "429 blocked"
ok "Retry-After" [ "$(field retry-after)" -ge 90 ]
sn-ratelimit block "$id" >/dev/null
is "blocked for good" "$(ask "$s" "$ops")" "403 blocked"
sn-ratelimit unblock "$id" >/dev/null
is "let in again" "$(ask "$s" "$ops")" 200

# the public group: for those without a key, an address each
sn-key group add public --rate 1/h --burst 1 >/dev/null
let_in() { [ "$(ask v1/datasets)" != "401 no_key" ]; }
wait_for 3 let_in
is "public: let in once" "$(ask "$s")" "429 limited"
is "public: another address" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 "http://127.0.0.1:$port/$s")" 200
is "public: that address again" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 "http://127.0.0.1:$port/$s")" 429
is "public: a wrong key is still wrong" "$(ask "$s" nonsense)" "401 wrong_key"

# revoked while it runs
sn-key revoke "$(echo "$free" | cut -d_ -f2)" >/dev/null
is_revoked() { [ "$(ask "$s" "$free")" = "401 revoked_key" ]; }
ok "revoke takes effect within a second" wait_for 2 is_revoked

# metrics
is "metrics: a UNIX socket" "$(ask metrics)" 200
for f in "X-Forwarded-For: 192.0.2.1" "Forwarded: for=192.0.2.1" "X-Real-IP: 192.0.2.1" "Via: 1.1 front"; do
	is "metrics: not through a proxy ($f)" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 \
		-H "$f" "http://127.0.0.1:$port/metrics")" 401
done
is "metrics: a key of ops through a proxy" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 \
	-H "Via: 1.1 front" -H "Authorization: Bearer $ops" "http://127.0.0.1:$port/metrics")" 200
is "metrics: no other key" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 \
	-H "Via: 1.1 front" -H "Authorization: Bearer $k" "http://127.0.0.1:$port/metrics")" 401
is "metrics: no revoked key of ops" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 9 \
	-H "Via: 1.1 front" -H "Authorization: Bearer $gone" "http://127.0.0.1:$port/metrics")" 401
ask metrics >/dev/null
is "metrics: refusals by reason" "$(grep -cE '^sn_refused_total\{reason="(no_key|wrong_key|expired_key|revoked_key|forbidden|limited|blocked)"\} [1-9]' body)" 7
ok "metrics: requests by route, group and status" grep -qE '^sn_requests_total\{route="sample",group="sn11",status="429"\} [1-9]' body
kill "$pid"
wait "$pid"

# with groups, any address may be served
bg sn-dataset-serve -l ":$port" demo 2>log
pid=$!
wait_for 10 curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$port/hc"
is "with groups: not local is all right, and nothing is said" "$(cat log)" ""
kill "$pid"
wait "$pid"

# a database that is taken away or emptied opens nothing, not even a local socket
SN_HOME=$TMP/home2
sn-key group add sn11 >/dev/null
k=$(key --group sn11)
bg sn-dataset-serve -q -l unix:sock8 demo
pid=$!
status8() { curl -s -o /dev/null -w '%{http_code}' --max-time 9 --unix-socket sock8 ${1:+-H "Authorization: Bearer $1"} "http://x/$s"; }
there() { [ "$(status8 "$k")" = 200 ]; }
ok "a server with a key" wait_for 10 there
mkdir aside
mv "$SN_HOME"/gate.db* aside/
sleep 0.6
is "gate.db is gone: no key, no answer" "$(status8)" 401
is "and a key that was known is let in" "$(status8 "$k")" 200
ok "the server has not made another" test ! -e "$SN_HOME/gate.db"
SN_HOME=$TMP/empty sn-key group add x >/dev/null
SN_HOME=$TMP/empty sn-key group rm x >/dev/null
mv "$TMP"/empty/gate.db* "$SN_HOME/"
forgotten() { [ "$(status8 "$k")" = 401 ]; }
ok "a database without groups takes its place" wait_for 5 forgotten
is "and lets nobody in" "$(status8)" 401
kill "$pid"
wait "$pid"
SN_HOME=$TMP/home

# one address cannot hold all connections
bg sn-dataset-serve -q --max-conns 64 --max-client-conns 8 -l ":$port" -l unix:sock9 --open demo
wait_for 10 curl -s -o /dev/null --max-time 5 --unix-socket sock9 http://x/hc
is "one address gets no more than its share" "$(python3 - "$port" <<'EOF'
import socket, sys
port, up = int(sys.argv[1]), 0
held = []
for i in range(12):
    s = socket.create_connection(("127.0.0.1", port), timeout=3)
    held.append(s)
    try:
        s.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
        up += s.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        pass
other = socket.create_connection(("127.0.0.1", port), timeout=3, source_address=("127.0.0.2", 0))
other.sendall(b"GET /hc HTTP/1.1\r\nHost: x\r\n\r\n")
print(up, other.recv(4096)[:15].decode())
EOF
)" "8 HTTP/1.1 200 OK"
done_testing
