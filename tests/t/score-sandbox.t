#!/bin/sh
# sn-score parses a model in the sandbox, and scores the same there.
. "$(dirname "$0")/lib.sh"

[ -z "${ASAN_OPTIONS:-}" ] || skip_all "a sanitizer's runtime does what the sandbox forbids"
head -n 20 "$data/demo.jsonl" >r
run() { sn-score -q -m "$data/tiny" "$@" r; }
run >in || fail "sn-score runs"
run --no-sandbox >out || fail "sn-score runs without"
is "the same digest in the sandbox and out of it" "$(json in 'd["result"]["digest"]')" \
	"$(json out 'd["result"]["digest"]')"

# a slow run, caught in the middle
sn-score -q -m "$data/tiny" -j 1 --isa ref --samples lines r >sum 2>err &
pid=$!
wait_for 100 [ -s lines ] || diag "no line yet"
is "two threads or one, seccomp is on" "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/$pid/status)" 2
is "and no new rights can be had" "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/$pid/status)" 1
ok "it ends well" wait $pid
is "with the lines" "$(wc -l <lines | tr -d ' ')" 20
ok "and lines.run is gone" [ ! -e lines.run ]

# the files of a download cache are links to elsewhere
mkdir blobs snapshot
for f in "$data"/tiny/*; do
	cp "$f" "blobs/x-${f##*/}" && ln -s "../blobs/x-${f##*/}" "snapshot/${f##*/}"
done
sn-score -q -m snapshot -j 1 r >links || fail "a model of symbolic links"
is "a model of symbolic links scores the same" "$(json links 'd["result"]["digest"]')" "$(json out 'd["result"]["digest"]')"

sn-score -q -m "$data/tiny" <r >stdin || fail "records on standard input"
is "records on standard input score the same" "$(json stdin 'd["result"]["digest"]')" "$(json out 'd["result"]["digest"]')"

# where the kernel cannot confine, nothing is parsed
if command -v strace >/dev/null; then
	strace -f -o trace -e trace=seccomp,prctl,openat sn-score -q -m "$data/tiny" r >/dev/null 2>&1
	ok "the model is opened behind the sandbox" awk '/seccomp[(]SECCOMP_SET_MODE_FILTER.*= 0$/ { s = 1 }
		/config.json", O_RDONLY.O_CLOEXEC[)]/ { exit !s }' trace
else
	skip "the model is opened behind the sandbox" "no strace"
fi
done_testing
