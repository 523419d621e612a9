#!/bin/sh
# The life of a job: pushed, leased, ended; what a token allows and when it stops to.
. "$(dirname "$0")/lib.sh"

field() { json job "d['$1']"; }
counts() { sn-queue stats --json >stats && json stats '" ".join(str(d["totals"][k]) for k in ("ready","delayed","leased","done","dead"))'; }

refuses "no queue: stats" 1 "sn-queue: $SN_HOME/sn.db: there is no queue yet" sn-queue stats
refuses "no queue: ack" 1 "sn-queue: */x.db: there is no queue yet" \
	sn-queue -d "$TMP/x.db" ack 1 00112233445566778899aabbccddeeff
ok "none was made" test ! -e x.db
status "nothing is ready" 1 sn-queue pop
is "and nothing said" "$(cat out err)" ""

export SN_NOW=1000
is "ids are printed in order" "$(sn-queue push one two '{"three": [3]}' | tr '\n' ' ')" "1 2 3 "
is "counts" "$(counts)" "3 0 0 0 0"
sn-queue pop >job
is "exactly these keys" "$(json job '" ".join(d)')" "id token attempt group lease_until body"
is "oldest first" "$(field id) $(field body) $(field attempt) $(field group)" "1 one 1 default"
is "leased for five minutes" "$(field lease_until)" "1300.0"
token=$(field token)
like "a token of 128 bits" "$token" "$(printf '%32s' '' | sed 's/ /[0-9a-f]/g')"
other=$(echo "$token" | tr 0-9a-f 1-9a-f0)

for c in ack nack touch; do
	refuses "$c with another token" 1 "sn-queue: job 1: stale token: it is leased under another" \
		sn-queue $c 1 "$other"
	refuses "$c with another id" 1 "sn-queue: job 2: stale token: the job is ready" \
		sn-queue $c 2 "$token"
	refuses "$c of no job" 1 "sn-queue: there is no job 9" sn-queue $c 9 "$token"
	refuses "$c with no token" 100 "sn-queue: TOKEN: \"zz\" is not 32 hex digits" sn-queue $c 1 zz
	refuses "$c with no id" 100 "sn-queue: ID: \"x\" is not a whole number" sn-queue $c x "$token"
done
is "nothing changed" "$(counts)" "2 0 1 0 0"
ok "touch" sn-queue touch --lease 10m 1 "$token"
is "the lease is longer" "$(sn-queue ls -s leased | json - 'd["lease_until"]')" "1600.0"
ok "ack" sn-queue ack 1 "$token"
is "done" "$(counts)" "2 0 0 1 0"
for c in ack nack touch; do
	refuses "$c after ack" 1 "sn-queue: job 1: stale token: the job is done" sn-queue $c 1 "$token"
done

sn-queue pop --lease 10s >job
is "the next one" "$(field id) $(field lease_until)" "2 1010.0"
two=$(field token)
ok "nack" sn-queue nack --delay 1m 2 "$two"
is "delayed" "$(counts)" "1 1 0 1 0"
refuses "ack after nack" 1 "sn-queue: job 2: stale token: the job is delayed" sn-queue ack 2 "$two"
sn-queue pop --lease 10s --max-attempts 2 >job
is "not the delayed one" "$(field id)" 3
is "JSON stays JSON" "$(json job 'd["body"]["three"][0]')" 3
three=$(field token)
status "nothing else is ready" 1 sn-queue pop

export SN_NOW=1009
status "the lease holds" 1 sn-queue pop
export SN_NOW=1010
is "a lease that ran out counts as ready" "$(counts)" "1 1 0 1 0"
is "and is listed so" "$(sn-queue ls -s ready | json - 'd["id"]')" 3
ok "its token is still good" sn-queue touch --lease 10s 3 "$three"
is "leased again" "$(counts)" "0 1 1 1 0"
export SN_NOW=1020
sn-queue pop --lease 10s --max-attempts 2 >job
is "given to another" "$(field id) $(field attempt)" "3 2"
ok "under another token" test "$(field token)" != "$three"
refuses "the first holder is late" 1 "sn-queue: job 3: stale token: it is leased under another" \
	sn-queue ack 3 "$three"
export SN_NOW=1030
is "the last attempt ran out: dead" "$(counts)" "0 1 0 1 1"
refuses "the second is late too" 1 "sn-queue: job 3: stale token: the job is dead" sh -c '
	sn-queue pop; exec sn-queue ack 3 '"$(field token)"
is "dead for good" "$(counts)" "0 1 0 1 1"
is "with the reason" "$(sn-queue ls -s dead | json - 'd["error"]')" "lease ran out"

export SN_NOW=1060
is "the delay is over" "$(counts)" "1 0 0 1 1"
sn-queue pop --max-attempts 2 >job
is "second attempt" "$(field id) $(field attempt)" "2 2"
ok "nack of the last attempt" sn-queue nack 2 "$(field token)"
is "dead" "$(counts)" "0 0 0 1 2"

sn-queue push --delay 1h later >/dev/null
is "a delayed push" "$(counts)" "0 1 0 1 2"
sn-queue push --priority 1 low >/dev/null
sn-queue push usual >/dev/null
sn-queue push --priority 9 high >/dev/null
is "by priority" "$(for _ in 1 2 3; do sn-queue pop --lease 2h | json - 'd["body"]'; done | tr '\n' ' ')" \
	"high usual low "
export SN_NOW=4660
is "and the delayed one in its time" "$(sn-queue pop | json - 'd["body"]')" later

status "stats for people" 0 sn-queue stats
is "a table" "$(sed 's/  */ /g' out)" "group weight ready delayed leased done dead
default 1 0 0 4 1 2
total 0 0 4 1 2"
is "ls of a group that is not" "$(sn-queue ls -g nobody)" ""
refuses "a bad group" 100 'sn-queue: group "a b": a name is 1 to 64 letters, digits and ._-' \
	sn-queue push -g 'a b' x
refuses "a bad priority" 100 'sn-queue: option --priority: "10" is not between 0 and 9*' \
	sn-queue push --priority 10 x
refuses "another engine" 100 'sn-queue: postgres://...: no engine for such a queue; give the path of a file' \
	sn-queue -d postgres://h/db push x
refuses "no directory" 111 "sn-queue: no/such/x.db: *" sn-queue -d no/such/x.db push x
printf 'not a database, but long enough to be looked at as if it were one......' >text
refuses "not a database" 1 "sn-queue: text: *not a database" sn-queue -d text push x
is "which is left alone" "$(head -c 14 text)" "not a database"

# one state each, and the counters are what they count
is "the counters agree" "$(python3 - <<'PY'
import os, sqlite3
db = sqlite3.connect(os.environ["SN_HOME"] + "/sn.db")
live = db.execute("select grp, sum(state=0), sum(state=1), sum(state=2) from queue_job group by grp").fetchall()
past = db.execute("select sum(state=3), sum(state=4) from queue_history").fetchone()
kept = db.execute("select id, ready, delayed, leased, done, dead from queue_group").fetchall()
both = db.execute("select count(*) from queue_job join queue_history using (id)").fetchone()[0]
print(live[0] + past == kept[0], both, db.execute("pragma integrity_check").fetchone()[0])
PY
)" "True 0 ok"
done_testing
