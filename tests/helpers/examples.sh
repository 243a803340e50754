# shellcheck shell=bash
# Runs examples of the manual and of README.md, for tests that have sourced tests/lib.sh: each line "# ..." as root, each line
# "$ ..." as an ordinary user. Every other line is output, in which versions may differ.

# block FILE TEXT: the first literal block of the file that contains the text.
block() {
	awk -v text="$2" '
		/^\.Bd -literal/ || (/^```$/ && !on) { on = 1; lines = ""; next }
		/^\.Ed/ || (/^```$/ && on) { if (index(lines, text)) { printf "%s", lines; exit } on = 0; next }
		on { lines = lines $0 "\n" }' "$src/$1" | sed 's/\\e/\\/g; s/\\(dq/"/g; s/\\&//g; s/\\-/-/g'
}

# alike: standard input without its versions.
alike() {
	sed -E 's/[0-9]+[.:][^ ,]*/N/g; s/[ \t]+/ /g'
}

# example FILE TEXT: runs the block. A check for each command, and for each line of output.
example() {
	local line command="" said="" status=0
	[ -n "$(block "$1" "$2")" ] || not_ok "the example of $1 with '$2'" "there is none"
	while IFS= read -r line; do
		command+=$line
		[[ $line != *\\ ]] || { command=${command%\\}; continue; }
		case $command in
		'# '*) eval "${command#\# }" >out 2>&1 </dev/null || status=$? ;;
		'$ '*) as 1000 bash -c "${command#\$ }" >out 2>&1 </dev/null || status=$? ;;
		*)
			is "... prints $command" "$(grep -cxF -- "$(alike <<<"$command")" <<<"$said") line" "1 line"
			command=
			continue
			;;
		esac
		said=$(alike <out)
		if [ $status = 0 ]; then ok "$1: $command"; else not_ok "$1: $command" "exit $status: $(cat out)"; fi
		command= status=0
	done < <(block "$1" "$2")
}
