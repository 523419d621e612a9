#!/bin/sh
# What sn-dataset-serve answers: the bytes of the records in every shape and coding, which
# snapshot they were read from, entity tags, 304, HEAD, and answers that are built once.
. "$(dirname "$0")/lib.sh"

head -n 60 "$data/demo.jsonl" >first.jsonl
tail -n +61 "$data/demo.jsonl" >rest.jsonl
sn-dataset pack demo <first.jsonl >/dev/null || exit 111
sn-dataset pack other <rest.jsonl >/dev/null || exit 111
bg sn-dataset-serve -q -l unix:sock demo other
pid=$!
ask() { curl -s --max-time 20 --unix-socket "$1" "http://x/$2"; }
up() { ask "$1" hc >/dev/null; }
get() { curl -s --max-time 20 --unix-socket sock "http://x/$1" ${2:+-H "$2"} ${3:+-H "$3"}; }
# field NAME PATH [FIELD...]: of the header
field() { f=$1; shift; curl -s -o /dev/null -D - --max-time 20 --unix-socket sock "http://x/$1" \
	${2:+-H "$2"} ${3:+-H "$3"} | tr -d '\r' | grep -i "^$f: " | cut -d' ' -f2-; }
code() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 --unix-socket sock "http://x/$1" ${2:+-H "$2"} ${3:+-H "$3"}; }
wait_for 10 get hc >/dev/null

range='start=20241201&end=20250131'
s=v1/datasets/demo/sample
one=$(sn-dataset stat demo | json - 'd["snapshot"]')

# byte for byte what sn-dataset sample prints
try() { # NAME QUERY OPTION...
	name=$1 query=$2
	shift 2
	sn-dataset sample demo "$@" >want || exit 111
	for c in identity gzip zstd; do
		get "$s?$query" "Accept-Encoding: $c" >got.$c
		is "$name: $c is sent as such" "$(field content-encoding "$s?$query" "Accept-Encoding: $c")" \
			"$(echo $c | sed 's/identity//')"
	done
	same "$name" got.identity want
	gzip -dc <got.gzip >got
	same "$name: gzip" got want
	zstd -qdc --memory=8MiB <got.zstd >got
	same "$name: zstd, in a window of 8 MiB" got want
}
try "all that there is" "$range" --start 20241201 --end 20250131
try "n, recent, window, seed" "$range&n=7&recent=0.25&window=100h&seed=a%20b" \
	--start 20241201 --end 20250131 -n 7 --recent 0.25 --window 100h --seed "a b"
try "times" "start=2025-01-01T00:00:00Z&end=1737200000&n=9" \
	--start 2025-01-01T00:00:00Z --end 1737200000 -n 9
try "none" "start=19990101&end=19990102" --start 19990101 --end 19990102
is "a + in the query is a space" "$(get "$s?$range&n=5&seed=a+b" | sha256sum)" \
	"$(get "$s?$range&n=5&seed=a%20b" | sha256sum)"
is "each record counted" "$(field x-sn-records "$s?$range&n=7")" 7

# /dataset, what today's clients read
get "dataset?start_date=20241201&end_date=20250131&limit=20" >got
sn-dataset sample demo --start 20241201 --end 20250131 -n 20 >want
python3 - <<'P' >out
want = open("want").read().splitlines()
import json
text = open("got").read()
print(json.loads(text) == {"all_convos": [json.loads(x) for x in want]},
    text == '{"all_convos":[' + ",".join(want) + "]}\n")
P
is "/dataset: all_convos, records verbatim" "$(cat out)" "True True"
get "dataset?epoch_date=20241201&current_date=20250131&limit=20" >old
same "the older names mean the same" old got
like "its type" "$(field content-type "dataset?start_date=20241201&end_date=20250131")" application/json
get "dataset?start_date=20241201&end_date=20250131&limit=20&seed=x" >seeded
ok "a seed gives others" sh -c '! cmp -s got seeded'

# rows
get "v1/datasets/demo/rows?offset=2&length=3" >got
python3 - <<'P' >out
import json
d, want = json.load(open("got")), open("first.jsonl").read().splitlines()
text = open("got").read()
print(d["num_rows_total"], d["partial"], [r["row_idx"] for r in d["rows"]],
    [r["row"] for r in d["rows"]] == [json.loads(x) for x in want[2:5]],
    all('"row":' + x + "}" in text for x in want[2:5]))
P
is "rows" "$(cat out)" "60 False [2, 3, 4] True True"
is "rows at the end" "$(get 'v1/datasets/demo/rows?offset=59' | json - '[len(d["rows"]), d["num_rows_total"]]')" "[1, 60]"
is "rows behind the end" "$(get 'v1/datasets/demo/rows?offset=1000' | json - '[len(d["rows"]), d["num_rows_total"]]')" "[0, 60]"
is "rows without words: the first 100" "$(get v1/datasets/demo/rows | json - 'len(d["rows"])')" 60

# what there is
get v1/datasets >got
is "/v1/datasets" "$(json got '[[x["name"], x["records"]] for x in d["datasets"]]')" '[["demo", 60], ["other", 40]]'
is "/v1/datasets/NAME" "$(get v1/datasets/demo | json - 'd["snapshot"]')" "$one"
is "and is an entry of the list" "$(get v1/datasets/demo | json - 'json.dumps(d)')" "$(json got 'json.dumps(d["datasets"][0])')"

# entity tags
t=$(field etag "$s?$range")
z=$(field etag "$s?$range" "Accept-Encoding: zstd")
like "a strong tag" "$t" '"*"'
ok "one for each coding" [ "$t" != "$z" ]
is "the same again" "$(field etag "$s?$range")" "$t"
is "the same for what means the same" "$(field etag "$s?$range&n=4096&recent=0.50&window=2d&seed=demo/20250131")" "$t"
is "304" "$(code "$s?$range" "If-None-Match: $t")" 304
is "304 has no body" "$(get "$s?$range" "If-None-Match: $t" | wc -c)" 0
is "304 has the tag" "$(field etag "$s?$range" "If-None-Match: $t")" "$t"
is "304 in a list, weakly" "$(code "$s?$range" "If-None-Match: \"x\", W/$t")" 304
is "304 for *" "$(code "$s?$range" 'If-None-Match: *')" 304
is "not for another's tag" "$(code "$s?$range" "If-None-Match: $z")" 200
is "but for that coding" "$(code "$s?$range" "If-None-Match: $z" "Accept-Encoding: zstd")" 304
builds() { get metrics | sed -n 's/^sn_cache_builds_total //p'; }
n0=$(builds)
x=$(sn-dataset stat demo | json - 'd["snapshot"]')
is "the same is not built again" "$(code "$s?$range") $(builds)" "200 $n0"
is "another is" "$(code "$s?$range&seed=new&snapshot=$x") $(builds)" "200 $((n0 + 1))"
like "Vary" "$(field vary "$s?$range")" "*Accept-Encoding*"
is "the newest may change" "$(field cache-control "$s?$range")" "public, no-cache"
is "a named snapshot may not" "$(field cache-control "$s?$range&snapshot=$one")" \
	"public, max-age=31536000, immutable"

# HEAD
for r in "$s?$range" "v1/datasets/demo/rows" "hc" "dataset?start_date=20250101&end_date=20250131"; do
	curl -sI --max-time 20 --unix-socket sock "http://x/$r" | tr -d '\r' | grep -vi '^date' >h
	curl -s -o /dev/null -D - --max-time 20 --unix-socket sock "http://x/$r" | tr -d '\r' | grep -vi '^date' >g
	same "HEAD $r: the header of GET" h g
done
is "HEAD: 304 too" "$(curl -sI --max-time 20 --unix-socket sock -H "If-None-Match: $t" "http://x/$s?$range" | head -n 1 | cut -d' ' -f2)" 304

# what is sealed is served, what was is still there
is "the snapshot is named" "$(field x-sn-snapshot "$s?$range")" "$one"
get "$s?$range&n=50" >before
sn-dataset pack demo <rest.jsonl >/dev/null
two=$(sn-dataset stat demo | json - 'd["snapshot"]')
is "a new snapshot is served at once" "$(field x-sn-snapshot "$s?$range")" "$two"
ok "and has another tag" [ "$(field etag "$s?$range")" != "$t" ]
sn-dataset sample demo --start 20241201 --end 20250131 >want
get "$s?$range" >got
same "and its sample" got want
get "$s?$range&n=50&snapshot=$one" >got
same "the older snapshot's sample is what it was" got before
is "304 for the older" "$(code "$s?$range&snapshot=$one" "If-None-Match: $t")" 304
is "rows of the older" "$(get "v1/datasets/demo/rows?snapshot=$one" | json - 'd["num_rows_total"]')" 60
kill "$pid"
wait "$pid"

# /dataset reads what was sealed before the last whole hour
t0=$(date -u -d '2025-01-20 10:00:00' +%s)
SN_NOW=$((t0 - 100)) sn-dataset pack hourly <first.jsonl >/dev/null
old=$(sn-dataset stat hourly | json - 'd["snapshot"]')
SN_NOW=$((t0 + 100)) sn-dataset pack hourly <rest.jsonl >/dev/null
new=$(sn-dataset stat hourly | json - 'd["snapshot"]')
at() { # SECONDS: header of /dataset then
	SN_NOW=$1 "$top/scripts/activate" -i unix:in sn-dataset-serve -qi hourly &
	a=$!
	wait_for 10 [ -S in ]
	curl -s -o /dev/null -D - --max-time 20 --unix-socket in 'http://x/dataset?start_date=20241201&end_date=20250131' |
		tr -d '\r' | grep -iE '^(x-sn-snapshot|cache-control)' | cut -d' ' -f2- | tr '\n' ' '
	kill $a
	rm -f in
}
is "within the hour: the snapshot from before it" "$(at $((t0 + 200)))" "public, max-age=3400 $old "
is "after it: the newer" "$(at $((t0 + 3600)))" "public, max-age=3600 $new "
is "none so old: the newest" "$(at $((t0 - 3600)))" "public, no-cache $new "

# an empty dataset
if sn-dataset pack void </dev/null >/dev/null 2>&1 && [ -d void ]; then
	bg sn-dataset-serve -q -l unix:sock void
	wait_for 10 get hc >/dev/null
	is "an empty dataset: no records" "$(get "v1/datasets/void/sample?$range" | wc -c) $(code "v1/datasets/void/sample?$range")" "0 200"
	is "an empty dataset: /dataset" "$(get 'dataset?start_date=20250101&end_date=20250131')" '{"all_convos":[]}'
	is "an empty dataset: rows" "$(get v1/datasets/void/rows)" '{"rows":[],"num_rows_total":0,"partial":false}'
	is "an empty dataset: info" "$(get v1/datasets/void | json - '[d["snapshot"], d["records"], d["last"]]')" "[null, 0, null]"
	kill $!
fi

# large answers: files when there is a place for them, memory when there is not
python3 - >big.jsonl <<'P'
import json
for i in range(300):
    print(json.dumps({"id": str(i), "created_at": 1735700000 + i, "system_prompt": "s" * 2000,
        "messages": [{"role": "user", "content": str(i) * 400}]}))
P
sn-dataset pack big <big.jsonl >/dev/null
sn-dataset sample big --start 20250101 --end 20250131 >want
big='v1/datasets/big/sample?start=20250101&end=20250131'
for cache in "$TMP/cache" /proc/none; do
	bg sn-dataset-serve -q --cache "$cache" -l unix:sock2 big
	pid=$!
	wait_for 10 up sock2
	ask sock2 "$big" >got
	same "a large answer, --cache $cache" got want
	files=$(ask sock2 "metrics" | sed -n 's/^sn_cache_files //p')
	is "and where it is kept" "$files" "$([ "$cache" = /proc/none ] && echo 0 || echo 1)"
	kill "$pid"
	wait "$pid"
done
is "nothing is left in the cache" "$(ls -A cache)" ""
# a cache that takes no more bytes, in the middle of an answer: memory again
(ulimit -f 300 && exec sn-dataset-serve -q --cache "$TMP/cache" -l unix:sock3 big) &
pids="$pids $!"
wait_for 10 up sock3
ask sock3 "$big" >got
same "a large answer in a cache that is full" got want
is "and it is in memory" "$(ask sock3 metrics | sed -n 's/^sn_cache_files //p')" 0
# too large
bg sn-dataset-serve -q --max-body 100k -l unix:sock4 big
wait_for 10 up sock4
is "an answer over --max-body" "$(curl -s --max-time 20 -w ' %{http_code}' --unix-socket sock4 "http://x/$big" | tr -d '\n')" \
	'{"error":"answer: larger than 100000 bytes; ask for fewer records","code":"answer_too_large"} 400'
is "and a smaller one" "$(ask sock4 "$big&n=3" | wc -l)" 3
# eviction
bg sn-dataset-serve -q --cache-size 200k -l unix:sock5 big
wait_for 10 up sock5
for seed in 1 2 3 4 5 6; do curl -s -o /dev/null --max-time 20 --unix-socket sock5 "http://x/$big&n=20&seed=$seed"; done
is "the cache keeps to its size" "$(ask sock5 "metrics" | awk '/^sn_cache_bytes/ { print ($2 <= 200000) } /^sn_cache_evictions_total/ { print ($2 > 0) }' | tr -d '\n')" 11
# the same batch in another order: one snapshot, other rows
python3 - <<'EOF'
r = ['{"system_prompt":"s","messages":[],"id":"%d","created_at":1737000000}' % i for i in (1, 2)]
open("ab", "w").write("\n".join(r) + "\n")
open("ba", "w").write("\n".join(reversed(r)) + "\n")
EOF
for d in ab ba; do sn-dataset pack "d$d" "$d" >"$d.packed"; done
is "one snapshot" "$(json ab.packed 'd["snapshot"]')" "$(json ba.packed 'd["snapshot"]')"
bg sn-dataset-serve -q -l unix:sock6 dab dba
wait_for 10 up sock6
for d in ab ba; do ask sock6 "v1/datasets/d$d/rows" | json - '[r["row"]["id"] for r in d["rows"]]'; done >got
is "and each its own rows" "$(paste -sd' ' got)" '["1", "2"] ["2", "1"]'
tag() { curl -s -o /dev/null -D - --max-time 9 --unix-socket sock6 "http://x/v1/datasets/$1/rows" | tr -d '\r' | sed -n 's/^ETag: //Ip'; }
ok "under tags of their own" test "$(tag dab)" != "$(tag dba)"
done_testing
