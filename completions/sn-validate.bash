# bash completion for sn-validate; written by scripts/gen-completions
_sn_validate()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= two i
	case "$cmd $prev" in
	*' --policy' | *' -p') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	esac
	case $cur in
	-*)
		case $cmd in
		*) mapfile -t COMPREPLY < <(compgen -W '-p --policy -t --text -q --quiet -v --verbose -h --help --version --options' -- "$cur") ;;
		esac ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _sn_validate sn-validate
