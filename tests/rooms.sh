#!/bin/bash
# The shape of the house: who includes whom, what the wrapper is made of, what no file may name.
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/lib.sh

# allowed ROOM INCLUDE: DESIGN.md, "Who may include whom".
allowed() {
	case $1/$2 in
	base/base/*) ;;
	plan/base/* | plan/plan/*) ;;
	store/base/* | store/store/*) ;;
	labeler/base/* | labeler/labeler/*) ;;
	policy/base/* | policy/plan/* | policy/store/* | policy/labeler/* | policy/policy/*) ;;
	wrapper/base/err.h | wrapper/base/cleanup.h | wrapper/base/paths.h) ;;
	wrapper/base/kernel.h | wrapper/base/mount_id.h | wrapper/base/overlay.h) ;;
	wrapper/base/cover.h | wrapper/base/mountinfo.h | wrapper/base/trust.h) ;;
	wrapper/plan/read.h | wrapper/plan/format.h | wrapper/wrapper/*) ;;
	cli/*) ;;
	*) return 1 ;;
	esac
}

for room in base plan store labeler policy wrapper cli; do
	wrong= count=0
	while IFS=: read -r file include; do
		count=$((count + 1))
		allowed "$room" "$include" || wrong+="$file includes $include; "
	done < <(grep -HoE '^#include "[^"]*"' "$room"/*.[ch] | sed 's/#include "//; s/"$//')
	if [ -n "$wrong" ]; then
		not_ok "includes: $room" "$wrong"
	elif [ "$count" = 0 ]; then
		not_ok "includes: $room" "no include was found at all"
	else
		ok "includes: $room"
	fi
done

if git rev-parse --git-dir >/dev/null 2>&1; then
	is "the house has no rooms but these" "$(git ls-tree --name-only HEAD | LC_ALL=C sort | xargs)" \
		".ci .clang-format .gitignore BENCHMARKS.md CHANGELOG.md DESIGN.md LICENSE Makefile README.md SECURITY.md base cli completions debian labeler man plan policy profiles store tests wrapper"
fi

# The plan's reader is the one part of plan/ in the wrapper: nothing of the writer, or base/file.h.
wrong=$(grep -hoE '^#include "[^"]*"' plan/read.[ch] plan/format.h plan/crc.c |
	grep -vE '"(base/(err|cleanup|cover)|plan/(read|format))\.h"')
is "includes: the plan's reader" "$wrong" ""

wrapper=$build/pinlib-wrapper
if readelf -lW "$wrapper" | grep -q INTERP || readelf -dW "$wrapper" 2>/dev/null | grep -q NEEDED; then
	not_ok "the wrapper is static" "it has an interpreter or needs a library"
else
	ok "the wrapper is static"
fi
size=$(stat -c %s "$wrapper")
if [ "$size" -lt 65536 ]; then
	ok "the wrapper is under 64 KiB"
else
	not_ok "the wrapper is under 64 KiB" "$size bytes"
fi
names=$(nm "$wrapper.dbg")
is "the wrapper's symbols can be read" "$(grep -c ' [TtWw] main$' <<<"$names")" 1
is "the wrapper holds none of SQLite, libcap, libseccomp, libmount, glibc" \
	"$(grep -E ' (sqlite3_|cap_(get|set|init)|seccomp_|mnt_|__libc_enable_secure|gnu_get_libc)' <<<"$names")" ""
is "the wrapper allocates nothing" "$(grep -E ' [Tt] (malloc|calloc|realloc)$' <<<"$names")" ""

# The loader writes zeros over all of it at each start of the command.
tls=$(readelf -lW "$build/pinlib" | awk '$1 == "TLS" {print $6}')
if [ $((tls)) -lt 4096 ]; then
	ok "the command's thread-local storage is under a page"
else
	not_ok "the command's thread-local storage is under a page" "$((tls)) bytes"
fi

# What a file of the project names works on this machine alone.
hosts=$({
	grep -rhoE 'https?://[^/ ]+' /etc/apt/sources.list /etc/apt/sources.list.d
	apt-config dump | grep -i proxy | grep -oE 'https?://[^/ ]+'
} 2>/dev/null | sed 's|.*//||; s/.*@//; s/[":;].*//' | sort -u | grep -v '^$')
found=
while read -r host; do
	[ -z "$host" ] || found+=$(git grep -lF "$host" -- . 2>/dev/null)
done <<<"$hosts"
is "no file names a package mirror" "$found" ""

# A command is one file, one line of the table, one man page entry, one test.
for file in cli/*.c; do
	name=$(sed -n 's/^	\.name = "\(.*\)",$/\1/p' "$file")
	[ -n "$name" ] || continue
	missing=
	grep -q "&command_$name" cli/main.c || missing+="not in the table of cli/main.c; "
	grep -q "^\.It .*Cm $name" man/pinlib.1 || missing+="not in man/pinlib.1; "
	grep -rqE "pinlib (--json )?$name( |$)" tests/scenarios || missing+="in no scenario; "
	is "command $name is documented and tested" "$missing" ""
	# Shells complete by the synopsis: it has every option.
	synopsis=$(sed -n '/\.synopsis = /,/,$/p' "$file")
	missing=
	while read -r option; do
		grep -qE -- "--$option([]= |\"]|$)" <<<"$synopsis" || missing+="--$option "
	done < <(sed -n 's/^.*{"\([a-z-]*\)", [a-z]*_argument, .*/\1/p' "$file" | sort -u)
	is "command $name has all options in its synopsis" "$missing" ""
done
# A promise stands behind a test that there is.
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

# `make demo` and `make check-kernels` name what is to be built from where they are.
at=$(mktemp -d)
(cd "$at" && "$src/tests/fixtures" small) >/dev/null 2>&1
is "the fixtures are built where their caller means" "$(ls "$at") $(ls -d "$at"/small/host/demo_*.deb | wc -l)" "small 1"
rm -rf "$at" tests/small

# What is installed elsewhere than it was built for is built anew, and only that.
at=$(mktemp -d)
for prefix in /usr/local /usr /usr; do
	make -s BUILD="$at" PREFIX=$prefix "$at/cli/main.o" "$at/musl/wrapper/main.o" >/dev/null 2>&1
	for object in cli/main.o musl/wrapper/main.o; do
		strings "$at/$object" | grep -m 1 -o '^/usr.*/pinlib-wrapper$'
		stat -c %y "$at/$object" >>"$at/times"
	done
done >"$at/said"
is "a prefix given to make install is the one that is compiled in" \
	"$(xargs <"$at/said") $(sort -u "$at/times" | wc -l)" \
	"/usr/local/lib/pinlib/pinlib-wrapper /usr/local/lib/pinlib/pinlib-wrapper $(yes /usr/lib/pinlib/pinlib-wrapper | head -n 4 | xargs) 4"
rm -rf "$at"

# What tests do to the machine they do to the bed.
for dir in / /dev /boot /srv /mnt; do
	[ -d "$dir" ] || continue
	tests/bed touch "$dir/of-the-bed" 2>/dev/null
	is "the bed's $dir is not the machine's" "$(ls -A "$dir" | grep -x of-the-bed)" ""
done
is "nor are those that can be written" "$(tests/bed bash -c 'for dir in /usr/bin /etc /var/lib /tmp /run /root; do
	touch $dir/of-the-bed && echo $dir; done' | xargs) $(ls -A /usr/bin /etc /var/lib /tmp /run /root | grep -x of-the-bed)" \
	"/usr/bin /etc /var/lib /tmp /run /root "

finish
