#!/bin/sh
# Groups take turns, pop by pop, whoever pops; weights count; an empty group keeps no turn.
. "$(dirname "$0")/lib.sh"

pops() { # N: the groups of the next N jobs
	i=0
	while i=$((i + 1)) && [ $i -le "$1" ]; do sn-queue pop | sed 's/.*"group":"\([^"]*\)".*/\1/'; done | tr '\n' ' '
}
seq 100000 | sn-queue push --group A >/dev/null
is "A alone has them all" "$(pops 3)" "A A A "
sn-queue push --group B x >/dev/null
is "B sent one: B's is next" "$(pops 3)" "B A A "
sn-queue push --group C 1 2 3 >/dev/null
sn-queue push --group B 1 2 >/dev/null
# the turn goes round from where it is
is "three groups take turns" "$(pops 9)" "B C A B C A C A A "
sn-queue weight B 3
sn-queue push --group B 1 2 3 4 5 6 7 >/dev/null
is "weight 3 is three in a turn" "$(pops 9)" "B B B A B B B A B "
is "what is left of a turn is not kept" "$(sn-queue push --group B 1 >/dev/null; pops 3)" "A B A "
# many groups at random: over any time in which all are busy, shares are as the weights
python3 - <<'PY' >jobs.sh
for g in range(20):
    print("sn-queue -d many.db weight g%d %d" % (g, g % 4 + 1))
    print("seq 200 | sn-queue -d many.db push -g g%d >/dev/null" % g)
PY
sh jobs.sh
i=0
while i=$((i + 1)) && [ $i -le 500 ]; do sn-queue -d many.db pop; done >pops
is "20 groups, 500 pops by 500 processes: shares are the weights" "$(python3 - <<'PY'
import collections, json
n = collections.Counter(json.loads(l)["group"] for l in open("pops"))
print(all(n["g%d" % g] == 10 * (g % 4 + 1) for g in range(20)))
PY
)" True
refuses "weight 0" 100 'sn-queue: "0" is not between 1 and 1000' sn-queue weight A 0
done_testing
