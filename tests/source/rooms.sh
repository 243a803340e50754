#!/bin/bash
# The shape of the sources: the rooms and who includes whom (DESIGN.md), names, sizes, and the documents that go with
# the code. Reads the checkout only: no root, no build.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

# The Makefile has the one list of rooms, in the order of inclusion.
read -ra rooms < <(make -s rooms)
while IFS=$'\t' read -r name wrong; do
	if [ -z "$wrong" ]; then ok "$name"; else not_ok "$name" "$wrong"; fi
done < <(tests/helpers/shape "${rooms[@]}" || echo $'shape\tit did not run to its end')

# Directories only: a document beside them is nobody's room.
if git rev-parse --git-dir >/dev/null 2>&1; then
	is "the tree has these rooms and no others" "$(git ls-tree -d --name-only HEAD | LC_ALL=C sort | xargs)" \
		"$(printf '%s\n' "${rooms[@]}" .ci completions debian man profiles tests wrapper | LC_ALL=C sort | xargs)"
fi

# The room dpkg is the one that starts dpkg's and apt's programs.
tools='"(dpkg-query|dpkg-deb|dpkg-divert|apt-get|apt-cache)",|[{]"(dpkg|apt)",'
is "no room but dpkg starts dpkg or apt" \
	"$(grep -lE "$tools" ./*/*.c | grep -v '^\./dpkg/')" ""
is "the room dpkg starts them" "$(grep -hoE "$tools" dpkg/*.c | sort -u | wc -l)" 5

# A name of this machine's package mirror or proxy in a file works on this machine alone.
hosts=$({
	grep -rhoE 'https?://[^/ ]+' /etc/apt/sources.list /etc/apt/sources.list.d
	apt-config dump | grep -i proxy | grep -oE 'https?://[^/ ]+'
} 2>/dev/null | sed 's|.*//||; s/.*@//; s/[":;].*//' | sort -u | grep -v '^$')
found=
while read -r host; do
	[ -z "$host" ] || found+=$(git grep -lF "$host" -- . 2>/dev/null)
done <<<"$hosts"
is "no file names a package mirror" "$found" ""

# A command is one file, one line of the table, one entry of the manual, one scenario.
for file in commands/*.c; do
	name=$(sed -n 's/^	\.name = "\(.*\)",$/\1/p' "$file" 2>/dev/null)
	[ -n "$name" ] || continue
	missing=
	grep -q "&command_$name" commands/main.c || missing+="not in the table of commands/main.c; "
	grep -q "^\.It .*Cm $name" man/pinlib.1 || missing+="not in man/pinlib.1; "
	grep -rqE "pinlib (--json )?$name( |$)" tests/scenarios || missing+="in no scenario; "
	is "command $name is documented and tested" "$missing" ""
done

# SECURITY.md names a test for each promise.
wrong= count=0
for name in $(grep '^|' SECURITY.md | sed 's/.*| \([^|]*\) |$/\1/' | tr -d ',' | grep /); do
	count=$((count + 1))
	case $name in
	fuzz/\*) ls tests/fuzz/corpus/* >/dev/null ;;
	fuzz/*) [ -d "tests/fuzz/corpus/${name#*/}" ] ;;
	unit/*) [ -e "tests/$name.c" ] ;;
	scenarios/*) [ -e "tests/$name.test" ] ;;
	*) [ -x "tests/$name.sh" ] ;;
	esac || wrong+="$name "
done
is "the tests that SECURITY.md names" "$wrong$((count > 30))" 1

# Code refers to DESIGN.md's decisions by names, and each decision is short.
decisions=$(sed -n 's/^#### //p' DESIGN.md)
wrong=$(sort <<<"$decisions" | uniq -d) count=0
for name in $(grep -rhozP 'DESIGN\.md,[\s*#]+[a-z]+(-[a-z]+)+' --include=*.[ch] --include=*.md --include=pinlib.* --include=*.sh . |
	tr '\0\n' '\n ' | sed 's/.*[ *#]//'); do
	count=$((count + 1))
	grep -qxF "$name" <<<"$decisions" || wrong+=" $name"
done
is "the decisions of DESIGN.md that code names" "$wrong$((count > 2))" 1
wrong=$(awk '/^#/ { if (n > 80) print name, n; name = $2; n = 0 } !/^#/ { n += $1 == "-" ? NF - 1 : NF }' \
	<(sed '1,/^## Decisions/d; /^## One pin/,$d' DESIGN.md) <(echo "#"))
is "a decision has 80 words at most" "$wrong" ""

# Each fuzz target has a corpus and a row in the table of its README.
missing=
for target in tests/fuzz/*.c; do
	target=$(basename "$target" .c)
	[ "$target" = replay ] || { [ -d "tests/fuzz/corpus/$target" ] && grep -q "^| $target |" tests/fuzz/README.md; } || missing+="$target "
done
is "fuzz targets have a corpus, and a row in tests/fuzz/README.md" "$missing" ""
finish
