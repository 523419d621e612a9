#!/bin/sh
# An include in lib/ points only to the left: util <- store, net <- gate <- dataset,
# queue, model <- infer <- score, board <- cmd; rooms of one layer do not meet.
. "$(dirname "$0")/lib.sh"

cd "$top" || exit 111
check() {
	find "$@" -name '*.[ch]' | sort | xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' /dev/null | awk -F: '
	function layer(room) { return room in at ? at[room] : -1 }
	BEGIN {
		at["util"] = 0; at["store"] = at["net"] = 1; at["gate"] = 2
		at["dataset"] = at["queue"] = at["model"] = 3; at["infer"] = 4
		at["score"] = at["board"] = 5; at["cmd"] = 6
	}
	{
		n = split($1, part, "/"); from = part[1] == "lib" ? part[2] : part[1]
		if (part[1] != "lib" && part[1] != "cmd") { from = part[n - 1] }
		match($3, /"[^"]*"/); inc = substr($3, RSTART + 1, RLENGTH - 2)
		to = inc; sub("/.*", "", to)
		if (layer(from) < 0) { print $1 ": room " from " is not in the plan"; next }
		if (inc !~ /\//) { if (from != "cmd") print $1 ":" $2 ": \"" inc "\" does not name its room"; next }
		if (from == "cmd" && to ~ /^sn-/) next
		if (layer(to) < 0) { print $1 ":" $2 ": " inc " is in no room"; next }
		if (from != to && layer(to) >= layer(from)) print $1 ":" $2 ": " from " must not include " inc
	}'
}
bad=$(check lib cmd)
is "includes point to the left" "$bad" ""

# the check itself catches what it is there for
mkdir -p "$TMP/lib/queue" && printf '#include "score/run.h"\n' >"$TMP/lib/queue/x.c"
cd "$TMP" || exit 111
is "a planted include to the right is found" "$(check lib)" "lib/queue/x.c:1: queue must not include score/run.h"
printf '#include "dataset/x.h"\n' >"$TMP/lib/queue/x.c"
is "a planted include within the layer is found" "$(check lib)" "lib/queue/x.c:1: queue must not include dataset/x.h"
done_testing
