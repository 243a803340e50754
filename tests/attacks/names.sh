#!/bin/bash
# Root's commands follow no name of a user's to files that only root may read or write, and print nothing of a user's that
# a terminal would take for a command.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
store=/var/lib/pinlib/store
echo 'tester:x:1000:1000::/tmp/u:/bin/sh' >>/etc/passwd && sed -i '/^[^t].*:x:1000:/d' /etc/passwd
install -d -o 1000 -g 1000 u
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null || exit 1

# What is root's alone: trees, a library, a package, an image. The words give it away.
so=usr/lib/$triplet/libpriv.so.1
mkdir -p -m 700 /root/priv-1.0 && mkdir -p "/root/priv-1.0/usr/lib/$triplet"
{ cat "$fixtures/so/1.0/libdemo.so.1" && echo 'KEPT SECRET'; } >"/root/priv-1.0/$so"
cp -a /root/priv-1.0 /root/open-1.0 && chmod -R go= /root/priv-1.0 && chmod 755 /root/open-1.0
cp "/root/priv-1.0/$so" /root/libpriv.so.1 && chmod 600 /root/libpriv.so.1
cp "$fixtures"/deb/libdemo1_2.0-1_*.deb /root/priv.deb && chmod 600 /root/priv.deb
chmod 700 /root
leaks() { grep -rl 'KEPT SECRET' $store | grep -c /; }

# user COMMAND: a line of the shell in the user's directory.
user() { as 1000 bash -c "cd /tmp/u && $1"; }
fresh() { # the user's own tree, as it should be
	rm -rf u && install -d -o 1000 -g 1000 u && user "mkdir -p foo-1.0/usr/lib/$triplet && cp $fixtures/so/1.1/libdemo.so.1 foo-1.0/$so"
}

# A link of the user's, wherever it is in the path, and whatever it leads to.
fresh
runs "a user's tree is added" pinlib add u/foo-1.0
user "ln -s /root/priv-1.0 lib-2.0; ln -s /root r; ln -s /root/libpriv.so.1 libpriv.so.1.3; ln -s /root/priv.deb p.deb; ln -s /tmp/u/foo-1.0 own-1.0"
for name in u/lib-2.0 u/lib-2.0/ u/r/priv-1.0 u/r/open-1.0 u/./r/../root/open-1.0 u/libpriv.so.1.3 u/p.deb u/own-1.0 "/proc/$$/cwd/u/lib-2.0"; do
	refuses "add $name" 1 "is a symbolic link of user 1000" pinlib add "$name"
done
refuses "import through a link" 1 "is a symbolic link of user 1000" pinlib import u/p.deb
cp "$fixtures"/deb/libdemo1_3*.deb u/ 2>/dev/null
is "... and nothing of it is in the store" "$(leaks)" 0
# A link of root's that a user may rename: it leads where it led, with the user's choice of when.
fresh
ln -s /root/open-1.0 u/mine && user "mv mine lib-2.0"
refuses "a link of root's in the user's directory, to a file in root's closed directory" 1 "/root is not readable by all" pinlib add u/lib-2.0
ln -s "$fixtures/so/1.0" u/so && user "mv so lib-so"
runs "... and to what is everybody's" pinlib add --name through --version 1 u/lib-so/libdemo.so.1
ln -s /root/open-1.0 /root/link-1.0
runs "root's own link, in root's own directory" pinlib add --name roots --version 1 /root/link-1.0
is "... has the administrator's choice" "$(leaks)" 1
pinlib gc --now >/dev/null

# What not everybody may read, without any link: by a hard link, a renamed directory, or its name.
fresh
ln /root/libpriv.so.1 u/libpriv.so.1.3 2>/dev/null || { cp -a "/root/priv-1.0/$so" u/libpriv.so.1.3; } # /root may be another mount
refuses "a hard link to a file of root's" 1 "is not readable by all users" pinlib add u/libpriv.so.1.3
user "mv libpriv.so.1.3 foo-1.0/usr/lib/$triplet/"
refuses "... in a tree" 1 "libpriv.so.1.3 is not readable by all users" pinlib add u/foo-1.0
fresh && cp -a /root/priv-1.0 u/kept && user "mv kept lib-2.0"
refuses "a directory of root's that the user renamed" 1 "lib-2.0 is not readable by all users" pinlib add u/lib-2.0
fresh && cp -a /root/priv-1.0/usr u/foo-1.0/kept && user "mv foo-1.0/kept foo-1.0/var"
refuses "... in a tree" 1 "var is not readable by all users" pinlib add u/foo-1.0
refuses "a file of root's, by its name" 1 "is not readable by all users" pinlib add --version 1 /root/libpriv.so.1
refuses "a tree of root's, by its name" 1 "is not readable by all users" pinlib add /root/priv-1.0
cp -a /root/priv.deb u/priv.deb
refuses "an archive of root's in a user's directory" 1 "is not readable by all users" pinlib add u/priv.deb
refuses "... an image" 1 "is not readable by all users" pinlib import u/priv.deb
is "nothing of it is in the store" "$(leaks)" 0
fresh && user "chmod 700 /tmp/u"
runs "a user's closed home, and a tree in it that is not" pinlib add --name home --version 1 u/foo-1.0
chmod 755 u
runs "an archive of root's in root's directory" pinlib add /root/priv.deb
dir=$(mktemp -d) && cp -a u/foo-1.0 "$dir" && chown -R 0:0 "$dir"
runs "a tree in root's temporary directory" pinlib add --name temporary --version 1 "$dir/foo-1.0"

# An installed package, one of whose directories is a user's.
install -d -o 1000 /opt/vendor && mkdir -p p/DEBIAN p/opt/vendor/lib && echo data >p/opt/vendor/lib/data
printf 'Package: vendor\nVersion: 1\nArchitecture: all\nMaintainer: t <t@localhost>\nDescription: t\n' >p/DEBIAN/control
dpkg-deb -b p vendor.deb >/dev/null && dpkg -i vendor.deb >/dev/null 2>&1 && chown -R 1000:1000 /opt/vendor
echo 'KEPT SECRET' >/root/data && chmod 644 /root/data
as 1000 mv /opt/vendor/lib /opt/vendor/was && as 1000 ln -s /root /opt/vendor/lib
refuses "a package's directory that its user made a link" 1 "/opt/vendor/lib is a symbolic link of user 1000" pinlib add dpkg:vendor
rm /opt/vendor/lib && mv /opt/vendor/was /opt/vendor/lib && chmod 700 /opt/vendor/lib
refuses "... that is closed" 1 "/opt/vendor/lib is not readable by all users" pinlib add dpkg:vendor
is "... nothing of it is in the store" "$(leaks)" 0

# A program that is frozen, with a library in that directory.
echo 'int f(void); int f(void) { return 0; }' >f.c && echo 'int f(void); int main(void) { return f(); }' >m.c
chmod 755 /opt/vendor/lib && gcc -shared -fPIC -Wl,-soname,libfz.so.1 -o /opt/vendor/lib/libfz.so.1 f.c &&
	gcc -o /usr/local/bin/frozen m.c /opt/vendor/lib/libfz.so.1 -Wl,-rpath,/opt/vendor/lib && rm -f /opt/vendor/lib/data
{ cat /opt/vendor/lib/libfz.so.1 && echo 'KEPT SECRET'; } >/root/libfz.so.1 && chmod 755 /root/libfz.so.1
chown -R 1000:1000 /opt/vendor && as 1000 mv /opt/vendor/lib/libfz.so.1 /opt/vendor/lib/was && as 1000 ln -s /root/libfz.so.1 /opt/vendor/lib/libfz.so.1
refuses "freeze, with a library that its user made a link" 1 "nothing was changed" pinlib freeze frozen
is "... nothing of it is in the store" "$(leaks)" 0
pinlib unset frozen >/dev/null 2>&1

# Exchanged all the time: swap.py A B, in the user's directory, until the file stop is there.
cat >swap.py <<'PY'
import ctypes, os, sys, time
libc, end = ctypes.CDLL(None), time.monotonic() + 120
pairs = [(a.encode(), b.encode()) for a, b in zip(sys.argv[1::2], sys.argv[2::2])]
os.chdir("/tmp/u")
while not os.path.exists("/tmp/stop") and time.monotonic() < end:
    for a, b in pairs:
        libc.renameat2(-100, a, -100, b, 2)
        time.sleep(float(os.environ.get("PAUSE", 0.0003)))
PY
swapping() { # swapping COMMAND NAME...: runs COMMAND while the names are exchanged
	local command=$1 pid
	shift
	rm -f stop
	as 1000 env PAUSE="${pause:-0.0003}" /usr/bin/python3 swap.py "$@" &
	pid=$!
	eval "$command"
	touch stop
	wait $pid
}
adds() { # how often it was added, and how often not
	local i good=0 bad=0 until=$((SECONDS + 40))
	for ((i = 0; i < 60 && SECONDS < until; i++)); do
		if timeout 20 pinlib add --name raced --version "$i" u/foo-1.0 >/dev/null 2>&1; then good=$((good + 1)); else bad=$((bad + 1)); fi
	done
	echo "$good $bad"
}
raced() { # raced NAME COMMAND NAME...: both must happen, or there was no race
	local name=$1 counts
	shift
	counts=$(swapping "$@")
	[[ " $counts " != *" 0 "* ]] || skip "$name: the race" "added and refused: $counts"
	is "$name: nothing of root's is in the store" "$(leaks)" 0
}
fresh && user "ln -s /root/open-1.0 link"
raced "the tree, exchanged for a link" adds foo-1.0 link
fresh && cp -a /root/priv-1.0 u/kept
raced "... for a directory of root's" adds foo-1.0 kept
fresh && ln "/root/priv-1.0/$so" u/kept 2>/dev/null || cp -a "/root/priv-1.0/$so" u/kept
raced "a file in it, for one of root's" adds foo-1.0/$so kept
# What is a link in a tree comes in as a link.
fresh && user "ln -s /root/open-1.0/usr link; ln -s /root/open-1.0/$so file"
is "directories and files in it, for links: added" "$(swapping adds foo-1.0/usr link foo-1.0/$so file)" "[1-9]* *"
is "... nothing of root's is in the store" "$(leaks)" 0
# The same with every look-up slowed down: whatever is between two of them is hit.
slow() {
	local i good=0 bad=0 until=$((SECONDS + 60))
	for ((i = 0; i < 16 && SECONDS < until; i++)); do
		if timeout 60 strace -f -qq -o /dev/null -e trace=%file,fstat,getdents64 -e inject=openat,newfstatat,readlink,readlinkat,statx,getdents64:delay_exit=700 \
			pinlib add --name slow --version "$i" u/foo-1.0 >/dev/null 2>&1; then good=$((good + 1)); else bad=$((bad + 1)); fi
	done
	echo "$good $bad"
}
fresh && user "ln -s /root/open-1.0 link; ln -s /root/open-1.0/usr/lib lib; ln -s /root/open-1.0/$so file"
pause=0.004 raced "with slow look-ups" slow foo-1.0 link foo-1.0/usr/lib lib foo-1.0/$so file

# try, for the user who called sudo. (scenarios/try has the refusals.)
fresh && user "ln -s /root/libpriv.so.1 link; ln -s /root d"
for name in /root/libpriv.so.1 /root/open-1.0/$so ../root/libpriv.so.1 ./u/link u/d/libpriv.so.1; do
	refuses "sudo pinlib try with $name" 125 "Permission denied" env SUDO_UID=1000 pinlib try demo2 "libdemo.so.1=$name"
done
user "truncate -s 7G huge.so"
refuses "try with a file of 7 GiB" 125 "larger than" env SUDO_UID=1000 pinlib try demo2 libdemo.so.1=./u/huge.so

# Output files.
echo theirs >/etc/victim && victim=$(what /etc/victim)
fresh && user "ln -s /etc/victim e.tar; ln -s /etc d; ln -s nowhere dangling; mkfifo fifo; ln -s fifo tofifo; echo old >old.tar; ln old.tar other"
for name in e.tar d/victim dangling; do
	refuses "export -o $name, a user's link" 1 "is a symbolic link of user 1000" timeout 20 pinlib export demo -o u/$name
done
is "... touches nothing" "$(what /etc/victim) $(ls u | xargs)" "$victim d dangling e.tar fifo foo-1.0 old.tar other tofifo"
refuses "... a user's FIFO" 1 "a FIFO of user 1000" timeout 20 pinlib export demo -o u/fifo
refuses "... a link to it" 1 "is a symbolic link of user 1000" timeout 20 pinlib export demo -o u/tofifo
as 1000 bash -c 'sleep 30 <>/tmp/u/fifo & echo $! >/tmp/u/reader'
refuses "... with a reader that reads nothing" 1 "a FIFO of user 1000" timeout 20 pinlib export demo -o u/fifo
kill "$(cat u/reader)"
as 1000 /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/tmp/u/socket")'
refuses "... a user's socket" 1 "a socket of user 1000" timeout 20 pinlib export demo -o u/socket
runs "... a user's file" pinlib export demo -o u/old.tar
is "... is made anew" "$(stat -c '%u %h' u/old.tar) $(cat u/other)" "0 1 old"
runs "root's own link" bash -c 'ln -s /tmp/to.tar /root/out && pinlib export demo -o /root/out && [ -L /root/out ] && cmp /tmp/to.tar /tmp/u/old.tar'
runs "root's own FIFO" bash -c 'mkfifo /root/fifo; cat /root/fifo >/tmp/read.tar & timeout 20 pinlib export demo -o /root/fifo; wait $!; cmp /tmp/read.tar /tmp/u/old.tar'
runs "a descriptor that is a pipe" bash -c 'pinlib export demo -o /dev/fd/3 3> >(cat >/tmp/read2.tar); wait; sleep 0.5; [ -s /tmp/read2.tar ]'
runs "standard output, by its name" bash -c 'pinlib export demo -o /dev/stdout >/tmp/std.tar  && cmp /tmp/std.tar /tmp/u/old.tar'
rm -f u/e.tar && user "echo mine >e.tar; ln -s /etc/victim link; mkdir -p d1 && ln -s /etc d2 && echo mine >d1/victim"
outs() {
	local i until=$((SECONDS + 30))
	for ((i = 0; i < 40 && SECONDS < until; i++)); do
		timeout 20 pinlib export demo -o u/e.tar >/dev/null 2>&1
		timeout 20 pinlib export demo -o u/d1/victim >/dev/null 2>&1
	done
}
swapping outs e.tar link d1 d2
is "an output that is exchanged for a link all the time" "$(what /etc/victim)$(ls -A /etc | grep -c tmp-)" "${victim}0"

# Sparse and growing files, and an add that is killed.
fresh && user "truncate -s 7G foo-1.0/usr/big; cp foo-1.0/$so libbig.so.1.2 && truncate -s 7G libbig.so.1.2"
for name in foo-1.0 libbig.so.1.2; do
	used=$(du -sm $store | cut -f 1)
	refuses "a sparse file of 7 GiB ($name)" 1 "it is sparse" timeout 60 pinlib add u/$name
	is "... takes no room" "$(($(du -sm $store | cut -f 1) - used < 20)) $(ls -A $store/tmp)" "1 "
done
mount -t tmpfs -o size=64m none $store && mkdir -p full-1 && head -c 63M /dev/urandom >full-1/data
refuses "a file that would fill the store's file system" 1 "are kept for the policy" timeout 60 pinlib add full-1
is "... takes no room" "$(du -sm $store | cut -f 1)" "[0-1]"
umount $store && rm -rf full-1
killed() {
	local i
	head -c 300M /dev/urandom >big.data && mkdir -p slow-1 && mv big.data slow-1/
	pinlib add slow-1 >/dev/null 2>&1 &
	for ((i = 0; i < 400; i++)); do [ -n "$(find $store/tmp -name 'new-*' -size +1M)" ] && break; sleep 0.02; done
	kill -9 $! && wait $! 2>/dev/null
	ls -A $store/tmp | wc -l
}
is "an add that is killed leaves its temporary files" "$(killed 2>/dev/null)" 1
runs "... and the next command" pinlib set demo2 libdemo1=1.0
is "... has removed it" "$(ls -A $store/tmp)" ""
rm -rf slow-1

# What a terminal would take for commands: no such byte reaches standard output or standard error.
mkdir -p /etc/pinlib
esc=$'\e' c1=$'\xc2\x9b' bidi=$'\xe2\x80\xae' mark=$'\xd8\x9c' raw=$'\x9b' # U+009B, U+202E, U+061C, not UTF-8
bad="x$esc[2J$c1${bidi}y$mark$raw"$'\xe2\x81\xa6\x7f\r\bz'
shows() { # shows NAME COMMAND...: it says something, and it is clean
	local name=$1 said
	shift
	said=$(timeout 60 "$@" 2>&1 </dev/null | /usr/bin/python3 -c 'import sys
text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
bad = [c for c in text if ord(c) < 32 and c not in "\n\t" or 0x7f <= ord(c) < 0xa0 or c in "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" or 0xdc80 <= ord(c) <= 0xdcff]
print("silent" if not text else f"{sorted(map(hex, map(ord, bad)))}" if bad else "clean")')
	is "$name" "$said" clean
}
printf '#!/%s\n' "$bad" >"u/script" && chmod 755 u/script
printf '#!/bin/sh\n' >"u/$bad" && chmod 755 "u/$bad"
printf 'keep-%s = 1\n%s\n' "$bad" "$bad" >/etc/pinlib/pinlib.conf
printf 'pin %s\n%s\n' "$bad" "$bad" >u/described
gcc -shared -fPIC -Wl,-soname,"$bad" -o "u/libbad.so.1" f.c &&
	gcc -o u/bad-program m.c u/libbad.so.1 && cp u/libbad.so.1 u/libbad.so.2
while read -r command; do
	read -ra words <<<"$command"
	shows "pinlib $command" pinlib "${words[@]//@/$bad}"
done <<'COMMANDS'
deps u/script
deps u/@
deps u/bad-program
deps --list u/bad-program
deps --dot u/bad-program
deps --symbols u/bad-program
--json deps u/bad-program
check
keep hook apt
keep status
apply -f u/described
add u/@
add --version 2 u/libbad.so.2
add --name @ --version 2 u/libbad.so.2
export demo -o u/@/x
set u/@ libdemo1=1.0
set demo @=1
set demo libdemo1=@
unset @
@
list --@
try u/bad-program libf.so=./u/libbad.so.1
try u/bad-program @=./u/libbad.so.1
why u/bad-program libc.so.6
import u/@
show @
ps @
help @
COMMANDS
rm -f /etc/pinlib/pinlib.conf
is "a message is one line, whatever is in it" "$(pinlib deps $'u/none\npinlib: all is well' 2>&1 | wc -l)" 1
is "JSON has it all, escaped" "$(pinlib --json deps u/bad-program 2>/dev/null | /usr/bin/python3 -c 'import json, sys
text = json.dumps(json.load(sys.stdin), ensure_ascii=False)
print("\u202e" in text, "\x9b" in text, "\u061c" in text)')" "True True True"
finish
