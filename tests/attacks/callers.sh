#!/bin/bash
# Callers in unusual surroundings: chroots, namespaces,
# tracers, limits, and system calls that only say that they were made. What comes of it is a
# whole view or a clear refusal, and the caller's own mounts stay as they are.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
plain=/usr/bin/.pinlib/demo faking=$fixtures/faking whole=$fixtures/whole kernel=$fixtures/kernel

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"
# held NAME COMMAND...: the command's output is one of
#	whole    "1.0", or "2.0" of demo2, and a whole view
#	refused  in pinlib's own words, and nothing was started
#	dead     by a signal, and nothing was started
#	plain    the program without pinlib prints the same: it cannot start like this
# and in the caller's namespace, where all mounts are shared with their peers as on a host, none is
# another than before. $outcome says which.
cat >shared.sh <<'END'
mount --make-rshared / && cp /proc/self/mountinfo mounts && timeout -k 1 10 "$@" </dev/null >out 2>err
echo $? >status
diff mounts /proc/self/mountinfo >changed
END
outcome=
held() {
	local name=$1
	shift
	unshare --mount --propagation private bash shared.sh "$@" 2>/dev/null
	outcome=$(head -n 1 out)/$(tail -n +2 out)/$(cat status)
	case $outcome in
	"1.0 /usr/bin/demo/whole/0" | "2.0 /usr/bin/demo2/whole/0") outcome=whole ;;
	//12[567])
		if grep -q '^pinlib: ' err; then
			outcome=refused
		elif [ "$(timeout -k 1 10 "${@/#demo/$plain}" 2>&1 </dev/null)" = "$plain$(sed 's/^demo//' err)" ]; then
			outcome=plain
		fi
		;;
	//1[3-9]?) outcome=dead ;;
	esac
	case $outcome/$(cat changed) in
	whole/ | refused/ | dead/ | plain/) ok "$name" ;;
	*) not_ok "$name" "$outcome: $(cat err); $(head -n 20 changed)" ;;
	esac
	mv err said
	mv status status.kept
	rm -f out changed mounts
}

is "the checker sees a whole view" "$(as 1000 demo "$whole")" "1.0 /usr/bin/demo?whole"
is "... and none where there is none" "$(as 1000 "$whole" | tail -n 1)" "0 covers, not 1"

# rules: of the trace that is read, a rule of tests/helpers/faking.c for each system call of stub and wrapper, and for
# each argument by which a filter could distinguish it: all but addresses on the stack.
cat >rules.py <<'END'
import re, sys
traced = "".join(re.split(r"(?m)^execve\(.*\n", sys.stdin.read())[1:3])  # the stub and the wrapper
rules = set()
for name, arguments in re.findall(r"(?m)^(\w+)\((.*?)\)", traced):
    rules.add(name)
    for i, a in enumerate(arguments.split(", ")):
        if a and int(a, 16) < 1 << 24:
            rules.add(f"{name}:{i}={a}")
print(*sorted(rules), sep="\n")
END
trace=(strace -qq -u nobody -e raw=all -o trace)

# Each system call of a launch, which a filter says was made or refuses.
"${trace[@]}" demo >/dev/null
rules=$(/usr/bin/python3 rules.py <trace)
is "the calls of a launch are known" "$rules" "*mount_setattr:2=0x8000*unshare*"
for rule in $rules; do
	held "$rule does nothing" "$faking" "$rule" prctl:0=21 -- demo "$whole"
	[[ $rule == *:* ]] || held "... and is not hidden" "$faking" "$rule" -- demo "$whole"
	[[ $rule == *:* ]] || held "$rule is refused" "$faking" "$rule=EPERM" prctl:0=21 -- demo "$whole"
done

# A command in the view: never on the live system.
in=(/usr/local/lib/pinlib/pinlib-wrapper --in /usr/bin/demo -- bash -c 'echo "1.0 /usr/bin/demo"; exec "$0"' "$whole")
held "exec --in" "${in[@]}"
is "... has a whole view" $outcome whole
for rule in mount_setattr:2={0x100,0x1000,0x8000} unshare mount move_mount open_tree capset statx statfs read openat; do
	held "exec --in: $rule does nothing" "$faking" "$rule" prctl:0=21 -- "${in[@]}"
	held "... and is refused" "$faking" "$rule=EPERM" prctl:0=21 -- "${in[@]}"
done

# The same in a view, out of which another one leads, and the live system.
cat >nested.sh <<'END'
demo "$@" | tail -n +2
exit "${PIPESTATUS[0]}"
END
demo "${trace[@]}" demo2 >/dev/null
rules=$(comm -13 <(echo "$rules") <(/usr/bin/python3 rules.py <trace))
is "the calls of a nested launch are known" "$rules" "*umount2:1=0xa*"
for rule in $rules mount_setattr:2={0x100,0x1000,0x8000} unshare mount move_mount open_tree capset statx statfs read; do
	held "nested: $rule does nothing" bash nested.sh "$faking" "$rule" prctl:0=21 -- demo2 "$whole"
	held "out of a view: $rule does nothing" bash nested.sh "$faking" "$rule" prctl:0=21 -- \
		pinlib exec --host bash -c 'echo "2.0 /usr/bin/demo2"; exec "$0" 0' "$whole"
done
# The same for root, whose launch leaves the mounts shared that it does not need; and root in root's view.
rooted=(strace -qq -e raw=all -o trace)
cat >rooted.sh <<'END'
demo bash -c 'cp /proc/self/mountinfo outer; "$@" >inner; status=$?
	cat inner; diff outer /proc/self/mountinfo; exit $status' bash "$@" | tail -n +2
exit "${PIPESTATUS[0]}"
END
"${trace[@]}" demo >/dev/null
rules=$(/usr/bin/python3 rules.py <trace)
"${rooted[@]}" demo >/dev/null
rules=$(comm -13 <(echo "$rules") <(/usr/bin/python3 rules.py <trace))
is "the calls of root's launch are known" "$rules" "*move_mount:4=0x104*"
for rule in $rules mount_setattr:2={0x100,0x1000,0x8000} unshare mount move_mount open_tree openat read statx statfs; do
	held "root: $rule does nothing" "$faking" --root "$rule" -- demo "$whole"
	held "root: $rule is refused" "$faking" --root "$rule=EPERM" -- demo "$whole"
	held "root, nested: $rule does nothing" bash rooted.sh "$faking" --root "$rule" -- demo2 "$whole"
done
# A mount of the administrator's below a covered directory, which a launch has to find.
mkdir vendor "$libs/vendor" && touch vendor/file && mount --bind vendor "$libs/vendor"
"${trace[@]}" demo >/dev/null
for rule in $(/usr/bin/python3 rules.py <trace | grep -E '^(u?mount|open|read|statfs|statx|move)') \
	umount2={EINVAL,EAGAIN,ENOENT} umount2:1=0xc={EINVAL,EAGAIN} mount:3=0x5000={EPERM,EINVAL}; do
	held "vendor: $rule" "$faking" "$rule" prctl:0=21 -- demo "$whole" 1 "$libs/vendor/file"
done
umount "$libs/vendor"

# What is faked after the last mount: the filter of the app, and the exec.
pinlib set --confine legacy demo >/dev/null
refuses "the app's own filter is not loaded" 125 "fakes seccomp" "$faking" seccomp:0=1 -- demo
pinlib set --confine none demo >/dev/null
for n in 1 2; do # the stub's, the wrapper's
	held "exec $n does nothing" strace -qq -o /dev/null -u nobody -e trace=execve \
		-e inject=execve:retval=0:when=$n demo "$whole"
	is "... and that is a refusal" "$outcome" refused
done

# expect WHAT NAME COMMAND...: held, and it is this and nothing else.
expect() {
	local what=$1
	shift
	held "$@"
	[ "$outcome" = "$what" ] || not_ok "... $1: $what" "it was $outcome"
}
user=(setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env)

# The wrapper asks statfs(2) whether it starts in a view: a call without an answer must not count as "no".
expect refused "nested: a statfs that says nothing" bash nested.sh "$faking" statfs prctl:0=21 -- demo2 "$whole"

# A supervisor (seccomp_unotify(2)), who can count: each call of the wrapper in turn is said to have been made and is
# not, and all others are. It is an ordinary user, to whom root gave the filter.
expect whole "a supervisor who lets all calls pass" "$kernel" notify /usr/bin/demo "$whole"
for ((n = 1; n < 200; n++)); do
	held "a supervisor fakes call $n" "$kernel" notify=$n /usr/bin/demo "$whole"
	! grep -q '^no call' said || break
done
is "... of all calls that a launch makes" "$((n > 30 && n < 200))/$outcome" 1/whole
expect whole "root: a supervisor who lets all calls pass" "$kernel" notify-root /usr/bin/demo "$whole"
for ((n = 1; n < 200; n++)); do
	held "root: a supervisor fakes call $n" "$kernel" notify-root=$n /usr/bin/demo "$whole"
	! grep -q '^no call' said || break
	held "root, nested: a supervisor fakes call $n" bash rooted.sh "$kernel" notify-root=$n /usr/bin/demo2 "$whole"
	held "a user in root's view: a supervisor fakes call $n" bash rooted.sh "$kernel" notify=$n /usr/bin/demo2 "$whole"
done
is "... of all calls that root's launch makes" "$((n > 40 && n < 200))/$outcome" 1/whole
expect refused "a supervisor in a user namespace of the user's" "$kernel" notify-user /usr/bin/demo "$whole"

# Landlock, where nothing can be mounted: as where a filter refuses it.
landlock() {
	local name=$1 what=$2
	"$kernel" "$what" true 2>/dev/null
	case $? in
	0) ;;
	97) skip "$name" "this kernel has no Landlock" && return ;;
	esac
	pinlib set --on-failure=refuse demo >/dev/null
	expect refused "$name" "$kernel" "$what" /usr/bin/demo "$whole"
	is "... and the message gives the reason" "$(cat status.kept)/$(grep -o 'landlock\|no_new_privs' said)" "126/$3"
	pinlib set --on-failure=unpinned demo >/dev/null
	is "... or starts without its pins, if it may" \
		"$("$kernel" "$what" /usr/bin/demo 2>&1)" "pinlib: /usr/bin/demo: starting without its pins: *3.0 *"
	pinlib set --on-failure=refuse demo >/dev/null
}
landlock "a Landlock domain that root made" landlock landlock
landlock "a Landlock domain of the user's" landlock-user no_new_privs

# Roots. What the jail lacks is bound from the bed; first its / is no mount point.
for dir in usr var proc lib lib64 tmp opt; do
	mkdir -p jail/$dir
	if [ -L /$dir ]; then rmdir jail/$dir && cp -P /$dir jail/; fi
done
ln -sfn usr/bin jail/bin
cat >jail.sh <<'END'
# jail.sh HOW COMMAND...
[ "$1" = bare ] || mount --bind /tmp/jail /tmp/jail
for dir in usr var proc opt; do mount --rbind /$dir /tmp/jail/$dir; done
for dir in lib lib64; do [ -L /$dir ] || mount --rbind /$dir /tmp/jail/$dir; done
case $1 in
private) mount --make-rprivate /tmp/jail ;;
inside) cd /usr ;;
esac
cp /proc/self/mountinfo /tmp/mounts
shift
"$@"
END
expect refused "a chroot whose / is no mount point, everything shared" \
	bash jail.sh bare chroot --userspec=1000:1000 jail /usr/bin/demo "$whole"
expect whole "... is one" bash jail.sh shared chroot --userspec=1000:1000 jail /usr/bin/demo "$whole"
expect whole "... is one, and private" bash jail.sh private chroot --userspec=1000:1000 jail /usr/bin/demo "$whole"
expect whole "... with a working directory outside of it" bash jail.sh inside /usr/bin/python3 -c 'import os, sys
os.chroot("/tmp/jail"); os.setgroups([]); os.setresgid(1000, 1000, 1000); os.setresuid(1000, 1000, 1000)
os.execv("/usr/bin/demo", ["demo"] + sys.argv[1:])' "$whole"
# ... and names that begin there, which lead where no name of the chroot leads.
cat >outside.py <<'END'
import os, sys
name, argv0 = sys.argv[1:3]
os.chdir("/usr/bin")
demo, root = os.open("/usr/bin/demo", os.O_PATH), os.open("/", os.O_PATH)
for fd in demo, root:
    os.set_inheritable(fd, True)
os.chroot("/tmp/jail"); os.setgroups([]); os.setresgid(1000, 1000, 1000); os.setresuid(1000, 1000, 1000)
os.execv(name.format(demo=demo, root=root), [argv0] + sys.argv[3:])
END
for name in ./demo ../bin/demo ../../usr/bin/demo /proc/self/cwd/demo "/proc/self/fd/{root}/usr/bin/demo" "/proc/self/fd/{demo}"; do
	for argv0 in demo ./demo /usr/bin/demo /usr/bin/demo2; do
		held "a chroot: $name, called $argv0, outside of it" bash jail.sh inside \
			/usr/bin/python3 /tmp/outside.py "$name" $argv0 "$whole"
	done
done
expect refused "a chroot whose / is no mount point, as root" bash jail.sh bare chroot jail /usr/bin/demo "$whole" 

# Mount namespaces.
for how in shared slave private unchanged; do
	expect whole "another mount namespace, $how" unshare --mount --propagation $how "${user[@]}" demo "$whole"
done
expect whole "another mount namespace, of a user namespace that maps the host's root" \
	/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" unshare --mount "${user[@]}" demo "$whole"

# User namespaces.
expect whole "a user namespace that maps the host's root" \
	/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" "${user[@]}" demo "$whole"
expect refused "... one that maps another root" \
	/usr/bin/python3 "$src/tests/helpers/userns.py" "0 100000 65536" demo "$whole"
expect refused "... one that maps nobody" "${user[@]}" unshare --user demo "$whole"
expect refused "... one that maps the user" "${user[@]}" unshare --user --map-current-user demo "$whole"
expect refused "... one that maps the user as its root" "${user[@]}" unshare --user --map-root-user demo "$whole"
expect refused "... with a mount namespace" "${user[@]}" unshare --user --map-root-user --mount demo "$whole"
expect refused "no mount namespace may be made (max_mnt_namespaces = 0)" \
	/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" bash -c '
		echo 0 >/proc/sys/user/max_mnt_namespaces && exec "$@"' bash "${user[@]}" demo "$whole"
is "... and the message gives the reason" "$(grep -o "cannot create a mount namespace.*" said)" "*user.max_mnt_namespaces*"

# What the kernel asks of an exec that is to gain a capability.
expect refused "no_new_privs" "${user[@]}" setpriv --no-new-privs demo "$whole"
expect refused "a tracer who is an ordinary user" "${user[@]}" strace -f -qq -o /dev/null demo "$whole"
expect whole "a tracer who is root" strace -f -qq -o /dev/null -u nobody demo "$whole"
expect refused "a bounding set without CAP_SYS_ADMIN" \
	setpriv --bounding-set=-sys_admin --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo "$whole"
expect whole "... without anything else" setpriv --bounding-set=-all,+sys_admin --reuid 1000 --regid 1000 \
	--clear-groups --inh-caps=-all env demo "$whole"
expect whole "securebits of a caller without a root" setpriv --securebits=+noroot,+noroot_locked \
	--reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo "$whole"
expect refused "a process that shares its working directory and root with another" /usr/bin/python3 -c '
import ctypes, os, sys
os.setgroups([]), os.setresgid(1000, 1000, 1000), os.setresuid(1000, 1000, 1000)
child = ctypes.CDLL(None).syscall(56, 0x200 | 17, 0, 0, 0, 0) # clone(CLONE_FS | SIGCHLD)
if child == 0:
    os.execv("/usr/bin/demo", ["demo"] + sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))' "$whole"
finish
