#!/bin/bash
# The wrapper keeps to itself: it maps nothing but its own file, opens nothing whose name came from the
# caller, and no variable of the environment changes its behaviour or is changed by it.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
wrapper=/usr/local/lib/pinlib/pinlib-wrapper plans=/var/lib/pinlib/plans

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null &&
	pinlib set demo-script libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"

for file in $wrapper /usr/bin/demo /usr/local/lib/pinlib/pinlib-stub; do
	is "no interpreter, no library in its file: ${file##*/}" "$(readelf -lW "$file" | grep -c INTERP)$(readelf -dW "$file" | grep -c NEEDED)" 00
done
stub_calls() {
	strace -qq -o /tmp/trace setpriv --reuid 1000 --regid 1000 --clear-groups "$@" >/dev/null 2>&1
	awk '/^execve\(.* = 0$/ { on = /^execve\("\/usr\/bin\/demo"/ && !seen; seen += on; next } on { sub(/\(.*/, ""); print }' /tmp/trace | xargs
}
is "the calls of a stub, before it executes the wrapper" "$(stub_calls demo)" "personality prctl prlimit64"
is "... when there is something to hand over" "$(stub_calls --pdeathsig TERM prlimit --stack=unlimited demo)" "personality prctl prlimit64 getppid"
"$fixtures/steps" maps demo >maps
is "the files that it maps, at each of its system calls" \
	"$(sed -n 's/^maps //p' maps | grep -vE '^\[(stack|heap|vdso|vvar|vvar_vclock|vsyscall)\]$' | sort -u)" $wrapper
is "the files that it has open, at each of its system calls" "$(sed -n 's/^fd //p' maps | sort -u |
	grep -vE "^(/dev/null|pipe:.*|/|${wrapper%/*}|$plans|$plans/usr%2Fbin%2Fdemo|/usr/bin/demo|/proc/[0-9]+/mountinfo)$")" ""

# The user's directory, with files that other programs might look for.
mkdir -p bait/{plans,locale/C,proc/self,.pinlib,gconv,usr/lib} && cd bait || exit 1
for name in pinlib-wrapper demo plans/usr%2Fbin%2Fdemo mountinfo proc/self/mountinfo .pinlib/demo ld.so.cache \
	locale/C/LC_MESSAGES.mo C.UTF-8 de_DE gconv/gconv-modules passwd nsswitch.conf localtime; do
	mkdir -p "$(dirname "$name")" && echo bait >"$name"
done
cat >loaded.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
unsigned la_version(unsigned v) { return v; }
__attribute__((constructor)) static void loaded(void)
{
	char exe[256] = "";
	int fd = open("/tmp/bait/loaded", O_WRONLY | O_APPEND | O_CREAT, 0666);
	readlink("/proc/self/exe", exe, sizeof exe - 1);
	dprintf(fd, "%s\n", exe);
	close(fd);
}
END
gcc -shared -fPIC -w -o loaded.so loaded.c && chmod -R a+rwX /tmp/bait
here=/tmp/bait
bait=(LD_PRELOAD=$here/loaded.so LD_LIBRARY_PATH=$here LD_ORIGIN_PATH=$here LD_DYNAMIC_WEAK=1 LD_HWCAP_MASK=0
	LD_PROFILE=libdemo.so.1 LD_PROFILE_OUTPUT=$here LD_USE_LOAD_BIAS=1 GLIBC_TUNABLES=glibc.malloc.check=3
	MALLOC_CHECK_=3 MALLOC_TRACE=$here/trace MALLOC_ARENA_MAX=1 MALLOC_PERTURB_=7 MUSL_LOCPATH=$here
	LOCPATH=$here/locale LANG=de_DE LC_ALL=C.UTF-8 LC_MESSAGES=de_DE LANGUAGE=de NLSPATH=$here/%N GCONV_PATH=$here/gconv
	TZ=:$here/localtime TZDIR=$here TMPDIR=$here HOSTALIASES=$here/passwd RES_OPTIONS=debug LOCALDOMAIN=x
	RESOLV_HOST_CONF=$here/passwd NIS_PATH=$here GETCONF_DIR=$here HOME=$here PWD=$here PATH=.:/usr/bin IFS=/
	BASH_ENV=$here/demo ENV=$here/demo PYTHONPATH=$here PINLIB_STATE=$here PINLIB_LIBDIR=$here PINLIB_PLANS=$here/plans)

# wrapper_calls VARIABLE... PROGRAM [ARG...]: the calls of stub and wrapper, between env and the app, without addresses and
# other values that differ each time.
wrapper_calls() {
	strace -qq -s 300 -u nobody -o /tmp/trace env -i "$@" >/dev/null 2>&1
	awk '/^execve\(.* = 0$/ { n++; next } n == 2 || n == 3' /tmp/trace | sed -E 's/0x[0-9a-f]*/ADDRESS/g; s/^(set_tid_address|statfs)\(.*/\1/; s/st_size=[0-9]*//g'
}
known=$(cd / && wrapper_calls PATH=/usr/bin /usr/bin/demo)
is "the calls of a launch are known" "$known" "*openat*mount(\"pinlib:*"
is "no variable, nor the working directory, changes its behaviour" \
	"$(diff <(echo "$known") <(wrapper_calls "${bait[@]}" /usr/bin/demo))" ""
for variable in "${bait[@]}"; do
	is "... alone: ${variable%%=*}" "$(diff <(echo "$known") <(wrapper_calls "$variable" /usr/bin/demo))" ""
done
rm -f loaded
# The app is the one that such variables are meant for.
is "a library that is to be loaded first is, by the app alone" \
	"$(as 1000 LD_PRELOAD=$here/loaded.so LD_AUDIT=$here/loaded.so demo; sort -u loaded)" "1.0 /usr/bin/demo?/usr/bin/demo"
unloaded=("${bait[@]/LD_*/X=1}")
is "all of them reach the app as they are, in their order" "$(env -i "${unloaded[@]}" /usr/bin/demo env | tail -n +2)" \
	"$(env -i "${unloaded[@]}" env)"
is "... those that the loader looks at, too" "$(env -i "${bait[@]}" LD_DEBUG= /usr/bin/demo /usr/bin/env | grep ^LD_)" \
	"$(env -i "${bait[@]}" LD_DEBUG= /usr/bin/env | grep ^LD_)"

# opened COMMAND...: the paths that stub and wrapper open, without root's fixed ones. $n is the number of the exec that
# started the stub, or the wrapper.
opened() {
	strace -qq -s 5000 -u nobody -e trace=open,openat,openat2,creat,execve,chdir,uselib,memfd_create -o /tmp/trace "$@" >said 2>&1
	awk '/^execve\(.* = 0$/ { n++; app = n > '"${n:-1}"' && !/^execve\("[^"]*pinlib-wrapper"/; next } n >= '"${n:-1}"' && !app' /tmp/trace |
		grep -vE "\"($plans|/proc/self/(mountinfo|status|uid_map)|/usr/bin/(demo|(\.pinlib/)?demo-script))\"|^openat\([0-9]+, \"[^/\"]*\", O_RDONLY|^execve"
	[ -s said ]
}
ln -s /usr/bin/demo link && ln -s ../bait/link $'odd\x01\xff\nlink' && ln -s loop loop && cp /usr/bin/id own
is "by a link in the user's directory" "$(opened ./link; cat said)" "1.0 /usr/bin/demo"
is "... by an odd one" "$(opened $'./odd\x01\xff\nlink'; cat said)" "1.0 /usr/bin/demo"
is "with a relative path" "$(opened ../../usr/bin/../bin/demo; cat said)" "1.0 /usr/bin/demo"
is "with arguments that are files" "$(opened demo -0 "$here/demo" --host --version ../../etc/shadow; cat said)" demo
for name in "$here/demo" "$here/own" ./own ../bait/plans/usr%2Fbin%2Fdemo loop /etc/shadow "$(printf '%04096d' 0)" "$wrapper" --host ""; do
	is "with argv[0] ${name:0:40}" "$(n=2 opened bash -c 'exec -a "$1" /usr/bin/demo' bash "$name"; cat said)" "1.0 /usr/bin/demo"
	is "... and the wrapper's own name" "$(n=2 opened bash -c 'exec -a "$1" '$wrapper' x y' bash "$name"; cat said)" "pinlib: *cannot tell*"
done
is "the wrapper as a script's" "$(n=2 opened bash -c 'exec -a '$wrapper' '$wrapper' "$@"' bash x "$here/own"; cat said)" "pinlib: *cannot tell*"
is "a script" "$(opened demo-script; cat said)" "1.0*"
strace -qq -e trace=open,openat,openat2,creat,execve,socket -o /tmp/trace demo >/dev/null
is "root, who may mount for others" "$(awk '/^execve\(.* = 0$/ { n++; next } n == 2' /tmp/trace | grep -v ENOENT | sed 's/[^"]*"\([^"]*\)".*/\1/' | sort -u | tr '\n' ' ')" \
	"/ /proc/self/mountinfo /proc/self/ns/mnt $plans usr%2Fbin%2Fdemo "
is "--version" "$(n=2 opened env LC_ALL=de_DE MUSL_LOCPATH=$here $wrapper --version; cat said)" "pinlib-wrapper *"
cp $plans/usr%2Fbin%2Fdemo /tmp/plan && : >$plans/usr%2Fbin%2Fdemo
is "its error message" "$(n=2 opened env MUSL_LOCPATH=$here LC_ALL=C LC_MESSAGES=C NLSPATH=$here/%N demo; cat said)" "pinlib: *not a plan*"
cat /tmp/plan >$plans/usr%2Fbin%2Fdemo
is "out of a view, nothing either" "$(opened $wrapper --host "$here/own" -u; cat said)" "65534"
finish
