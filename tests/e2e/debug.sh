#!/bin/bash
# Debuggers and profilers on a program with pins, by `pinlib exec --in`, as an ordinary user. Beside each check: what the
# same tool finds without it.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
cd /tmp && chmod 1777 . || exit 1
lib=usr/lib/$triplet/libparse.so
user() { as 1000 "$@" 2>&1 </dev/null; }
in=(pinlib exec --in parser)

# Version 1.0 is pinned, and its static function is old_parse. The machine has 2.0, with a longer new_parse instead.
for version in 1.0:old 2.0:new; do
	tree=${version%:*}
	mkdir -p "$tree/${lib%/*}" && cat >parse.c <<-END
		#include <stdlib.h>
		#include <string.h>
		int parse(const char *text);
		static const char version[] = "${version%:*}";
		void *volatile kept;
		$([ "${version#*:}" = old ] || echo 'int more(int x); int more(int x) { return version[x % 3] * x; }')
		__attribute__((noinline, noclone)) static int ${version#*:}_parse(const char *text)
		{
			if (strcmp(text, "spin") == 0)
				for (volatile long i = 0; i < 200000000; i++)
					;
			if (strcmp(text, "leak") == 0) {
				kept = malloc(1234);
				kept = NULL;
			}
			if (strcmp(text, "crash") == 0)
				abort();
			return version[0];
		}
		int parse(const char *text)
		{
			return ${version#*:}_parse(text) + 1;
		}
	END
	gcc -g -O1 -shared -fPIC -Wl,--build-id -Wl,-soname,libparse.so.1 -o "$tree/$lib.$tree" parse.c &&
		ln -s "libparse.so.$tree" "$tree/$lib.1" || exit 1
done
cp -a "2.0/${lib%/*}/." "$libs/" && ldconfig
cat >main.c <<'END'
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int parse(const char *text);
int main(int argc, char **argv)
{
	int got = parse(argc > 1 ? argv[1] : "");

	if (argc > 1 && strcmp(argv[1], "wait") == 0) {
		puts("ready");
		fflush(stdout);
		pause();
	}
	printf("%c\n", got - 1);
	return 0;
}
END
gcc -g -O1 -o /usr/local/bin/parser main.c "$libs/libparse.so.1" || exit 1
pinlib add --name libparse --version 1.0 1.0 >/dev/null && pinlib set parser libparse=1.0 >/dev/null ||
	not_ok setup "cannot pin"
is "the program has the pinned library" "$(user parser; /usr/local/bin/.pinlib/parser)" "1?2"
mkdir -m 1777 work && cd work || exit 1

# gdb, from the start.
hit=(-ex 'set breakpoint pending on' -ex 'break old_parse' -ex 'run text' -ex bt -ex 'print version' -ex 'info sharedlibrary')
found=$(user "${in[@]}" gdb -batch "${hit[@]}" parser)
is "gdb stops in the pinned library" "$found" "*Breakpoint 1, old_parse (text=*\"text\")*parse (text=*main (argc=*"
is "... whose version it prints" "$found" '*$1 = "1.0"*'
is "... and whose symbols it has read, at the standard path" "$found" "*Yes * /lib*/$triplet/libparse.so.1*"
is "... without an error" "$(grep -iE 'mismatch|no such|cannot|warning' <<<"$found" | grep -v '/nptl/\|/sysdeps/')" ""
refuses "without exec --in the program does not start" 0 "CAP_SYS_ADMIN is unavailable: this process is being traced" \
	user gdb -batch "${hit[@]}" parser

# A core file, from the kernel; from gdb itself where the kernel pipes it elsewhere.
if [[ $(cat /proc/sys/kernel/core_pattern) == [!/\|]* ]]; then
	user bash -c 'ulimit -c unlimited; parser crash' >/dev/null
	[ -e core ] || mv core.* core
	is "the program dumps core" "$(readelf -h core)" "*Type: *CORE*"
else
	is "the program dumps core" \
		"$(user "${in[@]}" gdb -batch -ex 'run crash' -ex 'generate-core-file core' parser)" "*SIGABRT*Saved corefile core*"
fi
look=(-batch -ex bt -ex 'info sharedlibrary')
found=$(user "${in[@]}" gdb "${look[@]}" parser core)
is "gdb names the functions of a core file" "$found" "*in old_parse (text=*\"crash\") at *parse.c:*in parse (*in main (*"
is "... by the symbols of the pinned file" "$found" "*Yes * /lib*/$triplet/libparse.so.1*"
for program in parser /usr/local/bin/.pinlib/parser; do
	found=$(user gdb "${look[@]}" "$program" core)
	is "without exec --in it does not (${program##*/bin/})" \
		"$(grep -c 'SIGABRT' <<<"$found") $(grep -c 'old_parse' <<<"$found")" "1 0"
done

# Debugging symbols beside the library, as in a package -dbgsym: found by the build ID of the pinned file.
id=$(readelf -n "../1.0/$lib.1" | sed -n 's/.*Build ID: //p')
mkdir -p "dbgsym/.build-id/${id:0:2}" &&
	objcopy --only-keep-debug "../1.0/$lib.1" "dbgsym/.build-id/${id:0:2}/${id:2}.debug" &&
	strip --strip-unneeded "../1.0/$lib.1.0" && pinlib add --name libparse --version 1.0.stripped ../1.0 >/dev/null &&
	pinlib set parser libparse=1.0.stripped >/dev/null || not_ok setup "cannot pin a stripped library"
is "a stripped library has no such symbol" "$(user "${in[@]}" gdb "${look[@]}" parser core | grep -c old_parse)" 0
is "... but in its -dbgsym" \
	"$(user "${in[@]}" gdb -iex 'set debug-file-directory dbgsym' "${look[@]}" parser core)" "*in old_parse (text=*\"crash\")*"
pinlib set parser libparse=1.0 >/dev/null

# A running process.
if [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" != 0 ]; then
	skip "gdb attaches to a running process" "kernel.yama.ptrace_scope lets users attach to their children only"
else
	as 1000 parser wait >ready 2>/dev/null </dev/null &
	for ((i = 0; i < 200; i++)); do [ -s ready ] && break; sleep 0.05; done
	pid=$(pgrep -x parser)
	look=(-batch -ex 'info address old_parse' -ex 'info sharedlibrary' -p "$pid")
	is "gdb attaches to a running process" "$(user "${in[@]}" gdb -iex 'set sysroot /' "${look[@]}")" \
		"*Symbol \"old_parse\" is *Yes * /lib*/$triplet/libparse.so.1*"
	is "... and without exec --in does not read its libraries" "$(user gdb "${look[@]}" | grep -c 'Symbol "old_parse" is')" 0
	kill "$pid"
fi

# A pinned library with which gdb itself does not start: it then reads the view through a process that is in it.
mkdir -p "../odd/${lib%/*}" && gcc -shared -Wl,-soname,libexpat.so.1 -o "../odd/${lib%/*}/libexpat.so.1" -x c - </dev/null &&
	pinlib add --name odd --version 1 ../odd >/dev/null && pinlib set parser odd=1 >/dev/null || not_ok setup "cannot pin libexpat"
look=(-batch -ex bt -ex 'info sharedlibrary')
is "gdb does not start with the view's libraries" "$(user "${in[@]}" gdb "${look[@]}" parser core)" "*symbol*XML_*"
as 1000 bash -c 'pinlib exec --in parser sleep 60 & echo $! >view' </dev/null
for ((i = 0; i < 200; i++)); do [ "$(cat "/proc/$(cat view)/comm")" = sleep ] && break; sleep 0.05; done
root=/proc/$(cat view)/root
is "... and reads them from outside" \
	"$(user gdb -iex "set sysroot $root" "${look[@]}" "$root/usr/local/bin/parser" core)" \
	"*in old_parse (text=*\"crash\") at *Yes * $root/lib*/libparse.so.1*"
kill "$(cat view)"
pinlib unset parser odd >/dev/null

# The others.
is "strace" "$(user "${in[@]}" strace -e trace=openat parser)" "*/libparse.so.1\"*= 3*1*exited with 0*"
if command -v valgrind >/dev/null; then
	leak=(valgrind --leak-check=full parser leak)
	is "valgrind names the pinned library's functions" "$(user "${in[@]}" "${leak[@]}")" "*1,234 bytes*old_parse (parse.c:*"
	is "... and without exec --in does not see the program" "$(user "${leak[@]}" | grep -c old_parse)" 0
else
	skip "valgrind names the pinned library's functions" "valgrind is not installed"
fi
record=(perf record -q -e cpu-clock:u -o)
if user "${record[@]}" probe true >/dev/null && user perf report -i probe --stdio >/dev/null; then
	user "${in[@]}" "${record[@]}" samples parser spin >/dev/null
	is "perf counts samples in the pinned library" "$(user "${in[@]}" perf report -i samples --stdio)" \
		"*[1-9]*% *parser *libparse.so.1.0 *old_parse*"
	user "${record[@]}" none parser spin >/dev/null
	is "... and without exec --in has none" "$(user perf report -i none --stdio)" "*has no samples*"
else
	skip "perf counts samples in the pinned library" "perf cannot measure here: $(user "${record[@]}" probe true | head -n 1)"
fi
finish
