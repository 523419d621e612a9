# bash completion for sn-dataset; written by scripts/gen-completions
_sn_dataset()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	for ((i = 1; i < COMP_CWORD; i++)); do
		two="${COMP_WORDS[i]} ${COMP_WORDS[i+1]}"
		case $two in
		esac
		case ${COMP_WORDS[i]} in
		pack) cmd=${COMP_WORDS[i]}; break ;;
		sample) cmd=${COMP_WORDS[i]}; break ;;
		cat) cmd=${COMP_WORDS[i]}; break ;;
		ls) cmd=${COMP_WORDS[i]}; break ;;
		stat) cmd=${COMP_WORDS[i]}; break ;;
		verify) cmd=${COMP_WORDS[i]}; break ;;
		repack) cmd=${COMP_WORDS[i]}; break ;;
		esac
	done
	case "$cmd $prev" in
	'pack --shard-size') return ;;
	'sample --start') return ;;
	'sample --end') return ;;
	'sample --count' | 'sample -n') return ;;
	'sample --recent') return ;;
	'sample --window') return ;;
	'sample --seed') return ;;
	'sample --snapshot') return ;;
	'cat --snapshot') return ;;
	'stat --snapshot') return ;;
	'repack --shard-size') return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		'pack') mapfile -t COMPREPLY < <(compgen -W '--shard-size -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'sample') mapfile -t COMPREPLY < <(compgen -W '--start --end -n --count --recent --window --seed --snapshot -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'cat') mapfile -t COMPREPLY < <(compgen -W '--snapshot -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'ls') mapfile -t COMPREPLY < <(compgen -W '-t --table -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'stat') mapfile -t COMPREPLY < <(compgen -W '--snapshot -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'verify') mapfile -t COMPREPLY < <(compgen -W '-q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		'repack') mapfile -t COMPREPLY < <(compgen -W '--shard-size -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W '-q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		if [ -z "$cmd" ]; then
			mapfile -t COMPREPLY < <(compgen -W 'pack sample cat ls stat verify repack' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi ;;
	esac
}
complete -o filenames -F _sn_dataset sn-dataset
