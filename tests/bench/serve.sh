#!/bin/bash
# Requests a second of /v1/datasets/NAME/sample against nginx serving the same bytes as a
# static file: same machine, same run, in turns (SN_BENCH_ROUNDS of SN_BENCH_SECONDS each, the
# median is shown), wrk over loopback with 64 connections; 304s too.  Both have as many workers as
# there are processors, neither writes an access log; nginx keeps its files open.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
PATH=$top/${B:-build}/bin:$PATH:/usr/sbin
rounds=${SN_BENCH_ROUNDS:-5} secs=${SN_BENCH_SECONDS:-2} conns=${SN_BENCH_CONNS:-64}

for p in wrk nginx curl python3; do
	command -v $p >/dev/null || { echo "serve: $p is not here: skipped"; exit 0; }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/sn-bench.XXXXXX")
server='' nginx=''
trap 'kill $server $nginx 2>/dev/null || :; wait; rm -rf "$dir"' EXIT
cd "$dir"
SN_HOME=$dir/home
export SN_HOME PATH
port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen=>1,LocalAddr=>"127.0.0.1")->sockport'; }

# 20,000 records of about 1 KB
python3 - >records.jsonl <<'P'
import json, random
r = random.Random(1)
words = [''.join(r.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(r.randint(2, 9))) for _ in range(3000)]
text = lambda n: ' '.join(r.choice(words) for _ in range(n))
for i in range(20000):
    print(json.dumps({"id": f"r{i}", "created_at": 1734500000 + i * 130, "system_prompt": text(30),
        "messages": [{"role": ("user", "assistant")[k % 2], "content": text(r.randint(10, 40))} for k in range(4)]}))
P
sn-dataset pack demo <records.jsonl >/dev/null
sp=$(port)
sn-dataset-serve -q --listen "127.0.0.1:$sp" demo & server=$!
np=$(port)
mkdir -p www
cat >nginx.conf <<N
worker_processes $(nproc); pid $dir/nginx.pid; error_log $dir/nginx.log; daemon off; master_process on;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 60;
  open_file_cache max=100; types { } default_type application/x-ndjson; root $dir/www;
  client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3;
  uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
  server { listen 127.0.0.1:$np backlog=1024; } }
N
[ "$(id -u)" = 0 ] && sed -i '1s/^/user root; /' nginx.conf
nginx -c "$dir/nginx.conf" -p "$dir" 2>/dev/null & nginx=$!
until curl -sf "http://127.0.0.1:$sp/hc" >/dev/null; do sleep 0.1; done
until curl -s "http://127.0.0.1:$np/" >/dev/null; do sleep 0.1; done

run() { # URL HEADER...: requests a second
	wrk -t1 -c"$conns" -d"${secs}s" "${@:2}" "$1" >wrk.out
	if grep -q 'Non-2xx' wrk.out && [ "${expect:-}" != 304 ]; then cat wrk.out >&2; exit 1; fi
	awk '/^Requests\/sec/ { print $2 }' wrk.out
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%d connections, median of %d x %d s, requests/s on one machine with its load generator\n' \
	"$conns" "$rounds" "$secs"
printf '%-28s %10s %12s %12s %7s\n' answer bytes sn nginx ratio
measure() { # NAME QUERY CODING
	local q=$2 coding=$3 url file size tag
	url="http://127.0.0.1:$sp/v1/datasets/demo/sample?start=20241201&end=20250131&$q"
	file=$(echo "$1" | tr ' ,=' '___')
	curl -sf -H "Accept-Encoding: $coding" "$url" >"www/$file"
	size=$(wc -c <"www/$file")
	: >a; : >b
	for _ in $(seq "$rounds"); do
		if [ "${4:-}" = 304 ]; then
			tag=$(curl -sfI -H "Accept-Encoding: $coding" "$url" | tr -d '\r' | sed -n 's/^ETag: //Ip')
			expect=304 run "$url" -H "Accept-Encoding: $coding" -H "If-None-Match: $tag" >>a
			tag=$(curl -sfI "http://127.0.0.1:$np/$file" | tr -d '\r' | sed -n 's/^ETag: //Ip')
			expect=304 run "http://127.0.0.1:$np/$file" -H "If-None-Match: $tag" >>b
		else
			run "$url" -H "Accept-Encoding: $coding" >>a
			run "http://127.0.0.1:$np/$file" >>b
		fi
	done
	awk -v n="$1" -v s="$size" -v a="$(median <a)" -v b="$(median <b)" \
		'BEGIN { printf "%-28s %10d %12.0f %12.0f %7.2f\n", n, s, a, b, a / b }'
}
measure "n=1" "n=1" identity
measure "n=16" "n=16" identity
measure "n=64" "n=64" identity
measure "n=4096" "n=4096" identity
measure "n=4096 zstd" "n=4096" zstd
measure "n=16, not modified" "n=16" identity 304
