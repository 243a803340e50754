#!/bin/bash
# The manual and the documents: syntax, layout and spelling. Reads the checkout only.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

is "mandoc finds nothing wrong in the manual" "$(mandoc -T lint -W warning man/*.[1578] 2>&1)" ""
for page in man/*.[1578]; do
	text=$(groff -mandoc -Tutf8 -P-cbou "$page" 2>&1)
	# groff, which Debian's man uses, drops the dash of some options, and quotes within quotes.
	is "groff renders ${page##*/}" \
		"$(tr -s ' \n' ' ' <<<"$text" | grep -oP '‘[^’]{0,60}‘.{0,30}|’’|\| -[a-z].{10}') $(($(wc -l <<<"$text") > 20))" " 1"
done
# lintian's list of common misspellings. "make; make check" is no repeated word.
is "spelling" "$(spellintian man/*.[1578] ./*.md tests/fuzz/README.md 2>&1 | grep -v 'duplicate word')" ""
finish
