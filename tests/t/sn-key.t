#!/bin/sh
# sn-key from a shell: groups, keys, what is stored of them, and what is refused.
. "$(dirname "$0")/lib.sh"

SN_NOW=1737237600
export SN_NOW
keys() { sn-key ls | wc -l; }

refuses "add without a database" 100 "*/home/gate.db: no groups yet*" sn-key add --group sn11
refuses "ls without a database" 1 "*: no groups yet*" sn-key ls
refuses "half a command" 100 '*"group" needs a second word: add, set, ls, rm*' sn-key group
status "group add" 0 sn-key group add sn11 --rate 50/h --burst 100 --datasets chat,play
is "says nothing" "$(cat out err)" ""
is "the database is private" "$(stat -c %a home/gate.db)" 600
is "and the policy is set" "$(sn-ratelimit ls)" \
	'{"policy":"sn11","rate":"50/h","interval":72.0,"burst":100,"live":0,"blocks":0}'
status "a rate alone has a burst of 1" 0 sn-key group add public --rate 1/h
status "no limit" 0 sn-key group add ops
is "group ls" "$(sn-key group ls)" \
'{"group":"ops","rate":null,"burst":null,"datasets":null,"keys":0,"created":"2025-01-18T22:00:00Z"}
{"group":"public","rate":"1/h","burst":1,"datasets":null,"keys":0,"created":"2025-01-18T22:00:00Z"}
{"group":"sn11","rate":"50/h","burst":100,"datasets":["chat","play"],"keys":0,"created":"2025-01-18T22:00:00Z"}'
refuses "a group twice" 1 '*there is a group "sn11" already' sn-key group add sn11
refuses "a bad name" 100 '*"a/b" is not a name*' sn-key group add a/b
refuses "a burst without a rate" 100 "*--burst alone is no limit*" sn-key group add x --burst 3
refuses "a list with a hole" 100 '*"a,,b" is not a list*' sn-key group add x --datasets a,,b
refuses "a bucket of centuries" 100 "*takes more than 146 years*" sn-key group add x -r 1/d -b 99999
is "leaves no group" "$(sn-key group ls | grep -c '"x"')" 0

status "group set" 0 sn-key group set sn11 --burst 5
is "changes the policy, and no more" "$(sn-ratelimit ls | grep sn11 | json - '(d["rate"], d["burst"])')" '["50/h", 5]'
is "nor the datasets" "$(sn-key group ls | grep sn11 | json - 'd["datasets"]')" '["chat", "play"]'
status "all datasets" 0 sn-key group set sn11 --datasets ""
is "is null" "$(sn-key group ls | grep sn11 | json - 'd["datasets"]')" null
status "no limit" 0 sn-key group set public --no-limit
is "removes the policy" "$(sn-ratelimit ls | grep -c public)" 0
refuses "a burst for a group without a rate" 100 '*group "public" has no rate*' sn-key group set public -b 2
refuses "both" 100 "*--no-limit with --rate*" sn-key group set sn11 --no-limit -r 1/s
refuses "nothing" 100 "*nothing to set" sn-key group set sn11
refuses "an unknown group" 100 '*no group "sn58"*' sn-key group set sn58 --burst 2 --rate 2/h

status "add" 0 sn-key add --group sn11 --note "Ärger \"&\" Söhne" --expires 30d
key=$(tail -n 1 out)
is "one line" "$(wc -l <out)" 1
is "shaped so" "$(printf %s "$key" | sed 's/[a-z2-9]\{8\}_/ID_/; s/_[0-9A-Za-z]\{49\}$/_SECRET/')" sn_ID_SECRET
id=$(printf %s "$key" | cut -c 4-11)
is "ls" "$(sn-key ls)" "{\"id\":\"$id\",\"group\":\"sn11\",\"state\":\"active\",\"note\":\"Ärger \\\"&\\\" Söhne\",\"created\":\"2025-01-18T22:00:00Z\",\"expires\":\"2025-02-17T22:00:00Z\",\"revoked\":null}"
# what is stored: the hash, and no part of the secret
is "the hash is BLAKE2b-256 of the key without its check" \
	"$(python3 - "$key" home/gate.db <<'EOP'
import hashlib, sqlite3, sys
key, db = sys.argv[1:]
digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
row, = sqlite3.connect(db).execute("select hash from gate_key")
want = hashlib.blake2b(key[:-6].encode(), digest_size=32).digest()
n = 0
for c in key[-6:]:
    n = n * 62 + digits.index(c)
print(row[0] == want, n == int.from_bytes(want[:4], "big"))
EOP
)" "True True"
secret=$(printf %s "$key" | cut -c 13-55)
for len in 43 20 10; do
	part=$(printf %s "$secret" | cut -c 1-$len)
	is "no file holds $len characters of the secret" "$(grep -rlF "$part" home | wc -l)" 0
done

refuses "add to an unknown group" 100 '*no group "sn58"*' sn-key add -g sn58
refuses "add to none" 100 "*--group NAME is needed" sn-key add
refuses "a time that has passed" 100 '*--expires: "2025-01-18" has passed already' sn-key add -g ops -x 2025-01-18
refuses "no time" 100 '*--expires: "soon" is not a date*' sn-key add -g ops -x soon
refuses "no time either" 100 '*--expires: "d" is not a time*' sn-key add -g ops -x d
refuses "a note with a newline" 100 "*--note: control characters*" sn-key add -g ops -n "a
b"
refuses "a note that is not UTF-8" 100 "*--note: UTF-8 *" sn-key add -g ops -n "$(printf '\377')"
for when in 20250119 2025-01-18T22:00:01Z 1737237601 1s 36500d; do
	status "expires $when" 0 sn-key add -g ops -x $when
done
had=$(keys)
status "a key that cannot be shown" 111 sh -c 'sn-key add -g ops >/dev/full'
is "is one line" "$(cat err)" "sn-key: cannot write standard output: No space left on device"
status "with stdout closed" 111 sh -c 'sn-key add -g ops >&-'
is "is one line" "$(cat err)" "sn-key: cannot write standard output: Bad file descriptor"
is "does not exist" "$(keys)" "$had"
status "/dev/full" 111 sh -c 'sn-key ls >/dev/full'

status "revoke" 0 sn-key revoke "$id"
is "says nothing" "$(cat out err)" ""
is "ls says" "$(sn-key ls -g sn11 | json - '(d["state"], d["revoked"])')" '["revoked", "2025-01-18T22:00:00Z"]'
status "revoke again" 0 sn-key revoke "$id"
like "says so" "$(cat err)" "sn-key: key $id was revoked before, 2025-01-18T22:00:00Z"
status "revoke by the whole key" 0 sn-key revoke "$key" -q
refuses "revoke what is not there" 1 '*no key has the id "nosuchid"' sn-key revoke nosuchid
SN_NOW=1737237602
is "expired" "$(sn-key ls -g ops | grep -c '"state":"expired"')" 3
refuses "rm of a group with keys" 1 '*group "ops" has 2 keys in force: revoke first' sn-key group rm ops
for k in $(sn-key ls -g ops | sed 's/.*"id":"\([^"]*\)".*/\1/'); do sn-key revoke "$k"; done
status "rm" 0 sn-key group rm ops
status "rm of one with a limit" 0 sn-key group rm sn11
is "removes the policy" "$(sn-ratelimit ls)" ""
is "and the keys" "$(keys)" 0
refuses "ls of a group that is gone" 100 '*no group "ops"' sn-key ls -g ops

# -d and -f, and what is no database or table
refuses "a directory that is not there" 111 "*d/e.db: cannot open: *" sn-key -d d/e.db -f t group add a -r 1/s
mkdir d
status "elsewhere" 0 sn-key -d d/e.db -f t group add a -r 1/s
is "there" "$(sn-key -d d/e.db group ls | json - 'd["group"]') $(sn-ratelimit -f t ls | json - 'd["policy"]')" "a a"
head -c 3000 /dev/urandom >junk
refuses "not a database" 1 "*junk: *file is not a database" sn-key -d junk ls
refuses "not a table" 1 "*junk: not a limiter table" sn-key -d d/e.db -f junk group add b -r 1/s
is "no group without its limit" "$(sn-key -d d/e.db group ls | wc -l)" 1
refuses "a disk full for the table" 111 "*cannot make t2: No space left on device" \
	fault fallocate:1:ENOSPC sn-key -d d/e.db -f t2 group add b -r 1/s
is "no group without its limit" "$(sn-key -d d/e.db group ls | wc -l)" 1
refuses "a disk full for the database" 111 "*d/e.db: cannot *" \
	fault pwrite:1+:ENOSPC sn-key -d d/e.db -f t group add b
is "no group" "$(sn-key -d d/e.db group ls | wc -l)" 1
refuses "a key on a full disk" 111 "*d/e.db: cannot *" \
	fault pwrite:1+:ENOSPC sn-key -d d/e.db add -g a
done_testing
