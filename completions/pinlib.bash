# bash completion for pinlib(1). pinlib itself lists the possible words, from the table of each command.

_pinlib() {
	local line=${COMP_LINE:0:COMP_POINT} word before candidate what
	local -a words found

	# Split at blanks only: COMP_WORDS is also cut at "=" and ":", which occur in versions.
	read -ra words <<<"$line"
	[[ $line != *[[:space:]] ]] || words+=("")
	word=${words[-1]}
	# readline inserts only the part after the last of its word breaks.
	before=${word%"${word##*[=:]}"}
	COMPREPLY=()
	while IFS=$'\t' read -r candidate what; do
		case $candidate in
		:files) mapfile -t found < <(compgen -f -- "${word#"$before"}") ;;
		:directories) mapfile -t found < <(compgen -d -- "${word#"$before"}") ;;
		:commands) mapfile -t found < <(compgen -c -- "$word" | sort -u) ;;
		*)
			printf -v candidate %q "${candidate#"$before"}"
			COMPREPLY+=("$candidate")
			continue
			;;
		esac
		[[ $candidate == :commands ]] || compopt -o filenames 2>/dev/null
		COMPREPLY+=("${found[@]}")
	done < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _pinlib pinlib
