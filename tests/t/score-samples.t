#!/bin/sh
# --samples: whole lines or none, whatever happens to the disk or the program.
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 8 "$data/demo.jsonl" >r
sn-score -q -m "$m" --samples want r >out.json
is "a line a record" "$(wc -l <want)" 8
is "fields of ppl" "$(head -n 1 want | sed 's/[0-9a-f]\{64\}/H/; s/:[0-9.]*\([,}]\)/:N\1/g')" '{"index":N,"digest":"H","tokens":N,"nll":N}'
sn-score -q -m "$m" -p dippy-2025-01 --samples lines r >/dev/null
is "fields of dippy" "$(head -n 1 lines | sed 's/[0-9a-f]\{64\}/H/; s/[0-9.]*[0-9]e*-*[0-9]*\([],}]\)/N\1/g')" \
	'{"index":N,"digest":"H","tokens":N,"q":N,"creativity":N,"sums":[N,N,N,N],"entropy":N}'

refuses "full disk" 111 "sn-score: cannot write /dev/full: No space left on device" sn-score -m "$m" --samples /dev/full r
refuses "a directory that is not there" 111 "sn-score: cannot open no/lines: No such file or directory" sn-score -m "$m" --samples no/lines r
refuses "a directory" 111 "sn-score: cannot open .: Is a directory" sn-score -m "$m" --samples . r

# the disk fills up in the middle of a line: it is cut off again, and the lines before stay
# (the first write is that of lines.run)
for at in 1 4 8; do
	rm -f lines lines.run
	refuses "no space at line $at" 111 "sn-score: cannot write lines: No space left on device" \
		fault "write:$((at + 1)):SHORT,write:$((at + 2))+:ENOSPC" sn-score -m "$m" --samples lines r
	head -n $((at - 1)) want >prefix
	same "... what is there is whole lines" lines prefix
done
rm -f lines.run
refuses "sync fails" 111 "sn-score: cannot sync lines: Input/output error" \
	fault fsync:5:EIO sn-score -m "$m" --samples lines r
status "an interrupted and a short write do no harm" 0 \
	fault write:1:SHORT,write:3:EINTR,write:5:SHORT sn-score -m "$m" --samples lines r
same "... the lines are the same" lines want
fault write:6:KILL sn-score -m "$m" --samples lines r >out 2>err
head -n 4 want >prefix
same "killed: whole lines" lines prefix

# lines come as groups are done, not all at the end
mkfifo fifo
(sn-score -q -m "$m" --memory 8M --samples fifo "$data/demo.jsonl" >summary.json) &
first=$(timeout 60 head -n 1 fifo)
like "to a pipe" "$first" '{"index":0,*'
wait
ok "a pipe whose reader went away is no success" test ! -s summary.json
sn-score -q -m "$m" --samples - r >both
is "to standard output" "$(wc -l <both)" 9
done_testing
