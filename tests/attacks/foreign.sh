#!/bin/bash
# Nobody's ELF files do anything to root, who looks at them: their bytes are read by nobody, and not for long.
set -uo pipefail
. tests/lib.sh
home=/opt/mallory
mkdir -p $home && chown 1000:1000 $home && cd /tmp || exit 1

# build FILE SOURCE OPTION...
build() {
	local out=$1 source=$2
	shift 2
	printf '%s\n' "$source" >/tmp/x.c && gcc -o "$out" /tmp/x.c "$@" && chown 1000:1000 "$out"
}
build $home/libevil.so.1 'int evil(void) { return 0; }' -shared -fPIC -Wl,-soname,libevil.so.1
# The user's program names its loader, so this is the user's too.
cp -L /lib64/ld-linux-x86-64.so.2 $home/ld-linux-evil.so 2>/dev/null || cp -L "$(readelf -lW /bin/sh | sed -n 's/.*interpreter: \(.*\)]/\1/p')" $home/ld-linux-evil.so
build $home/evil 'int evil(void); int main(void) { return evil(); }' $home/libevil.so.1 -Wl,-rpath,$home \
	-Wl,--dynamic-linker=$home/ld-linux-evil.so
build $home/libdemo.so.1 'const char *demo_version(void) { return "evil"; }' -shared -fPIC -Wl,-soname,libdemo.so.1
mkdir -p /opt/own
build /opt/own/app 'int evil(void); const char *demo_version(void); int main(void) { return evil() + !demo_version(); }' \
	$home/libevil.so.1 -Wl,--no-as-needed "$libs/libdemo.so.1" -Wl,-rpath,$home
chown root:root /opt/own/app
printf '#!%s/evil\n' $home >$home/script
chmod 755 $home/script && chown -R 1000:1000 $home

# readers CALLS: who read bytes of the user's files, by their uids. strace -f -yy says which file a descriptor is, and
# a process is nobody's from its setresuid on.
readers() {
	/usr/bin/python3 - "$1" <<'PY'
import re, sys
uid, who = {}, set()
for line in open(sys.argv[1]):
    m = re.match(r"(\d+)\s+(.*)", line)
    if not m:
        continue
    pid, call = m.groups()
    if re.match(r"setresuid\(65534, 65534, 65534\) += 0", call):
        uid[pid] = "nobody"
    elif re.match(r"(read|pread64|preadv2?|readv|mmap|sendfile|splice|copy_file_range)\(", call) and re.search(
            r"</opt/mallory/[^>]*>", call):
        # try copies a file of the user's into memory, byte for byte, hashes it, and looks at none of them.
        if not call.startswith("sendfile("):
            who.add(uid.get(pid, "root"))
print(*sorted(who))
PY
}

# reads NAME COMMAND...: only processes of nobody read the user's files.
reads() {
	local name=$1
	shift
	strace -f -qq -yy -o /tmp/calls -e trace=read,pread64,preadv,preadv2,readv,mmap,sendfile,splice,copy_file_range,setresuid \
		"$@" >/tmp/said 2>&1
	is "$name: read by nobody alone" "$(readers /tmp/calls)" nobody
}
reads "deps" pinlib deps $home/evil
is "... and deps lists the libraries in them" "$(grep -c 'libevil.so.1 => /opt/mallory/libevil.so.1' /tmp/said)" 1
reads "deps --symbols" pinlib deps --symbols $home/evil
reads "deps of a script" pinlib deps $home/script
reads "deps of many" pinlib deps --list $(printf "$home/evil %.0s" {1..40})
reads "why" pinlib why $home/evil libevil.so.1
strace -f -qq -yy -o /tmp/calls -e trace=read,pread64,mmap,setresuid pinlib try demo libdemo.so.1=$home/libdemo.so.1 >/tmp/said 2>&1
is "try: a copy is read by nobody alone" "$(grep -a /opt/mallory /tmp/calls)$(tail -n 1 /tmp/said)" "evil /usr/bin/demo"
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null
reads "set, of root's program that searches there" pinlib set /opt/own/app libdemo1=1.0
is "... and refused, because the directory is the user's" "$(grep -c 'belongs to user 1000' /tmp/said)" 1
reads "a library that root's program finds there" env LD_LIBRARY_PATH=$home pinlib deps /usr/bin/demo
strace -f -qq -yy -o /tmp/calls -e trace=pread64,setresuid /usr/bin/python3 -c "import os; os.pread(os.open('$home/evil', 0), 1, 0)"
is "... which the check would see" "$(readers /tmp/calls)" root

# What a parser is, while it has the file: strace of the calls that make it so.
strace -f -qq -o /tmp/calls -e trace=setgroups,setresgid,setresuid,capset,seccomp,prctl,pread64 pinlib deps $home/evil >/dev/null 2>&1
is "each parser gives up everything before it reads" "$(/usr/bin/python3 - <<'PY'
import re
done, wrong, parsers = {}, set(), set()
for line in open("/tmp/calls"):
    m = re.match(r"(\d+)\s+(\w+)\((.*)", line)
    if not m:
        continue
    pid, call, rest = m.groups()
    if call == "pread64" and pid in done:
        parsers.add(pid)
        wanted = {"setgroups", "setresgid", "setresuid", "capset", "seccomp"}
        wrong |= wanted - done[pid]
    elif line.rstrip().endswith("= 0") and call != "prctl":
        done.setdefault(pid, set()).add(call)
print(len(parsers) > 2, *sorted(wrong))
PY
)" True

# A file that several could have written is read by a process of its own; root's share one.
# children COMMAND...: how many parsers it took.
children() {
	strace -f -qq -o /tmp/calls -e trace=setresuid "$@" >/dev/null 2>&1
	grep -c 'setresuid(65534' /tmp/calls
}
is "root's files: one process" "$(children pinlib deps --list /usr/bin/env /usr/bin/sort /usr/bin/id /usr/bin/tar)" 1
cp /usr/bin/env /opt/own/a && cp /usr/bin/env /opt/own/b
one=$(children pinlib deps --list /opt/own/a /opt/own/b)
chown 1000 /opt/own/b
is "one of a user's among them: one more" "$(children pinlib deps --list /opt/own/a /opt/own/b)" "$((one + 1))"
chown 0 /opt/own/b && chmod 664 /opt/own/b && chgrp 1000 /opt/own/b
is "one that a group may write: one more" "$(children pinlib deps --list /opt/own/a /opt/own/b)" "$((one + 1))"
chmod 755 /opt/own/b && mkdir -p $home/lib && cp /opt/own/b $home/lib/b
is "root's own in a user's directory: one more" "$(children pinlib deps --list /opt/own/a $home/lib/b)" "$((one + 1))"
ln -s $home/lib/b /opt/own/link
is "and by a link of root's: one more" "$(children pinlib deps --list /opt/own/a /opt/own/link)" "$((one + 1))"

# Files that are made to take long.
as_root=(timeout 30)
for kind in versions many names chain old-chain search paths segments loader sparse; do
	"$src/tests/helpers/slow.py" $kind $home/$kind && chmod 755 $home/$kind && chown 1000:1000 $home/$kind*
	status=0
	"${as_root[@]}" pinlib deps --symbols $home/$kind >/tmp/said-$kind 2>&1 || status=$?
	case $status in
	0 | 1) ok "a file made to be slow ($kind) ends" ;;
	*) not_ok "a file made to be slow ($kind) ends" "exit $status: $(tail -c 300 /tmp/said-$kind)" ;;
	esac
done
for kind in versions names chain old-chain search; do
	is "... $kind with the reason" "$(grep -c "$home/$kind: .*too long" /tmp/said-$kind)" 1
done
cp $home/search /opt/own/search && chmod 755 /opt/own/search
refuses "set ends too, with the reason" 1 "too long" timeout 60 pinlib set /opt/own/search libdemo1=1.0

# By an ordinary user it is read by that user.
is "a user's deps works as root's does" "$(as 1000 pinlib deps $home/evil | grep -c 'libevil.so.1 => ')" 1
# Where there is no nobody (a user namespace of one's own).
is "and where a user is root of a namespace" \
	"$(as 1000 unshare --user --map-root-user pinlib deps $home/evil 2>&1 | grep -c 'libevil.so.1 => ')" 1

finish
