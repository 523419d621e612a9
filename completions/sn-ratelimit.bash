# bash completion for sn-ratelimit; written by scripts/gen-completions
_sn_ratelimit()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	for ((i = 1; i < COMP_CWORD; i++)); do
		two="${COMP_WORDS[i]} ${COMP_WORDS[i+1]}"
		case $two in
		esac
		case ${COMP_WORDS[i]} in
		set) cmd=${COMP_WORDS[i]}; break ;;
		take) cmd=${COMP_WORDS[i]}; break ;;
		peek) cmd=${COMP_WORDS[i]}; break ;;
		ls) cmd=${COMP_WORDS[i]}; break ;;
		stat) cmd=${COMP_WORDS[i]}; break ;;
		block) cmd=${COMP_WORDS[i]}; break ;;
		unblock) cmd=${COMP_WORDS[i]}; break ;;
		rm) cmd=${COMP_WORDS[i]}; break ;;
		esac
	done
	case "$cmd $prev" in
	*' --table' | *' -f') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	'set --rate' | 'set -r') return ;;
	'set --burst' | 'set -b') return ;;
	'set --slots') return ;;
	'take --cost' | 'take -c') return ;;
	'peek --cost' | 'peek -c') return ;;
	'block --for') return ;;
	'block --policy' | 'block -p') return ;;
	'unblock --policy' | 'unblock -p') return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		'set') mapfile -t COMPREPLY < <(compgen -W '-r --rate -b --burst --slots -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'take') mapfile -t COMPREPLY < <(compgen -W '-c --cost -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'peek') mapfile -t COMPREPLY < <(compgen -W '-c --cost -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'ls') mapfile -t COMPREPLY < <(compgen -W '-f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'stat') mapfile -t COMPREPLY < <(compgen -W '-f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'block') mapfile -t COMPREPLY < <(compgen -W '--for -p --policy -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'unblock') mapfile -t COMPREPLY < <(compgen -W '-p --policy -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'rm') mapfile -t COMPREPLY < <(compgen -W '-f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W '-f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		if [ -z "$cmd" ]; then
			mapfile -t COMPREPLY < <(compgen -W 'set take peek ls stat block unblock rm' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	esac
}
complete -o filenames -F _sn_ratelimit sn-ratelimit
