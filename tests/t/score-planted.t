#!/bin/sh
# A change of one rounding is caught.  Each line of the table below is such a change, made
# to a copy of the source; what it alters is compiled again, and then result.digest of a
# record is another one, or test vectors differ.
. "$(dirname "$0")/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS
B=${SN_BIN:-$top/build/bin}
B=${B%/bin}
case $B in *san | *cov) skip_all "the optimised build has it" ;; esac
[ -f "$B/lib/libsn.a" ] || skip_all "there is no build at $B"
[ -f "$B/tests/unit/vectors.o" ] || skip_all "the unit tests are not built"
case $B in *clang*) cc=clang ;; *) cc=gcc ;; esac
b=${B#"$top"/}         # the same name, since the objects' dependencies have it

# what this processor cannot run need not be compiled again
keep=
grep -q avx512bw /proc/cpuinfo || keep="-o $b/lib/infer/cpu/kernels_avx512.o"

# what does not change: a tree with its objects
mkdir -p keep/tests "keep/$b/tests/unit"
cp -pR "$top/lib" "$top/cmd" "$top/scripts" "$top/Makefile" keep
cp -pR "$top/tests/unit" keep/tests
cp -pR "$B/lib" "$B/cmd" "$B"/.setup* "keep/$b"
cp -p "$B"/tests/unit/vectors.[od] "keep/$b/tests/unit"

build() { # WHAT: in t
	# shellcheck disable=SC2086 # words
	nice make -C t -j 2 $keep B="$b" CC=$cc CFLAGS=-O1 "$b/$1" >make.log 2>&1
}
digests() { # ISA: of both profiles
	for p in ppl dippy-2025-01; do
		"t/$b/bin/sn-score" -q -m "$data/tiny" -p $p --isa "$1" "$data/golden/build.jsonl" >out.json 2>err ||
			cat err
		json out.json 'd["result"]["digest"]'
	done
}
vectors() {
	build tests/unit/vectors || { echo 0; return; }
	(bin=$PWD/t/$b/tests/unit/vectors && cd "$top" && "$bin" | grep -c '^not ok')
}

# nothing planted: the digests, and all vectors
cp -pR keep t
build bin/sn-score || fail "builds" "$(tail -n 5 make.log)"
golden=$(awk '{ print $2 }' "$data/golden/score-build.txt")
is "nothing planted, packed" "$(digests auto)" "$golden"
is "nothing planted, reference" "$(digests ref)" "$golden"
is "nothing planted, vectors that differ" "$(vectors)" 0

# NAME | what runs | FILE under lib | sed's script
cat >table <<'T'
norm: squares not fused | auto | infer/cpu/kernels.h | s/v_fma(a, a, lanes\[v\])/v_add(v_mul(a, a), lanes[v])/
norm: r times w first | auto | infer/cpu/kernels.h | s/v_mul(v_mul(v_load(x + i), v_set(r)), v_load(w + i))/v_mul(v_load(x + i), v_mul(v_set(r), v_load(w + i)))/
norm: mean by a reciprocal | auto | infer/cpu/kernels.h | s|ss / (float)n + eps|ss * (1.0f / (float)n) + eps|
attention: output by a reciprocal | auto | infer/cpu/kernels.h | s/v_div(v_load(x + i), v_set(by))/v_mul(v_load(x + i), v_set(1.0f \/ by))/
softmax: l not fused | auto | infer/cpu/kernels.h | s/__builtin_fmaf(\*l, \*c, v_fold(lanes))/(*l * *c + v_fold(lanes))/
log-sum-exp: l not fused | auto | infer/cpu/kernels.h | s/__builtin_fmaf(\*l, c, v_fold(lanes))/(*l * c + v_fold(lanes))/
matmul: chain not fused | auto | infer/cpu/kernels.h | s/c##r##0 = v_fma(x, b0, c##r##0)/c##r##0 = v_add(v_mul(x, b0), c##r##0)/
rope: first partner not fused | auto | infer/cpu/kernels.h | s/v_fma(x1, c, v_mul(v_mul(x2, s), v_set(-1.0f)))/v_sub(v_mul(x1, c), v_mul(x2, s))/
SwiGLU: sigmoid times u first | auto | infer/cpu/kernels.h | s/v_mul(v_mul(x, v_sigmoid(x)), v_load(u + i))/v_mul(x, v_mul(v_sigmoid(x), v_load(u + i)))/
exp: a step not fused | auto | infer/cpu/kernels.h | s/p = v_fma(v_mul(r, r), q, r);/p = v_add(v_mul(v_mul(r, r), q), r);/
top ten: ties to the higher id | auto | infer/cpu/kernels.h | s/z > top\[i - 1\]/z >= top[i - 1]/
exp: a coefficient's last bit | auto | infer/elem_table.h | s/0x1.555524p-3f/0x1.555526p-3f/
log: a coefficient's last bit | auto | infer/elem_table.h | s/LOG_C { 0x1.5555555555555p-1/LOG_C { 0x1.5555555555556p-1/
rope: angle in f64 | auto | infer/host.c | s/float angle = (float)(\(.*\));/double angle = \1;/
rope: inv_freq not rounded | auto | infer/host.c | s/float inv_freq = (float)/double inv_freq = /
log-sum-exp: sum in f32 | auto | infer/host.c | s/(float)((double)m + sn_log((double)l))/m + (float)sn_log((double)l)/
key blocks of 32 | auto | infer/numerics.h | s/SN_KEY_BLOCK = 64/SN_KEY_BLOCK = 32/
vocabulary tiles of 2,048 | auto | infer/numerics.h | s/SN_VOCAB_TILE = 4096/SN_VOCAB_TILE = 2048/
bf16: the first of a pair first | auto | infer/cpu/bf16.c | s/put(x + i, b)/put(x + i, a)/; s/put(x + i + 1, a)/put(x + i + 1, b)/
bf16: ties upwards | auto | infer/cpu/bf16.c | s/0x7fff + (b >> 16 & 1)/0x8000/
bf16: denormals kept | auto | infer/cpu/x86.h | s/_mm_setcsr(0x1f80 . 0x8040)/_mm_setcsr(0x1f80)/
f16: denormals are zeros | auto | infer/widen.c | s/float x = float_of(mag)/float x = float_of(mag < 0x00800000 ? 0 : mag)/
dippy: q by a reciprocal | auto | score/metric.c | s|float q = e\[i\] / sum|float q = e[i] * (1.0f / sum)|
lanes combined by +1, +2, +4, +8 | ref | infer/ref.c | s|int step = SN_LANES / 2; step; step /= 2|int step = 1; step < SN_LANES; step *= 2|; s|int i = 0; i < step; i++|int i = 0; i + step < SN_LANES; i += 2 * step|
residual before the chain | ref | infer/ref.c | s/matmul(s, SN_W_O, s->att, s->y);/for (size_t i = 0; i < c->hidden; i++) { s->y[i] = x[i]; x[i] = 0; for (size_t k = 0; k < s->w[SN_W_O].cols; k++) s->y[i] = __builtin_fmaf(s->att[k], s->w[SN_W_O].p[i * s->w[SN_W_O].cols + k], s->y[i]); }/
score: scale before the chain | ref | infer/ref.c | s/chain(q, k + (at + j) \* step, dim) \* scale;/0; for (size_t d = 0; d < dim; d++) s[j] = __builtin_fmaf(q[d] * scale, k[(at + j) * step + d], s[j]);/
chain from the last k down | ref | infer/ref.c | s/acc = __builtin_fmaf(x\[k\], w\[k\], acc)/acc = __builtin_fmaf(x[n - 1 - k], w[n - 1 - k], acc)/
T
while IFS='|' read -r name isa file rest; do
	name=${name% } isa=${isa# } file=${file# }
	isa=${isa% } file=${file% }
	rm -rf t && cp -pR keep t
	sed -i "${rest# }" "t/lib/$file"
	if cmp -s "t/lib/$file" "keep/lib/$file"; then
		fail "$name" "the line that it changes is not in lib/$file any more"
	elif ! build bin/sn-score; then
		fail "$name" "$(tail -n 5 make.log)"
	else
		by=
		[ "$(digests "$isa")" = "$golden" ] || by=result.digest
		if [ -z "$by" ]; then
			v=$(vectors)
			[ "$v" = 0 ] || by="$v vectors"
		fi
		ok "$name: caught by ${by:-nothing}" [ -n "$by" ]
	fi
done <table
done_testing
