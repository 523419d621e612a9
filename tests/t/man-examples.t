#!/bin/sh
# The examples on the man pages run as they stand: every literal block of a page's
# EXAMPLES, in order, in one fresh directory, each under `sh -e' and with a time limit.
# A block that a test cannot run has the line  .\" norun  before it.
. "$(dirname "$0")/lib.sh"
for page in "$top"/man/*.[1578]; do
	name=$(basename "$page")
	mkdir -p "$TMP/$name" && cd "$TMP/$name" || exit 111
	awk -v base=block '
		/^\.Sh/ { in_ex = ($2 == "EXAMPLES") }
		in_ex && /^\.\\" norun/ { skip = 1; next }
		in_ex && /^\.Bd/ { if (skip) { skip = 0; next } on = 1; file = sprintf("%s%02d", base, ++n); printf "" >file; next }
		/^\.Ed/ { on = 0 }
		on { gsub(/\\e/, "\\"); gsub(/\\\(dq/, "\""); gsub(/\\\(aq/, "\047"); gsub(/\\-/, "-"); gsub(/\\&/, ""); print >>file }' "$page"
	SN_HOME=$TMP/$name/home
	export SN_HOME
	mkdir -p "$SN_HOME"
	cp "$data/demo.jsonl" records.jsonl
	ln -s "$data/tiny" model
	for b in block*; do
		[ -e "$b" ] || continue
		if timeout 60 sh -e "$b" >out 2>err </dev/null; then
			pass "$name: $(head -n 1 "$b")"
		else
			fail "$name: $(head -n 1 "$b")" "$(cat "$b" err | head -20)"
		fi
	done
done
done_testing
