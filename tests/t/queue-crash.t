#!/bin/sh
# SIGKILL at every write and sync of push, pop, ack and nack; a full disk; failing disks.
# After each, from outside: the database is whole, what was said is true, and what was
# not said is there whole or not at all.
. "$(dirname "$0")/lib.sh"

cat >check.py <<'PY'
"""check.py DB...: the state of each queue, a line each, as Python's sqlite3 sees it; or "bad ..."."""
import sqlite3, sys
def look(path):
    db = sqlite3.connect(path, timeout=20)
    if db.execute("pragma integrity_check").fetchone()[0] != "ok" or db.execute("pragma foreign_key_check").fetchall():
        return "bad integrity"
    if not db.execute("select 1 from sqlite_schema where name = 'queue_job'").fetchone():
        return "jobs="
    if db.execute("select 1 from queue_job join queue_history using (id)").fetchone():
        return "bad: in two states"
    for g, *kept in db.execute("select id, ready, delayed, leased, done, dead from queue_group"):
        seen = [db.execute("select count(*) from queue_job where grp = ? and state = ?", (g, s)).fetchone()[0] for s in range(3)]
        seen += [db.execute("select count(*) from queue_history where grp = ? and state = ?", (g, s)).fetchone()[0] for s in (3, 4)]
        if seen != kept:
            return "bad counters %r %r" % (seen, kept)
    jobs = db.execute("select id, state, attempt from queue_job union all select id, state, attempts from queue_history order by 1").fetchall()
    bodies = db.execute("select id, cast(body as text) from queue_body order by 1").fetchall()
    if [j[0] for j in jobs] != [b[0] for b in bodies]:
        return "bad bodies"
    return "jobs=" + " ".join("%d:%d:%d:%s" % (j + (b[1],)) for j, b in zip(jobs, bodies))
for path in sys.argv[1:]:
    print(look(path))
PY
state() { python3 check.py "$@"; }

# each CALL WHAT COMMAND: run COMMAND with the fault at its 1st, 2nd... CALL, on a copy of the
# same queue, until it comes through; states go to `seen', statuses and stdout to `codes'
each() {
	call=$1 what=$2
	shift 2
	rm -rf round.*
	: >codes
	k=0
	while k=$((k + 1)) && [ $k -le 400 ]; do
		rm -f t.db*
		for f in start.db*; do [ -e "$f" ] && cp "$f" "t.db${f#start.db}"; done
		fault "$call:$k:$what" "$@" >said 2>err </dev/null
		code=$?
		mkdir "round.$k"
		cp err "round.$k/"
		for f in t.db*; do [ -e "$f" ] && mv "$f" "round.$k/"; done
		echo "$code said=$(tr '\n' ' ' <said)" >>codes
		case $what in
		KILL*) [ $code = 137 ] || break ;;
		*) [ -s err ] || break ;;
		esac
	done
	rounds=$k
	# shellcheck disable=SC2046 # a word each
	state $(seq "$k" | sed 's,.*,round.&/t.db,') >seen
}
no_bad() { ! grep -v '^jobs=' seen; }

# (killed after a write is killed before the next one, except at a sync or the last)
for call in pwrite fsync ftruncate open; do
	for what in KILL KILLED; do
		[ "$call-$what" = pwrite-KILLED ] && continue
		rm -f start.db*
		each "$call" "$what" sn-queue -d t.db push one two three
		ok "$what at every $call of a first push ($rounds): whole" no_bad
		is "$what at every $call of a first push: all, some or none" \
			"$(grep -cv '^jobs=\(1:0:0:one 2:0:0:two 3:0:0:three\)\{0,1\}$' seen)" 0
		is "... and what was said is there" "$(tail -1 codes) $(tail -1 seen)" \
			"0 said=1 2 3  jobs=1:0:0:one 2:0:0:two 3:0:0:three"
		ok "... more than one round" test "$rounds" -gt 1

		sn-queue -d start.db push a b >/dev/null
		each "$call" "$what" sn-queue -d t.db push c d
		ok "$what at every $call of a push ($rounds): whole" no_bad
		is "$what at every $call of a push: all or none, what was there stays" \
			"$(grep -cv '^jobs=1:0:0:a 2:0:0:b\( 3:0:0:c 4:0:0:d\)\{0,1\}$' seen)" 0
		is "... and what was said is there" "$(paste -d' ' codes seen | grep -c 'said=3 4.*jobs=.*2:0:0:b$')" 0

		each "$call" "$what" sn-queue -d t.db pop
		ok "$what at every $call of a pop ($rounds): whole" no_bad
		is "$what at every $call of a pop: leased or not" \
			"$(grep -cv '^jobs=1:\(0:0\|2:1\):a 2:0:0:b$' seen)" 0
		is "... and what was handed out is leased" "$(paste -d' ' codes seen | grep -c 'said={.*jobs=1:0:0')" 0

		sn-queue -d start.db pop >job
		token=$(json job 'd["token"]')
		each "$call" "$what" sn-queue -d t.db ack 1 "$token"
		ok "$what at every $call of an ack ($rounds): whole" no_bad
		is "$what at every $call of an ack: done or not" "$(grep -cv '^jobs=1:\(2\|3\):1:a 2:0:0:b$' seen)" 0
		is "... done at the end" "$(tail -1 codes) $(tail -1 seen)" "0 said= jobs=1:3:1:a 2:0:0:b"
		each "$call" "$what" sn-queue -d t.db nack 1 "$token"
		ok "$what at every $call of a nack ($rounds): whole" no_bad
		is "$what at every $call of a nack: back or not" "$(grep -cv '^jobs=1:\(2\|0\):1:a 2:0:0:b$' seen)" 0
	done
done

# disks that fail: one line, 111, and the truth
for spec in pwrite:ENOSPC pwrite:EIO fsync:EIO ftruncate:ENOSPC open:EIO pwrite:SHORT pread:EIO; do
	call=${spec%:*} what=${spec#*:}
	rm -f start.db*
	sn-queue -d start.db push a b >/dev/null
	each "$call" "$what" sn-queue -d t.db push c d
	ok "$spec of a push ($rounds): whole" no_bad
	is "$spec of a push: all or none" \
		"$(grep -cv '^jobs=1:0:0:a 2:0:0:b\( 3:0:0:c 4:0:0:d\)\{0,1\}$' seen)" 0
	is "$spec of a push: 111 and nothing said, or 0 and the ids" \
		"$(grep -cvx '111 said=\|0 said=3 4 ' codes)" 0
	is "$spec of a push: who was told yes has it" "$(paste -d' ' codes seen | grep '^0 ' | grep -cv '4:0:0:d$')" 0
	sn-queue -d start.db pop >job
	each "$call" "$what" sn-queue -d t.db ack 1 "$(json job 'd["token"]')"
	ok "$spec of an ack ($rounds): whole" no_bad
	is "$spec of an ack: 0 means done" "$(paste -d' ' codes seen | grep '^0 ' | grep -cv 'jobs=1:3:1:a')" 0
	is "$spec of an ack: else 111" "$(grep -cv '^111 \|^0 ' codes)" 0
done
rm -f t.db*
sn-queue -d t.db push a >/dev/null
refuses "a full disk from now on" 111 "sn-queue: t.db: *" fault pwrite:1+:ENOSPC sn-queue -d t.db push b
is "leaves what was there" "$(state t.db)" "jobs=1:0:0:a"

# a worker whose disk is full when its job ends tries again, and records it
rm -f start.db*
sn-queue -d start.db push a >/dev/null
each pwrite ENOSPC sn-queue -d t.db run --drain -- true
ok "pwrite:N:ENOSPC of a worker ($rounds): whole" no_bad
is "it ends with 0 and a job done, or with 111 and a job not taken" "$(paste -d' ' codes seen |
	grep -cvx '0 said= jobs=1:3:1:a\|111 said= jobs=\(1:[02]:[01]:a\)\{0,1\}')" 0
again=$(grep -l '^sn-queue: job 1: trying again: t.db: ' round.*/err)
ok "in some rounds it had to try again ($(echo "$again" | wc -l))" test -n "$again"
# shellcheck disable=SC2046 # a word each
is "and then the job was recorded" "$(state $(echo "$again" | sed 's/err$/t.db/') | sort -u)" "jobs=1:3:1:a"
done_testing
