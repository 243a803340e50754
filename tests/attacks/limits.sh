#!/bin/bash
# What a caller can give and do while the wrapper runs: descriptors, limits, signals and tracers at
# each of its system calls. The app starts whole or nothing does, and nobody gets at the wrapper.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
steps=$fixtures/steps whole=$fixtures/whole plain=/usr/bin/.pinlib/demo
gcc -Wall -o /usr/local/bin/probe "$src/tests/helpers/probe.c" -L"$fixtures" -Wl,--no-as-needed "$libs/libdemo.so.1" &&
	cp /usr/local/bin/probe /opt/probe && pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set probe libdemo1=1.0 >/dev/null ||
	not_ok setup "cannot pin"

# Descriptors: the app has those that the caller had, and none of the wrapper's.
for how in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 2>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-' '' \
	'3</dev/null 4</dev/null 5</dev/null' '0<&- 3</ 4</ 5</ 6</ 7</ 8</ 9</' '0</usr/local/lib/pinlib' '2</var/lib/pinlib/plans'; do
	for program in /opt /usr/local/bin; do
		as 1000 PROBE_OUT=/tmp/"${program##*/}".fds bash -c "exec $how; exec $program/probe" </dev/null >/dev/null 2>&1
	done
	is "descriptors: ${how:-all open}" "$(grep '^fd ' bin.fds)" "$(grep '^fd ' opt.fds)"
	rm -f ./*.fds
done

# limited NAME SOFT HARD ENOUGH: a whole view, a refusal, or no start where the program does not start
# without pinlib either. Under ENOUGH the wrapper, which needs more than a small program, may be killed.
limited() {
	local limit=--$1=$2:$3 got said wanted
	got=$(as 1000 prlimit "$limit" -- demo "$whole" 2>err; echo "$?")
	wanted=$(as 1000 prlimit "$limit" -- $plain "$whole" 2>/dev/null)
	said=$got$(cat err)
	case $wanted,$got in
	*,"1.0 /usr/bin/demo"*whole*0) ok "RLIMIT_$1 $2:$3: whole" ;;
	*,1[35]? | *,"1.0 /usr/bin/demo"*1[35]?)
		if [ "$2" -lt "$4" ] || [ -z "$wanted" ]; then
			ok "RLIMIT_$1 $2:$3: killed"
		else
			not_ok "RLIMIT_$1 $2:$3" "$said"
		fi
		;;
	3.0*,12[56])
		if grep -q '^pinlib: .*\(descriptors\|RLIMIT\)' err; then
			ok "RLIMIT_$1 $2:$3: refused"
		else
			not_ok "RLIMIT_$1 $2:$3" "$said"
		fi
		;;
	,1[2-9]?) ok "RLIMIT_$1 $2:$3: not started, nor is the program" ;;
	*) not_ok "RLIMIT_$1 $2:$3" "$said, without pinlib: $wanted" ;;
	esac
}
for name in as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack; do
	values="0 1 4096" enough=0
	case $name in
	nice | rtprio) values=0 ;;
	cpu) enough=1 ;; # 0 kills at the next tick, whoever runs then
	data) values+=" 16384 262144 524288 1048576" enough=524288 ;;
	as) values+=" 65536 1048576 4194304 16777216" ;;
	stack) values+=" 16384 65536 1048576" enough=65536 ;;
	nofile) values+=" 2 3 4 5 6 7 8 16" ;;
	esac
	for value in $values; do
		limited $name "$value" '' $enough
		limited $name "$value" "$value" $enough
	done
done

# What the user who started it tries at each system call of the wrapper. First, that all of it
# succeeds with a program of theirs.
is "the attacks are such" "$($steps -p attach true | grep -v ' WON ')" "1 steps"
$steps attach demo "$whole" >tried
calls=$(sed -n 's/ steps$//p' tried)
if [ "${calls:-0}" -gt 20 ]; then
	ok "the wrapper is stopped at each system call"
else
	not_ok "the wrapper is stopped at each system call" "$(tail -n 3 tried)"
fi
for attack in $(awk '$3 == "held" || $3 == "WON" { print $4 }' tried | sort -u); do
	is "stopped at each call: $attack" "$(grep -c " held $attack$" tried)/$(grep " WON $attack$" tried)" "$calls/"
done
is "... and it goes on then" "$(grep ended tried)" ""

mkdir -m 1777 cores && cd cores || exit 1
for signal in 1 2 3 6 10 11 14 15 24; do
	is "signal $signal at each call kills, without a core" "$($steps signal=$signal demo "$whole")" "$calls steps"
done
is "... no core file" "$(ls)" ""
case $(cat /proc/sys/kernel/core_pattern) in
'|'*) skip "a program of the user's leaves one" "cores are piped to a program of the host's" ;;
*) is "a program of the user's leaves one" "$($steps -p signal=11 true)" "step -1 core?1 steps" ;;
esac
cd .. && rm -r cores
for signal in 1 2 10 14 15; do
	is "signal $signal at each call, ignored" "$($steps ignored=$signal demo "$whole")" "$calls steps"
done
for limit in 0 3; do
	is "the user takes the descriptors away at each call ($limit)" \
		"$($steps nofile=$limit demo "$whole" | grep -vc 'ended 7[def]00$')" 1
done
finish
