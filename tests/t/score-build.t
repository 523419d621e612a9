#!/bin/sh
# One result.digest, made by either compiler at -O1 and at -O3, with every set of kernels.
# tests/data/golden/score-build.txt is the digest of build.jsonl there, as the oracle's
# vectors.py works it out.  Only lib/infer, lib/score and the kernels are compiled anew.
. "$(dirname "$0")/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CC
B=${SN_BIN:-$top/build/bin}
B=${B%/bin}
case $B in *san | *cov) skip_all "the optimised build has it" ;; esac
[ -f "$B/lib/libsn.a" ] || skip_all "there is no build at $B"
jobs=2

try() { # NAME PROFILE OPTION...
	name=$1 p=$2
	shift 2
	want=$(awk -v p="$p" '$1 == p { print $2 }' "$data/golden/score-build.txt")
	runs_here "$name, $p${1:+ $*}" "$TMP/b/bin/sn-score" -q -m "$data/tiny" -p "$p" "$@" \
		"$data/golden/build.jsonl" || return
	is "$name, $p${1:+ $*}" "$(json out.json 'd["result"]["digest"]')" "$want"
}

for cc in gcc clang; do
	if ! command -v $cc >/dev/null; then
		skip "$cc" "it is not installed"
		continue
	fi
	for opt in -O1 -O3; do
		rm -rf b && mkdir b
		cp -pR "$B/lib" "$B/cmd" "$B"/.setup* b
		rm -rf b/lib/infer b/lib/score b/lib/libsn.a
		nice make -C "$top" -j $jobs B="$TMP/b" CC=$cc CFLAGS=$opt "$TMP/b/bin/sn-score" >make.log 2>&1 ||
			{ fail "$cc $opt builds" "$(tail -n 5 make.log)"; continue; }
		for p in ppl dippy-2025-01; do
			for isa in ref scalar avx2 avx512 neon; do
				try "$cc $opt" "$p" --isa "$isa"
			done
		done
		try "$cc $opt" ppl -j 1
		try "$cc $opt" dippy-2025-01 -j 7
	done
done
done_testing
