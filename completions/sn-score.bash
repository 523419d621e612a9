# bash completion for sn-score; written by scripts/gen-completions
_sn_score()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	case "$cmd $prev" in
	*' --model' | *' -m') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	*' --profile' | *' -p') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	*' --template') return ;;
	*' --target') mapfile -t COMPREPLY < <(compgen -W 'last all' -- "$cur"); return ;;
	*' --part') return ;;
	*' --numerics') return ;;
	*' --backend') mapfile -t COMPREPLY < <(compgen -W 'auto cpu' -- "$cur"); return ;;
	*' --threads' | *' -j') return ;;
	*' --isa') mapfile -t COMPREPLY < <(compgen -W 'auto scalar avx2 avx512 neon ref' -- "$cur"); return ;;
	*' --share') mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$cur"); return ;;
	*' --memory') return ;;
	*' --samples') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	*' --deadline') return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		*) mapfile -t COMPREPLY < <(compgen -W '-m --model -p --profile --template --target --pair --part --numerics --backend -j --threads --isa --share --memory --samples --restart --logprobs --deadline -t --text --stats --show --compare --job --no-sandbox -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _sn_score sn-score
