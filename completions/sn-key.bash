# bash completion for sn-key; written by scripts/gen-completions
_sn_key()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	for ((i = 1; i < COMP_CWORD; i++)); do
		two="${COMP_WORDS[i]} ${COMP_WORDS[i+1]}"
		case $two in
		'group add') [ $((i + 1)) -lt $COMP_CWORD ] && cmd=$two && break ;;
		'group set') [ $((i + 1)) -lt $COMP_CWORD ] && cmd=$two && break ;;
		'group ls') [ $((i + 1)) -lt $COMP_CWORD ] && cmd=$two && break ;;
		'group rm') [ $((i + 1)) -lt $COMP_CWORD ] && cmd=$two && break ;;
		esac
		case ${COMP_WORDS[i]} in
		add) cmd=${COMP_WORDS[i]}; break ;;
		ls) cmd=${COMP_WORDS[i]}; break ;;
		revoke) cmd=${COMP_WORDS[i]}; break ;;
		esac
	done
	case "$cmd $prev" in
	*' --db' | *' -d') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	*' --table' | *' -f') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	'group add --rate' | 'group add -r') return ;;
	'group add --burst' | 'group add -b') return ;;
	'group add --datasets') return ;;
	'group set --rate' | 'group set -r') return ;;
	'group set --burst' | 'group set -b') return ;;
	'group set --datasets') return ;;
	'add --group' | 'add -g') return ;;
	'add --note' | 'add -n') return ;;
	'add --expires' | 'add -x') return ;;
	'ls --group' | 'ls -g') return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		'group add') mapfile -t COMPREPLY < <(compgen -W '-r --rate -b --burst --datasets -d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'group set') mapfile -t COMPREPLY < <(compgen -W '-r --rate -b --burst --datasets --no-limit -d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'group ls') mapfile -t COMPREPLY < <(compgen -W '-d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'group rm') mapfile -t COMPREPLY < <(compgen -W '-d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'add') mapfile -t COMPREPLY < <(compgen -W '-g --group -n --note -x --expires -d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'ls') mapfile -t COMPREPLY < <(compgen -W '-g --group -d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'revoke') mapfile -t COMPREPLY < <(compgen -W '-d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W '-d --db -f --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		if [ -z "$cmd" ]; then
			if [ "$prev" = group ]; then mapfile -t COMPREPLY < <(compgen -W 'add set ls rm' -- "$cur"); return; fi
			mapfile -t COMPREPLY < <(compgen -W 'group add ls revoke' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	esac
}
complete -o filenames -F _sn_key sn-key
