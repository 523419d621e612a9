#!/bin/sh
# The man pages are clean mdoc.
. "$(dirname "$0")/lib.sh"
command -v mandoc >/dev/null || skip_all "no mandoc here"
for page in "$top"/man/*.[1578]; do
	is "$(basename "$page")" "$(mandoc -Tlint -Wwarning "$page" 2>&1)" ""
	case $page in
	*.[18]) for s in ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		ok "$(basename "$page") has $s" grep -qE "^\.Sh \"?$s" "$page"
	done ;;
	esac
done
done_testing
