#!/bin/bash
# Launches leave nothing behind: no mount, no namespace, no file, no kernel memory. And what one user can make
# the kernel hold with views that run. LAUNCHES: how many in a loop.
set -uo pipefail
# All of it where every mount is shared with its peers, as on a host: a mount that escapes is visible.
[ "${1:-}" = shared ] || exec unshare --mount --propagation shared "$0" shared
. tests/lib.sh
cd /tmp || exit 1
views=300 launches=${LAUNCHES:-10000}

pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null ||
	not_ok setup "cannot pin"
cat >kernel.py <<'END'
import glob, os, sys
# kernel.py: KiB of slab, of that not reclaimable; mounts and namespace proxies; namespaces that processes are in.
info = dict(line.split()[:2] for line in open("/proc/meminfo"))
slabs = {line.split()[0]: line.split()[1] for line in open("/proc/slabinfo")}
def namespace(path):
    try:
        return os.readlink(path)
    except OSError:
        return None
spaces = {namespace(p) for p in glob.glob("/proc/[0-9]*/ns/mnt")} - {None}
print(info["Slab:"], info["SUnreclaim:"], slabs["mnt_cache"], slabs["nsproxy"], len(spaces))
END
kernel() {
	/usr/bin/python3 kernel.py
}
cat >launch.py <<'END'
import os, sys
# launch.py N PROGRAM: starts it N times, eight at once; those that do not exit with 0 are counted.
quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
running, started, failed = 0, 0, 0
while started < int(sys.argv[1]) or running:
    if started < int(sys.argv[1]) and running < 8:
        os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=quiet)
        started, running = started + 1, running + 1
    else:
        failed += os.wait()[1] != 0
        running -= 1
print(failed, "failed")
END
cat >hold.py <<'END'
import os, subprocess, sys
# hold.py N PROGRAM: starts it N times at once, says when all are there, and lets them go at the end of its input.
started = [subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(int(sys.argv[1]))]
print(len({(p.stdout.readline(), p.stdout.readline())[0] for p in started}), "kinds", flush=True)
sys.stdin.read()
for p in started:
    p.stdin.close()
for p in started:
    p.wait()
END
places() {
	find /tmp /run /var/lib/pinlib /dev/shm /opt /usr/local -xdev ! -path '/tmp/o*' | sort
	grep -c . /proc/self/mountinfo
}

# held PROGRAM: KiB of slab, mounts and namespaces that 300 of it hold.
held() {
	local before during go
	before=$(kernel)
	coproc as 1000 /usr/bin/python3 hold.py $views "$1" bash -c 'echo; read'
	read -r -u "${COPROC[0]}"
	during=$(kernel)
	diff o-mounts /proc/self/mountinfo >o-seen
	go=${COPROC[1]}
	exec {go}>&-
	wait "$COPROC_PID"
	paste <(tr ' ' '\n' <<<"$before") <(tr ' ' '\n' <<<"$during") | awk '{ print $2 - $1 }' | xargs
}
places >o-before
cp /proc/self/mountinfo o-mounts
mounts=$(grep -c . o-mounts)
as 1000 /usr/bin/python3 launch.py 500 /usr/bin/demo >/dev/null # what is cached once is cached
read -r plain_slab _ plain_mounts _ _ <<<"$(held /usr/bin/.pinlib/demo)"
read -r slab _ view_mounts _ spaces <<<"$(held /usr/bin/demo)"
is "$views views at once are as many namespaces" "$spaces" $views
is "... of which nothing is seen outside" "$(cat o-seen)" ""
each=$(((slab - plain_slab) / views))
echo "each holds $each KiB of slab and $(((view_mounts - plain_mounts) / views)) mounts more than the program alone, where there are $mounts mounts"
if [ $each -gt 0 ] && [ $each -le $((24 + mounts)) ]; then
	ok "a view holds 24 KiB and 1 KiB for each mount at most"
else
	not_ok "a view holds 24 KiB and 1 KiB for each mount at most" "$each KiB with $mounts mounts"
fi

# grown BEFORE LIMIT FIELD: how much more of it there is now; others use the kernel too, and what is let go
# goes a little later, so it is asked for again as long as it is more than the limit.
grown() {
	local n now
	for ((n = 0; n < 30; n++)); do
		now=$(($(kernel | cut -d' ' -f"$3") - $1))
		[ $now -gt "$2" ] || break
		sleep 0.5
	done
	echo $now
}
before=$(kernel)
is "$((launches / 2)) launches" "$(as 1000 /usr/bin/python3 launch.py $((launches / 2)) /usr/bin/demo)" "0 failed"
sleep 1
read -r _ unreclaimed objects proxies _ <<<"$(kernel)"
is "... and as many again" "$(as 1000 /usr/bin/python3 launch.py $((launches / 2)) /usr/bin/demo)" "0 failed"
# none NAME FIELD BEFORE LIMIT: a tenth of one for each launch, or of 20 KiB (a view holds more), is not there.
none() {
	local more
	more=$(grown "$3" "$4" "$2")
	echo "$1: $more more after the second $((launches / 2))"
	if [ "$more" -le "$4" ]; then ok "no more $1"; else not_ok "no more $1" "$more more"; fi
}
none "mounts" 3 "$objects" $((launches / 20))
none "namespaces' proxies" 4 "$proxies" $((launches / 20))
none "KiB of slab that cannot be reclaimed" 2 "$unreclaimed" $launches
none "namespaces with a process" 5 "${before##* }" 20
is "nor a file, nor a mount" "$(places | diff o-before -)" ""
is "nor a process" "$(pgrep -c -x demo)" 0
finish
