#!/bin/sh
# A run that is cut short at any point, by a kill, a full disk, a power failure or its
# deadline, goes on when the same command is given again: same digest, same bytes of lines.
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 5 "$data/demo.jsonl" >r
echo '{"system_prompt":"","messages":[{"role":"user","content":"Hello."}]}' >>r
sed -n 6,7p "$data/demo.jsonl" >>r
digest() { json "$1" 'd["result"]["digest"]'; }
# small groups: several of them
score() { sn-score -q -m "$m" -j 1 --memory "$memory" "$@" r; }
memory=8M step=1 least=20

for how in "ppl" "dippy-2025-01" "ppl --target all" "dippy-2025-01 --logprobs"; do
	rm -f want lines lines.run
	# shellcheck disable=SC2086 # words
	SN_FAULT_COUNT=count fault none score -p $how --samples want >want.json
	ok "$how: several groups" test "$(json want.json 'd["run"]["groups"]')" -gt 1
	is "$how: nothing but lines is left" "$(echo want*)" "want want.json"
	bad=
	points=0
	for call in write fsync ftruncate; do
		last=$(sed -n "s/^$call //p" count)
		at=1
		[ "$how" = ppl ] || [ "$last" -lt 4 ] || at=3   # every point once is enough
		while [ $at -le "$last" ]; do
			for what in KILL KILLED; do
				rm -f lines lines.run
				# shellcheck disable=SC2086
				fault $call:$at:$what score -p $how --samples lines >out 2>/dev/null
				[ $? = 137 ] || bad="$bad $call:$at:$what(not killed)"
				head -n "$(wc -l <lines)" want | cmp -s - lines || bad="$bad $call:$at:$what(lines)"
				# shellcheck disable=SC2086
				score -p $how --samples lines >out.json 2>err || bad="$bad $call:$at:$what($(cat err))"
				[ "$(digest out.json)" = "$(digest want.json)" ] || bad="$bad $call:$at:$what(digest)"
				cmp -s lines want || bad="$bad $call:$at:$what(bytes)"
				[ ! -e lines.run ] || bad="$bad $call:$at:$what(lines.run)"
				points=$((points + 1))
			done
			at=$((at + step))
		done
	done
	rm count
	ok "$how: $points kills" test $points -gt $least
	is "$how: each gone on with" "$bad" ""
	step=5 least=6
done

# what is there is not computed again; a second kill is as good as the first
cut() { rm -f lines lines.run; fault "write:$1:KILL" score --samples lines >out 2>&1; }
score --samples want >want.json
cut 5
is "killed: what is there" "$(wc -l <lines)" 3
fault write:3:KILL score --samples lines >out 2>&1
is "killed again, two lines later" "$(wc -l <lines)" 5
score --samples lines >out.json
is "... the summary says how many lines were there" "$(json out.json 'd["run"]["resumed"]')" 5
is "... and counts what it computed" "$(json out.json 'd["run"]["tokens"]')" \
	"$(sed 1,5d r >rest; sn-score -q -m "$m" rest | json - 'd["run"]["tokens"]')"
is "... the summary is the same" "$(json out.json '[v for k, v in d.items() if k != "run"]')" \
	"$(json want.json '[v for k, v in d.items() if k != "run"]')"
same "... and so are the lines" lines want
score --samples lines >out.json
is "a run that has ended begins anew" "$(json out.json '"resumed" in d["run"]')" false

# with other threads, kernels, memory and pairs: the lines are the same
cut 5
sn-score -q -m "$m" --isa scalar -j 2 --samples lines r >out.json
is "other kernels go on" "$(digest out.json)" "$(digest want.json)"
same "... same lines" lines want
# all lines are there, but no summary was printed
rm -f lines lines.run
status "standard output is full" 111 sh -c 'sn-score -m "$0" --samples lines r >/dev/full' "$m"
score --samples lines >out.json
is "... nothing is left to compute" "$(json out.json '[d["run"]["tokens"], d["run"]["resumed"]]')" "[0, 8]"
is "... but the summary is the same" "$(digest out.json)" "$(digest want.json)"

# the disk fills up
rm -f lines lines.run
refuses "no space for the fourth line" 111 "sn-score: cannot write lines: No space left on device" \
	fault "write:5:SHORT,write:6+:ENOSPC" score --samples lines
score --samples lines >out.json
is "... three were kept" "$(json out.json 'd["run"]["resumed"]')" 3
same "... and the rest is written when there is space" lines want
rm -f lines lines.run
refuses "no space for lines.run" 111 "sn-score: cannot write lines.run: No space left on device" \
	fault "write:1:SHORT,write:2+:ENOSPC" score --samples lines
score --samples lines >out.json
same "... begins anew" lines want

# half a line, and blocks that the power failure took
for tail in '{"index":3,"dig' '\0\0\0\0' '{"index":3,"d\0\0\0\0\n{"index":4}\n' ''; do
	cut 5
	# shellcheck disable=SC2059
	printf "$tail" >>lines
	score --samples lines >out.json 2>err || fail "goes on" "$(cat err)"
	same "a torn end is cut off: $tail" lines want
done
for torn in '' '{"sn-sam' '\0\0\0\0' '{"sn-samples":"1","version":"0'; do
	: >lines
	# shellcheck disable=SC2059
	printf "$torn" >lines.run
	score --samples lines >out.json 2>err || fail "begins" "$(cat err)"
	same "a torn lines.run: $torn" lines want
done

# another run is refused, and nothing touched
cut 5
cp lines kept
cp lines.run kept.run
other() { # NAME ITEM COMMAND...
	name=$1 item=$2
	shift 2
	refuses "$name is another run" 100 "sn-score: lines: holds a run that was cut short, with another $item: *--restart*" "$@"
	same "... its lines stay" lines kept
	same "... and so does lines.run" lines.run kept.run
}
cp -r "$m" other && chmod -R u+w other && echo >>other/config.json
head -n 7 r >fewer
sed '1s/"created_at"/"created_at" /' r >changed
other "another profile" profile sn-score -m "$m" -p dippy-2025-01 --samples lines r
other "another target" target sn-score -m "$m" --target all --samples lines r
other "--logprobs" logprobs sn-score -m "$m" --logprobs --samples lines r
other "another model" model sn-score -m other --samples lines r
other "a record less" records sn-score -m "$m" --samples lines fewer
other "a record changed" records sn-score -m "$m" --samples lines changed
refuses "a bad model" 1 "*" sn-score -m r --samples lines r
same "... its lines stay" lines kept
score -p dippy-2025-01 --samples new >/dev/null
score -p dippy-2025-01 --samples lines --restart >/dev/null
same "--restart begins the other run" lines new
is "... and lines.run is gone" "$(echo lines*)" lines
refuses "--restart alone" 100 "sn-score: --restart goes with --samples FILE" sn-score -m "$m" --restart r
cut 5
cp -r other broken && : >broken/config.json
refuses "a model that is refused" 1 "sn-score: broken/*" sn-score -m broken --samples fresh r
is "... makes no file" "$(echo fresh*)" "fresh*"

# lines that are not what this run wrote
wrong() { # NAME LINE SED
	cut 6
	sed -i "$3" lines
	cp lines kept
	refuses "$1" 1 "sn-score: lines: line $2: is not what this run wrote*" score --samples lines
	same "... is left as it is" lines kept
}
wrong "a digit more" 2 '2s/\("nll":[0-9]*\)/\11/'
wrong "no number" 2 '2s/"nll":[0-9.]*/"nll":true/'
wrong "a number out of range" 2 '2s/"nll":[0-9.]*/"nll":1e999/'
wrong "another index" 3 '3s/"index":2/"index":3/'
wrong "a line twice" 2 '1p'
wrong "another digest" 1 '1s/"digest":"./"digest":"x/'
wrong "other tokens" 4 '4s/"tokens":[0-9]*/"tokens":7/'
wrong "no line" 2 '2s/.*//'
wrong "no JSON" 2 '2s/.*/ab/'
wrong "something behind the object" 2 '2s/$/ /'
rm -f lines lines.run
fault write:5:KILL score --logprobs --samples lines >out 2>&1
sed -i '2s/"ids":\[[0-9]*,/"ids":[/' lines
refuses "an id less" 1 "sn-score: lines: line 2: is not what this run wrote*" score --logprobs --samples lines
cut 6
cat want want >lines
refuses "lines too many" 1 "sn-score: lines: line 9: there are only 8 records" score --samples lines
cut 5
echo mine >lines.run
refuses "a lines.run of somebody else" 1 "sn-score: lines.run: is in the way, and not of sn-score" score --samples lines
is "... stays" "$(cat lines.run)" mine
rm -f lines.run

# two at once
cut 5
cp lines kept
refuses "another run that writes" 111 "sn-score: lines: another run is writing it" \
	flock lines sn-score -m "$m" --samples lines r
same "... touches nothing" lines kept

# --deadline
rm -f lines lines.run
turns=0
while :; do
	score --deadline 1ms --samples lines >out.json 2>err
	got=$?
	turns=$((turns + 1))
	if [ $got != 99 ] || [ $turns -ge 20 ]; then break; fi
	cp err said
	head -n "$(wc -l <lines)" want | cmp -s - lines || fail "whole lines at the deadline"
done
is "a deadline that is over at once still comes to an end" "$got" 0
ok "... in several turns" test $turns -gt 2
is "... same digest" "$(digest out.json)" "$(digest want.json)"
same "... same lines" lines want
like "... says how far it is" "$(cat said)" "sn-score: deadline: [1-7] of 8 records are done; the same command goes on from there"
refuses "a deadline without --samples" 99 "sn-score: deadline: 0 of 8 records are done; nothing to go on from without --samples FILE" \
	sn-score -m "$m" --deadline 1ns r
status "a deadline that is far" 0 sn-score -m "$m" --deadline 1h r
cp out out.json
is "... changes nothing" "$(digest out.json)" "$(digest want.json)"
status "a deadline that is further than time" 0 sn-score -m "$m" --deadline 200000d r
refuses "no deadline" 100 "sn-score: option --deadline*" sn-score -m "$m" --deadline 0 r
done_testing
