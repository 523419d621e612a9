#!/bin/sh
# What is wrong with an invocation, a record or a model is said in one line, with nothing
# on standard output.
. "$(dirname "$0")/lib.sh"

m=$data/tiny
head -n 2 "$data/demo.jsonl" >good
refuses "no model" 100 "sn-score: which model? -m MODEL is needed*" sn-score good
refuses "unknown profile" 100 'sn-score: no profile is called "x" (there are ppl, dippy-2025-01, and files: *.json)' sn-score -m "$m" -p x good
refuses "unknown template" 100 'sn-score: no template is called "zephyr" (there is chatml)' sn-score -m "$m" --template zephyr good
refuses "unknown numerics" 100 'sn-score: no numerics is called "bf16" (there are f32-exact, bf16-fast)' sn-score -m "$m" --numerics bf16 good
refuses "unknown backend" 100 'sn-score: option --backend: "cuda" is not one of auto|cpu*' sn-score -m "$m" --backend cuda good
refuses "unknown isa" 100 'sn-score: option --isa: "sse9" is not one of*' sn-score -m "$m" --isa sse9 good
refuses "no threads" 100 'sn-score: option -j: *' sn-score -m "$m" -j 0 good
refuses "--pair with ppl" 100 'sn-score: profile ppl has no pairs' sn-score -m "$m" --pair good
refuses "--part with ppl" 100 'sn-score: profile ppl has no parts' sn-score -m "$m" --part vibe_score=1 good
refuses "--target with dippy" 100 'sn-score: profile dippy-2025-01 has no choice of targets' \
	sn-score -m "$m" -p dippy-2025-01 --target all good
refuses "--logprobs alone" 100 'sn-score: --logprobs goes with --samples FILE' sn-score -m "$m" --logprobs good
refuses "--part without a value" 100 'sn-score: option --part: "vibe_score" is not NAME=VALUE' \
	sn-score -m "$m" -p dippy-2025-01 --part vibe_score good
refuses "--part of no such name" 100 'sn-score: option --part: no part is called "vibe" *' \
	sn-score -m "$m" -p dippy-2025-01 --part vibe=1 good
refuses "--part out of range" 100 'sn-score: option --part: *' sn-score -m "$m" -p dippy-2025-01 --part vibe_score=1.5 good
refuses "--job with a model" 100 'sn-score: --job says itself*' sn-score --job -m "$m"
refuses "a memory limit under which nothing fits" 100 'sn-score: *' sn-score -m "$m" --memory 1000 good
refuses "absent records" 111 'sn-score: cannot open nowhere: No such file or directory' sn-score -m "$m" nowhere
refuses "a directory as records" 111 'sn-score: cannot open .: Is a directory' sn-score -m "$m" .
refuses "absent model" 111 'sn-score: *nowhere*No such file or directory' sn-score -m nowhere good

bad() { # NAME PATTERN LINE
	{ cat good; printf '%s\n' "$3"; } >bad
	refuses "record: $1" 1 "sn-score: bad: line 3: $2" sn-score -m "$m" bad
}
bad "not JSON" 'not JSON*' '{"system_prompt":'
bad "an array" 'expected an object' '[]'
bad "no messages" 'key "messages": missing' '{"system_prompt":""}'
bad "messages of another type" 'key "messages": expected an array' '{"system_prompt":"","messages":{}}'
bad "a message that is none" 'key "messages": item 2: expected an object' '{"system_prompt":"","messages":[{"role":"user","content":"x"},7]}'
bad "a message without content" 'key "messages": item 1: key "content": missing' '{"system_prompt":"","messages":[{"role":"user"}]}'
bad "a role of another type" 'key "messages": item 1: key "role": expected a string' '{"system_prompt":"","messages":[{"role":1,"content":"x"}]}'
bad "a system prompt of another type" 'key "system_prompt": expected a string' '{"system_prompt":[],"messages":[]}'
bad "a key twice" 'not JSON*duplicate*' '{"system_prompt":"","messages":[],"messages":[]}'
bad "not UTF-8" 'not JSON*' "$(printf '{"system_prompt":"\377","messages":[]}')"
bad "control characters in an error" 'not JSON*' "$(printf '{"a\033[2J":')"
{ cat good; head -c 300 good; } >bad
refuses "records cut off in the middle" 1 "sn-score: bad: line 3: not JSON*" sn-score -m "$m" bad
refuses "a bad second file" 1 "sn-score: bad: line 3: not JSON*" sn-score -m "$m" good bad
status "a last line without its line end" 0 sh -c 'head -c -1 good | sn-score -m "$0"' "$m"

# an earlier file of samples is left alone by a run that is refused
echo old >lines
refuses "a bad record with --samples" 1 "sn-score: bad: line 3: *" sn-score -m "$m" --samples lines bad
is "... leaves the file" "$(cat lines)" old

# standard output
status "full disk" 111 sh -c 'sn-score -m "$0" good >/dev/full' "$m"
is "full disk: one line" "$(cat err)" "sn-score: cannot write standard output: No space left on device"
status "closed standard output" 111 sh -c 'sn-score -m "$0" good >&-' "$m"
is "closed: one line" "$(cat err)" "sn-score: cannot write standard output: Bad file descriptor"

# --show
status "--show" 0 sh -c 'sn-score -m "$0" good | sn-score --show' "$m"
like "--show prints it for people" "$(cat out)" "profile *ppl*bits_per_byte*records  *2 scored, 0 skipped*result digest*"
refuses "--show of something else" 1 'sn-score: good: line 1: not a summary of sn-score' sn-score --show good
refuses "--show of no JSON" 1 'sn-score: standard input: line 1: not JSON*' sh -c 'echo x | sn-score --show'
refuses "--show with a model" 100 'sn-score: --show only prints*' sn-score --show -m "$m"
printf '%s\n' '{"profile":"a\u001b[2Jb","result":{"digest":"\u0007"}}' >esc
status "--show of control characters" 0 sn-score --show esc
is "... shows none" "$(tr -d '[:print:]\n' <out | wc -c)" 0
done_testing
