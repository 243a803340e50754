#!/bin/bash
# What pinlib(1) lists under CAVEATS: each sentence about a running view holds, and so does what helps.
. "$(dirname "$0")/../lib.sh"
mkdir -p /tmp/caveats && chmod 1777 /tmp/caveats && cd /tmp/caveats || exit 1
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null ||
	not_ok setup "cannot pin"
demo=$(command -v demo)

# in_view COMMAND...: runs a command in demo's view, which it starts, and prints what the command printed.
in_view() { demo "$@" 2>&1 | tail -n +2; }

# A program that waits in its view and answers questions.
cat >answer.py <<'END'
import os, sys
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except OSError as e:
        print(e.strerror, flush=True)
END
begin() {
	coproc DAEMON { demo /usr/bin/python3 answer.py; }
	read -r _ <&"${DAEMON[0]}" # demo's own line
}
ask() {
	local said
	echo "$1" >&"${DAEMON[1]}" && read -r said <&"${DAEMON[0]}" && echo "$said"
}
end() {
	local in=${DAEMON[1]} pid=$DAEMON_PID
	exec {in}>&-
	wait "$pid" 2>/dev/null
}

late=/opt/late && mkdir -p $late && mount -t tmpfs -o ro late $late

begin
stat="os.stat('$libs/late-plugin.so').st_size"
is "a plugin that is not there" "$(ask "$stat")" "No such file or directory"
echo plugin >"$libs/late-plugin.so"
is "... stays missing for a running program when it is installed" "$(ask "$stat")" "No such file or directory"
is "... though its directory lists it" "$(ask "'late-plugin.so' in os.listdir('$libs')")" True
is "... and a restart helps" "$(in_view stat -c %s "$libs/late-plugin.so")" 7
touch_late="open('$late/file', 'w').close()"
is "a mount that is read-only" "$(ask "$touch_late")" "Read-only file system"
mount -o remount,rw $late && touch $late/host
is "... stays read-only in a running view" "$(ask "$touch_late")" "Read-only file system"
is "... and a restart helps" "$(in_view touch $late/restarted)$(ls $late)" $'host\nrestarted'
is "rename(2) of the program's own path fails" "$(ask "os.rename('$demo', '$demo.old')")" "Device or resource busy"
cp /usr/bin/true /usr/bin/update
is "... and over it" "$(ask "os.rename('/usr/bin/update', '$demo')")" "Device or resource busy"
is "... and unlink(2)" "$(ask "os.unlink('$demo')")" "Device or resource busy"
is "... for root" "$(ask "os.geteuid()")" 0
end
is "... and the program is still there" "$(demo)" "1.0 /usr/bin/demo"

file=$libs/late-plugin.so
flock "$file" sleep 5 &
sleep 0.3
is "a lock excludes others outside" "$(flock -n "$file" echo granted)" ""
kill %% 2>/dev/null
demo flock "$file" sleep 5 >/dev/null &
sleep 0.5
is "a lock in a covered directory is granted to two launches" "$(in_view flock -n "$file" echo granted)" granted
touch /run/lock/caveats
demo flock /run/lock/caveats sleep 5 >/dev/null &
sleep 0.5
is "... and elsewhere to one" "$(in_view flock -n /run/lock/caveats echo granted)" ""
kill $(jobs -p) 2>/dev/null

is "a program that stays on one file system omits covered directories" \
	"$(in_view find /usr/lib -xdev -name 'libc.so.6' -path "$libs/*")" ""
is "... a backup by tar" "$(in_view bash -c "tar --one-file-system -cf - $libs/.. 2>/dev/null | tar -t | grep -c '/libc\.so\.6$'")" 0
is "... and 'pinlib exec --host' helps" \
	"$(in_view pinlib exec --host find /usr/lib -xdev -name 'libc.so.6' -path "$libs/*")" "$libs/libc.so.6"

cat >ftok.py <<'END'
import ctypes, sys
print(ctypes.CDLL(None).ftok(sys.argv[1].encode(), 1))
END
inside=$(in_view /usr/bin/python3 ftok.py "$demo")
is "ftok(3) of the program's path is the original's inside" "$inside" "$(/usr/bin/python3 ftok.py /usr/bin/.pinlib/demo)"
[ "$inside" != "$(/usr/bin/python3 ftok.py "$demo")" ] && ok "... and another outside" || not_ok "... and another outside" "$inside"
is "... and of another file the same" "$(in_view /usr/bin/python3 ftok.py /etc/passwd)" "$(/usr/bin/python3 ftok.py /etc/passwd)"

# Users' programs and those that no package brings: set says it.
said() { pinlib set "$1" libdemo1=1.0 2>&1 >/dev/null; }
is "set has nothing to say about a package's program" "$(said demo2)" ""
cp -L /usr/bin/.pinlib/demo2 /opt/tool && cp /opt/tool /usr/bin/tool1000 && chown 1000 /usr/bin/tool1000
is "set says that a program in /opt cannot update itself" "$(said /opt/tool)" \
	"pinlib: note: /opt/tool cannot rename or remove its own file while it runs in its view; if it updates itself, run 'pinlib unset /opt/tool' before the update"
is "... and that a user's cannot" "$(said tool1000)" "*'pinlib unset /usr/bin/tool1000'*"
is "... once" "$(pinlib set /opt/tool libdemo1=2.0 2>&1 >/dev/null)" ""
finish
