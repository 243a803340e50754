#!/bin/bash
# At its path a program is itself: what other tools do to a stub, and ask of it, concerns this one program, and
# `pinlib doctor --repair` repairs the stub. The tools are Debian's.
set -uo pipefail
. tests/lib.sh
cd /tmp && chmod 1777 . || exit 1
plain=/usr/bin/.pinlib/demo wrapper=/usr/local/lib/pinlib/pinlib-wrapper
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null || not_ok setup "cannot add"

# A daemon of the world's library: writes its version and waits.
for name in alphad betad; do
	gcc -Wall -o /usr/sbin/$name -x c - -x none "$libs/libdemo.so.1" <<'END' || exit 1
#include <stdio.h>
#include <unistd.h>
const char *demo_version(void);
int main(int argc, char **argv)
{
	FILE *out = fopen(argc > 1 ? argv[1] : "/dev/null", "w");

	if (!out || fprintf(out, "%s %d\n", demo_version(), getpid()) < 0 || fclose(out) != 0)
		return 1;
	for (;;)
		pause();
}
END
done
pinlib set alphad libdemo1=1.0 >/dev/null && pinlib set betad libdemo1=2.0 >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null &&
	pinlib set demo2 libdemo1=2.0 >/dev/null && pinlib set demo-script libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"

# until_is WANTED COMMAND...: waits until the command prints this, up to five seconds.
until_is() {
	local wanted=$1 i
	shift
	for ((i = 0; i < 100; i++)); do
		[ "$("$@" 2>/dev/null)" != "$wanted" ] || return 0
		sleep 0.05
	done
	return 1
}

# -- start-stop-daemon, pidof --

daemon() {
	start-stop-daemon --start --quiet --background --chuid 1000 --exec /usr/sbin/"$1" -- "/tmp/$1.out"
}
runs "start-stop-daemon starts alphad" daemon alphad
runs "... and betad beside it" daemon betad
until_is 2 bash -c 'cat alphad.out betad.out | wc -l'
is "... each in its view" "$(cut -d ' ' -f 1 alphad.out betad.out | xargs)" "1.0 2.0"
read -r _ alpha <alphad.out
read -r _ beta <betad.out
refuses "a second alphad is already running" 1 "already running" start-stop-daemon --start --test --exec /usr/sbin/alphad
is "pidof tells them apart" "$(pidof /usr/sbin/alphad)/$(pidof /usr/sbin/betad)/$(pidof alphad)" "$alpha/$beta/$alpha"
runs "start-stop-daemon --status: alphad" start-stop-daemon --status --exec /usr/sbin/alphad
runs "start-stop-daemon --stop: alphad" start-stop-daemon --stop --quiet --retry 5 --exec /usr/sbin/alphad
until_is "" pidof /usr/sbin/alphad # until it is reaped
is "... and betad goes on" "$(pidof alphad)/$(pidof betad)" "/$beta"
runs "start-stop-daemon --stop: betad" start-stop-daemon --stop --quiet --retry 5 --exec /usr/sbin/betad

# -- what is done to one path --

all_well() {
	is "$1: demo, demo2 and the script go on" "$(as 1000 demo 2>&1; as 1000 demo2 2>&1; as 1000 demo-script 2>&1)" \
		"1.0 /usr/bin/demo?2.0 /usr/bin/demo2?1.0"
	is "... and the wrapper has its capability" "$(getcap $wrapper)" "$wrapper cap_sys_admin=p"
}
# repaired NAME FAULT: doctor names the fault of /usr/bin/demo alone, and --repair leaves nothing to say.
repaired() {
	is "$1: doctor names it" "$(verify)" "$2"
	verify --repair >/dev/null 2>&1
	is "... and --repair restores it" "$(verify)" "all is well"
	all_well "... then"
}
edited="/usr/bin/demo was edited after it was wrapped*1 finding"
stub_before=$(what /usr/bin/demo)
runs "dpkg-statoverride --update, with the mode that the file has" dpkg-statoverride --update --add root root 0755 /usr/bin/demo
all_well "... then"
is "... and nothing is to be repaired" "$(verify)" "all is well"
dpkg-statoverride --remove /usr/bin/demo
runs "chown root:root" chown root:root /usr/bin/demo
all_well "... then"
is "... and nothing is to be repaired" "$(verify)" "all is well"
strip /usr/bin/demo >said 2>&1
is "strip refuses the stub" "$?/$(cat said)" "1/*"
all_well "... then"
for tool in "strip --strip-all" "objcopy --strip-debug" "patchelf --set-rpath /x"; do
	command -v "${tool%% *}" >/dev/null || continue
	$tool /usr/bin/demo >/dev/null 2>&1
	all_well "${tool%% *}"
done
is "... and its bytes are as before" "$(what /usr/bin/demo | cut -d ' ' -f 9-)" "$(cut -d ' ' -f 9- <<<"$stub_before")"
verify --repair >/dev/null 2>&1

setcap cap_net_raw,cap_dac_override=ep "$(readlink -f /usr/bin/demo)"
all_well "setcap of the resolved path"
is "... the program gets no capability" "$(as 1000 demo grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status | tail -n +2 | tr -d '\n\t')" \
	"CapPrm:0000000000000000CapEff:0000000000000000CapAmb:0000000000000000"
repaired "setcap" "$edited"
is "... the stub has none any more" "$(getcap /usr/bin/demo)" ""
for mode in 4755 2755 6755; do
	chmod $mode /usr/bin/demo
	refuses "chmod $mode: a user's start is refused" 125 "/usr/bin/demo: its file is setuid or setgid" as 1000 demo
	is "... root's is not" "$(demo)" "1.0 /usr/bin/demo"
	is "... nor is another program's" "$(as 1000 demo2)" "2.0 /usr/bin/demo2"
	repaired "chmod $mode" "$edited"
	is "... the mode" "$(stat -c %a /usr/bin/demo $plain | xargs)" "755 755"
done
chmod u+s /usr/local/lib/pinlib/pinlib-stub
refuses "chmod u+s of the scripts' interpreter" 125 "setuid or setgid" as 1000 demo-script
chmod u-s /usr/local/lib/pinlib/pinlib-stub
chmod 711 /usr/bin/demo
is "chmod 711: users can still start it" "$(as 1000 demo)" "1.0 /usr/bin/demo"
repaired "chmod 711" "$edited"
is "... the program has that mode now" "$(stat -c %a /usr/bin/demo $plain | xargs)" "711 711"
chmod 755 /usr/bin/demo && verify --repair >/dev/null 2>&1

# -- damage --

cp -p $plain original.kept
# damage NAME COMMAND...: doctor restores the stub, and the original stays.
damage() {
	local name=$1
	shift
	"$@" >/dev/null 2>&1
	is "damaged: $name: doctor names it" "$(verify)" "*/usr/bin/demo*1 finding"
	verify --repair >/dev/null 2>&1
	is "... --repair restores it" "$(verify)/$(as 1000 demo 2>&1)/$(cmp $plain original.kept && echo same)" "all is well/1.0 /usr/bin/demo/same"
}
flip() {
	/usr/bin/python3 -c 'import sys
with open("/usr/bin/demo", "r+b") as f:
    for at in map(int, sys.argv[1:]):
        f.seek(at); byte = f.read(1)[0]; f.seek(at); f.write(bytes([byte ^ 0x55]))' "$@"
}
empty() {
	truncate -s 0 /usr/bin/demo
}
for size in 3 100 300 4095; do
	damage "$size bytes" truncate -s $size /usr/bin/demo
done
damage "full of NULs" dd if=/dev/zero of=/usr/bin/demo bs=4096 count=1 conv=notrunc
for at in 0 24 64 256 264 290 1000; do
	damage "byte $at flipped" flip $at
done
damage removed rm /usr/bin/demo
for damage in empty "truncate -s 100 /usr/bin/demo" "flip 290" "flip 0" "cp -p /usr/bin/demo2 /usr/bin/demo"; do
	$damage
	is "$damage: refresh takes it for no program" \
		"$(pinlib refresh >/dev/null 2>&1; as 1000 demo 2>&1)/$(cmp $plain original.kept && echo same)/$(verify)" "1.0 /usr/bin/demo/same/all is well"
done
truncate -s 0 /usr/bin/demo && pinlib unset demo >/dev/null
is "unset of a damaged stub brings the program back" "$(cmp /usr/bin/demo original.kept && demo)" "3.0 /usr/bin/demo"
pinlib set demo libdemo1=1.0 >/dev/null

# -- backups --

tar -C / -cf stub.tar usr/bin/demo usr/bin/demo-script && cp -a /usr/bin/demo stub.cp && tar -C / -xf stub.tar
all_well "tar, and its restoration"
is "... nothing is to be repaired" "$(verify)" "all is well"
cp -a stub.cp /usr/bin/demo
is "cp -a, and its restoration" "$(verify)" "all is well"
cp stub.cp /usr/bin/demo
all_well "cp without attributes"
verify --repair >/dev/null 2>&1
is "... and --repair" "$(verify)" "all is well"
for how in "cp" "cp -a" "install" "mv"; do
	cp -p original.kept restored
	$how restored /usr/bin/demo
	is "$how of the original over its stub: refresh takes it as the new program" \
		"$(pinlib refresh >/dev/null 2>&1; as 1000 demo 2>&1)/$(verify)/$(cmp $plain original.kept && echo same)" "1.0 /usr/bin/demo/all is well/same"
done

# -- a path that is resolved --

mkdir -p /usr/lib/jvm/old/bin /usr/lib/jvm/old/lib && cp -p $plain /usr/lib/jvm/old/bin/java &&
	ln -s /usr/lib/jvm/old/bin/java /etc/alternatives/java.demo && ln -s /etc/alternatives/java.demo /usr/bin/java.demo
runs "a program behind two links is pinned" pinlib set /usr/lib/jvm/old/bin/java libdemo1=1.0
JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$(which java.demo)")")")
is "JAVA_HOME by readlink -f" "$JAVA_HOME" /usr/lib/jvm/old
is "... its program runs pinned" "$(as 1000 "$JAVA_HOME/bin/java")" "1.0 /usr/lib/jvm/old/bin/java"
is "... and by the links" "$(as 1000 java.demo)" "1.0 /usr/lib/jvm/old/bin/java"
pinlib unset /usr/lib/jvm/old/bin/java >/dev/null

# -- every way to the file: the right app, in its view --

cat >ways.py <<'END'
import os, sys
way, path, *argv = sys.argv[1:]
name = os.path.basename(path)
def opened(flags=os.O_RDONLY):
    fd = os.open(path, flags)
    os.set_inheritable(fd, True)
    return fd
file = {"path": lambda: path, "fexecve": opened, "O_PATH": lambda: opened(os.O_PATH),
    "close-on-exec": lambda: os.open(path, os.O_RDONLY), "proc": lambda: "/proc/self/fd/%d" % opened(),
    "hard": lambda: "/usr/local/links/" + name, "link": lambda: "/tmp/link-" + name}[way]()
os.execve(file, argv, {"PATH": "/usr/bin"})
END
mkdir /usr/local/links && ln /usr/bin/demo /usr/bin/demo2 /usr/bin/demo-script /usr/local/links/
ln -s /usr/bin/demo link-demo && ln -s /usr/bin/demo2 link-demo2 && ln -s /usr/bin/demo-script link-demo-script
started() {
	as 1000 /usr/bin/python3 ways.py "$@" 2>&1
}
for way in path fexecve O_PATH close-on-exec proc hard link; do
	is "$way" "$(started $way /usr/bin/demo demo; started $way /usr/bin/demo2 x)" "1.0 /usr/bin/demo?2.0 /usr/bin/demo2"
	# The kernel itself can give no interpreter the name of a script whose descriptor is closed by then.
	[ $way = close-on-exec ] || is "... a script" "$(started $way /usr/bin/demo-script x a)" "1.0 a"
done
for name in anything /usr/bin/demo2 --start --host $'\n\x01\xff' $wrapper; do
	is "argument 0 '$(printf %q "$name")'" "$(started path /usr/bin/demo "$name"; started fexecve /usr/bin/demo "$name" -0)" \
		"1.0 /usr/bin/demo?$name"
done
is "argument 0 is empty" "$(as 1000 bash -c 'exec -a "" demo' 2>&1; as 1000 bash -c 'exec -a "" demo -0')" "1.0 /usr/bin/demo"
rm -r /usr/local/links

# -- what the exec of a file with a capability would take: an ELF program and a script --

gcc -Wall -o /usr/bin/kept -x c - -x none "$libs/libdemo.so.1" <<'END'
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
const char *demo_version(void);
int main(void)
{
	struct rlimit limit;
	int signal = 0;

	getrlimit(RLIMIT_STACK, &limit);
	prctl(PR_GET_PDEATHSIG, &signal);
	printf("%s %llx %llx %x %d\n", demo_version(), (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max,
	       personality(0xffffffff), signal);
}
END
cat >/usr/bin/kept-script <<'END'
#!/usr/bin/python3 -s
import ctypes, resource
libc, demo, signal = ctypes.CDLL(None), ctypes.CDLL("libdemo.so.1"), ctypes.c_int()
demo.demo_version.restype = ctypes.c_char_p
libc.prctl(2, ctypes.byref(signal))
print(demo.demo_version().decode(), *("%x" % (n & (1 << 64) - 1) for n in resource.getrlimit(resource.RLIMIT_STACK)),
      "%x" % libc.personality(0xffffffff), signal.value)
END
chmod 755 /usr/bin/kept-script && cp -p /usr/bin/kept kept.plain && cp -p /usr/bin/kept-script kept-script.plain
pinlib set kept libdemo1=1.0 >/dev/null && pinlib set kept-script libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"
# preserved NAME COMMAND...: it starts the program with the attributes.
preserved() {
	local name=$1 program with without
	shift
	for program in kept kept-script; do
		with=$(as 1000 "$@" /usr/bin/$program 2>&1) without=$(as 1000 "$@" /tmp/$program.plain 2>&1)
		is "$name: $program" "$with" "${without/#3.0/1.0}"
	done
}
preserved "no attribute" env
for limit in unlimited:unlimited 104857600:unlimited 8388609:unlimited 8388608:unlimited 1048576:1048576 67108864:67108864 \
	9223372036854775807:unlimited; do
	preserved "stack $limit" prlimit --stack=$limit
done
is "ulimit -s unlimited" "$(as 1000 bash -c 'ulimit -s unlimited && exec kept')" "1.0 ffffffffffffffff *"
for flags in --addr-no-randomize --addr-compat-layout --mmap-page-zero "--addr-no-randomize --addr-compat-layout --uname-2.6" \
	"--3gb --short-inode --sticky-timeouts --whole-seconds"; do
	# shellcheck disable=SC2086
	preserved "setarch $flags" setarch "$(uname -m)" $flags
done
for signal in TERM KILL 64; do
	preserved "the parent's death: $signal" setpriv --pdeathsig $signal
done
preserved "all of them" prlimit --stack=unlimited setarch "$(uname -m)" -R setpriv --pdeathsig TERM

# The parent dies while the program is started, and later: the signal comes.
cat >death.py <<'END'
import ctypes, os, signal, sys, time
libc, left = ctypes.CDLL(None), 0
null = os.open("/dev/null", os.O_RDWR)
for i in range(int(sys.argv[2])):
    ends, begins = os.pipe()
    parent = os.fork()
    if parent == 0:
        child = os.fork()
        if child == 0:
            os.dup2(null, 1), os.dup2(null, 2)
            os.set_inheritable(begins, True)  # open in the program, too: it ends with it
            libc.prctl(1, signal.SIGTERM)
            os.write(begins, b"%d" % os.getpid())
            os.execv(sys.argv[1], [sys.argv[1], "/dev/null"])
        number = os.read(ends, 20)
        os.write(begins, number)
        time.sleep(i * i * 0.000005)
        os._exit(0)
    os.close(begins)
    os.waitpid(parent, 0)
    number = int(os.read(ends, 20))
    os.set_blocking(ends, False)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            if os.read(ends, 1) == b"":
                break
        except BlockingIOError:
            time.sleep(0.001)
    else:
        left += 1
        os.kill(number, signal.SIGKILL)
    os.close(ends)
print(left, "left")
END
is "parents that die early and late: a program without pins" "$(as 1000 timeout 60 /usr/bin/python3 death.py /usr/sbin/.pinlib/alphad 20 2>&1)" "0 left"
is "... with pins" "$(as 1000 timeout 120 /usr/bin/python3 death.py /usr/sbin/alphad 60 2>&1)" "0 left"
is "the parent is another by then" "$(as 1000 $wrapper --start refuse:/usr/bin/demo 0:0:f:1: demo demo; echo $?)" 143

# -- arguments that fill the kernel's limit --

cat >fill.py <<'END'
import os, resource, sys
program, soft, hard, low, high = sys.argv[1], *map(int, sys.argv[2:])
resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
def starts(size):
    args, full = ["demo"], b"x" * 100000
    args += [full] * (size // 100001)
    rest = size % 100001
    if rest:
        args.append(b"x" * (rest - 1))
    child = os.fork()
    if child == 0:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.dup2(1, 2)
        try:
            os.execve(program, args, {})
        except OSError:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
while high - low > 1:
    middle = (low + high) // 2
    low, high = (middle, high) if starts(middle) else (low, middle)
print(low)
END
# A program that ignores its arguments, at two paths of one length.
printf 'const char *demo_version(void);\nint main(void) { return !demo_version(); }\n' | gcc -o /usr/local/bin/ignores -x c - -x none "$libs/libdemo.so.1"
cp -p /usr/local/bin/ignores /usr/local/bin/ignored
pinlib set ignores libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"
# lost SOFT HARD: how many bytes of arguments are not to be had with pins. Fewer than 1000, or it prints 1000.
lost() {
	local most
	most=$(as 1000 /usr/bin/python3 fill.py /usr/local/bin/ignored "$1" "$2" 0 8000000)
	echo $((most - $(as 1000 /usr/bin/python3 fill.py /usr/local/bin/ignores "$1" "$2" $((most - 1000)) $((most + 1)))))
}
for soft in 8388608 1048576 262144; do
	is "a soft limit of the stack of $soft: no arguments are lost" "$(lost $soft -1)" 0
done
is "soft and hard limit are the same: less than 300 bytes are lost" "$(lost 8388608 8388608)" "@(?|??|[12]??)"
is "no limit, where the kernel takes 6 MiB" "$(lost -1 -1)" "@(?|??|[12]??)"

# -- the wrapper, the plan or /var is not there --

# An ELF program and a script that refuse, and two that start without their pins.
pinlib set --on-failure=unpinned demo2 >/dev/null && pinlib set --on-failure=unpinned demo-env libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"
# follows NAME COMMAND...: each does what its stub says.
follows() {
	local name=$1 program
	shift
	for program in demo demo-script; do
		refuses "$name: $program refuses" 126 "pinlib: /usr/bin/$program: cannot " "$@" /usr/bin/$program
	done
	for program in demo2 demo-env; do
		is "... $program starts without its pins" "$("$@" /usr/bin/$program 2>&1)" "pinlib: /usr/bin/$program: starting without its pins: *3.0*"
	done
}
# hidden NAME HIDE SHOW: while something is hidden from the wrapper.
hidden() {
	eval "$2"
	follows "$1" as 1000 env
	eval "$3"
}
hidden "the wrapper is gone" "mv $wrapper /tmp/hidden" "mv /tmp/hidden $wrapper"
hidden "the wrapper cannot be executed" "chmod 0644 $wrapper" "chmod 0755 $wrapper"
hidden "/var is not mounted" "mount -t tmpfs -o mode=755 none /var/lib/pinlib" "umount /var/lib/pinlib"
hidden "the plans are closed" "chmod 0700 /var/lib/pinlib" "chmod 0755 /var/lib/pinlib"
cp $wrapper kept.wrapper && cp /bin/false $wrapper
is "a foreign program in its place" "$(as 1000 demo; echo $?)" 1
cp kept.wrapper $wrapper && setcap cap_sys_admin=p $wrapper
# Filters that refuse what the wrapper needs; man-db's answers O_PATH with ENOSYS, and sets no_new_privs.
follows "a filter without O_PATH" "$fixtures/faking" openat:2=0x2b8000=ENOSYS --
follows "a filter that refuses O_PATH" "$fixtures/faking" openat:2=0x2b8000=EPERM --
if as 1000 man -P cat true 2>/dev/null | grep -q NAME; then
	pinlib set --on-failure=unpinned preconv libdemo1=1.0 >/dev/null 2>&1 || not_ok "preconv is pinned" no
	is "man, with its preconv pinned" "$(as 1000 man -P cat true 2>said | grep -c NAME; grep -c 'preconv: starting without its pins' said)" "1?1"
	pinlib set --on-failure=refuse preconv >/dev/null
	is "... which may not start without its pins" "$(as 1000 man -P cat true 2>&1)" "*pinlib: /usr/bin/preconv: cannot build its view: *"
	pinlib unset preconv >/dev/null
else
	skip "man, with its preconv pinned" "man prints no page here"
fi

# -- tools that are to be had from Debian's archive only --

# installed PACKAGE...: installs packages in the bed, or fails with the reason in $suite_why.
installed() {
	suite_conf "$codename" || return 1
	unset APT_CONFIG
	local dir
	dir=/var/cache/suites/$codename-$(dpkg --print-architecture)
	suite_why=$(apt-get -q -y -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/none -o Dir::State::lists="$dir/lists" \
		--no-install-recommends install "$@" 2>&1) || {
		suite_why="apt-get install $*: $(tail -n 1 <<<"$suite_why")"
		return 1
	}
}
with_ccache() {
	local cc real
	cc=$(readlink -f "$(command -v gcc)") real=${cc%/*}/.pinlib/${cc##*/}
	export CCACHE_DIR=/tmp/ccache CCACHE_COMPILERTYPE=gcc HOME=/tmp
	echo 'int one(void) { return 1; }' >one.c
	hits() {
		ccache -z >/dev/null && ccache "$cc" -c one.c -o one.o 2>&1 && ccache --print-stats | sed -n 's/^direct_cache_hit\t//p'
	}
	pinlib set "$cc" libdemo1=1.0 >/dev/null || not_ok setup "cannot pin a compiler"
	is "ccache, a pinned compiler: first a miss, then a hit" "$(hits; hits)" "0?1"
	pinlib set "$cc" libdemo1=1.0 >/dev/null
	is "... a set that changes nothing: a hit" "$(hits)" 1
	pinlib set "$cc" libdemo1=2.0 >/dev/null
	is "... its pins change: a miss, then a hit" "$(hits; hits)" "0?1"
	touch -d '2001-01-01 00:00:00' "$real" && pinlib refresh >/dev/null
	is "... the compiler is upgraded: a miss, then a hit" "$(hits; hits)" "0?1"
	is "... and the stub has the new one's time" "$(stat -c %y "$cc")" "2001-01-01 00:00:00.*"
	pinlib unset "$cc" >/dev/null
}
with_rsync() {
	mkdir -p /tmp/copy && rsync -aAX /usr/bin/demo /usr/bin/demo-script /tmp/copy/ && rsync -aAX /tmp/copy/ /usr/bin/
	is "rsync, and its restoration" "$(verify)" "all is well"
	rsync -aAX --ignore-times /tmp/copy/ /usr/bin/
	all_well "rsync of all bytes"
	is "... nothing is to be repaired" "$(verify)" "all is well"
}
with_bwrap() {
	local bwrap="as 1000 bwrap --dev-bind / /"
	if ! why=$($bwrap true 2>&1); then
		skip "bwrap masks one program" "bwrap does not run here: $why"
		return
	fi
	is "bwrap masks one program" "$($bwrap --ro-bind /dev/null /usr/bin/demo /usr/bin/sh -c 'demo; cat /usr/bin/demo; demo2' 2>&1)" \
		"*demo: Permission denied*pinlib: /usr/bin/demo2: starting without its pins: *3.0*"
}
for tool in ccache rsync bubblewrap; do
	if command -v ${tool/bubblewrap/bwrap} >/dev/null || installed $tool; then
		with_${tool/bubblewrap/bwrap}
	else
		skip "$tool" "$suite_why"
	fi
done

# -- sudo, with a digest --

digest() {
	sha256sum "$1" | cut -d ' ' -f 1
}
is "the digests of two programs differ" "$([ "$(digest /usr/bin/demo)" != "$(digest /usr/bin/demo2)" ] && echo so)" so
before=$(digest /usr/bin/demo)$(digest /usr/bin/demo-script)
pinlib set demo libdemo1=2.0 >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null && install_pinlib
is "a digest stays when pins change, and when pinlib is installed again" "$(digest /usr/bin/demo)$(digest /usr/bin/demo-script)" "$before"
echo 'caller:x:1000:1000::/tmp:/bin/sh' | cat - /etc/passwd >passwd && cp passwd /etc/passwd
echo 'caller:!:19000::::::' >>/etc/shadow
rule="caller ALL=(root) NOPASSWD: sha256:$(digest /usr/bin/demo) /usr/bin/demo, sha256:$(digest /usr/bin/demo-script) /usr/bin/demo-script"
if [ -n "$(command -v sudo)" ] && echo "caller ALL=(root) NOPASSWD: /usr/bin/true" >/etc/sudoers && chmod 440 /etc/sudoers && why=$(as 1000 sudo -n true 2>&1); then
	echo "$rule" >/etc/sudoers
	runs "visudo accepts the rule" visudo -cq
	is "sudo runs what the digest names" "$(as 1000 sudo -n demo 2>&1; as 1000 sudo -n demo-script a 2>&1)" "1.0 /usr/bin/demo?1.0 a"
	sed -i "s/sha256:[0-9a-f]* .usr.bin.demo,/sha256:$(digest /usr/bin/demo2) \\/usr\\/bin\\/demo,/" /etc/sudoers
	is "... and refuses a digest of another program" "$(as 1000 sudo -n demo 2>&1)" "sudo: *"
else
	skip "sudo with a digest" "sudo does not run here: ${why:-it is not installed}"
fi
finish
