#!/bin/bash
# Progress: on a terminal, after a second, and nowhere else. strace makes calls slow: what is waited
# for is the same everywhere.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_*.deb >/dev/null || not_ok setup "cannot add"
pinlib set demo libdemo1=1.0 >/dev/null || not_ok setup "cannot set"

# slowly CALLS COMMAND...: each of these calls, if it is about the store, takes a fifth of a second more.
mkdir bin
cat >bin/slowly <<'END'
#!/bin/bash
mapfile -t paths < <(find /var/lib/pinlib/store | sed 's/^/--trace-path=/')
exec strace -f -qq -o /dev/null "${paths[@]}" -e "trace=$1" -e "inject=$1:delay_enter=${DELAY:-200000}" "${@:2}"
END
chmod 755 bin/slowly
PATH=/tmp/bin:$PATH

# on_terminal COMMAND: its output on a terminal, with control characters visible.
on_terminal() {
	TERM=${TERM_WANTED-xterm} script -qec "$1" /dev/null </dev/null | cat -v
}

# shows NAME COMMAND TEXT LAST: TEXT was drawn at some time, and LAST is the line that remains in the end.
shows() {
	local said
	said=$(on_terminal "$2")
	is "$1: is shown" "$(grep -c "\^M^\[\[K$3" <<<"$said")" "[1-9]*"
	is "$1: ... and taken away again" "$(sed 's/.*\^M^\[\[K//' <<<"$said" | head -n 1)" "$4"
}

shows doctor "slowly pread64 pinlib doctor" "pinlib: hashing the store: .* of .*, .*%" "well*kernel*"
shows gc "slowly getdents64 pinlib gc --dry-run" "pinlib: scanning the store" "*version*"
printf 'int x;' >x.c && gcc -shared -Wl,-soname,libx.so.1 -o libx.so.1 x.c
shows add "slowly fsync,syncfs,renameat2,openat pinlib add --version 1 libx.so.1" "pinlib: " "libx *added*"
shows "check --all" "DELAY=900000 slowly openat pinlib check --all" \
	"pinlib: testing views" "*/usr/bin/demo*"
shows freeze "DELAY=500000 slowly openat,renameat2 pinlib freeze demo2" "pinlib: [a-z ]*" "*left out: glibc*"

# A finding in between has its line to itself.
object=$(find /var/lib/pinlib/store/objects -type f | sort | head -n 1)
cp -a "$object" kept && printf x >>"$object"
said=$(on_terminal "slowly pread64 pinlib doctor store")
is "a finding has its line to itself" "$(tr -d '\n' <<<"$said" | grep -cE '(^|\^\[\[K|\^M)fault +store +object [0-9a-f]{12} is damaged')" 1
cat kept >"$object"

slow="DELAY=70000 slowly pread64 pinlib doctor store"
is "quick work shows none" "$(on_terminal "pinlib doctor store")" "well*store*"
is "no colours" "$(on_terminal "$slow" | grep -c '\^\[\[[0-9;]*m')" 0
is "... with NO_COLOR" "$(NO_COLOR=1 on_terminal "$slow" | grep -c '\^\[\[[0-9;]*m')" 0
is "none on a dumb terminal" "$(TERM_WANTED=dumb on_terminal "$slow")" "well*store*"
is "none where TERM is empty" "$(TERM_WANTED= on_terminal "$slow")" "well*store*"
is "none into a pipe" "$(on_terminal "bash -c '$slow | cat'")" "well*store*"
is "none where errors go elsewhere" "$(on_terminal "bash -c '$slow 2>errors'")$(cat errors)" "well*store*"
is "none without a terminal" "$(bash -c "$slow" 2>&1)" "well*store*"
is "none in apt's hooks" "$(APT_HOOK_INFO_FD=0 on_terminal "$slow")" "well*store*"
is "none in dpkg's hooks" "$(DPKG_HOOK_ACTION=unpack on_terminal "$slow")" "well*store*"
is "none in maintainer scripts" "$(DPKG_MAINTSCRIPT_NAME=postinst on_terminal "$slow")" "well*store*"

# A narrow terminal gets a line that fits: one that wraps would not go away.
said=$(on_terminal "stty cols 30; $slow" | tr -d '\n' | sed 's/\^M\^\[\[K/\n/g' | grep '^pinlib:' | awk '{ if (length > n) n = length } END { print n }')
is "a narrow terminal" "$said" 29
finish
