#!/bin/bash
# Mounts below a covered directory, in a directory that is a user's: they are seen in the view as outside, land
# nowhere but at their own path, and keep nobody from starting the app. Nor does a covered directory that is not
# root's any more.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
for id in 1000 1001; do echo "u$id:x:$id:$id::/tmp:/bin/sh" >>/etc/passwd; done
useradd --system tester 2>/dev/null || echo 'tester:x:1234:1234::/tmp:/bin/sh' >>/etc/passwd

# The view covers /opt/mine, which root owns; user 1000 owns the files in own.
mkdir -p tree/opt/mine /opt/mine/{roots,own/{at,with}} && cp "$libs/libfivea.so.1" tree/opt/mine/ && echo pinned >tree/opt/mine/which
chown -R 1000:1000 /opt/mine/own
own=/opt/mine/own
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null && pinlib add --name mine --version 1 tree >/dev/null &&
	pinlib set --force demo libdemo1=1.0 mine=1 >/dev/null 2>&1 && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"

# everybody NAME: root, two users, and a nested view start the app, and see the pinned version.
everybody() {
	local id said=
	for id in 0 1000 1001; do said+="$(timeout 20 setpriv --reuid $id --regid $id --clear-groups env demo cat /opt/mine/which 2>&1 | tr '\n' ' ')"; done
	said+="$(as 1001 timeout 20 demo2 demo cat /opt/mine/which 2>&1 | tail -n 2 | tr '\n' ' ')"
	said+=$(timeout 20 pinlib try demo libdemo1=2.0 -- cat /opt/mine/which 2>/dev/null | tr '\n' ' ')
	is "$1" "$said" "1.0 /usr/bin/demo pinned 1.0 /usr/bin/demo pinned 1.0 /usr/bin/demo pinned 1.0 /usr/bin/demo pinned 2.0 /usr/bin/demo pinned "
}
everybody "nothing mounted"

# -- mounts of FUSE --
mkdir files && echo fuse >files/file && chmod -R a+rX files
serve() { # serve UID [OPTION...] DIR: its server's number is in $server
	local id=$1
	shift
	server=$(as "$id" "$build/hostilefs" "$@" /tmp/files)
}
gone() { # gone DIR
	kill "$server"
	umount -l "$1"
}
if ! fuse_here; then
	skip "mounts of users" "$fuse_why"
else
	serve 1000 $own/at
	everybody "a user's FUSE mount below a cover"
	is "... its user sees it in the view" "$(as 1000 demo cat $own/at/file | tail -n 1)" fuse
	is "... others do not, nor do they outside" "$(as 1001 cat $own/at/file 2>&1; as 1001 demo cat $own/at/file 2>&1 | tail -n 1)" \
		"*Permission denied?*Permission denied"
	gone $own/at
	serve 1000 --hang all $own/at
	everybody "... that answers nothing"
	gone $own/at
	serve 0 /opt/mine/roots
	everybody "root's FUSE mount that lets nobody else in"
	is "... which root sees in the view" "$(demo cat /opt/mine/roots/file | tail -n 1)" fuse
	gone /opt/mine/roots
	serve 0 --allow-other /opt/mine/roots
	is "... that lets others in: seen" "$(as 1001 demo cat /opt/mine/roots/file | tail -n 1)" fuse
	gone /opt/mine/roots
	serve 0 --allow-other --hang all /opt/mine/roots
	everybody "... that answers nothing"
	gone /opt/mine/roots

	# A mount on a directory of the user's file system asks the user's server.
	mkdir files/deep && serve 0 --allow-other $own/at
	mount -t tmpfs -o mode=755 deep $own/at/deep && echo deep >$own/at/deep/file
	is "a mount in a FUSE mount comes along" "$(as 1001 demo cat $own/at/deep/file | tail -n 1)" deep
	umount $own/at/deep && gone $own/at

	# As many as fusermount3 lets one user make, and more than the wrapper's old limit, under long names.
	long=$own/$(printf '%0200d' 0) && mkdir $long && for ((i = 0; i < 520; i++)); do mkdir $long/$i; done && chown -R 1000 $long
	cat >many.py <<'PY'
import ctypes, os, subprocess, sys
servers = [int(subprocess.run([sys.argv[1], f"{sys.argv[2]}/{i}", "/tmp/files"], stdout=subprocess.PIPE, check=True).stdout) for i in range(520)]
print(*servers)
PY
	servers=$(as 1000 /usr/bin/python3 many.py "$build/hostilefs" $long)
	everybody "520 of them"
	# shellcheck disable=SC2086
	kill $servers
	for ((i = 0; i < 520; i++)); do umount -l $long/$i; done
	rm -r $long
fi

# -- directories that are moved meanwhile --

# exchange.py A B SECONDS: exchanges the two names all the time, as renameat2(2) does in one step.
cat >exchange.py <<'PY'
import ctypes, os, sys, time
libc = ctypes.CDLL(None)
a, b, end = sys.argv[1].encode(), sys.argv[2].encode(), time.time() + float(sys.argv[3])
while time.time() < end and not os.path.exists("/tmp/enough"):
    for _ in range(100):
        libc.renameat2(-100, a, -100, b, 2)
    time.sleep(0.0001)
PY
# strays: mounts of this process's namespace that are none of the host's as it was, nor a view's own.
cat >strays.py <<'PY'
import sys
before = set(open("/tmp/points").read().split("\n")) if sys.argv[1:] != ["--note"] else None
points = sorted({l.split()[4] for l in open("/proc/self/mountinfo")})
if before is None:
    open("/tmp/points", "w").write("\n".join(points))
else:
    allowed = ("/opt/mine", "/usr/bin/demo", "/usr/local/lib/pinlib", "/usr/lib", "/run/pinlib")
    print(*[p for p in points if p not in before and not p.startswith(allowed)])
PY
# The mount is the user's, in a directory that the user exchanges for a link to /etc: /etc would be theirs in the view.
mkdir -p $own/with/pam.d $own/with/at/pam.d && echo theirs | tee $own/with/at/pam.d/mine >$own/with/pam.d/mine && ln -s /etc $own/link
mkdir -p /etc/pam.d $own/inner/pam.d && chown -R 1000:1000 $own
mount --bind $own/with/pam.d $own/inner/pam.d
/usr/bin/python3 strays.py --note
is "no stray mounts before the test" "$(/usr/bin/python3 strays.py)" ""
# exchanged NAME COMMAND...: while the user exchanges the directory above the mount for a link, and then for a directory
# of theirs, COMMAND prints nothing.
exchanged() {
	local name=$1 with said
	shift
	for with in link with; do
		rm -f /tmp/enough
		as 1000 /usr/bin/python3 exchange.py $own/inner $own/$with 60 &
		said=$("$@" 2>&1)
		touch /tmp/enough
		wait
		# Whichever it is now, the mount is below it.
		is "$name ($with)" "$said" ""
	done
}
launches() {
	local i
	for ((i = 0; i < $1; i++)); do
		as 1001 demo /usr/bin/python3 /tmp/strays.py 2>&1 | grep -v '^1.0 /usr/bin/demo$'
	done | grep -v '^$' | sort | uniq -c
}
exchanged "launches while a user exchanges the directory above a mount" launches 30
# The windows are made wide: each call that looks a name up takes 30 ms.
slow() {
	local call
	for call in statx open_tree openat2 move_mount mount; do
		strace -f -qq -u tester -o /dev/null -e trace=$call -e inject=$call:delay_exit=15000:delay_enter=15000 \
			demo /usr/bin/python3 /tmp/strays.py 2>&1 | grep -v '^1.0 /usr/bin/demo$'
	done | grep -v '^$'
}
exchanged "... with each look-up slowed down" slow
trials() {
	local i
	for ((i = 0; i < 6; i++)); do
		pinlib try demo libdemo1=2.0 -- /usr/bin/python3 /tmp/strays.py 2>/dev/null | grep -v '^2.0 /usr/bin/demo$'
	done | grep -v '^$'
}
exchanged "root's try" trials
# stage mounts in the namespace of process 1, which is this one.
stages() {
	local i
	for ((i = 0; i < $1; i++)); do
		pinlib stage x.service /usr/bin/demo /opt/mine "$libs" /usr/bin || echo "stage fails"
		/usr/bin/python3 strays.py
	done | grep -v '^$' | sort | uniq -c
}
exchanged "root's stage of a service, in the host's namespace" stages 30
slow_stage() {
	local call
	for call in statx open_tree openat2 move_mount mount; do
		strace -f -qq -o /dev/null -e trace=$call -e inject=$call:delay_exit=15000:delay_enter=15000 \
			pinlib stage x.service /usr/bin/demo /opt/mine "$libs" /usr/bin
		/usr/bin/python3 strays.py
	done | grep -v '^$'
}
exchanged "... with each look-up slowed down" slow_stage
is "... which shows the view" "$(cat /run/pinlib/units/x.service/0/which)" pinned
pinlib stage --end x.service
is "... and leaves nothing" "$(ls -A /run/pinlib/units; grep -c ' /run/pinlib/units/' /proc/self/mountinfo)" 0
umount $own/*/pam.d 2>/dev/null

# -- directories that were root's when the program was pinned --

mkdir -p /opt/top/lib tree2/opt/top/lib && cp "$libs/libfivea.so.1" tree2/opt/top/lib/ && echo pinned >tree2/opt/top/lib/which &&
	pinlib add --name top --version 1 tree2 >/dev/null && pinlib unset demo mine >/dev/null && pinlib set demo libdemo1=1.0 top=1 >/dev/null ||
	not_ok "setup of /opt/top" "cannot pin"
stage="pinlib stage x.service /usr/bin/demo /opt/top/lib $libs /usr/bin"
for how in "chown 1000 /opt/top" "chmod o+w /opt/top" "chmod 1777 /opt/top" "chgrp 50 /opt/top; chmod g+w /opt/top"; do
	eval "$how"
	refuses "$how" 125 "/opt/top " as 1001 demo
	refuses "... from another view" 125 "/opt/top " as 1001 demo2 demo
	refuses "... for root" 125 "/opt/top " demo
	refuses "... for a service" 255 "/opt/top " $stage
	refuses "... and it is not set" 1 "/opt/top " pinlib set --force demo libdemo1=1.0 top=1
	chown 0:0 /opt/top && chmod 755 /opt/top
done
as 1001 demo sleep 20 >/dev/null & # a view that began before
sleep 0.3
mkdir -p /opt/.else/lib && mv /opt/top /opt/.top && ln -s .else /opt/top
refuses "a link in its place" 125 "/opt/top is a symbolic link" as 1001 demo
rm /opt/top && mv /opt/.top /opt/top
is "as it was" "$(as 1001 demo cat /opt/top/lib/which | tail -n 1)" pinned
kill %% 2>/dev/null
# A user who owns it can mount a file system there that answers as they like.
if fuse_here; then
	mkdir -p files/lib && chmod 755 files files/lib && chown 1000 /opt/top
	serve 1000 /opt/top
	chown 0 /opt/top 2>/dev/null
	is "a FUSE file system reports root as its owner" "$(as 1000 stat -c %u:%a /opt/top)" 0:755
	refuses "... and is not believed" 125 "/opt/top is a FUSE file system" as 1000 demo
	refuses "... nor asked for anything by others" 125 "/opt/top" as 1001 demo
	gone /opt/top
	chown 0 /opt/top
else
	skip "a FUSE file system above a cover" "$fuse_why"
fi
# The way out of a view does not lead through a directory that is somebody else's by now.
cat >left.sh <<'SH'
touch /tmp/up
for ((i = 0; i < 200; i++)); do [ -e /tmp/go ] && break; sleep 0.05; done
pinlib exec --host grep -c pinlib: /proc/self/mountinfo
demo2
SH
as 1001 demo bash left.sh >left 2>&1 &
for ((i = 0; i < 200; i++)); do [ -e up ] && break; sleep 0.05; done
chown 1000 /opt/top && touch go && wait $!
is "a view is not left through it" "$(cat left)" "1.0 /usr/bin/demo?*/opt/top belongs to user 1000*?*/opt/top belongs to user 1000*"
chown 0 /opt/top
# Nor are the program's own directory and the wrapper's.
mkdir -p /opt/prog && cp /usr/bin/.pinlib/demo /opt/prog/ && pinlib set /opt/prog/demo libdemo1=1.0 >/dev/null || not_ok "setup of /opt/prog" "cannot pin"
chmod o+w /opt/prog
refuses "the program's directory can be written" 125 "/opt/prog can be written by users other than root" as 1001 /opt/prog/demo
chmod o-w /opt/prog && chmod o+w /opt/prog/.pinlib
refuses "... the one of its original" 125 "/opt/prog/.pinlib can be written by users other than root" as 1001 /opt/prog/demo
chmod o-w /opt/prog/.pinlib
chmod o+w /usr/local/lib
refuses "a directory above the wrapper's can be written" 125 "/usr/local/lib can be written by users other than root" as 1001 demo
refuses "... and nothing is set" 1 "/usr/local/lib can be written by users other than root" pinlib set demo libdemo1=2.0
chmod o-w /usr/local/lib
finish
