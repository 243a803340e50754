#!/bin/bash
# A change is killed at every instant it can be: the app runs all the time with the old or the new
# pins, and the next command finishes or takes back what was left.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null || not_ok setup "cannot add"
what /usr/bin/demo >before

# Where strace stops a command: at each of the calls that change files.
calls=rename,renameat,renameat2,link,linkat,unlink,unlinkat,symlink,symlinkat,mkdirat,mkdir,fsync,fdatasync

# stops COMMAND...: runs it, and prints NAME:K for each such call, the K-th of that NAME.
stops() {
	strace -qq -o calls.log -e trace=$calls "$@" >/dev/null 2>&1
	sed -n 's/^\([a-z0-9]*\)(.*/\1/p' calls.log | awk '{ print $1 ":" ++n[$1] }'
}

# killed_at NAME:K COMMAND...: SIGKILL on entry to that call. dpkg-divert, which it runs, is not
# killed: that is another program's promise.
killed_at() {
	local at=$1
	shift
	strace -qq -o /dev/null -e trace=$calls -e "inject=${at%:*}:signal=KILL:when=${at#*:}" "$@" \
		>/dev/null 2>&1
}

# Each round: from state A, kill the change to B at one call, look, repair with a harmless command.
round() {
	local at=$1 now
	shift
	killed_at "$at" "$@"
	[ $? = 137 ] || echo "$at: was not killed"
	now=$(as 1000 /usr/bin/demo 2>&1)
	case $now in
	"3.0 /usr/bin/demo" | "1.0 /usr/bin/demo" | "2.0 /usr/bin/demo" | "3.0 /usr/bin/.pinlib/demo") ;;
	*)
		echo "$at: the app says: $now"
		return
		;;
	esac
	pinlib verify >verify.log 2>&1 || {
		echo "$at: $(tail -n 3 verify.log)"
		return
	}
	now=$(as 1000 /usr/bin/demo 2>&1)
	case "$(pinlib list | tr -s ' ')" in
	"") [ "$now" = "3.0 /usr/bin/demo" ] && what /usr/bin/demo | cmp -s - before ;;
	"/usr/bin/demo libdemo1=1.0-1") [ "$now" = "1.0 /usr/bin/demo" ] ;;
	"/usr/bin/demo libdemo1=2.0-1") [ "$now" = "2.0 /usr/bin/demo" ] ;;
	*) false ;;
	esac || echo "$at: the policy says \"$(pinlib list)\", the app says \"$now\""
}

# sweep NAME RESET CHANGE: kills CHANGE at each of its calls, from the state that RESET makes.
sweep() {
	local name=$1 reset=$2 change=$3 all at wrong
	eval "$reset" >/dev/null 2>&1
	# shellcheck disable=SC2046,SC2086
	all=($(stops $change))
	if [ ${#all[@]} -lt 5 ]; then
		not_ok "$name" "strace saw only ${#all[@]} calls that change files"
		return
	fi
	wrong=$(for at in "${all[@]}"; do
		eval "$reset" >/dev/null 2>&1
		# shellcheck disable=SC2086
		round "$at" $change
	done)
	if [ -z "$wrong" ]; then
		ok "$name, killed at each of ${#all[@]} calls"
	else
		not_ok "$name, killed at each of ${#all[@]} calls" "$wrong"
	fi
}

# Each version is in a generation, so gc takes only layers that nobody uses: they are built anew in
# every round.
pinlib set demo libdemo1=1.0 >/dev/null
pinlib set demo libdemo1=2.0 >/dev/null
sweep "the first pin" "pinlib unset demo; pinlib gc" "pinlib set demo libdemo1=1.0"
sweep "another pin" "pinlib set demo libdemo1=1.0; pinlib gc" "pinlib set demo libdemo1=2.0"
sweep "the last pin" "pinlib set demo libdemo1=1.0" "pinlib unset demo"
sweep "a rollback" "pinlib set demo libdemo1=2.0; pinlib set demo libdemo1=1.0; pinlib gc" "pinlib rollback"

# An add that is killed leaves a store that is well, and what it left is collected.
added() {
	local at=$1
	pinlib gc --keep 1 >/dev/null 2>&1
	killed_at "$at" pinlib add "$fixtures"/deb/libdemo1_1.1-1_*.deb
	[ $? = 137 ] || echo "$at: was not killed"
	pinlib verify >verify.log 2>&1 || echo "$at: $(tail -n 2 verify.log)"
	pinlib gc --keep 1 >/dev/null 2>&1 || echo "$at: gc fails"
	[ -z "$(find /var/lib/pinlib/store -type f)" ] || echo "$at: something is left"
}

pinlib unset --all >/dev/null 2>&1
pinlib gc --keep 1 >/dev/null
all=($(stops pinlib add "$fixtures"/deb/libdemo1_1.1-1_*.deb))
wrong=$(for at in "${all[@]}"; do added "$at"; done)
if [ -z "$wrong" ] && [ ${#all[@]} -gt 5 ]; then
	ok "an add, killed at each of ${#all[@]} calls"
else
	not_ok "an add, killed at each of ${#all[@]} calls" "$wrong"
fi

pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null
runs "after all this a pin can be set" pinlib set demo libdemo1=1.0
is "... and works" "$(as 1000 demo)" "1.0 /usr/bin/demo"
finish
