#!/bin/sh
# verify: a verdict on stdout, each defect with its file on stderr, status 1; what a killed
# writer leaves is no defect; readers of a damaged dataset say what is wrong and stop.
. "$(dirname "$0")/lib.sh"

flip() { # flip FILE BYTE
	chmod u+w "$1"
	perl -e 'open F, "+<", $ARGV[0] or die; seek F, $ARGV[1], 0; read F, $c, 1; seek F, $ARGV[1], 0;
		print F chr(ord($c) ^ 1 << $ARGV[1] % 8)' "$1" "$2"
}

sn-dataset pack whole "$data/demo.jsonl" >/dev/null
echo '{"system_prompt":"x","messages":[]}' | sn-dataset pack whole >/dev/null
status "a whole one" 0 sn-dataset verify whole
is "the verdict" "$(json out '[d["ok"],d["defects"],d["snapshots"],d["records"]]')" "[true, 0, 2, 101]"
is "nothing on stderr" "$(cat err)" ""

big=$(cd whole && find shards -size +8k)
size=$(wc -c <"whole/$big")
for at in HEAD:0 HEAD:9 HEAD:95 log/0000000001:3 log/0000000001:40 log/0000000001:300 log/0000000001:599 \
	"$big:0" "$big:1000" "$big:$((size / 2))" "$big:$((size - 7000))" "$big:$((size - 40))" "$big:$((size - 1))"; do
	file=${at%:*} byte=${at##*:}
	rm -rf d && cp -r whole d
	flip "d/$file" "$byte"
	status "byte $byte of ${file%/*}" 1 sn-dataset verify d
	is "is a no" "$(json out 'd["ok"]')" false
	like "that names the file" "$(cat err)" "*sn-dataset: d/$file: *"
	is "as often as it says" "$(wc -l <err)" "$(json out 'd["defects"]')"
done

rm -rf d && cp -r whole d
chmod u+w d/shards/* && : >"d/$big"
refuses "cat of an emptied shard" 1 "sn-dataset: d/$big: damaged: 0 bytes, the manifest says $size" sn-dataset cat d
rm -f "d/$big"
refuses "sample without the shard" 1 "sn-dataset: d/$big: missing" \
	sn-dataset sample d --start 20240101 --end 20260101
refuses "pack into it" 1 "sn-dataset: d/$big: missing" sn-dataset pack d "$data/demo.jsonl"
rm -rf d && cp -r whole d
rm d/HEAD
status "without HEAD" 1 sn-dataset verify d
is "says so" "$(cat err)" "sn-dataset: d/HEAD: missing"

# a record that is not what its digest says is not printed
rm -rf d && cp -r whole d
index=$(perl -e 'open F, "<", $ARGV[0]; seek F, -56, 2; read F, $b, 8; print unpack "Q<", $b' "d/$big")
flip "d/$big" "$index"
refuses "a changed digest" 1 "sn-dataset: d/$big: damaged: record 0 is not what its digest names" sn-dataset cat d
refuses "is not carried on by a repack" 1 "*record 0 is not what its digest names" sn-dataset repack d
is "which leaves nothing" "$(cd d && find shards | sort)" "$(cd whole && find shards | sort)"

# leftovers
rm -rf d && cp -r whole d
printf 'half an entry' >>d/log/0000000001
echo x >d/HEAD.tmpAbCdEf
echo x >d/shards/tmp-AbCdEf
echo x >d/log/0000000002
cp "d/$big" "d/shards/$(printf '%064d' 0).zst" && chmod u+w d/shards/*
status "what a killed writer leaves is no defect" 0 sn-dataset verify d
status "the next pack" 0 sn-dataset pack d "$data/demo.jsonl"
is "clears it away" "$(cd d && find . -type f | sort)" "$(cd whole && find . -type f | sort)"
echo '{"system_prompt":"y","messages":[]}' | sn-dataset pack d >/dev/null
status "and the one after it is well" 0 sn-dataset verify d
chmod -R a-w whole
status "a dataset that is read-only" 0 sn-dataset cat whole
chmod -R u+w whole
done_testing
