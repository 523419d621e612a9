# bash completion for sn-dataset-serve; written by scripts/gen-completions
_sn_dataset_serve()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	case "$cmd $prev" in
	*' --listen' | *' -l') return ;;
	*' --cache') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	*' --cache-size') return ;;
	*' --max-body') return ;;
	*' --threads' | *' -j') return ;;
	*' --builders') return ;;
	*' --max-conns') return ;;
	*' --max-client-conns') return ;;
	*' --header-timeout') return ;;
	*' --idle-timeout') return ;;
	*' --drain') return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		*) mapfile -t COMPREPLY < <(compgen -W '-l --listen -i --inetd --open --cache --cache-size --max-body -j --threads --builders --max-conns --max-client-conns --header-timeout --idle-timeout --drain -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _sn_dataset_serve sn-dataset-serve
