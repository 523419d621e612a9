#!/bin/sh
# The helpers that need no built program: the page's sample rules hold against SipHash's
# published vectors, and the scripts that fetch things refuse what they do not know.
# shellcheck source=tests/t/lib.sh
. "$(dirname "$0")/lib.sh"

if command -v python3 >/dev/null 2>&1; then
	is 'sample.py agrees with published vectors' "$(python3 "$top/tests/oracle/sample.py" --selftest)" ok
	is 'half of the demo records are recent' "$(python3 "$top/tests/oracle/sample.py" \
		--start 20241201 --end 1737237600 --recent 1 -n 50 --seed x --keys "$data/demo.jsonl" |
		awk '$3 > 1737237600 - 172800' | wc -l | tr -d ' ')" 50
else
	skip 'sample.py' 'no python3'
fi
status 'get-model: an unknown name' 100 "$top/scripts/get-model" nosuch
status 'get-model: no name' 100 "$top/scripts/get-model"
status 'get-model: help' 0 "$top/scripts/get-model" -h
status 'get-model: no python' 111 env SN_MODEL_CACHE="$TMP/c" PYTHON=/nonexistent \
	"$top/scripts/get-model" smollm2
ok 'get-model: nothing left behind' test ! -e "$TMP/c"
status 'venv: no python' 111 env PYTHON=/nonexistent "$top/scripts/venv" "$TMP/v"
status 'venv: an unknown option' 100 "$top/scripts/venv" --nosuch
done_testing
