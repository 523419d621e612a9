#!/bin/sh
# The build: install and uninstall, switches that cannot be had.
. "$(dirname "$0")/lib.sh"
[ -z "${ASAN_OPTIONS:-}" ] || skip_all "once, by the plain build"

cd "$top" || exit 111
export B
run() { make -s --no-print-directory "$@" >"$TMP/out" 2>&1; }
ok "make install" run install DESTDIR="$TMP/root" PREFIX=/usr
for p in "$SN_BIN"/sn-*; do
	name=$(basename "$p")
	ok "  $name" [ -x "$TMP/root/usr/bin/$name" ]
	ok "  its page" sh -c 'ls "$1"/usr/share/man/man?/"$2".? >"$3"' sh "$TMP/root" "$name" "$TMP/ls"
	ok "  its completion" [ -s "$TMP/root/usr/share/bash-completion/completions/$name" ]
done
ok "sn-tools(7)" [ -s "$TMP/root/usr/share/man/man7/sn-tools.7" ]
ok "make uninstall" run uninstall DESTDIR="$TMP/root" PREFIX=/usr
is "leaves no file" "$(find "$TMP/root" -type f)" ""
mkdir "$TMP/b" && touch "$TMP/b/.setup" "$TMP/b/.setupdemo"
like "make check after make demo still looks for its own packages" "$(make -n B="$TMP/b" check 2>&1)" \
	"*scripts/setup --install *check*"
status "USE_CUDA=yes without a CUDA backend or toolkit fails" 2 make USE_CUDA=yes PATH="$PATH"
like "and says why" "$(cat "$TMP/err")" "*USE_CUDA=yes: *"
status "USE_CUDA=maybe fails" 2 make USE_CUDA=maybe
is "only what belongs there is at the top level" \
	"$(git ls-files 2>/dev/null | sed 's,/.*,,' | sort -u | grep -vE '^(Makefile|README\.md|LICENSE|cmd|lib|man|tests|scripts|completions|\..*)$')" ""
ok "the Makefile stays under 250 lines" [ "$(wc -l <Makefile)" -lt 250 ]
done_testing
