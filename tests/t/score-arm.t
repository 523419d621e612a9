#!/bin/sh
# arm64, in an emulator: its own kernels, plain C and the reference give the vectors' bits,
# and on whole nets the bits of this machine.  Only lib/infer and what it stands on is built
# for arm64: the programs would need all their libraries for it.
. "$(dirname "$0")/lib.sh"

B=${SN_BIN:-$top/build/bin}
B=${B%/bin}
case $B in *san | *cov) skip_all "the optimised build has it" ;; esac
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
	command -v $tool >/dev/null || skip_all "no $tool (gcc-aarch64-linux-gnu, qemu-user)"
done
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CC

a=$TMP/arm
mkdir -p "$a"
cp -p "$B"/.setup* "$a"
objects=
for f in "$top"/lib/infer/*.c "$top"/lib/infer/cpu/*.c "$top"/lib/util/pool.c "$top"/lib/util/err.c \
	"$top"/lib/util/buf.c "$top"/lib/util/clock.c "$top"/lib/util/io.c "$top"/lib/model/weights.c \
	"$top"/tests/unit/kernels.c "$top"/tests/unit/vectors.c "$top"/tests/helper/netbits.c; do
	case $f in *_avx2.c | *_avx512.c) continue ;; esac
	f=${f#"$top"/}
	objects="$objects $a/${f%.c}.o"
done
# shellcheck disable=SC2086 # words
nice make -C "$top" -j 2 B="$a" CC=aarch64-linux-gnu-gcc CFLAGS="-O2 -ffunction-sections" $objects \
	>make.log 2>&1 || { fail "builds for arm64" "$(tail -n 5 make.log)"; done_testing; exit; }
lib=$(find "$a/lib" -name '*.o')
for p in unit/kernels unit/vectors helper/netbits; do
	# shellcheck disable=SC2086 # words
	status "$p links" 0 aarch64-linux-gnu-gcc -static -pthread -o "$a/${p#*/}" "$a/tests/$p.o" $lib \
		-Wl,--gc-sections -lm
done

arm() { (cd "$top" && nice qemu-aarch64 "$a/$1" ${2+"$2"}); }
for p in kernels vectors; do
	status "$p" 0 arm $p
	is "$p: all the same" "$(grep '^not ok' out)" ""
	ok "$p: of neon" grep -q '^ok.*neon' out
	is "$p: none of neon skipped" "$(grep '# SKIP' out | grep neon)" ""
done
"$B/tests/helper/netbits" >here
is "nets on this machine" "$(wc -l <here)" 5
for isa in neon scalar ref; do
	arm netbits $isa >there
	same "nets, $isa on arm64" there here
done
done_testing
