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
# Not the file's size: how a linker aligns its pages is no code.
size=$(size "$wrapper" | awk 'NR == 2 { print $1 + $2 }')
is "the wrapper has under 64 KiB of code and data ($size bytes)" $((size < 65536)) 1
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
rm -rf "${at:?}"

# A cross build: the other tools follow from CC's machine. These compilers and this pkg-config only print theirs.
own=$(uname -m) other=aarch64 package=arm64
[ "$own" != aarch64 ] || other=x86_64 package=amd64
at=$(mktemp -d) || exit 1
printf '#!/bin/sh\necho %s-linux-gnu\n' $other | tee "${at:?}/$other-linux-gnu-gcc" >"$at/$other-linux-musl-gcc"
cat >"$at/$other-linux-gnu-pkg-config" <<END
#!/bin/sh
case \$1 in
--variable=libdir) echo /usr/lib/$other-linux-gnu ;;
*) echo -DOF_$other ;;
esac
END
chmod 755 "$at/$other-linux-gnu-gcc" "$at/$other-linux-musl-gcc" "$at/$other-linux-gnu-pkg-config"

# would [VARIABLE=VALUE...] TARGET...: the commands of a build, or why make refuses it.
would() {
	env -u MAKEFLAGS PATH="$at:$PATH" make -n BUILD="$at/build" "$@" 2>&1
}

# tools: the compilers and the tools of binutils in these commands.
tools() {
	grep -oE '^[^ ]*(gcc|strip|objcopy|ar) ' | sort -u | xargs
}

cross=$(would CC=$other-linux-gnu-gcc all "$at/build/librooms.a")
is "a cross build uses the tools of CC's machine alone" "$(tools <<<"$cross")" \
	"$other-linux-gnu-ar $other-linux-gnu-gcc $other-linux-gnu-objcopy $other-linux-gnu-strip $other-linux-musl-gcc"
is "... and its libraries" "$(grep "^$other-linux-gnu-gcc " <<<"$cross" | grep -vc -- " -DOF_$other ")" 0
is "a native build uses this machine's" "$(would CC=gcc all "$at/build/librooms.a" | tools)" \
	"ar gcc objcopy strip $own-linux-musl-gcc"
is "tools that the user gives are used" \
	"$(would CC=$other-linux-gnu-gcc STRIP=my-strip OBJCOPY=my-objcopy AR=my-ar all "$at/build/librooms.a" | tools)" \
	"$other-linux-gnu-gcc $other-linux-musl-gcc my-ar my-objcopy my-strip"
refuses "a wrapper for this machine beside a command for another is refused" 2 \
	"MUSL_CC=gcc compiles for $own, but CC=$other-linux-gnu-gcc compiles for $other" \
	would CC=$other-linux-gnu-gcc MUSL_CC=gcc all
refuses "... and the other way round" 2 "compiles for $other, but CC=gcc compiles for $own" \
	would CC=gcc MUSL_CC=$other-linux-musl-gcc all
refuses "libraries of this machine for a command of another are refused" 2 \
	"PKG_CONFIG=pkg-config finds libraries for $own, but CC=$other-linux-gnu-gcc compiles for $other" \
	would CC=$other-linux-gnu-gcc PKG_CONFIG=pkg-config all
refuses "... also for one object" 2 "PKG_CONFIG=pkg-config finds" \
	would CC=$other-linux-gnu-gcc PKG_CONFIG=pkg-config "$at/build/base/err.o"
refuses "programs for another machine are not installed on this one" 2 \
	"cannot install programs for $other on this machine ($own): set DESTDIR" would CC=$other-linux-gnu-gcc install
runs "... but below DESTDIR" would CC=$other-linux-gnu-gcc DESTDIR="$at/dest" install
refuses "a compiler that does not run is named" 2 "CC=no-such-gcc does not run" would CC=no-such-gcc all
refuses "a musl that is missing is named by its package" 2 "MUSL_CC=no-such-gcc does not run: install musl-dev:$package" \
	would CC=$other-linux-gnu-gcc MUSL_CC=no-such-gcc all
for cc in gcc $other-linux-gnu-gcc $other-linux-gnu-gcc; do
	env -u MAKEFLAGS PATH="$at:$PATH" make -s BUILD="$at/build" CC=$cc "$at/build/places" && stat -c %y "$at/build/places"
done >"$at/said" 2>&1
is "a compiler of another machine makes all objects old, once" "$(uniq -c "$at/said" | awk '{ print $1 }' | xargs)" "1 2"
rm -rf "${at:?}"
finish
