#!/bin/bash
# Whatever the kernel keeps of a process that starts a program, the app has it as it would have it
# without pinlib: each attribute is set to something unusual, and the app's result (tests/helpers/probe.c
# writes down all of them) compared. pinlib-wrapper(8) says what the kernel takes away, and it is that and nothing more.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
gcc -Wall -o /usr/local/bin/probe "$src/tests/helpers/probe.c" -L"$fixtures" -Wl,--no-as-needed "$libs/libdemo.so.1" || exit 1
mkdir -m 1777 before after ahead

# start.py ACTION...: performs the actions in this order, and starts the probe.
cat >start.py <<'END'
import ctypes, fcntl, os, resource, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
path, argv, env = "/usr/local/bin/probe", [b"probe", b"one", b""], [b"PROBE_OUT=/tmp/probe.out"]
signals = [s for s in range(1, 65) if s not in (9, 19, 32, 33)]

def call(function, arguments):
    numbers = [int(a, 0) for a in arguments.split(",")]
    numbers += [0] * (6 - len(numbers))
    if function(*map(ctypes.c_ulong, numbers)) < 0:
        sys.exit(f"{action}: {os.strerror(ctypes.get_errno())}")

for action in sys.argv[1:]:
    name, _, value = action.partition("=")
    if name in ("prctl", "syscall", "personality"):
        call(getattr(libc, name), value)
    elif name == "batch":
        os.sched_setscheduler(0, os.SCHED_BATCH | os.SCHED_RESET_ON_FORK, os.sched_param(0))
    elif name == "timer":
        signal.setitimer(int(value), 1000, 500)
    elif name == "write":
        file, text = value.split(",")
        open(file, "w").write(text)
    elif name == "ignored":
        for s in signals:
            signal.signal(s, signal.SIG_IGN)
    elif name == "blocked":
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    elif name == "pending":
        signal.pthread_sigmask(signal.SIG_BLOCK, [10, 40])
        os.kill(os.getpid(), 10), os.kill(os.getpid(), 40)
    elif name == "group":
        os.setpgid(0, 0)
    elif name == "session":
        if os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        os.setsid()
    elif name == "limit":
        which, soft, hard = map(int, value.split(","))
        resource.setrlimit(which, (soft, hard))
    elif name == "nine":
        os.dup2(os.open("/tmp/nine", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666), 9)
        os.write(9, b"12345"), fcntl.lockf(9, fcntl.LOCK_EX, 3)
    elif name == "fds":
        null = os.open("/dev/null", os.O_RDWR)
        for fd in range(3, 40):
            os.dup2(null, fd)
            os.set_inheritable(fd, True)  # dup2 of a descriptor to itself changes no flag
    elif name == "close":
        os.close(int(value))
    elif name == "umask":
        os.umask(int(value, 0))
    elif name == "nice":
        os.nice(int(value))
    elif name == "cpus":
        os.sched_setaffinity(0, {int(value)})
    elif name == "cwd":
        os.chdir(value)
    elif name == "gone":
        os.mkdir("/tmp/gone"), os.chdir("/tmp/gone"), os.rmdir("/tmp/gone")
    elif name == "link":
        path = b"/tmp/ahead/" + (b"name" if value == "plain" else b"\x01\xff n")
        os.symlink("/usr/local/bin/probe", path)
    elif name == "argv":
        argv = [b"", b"\x01\xff odd\n\x1b[31m"] if value == "odd" else [b"/no/such/name"] + [b"x" * 1000] * 1000
    elif name == "env":
        env += [b"novalue", b"=x", b"", b"B=1", b"A=2", b"B=3", b"\xff=\xfe", b"TMPDIR=/t", b"LD_LIBRARY_PATH=/n",
                b"LD_PRELOAD=", b"GLIBC_TUNABLES=x=y", b"MALLOC_TRACE=/tmp/t", b"LOCPATH=/l", b"MUSL_LOCPATH=/m"]
    else:
        sys.exit("what is " + name + "?")
vector = lambda strings: (ctypes.c_char_p * (len(strings) + 1))(*strings, None)
libc.execve(os.fsencode(path), vector(argv), vector(env))
sys.exit("execve")
END

# Each line: NAME | options of setpriv | actions. What has no ids gets the user's.
cat >ways <<'END'
plain||
inheritable set|--inh-caps=-all,+chown,+net_raw|
inheritable CAP_SYS_ADMIN|--inh-caps=-all,+sys_admin|
bounding set|--bounding-set=-all,+sys_admin,+chown|
securebits, no root|--securebits=+noroot,+noroot_locked|
securebits, no fixup|--securebits=+no_setuid_fixup,+no_setuid_fixup_locked|
securebits, keep caps locked|--securebits=+keep_caps_locked|
kept capabilities||prctl=8,1
supplementary groups|--reuid=1000 --regid=1000 --groups=5,6,1000|
real and effective user|--ruid=1001 --euid=1000 --regid=1000 --clear-groups|
real and effective group|--reuid=1000 --rgid=1001 --egid=1000 --clear-groups|
root|--ruid=0 --euid=0 --clear-groups|
root, bounding set|--ruid=0 --euid=0 --clear-groups --bounding-set=-all,+sys_admin,+chown,+setpcap|
root, inheritable set|--ruid=0 --euid=0 --clear-groups --inh-caps=-all,+chown|
root, securebits|--ruid=0 --euid=0 --clear-groups --securebits=+noroot,+noroot_locked|
dumpable||prctl=4,0
umask||umask=0o777
nice||nice=19
one processor||cpus=0
batch, reset on fork||batch
io priority||syscall=251,1,0,0x4007
io priority idle||syscall=251,1,0,0x6000
timer slack||prctl=29,123456
memory policy||syscall=238,4,0,0
personality, UNAME26||personality=0x20000
personality, SHORT_INODE and timeouts||personality=0x5000000
personality, LINUX32||personality=8
group||group
session||session
reaper||prctl=36,1
oom_score_adj||write=/proc/self/oom_score_adj,777
coredump filter||write=/proc/self/coredump_filter,0x7f
no huge pages||prctl=41,1
memory errors||prctl=33,1,1
no write and execute||prctl=65,1
timer, real||timer=0
timer, virtual||timer=1
timer, of both||timer=2
all signals ignored||ignored
all signals blocked||blocked
pending signals||pending
descriptors||fds
a place and a lock||nine
standard input closed||close=0
all closed||close=0 close=1 close=2
working directory, covered||cwd=LIBS
working directory, the wrapper's||cwd=/usr/local/lib/pinlib
working directory, gone||gone
name by a link||link=plain
name by an odd link||link=odd
argv, odd||argv=odd
argv of a megabyte||argv=long
environment||env
limits||limit=0,100,200 limit=1,9999999,99999999 limit=2,99999999,999999999 limit=4,1,1 limit=5,7,8 limit=6,500,600 limit=7,50,60
more limits||limit=8,4096,8192 limit=9,999999999,9999999999 limit=10,3,4 limit=11,5,6 limit=12,7,8 limit=13,0,0 limit=14,0,0 limit=15,99999,999999
stack||limit=3,1048576,2097152
stack of 16 MiB||limit=3,16777216,33554432
stack without a limit||limit=3,-1,-1
death||prctl=1,15
death by SIGKILL||prctl=1,9
death by a signal of real time||prctl=1,64
ADDR_NO_RANDOMIZE||personality=0x40000
ADDR_COMPAT_LAYOUT||personality=0x200000
MMAP_PAGE_ZERO||personality=0x100000
all flags of personality(2)||personality=0xf3e0000
death, personality and stack||prctl=1,15 personality=0x340000 limit=3,16777216,-1
END
# The kernel removes or changes these: the probe's output, and the man page.
cat >taken <<'END'
ambient|--inh-caps=-all,+chown --ambient-caps=+chown||CapAmb CapPrm CapEff|ambient capabilities
END
sed -i "s|LIBS|$libs|" ways

# all DIR: runs the probe in each way.
all() {
	local name options actions rest
	rm -f ahead/*
	while IFS='|' read -r name options actions rest; do
		case $options in
		*id=*) ;;
		*) options="--reuid=1000 --regid=1000 --clear-groups $options" ;;
		esac
		case $options in
		*inh-caps*) ;;
		*) options+=" --inh-caps=-all" ;;
		esac
		# shellcheck disable=SC2086
		setpriv $options env -i /usr/bin/python3 -E -s start.py $actions </dev/null >"$1/$name.said" 2>&1
		echo "exit $?" >>"$1/$name.said"
		mv -f probe.out "$1/$name" 2>/dev/null
	done < <(cat ways taken)
}
all before
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set probe libdemo1=1.0 >/dev/null ||
	not_ok "the probe is pinned" "see above"
all after
strace -qq -u nobody -o calls env PROBE_OUT=/dev/null probe
is "the probe is in a view now" "$(grep -c '^mount("pinlib:' calls)" 1

while IFS='|' read -r name options actions; do
	if [ ! -s "before/$name" ]; then
		not_ok "same: $name" "the probe did not run without pinlib either: $(cat "before/$name.said")"
	elif said=$(diff "before/$name" "after/$name" && diff "before/$name.said" "after/$name.said"); then
		ok "same: $name"
	else
		not_ok "same: $name" "$said"
	fi
	# What changes nothing is no test.
	[ "$name" = plain ] || case $name in
	*link* | argv* | kept* | dumpable) ;;
	*) ! diff "before/plain" "before/$name" >/dev/null || not_ok "different: $name" "it is as without" ;;
	esac
done <ways
while IFS='|' read -r name options actions fields page; do
	is "taken by the kernel: $name" 		"$(diff "before/$name" "after/$name" | sed -n 's/^> \(limit [0-9]*\|[a-zA-Z]*\).*/\1/p' | sort | xargs)" 		"$(tr ' ' '\n' <<<"${fields/limit 3/limit_3}" | sort | xargs | tr _ ' ')"
	is "... and pinlib-wrapper(8) documents it" "$(tr '\n' ' ' <"$src/man/pinlib-wrapper.8" | grep -o "What does not survive.*FILES")" "*$page*"
done <taken
finish
