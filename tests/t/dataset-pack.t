#!/bin/sh
# pack: what it takes, what it drops, what it refuses, what it says.
. "$(dirname "$0")/lib.sh"

oracle="python3 $top/tests/oracle/sample.py"
rec() { # rec TEXT [CREATED_AT]
	printf '{"system_prompt":"%s","messages":[{"role":"user","content":"hi"}]%s}\n' "$1" \
		"${2:+,\"created_at\":$2}"
}

# once, twice, with others
status "pack makes a dataset" 0 sn-dataset pack d "$data/demo.jsonl"
is "all are added" "$(json out '[d["records"],d["added"],d["duplicates"]]')" "[100, 100, 0]"
id=$(json out 'd["snapshot"]')
is "the id is the page's" "$id" "$($oracle --snapshot-id - "$data/demo.jsonl")"
is "bytes are those of the records" "$(json out 'd["bytes"]')" $(($(wc -c <"$data/demo.jsonl") - 100))
stored=$(json out 'd["stored"]')
is "stored is what the shard takes" "$stored" "$(cat d/shards/*.zst | wc -c)"
status "again" 0 sn-dataset pack d "$data/demo.jsonl"
is "nothing is added, the snapshot is the one there is" "$(cat out)" \
	"{\"snapshot\":\"$id\",\"records\":100,\"added\":0,\"duplicates\":100,\"bytes\":0,\"stored\":0}"
is "one snapshot" "$(sn-dataset ls d | wc -l)" 1
rec new 1000 >new.jsonl
status "old and new, twice over" 0 sn-dataset pack d "$data/demo.jsonl" new.jsonl new.jsonl
is "one is added" "$(json out '[d["records"],d["added"],d["duplicates"]]')" "[101, 1, 101]"
is "the chain goes on" "$(json out 'd["snapshot"]')" "$($oracle --snapshot-id "$id" new.jsonl)"
cat "$data/demo.jsonl" new.jsonl >want
sn-dataset cat d >got
same "cat gives the bytes back, in order of arrival" got want
sn-dataset cat d --snapshot "$id" >got
same "cat of an older snapshot" got "$data/demo.jsonl"
status "verify" 0 sn-dataset verify d

# bytes are kept exactly
printf '{ "messages" : [],"system_prompt":"\\u00e9 \303\251", "zzz":1.50 }\r\n\n{"system_prompt":"","messages":[]}' >odd
status "odd spacing, CR, an empty line, no last line end" 0 sn-dataset pack odd.d - <odd
sn-dataset pack odd.d <odd >out
is "two records" "$(json out 'd["records"]')" 2
sn-dataset cat odd.d >got
{ sed '/^$/d' odd; echo; } >want
same "as they came in" got want

# time
rec a >nodate
SN_NOW=5000 sn-dataset pack t nodate >/dev/null
SN_NOW=9000 sn-dataset pack t nodate >/dev/null
is "without created_at: the time it first came in" "$(sn-dataset stat t | json - 'd["first"],d["last"]')" \
	'["1970-01-01T01:23:20Z", "1970-01-01T01:23:20Z"]'
rec b '"2025-01-18T23:30:00.5+01:30"' | sn-dataset pack t >/dev/null
is "created_at, to the second, in UTC" "$(sn-dataset stat t | json - 'd["last"]')" 2025-01-18T22:00:00Z
SN_NOW=100 sn-dataset pack t new.jsonl >/dev/null
is "a clock set back does not seal before its predecessor" \
	"$(sn-dataset ls t | json - 'd["sealed"]' 2>/dev/null || sn-dataset ls t | tail -1 | json - 'd["sealed"]')" \
	"$(sn-dataset ls t | sed -n 2p | json - 'd["sealed"]')"

# nothing at all
status "an empty batch" 0 sn-dataset pack e /dev/null
is "there is no snapshot yet" "$(json out 'd["snapshot"], d["records"]')" '[null, 0]'
status "verify of the empty dataset" 0 sn-dataset verify e
status "sample of the empty dataset" 0 sn-dataset sample e --start 20250101 --end 20250102
is "is empty" "$(wc -c <out)" 0
is "so is cat" "$(sn-dataset cat e | wc -c)" 0
is "and ls" "$(sn-dataset ls e | wc -c)" 0

# refused: the whole batch, in one line
{ cat new.jsonl; echo '{"system_prompt":"x","messages":[{"role":"user"}]}'; } >bad.jsonl
before=$(find d -type f -exec sha256sum {} + | sort)
refuses "a bad record" 1 'sn-dataset: bad.jsonl: line 2: key "messages": item 1: key "content": missing' \
	sn-dataset pack d "$data/demo.jsonl" bad.jsonl
is "leaves the dataset alone" "$(find d -type f -exec sha256sum {} + | sort)" "$before"
refuses "not JSON" 1 'sn-dataset: bad2: line 1: not JSON: column *' sh -c 'echo "{a}" >bad2; exec sn-dataset pack d bad2'
refuses "not UTF-8" 1 'sn-dataset: bad3: line 1: not JSON: *' \
	sh -c 'printf "{\"system_prompt\":\"\377\",\"messages\":[]}\n" >bad3; exec sn-dataset pack d bad3'
printf '{"system_prompt":"a\0b","messages":[]}\n' >bad4
refuses "a NUL byte" 1 'sn-dataset: bad4: line 1: not JSON: *' sn-dataset pack d bad4
python3 -c 'print("{\"system_prompt\":\"%s\",\"messages\":[]}" % ("x" * (8388607 - 34)))' >big
is "a record of the largest size" "$(awk '{print length}' big)" 8388607
status "is taken" 0 sn-dataset pack big.d big
sn-dataset cat big.d >got
same "and given back" got big
sed 's/"x/"xx/' big >big1
refuses "one byte more is not" 1 'sn-dataset: big1: line 1: longer than 8388607 bytes' sn-dataset pack d big1
refuses "an absent file" 111 'sn-dataset: cannot open nofile: *' sn-dataset pack d nofile
refuses "a directory" 111 'sn-dataset: *' sn-dataset pack d .
refuses "a file as the dataset" 100 'sn-dataset: bad.jsonl: not a directory' sn-dataset pack bad.jsonl nodate
mkdir full && touch full/x
refuses "a directory with other things in it" 100 'sn-dataset: full: not a dataset, and not empty: x is in it' \
	sn-dataset pack full nodate
is "is left as it was" "$(ls full)" x
is "nothing is left over" "$(find . -name 'tmp-*' -o -name '*.tmp*')" ""
for c in cat ls stat verify repack "sample --start 20250101 --end 20250102"; do
	# shellcheck disable=SC2086
	refuses "$c: an absent dataset" 100 'sn-dataset: nowhere: not a dataset: no HEAD in it' sn-dataset $c nowhere
done
is "is not made" "$(ls -d nowhere 2>/dev/null)" ""
refuses "pack without a directory" 100 'sn-dataset: *' sn-dataset pack
refuses "an unknown option" 100 'sn-dataset: *' sn-dataset pack --nope d
refuses "a snapshot that is none" 1 'sn-dataset: d: no snapshot 00*' sn-dataset cat d --snapshot \
	0000000000000000000000000000000000000000000000000000000000000000
refuses "a snapshot id cut short" 100 'sn-dataset: --snapshot: *' sn-dataset cat d --snapshot "${id%?}"

# stdout that fails
for c in "pack d nodate" "cat d" "ls d" "stat d" "verify d" "sample d --start 20240101 --end 20260101"; do
	sh -c "sn-dataset $c" >/dev/full 2>err
	is "$c: a full device" "$? $(wc -l <err)" "111 1"
	sh -c "sn-dataset $c >&-" 2>err
	is "$c: a closed stdout" "$? $(wc -l <err)" "111 1"
done
status "and the dataset is well" 0 sn-dataset verify d

# larger: two shards in one batch, and a dictionary
if [ -r "$shared/data/conversations.jsonl" ]; then
	c=$shared/data/conversations.jsonl
	status "997 conversations, a shard for each 1 MiB" 0 sn-dataset pack two --shard-size 1Mi "$c"
	is "make three shards" "$(sn-dataset stat two | json - 'd["shards"]')" 3
	is "and one snapshot, the page's" "$(json out 'd["snapshot"]')" "$($oracle --snapshot-id - "$c")"
	sn-dataset cat two >got
	same "all there" got "$c"
	status "verified" 0 sn-dataset verify two
	ok "piped in" sh -c "cat $c | sn-dataset pack one >out"
	is "the same snapshot" "$(json out 'd["snapshot"]')" "$($oracle --snapshot-id - "$c")"
	size=$(json out 'd["stored"]')
	ok "stored in under a third ($size bytes)" [ "$size" -lt $((2491994 / 3)) ]
else
	skip "997 conversations" "no shared data"
fi
done_testing
