# Sourced by every test in tests/t:  . "$(dirname "$0")/lib.sh"
#
# A test file runs in a fresh directory ($PWD, removed at the end) with SN_HOME in
# it and the programs on PATH.  It calls `ok', `is', `like', `status', ... and ends
# with `done_testing'.  Output is TAP, diagnostics are "# " lines.
# shellcheck shell=sh

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
export top
PATH=${SN_BIN:-$top/build/bin}:$PATH
TMP=$(mktemp -d "${TMPDIR:-/tmp}/sn-test.XXXXXX") || exit 111
export PATH TMP
SN_HOME=$TMP/home
export SN_HOME
LC_ALL=C.UTF-8
export LC_ALL
unset SN_NOW ADMIN_KEY LISTEN_FDS LISTEN_PID NOTIFY_SOCKET
data=$top/tests/data
shared=${SN_SHARED:-$top/../shared}
export data shared
cd "$TMP" || exit 111

n=0
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	cd / && chmod -R u+rwx "$TMP" 2>/dev/null; rm -rf "$TMP"
}
trap cleanup EXIT
trap 'exit 111' INT TERM HUP

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
skip() { n=$((n + 1)); printf 'ok %s - %s # SKIP %s\n' $n "$1" "$2"; }
pass() { n=$((n + 1)); printf 'ok %s - %s\n' $n "$1"; }
diag() { printf '%s\n' "$*" | sed 's/^/# /'; }
fail() { n=$((n + 1)); printf 'not ok %s - %s\n' $n "$1"; [ $# -lt 2 ] || diag "$2"; }

# ok NAME COMMAND...: the command succeeds
ok() { _name=$1; shift; if "$@"; then pass "$_name"; else fail "$_name" "failed: $*"; fi; }
# is NAME GOT WANT
is() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:  $2
want: $3"; fi; }
# like NAME TEXT PATTERN (a shell pattern)
# shellcheck disable=SC2254
like() { case $2 in $3) pass "$1" ;; *) fail "$1" "got:  $2
want: $3" ;; esac; }
# status NAME WANT COMMAND...: exit status; stdout in ./out, stderr in ./err
status() {
	_name=$1 _want=$2
	shift 2
	"$@" >"$TMP/out" 2>"$TMP/err" </dev/null
	_got=$?
	if [ "$_got" = "$_want" ]; then pass "$_name"; else fail "$_name" "status $_got, want $_want: $*
$(head -c 600 "$TMP/err")"; fi
}
# refuses NAME WANT PATTERN COMMAND...: status, nothing on stdout, one line on stderr like PATTERN
# shellcheck disable=SC2254
refuses() {
	_name=$1 _want=$2 _pattern=$3
	shift 3
	"$@" >"$TMP/out" 2>"$TMP/err" </dev/null
	_got=$?
	_lines=$(wc -l <"$TMP/err")
	_text=$(cat "$TMP/err")
	_match=no
	case $_text in $_pattern) _match=yes ;; esac
	if [ "$_got" = "$_want" ] && [ "$_lines" = 1 ] && [ ! -s "$TMP/out" ] && [ $_match = yes ]; then
		pass "$_name"
	else
		fail "$_name" "status $_got (want $_want), $_lines lines, $(wc -c <"$TMP/out") bytes on stdout: $_text
want: $_pattern"
	fi
}
# runs_here NAME COMMAND...: stdout in out.json; kernels that the processor lacks are a skip.
# Silent, and 0, only when the command ran well.
runs_here() {
	_name=$1
	shift
	"$@" >out.json 2>err && return 0
	if grep -q 'this processor does not have' err; then skip "$_name" "$(cat err)"; else fail "$_name" "$(cat err)"; fi
	return 1
}
# same NAME FILE FILE
same() { if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$(diff "$2" "$3" 2>&1 | head -10)"; fi; }
# wait_for SECONDS COMMAND...: until it succeeds (polls; for servers that start)
wait_for() {
	_tries=$(($1 * 20))
	shift
	while ! "$@" 2>/dev/null; do
		_tries=$((_tries - 1))
		[ $_tries -gt 0 ] || return 1
		sleep 0.05
	done
}
# bg COMMAND...: in the background, killed at the end; $! is its pid
bg() { "$@" & pids="$pids $!"; }
# free_port: a TCP port of 127.0.0.1 that is free now
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen=>1,LocalAddr=>"127.0.0.1")->sockport'; }
# json FILE|- EXPR: a value out of JSON, by Python: json out 'd["a"][0]'
json() { python3 -c 'import json,sys
d=json.loads((sys.stdin if sys.argv[1]=="-" else open(sys.argv[1])).read())
v=eval(sys.argv[2]); print(v if isinstance(v,str) else json.dumps(v))' "$1" "$2"; }
# fault SPEC COMMAND...: with the fault preload (tests/fault/fault.c)
# (a sanitizer build has to be told that the preload may come before its own library)
fault() {
	_spec=$1
	shift
	ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS} \
		SN_FAULT=$_spec LD_PRELOAD=${SN_BIN%/bin}/tests/fault.so "$@"
}
done_testing() { echo "1..$n"; }
