#!/bin/sh
# --stats: where the time went, on stderr, and stdout is as without it.
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 8 "$data/demo.jsonl" >r
cp r twice && cat r >>twice
sn-score -m "$m" -t r 2>/dev/null | grep digest >plain
sn-score -m "$m" -t --stats r 2>table | grep digest >with
same "the result is the same" plain with
is "the rows" "$(sed 's/   *.*//' table | paste -sd,)" \
	"open model,tokenise,hash model,unpack weights,matmul,attention,norms, rope,logits,rest,all,tokens,multiply-adds,memory"
ok "seconds add up to all, and all is 100 %" awk '
	/ s .* %$/ { n++; s[n] = $(NF - 3); p = $(NF - 1) }
	END { for (i = 1; i < n; i++) t += s[i]; d = t - s[n]
		exit !(n == 10 && s[n] > 0 && p == 100 && d < 0.01 && d > -0.01) }' table
ok "the arithmetic took time" awk '/^matmul/ { exit !($2 > 0) }' table
ok "memory" awk '/^memory/ { exit !($2 > 1 && $3 == "MB") }' table
sn-score -q -m "$m" --stats twice 2>table >out.json
is "tokens are those of the summary" "$(awk '/^tokens/ { print $2 + 0 }' table)" "$(json out.json 'd["run"]["tokens"]')"
ok "shared, too" grep -q "; $(json out.json 'd["run"]["shared"]') shared; $(json out.json 'd["run"]["groups"]') group" table
sn-score -v -m "$m" r 2>table >/dev/null
ok "-v is the same" grep -q '^matmul ' table
sn-score -m "$m" r 2>none >/dev/null
is "nothing without" "$(cat none)" ""
sn-score -m "$m" --stats --deadline 1ms "$data/demo.jsonl" >out 2>table
is "a deadline: status" $? 99
ok "... has a table" grep -q '^matmul ' table
is "... no summary" "$(cat out)" ""
status "a stderr that is full does no harm" 0 sh -c 'sn-score -q -m "$1" --stats r 2>/dev/full' sh "$m"
done_testing
