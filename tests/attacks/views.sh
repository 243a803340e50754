#!/bin/bash
# Thousands of views that one user has, running, stopped or half built: root's commands still work beside them
# ends in bounded time, sees each of them, and takes nothing away that they use.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
views=${VIEWS:-2000} most=$(ulimit -u)
if [ "$most" != unlimited ] && [ "$most" -lt $((views + 200)) ]; then
	skip "$views views" "a user may have $most processes here"
	views=$((most - 200))
fi
user=(setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env)
pinlib add "$fixtures"/deb/libdemo1_{1.0,1.1,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"

# Each in a view of its own; their parent ends them.
cat >many.py <<'END'
import os, signal, sys, time
n = int(sys.argv[1])
children = [os.posix_spawn("/usr/bin/demo", ["demo", "/usr/bin/sleep", "600"], os.environ,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
            for _ in range(n)]
def name(pid):
    return open(f"/proc/{pid}/comm").read().strip()
while not all(name(pid) == "sleep" for pid in children):
    time.sleep(0.1)
for pid in children[::2]:
    os.kill(pid, signal.SIGSTOP)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
with open("pids.new", "w") as f:
    print(*children, file=f)
os.rename("pids.new", "pids")
signal.sigwait({signal.SIGTERM})
for pid in children:
    os.kill(pid, signal.SIGKILL)
END
"${user[@]}" /usr/bin/python3 many.py "$views" >said 2>&1 &
parent=$!
for _ in {1..1200}; do
	[ ! -e pids ] && kill -0 $parent 2>/dev/null || break
	sleep 0.1
done
read -ra pids <pids || not_ok "$views views run" "$(tail -n 3 said)"
is "$views views run" "${#pids[@]}" "$views"

# within SECONDS NAME COMMAND...: it is done in time, whoever else uses the machine. What it said is in "said".
within() {
	local limit=$1 name=$2 status=0 start=$SECONDS
	shift 2
	timeout --kill-after=5 "$limit" "$@" >said 2>&1 </dev/null || status=$?
	printf '# %s: %d s\n' "$name" $((SECONDS - start))
	is "$name" "$status" 0
}
count() {
	/usr/bin/python3 -c 'import json, sys; print(len(json.load(sys.stdin)["processes"]))' <said
}
within 60 "ps beside $views views" pinlib --json ps
is "... lists each of them" "$(count)" "$views"
within 60 "... for their user" "${user[@]}" pinlib --json ps
is "... too" "$(count)" "$views"
within 60 "ps --libs" pinlib --json ps --libs
is "... lists each of them" "$(count)" "$views"
within 10 "ps of a stopped one" pinlib ps "${pids[0]}"
within 10 "ps of one that runs" pinlib ps "${pids[1]}"
within 60 "set" pinlib set demo libdemo1=2.0
within 60 "refresh" pinlib refresh
is "a launch" "$(as 1000 timeout 20 demo)" "2.0 /usr/bin/demo"
within 60 "gc --keep 1" pinlib gc --now --keep 1
is "... keeps the version that they use" "$(pinlib libs | grep -o '1\.[01]-1' | tr '\n' ' ')" "1.0-1 "
is "... and its layers" "$(nsenter --mount --target "${pids[1]}" readlink "$libs/libdemo.so.1")" libdemo.so.1.0
within 60 "unset" pinlib unset demo
within 60 "... and set again" pinlib set demo libdemo1=2.0

# Half of them end; of the others all are seen.
kill -KILL "${pids[@]:0:views/2}"
for _ in {1..300}; do # a dying process is in its view yet
	[ "$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(sleep) [^Z]')" -gt $((views - views / 2)) ] || break
	sleep 0.1
done
within 60 "ps when half of them have ended" pinlib --json ps
is "... lists the others" "$(count)" $((views - views / 2))
within 60 "gc while the others end" bash -c 'kill -TERM '$parent'; pinlib gc --now --keep 1'
wait $parent
for _ in {1..300}; do
	cat /proc/[0-9]*/stat 2>/dev/null | grep -q '(sleep) [^Z]' || break
	sleep 0.1
done
within 60 "gc when all have ended" pinlib gc --now --keep 1
is "... frees the versions that they used" "$(pinlib libs | grep -o '[12]\.[01]-1' | tr '\n' ' ')" "2.0-1 "
runs "doctor" verify

# Wrappers that their user stops at any point: a view that is half built, or not begun.
cat >halves.py <<'END'
import os, random, signal, sys, time
children = []
for i in range(int(sys.argv[1])):
    child = os.posix_spawn("/usr/bin/demo", ["demo", "/usr/bin/sleep", "600"], os.environ,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    for _ in range(random.randrange(4000)):
        pass
    os.kill(child, signal.SIGSTOP)
    children.append(child)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
open("stopped", "w").close()
signal.sigwait({signal.SIGTERM})
for pid in children:
    os.kill(pid, signal.SIGCONT)
time.sleep(3)
with open("whole", "w") as f:
    print(sum(open(f"/proc/{pid}/comm").read().strip() == "sleep" for pid in children), file=f)
for pid in children:
    os.kill(pid, signal.SIGKILL)
END
pinlib set demo libdemo1=2.0 >/dev/null 2>&1
"${user[@]}" /usr/bin/python3 halves.py 300 >said 2>&1 &
parent=$!
for _ in {1..600}; do
	[ ! -e stopped ] && kill -0 $parent 2>/dev/null || break
	sleep 0.1
done
is "300 launches are stopped, some in the wrapper" \
	"$(ls stopped)/$(readlink /proc/[0-9]*/exe | grep -c '/pinlib-wrapper$')" "stopped/[1-9]*"
within 60 "ps beside them" pinlib ps
within 60 "add, with gc after it" bash -c "pinlib add $fixtures/deb/libdemo1_1.1-1_*.deb && pinlib set demo libdemo1=1.1"
within 60 "gc beside them" pinlib gc --now --keep 1
kill -TERM $parent && wait $parent
# A wrapper may have read its plan before "set": gc leaves the layers of that time while one runs.
is "... and all that are let go become whole" "$(cat whole)" 300
within 60 "gc afterwards" pinlib gc --now --keep 1
runs "doctor afterwards" verify
finish
