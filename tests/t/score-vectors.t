#!/bin/sh
# result.digest against tests/data/vectors/results.txt, which an independent program
# computed from the page alone, from the model's bytes to the digest.
. "$(dirname "$0")/lib.sh"
head -n 3 "$data/demo.jsonl" >r.jsonl
for profile in ppl dippy-2025-01; do
	want=$(awk -v p=$profile '$1 == "case" { on = ($2 == p) } on && $1 == "result" { print $2 }' \
		"$data/vectors/results.txt")
	ok "$profile: there is a vector" [ ${#want} = 64 ]
	for isa in auto ref; do
		status "$profile --isa $isa" 0 sn-score -q -m "$data/tiny" -p $profile --isa $isa r.jsonl
		is "$profile --isa $isa: result.digest" "$(json out 'd["result"]["digest"]')" "$want"
	done
done
done_testing
