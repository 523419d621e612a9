#!/bin/sh
# Durable pushes and pop+ack pairs per second beside the disk's own syncs per second, with
# a short queue and with a million live and a million finished jobs; then the program.
set -eu
B=${B:-build}
PATH=$PWD/$B/bin:$PATH
dir=$(mktemp -d "$B/bench-queue.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 111' INT TERM HUP

now() { date +%s.%N; }
per() { awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%.0f", n / (b - a) }'; }

"$B/tests/bench/queue" "$dir" "${SECONDS_EACH:-0.5}" "${LIVE:-1000000}"

printf '\nthe program\n'
seq 1000000 >"$dir/million"
a=$(now)
sn-queue -q -d "$dir/cli.db" push <"$dir/million" >"$dir/ids"
b=$(now)
printf '%-40s %12s jobs/s\n' "sn-queue push < a million lines" "$(per 1000000 "$a" "$b")"
a=$(now)
i=0
while i=$((i + 1)) && [ $i -le 300 ]; do sn-queue -d "$dir/one.db" push x >/dev/null; done
b=$(now)
printf '%-40s %12s jobs/s\n' "sn-queue push x, a process each" "$(per 300 "$a" "$b")"
a=$(now)
i=0
while i=$((i + 1)) && [ $i -le 300 ]; do sn-queue --version >/dev/null; done
b=$(now)
printf '%-40s %12s a second\n' "sn-queue --version, a process each" "$(per 300 "$a" "$b")"
a=$(now)
sn-queue -d "$dir/one.db" run --drain -- /bin/true
b=$(now)
printf '%-40s %12s jobs/s\n' "sn-queue run --drain -- true" "$(per 300 "$a" "$b")"
