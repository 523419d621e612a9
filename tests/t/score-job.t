#!/bin/sh
# --job: what a queue's worker runs.
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 3 "$data/demo.jsonl" >r
job() { # NAME STATUS PATTERN JOB [OPTION...]
	printf '%s' "$4" >job
	name=$1 want=$2 pattern=$3
	shift 4
	refuses "$name" "$want" "$pattern" sh -c 'sn-score --job "$@" <job' sh "$@"
}
digest() { json "$1" 'd["result"]["digest"]'; }

printf '{"model":"%s","records":"r"}' "$m" | sn-score -q --job >out.json
sn-score -q -m "$m" r >want.json
is "the least job" "$(digest out.json)" "$(digest want.json)"
printf '{"model":"%s","records":"r","profile":"dippy-2025-01","template":"chatml","numerics":"f32-exact","pair":true,"parts":{"vibe_score":0.5}}\n' "$m" |
	sn-score -q --job -j 2 >out.json
sn-score -q -m "$m" -p dippy-2025-01 --pair --part vibe_score=0.5 r >want.json
is "a whole job" "$(json out.json '[d[k] for k in ("profile","pair","vibe_score","qualitative_score","missing","result")]')" \
	"$(json want.json '[d[k] for k in ("profile","pair","vibe_score","qualitative_score","missing","result")]')"
printf '{"model":"%s","records":"r","target":"all"}' "$m" | sn-score -q --job >out.json
is "target" "$(json out.json 'd["target"]')" all
printf '{"model":"%s","records":"r"}' "$m" | sn-score -q --job -p dippy-2025-01 >out.json
is "options hold where the job is silent" "$(json out.json 'd["profile"]')" dippy-2025-01
printf '{"model":"%s","records":"r","profile":"ppl"}' "$m" | sn-score -q --job -p dippy-2025-01 >out.json
is "the job holds where it is not" "$(json out.json 'd["profile"]')" ppl

job "no JSON" 1 'sn-score: job: not JSON: *' '{"model":'
job "nothing" 1 'sn-score: job: not JSON: *' ''
job "an array" 1 'sn-score: job: expected an object' '[]'
job "no model" 1 'sn-score: job: key "model": missing' '{"records":"r"}'
job "no records" 1 'sn-score: job: key "records": missing' '{"model":"m"}'
job "a key that is not known" 1 'sn-score: job: key "seed": unknown' '{"model":"m","records":"r","seed":1}'
job "a wrong type" 1 'sn-score: job: key "pair": expected true or false' '{"model":"m","records":"r","pair":1}'
job "a wrong target" 1 'sn-score: job: key "target": expected "last" or "all"' '{"model":"m","records":"r","target":"first"}'
job "a wrong part" 1 'sn-score: job: key "parts": no part is called "x" *' '{"model":"m","records":"r","parts":{"x":1}}'
job "records from standard input" 1 'sn-score: job: key "records": expected a path or a URL' '{"model":"m","records":"-"}'
job "an unknown profile" 100 'sn-score: no profile is called "x" *' '{"model":"m","records":"r","profile":"x"}'
job "an unknown numerics" 100 'sn-score: no numerics is called "x" *' '{"model":"m","records":"r","numerics":"x"}'
job "absent records" 111 'sn-score: cannot open nowhere: *' '{"model":"m","records":"nowhere"}'
job "an absent model" 111 'sn-score: *nowhere*' '{"model":"nowhere","records":"r"}'

# records from a URL
port=$(free_port)
mkdir srv && cp r srv/r.jsonl
cat >serve.py <<'PY'
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = {"/r": 200, "/no": 404, "/wait": 503, "/bad": 200, "/key": 200}.get(self.path, 404)
        if self.path == "/key" and self.headers.get("Authorization") != "Bearer sesame":
            status = 401
        body = open("srv/r.jsonl", "rb").read() if status == 200 else b'{"error":"not now","code":"x"}'
        if self.path == "/bad":
            body = b'{"system_prompt":""}\n'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
PY
bg python3 serve.py "$port"
up() { python3 -c 'import socket,sys; socket.create_connection(("127.0.0.1",int(sys.argv[1])),1)' "$port"; }
wait_for 10 up
url=http://127.0.0.1:$port
printf '{"model":"%s","records":"%s/r"}' "$m" "$url" | sn-score -q --job >out.json
sn-score -q -m "$m" r >want.json
is "records from a URL" "$(digest out.json)" "$(digest want.json)"
sn-score -q -m "$m" "$url/r" >out.json
is "a URL as an operand" "$(digest out.json)" "$(digest want.json)"
job "404 is final" 1 "sn-score: $url/no: *not now*" "{\"model\":\"m\",\"records\":\"$url/no\"}"
job "503 is not" 111 "sn-score: $url/wait: *not now*" "{\"model\":\"m\",\"records\":\"$url/wait\"}"
job "a bad record from a URL" 1 "sn-score: $url/bad: line 1: key \"messages\": missing" "{\"model\":\"m\",\"records\":\"$url/bad\"}"
job "no key" 1 "sn-score: $url/key: *" "{\"model\":\"m\",\"records\":\"$url/key\"}"
printf '{"model":"%s","records":"%s/key"}' "$m" "$url" | SN_KEY=sesame sn-score -q --job >out.json
is "SN_KEY is sent" "$(digest out.json)" "$(digest want.json)"
url=http://127.0.0.1:$(free_port)
job "nobody listens" 111 "sn-score: $url/r: *" "{\"model\":\"m\",\"records\":\"$url/r\"}"
done_testing
