#!/bin/sh
# Bodies are kept byte for byte; batches are whole or absent; ids come when they are due.
. "$(dirname "$0")/lib.sh"

cat >bodies.py <<'PY'
import base64, json, sys
out = sys.stdout.buffer
for line in sys.stdin:
    d = json.loads(line)
    b = d["body"]
    if "body_base64" in d:
        out.write(base64.b64decode(d["body_base64"]))
    else:
        out.write((b if isinstance(b, str) else json.dumps(b)).encode())
    out.write(b"\n")
PY
printf 'plain\n\n  spaces  \n{"a":1}\n[1,2\ncr\r\nnul\0inside\nbad \377\300\200 utf8\n"quoted"\nlast' >in
sn-queue push <in >ids
is "an id a line, the last without an end too" "$(tr '\n' ' ' <ids)" "1 2 3 4 5 6 7 8 9 10 "
i=0
mkdir got
while i=$((i + 1)) && [ $i -le 10 ]; do echo $i; done >want
sn-queue run --drain -- sh -c 'cat >got/$SN_JOB_ID'
for i in 1 2 3 4 5 6 7 8 9 10; do cat got/$i; [ $i = 10 ] || echo; done >back
same "run hands out the very bytes" back in
sn-queue ls >listed
is "every line of ls is JSON" "$(python3 -c 'import json,sys; print(sum(1 for l in sys.stdin if json.loads(l)))' <listed)" 10
is "JSON is JSON, the rest are strings" "$(python3 -c '
import json,sys
print(" ".join(type(json.loads(l)["body"]).__name__ for l in sys.stdin))' <listed)" "str str str dict str str str str str str"
python3 bodies.py <listed >back
printf 'plain\n\n  spaces  \n{"a": 1}\n[1,2\ncr\r\nnul\0inside\nbad \377\300\200 utf8\nquoted\nlast\n' >want
same "nothing is lost in the strings" back want

sn-queue -d big.db push '{"n":
	123456789012345678901234567890, "n":1e2}' >/dev/null
is "JSON goes out as it came, on one line" "$(sn-queue -d big.db pop | sed 's/.*"body"://')" \
	'{"n": 	123456789012345678901234567890, "n":1e2}}'
is "a dash alone is standard input" "$(echo x | sn-queue -d dash.db push - && sn-queue -d dash.db ls | json - 'd["body"]')" "1
x"

# a slow pipe: each line's id comes before the next line does
mkfifo slow answers
sn-queue -d slow.db push <slow >answers &
pids="$pids $!"
exec 3>slow 4<answers
printf 'one\ntw' >&3
read -r id <&4
is "the first id comes while half a line waits" "$id" 1
is "and it is stored" "$(sn-queue -d slow.db ls | json - 'd["body"]')" one
printf 'o\nthree\n' >&3
read -r id <&4; read -r id2 <&4
is "the next two" "$id $id2" "2 3"
exec 3>&-
wait $! 2>/dev/null
exec 4<&-

seq 25000 >many
sn-queue -d many.db push <many >ids
same "25,000 lines, 25,000 ids" ids many
is "in order" "$(sn-queue -d many.db ls | python3 -c '
import json,sys
print(all(json.loads(l)["body"] == i for i, l in enumerate(sys.stdin, 1)))')" True

# a line too long: its batch is absent, what was said is there
python3 -c '
import sys
w = sys.stdout.write
for i in range(10000): w("%d\n" % i)
w("a\nb\n" + "x" * (16 << 20) + "y\nc\n")' >long
sn-queue -d long.db push <long >ids 2>err
is "too long: refused" "$?" 1
is "with the line's number" "$(cat err)" "sn-queue: standard input: line 10003: longer than 16777216 bytes"
is "stored is what was said" "$(sn-queue -d long.db ls | wc -l)" "$(wc -l <ids)"
like "which is a prefix" "$(wc -l <ids)" "1000[0-9]"
sn-queue -d atomic.db push --atomic <long >ids 2>err
is "--atomic: refused" "$?" 1
is "nothing said" "$(cat ids)" ""
is "nothing stored" "$(sn-queue -d atomic.db ls)" ""
python3 -c 'import sys; sys.stdout.write("x" * (16 << 20))' | sn-queue -d max.db push >ids
is "the largest body" "$(cat ids) $(sn-queue -d max.db run --drain -- wc -c)" "1 16777216"

# ids that cannot be said
sn-queue -d full.db push x >/dev/full 2>err
is "/dev/full" "$? $(cat err)" "111 sn-queue: jobs 1 to 1 are stored, but: cannot write standard output: No space left on device"
sn-queue -d full.db push x >&- 2>err
is "closed stdout: refused before" "$? $(cat err)" "111 sn-queue: cannot write standard output: Bad file descriptor"
{ seq 5; sleep 0.3; seq 5; sleep 0.3; seq 5; } | { sn-queue -d pipe.db push 2>err; echo $? >rc; } | head -1 >/dev/null
is "a reader that goes away is told of" "$(cat rc) $(sed 's/jobs .* are/jobs N are/' err)" \
	"111 sn-queue: jobs N are stored, but: cannot write standard output: Broken pipe"

# a job that cannot be said is put back
sn-queue -d back.db push x >/dev/null
sn-queue -d back.db pop >/dev/full 2>err
is "pop on /dev/full" "$? $(cat err)" "111 sn-queue: job 1 is put back: cannot write standard output: No space left on device"
sn-queue -d back.db pop >&- 2>err
is "pop on a closed stdout" "$? $(cat err)" "111 sn-queue: cannot write standard output: Bad file descriptor"
{ sleep 0.2; sn-queue -d back.db pop 2>err; echo $? >rc; } | true
is "pop into a broken pipe" "$(cat rc) $(cat err)" "111 sn-queue: job 1 is put back: cannot write standard output: Broken pipe"
is "it is there, and no attempt was counted" "$(sn-queue -d back.db pop | json - '(d["id"], d["attempt"])')" "[1, 1]"
for c in ls stats; do
	sn-queue -d back.db $c >/dev/full 2>err
	is "$c on /dev/full" "$? $(cat err)" "111 sn-queue: cannot write standard output: No space left on device"
done
sn-queue push <"$TMP" >out 2>err
is "a directory on stdin" "$? $(cat out err)" "111 sn-queue: cannot read standard input: Is a directory"
done_testing
