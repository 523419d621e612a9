#!/bin/sh
# Datasets: packing against zstd and sha256sum on the same bytes, a cold sample of 4,096 out
# of a million records, random reads, unpacking against zstd -d, durable seals against bare
# fdatasync.  RECORDS=1000000 of them; DIR: where (about 1.3 GB), the temporary directory.
set -u
bench=$B/tests/bench/dataset
n=${RECORDS:-1000000}
tmp=$(mktemp -d "${DIR:-${TMPDIR:-/tmp}}/sn-bench.XXXXXX") || exit 111
trap 'rm -rf "$tmp"' EXIT
cd "$OLDPWD" 2>/dev/null || :

now() { date +%s.%N; }
# timed COMMAND: seconds in $t
timed() { _from=$(now); sh -c "$1" || exit; t=$(echo "$(now) $_from" | awk '{ print $1 - $2 }'); }
row() { awk -v what="$1" -v mb="$mb" -v t="$2" -v base="${3:-0}" 'BEGIN {
	printf "%-44s %7.2f s %7.0f MB/s%s\n", what, t, mb / t, base ? sprintf("  ratio %.2f", base / t) : "" }'; }
# uncache FILE...: out of the page cache
uncache() { sync; for f; do dd if="$f" iflag=nocache count=0 status=none; done; }

"$bench" gen "$n" >"$tmp/in" || exit
mb=$(wc -c <"$tmp/in" | awk '{ print $1 / 1e6 }')
echo "$n records, $mb MB"
timed "zstd -q -3 --single-thread -f '$tmp/in' -o '$tmp/in.zst'"; z=$t
row "zstd -3, one thread" "$z"
timed "sha256sum '$tmp/in' >/dev/null"
row "sha256sum" "$t"
timed "dd if='$tmp/in' of='$tmp/copy' bs=1M conv=fsync status=none"; rm "$tmp/copy"
row "dd conv=fsync (the disk)" "$t"
SN_FAULT_COUNT=$tmp/count LD_PRELOAD=$B/tests/fault.so
export SN_FAULT_COUNT
timed "LD_PRELOAD=$LD_PRELOAD sn-dataset -q pack '$tmp/d' '$tmp/in' >'$tmp/out'"; p=$t
unset SN_FAULT_COUNT LD_PRELOAD
row "pack: parse, hash, look up, compress, sync" "$p" "$z"
awk '$1 == "fsync" { print "  fsyncs: " $2 }' "$tmp/count"
cat "$tmp/out"
timed "sn-dataset -q pack '$tmp/d' '$tmp/in' >/dev/null"
row "pack again: all duplicates" "$t"

timed "zstd -q -dc '$tmp/in.zst' >'$tmp/raw'"; z=$t
row "zstd -d to a file" "$z"
timed "sn-dataset cat '$tmp/d' >'$tmp/raw'"
row "cat to a file, each digest checked" "$t" "$z"
cmp "$tmp/in" "$tmp/raw" || exit
rm "$tmp/raw"
timed "sn-dataset -q verify '$tmp/d' >/dev/null"
row "verify" "$t"

sample="sn-dataset sample '$tmp/d' --start 20241101 --end 20250120 >'$tmp/s'"
for _ in 1 2 3; do
	uncache "$tmp"/d/shards/* "$tmp"/d/log/* "$tmp/d/HEAD"
	timed "$sample"
	cold="${cold:-} $t"
	timed "$sample"
	warm="${warm:-} $t"
done
echo "sample of $(wc -l <"$tmp/s"), seconds: from the disk:$cold; from memory, a new process:$warm"
"$bench" read "$tmp/d" || exit
"$bench" seal "$tmp/e" 200
