#!/bin/sh
# run: the class of an exit status, retries, leases renewed, stopping.
. "$(dirname "$0")/lib.sh"

counts() { sn-queue stats --json >stats && json stats '" ".join(str(d["totals"][k]) for k in ("ready","delayed","leased","done","dead"))'; }
fresh() { rm -rf "$SN_HOME"; }

# each class, by what the body says
cat >job <<'EOS'
#!/bin/sh
read -r how
echo "$SN_JOB_ID $SN_JOB_ATTEMPT $how"
echo "$SN_JOB_TOKEN" >>tokens
case $how in
ok) exit 0 ;;
sig) kill -9 $$ ;;
*) exit "$how" ;;
esac
EOS
chmod +x job
printf '%s\n' ok 1 100 99 111 sig 7 | sn-queue push >/dev/null
sn-queue run --backoff 10ms --max-attempts 3 --drain -- ./job >out 2>err
is "drained" "$?" 0
is "0 is done, 1 and 100 are dead, the rest is tried three times" "$(sort out)" "1 1 ok
2 1 1
3 1 100
4 1 99
4 2 99
4 3 99
5 1 111
5 2 111
5 3 111
6 1 sig
6 2 sig
6 3 sig
7 1 7
7 2 7
7 3 7"
is "counts" "$(counts)" "0 0 0 1 6"
is "every attempt has a token of its own" "$(sort -u tokens | grep -c '^[0-9a-f]\{32\}$')" 15
is "the record says why" "$(sn-queue ls -s dead | python3 -c '
import json,sys
for l in sys.stdin:
    d = json.loads(l); print(d["id"], d["attempt"], d["status"], d["error"])')" "2 1 1 exit status 1
3 1 100 exit status 100
4 3 99 exit status 99
5 3 111 exit status 111
6 3 137 killed by signal 9 (Killed)
7 3 7 exit status 7"
is "a dead job is told of" "$(grep -c 'dead, attempt [13] was the last$' err)" 6
like "and so is a retry" "$(grep 'job 4:.*attempt 2 follows' err)" "sn-queue: job 4: exit status 99 after *ms; attempt 2 follows in *ms"

fresh
sn-queue push x >/dev/null
sn-queue run --max-attempts 1 --drain -- ./no-such-program 2>err
is "no such program: retried, then dead" "$(counts)" "0 0 0 0 1"
like "with the reason" "$(head -1 err)" "sn-queue: job 1: cannot run ./no-such-program: No such file or directory"

# backoff grows
fresh
sn-queue push 99 >/dev/null
sn-queue run --backoff 40ms --max-attempts 4 --drain -- ./job >out 2>err
is "delays double, give or take half" "$(sed -n 's/.*follows in \([0-9]*\)ms/\1/p' err | awk '
	NR == 1 && $1 >= 19 && $1 <= 61 || NR == 2 && $1 >= 39 && $1 <= 121 || NR == 3 && $1 >= 79 && $1 <= 241')" \
	"$(sed -n 's/.*follows in \([0-9]*\)ms/\1/p' err)"
is "three of them" "$(grep -c follows err)" 3

# -j: so many at a time
fresh
seq 12 | sn-queue push >/dev/null
# shellcheck disable=SC2016
sn-queue run -j 4 --drain -- sh -c 'mkdir "slot.$$"; ls | grep -c slot; sleep 0.2; rmdir "slot.$$"' >out
is "-j 4 is four at a time" "$(sort -n out | tail -1)" 4
is "all done" "$(counts)" "0 0 0 12 0"

# the lease is renewed while the child lives
fresh
sn-queue push slow >/dev/null
bg sn-queue run --lease 300ms --drain -- sleep 1.2
wait_for 5 sh -c '[ "$(sn-queue ls -s leased | wc -l)" = 1 ]'
stolen=0
for _ in 1 2 3 4 5 6 7 8; do sleep 0.1; sn-queue pop >/dev/null && stolen=1; done
wait $!
is "nobody else got the job" "$stolen $(counts)" "0 0 0 0 1 0"

# a job that another has by now is not recorded, and its child is ended
fresh
sn-queue push x >/dev/null
bg sn-queue run --lease 60s --drain -- sh -c 'echo $$ >pid; exec sleep 30' 2>err
wait_for 5 test -s pid
wait_for 5 sh -c '[ "$(sn-queue ls -s leased | wc -l)" = 1 ]'
worker=$!
kill -STOP $worker
python3 - <<'PY'
import os, sqlite3
db = sqlite3.connect(os.environ["SN_HOME"] + "/sn.db")
db.execute("update queue_job set due = 1")
db.commit()
PY
sn-queue pop --lease 1h >other
kill -CONT $worker
kill -TERM $worker
kill "$(cat pid)"
wait $worker
like "the late worker says so" "$(tail -1 err)" "sn-queue: job 1: its end is not recorded: job 1: stale token*"
ok "the other's token holds" sn-queue ack 1 "$(json other 'd["token"]')"
is "recorded once" "$(counts)" "0 0 0 1 0"

# killed with -9: again after the lease, recorded once
fresh
sn-queue push x >/dev/null
bg sn-queue run --lease 300ms -- sh -c 'echo $SN_JOB_ATTEMPT >>attempts; [ $SN_JOB_ATTEMPT = 2 ] || exec sleep 30'
wait_for 5 test -s attempts
kill -9 $!
wait $! 2>/dev/null
sn-queue run --drain -- sh -c 'echo $SN_JOB_ATTEMPT >>attempts'
is "run again as the second attempt, done once" "$(tr '\n' ' ' <attempts)$(counts)" "1 2 0 0 0 1 0"

# stopping: the first signal finishes, the second kills and puts back
for sig in TERM INT HUP; do
	fresh
	rm -f started
	seq 3 | sn-queue push >/dev/null
	python3 -c 'import os,signal,sys
for s in (signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' sn-queue run -- sh -c ': >started; sleep 0.5' 2>err &
	pids="$pids $!"
	wait_for 5 test -e started
	kill -$sig $!
	wait $!
	is "SIG$sig: exit status, the running one is done, no other is taken" "$? $(counts)" "0 2 0 0 1 0"
done
is "it says what it waits for" "$(cat err)" \
	"sn-queue: stopping when 1 running job has ended; a second signal kills and puts back"
fresh
rm -f started
seq 3 | sn-queue push >/dev/null
bg sn-queue run -j 2 -- sh -c 'trap "" TERM; : >started.$SN_JOB_ID; sleep 60 & wait' 2>err
wait_for 5 test -e started.1 -a -e started.2
kill -TERM $!
sleep 0.2
is "they go on" "$(sn-queue ls -s leased | wc -l)" 2
kill -TERM $!
wait $!
is "twice: killed and put back, no attempt counted" "$? $(counts) $(sn-queue ls | python3 -c '
import json,sys
print(sum(json.loads(l)["attempt"] for l in sys.stdin))')" "0 3 0 0 0 0 0"

# an idle worker wakes soon
fresh
bg sn-queue run -- sh -c 'date +%s%N >took'
sleep 0.5
before=$(date +%s%N)
sn-queue push x >/dev/null
wait_for 5 test -s took
late=$((($(cat took) - before) / 1000000))
ok "an idle worker takes a job within 200 ms ($late ms)" test $late -lt 200
kill -TERM $!
wait $!
# ... and lets the processor rest: one second idle in well under 50 ms of it
fresh
bg sn-queue run -- true
sleep 1
ticks=$(awk '{ print $14 + $15 }' /proc/$!/stat)
ok "idle costs next to nothing ($ticks ticks)" test "$ticks" -le 4
kill -TERM $!
wait $!

# stdin of a job is a file, and one that is not read does no harm
fresh
python3 -c 'print("x" * 1000000)' | sn-queue push >/dev/null
sn-queue push small >/dev/null
is "unread bodies" "$(sn-queue run -j2 --drain -- true; counts)" "0 0 0 2 0"
refuses "no command" 100 "sn-queue: -- CMD*: too few operands*" sn-queue run
refuses "no jobs" 100 'sn-queue: option -j: "0" is not between 1 and 1000*' sn-queue run -j 0 -- true
done_testing
