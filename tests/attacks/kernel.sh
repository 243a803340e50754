#!/bin/bash
# What the kernel offers to get at a program that has just got a capability: rings, descriptors of processes,
# pages that come late, and interpreters that are started with the rights of another file. The
# wrapper does nothing against most of these: the kernel does, and this shows it.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
kernel=$fixtures/kernel whole=$fixtures/whole
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"
view="1.0 /usr/bin/demo
whole"

# A request that waits in a ring (io_uring(7)) when its process becomes the wrapper: made with the
# wrapper's capability it would set an attribute that only CAP_SYS_ADMIN can set.
attribute() {
	/usr/bin/python3 -c 'import os, sys; print(*[a for a in os.listxattr(sys.argv[1]) if a == "trusted.ring"])' "$1"
}
touch ring && chown 1000 ring
timeout 20 "$kernel" ring=-1 ring true 2>said
case $?/$(attribute ring) in
0/trusted.ring)
	ok "with the capability, the request sets the attribute"
	for delay in 0 50 100 200 300 400 600 800 1000 1500 2000 5000; do
		rm -f ring && touch ring && chown 1000 ring
		is "a ring is inherited, its request is ready after $delay us" \
			"$(timeout 20 "$kernel" ring=$delay ring /usr/bin/demo "$whole" 2>&1)/$(attribute ring)" "$view/"
	done
	;;
97/) skip "a ring is inherited" "this kernel offers no io_uring, or not that request: $(cat said)" ;;
*) not_ok "with the capability, the request sets the attribute" "$(cat said)" ;;
esac

# Arguments in a page that userfaultfd(2) serves late and that changes all the time, as on a file system of
# the user's: the kernel copies them once, and the wrapper knows its own copy alone.
timeout 20 "$kernel" fault /usr/bin/demo "$whole" >out 2>said </dev/null
case $? in
97) skip "arguments that come late and change" "$(cat said)" ;;
*)
	ok=0
	for i in {1..30}; do
		said=$(timeout 20 "$kernel" fault /usr/bin/demo "$whole" 2>&1 </dev/null)
		# The last byte of the last argument, the program's name, changes.
		case $said in
		"$view" | "1.0 /usr/bin/demo"*"cannot execute"* | "1.0 /usr/bin/demo") ok=$((ok + 1)) ;;
		*) break ;;
		esac
	done
	is "arguments that come late and change" "$ok $said" "30 *"
	;;
esac

# binfmt_misc(5), where a user namespace can have one of its own (Linux 6.7): a program with pins as the
# interpreter of foreign programs. With flag C a setuid bit of theirs is the interpreter's.
cat >interpreter.c <<'END'
#include <stdio.h>
#include <unistd.h>
const char *demo_version(void);
int main(int argc, char **argv)
{
	char text[64] = "nothing";
	FILE *file = fopen(argv[1], "r");

	if (file && !fgets(text, sizeof text, file))
		return 1;
	return printf("%s %d:%d %d %s", demo_version(), geteuid(), getegid(), argc, text) < 0;
}
END
mkdir /opt/foreign
gcc -Wall -o /usr/bin/interpreter interpreter.c "$libs/libdemo.so.1" &&
	cp /usr/bin/interpreter /opt/interpreter && pinlib set interpreter libdemo1=1.0 >/dev/null ||
	not_ok "an interpreter" "cannot pin it"
for mode in 0755 4755 2755 6755; do
	printf 'PINLIB-FOREIGN %s\n' $mode >/opt/foreign/$mode && chmod $mode /opt/foreign/$mode
done
# misc FLAGS INTERPRETER FILE: the result when uid 1000 starts FILE.
cat >misc.sh <<'END'
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null || exit 97
echo ":pinlib:M::PINLIB-FOREIGN::$2:$1" >/proc/sys/fs/binfmt_misc/register || exit 98
setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env "$3" argument
END
misc() {
	timeout 20 /usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" unshare --mount bash misc.sh "$@" 2>&1
}
misc "" /opt/interpreter /opt/foreign/0755 >said
case $? in
0)
	is "an interpreter without pins, flag C, setuid: it has the rights" \
		"$(misc C /opt/interpreter /opt/foreign/6755)" "3.0 0:0 3 PINLIB-FOREIGN 6755"
	for flags in "" P O F OF; do
		is "an interpreter with pins, flags ${flags:-none}" \
			"$(misc "$flags" /usr/bin/interpreter /opt/foreign/4755)" "1.0 1000:1000 [34] PINLIB-FOREIGN 4755"
	done
	for flags in C CF PC; do
		for mode in 4755 2755 6755; do
			refuses "... flags $flags, mode $mode" 126 "flag C" misc $flags /usr/bin/interpreter /opt/foreign/$mode
		done
		is "... flags $flags, no setuid bit" "$(misc $flags /usr/bin/interpreter /opt/foreign/0755)" "1.0 1000:1000 [34] PINLIB-FOREIGN 0755"
	done
	# The caller's name for the foreign program leads to another program with pins by the time it is looked at.
	cat >exchange.py <<'END'
import os, signal
os.path.lexists("/tmp/name") and os.unlink("/tmp/name")
os.symlink("/opt/foreign/0755", "/tmp/name")
os.path.lexists("/tmp/other") or os.symlink("/usr/bin/demo2", "/tmp/other")
child = os.fork()
if child == 0:
    os.execv("/tmp/name", ["/tmp/name", "argument"])
while open(f"/proc/{child}/comm").read().startswith("python"): # then the kernel has opened it
    pass
os.kill(child, signal.SIGSTOP)
os.rename("/tmp/other", "/tmp/name")
os.kill(child, signal.SIGCONT)
os.waitpid(child, 0)
END
	sed 's,env "$3" argument,/usr/bin/python3 exchange.py,' misc.sh >exchange.sh
	took=0
	for i in {1..20}; do
		timeout 20 /usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" unshare --mount bash exchange.sh O \
			/usr/bin/interpreter >said 2>&1
		! grep -q '^2\.0' said || took=$((took + 1))
	done
	is "the caller's name leads elsewhere meanwhile: it is the interpreter that starts" "$took/$(cat said)" "0/1.0 1000:*"
	;;
97) skip "interpreters of binfmt_misc" "none can be registered in a user namespace here" ;;
*) not_ok "interpreters of binfmt_misc" "$(cat said)" ;;
esac
finish
