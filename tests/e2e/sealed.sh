#!/bin/bash
# Sealed programs (seal/seal.h): they run as the original does, and they and their libraries alone get the pinned library.
# Programs and libraries are made here; at the end come real ones, of which some need the network.
. "$(dirname "$0")/../lib.sh"
mkdir -p /tmp/sealed && chmod 1777 /tmp/sealed && cd /tmp/sealed || exit 1
layers=/var/lib/pinlib/layers
deb=$fixtures/deb/libdemo1_1.0-1_$(dpkg --print-architecture).deb
pin=libdemo1=1.0
pinlib add "$deb" >/dev/null || exit 1

user() { as 1000 "$@" 2>&1; }
seal() { pinlib set --sealed "$@" 2>&1; }
unpin() { pinlib unset "$1" >/dev/null 2>&1; }

# lib FILE [FLAG...]: a library with the C of stdin, and its file's name as soname. prog FILE [FLAG...]: a program.
lib() {
	local file=$1
	shift
	mkdir -p "${file%/*}" && gcc -shared -fPIC "-Wl,-soname,${file##*/}" -Wl,--no-as-needed -o "$file" -x c - -x none "$@"
}
prog() {
	local file=$1
	shift
	mkdir -p "${file%/*}" && gcc -Wl,--no-as-needed -o "$file" -x c - -x none "$@"
}
demo_so=$fixtures/so/3.0/libdemo.so.1
declare='const char *demo_version(void);'
say='
#include <stdio.h>
int main(void) { return puts(demo_version()) < 0; }'
open='#include <dlfcn.h>
#include <stdio.h>
static const char *late(const char *name)
{
	void *l = dlopen(name, RTLD_NOW);
	const char *(*version)(void) = l ? dlsym(l, "demo_version") : 0;
	return version ? version() : dlerror();
}'

# state FILE: what unset must bring back, the inode and the diversions too.
state() {
	what "$1"
	stat -c %i "$1"
	dpkg-divert --list "$1"
	ls -A "${1%/*}/.pinlib" 2>/dev/null
}

# -- the process --

prog /usr/bin/facts "$demo_so" <<'END'
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
extern char **environ;
const char *demo_version(void);
static void link_of(const char *name, const char *path)
{
	char to[PATH_MAX] = "";
	if (readlink(path, to, sizeof to - 1) > 0)
		printf("%s %s\n", name, to);
}
static void lines_of(const char *path, const char *with)
{
	char line[4096];
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, with))
			printf("%s: %s", path, line);
	if (f)
		fclose(f);
}
int main(int argc, char **argv)
{
	struct rlimit stack;
	char cwd[PATH_MAX], path[64];
	printf("version %s\n", demo_version());
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "-w") == 0)
		return pause();
	if (argc > 1 && strcmp(argv[1], "-x") == 0)
		return execvp(argv[2], argv + 2);
	printf("argv0 %s\ncwd %s\nids %d %d %d %d\n", argv[0], getcwd(cwd, sizeof cwd), getuid(), geteuid(), getgid(), getegid());
	for (int i = 1; i < argc; i++)
		printf("argument %s\n", argv[i]);
	for (char **e = environ; *e; e++)
		printf("environment %s\n", *e);
	for (int fd = 0; fd < 20; fd++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		link_of(path, path);
	}
	link_of("exe", "/proc/self/exe");
	link_of("mount namespace", "/proc/self/ns/mnt");
	link_of("user namespace", "/proc/self/ns/user");
	link_of("root", "/proc/self/root");
	lines_of("/proc/self/comm", "");
	lines_of("/proc/self/mountinfo", "");
	lines_of("/proc/self/personality", "");
	lines_of("/proc/self/status", "Cap");
	lines_of("/proc/self/status", "NoNewPrivs");
	lines_of("/proc/self/status", "Seccomp");
	lines_of("/proc/self/status", "SigBlk");
	lines_of("/proc/self/status", "SigIgn");
	lines_of("/proc/self/status", "Groups");
	lines_of("/proc/self/oom_score_adj", "");
	getrlimit(RLIMIT_STACK, &stack);
	printf("stack %lx %lx\n", (long)stack.rlim_cur, (long)stack.rlim_max);
	return 0;
}
END

# Each case runs before and after the seal; only the version may differ.
mkdir -p before after
try() {
	local dir=$1 name=$2 status=0
	shift 2
	"$@" >output 2>&1 </dev/null || status=$?
	{ grep -v 'environment _=' output && echo "exit $status"; } >"$dir/$name"
}
many_fds() { (exec 5</etc/passwd 7>/tmp/sealed/seven 9>&1 && user facts one "two words" ''); }
other_name() { (cd /usr/share && exec -a "other name" setpriv --reuid 1000 --regid 1000 --clear-groups /usr/bin/facts); }
no_stdio() { (exec 0<&- && user facts); }
stack() { (ulimit -s unlimited && user facts); }
small_stack() { (ulimit -s 256 && user facts); }
ambient() { setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps +net_raw,+sys_nice --ambient-caps +net_raw,+sys_nice env A=b facts; }
no_new() { user setpriv --no-new-privs facts; }
old_layout() { user setarch -R -3 facts; }
# The first line of the program's own output, without addresses.
traced() { user strace -f -qq -o /dev/null facts; }
debugged() { user gdb -nx -batch -ex 'break demo_version' -ex run -ex 'bt 1' -ex continue facts | grep -E '^(#0|version|Breakpoint 1,)' | sed 's/0x[0-9a-f]*/ADDRESS/; s/ from .*//'; }
grinded() { user valgrind -q facts | head -n 1; }
profiled() { perf stat -e task-clock -o /dev/null facts; }
cases() {
	local c
	for c in many_fds other_name no_stdio stack small_stack ambient no_new old_layout traced debugged grinded profiled; do
		try "$1" $c $c
	done
	try "$1" root facts
}
cases before
state /usr/bin/facts >facts.state
inode=$(stat -c %i /usr/bin/facts)
runs "a program is sealed" seal facts $pin
cases after
for c in before/*; do
	c=${c##*/}
	if [ "$(tail -n 1 before/$c)" != "exit 0" ] || ! grep -q '^version 3.0' before/$c; then
		skip "the process: $c" "the original does not do it here: $(tail -n 2 before/$c)"
		continue
	fi
	is "the process: $c: the pinned version" "$(grep -c 'version 3.0' after/$c) $(grep -m 1 -o 'version 1.0' after/$c)" "0 version 1.0"
	is "... and all else as the original has it" "$(sed 's/^version 3.0/version 1.0/' before/$c | diff - after/$c)" ""
done
is "the mount namespace is the host's" "$(user facts | sed -n 's/^mount namespace mnt:.\(.*\).$/\1/p')" "$(stat -L -c %i /proc/self/ns/mnt)"
is "... also of its children, with all mounts" "$(user facts -x cat /proc/self/mountinfo | sed 1d | diff - /proc/self/mountinfo)" ""
is "/proc/self/exe is the app's path" "$(user facts | sed -n 's/^exe //p')" /usr/bin/facts
prog /opt/suid <<<'#include <stdio.h>
#include <unistd.h>
int main(void) { return printf("euid %d\n", geteuid()) < 0; }'
chmod 4755 /opt/suid
if [ "$(user /opt/suid)" = "euid 0" ]; then
	is "a setuid program that it starts" "$(user facts -x /opt/suid)" "version 1.0?euid 0"
else
	skip "a setuid program that it starts" "setuid programs have no effect in this bed ($(stat -f -c %T /opt))"
fi
if command -v start-stop-daemon >/dev/null; then
	runs "start-stop-daemon starts it" start-stop-daemon --start --background --make-pidfile --pidfile /run/facts.pid --exec /usr/bin/facts -- -w
	sleep 0.3
	runs "... finds it by its executable and its PID" start-stop-daemon --status --pidfile /run/facts.pid --exec /usr/bin/facts
	runs "... starts no second one" start-stop-daemon --start --oknodo --exec /usr/bin/facts -- -w
	is "... of which there is one" "$(pgrep -cx facts)" 1
	is "... with the pinned library by its content" "$(grep -o '/[^ ]*objects/[^ ]*' "/proc/$(cat /run/facts.pid)/maps" | sort -u)" \
		"/var/lib/pinlib/store/objects/$(sha256sum <"$fixtures/so/1.0/libdemo.so.1" | sed 's|^\(..\)\([^ ]*\).*|\1/\2|')"
	runs "... and stops it" start-stop-daemon --stop --retry 2 --pidfile /run/facts.pid --exec /usr/bin/facts
else
	skip "start-stop-daemon finds it" "it is not installed"
fi
is "another program that it starts has the live library" "$(user facts -x demo2)" "version 1.0?3.0 /usr/bin/demo2"
is "... and so has one beside it" "$(user demo2)" "3.0 /usr/bin/demo2"
is "... and itself, copied" "$(cp /usr/bin/.pinlib/facts /tmp/sealed/copy && user /tmp/sealed/copy | head -n 1)" "version 3.0"
is "readelf shows the set's directory" "$(readelf -d /usr/bin/facts | grep -E "(NEEDED|RPATH|RUNPATH).*\[$layers/[0-9a-f]*/0" | wc -l)" 1
is "ldd shows the link, with its end in the store" "$(ldd /usr/bin/facts | grep -o "$layers/[^ ]*/libdemo.so.1" | head -n 1 | xargs readlink)" "/var/lib/pinlib/store/objects/*"
is "check approves" "$(pinlib check facts)" "/usr/bin/facts: ok*"
is "... and doctor" "$(verify)" "all is well*"
runs "unset" pinlib unset facts
is "... restores bytes, attributes, inode and diversions" "$(state /usr/bin/facts)" "$(cat facts.state)"
is "... and the inode is the one from before" "$(stat -c %i /usr/bin/facts)" "$inode"
state /usr/bin/demo >demo.state
runs "a program of a package is sealed" seal demo $pin
is "... with a diversion" "$(dpkg-divert --list /usr/bin/demo | wc -l)" 1
runs "... and unset" pinlib unset demo
is "... which restores bytes, attributes, inode and diversions" "$(state /usr/bin/demo)" "$(cat demo.state)"

# -- ways to the library --

# way NAME FILE [late]: a program that prints the version of libdemo; sealed in both forms, and back. late: it does not load it
# when starting, so without the store it finds the live one in both forms.
way() {
	local name=$1 file=$2 late=${3:-} form
	[ "$(user "$file")" = 3.0 ] || not_ok "$name: the original" "prints $(user "$file")"
	what "$file" >way.before
	for form in refuse unpinned; do
		is "$name, $form" "$(seal "$file" $pin --on-failure=$form >way.said || cat way.said; user "$file")" 1.0
		is "... with an LD_LIBRARY_PATH" "$(LD_LIBRARY_PATH=/nowhere user "$file")" 1.0
		mv $layers $layers.away
		if [ $form = unpinned ] || [ -n "$late" ]; then
			is "... without the store" "$(user "$file")" 3.0
		else
			refuses "... without the store" 127 "$layers/" as 1000 "$file"
		fi
		mv $layers.away $layers
	done
	unpin "$file"
	is "... and unset" "$(user "$file") $(what "$file")" "3.0 $(cat way.before)"
}
at=/opt/ways
echo "$declare$say" | prog $at/bin/needs "$demo_so"
way "needed by the program" $at/bin/needs
echo "$declare$say" | prog $at/bin/no-pie -no-pie "$demo_so"
is "(a program at a fixed address)" "$(readelf -h $at/bin/no-pie | grep -c 'EXEC (')" 1
way "a program at a fixed address" $at/bin/no-pie
echo "$declare$say" | prog $at/bin/lazy -Wl,-z,lazy -Wl,-z,norelro "$demo_so"
way "a program with lazy binding and without relro" $at/bin/lazy
echo "$declare$say" | prog $at/bin/sysv -Wl,--hash-style=sysv "$demo_so" && strip $at/bin/sysv
way "a stripped program with the old hash table" $at/bin/sysv
echo "$open int main(void) { return puts(late(\"libdemo.so.1\")) < 0; }" | prog $at/bin/late
way "opened by the program by its soname" $at/bin/late late
echo "$open int main(void) { return puts(late(\"libdemo.so.1\")) < 0; }" | prog $at/bin/late-runpath -Wl,--enable-new-dtags,-rpath,/opt/none
way "opened by a program with a DT_RUNPATH" $at/bin/late-runpath late

call='const char *helper(void);
#include <stdio.h>
int main(void) { return puts(helper()) < 0; }'
for kind in needs opens; do
	if [ $kind = needs ]; then
		text="$declare const char *helper(void); const char *helper(void) { return demo_version(); }" with=$demo_so
	else
		text="$open const char *helper(void); const char *helper(void) { return late(\"libdemo.so.1\"); }" with=
	fi
	for path in none runpath origin; do
		flags=
		case $path in
		runpath) flags=-Wl,--enable-new-dtags,-rpath,/opt/none ;;
		origin) flags='-Wl,--enable-new-dtags,-rpath,$ORIGIN' ;;
		esac
		helper=$libs/libhelp-$kind-$path.so.1
		echo "$text" | lib "$helper" $with $flags
		echo "$call" | prog $at/bin/$kind-$path "$helper" -Wl,--allow-shlib-undefined
		[ $kind-$path = opens-none ] && late=late || late=
		way "a library with search path $path $kind it" $at/bin/$kind-$path $late
		echo "$call" | prog $at/bin/$kind-$path-p "$helper" -Wl,--allow-shlib-undefined,--enable-new-dtags,-rpath,/opt/none
		way "... in a program with a DT_RUNPATH" $at/bin/$kind-$path-p
	done
done
# A library of the program's own, found by $ORIGIN, needs the pinned one.
echo "$declare const char *helper(void); const char *helper(void) { return demo_version(); }" | lib $at/lib/libown.so.1 "$demo_so"
for tags in enable disable; do
	echo "$call" | prog $at/bin/own-$tags $at/lib/libown.so.1 -Wl,--allow-shlib-undefined,--$tags-new-dtags,-rpath,'$ORIGIN/../lib'
	way "\$ORIGIN leads to a private library, --$tags-new-dtags" $at/bin/own-$tags
	echo "$declare$say" | prog $at/bin/path-$tags "$demo_so" -Wl,--$tags-new-dtags,-rpath,/opt/none
	way "a program with a search path, --$tags-new-dtags" $at/bin/path-$tags
done
# A plugin, opened by its path, needs it. (With a DT_RUNPATH in the plugin or the program the search path does not count.)
echo "$declare const char *plugged(void); const char *plugged(void) { return demo_version(); }" | lib $at/lib/plugin.so "$demo_so"
echo "$open int main(void) { return puts(late(\"$at/lib/plugin.so\")) < 0; }" | sed 's/"demo_version"/"plugged"/' | prog $at/bin/plugin
way "a plugin needs it" $at/bin/plugin late
# Started by a link, $ORIGIN is the directory of the program.
ln -s $at/bin/own-enable /tmp/sealed/link
seal $at/bin/own-enable $pin >/dev/null
is "by a link in another directory" "$(user /tmp/sealed/link)" 1.0
unpin $at/bin/own-enable

# -- the caller's variables --

echo 'const char *other(void); const char *other(void) { return "live"; }' | lib $libs/libother.so.1
mkdir -p /opt/path && echo 'const char *other(void); const char *other(void) { return "of LD_LIBRARY_PATH"; }' | lib /opt/path/libother.so.1
cp "$fixtures/so/2.0/libdemo.so.1" /opt/path/
prog /usr/bin/both "$demo_so" $libs/libother.so.1 <<<"$declare const char *other(void);
#include <stdio.h>
int main(void) { return printf(\"%s %s\n\", demo_version(), other()) < 0; }"
is "the original with LD_LIBRARY_PATH" "$(LD_LIBRARY_PATH=/opt/path user both)" "2.0 of LD_LIBRARY_PATH"
for form in refuse unpinned; do
	seal both $pin --on-failure=$form >/dev/null
	is "$form: LD_LIBRARY_PATH leads to other libraries, and not past a pin" "$(LD_LIBRARY_PATH=/opt/path user both)" "1.0 of LD_LIBRARY_PATH"
	is "... LD_PRELOAD comes first, as for the original" "$(LD_PRELOAD=/opt/path/libdemo.so.1 user both)" "2.0 live"
	is "... LD_PRELOAD of another library" "$(LD_PRELOAD=/opt/path/libother.so.1 user both)" "1.0 of LD_LIBRARY_PATH"
done
unpin both

# -- 32 bits --

if said=$( (runs_i386 && echo "$declare$say" | prog $at/bin/needs32 -m32 && $at/bin/needs32) 2>&1); then
	echo 'const char *demo_version(void); const char *demo_version(void) { return "3.0"; }' | lib /usr/lib/i386-linux-gnu/libdemo.so.1 -m32
	echo "$declare$say" | prog $at/bin/needs32 -m32 /usr/lib/i386-linux-gnu/libdemo.so.1
	mkdir -p so32 && echo 'const char *demo_version(void); const char *demo_version(void) { return "1.0"; }' | lib so32/libdemo.so.1 -m32
	pinlib add --name libdemo32 --version 1.0 so32/libdemo.so.1 >/dev/null && pin=libdemo32=1.0 way "a program of i386" $at/bin/needs32
else
	skip "a program of i386" "it cannot be built or run here: $(grep -m 1 error <<<"$said")"
fi

# -- what cannot be sealed --

# cannot NAME TEXT FILE: seal refuses with the text, and changes nothing.
cannot() {
	local name=$1 text=$2 file=$3 before
	before=$(state "$file")
	refuses "$name" 1 "$text" pinlib set --sealed "$file" $pin
	is "... and nothing is changed" "$(diff <(state "$file") - <<<"$before") $(pinlib show | grep -c "$file ")" " 0"
}
echo "$open int main(void) { return puts(late(\"$libs/libdemo.so.1\")) < 0; }" | prog /opt/by-path
cannot "a library that the program opens by its path" "$libs/libdemo.so.1" /opt/by-path
prog /opt/static -static <<<'int main(void) { return 0; }'
cannot "a static program" "statically linked" /opt/static
cannot "a script" "it is a script" /usr/bin/demo-script
cp -p /opt/ways/bin/needs /opt/setuid && chmod 4755 /opt/setuid
cannot "a setuid program" "setuid" /opt/setuid
cp -p /opt/ways/bin/needs /opt/setgid && chmod 2755 /opt/setgid
cannot "a setgid program" "setgid" /opt/setgid
cp -p /opt/ways/bin/needs /opt/caps && setcap cap_net_raw=p /opt/caps
cannot "a program with capabilities" "capabilit" /opt/caps
cp -p /opt/ways/bin/needs /opt/packed && head -c 5000 /dev/zero | tr '\0' P >>/opt/packed
cannot "a program with data behind its last section, as PyInstaller makes" "behind its last section" /opt/packed
echo payload >payload && objcopy --add-section pydata=payload /opt/ways/bin/needs /opt/pydata
cannot "... or in a section of its own" "pydata" /opt/pydata
is "a program that does not load the library gets a note" "$(seal demo-load $pin)" "*may have no effect*"
is "... and runs" "$(user demo-load libm.so.6 && echo well)" well
unpin demo-load

# -- order --

# Five libraries define `all`, and each two of them a function of theirs; the original tells who wins.
letters="a b c d e"
functions_of() { # LETTER TEXT
	local o pair
	echo "const char *all(void); const char *all(void) { return \"$2\"; }"
	for o in $letters; do
		[[ $o > $1 ]] && pair=$1$o || pair=$o$1
		[ "$o" = "$1" ] || echo "const char *f_$pair(void); const char *f_$pair(void) { return \"$2\"; }"
	done
}
cat >order.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *(*f)(void) = (const char *(*)(void))dlsym(RTLD_DEFAULT, argv[i]);
		printf("%s ", f ? f() : "nothing");
	}
	return puts("") < 0;
}
END
winners() { user "$1" all f_ab f_ac f_ad f_ae f_bc f_bd f_be f_cd f_ce f_de; }
# shape NAME NEEDS-OF-PROGRAM LIBRARY=NEEDS[:FLAG]...: builds them; pins each and all.
shape() {
	local name=$1 needs=$2 l v dir=/opt/order-$1 need flags args said want form
	local -A of=()
	shift 2
	for l; do of[${l%%=*}]=${l#*=}; done
	for v in 2 1; do
		for l in e d c b a; do # a library needs only later ones
			args=() flags=${of[$l]#*:}
			[ "$flags" != "${of[$l]}" ] || flags=
			need=${of[$l]%%:*}
			for ((i = 0; i < ${#need}; i++)); do args+=("$dir/2/libord${need:i:1}.so.1"); done
			functions_of $l $l$v | lib "$dir/$v/libord$l.so.1" "${args[@]}" $flags
			[ $v = 2 ] || pinlib add --name "ord-$name-$l" --version 1 "$dir/$v/libord$l.so.1" >/dev/null
		done
	done
	mkdir -p "/etc/ld.so.conf.d" && echo "$dir/2" >/etc/ld.so.conf.d/order.conf && ldconfig
	args=()
	for ((i = 0; i < ${#needs}; i++)); do args+=("$dir/2/libord${needs:i:1}.so.1"); done
	prog "$dir/app" "${args[@]}" -Wl,--allow-shlib-undefined <order.c
	is "(order, $name: what the original needs)" "$(readelf -d "$dir/app" | grep -o 'libord.' | tr -d '\n')" "$(sed 's/./libord&/g' <<<"$needs")"
	want=$(winners "$dir/app")
	for form in refuse unpinned; do
		local each=$letters
		[ $form = refuse ] || each=
		for l in $each bd abcde; do
			local pins=()
			for ((i = 0; i < ${#l}; i++)); do pins+=("ord-$name-${l:i:1}=1"); done
			said=$(seal "$dir/app" --on-failure=$form "${pins[@]}") || not_ok "order, $name, $form: a pin of $l" "$said"
			is "order, $name, $form: a pin of $l" "$(winners "$dir/app")" "$(sed "s/\([$l]\)2/\11/g" <<<"$want")"
			unpin "$dir/app"
		done
	done
}
runpath=-Wl,--enable-new-dtags,-rpath,/opt/none
shape star abcde a= b= c= d= e=
shape backwards edcba a= b= c= d= e=
shape chain a a=b b=c c=d d=e e=
shape tree ab a=cd b=e c= d= e=
shape diamond ab a=d b=cd c=e d= e=
shape star-runpath abcde a=:$runpath b=:$runpath c=:$runpath d=:$runpath e=:$runpath
shape chain-runpath a a=b:$runpath b=c:$runpath c=d:$runpath d=e:$runpath e=
shape tree-runpath ab a=cd:$runpath b=e:$runpath c= d= e=
rm /etc/ld.so.conf.d/order.conf && ldconfig

# -- without the store --

seal demo $pin >/dev/null
dir=$(readelf -d /usr/bin/demo | grep -o "$layers/[0-9a-f]*/0" | head -n 1)
mv $layers $layers.away
refuses "without the store, refuse: the loader names the set's directory" 127 "$dir/libdemo.so.1: cannot open shared object file" as 1000 demo
mv $layers.away $layers
is "... and with it again" "$(user demo)" "1.0 /usr/bin/demo"
runs "set --on-failure=unpinned" pinlib set --on-failure=unpinned demo
is "... the pins hold" "$(user demo)" "1.0 /usr/bin/demo"
mv /var/lib/pinlib/store /var/lib/pinlib/store.away
is "... without the store's objects the live library" "$(user demo)" "3.0 /usr/bin/demo"
mv /var/lib/pinlib/store.away /var/lib/pinlib/store
mv $layers $layers.away
is "... and without the sets" "$(user demo)" "3.0 /usr/bin/demo"
mv $layers.away $layers
runs "set --on-failure=refuse" pinlib set --on-failure=refuse demo
for form in view sealed view; do
	runs "set --$form" pinlib set --$form demo
	is "... has the pin" "$(user demo)" "1.0 /usr/bin/demo"
done
unpin demo
is "unset after all that restores it" "$(state /usr/bin/demo)" "$(cat demo.state)"

# -- upgrades --

seal demo $pin >/dev/null
sum=$(sha256sum </usr/bin/demo)
dpkg -i "$fixtures"/deb/demo_2_*.deb >/dev/null 2>&1
is "after dpkg's unpack the old sealed file is there" "$(sha256sum </usr/bin/demo) $(user demo)" "$sum 1.0 /usr/bin/demo"
is "... and the new program beside it" "$(user /usr/bin/.pinlib/demo)" "upgraded 3.0 *"
is "... of which doctor knows" "$(pinlib doctor programs 2>&1 | grep -c '/usr/bin/demo')" "[1-9]*"
is "refresh seals the new program" "$(pinlib refresh 2>&1)" "/usr/bin/demo repaired: *"
is "... which has the pin" "$(user demo)" "upgraded 1.0 /usr/bin/demo"
is "... again, it has nothing to do" "$(pinlib refresh 2>&1)" ""
is "... and doctor finds nothing" "$(verify)" "all is well*"

# upgrade VERSION FILE: the package demo with another demo.
upgrade() {
	rm -rf tree && dpkg-deb -R "$(echo "$fixtures"/deb/demo_2_*.deb)" tree && sed -i "s/^Version: .*/Version: $1/" tree/DEBIAN/control &&
		cp "$2" tree/usr/bin/demo && chmod 755 tree/usr/bin/demo &&
		dpkg-deb --root-owner-group -Znone -b tree next.deb >/dev/null && dpkg -i next.deb >/dev/null 2>&1
}
# stays NAME TEXT: refresh says the text; the old sealed file stays and works.
stays() {
	local name=$1 text=$2
	sum=$(sha256sum </usr/bin/demo)
	refuses "$name: refresh says so" 1 "$text" pinlib refresh
	is "... the old sealed file stays, and works" "$(sha256sum </usr/bin/demo) $(user demo)" "$sum upgraded 1.0 /usr/bin/demo"
	refuses "... a second refresh says it, too" 1 "$text" pinlib refresh
	is "... doctor says it" "$(pinlib doctor programs 2>&1 | grep -c '^fault.*/usr/bin/demo')" 1
	is "... and it still works" "$(user demo)" "upgraded 1.0 /usr/bin/demo"
}
mkdir -p new && echo 'const char *demo_version(void); const char *demo_extra(void);
const char *demo_version(void) { return "5.0"; } const char *demo_extra(void) { return "extra"; }' | lib new/libdemo.so.1
echo "$declare const char *demo_extra(void);
#include <stdio.h>
int main(void) { return printf(\"%s %s\n\", demo_extra(), demo_version()) < 0; }" | prog new/demo new/libdemo.so.1
# The live system has the symbol, with the new libdemo1.
mkdir -p live/DEBIAN live$libs && cp new/libdemo.so.1 live$libs/libdemo.so.5.0 && ln -s libdemo.so.5.0 live$libs/libdemo.so.1
printf '%s\n' 'Package: libdemo1' 'Version: 5.0' "Architecture: $(dpkg --print-architecture)" 'Maintainer: n <n@example.invalid>' 'Description: x' >live/DEBIAN/control
dpkg-deb --root-owner-group -Znone -b live live.deb >/dev/null && dpkg -i live.deb >/dev/null 2>&1
is "an upgrade of the pinned library's package changes nothing" "$(user demo) $(user demo2)" "upgraded 1.0 /usr/bin/demo 5.0 /usr/bin/demo2"
is "... for refresh neither" "$(pinlib refresh 2>&1; user demo)" "upgraded 1.0 /usr/bin/demo"
upgrade 3 new/demo
stays "a new program that needs a symbol which the pin lacks" demo_extra
upgrade 4 /opt/static
stays "a new program that is static" "statically linked"
upgrade 5 /opt/packed
stays "a new program with data behind its last section" "behind its last section"
upgrade 6 /usr/bin/demo2
is "a new program that works is sealed again" "$(pinlib refresh >/dev/null 2>&1; user demo)" "1.0 /usr/bin/demo"
upgrade 7 new/demo
runs "unset after a refused upgrade" pinlib unset demo
is "... leaves the new program" "$(sha256sum </usr/bin/demo) $(ls /usr/bin/.pinlib 2>/dev/null) $(dpkg-divert --list /usr/bin/demo)" "$(sha256sum <new/demo)  "
dpkg -i --force-downgrade "$fixtures"/host/{demo,libdemo1}_[13]*.deb >/dev/null 2>&1

# -- real programs --

# frozen PROGRAM COMMAND...: freeze --sealed, and each library but glibc's is in the set; thaw restores it.
frozen() {
	local path before live said
	path=$(readlink -f "$(PATH=/usr/bin command -v "$1")")
	before=$(what "$path")
	shift
	live=$(user "$@" | head -n 5)
	if ! said=$(pinlib freeze --sealed "$path" 2>&1); then
		not_ok "freeze --sealed $path" "$said"
		return
	fi
	ok "freeze --sealed $path"
	is "... prints what it printed" "$(user "$@" | head -n 5)" "$live"
	is "... has no live library but glibc's" "$(ldd "$path" | grep -oE '/[^ ]+' | grep -v "^$layers/" |
		grep -vE '/(ld-linux[^/]*|lib(c|m|dl|pthread|rt|resolv|util|nsl|anl|mvec|thread_db|BrokenLocale|crypt)\.so\.[0-9]+)$')" ""
	is "... but $(ldd "$path" | grep -c "$layers/") of the set" "$(ldd "$path" | grep -c "$layers/")" "[1-9]*"
	is "... and check approves" "$(pinlib check "$path")" "$path: ok*"
	runs "thaw $path" pinlib thaw "$path"
	is "... restores it" "$(what "$path") $(user "$@" | head -n 5)" "$before $live"
}
frozen curl curl --version
frozen git git --version
frozen xz xz --version
frozen python3 /usr/bin/python3 -c 'import zlib, ssl, sqlite3; print(zlib.ZLIB_RUNTIME_VERSION, ssl.OPENSSL_VERSION, sqlite3.sqlite_version)'
pinlib freeze --sealed curl >/dev/null 2>&1
user curl -s file:///proc/self/maps | grep -oE '/[^ ]*\.so[^ ]*|/[^ ]*objects/.*' | sort -u >maps
is "a frozen curl: /proc/PID/maps has the store's libraries, and glibc's" "$(grep -v /objects/ maps |
	grep -vE '/(ld-linux[^/]*|lib(c|m|dl|pthread|rt|resolv|util)\.so\.[0-9]+)$') $(grep -c /objects/ maps)" " [1-9]*"
pinlib thaw curl >/dev/null 2>&1

host_zlib=$(user /usr/bin/python3 -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION)')
if ! suite_conf bullseye; then
	skip "zlib1g of bullseye" "$suite_why"
else
	runs "add apt:zlib1g of bullseye" pinlib add apt:zlib1g
	unset APT_CONFIG
	python=$(readlink -f /usr/bin/python3)
	for program in /usr/bin/curl "$python" /usr/bin/git; do
		what "$program" >"${program##*/}.before"
		runs "set --sealed $program zlib1g=1.2.11" pinlib set --sealed "$program" zlib1g=1.2.11
		is "... leads to it" "$(ldd "$program" | grep -o "$layers/.*/libz.so.1" | head -n 1 | xargs readlink -f)" "/var/lib/pinlib/store/objects/*"
	done
	is "curl has zlib 1.2.11" "$(user curl --version)" "*zlib/1.2.11*"
	is "... from the store, by /proc/self/maps" "$(user curl -s file:///proc/self/maps | grep -c 'objects/') $(user curl -s file:///proc/self/maps | grep -c 'libz\.so')" "[1-9]* 0"
	is "python has it" "$(user /usr/bin/python3 -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION, zlib.decompress(zlib.compress(b"data")).decode())')" "1.2.11 data"
	is "... by the name of its version, too" "$(user "$python" -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION)')" 1.2.11
	is "... in a child by fork, and not in another program" "$(user /usr/bin/python3 -c '
import os, subprocess, sys, zlib
print(subprocess.run(["perl", "-MCompress::Raw::Zlib", "-e", "print Compress::Raw::Zlib::zlib_version()"], stdout=subprocess.PIPE, text=True).stdout,
      sys.executable, os.readlink("/proc/self/exe"))')" "$host_zlib /usr/bin/python3 $python"
	is "git packs and checks with it" "$(rm -rf repo && user git init -q repo && cd repo && echo text >file && user git add file &&
		user git -c user.name=n -c user.email=n@example.invalid commit -qm m && user git gc -q && user git fsck --strict && user git log --format=%s)" m
	for program in /usr/bin/curl "$python" /usr/bin/git; do
		runs "unset $program" pinlib unset "$program"
		is "... restores it" "$(what "$program")" "$(cat "${program##*/}.before")"
	done
fi
is "at the end nothing is left" "$(pinlib show | grep -c /) $(find /usr /opt -name .pinlib 2>/dev/null) $(dpkg-divert --list | grep -c pinlib)" "0  0"
is "... and doctor finds nothing" "$(verify)" "all is well*"
finish
