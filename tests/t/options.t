#!/bin/sh
# One option table a program: its -h, its man page and the completions say the same.
. "$(dirname "$0")/lib.sh"

for prog in "$SN_BIN"/sn-*; do
	name=$(basename "$prog")
	table=$("$prog" --options) || { fail "$name --options"; continue; }
	page=$(ls "$top"/man/"$name".[18] 2>/dev/null)
	if [ -z "$page" ]; then
		fail "$name has a man page"
		continue
	fi
	text=$(mandoc -Tascii "$page" | col -b | tr '\n' ' ' | tr -s ' ')
	missing=
	tab=$(printf '\t')
	printf '%s\n' "$table" >"$TMP/table"
	while IFS=$tab read -r kind a b c _; do
		case $kind in
		cmd)
			# shellcheck disable=SC2086 # a command may be two words
			help=$("$prog" $a -h 2>&1)
			case $help in *"usage: $name $a"*) ;; *) missing="$missing; help of $a" ;; esac
			case $text in *"$a"*) ;; *) missing="$missing; page: command $a" ;; esac
			;;
		opt)
			case $c in options) continue ;; esac
			[ "$a" = - ] && a=
			# shellcheck disable=SC2086 # a command may be two words, or none
			help=$("$prog" $a -h)
			case $help in *"--$c"*) ;; *) missing="$missing; -h: --$c" ;; esac
			case $text in *"-$c"*) ;; *) case $c in quiet | verbose | help | version) ;; *) missing="$missing; page: --$c of $a" ;; esac ;; esac
			[ "$b" = - ] || case $text in *"-$b"*) ;; *) case $b in q | v | h) ;; *) missing="$missing; page: -$b" ;; esac ;; esac
			;;
		esac
	done <"$TMP/table"
	is "$name: -h and man page have every command and option" "$missing" ""
	# and the page names no option that is not in the table
	extra=
	# shellcheck disable=SC2013 # words are what is meant
	for o in $(grep -oE '\bFl -[a-z][a-z0-9-]*' "$page" | sed 's/^Fl -//' | sort -u); do
		cut -f4 "$TMP/table" | grep -qx -- "$o" || extra="$extra $o"
	done
	is "$name: the page has no option of its own" "$extra" ""
	refuses "$name: an unknown option" 100 "$name: unknown option --no-such-option*" "$prog" --no-such-option
	status "$name: --version" 0 "$prog" --version
	like "$name: --version says its name" "$(cat "$TMP/out")" "$name [0-9]*"
	status "$name: -h on a full disk" 111 sh -c '"$0" -h >/dev/full' "$prog"
	status "$name: -h on a closed stdout" 111 sh -c '"$0" -h >&-' "$prog"
done

"$top/scripts/gen-completions" "$SN_BIN" "$TMP/comp"
is "completions/ is what the tables say (make completions)" "$(diff -r "$TMP/comp" "$top/completions" 2>&1 | head -5)" ""
for f in "$TMP"/comp/*.bash; do
	ok "$(basename "$f") is bash" bash -n "$f"
done
if command -v zsh >/dev/null; then
	for f in "$TMP"/comp/_*; do ok "$(basename "$f") is zsh" zsh -n "$f"; done
else
	skip "zsh" "no zsh here"
fi
if command -v fish >/dev/null; then
	for f in "$TMP"/comp/*.fish; do ok "$(basename "$f") is fish" fish -n "$f"; done
else
	skip "fish" "no fish here"
fi
done_testing
