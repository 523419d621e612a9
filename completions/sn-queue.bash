# bash completion for sn-queue; written by scripts/gen-completions
_sn_queue()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	for ((i = 1; i < COMP_CWORD; i++)); do
		two="${COMP_WORDS[i]} ${COMP_WORDS[i+1]}"
		case $two in
		esac
		case ${COMP_WORDS[i]} in
		push) cmd=${COMP_WORDS[i]}; break ;;
		pop) cmd=${COMP_WORDS[i]}; break ;;
		ack) cmd=${COMP_WORDS[i]}; break ;;
		nack) cmd=${COMP_WORDS[i]}; break ;;
		touch) cmd=${COMP_WORDS[i]}; break ;;
		run) cmd=${COMP_WORDS[i]}; break ;;
		ls) cmd=${COMP_WORDS[i]}; break ;;
		stats) cmd=${COMP_WORDS[i]}; break ;;
		weight) cmd=${COMP_WORDS[i]}; break ;;
		esac
	done
	case "$cmd $prev" in
	*' --database' | *' -d') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	'push --group' | 'push -g') return ;;
	'push --delay') return ;;
	'push --priority') return ;;
	'pop --lease') return ;;
	'pop --max-attempts') return ;;
	'nack --delay') return ;;
	'touch --lease') return ;;
	'run --jobs' | 'run -j') return ;;
	'run --lease') return ;;
	'run --max-attempts') return ;;
	'run --backoff') return ;;
	'ls --state' | 'ls -s') mapfile -t COMPREPLY < <(compgen -W 'all ready delayed leased done dead' -- "$cur"); return ;;
	'ls --group' | 'ls -g') return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		'push') mapfile -t COMPREPLY < <(compgen -W '-g --group --delay --priority --atomic -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'pop') mapfile -t COMPREPLY < <(compgen -W '--lease --max-attempts -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'ack') mapfile -t COMPREPLY < <(compgen -W '-d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'nack') mapfile -t COMPREPLY < <(compgen -W '--delay -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'touch') mapfile -t COMPREPLY < <(compgen -W '--lease -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'run') mapfile -t COMPREPLY < <(compgen -W '-j --jobs --lease --max-attempts --backoff --drain -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'ls') mapfile -t COMPREPLY < <(compgen -W '-s --state -g --group -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'stats') mapfile -t COMPREPLY < <(compgen -W '--json -d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'weight') mapfile -t COMPREPLY < <(compgen -W '-d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W '-d --database -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		if [ -z "$cmd" ]; then
			mapfile -t COMPREPLY < <(compgen -W 'push pop ack nack touch run ls stats weight' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	esac
}
complete -o filenames -F _sn_queue sn-queue
