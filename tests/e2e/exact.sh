#!/bin/bash
# The app starts exactly as it would without pinlib: a probe is started in many ways before
# it is wrapped and after, and its output is compared.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
gcc -Wall -o /usr/local/bin/probe "$src/tests/helpers/probe.c" -L"$fixtures" -Wl,--no-as-needed "$libs/libdemo.so.1" || exit 1

# The starter: python's own doings before the exec are the same both times.
cat >start.py <<'END'
import ctypes, os, resource, signal, sys
how, env = sys.argv[1], {"PROBE_OUT": sys.argv[2], "TMPDIR": "/somewhere", "LD_LIBRARY_PATH": "/nowhere",
    "LOCPATH": "/x", "GLIBC_TUNABLES": "glibc.malloc.check=0", "MALLOC_ARENA_MAX": "1", "A": "b c"}
probe, argv = "/usr/local/bin/probe", ["probe", "one", "two  three", ""]
if how.startswith("closed"):
    for fd in how[6:]:
        os.close(int(fd))
elif how == "fds":
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (5, 9, 17):
        os.dup2(null, fd)
        os.set_inheritable(fd, fd != 5)
elif how == "signals":
    signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD, 40])
elif how == "umask":
    os.umask(0o137)
elif how == "cwd":
    os.chdir(sys.argv[3])
elif how == "limits":
    for name in "NPROC", "DATA", "FSIZE", "STACK", "NOFILE":
        n = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(n)[1]
        soft = 64 if name == "NOFILE" else (1 << 23) if name == "STACK" else 1 << 26
        resource.setrlimit(n, (soft if hard < 0 else min(soft, hard), hard))
elif how.startswith("nofile"):
    env["PROBE_LIMITLESS"] = "1"
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(how[6:]), 64))
elif how == "argv0":
    argv = ["\x01\xff odd\n", "--host", "--version"]
elif how == "exit":
    argv = ["probe", "exit", "77"]
elif how == "environment":
    env.update({"V%d" % i: "x" * 1000 for i in range(1000)})
elif how == "session":
    if os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
    os.setsid()
elif how == "nice":
    os.nice(7); os.sched_setaffinity(0, {0})
elif how == "personality":
    ctypes.CDLL(None).personality(0x4000000)
elif how == "relative":
    os.chdir("/usr"); probe = "local/bin/../bin/probe"
elif how == "link":
    if not os.path.lexists("/tmp/own"):
        os.symlink("/usr/local/bin/probe", "/tmp/own")
    probe = "/tmp/own"
elif how == "chain":
    if not os.path.lexists("/tmp/c1"):
        os.symlink("c2", "/tmp/c1"); os.symlink("../usr/local/bin/probe", "/tmp/c2")
    probe = "/tmp/c1"
os.execve(probe, argv, env)
END

ways="plain fds signals umask limits argv0 exit environment session
	nice personality relative link chain closed0 closed1 closed2 closed01 closed02 closed12 closed012"
mkdir -m 1777 before after
all() {
	local way status
	for way in $ways; do
		status=0
		as 1000 /usr/bin/python3 start.py "$way" "/tmp/probe.out" 2>"$1/$way.err" >"$1/$way.stdout" </dev/null || status=$?
		mv probe.out "$1/$way" 2>/dev/null
		echo "exit $status" >>"$1/$way"
	done
	as 1000 /usr/bin/python3 start.py cwd /tmp/probe.out "$libs" 2>"$1/cwd.err"
	mv probe.out "$1/cwd"
	# root, with its own capabilities; and in a directory that only root can enter
	mkdir -p -m 0700 /root/closed && (cd /root/closed && env -i PROBE_OUT=/tmp/probe.out /usr/local/bin/probe)
	mv probe.out "$1/root"
	# with a terminal
	as 1000 script -qec 'env -i PROBE_OUT=/tmp/probe.out /usr/local/bin/probe' /dev/null >/dev/null
	mv probe.out "$1/terminal"
	grep -q '^terminal 1' "$1/terminal" || echo none >>"$1/terminal.no"
}
all before
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set probe libdemo1=1.0 >/dev/null ||
	not_ok "the probe is pinned" "see above"
is "the probe's terminal is one" "$(cat before/terminal.no 2>/dev/null)" ""
all after
for way in $ways cwd root terminal; do
	if [ ! -s "before/$way" ] || ! grep -q '^exe ' "before/$way"; then
		not_ok "same: $way" "the probe did not run without pinlib either: $(cat "before/$way.err")"
	elif said=$(diff "before/$way" "after/$way"); then
		ok "same: $way"
	else
		not_ok "same: $way" "$said"
	fi
done

# With no descriptor to be had a dynamic program cannot start: it is the program that says so. A soft
# limit that is too small for the wrapper is not too small for the app.
for n in 0 1 2 3; do
	refuses "RLIMIT_NOFILE $n: the program's own loader complains" 127 "error while loading" \
		as 1000 /usr/bin/python3 start.py nofile$n /tmp/probe.out
done
few() {
	as 1000 prlimit --nofile="$1" -- /usr/bin/demo /usr/bin/bash -c 'ulimit -Sn; ulimit -Hn'
}
pinlib set demo libdemo1=1.0 >/dev/null
is "RLIMIT_NOFILE 4" "$(few 4:64 2>&1)" "1.0 /usr/bin/demo?4?64"
# If the hard limit is as small the policy decides; where it cannot be read, the stub says what it is.
refuses "a hard limit of 4" 126 "No file descriptors" few 4:4
refuses "a hard limit of 5" 126 "RLIMIT_NOFILE leaves too few descriptors" few 5:5
is "a hard limit of 6" "$(few 6:6 2>&1)" "1.0 /usr/bin/demo?6?6"
pinlib set --on-failure=unpinned demo >/dev/null
is "... and --on-failure=unpinned" "$(few 5:5 2>&1)" \
	"pinlib: */usr/bin/demo: starting without its pins: RLIMIT_NOFILE*3.0 /usr/bin/.pinlib/demo?5?5"
is "descriptors in use count too" "$(as 1000 prlimit --nofile=8:8 -- /usr/bin/bash -c \
	'exec 3</dev/null 5</dev/null 7</dev/null; exec /usr/bin/demo' 2>&1 | tail -n 1)" "3.0 *"
pinlib unset demo >/dev/null

# Ways that plain execve has too, and whose outcome is the planned view or a clear refusal.
cat >odd.py <<'END'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
path, env = b"/usr/bin/demo", (ctypes.c_char_p * 1)(None)
if sys.argv[1] == "argc0":
    libc.execve(path, (ctypes.c_char_p * 1)(None), env)
elif sys.argv[1] == "fexecve":
    os.execve(os.open(path, os.O_RDONLY), ["demo"], {})
elif sys.argv[1] == "fexecve-path":
    os.execve(os.open(path, os.O_RDONLY), ["/usr/bin/demo"], {})
elif sys.argv[1] == "procfd":
    fd = os.open(path, os.O_RDONLY)
    os.set_inheritable(fd, True)
    os.execve("/proc/self/fd/%d" % fd, ["demo"], {})
elif sys.argv[1] == "forged":
    os.execve("/usr/local/lib/pinlib/pinlib-wrapper", ["/usr/bin/demo"], {})
elif sys.argv[1] == "forged-script":
    os.execve("/usr/bin/demo", ["/usr/local/lib/pinlib/pinlib-wrapper", "x", "/etc/passwd"], {})
sys.exit("execve failed: %d" % ctypes.get_errno())
END
pinlib set demo libdemo1=1.0 >/dev/null
is "argc 0" "$(as 1000 /usr/bin/python3 odd.py argc0 2>&1)" "1.0 /usr/bin/demo"
is "fexecve" "$(as 1000 /usr/bin/python3 odd.py fexecve 2>&1)" "1.0 /usr/bin/demo"
is "fexecve with the path as argv[0]" "$(as 1000 /usr/bin/python3 odd.py fexecve-path 2>&1)" "1.0 /usr/bin/demo"
is "an execve of /proc/self/fd" "$(as 1000 /usr/bin/python3 odd.py procfd 2>&1)" "1.0 /usr/bin/demo"
is "the wrapper with an app's path as argv[0] is none" "$(as 1000 /usr/bin/python3 odd.py forged 2>&1; echo $?)" \
	"pinlib: *cannot tell which program was meant*127"
is "a forged shebang is the app with those arguments" "$(as 1000 /usr/bin/python3 odd.py forged-script 2>&1 | head -1)" "1.0 /usr/bin/demo*"
ln /usr/local/lib/pinlib/pinlib-wrapper /usr/local/lib/pinlib/other
refuses "a hard link of the wrapper is no app" 127 "cannot tell which program" as 1000 /usr/local/lib/pinlib/other
refuses "the wrapper by its own name" 127 "cannot tell which program" as 1000 /usr/local/lib/pinlib/pinlib-wrapper
printf '#!/usr/bin/demo /usr/bin/echo\n' >script && chmod 755 script
is "a script whose interpreter is wrapped" "$(as 1000 ./script 2>&1)" "1.0 /usr/bin/demo*"

# Nothing appears in the caller's mounts; a chroot whose / is no mount point is refused.
cp /proc/self/mountinfo mounts.before
as 1000 demo >/dev/null
is "the caller's mounts are as before" "$(diff mounts.before /proc/self/mountinfo)" ""
mkdir jail && for dir in usr var proc; do mkdir jail/$dir && mount --bind /$dir jail/$dir; done
mount --bind /var/lib/pinlib jail/var/lib/pinlib
for dir in bin sbin lib lib64; do [ -L /$dir ] && cp -P /$dir jail/; done
cp /proc/self/mountinfo mounts.before
refuses "a chroot whose / is no mount point" 125 "chroot" chroot --userspec=1000:1000 jail /usr/bin/demo
is "... and nothing appears anywhere" "$(diff mounts.before /proc/self/mountinfo)" ""
umount -R jail/usr jail/var jail/proc
mount --bind jail jail && for dir in usr var proc; do mount --bind /$dir jail/$dir; done
mount --bind /var/lib/pinlib jail/var/lib/pinlib
is "a chroot whose / is a mount point" "$(chroot --userspec=1000:1000 jail /usr/bin/demo 2>&1)" "1.0 /usr/bin/demo"
umount -R jail

# An administrator's mounts below and on a covered directory are seen in the view.
mkdir -p "$libs/vendor" /tmp/vendor && echo here >/tmp/vendor/file && mount --bind /tmp/vendor "$libs/vendor"
echo bound >/tmp/one && touch "$libs/one.conf" && mount --bind /tmp/one "$libs/one.conf"
is "a mount below a covered directory" "$(as 1000 demo cat "$libs/vendor/file" "$libs/one.conf" | tail -n +2 | tr '\n' ' ')" "here bound "
is "... in a nested view too" "$(pinlib set demo2 libdemo1=1.0 >/dev/null; as 1000 demo demo2 cat "$libs/vendor/file" | tail -n 1)" "here"
umount "$libs/vendor" "$libs/one.conf"

# Without /proc the mount table cannot be read: where it matters, there is a refusal, not half a view.
noproc='mount -t tmpfs none /proc && exec setpriv --reuid 1000 --regid 1000 --clear-groups env'
pinlib set demo-script libdemo1=1.0 >/dev/null
is "without /proc" "$(unshare -m bash -c "$noproc demo-script" 2>&1)" 1.0
mkdir "$libs/below" && mount -t tmpfs none "$libs/below"
refuses "... and a mount below a covered directory" 125 /proc/self/mountinfo unshare -m bash -c "$noproc demo-script"
# A / that is nosuid looks like a view's. If the wrapper is on / as well it has to keep its capability.
umount "$libs/below" && mount --bind /usr/local/lib/pinlib /usr/local/lib/pinlib && mount -o remount,bind,nosuid /
refuses "... where the process may be in a view" 126 /proc/self/mountinfo unshare -m bash -c "$noproc demo-script"
finish
