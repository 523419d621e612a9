#!/bin/sh
# What sn-dataset-serve refuses: unknown routes, methods and parameters, values out of range,
# percent-encoding that is none, headers and targets that are too large, what is not HTTP.
. "$(dirname "$0")/lib.sh"

sn-dataset pack demo <"$data/demo.jsonl" >/dev/null || exit 111
bg sn-dataset-serve -q --header-timeout 2s -l unix:sock demo
wait_for 10 curl -s -o /dev/null --max-time 5 --unix-socket sock http://x/hc

cat >refuse.py <<'P'
import json, socket
n = 0
def show(name, got, want):
    global n
    n += 1
    print(f"{'ok' if got == want else 'not ok'} {n} - {name}" + ("" if got == want else f"\n# got:  {got}\n# want: {want}"))

def ask(raw):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("sock")
    got = b""
    try:
        s.sendall(raw)
        while True:
            more = s.recv(65536)
            if not more: break
            got += more
    except (ConnectionResetError, BrokenPipeError):
        pass
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {k.lower(): v for k, _, v in (x.partition(": ") for x in lines[1:])}
    return (int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0), fields, body

def req(line, *fields, body=b""):
    return ask((line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
        "".join(f + "\r\n" for f in fields) + "\r\n").encode("latin-1") + body)

def refused(status, code, target, text=""):
    st, f, body = req("GET " + target)
    try: d = json.loads(body)
    except ValueError: d = {}
    right = st == status and set(d) == {"error", "code"} and d["code"] == code and text in d["error"] and \
        (f.get("x-error-code"), f.get("content-type"), f.get("cache-control")) == (code, "application/json", "no-store")
    show(f"{status} {target[:100]}", (st, f.get("x-error-code"), body) if not right else True, True)

s = "/v1/datasets/demo/sample"
q = s + "?start=20250101&end=20250131"
d = "/dataset?start_date=20250101&end_date=20250131"
for t in (q, q + "&n=1&recent=0&window=0&seed=", "http://any.host:80" + q, s + "?%73tart=20250101&end=2025%301%33%31", d + "&limit=2"):
    show("200 " + t, req("GET " + t)[0], 200)

for t in ("/", "/nothing", "/dataset/", "//dataset", "/v1/datasets/", s + "/", "/v1/datasets//sample", "/v1/datasets/demo/stream",
          "/v1/datasets/demo/manifest", "/openapi.json", "/hc/x", "/HC"):
    refused(404, "no_route", t)
refused(404, "no_dataset", "/v1/datasets/other", 'no dataset "other" here')
for t in ("/v1/datasets/other/sample?start=20250101&end=20250131", "/v1/datasets/DEMO/rows", "/v1/datasets/..%2Fdemo/rows",
          "/v1/datasets/../rows"):
    refused(404, "no_dataset", t)
refused(404, "no_snapshot", q + "&snapshot=" + "0" * 63 + "1")

refused(400, "unknown_parameter", q + "&N=1", 'unknown parameter "N"; known here: start end n recent window seed snapshot')
refused(400, "unknown_parameter", q + "&start_date=20250101", '"start_date"')
refused(400, "unknown_parameter", d + "&n=5", '"n"')
refused(400, "unknown_parameter", "/hc?x=1", 'unknown parameter "x"; this route takes none')
refused(400, "unknown_parameter", "/metrics?x")
refused(400, "unknown_parameter", "/v1/datasets?%78=1", '"x"')
refused(400, "missing_parameter", s, 'parameter "start" is needed')
refused(400, "missing_parameter", s + "?start=20250101", 'parameter "end" is needed')
refused(400, "missing_parameter", "/dataset?end_date=20250101", 'parameter "start_date" is needed')
refused(400, "missing_parameter", "/dataset?epoch_date=20250101", 'parameter "end_date" is needed')

def bad(target, text): refused(400, "bad_parameter", target, text)
bad("/dataset?epoch_date=20250101&start_date=20250101&end_date=20250131", "two names for one")
bad(s + "?start=20250101&end=2025-13-01", 'parameter "end"')
bad(s + "?start=&end=20250131", 'parameter "start"')
bad(s + "?start=20250132&end=20250201", 'parameter "start"')
bad(s + "?start=20250131&end=20250101", 'before "start"')
bad(s + "?start=2025-01-01T00:00:00+00:00&end=20250131", 'parameter "start"')
for v in ("0", "-1", "1e3", "1000001", "18446744073709551617", "%205", "", "0x10"):
    bad(q + "&n=" + v, 'parameter "n"')
for v in ("1.1", "-0", "nan", "", "1/2", "0.5%00"[:3] + "x"):
    bad(q + "&recent=" + v, 'parameter "recent"')
bad(q + "&window=x", 'parameter "window"')
bad(q + "&window=1.5", "not whole seconds")
for v in ("abc", "", "g" * 64, "0" * 65):
    bad(q + "&snapshot=" + v, 'parameter "snapshot"')
for v in ("length=101", "length=0", "offset=-1", "offset=9223372036854775808"):
    bad("/v1/datasets/demo/rows?" + v, 'parameter "' + v.split("=")[0] + '"')

def target(t, text): refused(400, "bad_target", t, text)
target(q + "&n=1&n=2", '"n": given twice')
for v in ("%", "%4", "%gg", "%u0041", "100%"):
    target(q + "&seed=" + v, "not followed by two hex digits")
for v in ("%00", "a%0d%0aSet-Cookie:%20x", "%7f", "%09"):
    target(q + "&seed=" + v, "a control character")
for v in ("%ff%fe", "%c0%80", "%ed%a0%80", "%f5%80%80%80"):
    target(q + "&seed=" + v, "not UTF-8")
target("/v1/%2/x", "not followed by two hex digits")
target(s + "?=1", "a parameter without a name")
target("*", "does not begin with")
refused(414, "target_too_long", q + "&seed=" + "a" * 2100, "longer than 2048 bytes")
refused(414, "target_too_long", "/" + "a" * 4100, "longer than 4096 bytes")
refused(414, "target_too_long", "/1/2/3/4/5/6/7/8/9", "more than 8 segments")
refused(414, "target_too_long", "/hc?" + "&".join(f"a{i}" for i in range(30)), "more than 24 parameters")

for m in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW", "get"):
    st, f, b = req(f"{m} {q}")
    show(f"{m}: 405 with Allow", (st, f.get("allow"), f.get("x-error-code")), (405, "GET, HEAD", "method_not_allowed"))
show("POST with a body: 405", req(f"POST {q}", "Content-Length: 5", body=b"hello")[0], 405)
show("GET with a body: it is passed over", req(f"GET {q}", "Content-Length: 5", body=b"hello")[0], 200)
show("GET with a body in chunks", req(f"GET {q}", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n")[0], 200)
st, f, b = req(f"GET {q}", "Content-Length: 70000", body=b"x" * 1000)
show("a body that is too large: 413", (st, f.get("x-error-code")), (413, "body_too_large"))
st, f, b = req(f"GET {q}", "X: " + "a" * 9000)
show("a header over 8 KiB: 431", (st, f.get("x-error-code")), (431, "header_too_large"))
st, f, b = req(f"GET {q}", *[f"X{i}: 1" for i in range(100)])
show("100 fields: 431", (st, f.get("x-error-code")), (431, "header_too_large"))
for size in (20000, 100000, 1000000):
    show(f"a header of {size} bytes is refused", req(f"GET {q}", "X: " + "a" * size)[0] in (0, 413, 431), True)
for raw in (b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /hc HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"GET /hc HTTP/1.1\r\n\r\n",
            b"GET /hc HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"GET /hc HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            b"GET /hc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
    st = ask(raw)[0]
    show(f"not HTTP: {raw[:40]!r}", st == 0 or 400 <= st < 600, True)
for accept, want in (("identity;q=0", 406), ("*;q=0", 406), ("br", 200), ("br, identity;q=0", 406)):
    show(f"Accept-Encoding: {accept}", req(f"GET {q}", f"Accept-Encoding: {accept}")[0], want)
st, f, b = req(f"GET {q}", "Accept-Encoding: identity;q=0", "Accept-Encoding: gzip")
show("Accept-Encoding over two lines is one list", (st, f.get("content-encoding")), (200, "gzip"))
show("HTTP/1.0", ask(b"GET /hc HTTP/1.0\r\n\r\n")[0], 200)
show("it still serves", req("GET " + q)[0], 200)
print(f"1..{n}")
P
python3 refuse.py
