#!/bin/sh
# Many processes at one queue: no attempt is given twice, nothing is lost, each end is
# recorded once; also when pushers and workers are killed at random times.
. "$(dirname "$0")/lib.sh"

seq 400 | sn-queue push >/dev/null
cat >popper <<'EOS'
#!/bin/sh
# pop and ack until nothing is ready; some are nacked, so that they come twice
while sn-queue pop >job.$1; do
	cat job.$1 >>got.$1
	id=$(sed 's/{"id":\([0-9]*\),.*/\1/' job.$1) token=$(sed 's/.*"token":"\([0-9a-f]*\)".*/\1/' job.$1)
	case $(sed 's/.*"attempt":\([0-9]*\),.*/\1/' job.$1)$id in
	1*7) sn-queue nack "$id" "$token" ;;
	*) sn-queue ack "$id" "$token" && echo "$id" >>acked.$1 ;;
	esac || echo "refused $id" >>refused
done
EOS
chmod +x popper
poppers=
for i in 1 2 3 4 5 6 7 8; do ./popper $i & poppers="$poppers $!"; done
# shellcheck disable=SC2086
wait $poppers
is "8 poppers, 400 jobs: each attempt once" "$(cat got.* | python3 -c '
import json,sys
a = [(d["id"], d["attempt"]) for d in map(json.loads, sys.stdin)]
t = len(a)
print(len(set(a)) == t, t)')" "True 440"
is "each acked once" "$(cat acked.* | sort -n | uniq | wc -l) $(cat acked.* | wc -l)" "400 400"
is "none was refused" "$(cat refused 2>/dev/null)" ""
is "counts" "$(sn-queue stats --json | json - '[d["totals"][k] for k in ("ready","leased","done","dead")]')" "[0, 0, 400, 0]"

# pushers and workers killed at random; counted from outside at the end
cat >chaos.py <<'PY'
import os, random, signal, sqlite3, subprocess, sys, time
random.seed(int(sys.argv[1]))
end = time.time() + float(sys.argv[2])
pushers, workers, said, k = [], [], [], 0
def worker():
    # a job says once that it ran to its end; fails at first now and then
    return subprocess.Popen(["sn-queue", "-q", "run", "-j2", "--lease", "300ms", "--backoff", "10ms", "--", "sh", "-c",
        'sleep 0.0$((SN_JOB_ID % 5)); [ $((SN_JOB_ID % 6)) != 0 ] || [ $SN_JOB_ATTEMPT != 1 ] || exit 99; echo $SN_JOB_ID >>ran'])
while time.time() < end:
    while len(workers) < 3:
        workers.append(worker())
    while len(pushers) < 2:
        k += 1
        ids = open("ids.%d" % k, "wb")
        p = subprocess.Popen(["sn-queue", "push", "--group", "g%d" % (k % 3)], stdin=subprocess.PIPE, stdout=ids)
        p.k = k
        for i in range(40):
            p.stdin.write(b"%d-%d\n" % (k, i))
        try:
            p.stdin.flush()
            if random.random() < 0.5:
                p.stdin.close()
        except BrokenPipeError:
            pass
        pushers.append(p)
    time.sleep(random.random() * 0.05)
    if random.random() < 0.7:
        victims = pushers + workers
        v = random.choice(victims)
        v.send_signal(signal.SIGKILL)
    for l in (pushers, workers):
        for p in l[:]:
            if p.poll() is not None:
                l.remove(p)
for p in pushers:
    try: p.stdin.close()
    except BrokenPipeError: pass
    p.wait()
for w in workers:
    w.kill(); w.wait()
subprocess.run(["sn-queue", "-q", "run", "-j4", "--lease", "300ms", "--backoff", "10ms", "--drain", "--", "sh", "-c", "echo $SN_JOB_ID >>ran"], check=True)
db = sqlite3.connect(os.environ["SN_HOME"] + "/sn.db")
one = lambda q: db.execute(q).fetchone()[0]
said = [int(l) for i in range(1, k + 1) for l in open("ids.%d" % i)]
ran = {int(l) for l in open("ran")}
done = {r[0] for r in db.execute("select id from queue_history where state = 3")}
dead = {r[0] for r in db.execute("select id from queue_history where state = 4")}
problems = []
def want(ok, text):
    if not ok: problems.append(text)
want(one("pragma integrity_check") == "ok", "integrity")
want(one("select count(*) from queue_job") == 0, "live jobs are left")
want(one("select count(*) from queue_body") == len(done | dead), "pushed is not done + dead")
want(not done & dead, "done and dead")
want(len(said) == len(set(said)), "an id was said twice")
want(set(said) <= done | dead, "a job that was said is lost: %r" % sorted(set(said) - done - dead)[:5])
want(done <= ran, "done but never run: %r" % sorted(done - ran)[:5])
want(one("select sum(done) from queue_group") == len(done), "the counter of done")
for c in db.execute("select body, count(*) from queue_body group by 1 having count(*) > 1"):
    problems.append("stored twice: %r" % c[0]); break
print("; ".join(problems) or "all there")
print("%d pushed, %d said, %d done, %d dead" % (one("select count(*) from queue_body"), len(said), len(done), len(dead)), file=sys.stderr)
PY
rm -rf "$SN_HOME"
mkdir -p "$SN_HOME"
is "kills at random" "$(python3 chaos.py "${SN_SEED:-1}" "${SN_CHAOS:-6}" 2>told)" "all there"
diag "$(cat told)"
ok "there was something to lose" test "$(sed 's/ .*//' told)" -gt 100
done_testing
