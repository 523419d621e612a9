# fish completion for sn-validate; written by scripts/gen-completions
complete -c sn-validate -l policy -s p -r -d 'what the competition allows, as JSON'
complete -c sn-validate -l text -s t -d 'verdicts to read, instead of JSON'
complete -c sn-validate -l quiet -s q -d 'no progress bar, no warnings'
complete -c sn-validate -l verbose -s v -d 'say more; may be given twice'
complete -c sn-validate -l help -s h -d 'print this help'
complete -c sn-validate -l version -d 'print the version'
complete -c sn-validate -l options -d 'print the option table, for scripts'
