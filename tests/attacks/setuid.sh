#!/bin/bash
# A setuid program that is started inside a view never runs with privilege, whatever way leads to
# it. Each check shows both: the privileges outside of a view, by the same way, and inside.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"
mkdir /opt/s && echo secret >/opt/secret && chmod 600 /opt/secret
privileged() {
	cp /usr/bin/demo-privilege "$1" && chown 0:0 "$1" && chmod "$2" "$1"
}
privileged /opt/s/suid 4755 && privileged /opt/s/sgid 2755 && privileged /opt/s/caps 755 &&
	setcap cap_net_raw=ep /opt/s/caps
privileged "$libs/suid" 4755

# way.py WAY FILE: starts FILE in that way.
cat >way.py <<'PY'
import ctypes, os, socket, sys
way, path = sys.argv[1:3]
name = os.path.basename(path)
libc = ctypes.CDLL(None)
def by_fd(fd):
    os.set_inheritable(fd, True)
    os.execve(fd, [name], {})
def at(dirfd, name):
    libc.execveat(dirfd, name.encode(), (ctypes.c_char_p * 2)(b"x"), (ctypes.c_char_p * 1)(), 0)
def other():
    return "/proc/" + open("/tmp/other").read().strip()
if way == "path":
    os.execv(path, [name])
elif way == "link":
    os.path.lexists("/tmp/link-" + name) or os.symlink(path, "/tmp/link-" + name)
    os.execv("/tmp/link-" + name, [name])
elif way == "directory":
    os.chdir(os.path.dirname(path))
    os.execv("./" + name, [name])
elif way == "script":
    with open("/tmp/script-" + name, "w") as f:
        f.write("#!" + path + "\n")
    os.chmod("/tmp/script-" + name, 0o755)
    os.execv("/tmp/script-" + name, [name])
elif way == "own-root":
    os.execv("/proc/self/root" + path, [name])
elif way == "opened":
    by_fd(os.open(path, os.O_PATH))
elif way == "inherited":
    by_fd(40)
elif way == "proc-fd":
    os.execv("/proc/self/fd/40", [name])
elif way == "inherited-directory":
    at(41, name)
elif way == "memfd":
    by_fd(42)
elif way == "other-root":
    os.execv(other() + "/root" + path, [name])
elif way == "other-cwd":
    os.execv(other() + "/cwd/" + name, [name])
elif way == "sent":
    s = socket.socket(socket.AF_UNIX)
    s.connect("\0pinlib-attack")
    by_fd(socket.recv_fds(s, 1, 1)[1][0])
sys.exit("not started")
PY
# with.py FILE COMMAND...: root runs it as an ordinary user, with open descriptors: 40 the file, 41 its
# directory, 42 a copy of it in memory, which is root's and setuid too.
cat >with.py <<'PY'
import os, sys
path = sys.argv[1]
memory = os.memfd_create("suid", 0)
os.write(memory, open(path, "rb").read())
os.fchmod(memory, 0o4755)
for fd, to in (os.open(path, os.O_RDONLY), 40), (os.open(os.path.dirname(path), os.O_PATH), 41), (memory, 42):
    os.dup2(fd, to)
os.setgroups([]), os.setgid(1000), os.setuid(1000)
os.execvp(sys.argv[2], sys.argv[2:])
PY
# A process of the same user's outside of every view, which also hands its descriptor to whoever asks.
cat >other.py <<'PY'
import os, socket, sys
os.chdir("/opt/s")
fd = os.open("suid", os.O_RDONLY)
s = socket.socket(socket.AF_UNIX)
s.bind("\0pinlib-attack")
s.listen(1)
open("/tmp/other", "w").write(str(os.getpid()))
while True:
    c = s.accept()[0]
    socket.send_fds(c, [b"x"], [fd])
    c.close()
PY
as 1000 /usr/bin/python3 other.py &
for ((i = 0; i < 200; i++)); do [ -s other ] && break; sleep 0.05; done

# by WAY FILE: outside, and inside.
by() {
	/usr/bin/python3 with.py "$2" /usr/bin/python3 way.py "$1" "$2" 2>&1
	/usr/bin/python3 with.py "$2" demo /usr/bin/python3 way.py "$1" "$2" 2>&1 | tail -n +2
}
gets="3.0 0 1000 * open"
plain="1.0 1000 1000 0 shut"
for way in path link directory script own-root opened inherited proc-fd inherited-directory other-root \
	other-cwd sent; do
	is "setuid, by $way" "$(by $way /opt/s/suid)" "$gets?$plain"
done
for way in path inherited; do
	is "setgid, by $way" "$(by $way /opt/s/sgid)" "3.0 1000 0 0 shut?1.0 1000 1000 0 shut"
	is "file capabilities, by $way" "$(by $way /opt/s/caps)" "3.0 1000 1000 2000 shut?$plain"
done
is "in a covered directory" "$(by path "$libs/suid")" "$gets?$plain"
# The kernel lets nobody have privilege from memory.
is "setuid, by memfd" "$(by memfd /opt/s/suid)" "3.0 1000 1000 0 shut?$plain"
is "in a nested view" "$(as 1000 demo demo2 /opt/s/suid | tail -n 1)" "2.0 1000 1000 0 shut"
pinlib set --host demo-script >/dev/null
is "beside a program of the host's" "$(as 1000 demo bash -c 'demo-script; /opt/s/suid' | tail -n 2)" "3.0?$plain"
pinlib unset demo-script >/dev/null

# A user namespace inside a view, where mount calls are allowed, does not bring it back.
cat >again.sh <<'SH'
mount -o remount,bind,suid /opt/s 2>/dev/null && echo remounted
mount --bind /opt/s /mnt && mount -o remount,bind,suid /mnt 2>/dev/null && echo remounted
/mnt/suid
SH
is "a user namespace in a view" "$(as 1000 demo unshare --user --map-root-user --mount bash again.sh 2>&1 | tail -n +2)" \
	"1.0 0 0 * shut"
is "... in which nobody is root" "$(as 1000 demo unshare --user --mount /opt/s/suid | tail -n 1)" \
	"1.0 65534 65534 0 shut"

# inside COMMAND WHILE: a view in a namespace whose mounts are shared, as a host's are, runs COMMAND
# when WHILE has been done outside of it.
cat >inside.sh <<'SH'
. /mnt/src/tests/lib.sh
cd /tmp && rm -f go up
as 1000 demo bash -c 'touch up; for ((i = 0; i < 200; i++)); do [ -e go ] && break; sleep 0.05; done; '"$1" &
for ((i = 0; i < 200; i++)); do [ -e up ] && break; sleep 0.05; done
eval "$2"
touch go
wait
SH
inside() {
	unshare --mount --propagation shared bash inside.sh "$1" "$2" 2>&1 | tail -n +2
}
mkdir /opt/late && mkdir early && mount -t tmpfs early early && cp -a /opt/s/. early/ && touch early/here
is "on a mount of its own" "$(early/suid; as 1000 demo /tmp/early/suid | tail -n 1)" "3.0 0 0 * open?$plain"
is "a mount that is made setuid on the host later" \
	"$(inside '/tmp/early/suid' 'mount -o remount,bind,nosuid early; mount -o remount,bind,suid early')" "$plain"
is "a mount that comes later, and is nosuid" \
	"$(inside '/opt/late/suid; findmnt -no SOURCE /opt/late' \
		'mount -t tmpfs -o nosuid late /opt/late; cp -a /opt/s/. /opt/late/')" "$plain?late"
# Into a view by exec --in, from outside and from another one.
is "exec --in" "$(as 1000 pinlib exec --in demo /opt/s/suid)" "$plain"
is "... from another view" "$(as 1000 demo2 pinlib exec --in demo /opt/s/suid | tail -n 1)" "$plain"
is "... by sh" "$(as 1000 pinlib exec --in demo sh -c "/opt/s/sgid; /opt/s/caps; $libs/suid")" "$plain?$plain?$plain"
# Out of the view by exec --host: the libraries are the live ones, and nothing is setuid.
privileged /usr/bin/suid 4755
none="3.0 1000 1000 0 shut"
host="pinlib exec --host"
is "exec --host" "$(as 1000 demo $host suid | tail -n 1)" "$none"
echo 'caller:x:1000:1000::/tmp:/bin/sh
open:x:4321:4321::/tmp:/bin/sh' >>/etc/passwd && echo 'caller:!:19000::::::
open::19000::::::' >>/etc/shadow # no password
is "... su: outside, inside, with exec --host" "$(for way in "" demo "demo $host"; do
	as 1000 $way su -c 'id -u' open </dev/null 2>&1 | tail -n 1
done)" "4321?*failure?*failure"
is "... from a nested view" "$(as 1000 demo demo2 $host $host suid | tail -n 1)" "$none"
is "... a view that is started from there" "$(as 1000 demo $host demo suid | tail -n 1)" "$plain"
is "... and from that again" "$(as 1000 demo $host demo $host suid | tail -n 1)" "$none"
is "... on another mount" "$(as 1000 demo $host /tmp/early/suid | tail -n 1)" "$none"
is "... on one that came later, and is nosuid" \
	"$(inside "$host /opt/late/suid" 'mount -t tmpfs -o nosuid late /opt/late; cp -a /opt/s/. /opt/late/')" "$none"
is "... with a descriptor of the view's" \
	"$(as 1000 demo bash -c "exec 40</usr/bin/suid; exec $host /usr/bin/python3 way.py inherited suid" | tail -n 1)" "$none"
mkdir -p tree/usr/local/lib && cp "$fixtures/so/2.0/libdemo.so.1" tree/usr/local/lib/ &&
	pinlib add --name demo-local --version 1 tree >/dev/null && pinlib set /opt/demo/bin/demo demo-local=1 >/dev/null ||
	not_ok "a version for /usr/local/lib" "cannot pin"
is "... from a view that covers the wrapper's directory" "$(as 1000 /opt/demo/bin/demo $host suid | tail -n 1)" "$none"
cp /proc/self/mountinfo before
as 1000 demo $host suid >/dev/null
is "... outside nothing changes" "$(diff before /proc/self/mountinfo)" ""
pinlib set --confine legacy demo >/dev/null
refuses "... under a filter without mount calls" 126 "cannot leave" as 1000 demo $host suid
pinlib set --confine none demo >/dev/null
user="setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env"
mkdir -p tree2/opt/mine /opt/mine && cp "$libs/libfivea.so.1" tree2/opt/mine/ &&
	pinlib add --name mine --version 1 tree2 >/dev/null && pinlib set demo mine=1 >/dev/null ||
	not_ok "a version for /opt/mine" "cannot pin"
is "... while a mount of the view's is hidden by another" \
	"$(demo bash -c "mount -t tmpfs own /opt/mine; $user $host suid" | tail -n 1)" "$none"
refuses "... while one is to be seen" 125 "is still visible" \
	demo bash -c "mount --bind $libs $libs; $user $host suid"

# Of a process in a view nothing reaches one outside that has privilege.
as 1000 demo bash -c 'cd "$0" && echo $$ >/tmp/in && exec sleep 60' "$libs" >/dev/null &
for ((i = 0; i < 200; i++)); do [ -s in ] && break; sleep 0.05; done
in=/proc/$(cat in)
is "from outside, through a view's root" "$(as 1000 "$in/root/opt/s/suid")" "3.0 1000 1000 0 shut"
is "... through its directory" "$(as 1000 bash -c "cd $in/cwd && ./suid")" "3.0 1000 1000 0 shut"
is "... from its directory, with that as the library path" \
	"$(as 1000 bash -c "cd $in/cwd && LD_LIBRARY_PATH=.:$in/cwd exec /opt/s/suid")" "3.0 0 1000 * open"
is "... with the user's own library path, without privilege" \
	"$(as 1000 bash -c "LD_LIBRARY_PATH=$in/cwd demo-privilege")" "1.0 1000 1000 0 shut"
# A package's script sets a mode at its program's path, where the stub is; an administrator could at the wrapper's.
for mode in 4755 2755 6755; do
	chmod $mode /usr/bin/demo
	refuses "a stub with mode $mode starts no app" 125 "its file is setuid or setgid" as 1000 demo
	is "... and goes on for root" "$(/usr/bin/demo)" "1.0 /usr/bin/demo"
	is "... in a view it is as without the bit" "$(as 1000 demo2 demo /opt/s/suid | tail -n 1)" "$plain"
	chmod 0755 /usr/bin/demo
	chmod $mode /usr/local/lib/pinlib/pinlib-wrapper
	refuses "a wrapper with mode $mode starts no app" 125 "is setuid or setgid; as root: chmod 0755" as 1000 demo
	refuses "... no command on the host" 125 "is setuid or setgid" as 1000 /usr/local/lib/pinlib/pinlib-wrapper --host -- /usr/bin/id
	is "... and goes on for root" "$(/usr/bin/demo)" "1.0 /usr/bin/demo"
	chmod 0755 /usr/local/lib/pinlib/pinlib-wrapper
	setcap cap_sys_admin=p /usr/local/lib/pinlib/pinlib-wrapper
done
setcap cap_setuid,cap_sys_admin=eip /usr/bin/demo
is "a stub with capabilities: the app has none" "$(as 1000 demo /usr/bin/grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | sort -u -k 2 | wc -l)" 2
is "... no setuid program gets any" "$(as 1000 demo /opt/s/suid | tail -n 1)" "$plain"
setcap -r /usr/bin/demo
is "a caller with two identities is another thing" \
	"$(/usr/bin/python3 -c 'import os; os.setgroups([]); os.setresgid(1000, 1001, 1000); os.setresuid(1000, 1001, 1000); os.execv("/usr/bin/demo", ["demo"])')" \
	"1.0 /usr/bin/demo"
refuses "nobody enters a view from outside" 1 "Operation not permitted" as 1000 nsenter --mount --target "$(cat in)" true
finish
