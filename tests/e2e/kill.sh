#!/bin/bash
# A change is killed at every instant it can be: the app runs all the time with the old or the new
# pins, and the next command finishes or takes back what was left.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null || not_ok setup "cannot add"
what /usr/bin/demo >before

# Where strace stops a command: at the N-th call of those that change files.
calls=rename,renameat,renameat2,link,linkat,unlink,unlinkat,symlink,symlinkat,mkdirat,mkdir,fsync,fdatasync

count() {
	strace -qq -o calls.log -e trace=$calls "$@" >/dev/null 2>&1
	wc -l <calls.log
}

# killed_at N COMMAND...: SIGKILL on entry to its N-th such call. dpkg-divert,
# which it runs, is not killed: that is another program's promise.
killed_at() {
	local n=$1
	shift
	strace -qq -o /dev/null -e trace=$calls -e "inject=$calls:signal=KILL:when=$n" "$@" \
		>/dev/null 2>&1
}

# Each round: from state A, kill the change to B at call N, look, repair with a harmless command.
round() {
	local name=$1 n=$2 now
	shift 2
	killed_at "$n" "$@"
	[ $? = 137 ] || echo "$name at call $n: was not killed"
	now=$(as 1000 /usr/bin/demo 2>&1)
	case $now in
	"3.0 /usr/bin/demo" | "1.0 /usr/bin/demo" | "2.0 /usr/bin/demo" | "3.0 /usr/bin/.pinlib/demo") ;;
	*)
		echo "$name at call $n: the app says: $now"
		return
		;;
	esac
	pinlib verify >verify.log 2>&1 || {
		echo "$name at call $n: $(tail -n 3 verify.log | tr '\n' '|')"
		return
	}
	now=$(as 1000 /usr/bin/demo 2>&1)
	case "$(pinlib list | tr -s ' ')" in
	"") [ "$now" = "3.0 /usr/bin/demo" ] && what /usr/bin/demo | cmp -s - before ;;
	"/usr/bin/demo libdemo1=1.0-1") [ "$now" = "1.0 /usr/bin/demo" ] ;;
	"/usr/bin/demo libdemo1=2.0-1") [ "$now" = "2.0 /usr/bin/demo" ] ;;
	*) false ;;
	esac || echo "$name at call $n: the policy says \"$(pinlib list)\", the app says \"$now\""
}

# sweep NAME RESET CHANGE: kills CHANGE at each of its calls, from the state that RESET makes.
sweep() {
	local name=$1 reset=$2 change=$3 all n wrong
	eval "$reset" >/dev/null 2>&1
	all=$(count $change)
	if [ "$all" -lt 5 ]; then
		not_ok "$name" "strace saw only $all calls that change files"
		return
	fi
	wrong=$(for ((n = 1; n <= all; n++)); do
		eval "$reset" >/dev/null 2>&1
		round "$name" $n $change
	done)
	if [ -z "$wrong" ]; then ok "$name, killed at each of $all calls"; else not_ok "$name" "$wrong"; fi
}

sweep "the first pin" "pinlib unset demo" "pinlib set demo libdemo1=1.0"
sweep "another pin" "pinlib set demo libdemo1=1.0" "pinlib set demo libdemo1=2.0"
sweep "the last pin" "pinlib set demo libdemo1=1.0" "pinlib unset demo"
sweep "a rollback" "pinlib unset demo; pinlib set demo libdemo1=1.0" "pinlib rollback"

# An add that is killed leaves a store that is well, and what it left is collected.
pinlib unset --all >/dev/null 2>&1
pinlib gc --keep 1 >/dev/null
all=$(count pinlib add "$fixtures"/deb/libdemo1_1.1-1_*.deb)
wrong=$(for ((n = 1; n <= all; n++)); do
	pinlib gc --keep 1 >/dev/null 2>&1
	killed_at "$n" pinlib add "$fixtures"/deb/libdemo1_1.1-1_*.deb
	pinlib verify >verify.log 2>&1 || echo "call $n: $(tail -n 2 verify.log)"
	pinlib gc --keep 1 >/dev/null 2>&1 || echo "call $n: gc fails"
	[ -z "$(find /var/lib/pinlib/store -type f)" ] || echo "call $n: something is left"
done)
if [ -z "$wrong" ]; then ok "an add, killed at each of $all calls"; else not_ok "an add that is killed" "$wrong"; fi

pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null
runs "after all this a pin can be set" pinlib set demo libdemo1=1.0
is "... and works" "$(as 1000 demo)" "1.0 /usr/bin/demo"
finish
