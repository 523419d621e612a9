#!/bin/sh
# The tour of the README runs as it stands.
. "$(dirname "$0")/lib.sh"
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$top/README.md" >tour
ok "there is a tour" [ -s tour ]
mkdir empty && cd empty || exit 111
timeout 120 sh -e ../tour >../out 2>../err </dev/null
is "it ends well" "$?" 0
diag "$(tail -n 5 ../err)"
like "the limit shows" "$(cat ../out)" "*RateLimit*sn11*"
done_testing
