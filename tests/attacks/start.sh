#!/bin/bash
# However the wrapper is started: the planned view or a clear refusal, and never privilege.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
wrapper=/usr/local/lib/pinlib/pinlib-wrapper stub=/usr/local/lib/pinlib/pinlib-stub

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null &&
	pinlib set demo-script libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"

# odd.py WAY [PATH]: an execve(2) as no shell makes one.
cat >odd.py <<'PY'
import ctypes, os, resource, sys
libc = ctypes.CDLL(None, use_errno=True)
way = sys.argv[1]
path = (sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/demo").encode()
def array(strings):
    return (ctypes.c_char_p * (len(strings) + 1))(*strings)
def start(path, argv, env=(b"A=b",), dirfd=-100, flags=0):
    libc.execveat(dirfd, path, None if argv is None else array(argv), None if env is None else array(env), flags)
    sys.exit("execve: " + os.strerror(ctypes.get_errno()))
def opened(flags=os.O_RDONLY):
    fd = os.open(path, flags)
    os.set_inheritable(fd, True)
    return fd
if way == "argc0":
    start(path, [])
elif way == "null":
    start(path, None, None)
elif way == "empty":
    start(path, [b""], [b""])
elif way == "many":
    start(path, [b"demo", b"/usr/bin/true"] + [b""] * 100000)
elif way == "env-large":
    start(path, [b"demo"], [b"X%d=" % i + b"x" * 100000 for i in range(19)])
elif way == "env-many":
    start(path, [b"demo"], [b"X%d" % i for i in range(70000)])
elif way == "env-odd":
    start(path, [b"demo", b"/usr/bin/env"], [b"", b"=", b"==x", b"no equals", b"LD_AUDIT", b"\xff=\x01", b"A=1", b"A=2"])
elif way == "env-huge":
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 26, -1))
    start(path, [b"demo"], [b"X%d=" % i + b"x" * 100000 for i in range(50)])
elif way == "bytes":
    start(path, [bytes(range(1, 256)), b"/usr/bin/true"])
elif way == "long":
    start(path, [b"/" + b"x" * 120000, b"/usr/bin/true"])
elif way == "long-components":
    start(path, [(b"/" + b"x" * 254) * 400])
elif way == "fexecve":
    start(b"", [b"demo"], dirfd=opened(), flags=0x1000)
elif way == "fexecve-path-descriptor":
    start(b"", [b"demo"], dirfd=opened(os.O_PATH), flags=0x1000)
elif way == "fexecve-long":
    start(b"", [b"/usr/bin/" + b"../bin/" * 17000 + b"demo"], dirfd=opened(), flags=0x1000)
elif way == "fexecve-named":
    start(b"", [a.encode() for a in sys.argv[3:]], dirfd=opened(), flags=0x1000)
elif way == "fd":
    start(b"/proc/self/fd/%d" % opened(), [b"demo"])
elif way == "dirfd":
    fd = os.open(os.path.dirname(path), os.O_PATH)
    os.set_inheritable(fd, len(sys.argv) == 2)
    start(os.path.basename(path), [b"x"], dirfd=fd)
elif way == "named":
    start(path, [a.encode() for a in sys.argv[3:]])
PY
odd() {
	as 1000 /usr/bin/python3 odd.py "$@" 2>&1 | tr '\0' '0'
	echo "${PIPESTATUS[0]}"
}
view="1.0 /usr/bin/demo?0"
none="pinlib: *: cannot tell which program was meant*?127"

for way in argc0 null empty many env-large env-many bytes long long-components dirfd; do
	is "$way" "$(odd $way)" "$view"
done
is "dirfd, which is closed by then" "$(odd dirfd /usr/bin/demo)" "$view"
is "an environment that is none" "$(odd env-odd)" "1.0 /usr/bin/demo?*=?==x?no equals?LD_AUDIT?*A=1?A=2?0"
is "five megabytes of environment" "$(odd env-huge)" "$view"
for way in fexecve fexecve-path-descriptor fexecve-long fd; do
	is "$way" "$(odd $way)" "$view"
done
is "fexecve, with another app's path as argv[0]" "$(odd fexecve-named /usr/bin/demo2 /usr/bin/demo)" "2.0 /usr/bin/demo2?0"
is "... with the wrapper's and --host" "$(odd fexecve-named /usr/bin/demo demo --host /usr/bin/id)" "1.0 /usr/bin/demo?127"
is "an app's path, and the wrapper's as argv[0]" "$(odd named /usr/bin/demo $wrapper --host /usr/bin/id)" "1.0 /usr/bin/demo?127"
is "... and a script's" "$(odd named /usr/bin/demo $wrapper x /usr/bin/demo-script)" "1.0 /usr/bin/demo?127"
is "the wrapper's path, and a script that is none" "$(odd named $wrapper $wrapper x /etc/passwd)" "$none"
is "... that is the user's" "$(echo 'print(1)' >own.py; odd named $wrapper $wrapper /usr/bin/python3 /tmp/own.py)" "$none"
is "... a program as a script" "$(odd named $wrapper $wrapper x /usr/bin/demo)" "$none"
is "... a script as a program" "$(odd named $wrapper /usr/bin/demo-script)" "$none"
is "... a script with another interpreter" "$(odd named $wrapper $wrapper /usr/bin/id /usr/bin/demo-script a)" "$none"
is "... --host without a command" "$(odd named $wrapper $wrapper --host)" "pinlib: *missing COMMAND*125"
is "... --in without a command" "$(odd named $wrapper $wrapper --in /usr/bin/demo)" "pinlib: --in: missing COMMAND*125"
is "... without a program" "$(odd named $wrapper $wrapper --in)" "$none"
for app in "" demo /usr/bin /usr/bin/true ../../etc/passwd /usr/bin/../bin/demo //usr/bin/demo /tmp/own "/$(printf 'x%.0s' {1..5000})"; do
	is "... --in ${app:0:30}, which has no plan" "$(odd named $wrapper $wrapper --in "$app" -- /usr/bin/id)" "pinlib: *125"
done
for kept in "" x 1:2:3 1:2:3:4:5: "$(printf '1%.0s' {1..5000})" ffffffffffffffffff:0:0:0:; do
	is "... --in, with malformed attributes (${kept:0:20})" \
		"$(odd named $wrapper $wrapper --in /usr/bin/demo "--kept=$kept" -- /usr/bin/id)" "pinlib: --in: malformed option --kept=?125"
done
is "... with a stack above the hard limit" \
	"$(ulimit -Hs 16000; odd named $wrapper $wrapper --in /usr/bin/demo --kept=ffffffffffffffff:0:0:0: bash -c 'ulimit -Ss')" "16000?0"
is "... with a signal that is none" "$(odd named $wrapper $wrapper --in /usr/bin/demo --kept=0:0:7fffffff:1: bash -c id)" "pinlib: *125"
is "... with bits of the personality that are not taken away" \
	"$(odd named $wrapper $wrapper --in /usr/bin/demo --kept=0:ffffffffffffffff:0:0: cat /proc/self/personality)" "00?40000?0"
is "... --in: the user's own rights" "$(odd named $wrapper $wrapper --in /usr/bin/demo /usr/bin/grep CapPrm /proc/self/status)" \
	"CapPrm:?0000000000000000?0"
is "... --host, in no view: the user's own rights" "$(odd named $wrapper $wrapper --host /usr/bin/grep CapPrm /proc/self/status)" \
	"CapPrm:?0000000000000000?0"

# Links.
ln -s /usr/bin/demo own && ln -s own chain && ln -s /usr/bin/demo demo2 && ln -s loop loop && ln -s $wrapper direct
mkdir bin && ln -s ../../usr/bin/demo bin/relative && ln -s /usr/bin bin/dir
is "a user's link" "$(as 1000 ./own)" "1.0 /usr/bin/demo"
is "... to a link" "$(as 1000 ./chain)" "1.0 /usr/bin/demo"
is "... that has another app's name" "$(as 1000 ./demo2)" "1.0 /usr/bin/demo"
is "... relative, through a directory that is one" "$(as 1000 bin/relative; as 1000 bin/dir/demo2)" "1.0 /usr/bin/demo?2.0 /usr/bin/demo2"
is "... to the wrapper itself: the user's own rights" "$(odd named /tmp/direct direct --host /usr/bin/grep CapPrm /proc/self/status)" \
	"CapPrm:?0000000000000000?0"
is "... that leads in a circle, as argv[0]" "$(odd fexecve-named /usr/bin/demo /tmp/loop)" "$view"
cat >swap.py <<'PY'
import os, subprocess, sys, threading
# A link that leads now to one app, now to another, while it is started: one of the two, whole.
stop, seen = False, set()
def swap():
    i = 0
    while not stop:
        os.symlink(("/usr/bin/demo", "/usr/bin/demo2", "/etc/passwd")[i % 3], "swapped.new")
        os.rename("swapped.new", "swapped")
        i += 1
os.symlink("/usr/bin/demo", "swapped")
thread = threading.Thread(target=swap)
thread.start()
for i in range(300):
    seen.add(subprocess.run(["/bin/sh", "-c", "./swapped 2>/dev/null"], capture_output=True, text=True).stdout.strip())
stop = True
thread.join()
print(*sorted(seen - {""}), sep="|")
PY
is "... that changes while it is followed" "$(as 1000 /usr/bin/python3 swap.py)" "1.0 /usr/bin/demo|2.0 /usr/bin/demo2"
mkdir /usr/local/hard && ln $wrapper /usr/local/hard/demo && ln $wrapper /usr/local/hard/pinlib-wrapper
is "a hard link of root's" "$(odd named /usr/local/hard/demo demo)" "$none"
is "... with an app's path as argv[0]" "$(odd named /usr/local/hard/demo /usr/bin/demo)" "$none"
is "... with a stub's arguments" "$(odd named /usr/local/hard/demo x --start refuse:/usr/bin/demo - x demo)" "$view"
is "... with the wrapper's name: the user's own rights" \
	"$(odd named /usr/local/hard/pinlib-wrapper pinlib-wrapper --host /usr/bin/grep CapPrm /proc/self/status)" "CapPrm:?0000000000000000?0"
refuses "... has no privilege in a view" 126 "CAP_SYS_ADMIN is unavailable" \
	as 1000 demo2 /usr/local/hard/demo --start refuse:/usr/bin/demo - x demo
rm -r /usr/local/hard
refuses "a user cannot copy the capability" 126 "CAP_SYS_ADMIN is unavailable" \
	as 1000 bash -c "cp $wrapper copy && exec ./copy --start refuse:/usr/bin/demo - x demo"

# A stub's arguments, forged: they start apps that the user may start anyway, and nothing else.
malformed="pinlib: pinlib-wrapper: malformed argument of a stub?125"
forged_start() {
	odd named $wrapper pinlib-wrapper --start "$@"
}
is "a stub's arguments" "$(forged_start refuse:/usr/bin/demo - x demo)" "$view"
for word in "" : / refuse refuse: refuse:demo refuse:% refuse:/% refuse:/%4 refuse:/%zz refuse:/%00 pinned:/usr/bin/demo \
	" refuse:/usr/bin/demo" REFUSE:/usr/bin/demo "refuse:/$(printf 'x%.0s' {1..5000})"; do
	is "a word that is none: ${word:0:30}" "$(forged_start "$word" - x demo)" "$malformed"
done
for word in refuse:/ refuse:/usr/bin/./demo refuse://usr/bin/demo refuse:/../usr/bin/demo \
	refuse:/tmp/own refuse:/etc/shadow "refuse:/usr/bin/demo%0A" "refuse:/usr/bin/demo%FF%1B[31m"; do
	is "a word of no app: $word" "$(forged_start "$word" - x demo)" "pinlib: *12[567]"
done
for program in /usr/bin/grep /usr/bin/.pinlib/demo; do # as after an unset: started from its path, without pins
	is "a word of a program without pins: the user's rights" "$(forged_start refuse:$program - x $program CapPrm /proc/self/status)" \
		"@(CapPrm:?0000000000000000?0|3.0 /usr/bin/.pinlib/demo?127)"
done
mkdir -p mine/.pinlib && printf '#!/bin/sh\necho mine; grep CapPrm /proc/self/status\n' >mine/.pinlib/tool && chmod 755 mine/.pinlib/tool
is "a word of the user's: nothing is pinned, and the user's rights" "$(forged_start unpinned:/tmp/mine/tool - x tool)" \
	"pinlib: /tmp/mine/tool: starting without its pins: *mine?CapPrm:?0000000000000000?0"
is "a word that says unpinned, of an app with a plan" "$(forged_start unpinned:/usr/bin/demo - x demo)" "$view"
is "... where the policy refuses" "$(as 1000 setpriv --no-new-privs $wrapper --start unpinned:/usr/bin/demo - x demo 2>&1)" \
	"pinlib: /usr/bin/demo: cannot build its view: *"
is "a name that is none" "$(forged_start refuse:/usr/bin/demo - "" demo; forged_start refuse:/usr/bin/demo - /etc/shadow demo)" "$view?$view"
is "... of another app" "$(forged_start refuse:/usr/bin/demo - /usr/bin/demo2 demo)" "$view"
is "too few arguments" "$(forged_start refuse:/usr/bin/demo -; forged_start refuse:/usr/bin/demo; forged_start)" "$none?$none?$none"
is "no argument of the app's" "$(forged_start refuse:/usr/bin/demo - x)" "$view"
for kept in "" 0 0: 0:0:0:0 0:0:0:0:0: x:0:0:0: -1:0:0:0: 0:0:0:0:x 11111111111111111:0:0:0: " 0:0:0:0:" 0:0:0:0:- --; do
	is "attributes that are none: $kept" "$(forged_start refuse:/usr/bin/demo "$kept" x demo)" "$malformed"
done
f=ffffffffffffffff
for kept in 0:0:0:0: $f:0:0:0: 0:$f:0:0: 0:0:0:$f: 1:0:0:0: 1000:0:0:0: $f:$f:0:$f:; do
	is "attributes $kept" "$(forged_start refuse:/usr/bin/demo $kept x demo /usr/bin/true)" "@(1.0 /usr/bin/demo?0|*?139)" # with so little stack the program itself dies
done
is "attributes: only the flags that the kernel takes" \
	"$(forged_start refuse:/usr/bin/demo 0:$f:0:0: x demo /usr/bin/grep -i . /proc/self/personality)" "1.0 /usr/bin/demo?00[37]40000?0"
is "attributes: not over the hard limit" "$(as 1000 prlimit --stack=9000000:9000000 $wrapper --start refuse:/usr/bin/demo $f:0:0:0: x demo bash -c 'ulimit -Ss' 2>&1)" \
	"1.0 /usr/bin/demo?8789"
for signal in 41 100 $f 80000000 ffffffff; do
	is "attributes: signal $signal" "$(forged_start refuse:/usr/bin/demo 0:0:$signal:1: x demo)" "pinlib: /usr/bin/demo: cannot restore the signal*?125"
done
is "the interpreter of scripts: $(basename "$stub")" "$(odd named $stub x; odd named $stub x refuse:/usr/bin/demo x; odd named $stub /x)" \
	"pinlib: */pinlib-stub: only the first line*?127?pinlib: */pinlib-stub: only the first line*?127?*127"
is "... with an app's word" "$(odd named $stub /x "refuse:/usr/bin/demo y" z)" "$view"
is "... with --host for an app's word" "$(odd named $stub /x --host /usr/bin/id)" "$malformed"
is "... with words of the user's" "$(odd named $stub /x "$(printf 'u%.0s' {1..100000})" z)/$(odd named $stub /x unpinned:/%2e%2e/x z)" "$malformed/pinlib: *12[567]"
cat >dice.py <<'PY'
import os, random, subprocess, sys
random.seed(int(sys.argv[2]))
alphabet = [b"refuse:", b"unpinned:", b"/usr/bin/demo", b"%", b"2F", b":", b"f", b"0", b"-", b" ", b"\xff", b"/", b"x" * 300]
bad = set()
for i in range(300):
    make = lambda: b"".join(random.choices(alphabet, k=random.randint(0, 6)))
    args = [b"x", b"--start"] + [make() for n in range(random.randint(0, 5))]
    done = subprocess.run(args, executable=sys.argv[1], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode < 0 or done.returncode not in (0, 125, 126, 127) or b"\xff" in done.stderr:
        bad.add((tuple(args), done.returncode))
print(bad or "none")
PY
is "three hundred random ones: none is more than a refusal" "$(as 1000 /usr/bin/python3 dice.py $wrapper ${SEED:-1})" none

# Scripts and the loader.
printf '#!/usr/bin/demo /usr/bin/echo\n' >one && printf '#!/tmp/one\n' >two && printf '#!%s x\n' $stub >three &&
	printf '#!/usr/bin/demo-script\n' >four && chmod 755 one two three four
is "a script whose interpreter is an app" "$(as 1000 ./one)" "1.0 /usr/bin/demo?./one"
is "... of a script" "$(as 1000 ./two)" "1.0 /usr/bin/demo?/tmp/one ./two"
refuses "... is the stub of scripts" 125 "malformed argument of a stub" as 1000 ./three
is "... is a wrapped script" "$(as 1000 ./four)" "1.0 ./four"
loader=$(readelf -p .interp /bin/true | grep -o '/.*')
refuses "the loader, and the wrapper" 127 "cannot tell which program" as 1000 "$loader" $wrapper
# A program without PT_INTERP the loader hands on to execve(2): since glibc 2.35.
is "... and an app" "$(as 1000 "$loader" /usr/bin/demo)" "1.0 /usr/bin/demo"
printf '#include <unistd.h>\n__attribute__((constructor)) static void at(void) { _exit(write(1, "mine\\n", 5) != 5); }' |
	gcc -shared -fPIC -o preload.so -x c -
is "... with the user's library" "$(as 1000 "$loader" --preload ./preload.so /usr/bin/demo)" "1.0 /usr/bin/demo"
is "... which others do load" "$(as 1000 "$loader" --preload ./preload.so /usr/bin/true)" mine

# /proc. The mount table is read where the process may be in a view (/ is nosuid), or where something is mounted
# below a covered directory.
own() {
	unshare --mount bash -c '. /mnt/src/tests/lib.sh; '"$1" 2>&1 | tail -n 1
}
noproc='while umount -l /proc; do :; done 2>/dev/null'
nosuid='mount -o remount,bind,nosuid /'
is "an empty /proc" "$(own 'mount -t tmpfs none /proc; as 1000 demo -0')" demo
is "... where the mount table is needed" "$(own "$nosuid; mount -t tmpfs none /proc; as 1000 demo")" \
	"*cannot build its view: cannot read /proc/self/mountinfo*"
is "no /proc" "$(own "$noproc; as 1000 demo -0")" demo
is "... where the mount table is needed" "$(own "$nosuid; $noproc; as 1000 demo")" \
	"*cannot build its view: cannot read /proc/self/mountinfo*"
mkdir "$libs/below"
is "... and is needed late" "$(own "mount -t tmpfs none $libs/below; $noproc; as 1000 demo")" "*cannot read /proc/self/mountinfo*"
rmdir "$libs/below"
is "a /proc that hides others" "$(own 'mount -t proc -o hidepid=2 proc /proc; as 1000 demo')" "1.0 /usr/bin/demo"
is "... in a nested view" "$(own 'mount -t proc -o hidepid=2 proc /proc; as 1000 demo demo2')" "2.0 /usr/bin/demo2"
# forged TEXT: a mount table that is none, as only root could make it.
forged() {
	forged=$1 own "$nosuid;"'mount -t tmpfs none /proc; mkdir /proc/self; printf "$forged" >/proc/self/mountinfo; as 1000 demo -0'
}
is "a mount table that ends in the middle of a line" "$(forged '1 1 0:1 / / rw - tmpfs')" "*ends in the middle of a line*"
is "... whose line is malformed" "$(forged '1 1 0:1 / / rw\n')" "*cannot parse a line*"
is "... with a line that is too long" "$(forged "$(printf '%070000d' 1)\n")" "*line of the mount table is too long*"
is "... that names a missing path" "$(forged '1 1 0:1 / /not/there rw - overlay pinlib:x rw\n')" demo
is "no /proc, and --host" "$(own "$noproc; as 1000 $wrapper --host /usr/bin/id")" "*cannot read /proc/self/mountinfo*"
finish
