#!/bin/bash
# What the compiler and the linker made: the wrapper's contents and size, and the paths that are compiled in.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

wrapper=$build/pinlib-wrapper
if readelf -lW "$wrapper" | grep -q INTERP || readelf -dW "$wrapper" 2>/dev/null | grep -q NEEDED; then
	not_ok "the wrapper is static" "it has an interpreter or needs a library"
else
	ok "the wrapper is static"
fi
size=$(stat -c %s "$wrapper")
is "the wrapper is under 64 KiB ($size bytes)" $((size < 65536)) 1
names=$(nm "$wrapper.dbg")
is "the wrapper's symbols can be read" "$(grep -c ' [TtWw] main$' <<<"$names")" 1
is "the wrapper contains nothing of SQLite, libcap, libseccomp, libmount, glibc" \
	"$(grep -E ' (sqlite3_|cap_(get|set|init)|seccomp_|mnt_|__libc_enable_secure|gnu_get_libc)' <<<"$names")" ""
is "the wrapper allocates nothing" "$(grep -E ' [Tt] (malloc|calloc|realloc)$' <<<"$names")" ""

# The stub: one page, mapped whole and read-only, without section headers.
stub=$build/pinlib-stub
is "the stub is one page" "$(stat -c %s "$stub")" 4096
is "... mapped by one segment" "$(readelf -lW "$stub" | grep -c '^ *LOAD .* R E 0x1000$')$(readelf -lW "$stub" | grep -c '^ *LOAD')" 11
is "... without sections, which strip would rewrite" "$(readelf -hW "$stub" | awk '/Number of section headers/ {print $NF}')" 0
is "... without a symbol that is not its own" "$(nm -u "$stub.dbg")" ""

# The loader clears thread-local storage at each start of the command.
tls=$(readelf -lW "$build/pinlib" | awk '$1 == "TLS" {print $6}')
is "the command's thread-local storage is under a page ($((tls)) bytes)" $((tls < 4096)) 1

# `make install PREFIX=...` after `make` compiles the objects again for the other prefix, and only then.
at=$(mktemp -d)
for prefix in /usr/local /usr /usr; do
	make -s BUILD="$at" PREFIX=$prefix "$at/host/wrapper_file.o" "$at/musl/wrapper/main.o" >/dev/null 2>&1
	for object in host/wrapper_file.o musl/wrapper/main.o; do
		strings "$at/$object" | grep -m 1 -o '^/usr.*/pinlib-wrapper$'
		stat -c %y "$at/$object" >>"$at/times"
	done
done >"$at/said"
is "a prefix given to make install is the one that is compiled in" \
	"$(xargs <"$at/said") $(sort -u "$at/times" | wc -l)" \
	"/usr/local/lib/pinlib/pinlib-wrapper /usr/local/lib/pinlib/pinlib-wrapper $(yes /usr/lib/pinlib/pinlib-wrapper | head -n 4 | xargs) 4"
rm -rf "$at"
finish
