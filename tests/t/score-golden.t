#!/bin/sh
# The tiny model on the demo's conversations gives these figures and digests for ever:
# tests/data/golden/score-*.json, everything but "run" and "version".
# SN_GOLDEN=write makes them anew (and a change of them is a change of published scores).
. "$(dirname "$0")/lib.sh"

golden() {
	name=$1
	shift
	sn-score -q -m "$data/tiny" "$@" <"$data/demo.jsonl" >out.json || fail "$name runs"
	python3 -c 'import json,sys
d=json.load(sys.stdin); d.pop("run"); d.pop("version"); print(json.dumps(d, indent=1))' <out.json >got
	[ "${SN_GOLDEN-}" != write ] || cp got "$data/golden/score-$name.json"
	same "$name" got "$data/golden/score-$name.json"
}
golden ppl -p ppl
golden ppl-all -p ppl --target all
golden dippy -p dippy-2025-01
golden dippy-pair -p dippy-2025-01 --pair
done_testing
