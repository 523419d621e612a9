#!/bin/sh
# /metrics of sn-dataset-serve is text that Prometheus reads, and its figures are right.
. "$(dirname "$0")/lib.sh"

mkdir odd
sn-dataset pack 'odd/a "b" \c' <"$data/demo.jsonl" >/dev/null || exit 111
sn-dataset pack demo <"$data/demo.jsonl" >/dev/null || exit 111
bg sn-dataset-serve -q -l unix:sock demo 'odd/a "b" \c'
ask() { curl -s -o body -D hdr --max-time 20 --unix-socket sock "http://x/$1"; }
wait_for 10 ask hc >/dev/null
s='v1/datasets/demo/sample?start=20241201&end=20250131'
ask "$s&n=3"
size=$(wc -c <body)
ask "$s&n=3"
ask "$s&n=4"
ask nothing
ask "$s&n=0"
curl -sI --max-time 20 --unix-socket sock "http://x/$s&n=3" >/dev/null
ask metrics
is "its type" "$(tr -d '\r' <hdr | sed -n 's/^Content-Type: //Ip')" "text/plain; version=0.0.4; charset=utf-8"
python3 - "$size" <<'P'
import math, re, sys
n, size = 0, int(sys.argv[1])
def show(name, got, want=True):
    global n
    n += 1
    print(f"{'ok' if got == want else 'not ok'} {n + 1} - {name}" + ("" if got == want else f"\n# got:  {got}\n# want: {want}"))
kind, values, bad, order = {}, {}, [], []
label = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
for line in open("body").read().split("\n")[:-1]:
    if m := re.fullmatch(r"# HELP ([a-z_]+) (.+)", line): continue
    if m := re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge|histogram)", line):
        if m[1] in kind: bad.append("twice: " + line)
        kind[m[1]] = m[2]
        continue
    m = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+|NaN|\+Inf)", line)
    if not m: bad.append(line); continue
    labels, rest = [], m[2] or ""
    while rest:
        l = label.match(rest)
        if not l: bad.append(line); break
        labels.append((l[1], l[2])); rest = rest[l.end():]
    base = re.sub("_(bucket|sum|count)$", "", m[1])
    if m[1] not in kind and kind.get(base) != "histogram": bad.append("no TYPE: " + line)
    key = (m[1], tuple(labels))
    if key in values: bad.append("twice: " + line)
    values[key] = float(m[3])
show("every line is of the format", bad, [])
show("counters are named _total", [k for k, v in kind.items() if v == "counter" and not k.endswith("_total")], [])
def v(name, **l): return values.get((name, tuple(l.items())))
show("requests: sample, 200", v("sn_requests_total", route="sample", group="none", status="200"), 4)
show("requests: sample, 400", v("sn_requests_total", route="sample", group="none", status="400"), 1)
show("requests: no route, 404", v("sn_requests_total", route="none", group="none", status="404"), 1)
show("bytes sent, and none for HEAD", v("sn_sent_bytes_total", route="sample", group="none") >= 2 * size)
for r in {l["route"] for l in (dict(k[1]) for k in values) if "route" in l}:
    b = [(float(dict(k[1])["le"].replace("+Inf", "inf")), x) for k, x in values.items()
         if k[0] == "sn_request_seconds_bucket" and dict(k[1])["route"] == r]
    if not (b == sorted(b) and [x for _, x in b] == sorted(x for _, x in b) and b[-1][0] == math.inf and
            b[-1][1] == v("sn_request_seconds_count", route=r)):
        show("histogram of " + r, False)
show("histogram: as many as there were", v("sn_request_seconds_count", route="sample"), 5)
show("a time that can be", 0 < v("sn_request_seconds_sum", route="sample") < 60)
show("builds", values[("sn_cache_builds_total", ())], 2)
show("hits", values[("sn_cache_hits_total", ())], 2)
show("in flight: this one", values[("sn_in_flight", ())], 1)
show("records", v("sn_dataset_records", dataset="demo"), 100)
show("a name that has to be quoted", v("sn_dataset_records", dataset=r'a \"b\" \\c'), 100)
show("the snapshot's age", 0 <= v("sn_dataset_snapshot_age_seconds", dataset="demo") < 600)
show("open", values[("sn_open", ())], 1)
show("memory", 1e6 < values[("process_resident_memory_bytes", ())] < 1e9)
open("n", "w").write(str(n))
P
n=$((n + $(cat n)))
done_testing
