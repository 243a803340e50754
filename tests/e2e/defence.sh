#!/bin/bash
# What the wrapper's defences are for: each of them, taken out, makes a test fail, here where no
# other does. Failures of the kernel's are made with strace, whose tracer is root and
# so does not cost the wrapper its capability.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
wrapper=/usr/local/lib/pinlib/pinlib-wrapper
state=/var/lib/pinlib
plan=$state/plans/usr%2Fbin%2Fdemo
echo 'tester:x:1234:1234::/tmp:/bin/sh' >>/etc/passwd

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb "$fixtures"/deb/libpriv1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"
layer=$(pinlib --json show demo | grep -o "$state/layers/[^\"]*")
is "there is one layer" "$(wc -l <<<"$layer")" 1

# with RULE COMMAND...: as an ordinary user, with a system call that fails or misbehaves.
with() {
	local rule=$1
	shift
	strace -f -qq -u tester -o /dev/null -e "trace=${rule%%:*}" -e "inject=$rule" "$@"
}
is "strace alone makes no difference" "$(with capset:delay_exit=1 demo 2>&1)" "1.0 /usr/bin/demo"

# The capability. What is not dropped the kernel drops at the exec of an ordinary file, so that is
# looked for in the calls; and somebody who can fake calls must not get around it.
strace -f -qq -u tester -o calls -e trace=capset,capget,execve demo >/dev/null
drop='effective=0, permitted=0, inheritable=0'
is "dropped before the exec, and read back" "$(sed 's/^[0-9]* *//' calls | tail -n 3)" \
	"capset(*$drop*capget(*$drop*execve(\"/usr/bin/demo\"*"
strace -f -qq -u tester -o calls -e trace=capset,capget,execve pinlib exec --host /usr/bin/true
is "... by exec --host too" "$(sed 's/^[0-9]* *//' calls | tail -n 3)" \
	"capset(*$drop*capget(*$drop*execve(\"/usr/bin/true\"*"
refuses "a drop that is faked" 125 "were dropped but are still there" with capset:retval=0:when=2 demo
refuses "a drop that fails" 125 "cannot drop" with capset:error=EPERM:when=2 demo
refuses "a raise that fails" 125 "cannot raise" with capset:error=EPERM:when=1 demo

# The same with a filter: it is loaded last, and the capability rests before.
pinlib set --confine legacy demo >/dev/null
strace -f -qq -u tester -o calls -e trace=capset,capget,seccomp,chdir,prlimit64,execve demo >/dev/null
raised='effective=1<<CAP_SYS_ADMIN, permitted=1<<CAP_SYS_ADMIN'
is "a filter: loaded last, then dropped, and read back" "$(sed 's/^[0-9]* *//' calls | grep -B 6 -A 0 'execve("/usr/bin/demo"' | tail -n 6)" \
	"capset(*$raised*seccomp(SECCOMP_SET_MODE_FILTER*len=0*EINVAL*seccomp(SECCOMP_SET_MODE_FILTER*capset(*$drop*capget(*$drop*execve(\"/usr/bin/demo\"*"
refuses "a filter: a lowering that is faked" 125 "were lowered but are still there" with capset:retval=0:when=2 demo
refuses "a filter: a second raise that is faked" 125 "cannot load its system-call filter" \
	with capset:retval=0:when=3 demo
refuses "a filter: a drop that is faked" 125 "were dropped but are still there" with capset:retval=0:when=4 demo
refuses "a filter that cannot be loaded" 125 "cannot load its system-call filter" \
	with seccomp:error=ENOMEM demo
pinlib set --confine none demo >/dev/null
is "the inheritable set is the caller's" "$(setpriv --reuid 1000 --regid 1000 --clear-groups \
	--inh-caps=-all,+chown env demo grep CapInh /proc/self/status | tail -n 1)" "CapInh:?0000000000000001"
refuses "exec --host without the capability" 126 "cannot leave the view" \
	as 1000 demo setpriv --no-new-privs pinlib exec --host true

# Nothing half-built is entered.
refuses "the mounts cannot be cut off" 125 "cannot make the mounts private" with mount_setattr:error=EPERM:when=3 demo
refuses "the wrapper cannot be exempt" 125 "cannot set the attributes" with mount_setattr:error=EPERM:when=2 demo
refuses "an older kernel" 126 "older than Linux 5.12" with mount_setattr:error=ENOSYS:when=1 demo
refuses "an overlay cannot be mounted" 125 "cannot mount an overlay" with mount:error=ENOMEM:when=3 demo
refuses "mount(2) is not let through" 126 "a security module (landlock?) lets this process mount nothing" with mount:error=EPERM demo
pinlib set --on-failure=unpinned demo >/dev/null
is "... and it starts without its pins under --on-failure=unpinned" "$(with mount:error=EPERM demo 2>/dev/null)" "3.0 /usr/bin/.pinlib/demo"
pinlib set --on-failure=refuse demo >/dev/null
is "... nor the call that lists mounts below: then the table is read" "$(with mount:error=EINVAL:when=2 demo 2>&1
	with umount2:error=EBUSY demo 2>&1)" "1.0 /usr/bin/demo?1.0 /usr/bin/demo"
refuses "the program cannot be shown" 125 "cannot mount on" with move_mount:error=EINVAL:when=2 demo
refuses "the program's file is gone by then" 125 "cannot find its original" with open_tree:error=ENOENT:when=2 demo
pinlib set demo-script libdemo1=1.0 >/dev/null && mv /usr/bin/.pinlib/demo-script script
refuses "a script whose file is gone" 127 "cannot find its original" timeout 10 demo-script
mv script /usr/bin/.pinlib/demo-script && pinlib unset demo-script >/dev/null
is "a path that is replaced just then is tried again" "$(with move_mount:error=ENOENT:when=1 demo 2>&1
	with move_mount:error=ENOENT:when=2 demo 2>&1)" "1.0 /usr/bin/demo?1.0 /usr/bin/demo"

# In a bed nothing propagates; on a host everything does.
unshare --mount --propagation shared bash -c 'cp /proc/self/mountinfo before
	. /mnt/src/tests/lib.sh; as 1000 demo demo2 >/dev/null; demo >/dev/null; cp /proc/self/mountinfo after'
is "no mount comes back to the caller" "$(diff before after)" ""
mkdir -p /opt/late
is "... and the host's later mounts arrive" "$(unshare --mount --propagation shared bash -c '
	. /mnt/src/tests/lib.sh
	as 1000 demo bash -c "touch up; until [ -e go ]; do sleep 0.05; done; cat /opt/late/file" &
	until [ -e up ]; do sleep 0.05; done
	mount -t tmpfs late /opt/late && echo arrived >/opt/late/file; touch go; wait' 2>&1 | tail -n 1)" arrived

# Layers and plans.
chown 1000 "$layer"
refuses "a layer that is another's" 125 "is not a directory that only root can write" as 1000 demo
chown 0 "$layer" && chmod 775 "$layer"
refuses "a layer that others can write" 125 "is not a directory that only root can write" as 1000 demo
chmod 755 "$layer" && mv "$layer" elsewhere && ln -s /tmp/elsewhere "$layer"
refuses "a layer that is a link" 125 "is not a directory that only root can write" as 1000 demo
rm "$layer" && touch "$layer"
refuses "a layer that is a file" 125 "is not a directory that only root can write" as 1000 demo
rm "$layer" && mv elsewhere "$layer"
cp -a "$plan" plan && cp -a $state/layers $state/layerz && /usr/bin/python3 - <<'END' >other
import sys, zlib
d = bytearray(open("plan", "rb").read().replace(b"/layers/", b"/layerz/"))
d[16:20] = bytes(4)
d[16:20] = zlib.crc32(d).to_bytes(4, "little")
sys.stdout.buffer.write(d)
END
cat other >"$plan"
refuses "a layer in another place" 125 "is not a layer" as 1000 demo
/usr/bin/python3 - <<'END' >other
import struct, sys, zlib
d = bytearray(open("plan", "rb").read())
at = len(d)
d[56:60] = struct.pack("=I", at)
d += b"/usr/bin/true\0"
d[12:16] = struct.pack("=I", len(d))
d[16:20] = bytes(4)
d[16:20] = zlib.crc32(d).to_bytes(4, "little")
sys.stdout.buffer.write(d)
END
cat other >"$plan"
refuses "a program that is neither the original nor in a layer" 125 "is not in a layer" as 1000 demo
rm -r $state/layerz && head -c 70 plan >"$plan"
refuses "a damaged plan, and another program's name as argv[0]" 125 "damaged plan" \
	as 1000 bash -c 'exec -a /usr/bin/demo2 /usr/bin/demo'
cat plan >"$plan"
mv $state/plans $state/real-plans && ln -s real-plans $state/plans
refuses "plans whose directory is a link" 125 "cannot open" as 1000 demo
rm $state/plans && mv $state/real-plans $state/plans
mv "$plan" real-plan && ln -s /tmp/real-plan "$plan"
refuses "a plan that is a link" 125 "cannot open the plan" as 1000 demo
rm "$plan" && mkfifo "$plan"
refuses "a plan that is a FIFO" 125 "not a regular file" timeout 10 setpriv --reuid 1000 --regid 1000 \
	--clear-groups env demo
rm "$plan" && mv real-plan "$plan"
mv ${wrapper%/*} /usr/local/lib/moved && ln -s moved ${wrapper%/*}
refuses "a wrapper whose directory is a link" 125 "${wrapper%/*} is a symbolic link" as 1000 demo
rm ${wrapper%/*} && mv /usr/local/lib/moved ${wrapper%/*}
is "all is as it was" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"

# A cover keeps the mount options that the administrator set for the directory.
mknod -m 666 "$libs/null" c 1 3
is "a device in a covered directory: outside, inside" \
	"$(as 1000 cat "$libs/null"; echo $?; as 1000 demo cat "$libs/null" 2>&1 | tail -n 1)" "0?*Permission denied"
rm "$libs/null"
mkdir /usr/lib/demo-private && mount --bind /usr/lib/demo-private /usr/lib/demo-private
pinlib set demo-private libpriv1=1.0 >/dev/null
is "a directory, which is a mount" "$(as 1000 demo-private)" private-1.0
mount -o remount,bind,noexec /usr/lib/demo-private
refuses "... that is noexec" 127 "failed to map" as 1000 demo-private
umount /usr/lib/demo-private

# A layer's attributes do not redirect a look-up, and its names are not the caller's.
mkdir -p tree/usr/local/lib/sub /usr/local/lib/{sub,secret} && cp "$libs/libfivea.so.1" tree/usr/local/lib/ &&
	echo data >tree/usr/local/lib/sub/pinned && echo data >tree/usr/local/lib/link &&
	touch /usr/local/lib/sub/live /usr/local/lib/secret/other && ln -s /usr/bin/demo2 /usr/local/lib/link
pinlib add --name demo-local --version 1 tree >/dev/null && pinlib set demo2 demo-local=1 >/dev/null ||
	not_ok "a version for /usr/local/lib" "cannot pin"
sub=$(find $state/layers -type d -name sub)
/usr/bin/python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.overlay.redirect", b"/secret")' "$sub"
is "a layer cannot redirect" "$(as 1000 demo2 ls /usr/local/lib/sub 2>&1 | tail -n 1)" "*Operation not permitted"
is "a name that leads elsewhere in the view" "$(as 1000 /usr/local/lib/link 2>&1)" "2.0 /usr/bin/demo2"
pinlib unset demo2 demo-local >/dev/null

# Whose mounts are whose.
mkdir -p tree2/opt/mine /opt/mine && cp "$libs/libfivea.so.1" tree2/opt/mine/
pinlib add --name mine --version 1 tree2 >/dev/null && pinlib set demo mine=1 >/dev/null
is "a mount that root makes over a view's stays" "$(demo bash -c 'mount -t tmpfs own /opt/mine &&
	pinlib exec --host grep -c " /opt/mine .* own " /proc/self/mountinfo' | tail -n 1)" 1
pinlib unset demo mine >/dev/null
mkdir -p /opt/odd/.pinlib && cp /usr/bin/id /opt/odd/.pinlib/id && touch /opt/odd/else
mount --bind /opt/odd/.pinlib/id /opt/odd/else
is "a mount from another place of that directory is the administrator's" \
	"$(as 1000 demo demo2 cmp /opt/odd/else /usr/bin/id 2>&1 | tail -n 1)" "2.0 /usr/bin/demo2"
umount /opt/odd/else
mount -t tmpfs pinlib:mine /opt/late && touch /opt/late/file
is "a mount that is not an overlay does not belong to a view, whatever its source" \
	"$(as 1000 demo demo2 ls /opt/late | tail -n 1)" file
umount /opt/late
cp /usr/bin/.pinlib/demo "/usr/bin/demo sp" && pinlib set "/usr/bin/demo sp" libdemo1=1.0 >/dev/null
is "a program with a blank in its name" "$(as 1000 "/usr/bin/demo sp" demo2 "/usr/bin/demo sp" 2>&1)" \
	"1.0 /usr/bin/demo sp?2.0 /usr/bin/demo2?1.0 /usr/bin/demo sp"

is "a working directory of the view that is left" \
	"$(as 1000 demo bash -c "cd $libs && demo2 /usr/bin/pwd -P" 2>&1 | tail -n 1)" "$libs"

# mounts N SOURCE PLACE: binds N times, with {} for the number, in a namespace of its own, then demo.
cat >mounts.py <<'END'
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x20000) == 0
for i in range(int(sys.argv[1])):
    source, place = (a.replace("{}", str(i)).encode() for a in sys.argv[2:4])
    if libc.mount(source, place, None, 0x1000, None) != 0:
        sys.exit(f"mount {i}: {os.strerror(ctypes.get_errno())}")
if sys.argv[4:]:
    libc.mount(None, b"/", None, 0x1022, None)  # MS_REMOUNT, MS_BIND, MS_NOSUID: it may be a view
os.execvp("setpriv", ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "env", "demo"])
END
mkdir -p many "$libs/many" && for ((i = 0; i < 513; i++)); do mkdir "$libs/many/$i"; done
is "512 mounts below a covered directory" "$(/usr/bin/python3 mounts.py 512 many "$libs/many/{}" 2>&1)" "1.0 /usr/bin/demo"
is "513" "$(/usr/bin/python3 mounts.py 513 many "$libs/many/{}" 2>&1)" "1.0 /usr/bin/demo"
mkdir -p /opt/odd/place && touch /opt/odd/place/id
is "500 mounts that look like a view's" \
	"$(/usr/bin/python3 mounts.py 500 /opt/odd/.pinlib/id /opt/odd/place/id nosuid 2>&1)" "1.0 /usr/bin/demo"
refuses "... 513, where the process may be in a view" 126 "too many mounts of views" \
	/usr/bin/python3 mounts.py 513 /opt/odd/.pinlib/id /opt/odd/place/id nosuid
long=$(printf '%0240d' 0) && long=$libs/many/$long/$long/$long/$long && mkdir -p "$long"
for ((i = 0; i < 300; i++)); do mkdir "$long/$i"; done
is "long names of mounts" "$(/usr/bin/python3 mounts.py 300 many "$long/{}" 2>&1)" "1.0 /usr/bin/demo"
rm -r "$libs/many"

# What it says, and where.
ln -s $wrapper $'od\033[31md'
is "no control character reaches the terminal" "$(as 1000 $'./od\033[31md' 2>&1 | grep -c $'\033')" 0
ln -s $wrapper $'od\302\233\342\200\256\233d'
is "... of more bytes, or that turns the direction of writing" "$(as 1000 $'./od\302\233\342\200\256\233d' 2>&1 | LC_ALL=C grep -c $'[\200-\377]')" 0
mv "$plan" real-plan && strace -f -qq -o calls -e trace=write bash -c 'exec demo 2>&-'
is "nothing is written to a descriptor 2 that is closed" "$?:$(cat calls)" "126:"
mv real-plan "$plan"
finish
