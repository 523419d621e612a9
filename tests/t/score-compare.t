#!/bin/sh
# --compare: why do two summaries, or two files of samples, differ?
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 8 "$data/demo.jsonl" >r
sn-score -q -m "$m" --samples a r >a.json
sn-score -q -m "$m" --samples b -j 1 r >b.json
c() { sn-score --compare "$@"; }
# differs NAME EXPR WANT A B
differs() {
	status "$1" 1 sn-score --compare "$4" "$5"
	is "... nothing on stderr" "$(cat err)" ""
	is "... $2" "$(json out "$2")" "$3"
}
names='",".join(i["name"] for i in d["inputs"])'

# summaries
status "the same result" 0 sn-score --compare a.json b.json
is "... says so" "$(json out 'd["why"]')" "the same result"
is "... no inputs" "$(json out 'd["inputs"]+d["figures"]')" "[]"
python3 -m json.tool a.json >long.json
status "in several lines" 0 sn-score --compare a.json long.json
tac r | sn-score -q -m "$m" --samples tac >tac.json
differs "other records" "$names" records.digest a.json tac.json
sn-score -q -m "$m" -p dippy-2025-01 --samples dippy r >dippy.json
differs "another profile" "$names" profile,target,pair a.json dippy.json
is "... the reason" "$(json out 'd["why"]')" "another profile"
sn-score -q -m "$m" -p dippy-2025-01 --pair r >pair.json
differs "pairs: the sums are the same, the scores not" "$names" pair dippy.json pair.json
is "... equal" "$(json out 'd["result"]["equal"]')" true
edit() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); exec(sys.argv[2]); print(json.dumps(d))' "$@"; }
edit a.json 'd["model"]["digest"]="0"*64; d["version"]="9"; d["result"]["digest"]="1"*64' >model.json
differs "another model, first" "$names" model.digest,version a.json model.json
is "... value" "$(json out 'd["inputs"][0]["b"][:4]')" 0000
edit a.json 'd["result"]["digest"]="1"*64' >wrong.json
differs "the same inputs" 'd["why"]' "same inputs, different results: one of the two computes wrongly; compare the files of --samples" a.json wrong.json
edit a.json 'd["skipped"]=[{"index":3,"digest":"x","reason":"y"}]' >skipped.json
status "skipped: the result is equal" 0 sn-score --compare a.json skipped.json
is "... but said" "$(json out "$names")" skipped
is "... which" "$(json out 'd["inputs"][0]["b"]["index"]')" 3
like "for people" "$(c -t a.json model.json)" "do not agree * other bytes of the model*model.digest *B *0000*"

# samples
status "the same lines" 0 sn-score --compare a b
is "... all compared" "$(json out '[d["compared"],d["differ"],d["first"]]')" "[8, 0, null]"
shuf a >shuffled
status "in which order lines stand does not matter" 0 sn-score --compare a shuffled
differs "the records in another order" '[d["same_order"],d["compared"],d["differ"]]' "[false, 8, 0]" a tac
# one bit in the last place of the sixth
python3 - >bit <<'PY'
import json, math
for l in open("a"):
    d = json.loads(l)
    if d["index"] == 5: d["nll"] = math.nextafter(d["nll"], 1e9)
    print(json.dumps(d))
PY
differs "the last digit" '[d["differ"],d["first"]["index"],d["first"]["field"]]' '[1, 5, "nll"]' a bit
is "... and how much" "$(json out '0 < d["first"]["difference"] < 1e-12 and d["largest"] == {"nll": d["first"]["difference"]}')" true
like "... for people" "$(c -t a bit)" "*differ *1 of 8*record 5, *nll *A *B *difference *e-1*"
sed 3,4d a >few
differs "records that are missing" '[d["records"],d["only"],d["differ"]]' '[{"a": 8, "b": 6}, {"a": 2, "b": 0}, 0]' a few
differs "another profile's lines" '[d["differ"],d["first"]["field"]]' '[8, "tokens"]' a dippy
sn-score -q -m "$m" --samples logs --logprobs r >/dev/null
status "with and without logprobs" 0 sn-score --compare a logs
sed '2s/,\([0-9]*\)\],"logprobs"/,4],"logprobs"/' logs >ids
differs "a token" '[d["first"]["index"],d["first"]["field"],d["first"]["b"]]' '[1, "ids", 4]' logs ids
cat r r | sn-score -q -m "$m" --samples twice >/dev/null
status "records that are there twice" 0 sn-score --compare twice twice

# what is no such file
refuses "a summary against samples" 1 "sn-score: a.json is a summary, a is a file of --samples" sn-score --compare a a.json
head -c 900 a >"cut"
refuses "cut short" 1 "sn-score: cut: line *: not JSON: *" sn-score --compare a cut
head -c 300 a.json >"cut"
refuses "a summary cut short" 1 "sn-score: cut: not JSON: *" sn-score --compare a.json cut
bad() {
	sed "2$2" a >bad
	refuses "$1" 1 "sn-score: bad: $3" sn-score --compare a bad
}
bad "index twice" 's/"index":1/"index":0/' "line 2: index 0 stands in line 1 too"
bad "index below 0" 's/"index":1/"index":-1/' 'line 2: key "index": *'
bad "NaN" 's/"nll":.*/"nll":NaN}/' "line 2: not JSON: *"
bad "no number" 's/"nll":.*/"nll":null}/' 'line 2: key "nll": expected a number'
bad "too large" 's/"nll":.*/"nll":1e999}/' "line 2: not JSON: *"
bad "digest" 's/"digest":"./"digest":"X/' 'line 2: key "digest": *'
bad "unknown key" 's/"nll"/"nil"/' 'line 2: key "nil": unknown'
bad "no object" 's/.*/3/' "line 2: expected an object"
: >empty
refuses "empty" 1 "sn-score: empty: empty" sn-score --compare a empty
echo '{"profile":"ppl"}' >none
refuses "neither" 1 "sn-score: none: neither *" sn-score --compare none a.json
refuses "not there" 111 "sn-score: cannot open no: *" sn-score --compare a no
refuses "one file" 100 "sn-score: --compare takes two files*" sn-score --compare a
status "a full disk" 111 sh -c 'sn-score --compare a b >/dev/full'
done_testing
