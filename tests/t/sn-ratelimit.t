#!/bin/sh
# sn-ratelimit from a shell: the answers, the statuses, the lists, blocks, and what it refuses.
. "$(dirname "$0")/lib.sh"

SN_NOW=1737237600
export SN_NOW
at() { SN_NOW=$((1737237600 + $1)); }

refuses "take without a table" 100 "*/home/limits: no limiter table (sn-ratelimit set makes it)" \
	sn-ratelimit take p k
refuses "ls without a table" 1 "*: no limiter table*" sn-ratelimit ls
status "set" 0 sn-ratelimit set p --rate 3/h --burst 2
is "says nothing" "$(cat out err)" ""
is "the table is private" "$(stat -c %a home/limits)" 600
status "take" 0 sn-ratelimit take p k
is "the answer" "$(cat out)" \
	'{"allowed":true,"blocked":false,"limit":2,"remaining":1,"reset":1200.0,"retry_after":0.0}'
status "peek" 0 sn-ratelimit peek p k
is "takes nothing" "$(json out 'd["remaining"]')" 1
status "peek for two" 1 sn-ratelimit peek p k --cost 2
status "take the last" 0 sn-ratelimit take p k
status "limited is 1" 1 sn-ratelimit take p k
is "limited, on stdout" "$(cat out)" \
	'{"allowed":false,"blocked":false,"limit":2,"remaining":0,"reset":2400.0,"retry_after":1200.0}'
is "and nothing on stderr" "$(cat err)" ""
status "another key" 0 sn-ratelimit take p j -c 2
at 1199
status "too early" 1 sn-ratelimit take p k
at 1200
status "on time" 0 sn-ratelimit take p k
status "change the burst alone" 0 sn-ratelimit set p --burst 3
status "which helps at once" 0 sn-ratelimit take p k
status "change the rate alone" 0 sn-ratelimit set p --rate 1/s
is "ls" "$(sn-ratelimit ls)" '{"policy":"p","rate":"1/s","interval":1.0,"burst":3,"live":2,"blocks":0}'
refuses "a cost above the burst" 100 "*cost 4 is more than the burst of policy \"p\", 3: never allowed" \
	sn-ratelimit take p k --cost 4
refuses "an unknown policy" 100 '*/home/limits: no policy "q"' sn-ratelimit take q k
refuses "peek likewise" 100 '*no policy "q"' sn-ratelimit peek q k

at 9000
status "block" 0 sn-ratelimit block k --for 90
status "take of a blocked key" 1 sn-ratelimit take p k
is "says blocked" "$(cat out)" \
	'{"allowed":false,"blocked":true,"limit":3,"remaining":3,"reset":0.0,"retry_after":90.0}'
at 9090
status "the block is over" 0 sn-ratelimit take p k
status "block for ever under one policy" 0 sn-ratelimit block k --policy p
status "take" 1 sn-ratelimit take p k
is "no end is null" "$(json out 'd["retry_after"]')" null
is "ls counts it" "$(sn-ratelimit ls | json - 'd["blocks"]')" 1
status "block it for all as well" 0 sn-ratelimit block k
status "unblock lifts both" 0 sn-ratelimit unblock k
status "take" 0 sn-ratelimit take p k
refuses "unblock what is not blocked" 1 '*"k" is not blocked' sn-ratelimit unblock k
refuses "block under an unknown policy" 100 '*no policy "q"' sn-ratelimit block k -p q
status "stat" 0 sn-ratelimit stat
is "stat" "$(json out '(d["slots"], d["blocks"], d["crowded"], d["crowded_last"])')" '[1048576, 0, 0, null]'

status "rm" 0 sn-ratelimit rm p
refuses "rm of what is gone" 100 '*no policy "p"' sn-ratelimit rm p
refuses "set wants both for a new one" 100 '*no policy "new"' sn-ratelimit set new --burst 3
refuses "set wants something" 100 "*nothing to set*" sn-ratelimit set new
refuses "a bad name" 100 '*"a b" is not a name*' sn-ratelimit set "a b" -r 1/s -b 1
refuses "a bad rate" 100 "*option -r: \"3\" is not a rate*" sn-ratelimit set p -r 3 -b 1
refuses "burst 0" 100 "*option -b*" sn-ratelimit set p -r 1/s -b 0
refuses "a bucket of centuries" 100 "*takes more than 146 years to refill" \
	sn-ratelimit set p -r 1/d -b 60000
refuses "another number of slots" 100 "*: has 1048576 slots, and keeps them" \
	sn-ratelimit set p -r 1/s -b 1 --slots 64

# -f, and one bucket that is full
status "another table" 0 sn-ratelimit -f small set p -r 1/h -b 1 --slots 8
for i in 1 2 3 4 5 6 7 8; do sn-ratelimit -f small take p k$i >/dev/null; done
status "the ninth key, from the shared bucket" 0 sn-ratelimit -f small take p k9
like "with a warning" "$(cat err)" '*small: no room for another key: "k9" shares an overflow bucket'
status "and the tenth is limited by it" 1 sn-ratelimit -f small take p k10 -q
is "-q: no warning" "$(cat err)" ""
is "stat tells" "$(sn-ratelimit -f small stat | json - '(d["slots"], d["live"], d["crowded"] > 0, d["crowded_last"])')" \
	'[8, 8, true, "2025-01-19T00:31:30Z"]'

# what is no table, and what cannot be written
printf 'hello' >text
refuses "a text file" 1 "*text: not a limiter table" sn-ratelimit -f text take p k
is "is left alone" "$(cat text)" hello
head -c 5000 small >"cut"
refuses "a table cut short" 1 "*cut: a limiter table of 5000 bytes, should be *" sn-ratelimit -f cut take p k
refuses "a directory" 111 "*cannot open home: *" sn-ratelimit -f home take p k
refuses "a full disk" 111 "*cannot make full: No space left on device" \
	fault fallocate:1:ENOSPC sn-ratelimit -f full set p -r 1/s -b 1
refuses "a disk full at the header" 111 "*cannot make full: No space left on device" \
	fault write:1:ENOSPC sn-ratelimit -f full set p -r 1/s -b 1
refuses "a disk that fails to sync" 111 "*cannot make full: Input/output error" \
	fault fsync:1:EIO sn-ratelimit -f full set p -r 1/s -b 1
is "leaves nothing" "$(ls full* 2>/dev/null)" ""
(fault fsync:1:KILL sn-ratelimit -f full set p -r 1/s -b 1) 2>/dev/null
is "killed while making: no table" "$(ls full 2>/dev/null)" ""
status "the next one makes it" 0 sn-ratelimit -f full set p -r 1/s -b 1
status "/dev/full" 111 sh -c 'sn-ratelimit -f full take p k >/dev/full'
is "is one line" "$(cat err)" "sn-ratelimit: cannot write standard output: No space left on device"
status "closed stdout" 111 sh -c 'sn-ratelimit -f full ls >&-'
is "is one line" "$(cat err)" "sn-ratelimit: cannot write standard output: Bad file descriptor"
done_testing
