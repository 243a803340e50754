#!/bin/bash
# Nothing that an ordinary user can write decides anything.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
wrapper=/usr/local/lib/pinlib/pinlib-wrapper state=/var/lib/pinlib
plan=$state/plans/usr%2Fbin%2Fdemo
echo 'tester:x:1000:1000::/tmp:/bin/sh' >>/etc/passwd && sed -i '/^[^t].*:x:1000:/d' /etc/passwd

# What a user can prepare: the usual places, with the names that pinlib's own files have.
mkdir -m 1777 /var/tmp/x /run/user && mkdir -p hostile /run/user/1000
for dir in hostile /run/user/1000 /var/tmp /dev/shm /tmp /run/lock; do
	for name in pinlib .pinlib pinlib-wrapper policy.db plans layers store lock pending mountinfo usr%2Fbin%2Fdemo; do
		[ ! -d "$dir" ] || ln -sf /etc/passwd "$dir/$name"
	done
done
chown -Rh 1000:1000 hostile /run/user/1000
environment=(HOME=/tmp/hostile TMPDIR=/tmp/hostile XDG_RUNTIME_DIR=/run/user/1000 XDG_CACHE_HOME=/tmp/hostile XDG_CONFIG_HOME=/tmp/hostile
	XDG_DATA_DIRS=/tmp/hostile SQLITE_TMPDIR=/tmp/hostile PINLIB_STATE=/tmp/hostile PINLIB_LIBDIR=/tmp/hostile PWD=/tmp/hostile LOCPATH=/tmp/hostile)
passwd=$(what /etc/passwd)

# Administrator's commands: nothing is made, renamed or removed where others can write.
cd hostile || exit 1
strace -f -qq -o /tmp/calls -e trace=%file,write env "${environment[@]}" bash -c '
	pinlib add "$0"/deb/libdemo1_{1.0,2.0}-1_*.deb && pinlib set demo libdemo1=1.0 && pinlib set demo2 libdemo1=2.0 &&
	pinlib rollback && pinlib rollback && pinlib check demo && pinlib ps && pinlib doctor database programs layers store && pinlib gc' "$fixtures" >/dev/null 2>&1
is "the administrator's commands" "$?" 0
cd ..
is "... touch nothing where others can write" \
	"$(grep -E 'O_CREAT|O_TRUNC|O_RDWR|O_WRONLY|mkdir|mknod|symlink|link\(|linkat|rename|unlink|chmod|chown' calls |
		grep -v 'symlinkat(' | grep -E '"(/tmp|/var/tmp|/run|/dev/shm)[/"]|AT_FDCWD, "[^/]| [a-z]+\("[^/]')" ""
is "... nor anything that a link there leads to" "$(what /etc/passwd)" "$passwd"

# A launch: which names does the wrapper look at, from its start to the app's? The directory is the user's.
names() {
	(cd hostile && strace -f -qq -u tester -o ../calls -e trace=all -s 4096 env "${environment[@]}" "$@" >/dev/null 2>&1)
	/usr/bin/python3 - <<'PY'
import re
# The stub's execve ends in the wrapper, whose execve ends in the app.
inside, names = False, set()
for line in open("calls"):
    started = re.search(r' execve\("([^"]*)".* = 0$', line)
    if started:
        if started[1].endswith("/pinlib-wrapper"):
            inside = True
        else:
            inside = not inside and started[1].endswith(("/demo", "/demo2", "/mine"))
    elif inside and not re.search(r" (write|read|getcwd|execve|fsopen)\(", line):
        names.update(re.findall(r'"(/[^"]*)"', line))
        names.update("relative:" + n for n in re.findall(r'(?:AT_FDCWD, | [a-z0-9_]+\()"([^/"][^"]*)"', line))
        names.update("made:" + line.strip() for _ in re.findall(r"O_CREAT|mkdir|symlink|mknod|renam|unlink| bind\(| connect\(", line))
known = r"(/|/usr(/local(/lib)?|/bin(/demo2?|/true)?)?|/usr/bin/\.pinlib(/demo2?)?|/usr/lib(/[^/]*)?|/usr/local/lib/pinlib.*|/var/lib/pinlib/(plans|layers/[0-9a-f]*/[0-9]*)|/proc/self/mountinfo|relative:pinlib:[0-9a-f]{32}:.*)"  # the last: an overlay's label
print(*sorted(n for n in names if not re.fullmatch(known, n)), sep="|")
PY
}
is "a launch looks at no name of the user's" "$(names demo)" ""
is "... a nested one" "$(names demo demo2 true)" ""
is "... which the check would see" "$(ln -sf /usr/bin/demo hostile/mine; names ./mine)" "*relative:*"
is "... and exec --host" "$(names $wrapper --host /usr/bin/true)" ""
is "prepared names change nothing" "$(cd hostile && as 1000 "${environment[@]}" demo; as 1000 "${environment[@]}" demo2)" \
	"1.0 /usr/bin/demo?2.0 /usr/bin/demo2"

# The working directory.
mkdir -m 777 wd && ln -s /usr/bin/demo wd/demo && ln -s demo wd/own && mkdir -m 777 wd2 && ln -s /usr/bin/demo2 wd2/own
is "a directory that is gone" "$(as 1000 bash -c 'mkdir gone; cd gone; rmdir ../gone; demo')" "1.0 /usr/bin/demo"
cat >swap.py <<'PY'
import ctypes, subprocess, threading
# The directory that a program is started through is exchanged for another all the time.
libc, stop, seen = ctypes.CDLL(None), False, set()
def swap():
    while not stop:
        libc.renameat2(-100, b"/tmp/wd", -100, b"/tmp/wd2", 2)
thread = threading.Thread(target=swap)
thread.start()
for i in range(200):
    seen.add(subprocess.run(["/bin/sh", "-c", "/tmp/wd/own 2>/dev/null"], capture_output=True, text=True).stdout.strip())
stop = True
thread.join()
print(*sorted(seen - {""}), sep="|")
PY
chmod 777 . # or the exchange would be refused
is "a component that is exchanged: one app or the other, whole" "$(as 1000 /usr/bin/python3 swap.py)" \
	"1.0 /usr/bin/demo|2.0 /usr/bin/demo2"
# The view of demo covers /opt/mine, in which a user may write: the directory that a nested wrapper goes back to
# by its name has become a link to one that the user may not enter.
mkdir -p tree/opt/mine /opt/mine /opt/closed && cp "$libs/libfivea.so.1" tree/opt/mine/ && mkdir -m 777 /opt/mine/user &&
	chmod 700 /opt/closed && touch /opt/closed/found /opt/mine/user/x && pinlib add --name mine --version 1 tree >/dev/null &&
	pinlib set --force demo mine=1 >/dev/null 2>&1 || not_ok "a version for /opt/mine" "cannot pin"
back() {
	rm -rf /opt/mine/user/* go up && mkdir -m 777 /opt/mine/user/dir
	as 1000 demo bash -c "cd /opt/mine/user/dir && touch /tmp/up; for ((i = 0; i < 200; i++)); do [ -e /tmp/go ] && break; sleep 0.05; done
		demo2 ls -d found" 2>&1 &
	for ((i = 0; i < 200; i++)); do [ -e up ] && break; sleep 0.05; done
	as 1000 mv /opt/mine/user/dir /opt/mine/user/away && as 1000 ln -s "$1" /opt/mine/user/dir
	touch go
	wait $!
}
is "a working directory that becomes a link into a closed one" "$(back /opt/closed | tail -n 1)" "*found*"
is "... which root's way back would show" "$(touch /opt/found; back /opt | tail -n 1)" found

# Plans and layers that others can write: not even root's mistakes.
layer=$(pinlib --json show demo2 | grep -o "$state/layers/[^\"]*")
is "there is one layer of demo2's" "$(wc -l <<<"$layer")" 1
plan2=$state/plans/usr%2Fbin%2Fdemo2
for mode in 664 646 666; do
	chmod $mode "$plan2"
	refuses "a plan of mode $mode" 125 "could have been written by users other than root" as 1000 demo2
done
chmod 644 "$plan2" && chown 1000 "$plan2"
refuses "a user's plan" 125 "could have been written by users other than root" as 1000 demo2
chown 0 "$plan2"
for mode in 775 757 1777; do
	chmod $mode $state/plans
	refuses "plans in a directory of mode $mode" 125 "could have been written by users other than root" as 1000 demo2
	chmod 755 $state/plans && chmod $mode "$layer"
	refuses "a layer of mode $mode" 125 "only root can write" as 1000 demo2
	chmod 755 "$layer"
done
chown 1000 $state/plans
refuses "plans in a user's directory" 125 "could have been written by users other than root" as 1000 demo2
chown 0 $state/plans && chown 1000 "$layer"
refuses "a user's layer" 125 "only root can write" as 1000 demo2
chown 0 "$layer"
is "all is as it was" "$(as 1000 demo2)" "2.0 /usr/bin/demo2"

# Mounts of the user's own, in namespaces of their own: over all that the wrapper reads. As root of it the
# user owns the files there; the started program has no right that the user lacks.
echo secret >/opt/secret && chmod 600 /opt/secret
cat >own.sh <<'SH'
umask 022
mkdir -p own/{plans,layers,bin} && cp /var/lib/pinlib/plans/* own/plans/ && cp -r /var/lib/pinlib/layers own/
mount --bind own /var/lib/pinlib || exit 99
[ "$1" != wrapper ] || { cp -r /usr/local/lib/pinlib own/lib && mount --bind own/lib /usr/local/lib/pinlib || exit 99; }
shift
"$@"
SH
for map in --map-root-user --map-root-user\ --pid\ --fork\ --mount-proc; do
	is "plans and layers of the user's own ($map)" "$(as 1000 unshare --user --mount $map bash own.sh "" demo 2>&1 | tail -n 1)" \
		"pinlib: */ belongs to user 65534, not to root"
	rm -rf own
done
is "... and a wrapper" "$(as 1000 unshare --user --mount --map-root-user bash own.sh wrapper demo demo-privilege 2>&1 | tail -n 1)" \
	"pinlib: */ belongs to user 65534, not to root"
rm -rf own
refuses "... a wrapper alone, on the user's file system" 126 "unavailable" as 1000 unshare --user --mount --map-root-user \
	bash -c 'mkdir -p own && cp -r /usr/local/lib/pinlib own/ && mount --bind own/pinlib /usr/local/lib/pinlib && demo'
refuses "a mount of the user's on a covered directory" 126 "cannot build its view" \
	as 1000 unshare --user --mount --map-root-user bash -c "mount -t tmpfs own /opt/mine && demo"
is "... is in no view outside" "$(as 1000 demo ls /opt/mine | tail -n 2 | tr '\n' ' ')" "libfivea.so.1 user "

# Labels.
forge() {
	as 1000 unshare --user --mount --map-root-user bash -c 'mkdir -p l && mount -t overlay -o lowerdir=/tmp/l:/opt/mine,userxattr "$0" /opt/mine 2>&1 &&
		'"$1" "pinlib:$(grep -ao '[0-9a-f]\{32\}' "$plan" | head -n 1)" 2>&1
}
is "a forged label takes nobody out of a view nor into one" "$(forge 'demo; pinlib exec --host true' | tr '\n' ' ')" \
	"pinlib: *cannot build its view* pinlib: */ belongs to user 65534, not to root "
forge 'echo $$ >forger; exec sleep 30' &
for ((i = 0; i < 100; i++)); do [ -s forger ] && break; sleep 0.05; done
is "... and is not believed" "$(pinlib ps "$(cat forger)" 2>&1)" "*untrusted*"
is "... nor is anybody else's view decided by it" "$(as 1000 demo; pinlib ps demo | grep -c -w current)" "1.0 /usr/bin/demo?0"
finish
