#!/bin/sh
# Datasets: packing against zstd and sha256sum on the same bytes, a cold sample of 4,096 out
# of a million records, random reads, unpacking against zstd -d, durable seals against bare
# fdatasync.  RECORDS=1000000 of them; DIR: where (about 1.3 GB), the temporary directory.
set -u
bench=$B/tests/bench/dataset
n=${RECORDS:-1000000}
tmp=$(mktemp -d "${DIR:-${TMPDIR:-/tmp}}/sn-bench.XXXXXX") || exit 111
trap 'rm -rf "$tmp"' EXIT

# timed COMMAND: its seconds in $t, the CPU's in $cpu
timed() {
	_r=$(perl -MTime::HiRes=time -e '$f = time; $s = system("sh", "-c", $ARGV[0]); @c = times;
		printf "%.3f %.3f", time - $f, $c[2] + $c[3]; exit($s ? 1 : 0)' "$1") || exit
	t=${_r% *} cpu=${_r#* }
}
# row WHAT [CPU-SECONDS-OF-THE-PEER]
row() { awk -v what="$1" -v mb="$mb" -v t="$t" -v cpu="$cpu" -v base="${2:-0}" 'BEGIN {
	printf "%-44s %7.2f s %6.0f MB/s  %7.2f CPU s %6.0f MB/s%s\n", what, t, mb / t, cpu, mb / cpu,
	base ? sprintf("  ratio %.2f", base / cpu) : "" }'; }
# uncache FILE...: out of the page cache
uncache() { sync; for f; do dd if="$f" iflag=nocache count=0 status=none; done; }

"$bench" gen "$n" >"$tmp/in" || exit
mb=$(wc -c <"$tmp/in" | awk '{ print $1 / 1e6 }')
echo "$n records, $mb MB"
timed "zstd -q -3 --single-thread -f '$tmp/in' -o '$tmp/in.zst'"; z=$cpu
row "zstd -3, one thread"
timed "sha256sum '$tmp/in' >/dev/null"
row "sha256sum"
timed "dd if='$tmp/in' of='$tmp/copy' bs=1M conv=fsync status=none"; rm "$tmp/copy"
row "dd conv=fsync (the disk)"
SN_FAULT_COUNT=$tmp/count LD_PRELOAD=$B/tests/fault.so
export SN_FAULT_COUNT
timed "LD_PRELOAD=$LD_PRELOAD sn-dataset -q pack '$tmp/d' '$tmp/in' >'$tmp/out'"
unset SN_FAULT_COUNT LD_PRELOAD
row "pack: parse, hash, look up, compress, sync" "$z"
awk '$1 == "fsync" { print "  fsyncs: " $2 }' "$tmp/count"
cat "$tmp/out"
timed "sn-dataset -q pack '$tmp/d' '$tmp/in' >/dev/null"
row "pack again: all duplicates"

timed "zstd -q -dc '$tmp/in.zst' >'$tmp/raw'"; z=$cpu
row "zstd -d to a file"
timed "sn-dataset cat '$tmp/d' >'$tmp/raw'"
row "cat to a file, each digest checked" "$z"
cmp "$tmp/in" "$tmp/raw" || exit
rm "$tmp/raw"
timed "sn-dataset -q verify '$tmp/d' >/dev/null"
row "verify"

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
