#!/bin/bash
# At no instant is an app missing, half wrapped or without its libraries: launches go on while set
# and unset flip; two changes at once both happen, one after the other.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_{1.0,1.1,2.0}-1_*.deb >/dev/null || not_ok setup "cannot add"

# launches FILE COMMAND...: as a user, over and over until /tmp/stop exists; a line each.
launches() {
	local out=$1
	shift
	as 1000 bash -c 'until [ -e /tmp/stop ]; do "$@" 2>&1 || echo "exit $?"; done' bash "$@" >"$out"
}

flip() {
	local app=$1 i
	for i in {1..8}; do
		pinlib set "$app" libdemo1=1.0 >/dev/null || echo "set failed"
		pinlib set "$app" libdemo1=2.0 >/dev/null || echo "set failed"
		pinlib unset "$app" >/dev/null || echo "unset failed"
	done
}

# judge NAME FILE REGEX: enough launches, each of them one of the states that there can be.
judge() {
	local odd
	odd=$(grep -vE "^($3)\$" "$2" | sort | uniq -c | head -n 3)
	if [ -n "$odd" ]; then
		not_ok "$1" "of $(wc -l <"$2") launches: $odd"
	elif [ "$(wc -l <"$2")" -lt 50 ]; then
		not_ok "$1" "only $(wc -l <"$2") launches"
	elif [ "$(sort -u "$2" | wc -l)" -lt 2 ]; then
		not_ok "$1" "all launches were the same: $(head -n 1 "$2")"
	else
		ok "$1"
	fi
}

rm -f stop
launches elf.log /usr/bin/demo &
launches script.log /usr/bin/demo-script &
launches opt.log /opt/demo/bin/demo &
said=$(flip demo; flip demo-script; flip /opt/demo/bin/demo)
touch stop
wait
is "set and unset go on while the app is launched" "$said" ""
# A program that runs while its file is moved away or back knows itself by another name: as after
# an upgrade by dpkg "(deleted)", and in a view, whose mount on the path goes with the path, "/".
judge "an app that is launched while it is wrapped and unwrapped" elf.log \
	'(1.0|2.0|3.0) (/|/usr/bin/(.pinlib/)?demo( .deleted.)?)'
judge "a script that is launched while it is wrapped and unwrapped" script.log '1.0|2.0|3.0'
judge "a program under /opt that is launched while it is wrapped and unwrapped" opt.log \
	'(1.0|2.0|3.0-opt) (/|/opt/demo/bin/(.pinlib/)?demo( .deleted.)?)'

# The path itself is there at every instant.
rm -f stop
/usr/bin/python3 - >gone.log <<'END' &
import os
gone = looks = 0
while not os.path.exists("/tmp/stop"):
    looks += 1
    if not os.access("/usr/bin/demo", os.X_OK):
        gone += 1
print(gone, looks > 1000)
END
flip demo >/dev/null
touch stop
wait
is "the app's path is never missing" "$(cat gone.log)" "0 True"

# Changes at once.
pids=()
for i in {1..8}; do
	pinlib set demo "libdemo1=$((i % 2 + 1)).0" >/dev/null 2>&1 &
	pids+=($!)
	pinlib set demo2 libdemo1=1.1 >/dev/null 2>&1 &
	pids+=($!)
	pinlib set /opt/demo/bin/demo "libdemo1=$(((i + 1) % 2 + 1)).0" >/dev/null 2>&1 &
	pids+=($!)
done
bad=0
for pid in "${pids[@]}"; do
	wait "$pid" || bad=$((bad + 1))
done
is "24 changes at once all succeed" $bad 0
is "the policy has all three apps" "$(pinlib show | cut -d' ' -f1 | tr '\n' ' ')" \
	"/opt/demo/bin/demo /usr/bin/demo /usr/bin/demo2 "
numbers=$(pinlib --json history | /usr/bin/python3 -c 'import json, sys
ids = [g["generation"] for g in json.load(sys.stdin)]
print(ids == sorted(set(ids)))')
is "generations have numbers of their own, in order" "$numbers" True
runs "after it everything is well" verify

# Readers during changes see one generation whole.
rm -f stop
as 1000 bash -c 'until [ -e /tmp/stop ]; do pinlib --json show | /usr/bin/python3 -m json.tool >/dev/null || echo broken; done' >readers.log 2>&1 &
flip demo >/dev/null
touch stop
wait
is "readers never fail while changes happen" "$(sort readers.log | uniq -c)" ""
finish
