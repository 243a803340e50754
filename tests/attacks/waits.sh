#!/bin/bash
# What users can keep waiting: their processes, file systems, pipes and terminals must not make root's commands wait
# for more than a few seconds, nor keep gc from its work. Where "within" says a time, it is generous: without the fix
# it would be for ever.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1

# pin VERSION [APP]: gc may have removed it.
pin() {
	pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null && pinlib set "${2:-demo}" libdemo1="$1" >/dev/null ||
		not_ok "pin $*" "cannot"
}
pin 1.0 && pin 2.0 demo2

children() {
	local child
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		children "$child"
		echo "$child"
	done
}

# within SECONDS COMMAND...: its exit status, its output in the file "said"; 124 if it took longer. It may be in a
# state in which it cannot be killed, so it is not waited for.
within() {
	local i=0 seconds=$1 pid
	shift
	rm -f within.status
	{
		"$@" >said 2>&1 </dev/null
		echo $? >within.status
	} &
	pid=$!
	until [ -s within.status ] || [ $((i += 1)) -gt $((seconds * 20)) ]; do sleep 0.05; done
	[ -s within.status ] && return "$(cat within.status)"
	kill -9 $(children $pid) $pid 2>/dev/null
	echo "not done after $seconds seconds" >said
	return 124
}

# answers NAME SECONDS COMMAND...: it ends in time, with status 0.
answers() {
	local name=$1 status=0
	shift
	within "$@" || status=$?
	if [ $status = 0 ]; then ok "$name"; else not_ok "$name" "exit $status: $(cat said)"; fi
}

# until_there FILE
until_there() {
	local i
	for ((i = 0; i < 1200; i++)); do
		[ -s "$1" ] && return
		sleep 0.05
	done
	not_ok "$1 comes to be" "it does not"
}

# -- processes that do not answer --

# hang.py COUNT COMMAND...: so many processes, each of which executes a program while it holds a descriptor of the
# file system that does not answer; the program never begins.
cat >hang.py <<'END'
import os, sys, time
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        fd = os.open("hung/file", os.O_RDONLY | os.O_CLOEXEC)
        os.execv(sys.argv[2], sys.argv[2:])
time.sleep(600)
END
mkdir hung tree && echo x >tree/file && chown -R 1000 hung tree

# hang_begin COUNT [COMMAND...]: so many processes that COMMAND, run as the user, makes do not answer. One of them is
# $stuck, their parent $parent.
hang_begin() {
	local count=$1 i
	shift
	rm -f hung.log && touch hung.log && chmod 666 hung.log
	server=$(as 1000 "$build/hostilefs" --hang flush --log /tmp/hung.log hung tree)
	as 1000 "$@" /usr/bin/python3 hang.py "$count" /usr/bin/sleep 600 >/dev/null &
	parent=$!
	for ((i = 0; i < 1200 && $(grep -c flush hung.log) < count; i++)); do sleep 0.05; done
	is "processes do not get on" "$(grep -c flush hung.log)" "$count"
	stuck=$(sed -n 's/^flush //p' hung.log | head -n 1)
}
hang_end() {
	kill "$server"
	kill -9 $(children $parent) $parent "$stuck" # it gets on now
	wait $parent
	umount -l hung
} 2>/dev/null

stuck_processes() {
	hang_begin 1
	within 1 readlink "/proc/$stuck/exe" || true
	is "a process can keep the kernel from answering" "$(cat said)" "not done*"
	answers "gc, beside one that does not answer" 20 pinlib gc
	is "... names it" "$(cat said)" "*process $stuck (*did not answer*"
	answers "gc --keep, beside it" 20 pinlib gc --keep 100
	answers "gc --json" 20 pinlib --json gc
	is "... names it" "$(tr -d ' \n' <said)" "*\"silent\":?{\"pid\":$stuck,\"uid\":1000,*\"name\":\"python3\"*"
	answers "ps" 20 pinlib --json ps
	is "... names it" "$(tr -d ' \n' <said)" "*\"silent\":?{\"pid\":$stuck,*"
	within 20 pinlib ps "$stuck" && not_ok "ps" "exit 0"
	is "ps reports that it does not answer" "$(cat said)" "*process $stuck does not answer*"
	answers "set" 20 pinlib set demo libdemo1=1.0
	answers "refresh" 20 pinlib refresh
	within 60 pinlib doctor
	is "doctor" "$?" "[01]"
	answers "unset" 20 pinlib unset demo2
	answers "set again" 20 pinlib set demo2 libdemo1=2.0
	hang_end
	hang_begin 300
	answers "gc beside 300 of them" 20 pinlib gc
	is "... counts them" "$(cat said)" "*and [23]?? others did not answer*"
	answers "ps beside them" 20 pinlib ps
	answers "ps of their user's" 20 as 1000 pinlib ps
	hang_end
	is "... and nothing of root's is left" "$(sleep 1; pgrep -x pinlib | wc -l)" 0
	is "... and no silence" "$(pinlib ps 2>&1 | grep -c 'did not answer')" 0
}

# In a view, and then stuck: its layer stays.
stuck_view() {
	local layer
	hang_begin 1 demo
	layer=$(grep -o 'pinlib:[0-9a-f]*' "/proc/$stuck/mountinfo" | head -n 1 | cut -d: -f2)
	pin 2.0
	kill -9 "$(awk '$1 == "PPid:" { print $2 }' "/proc/$stuck/status")" # pgrep(1) would hang
	answers "gc beside a view that does not answer" 20 pinlib gc --keep 1
	is "... keeps its layer" "$(ls "/var/lib/pinlib/layers/$layer/0" 2>&1)" "*libdemo*"
	is "... and names the process that keeps the view" "$(cat said)" "*the view $layer:*:/usr/bin/demo stays: process $stuck (*"
	hang_end
	pin 1.0
}

if fuse_here; then
	stuck_processes
	stuck_view
else
	skip "processes that do not answer" "$fuse_why"
fi

# -- a reader that does not read the output --

# Into descriptor 8, and out of it, goes nothing any more.
mkfifo full
exec 8<>full
dd if=/dev/zero of=full bs=4096 oflag=nonblock 2>/dev/null
is "a pipe is full" "$(dd if=/dev/zero of=full bs=1 count=1 oflag=nonblock 2>&1)" "*Resource temporarily unavailable*"

# printing NAME COMMAND...: it waits for who reads its pipe, and holds up nobody.
printing() {
	local name=$1 i asleep=0 pid
	shift
	"$@" >&8 2>&8 &
	pid=$!
	# Not every kernel says where a process waits.
	for ((i = 0; i < 400 && asleep < 40; i++)); do
		grep -qs pipe_w "/proc/$pid/wchan" && break
		[ "$(cat "/proc/$pid/wchan" 2>&1)" = 0 ] && grep -qs '^State:.S' "/proc/$pid/status" && asleep=$((asleep + 1))
		sleep 0.05
	done
	is "$name waits for its pipe" "$(cat "/proc/$pid/wchan" 2>&1)" "@(*pipe_w*|0)"
	answers "... and holds no lock" 20 pinlib set demo2 libdemo1=2.0
	kill $pid
	wait $pid 2>/dev/null
}
arch=$(dpkg --print-architecture)
printf '%s\n' 'VERSION 3' APT::Architecture=$arch '' "libdemo1 3.0-1 $arch none < 4.0-1 $arch none /x.deb" >upgrade
printf 'exec pinlib keep hook apt <upgrade\n' >hook
pin 2.0
as 1000 demo bash -c 'echo $$ >pipe.pid; exec sleep 600' >/dev/null &
until_there pipe.pid
pin 1.0
printing "gc" pinlib gc --keep 1
printing "gc --json" pinlib --json gc
kill "$(cat pipe.pid)"
printing "set" pinlib set demo libdemo1=7.7
printing "unset" pinlib unset true
printing "rollback" pinlib rollback 7777
printing "add" pinlib add /etc/passwd
printing "doctor" pinlib doctor
printing "the hook of apt" bash hook
mv /usr/bin/demo2 demo2.away
printing "refresh" pinlib refresh
mv demo2.away /usr/bin/demo2
printing "doctor --repair" pinlib doctor --repair database pending programs layers store
mkdir -p /etc/pinlib/pins.d
printf 'app /usr/bin/demo\n pin libdemo1=7.7\n' >/etc/pinlib/pins.d/x.conf
printing "apply" pinlib apply
rm /etc/pinlib/pins.d/x.conf

# -- file systems that do not answer --

# beside NAME COMMAND...: the command may wait for its own path; commands that change other programs do not wait.
beside() {
	local name=$1 pid
	shift
	timeout -s KILL 60 "$@" >beside.log 2>&1 </dev/null &
	pid=$!
	sleep 0.3
	answers "set beside $name" 20 pinlib set demo2 libdemo1=2.0
	kill -9 $(children $pid) $pid
	wait $pid
} 2>/dev/null

# hanging OPTION...: a user's file system that answers nothing is where a library directory has a user's subdirectory,
# and is what commands are pointed at.
hanging() {
	local at dir=$libs/users
	install -d -o 1000 -g 1000 $dir hung
	at=$(as 1000 "$build/hostilefs" --hang all "$@" $dir tree)
	server=$(as 1000 "$build/hostilefs" --hang all --when /tmp/hang "$@" hung tree)
	as 1000 ls -lR hung >/dev/null # known to the kernel
	touch hang
	answers "gc ($*)" 20 pinlib gc
	answers "refresh ($*)" 20 pinlib refresh
	answers "doctor ($*)" 20 pinlib doctor database pending programs layers store
	answers "set ($*)" 20 pinlib set demo libdemo1=1.0
	answers "show ($*)" 20 pinlib show
	answers "deps ($*)" 20 pinlib deps demo
	answers "why ($*)" 20 pinlib why demo libdemo.so.1
	answers "a launch ($*)" 20 demo
	within 60 pinlib doctor
	is "doctor ($*)" "$?" "[01]"
	local command
	for command in "set @ libdemo1=1.0" "set /usr/bin/hung libdemo1=1.0" "unset @" "thaw @" "keep watch @" \
		"freeze @" "apply --file described"; do
		beside "$command ($*)" pinlib ${command//@//tmp/hung/program}
		[ -z "$*" ] || is "... which is refused" "$(cat beside.log)" "*FUSE file system of user 1000*"
	done
	beside "deps FILE ($*)" pinlib deps hung/program
	beside "try SONAME=FILE ($*)" pinlib try demo libdemo.so.1=hung/library
	beside "apply --file FILE ($*)" pinlib apply --file hung/file
	kill "$server" "$at"
	umount -l hung $dir
	rm -r hang $dir
}
if fuse_here; then
	echo user_allow_other >>/etc/fuse.conf
	cp /usr/bin/true tree/program
	cp $fixtures/so/1.0/libdemo.so.1 tree/library && chmod -R a+rX tree
	ln -sfn /tmp/hung/program /usr/bin/hung
	printf 'app /tmp/hung/program\n pin libdemo1=1.0\n' >described
	hanging --allow-other
	hanging
else
	skip "file systems that do not answer" "$fuse_why"
fi

# -- processes that are stopped --

as 1000 demo bash -c 'echo $$ >halted.pid; kill -STOP $$' >/dev/null &
until_there halted.pid
halted=$(cat halted.pid)
for ((i = 0; i < 400; i++)); do grep -q '^State:.T' "/proc/$halted/status" && break || sleep 0.05; done
is "a process in a view is stopped" "$(grep ^State "/proc/$halted/status")" "*T (stopped)"
for command in "set demo libdemo1=2.0" gc refresh ps "set demo libdemo1=1.0"; do
	answers "$command beside it" 20 pinlib $command
done
kill -9 "$halted"

# -- mounts without end --

# Threads, each with one of many root directories, and 20,000 mounts below each, in a namespace of the user's.
cat >crowd.py <<'END'
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
threads, mounts = int(sys.argv[1]), int(sys.argv[2])
def mount(source, at, kind, flags):
    return libc.mount(source.encode(), at.encode(), kind.encode(), flags, None) == 0
mount("none", "/tmp/crowd", "tmpfs", 0)
os.mkdir("/tmp/crowd/m")
for i in range(mounts):
    os.mkdir(f"/tmp/crowd/{i}")
made = sum(mount("/tmp/crowd/m", f"/tmp/crowd/{i}", "", 4096) for i in range(mounts))
up = open("/tmp/crowd.up", "w")
def stay(i):
    libc.unshare(0x200) # CLONE_FS
    os.chroot("/tmp/crowd" if i % 2 else "/")
    time.sleep(600)
threading.stack_size(65536)
for i in range(threads):
    threading.Thread(target=stay, args=(i,), daemon=True).start()
print(made, file=up, flush=True)
time.sleep(600)
END
mkdir crowd && chown 1000 crowd
as 1000 unshare --user --map-root-user --mount /usr/bin/python3 crowd.py 2000 20000 &
crowd=$!
until_there crowd.up
is "a user has mounts without end" "$(cat crowd.up)" 20000
answers "gc beside 2,000 threads with 20,000 mounts" 20 pinlib gc
answers "ps beside them" 20 pinlib ps
kill -9 $(children $crowd) $crowd
wait $crowd 2>/dev/null

# -- labels that root did not make --

cat >forge.sh <<'END'
mount -t overlay -o ro,lowerdir=/tmp/mine/one:/tmp/mine/two "$1" /tmp/mine/at && echo $$ >/tmp/forged && exec sleep 600
END
mkdir -p mine/{one,two,at} && chown -R 1000 mine

# forge SOURCE: $forged has an overlay with it, in a user namespace.
forge() {
	rm -f forged
	as 1000 unshare --user --map-root-user --mount bash forge.sh "$1" &
	until_there forged
	forged=$(cat forged)
	is "a user can forge $1" "$(grep -c " $1 " "/proc/$forged/mountinfo")" 1
}
forge pinlib:x:0:/y
for ((i = 0; i < 5; i++)); do
	pin 2.0
	pin 1.0
done
is "a forged label keeps no generation" "$(pinlib --json gc --keep 1 | grep -o '"generations": [0-9]*')" '"generations": 1[0-9]'
kill "$forged"
pinlib unset demo2 >/dev/null && pinlib gc --keep 1 >/dev/null
old=$(ls /var/lib/pinlib/layers)
pin 2.0
forge "pinlib:$old:1:/usr/bin/demo"
is "... and no layer" "$(pinlib gc --keep 1 2>&1; ls -d "/var/lib/pinlib/layers/$old" 2>&1)" "*freed*1 layer,*No such file*"
kill "$forged"

# A real one does, and who has it is named.
layer=$(ls /var/lib/pinlib/layers)
as 1000 demo bash -c 'echo $$ >real.pid; exec sleep 600' >/dev/null &
until_there real.pid
sleep 0.2
real=$(cat real.pid)
pin 1.0
is "a real one does, and gc names who has it" "$(pinlib gc --keep 1 2>&1; ls -d "/var/lib/pinlib/layers/$layer")" \
	"*the view $layer:*:/usr/bin/demo stays: process $real (*, /usr/bin/sleep) uses it*/$layer"
is "... in JSON" "$(pinlib --json gc --keep 1 | tr -d ' \n')" "*\"in_use\":?{\"label\":\"$layer:*\"pid\":$real,*"
kill "$real"
pinlib gc --keep 1 >/dev/null 2>&1

# In a sandbox with a user namespace of its own it does as long as somebody is in the view outside of that; and where
# root's own namespace maps the same root.
rm -f inner.pid
as 1000 demo bash -c 'echo $$ >outer.pid
	unshare --user --map-root-user --mount bash -c "echo \$\$ >inner.pid; exec sleep 600" & wait' >/dev/null &
until_there inner.pid
layer=$(ls /var/lib/pinlib/layers)
pin 2.0
is "a view with a sandbox in it stays" "$(pinlib gc --keep 1 2>&1; ls -d "/var/lib/pinlib/layers/$layer")" "*/$layer"
kill "$(cat outer.pid)" "$(cat inner.pid)"
sleep 0.2
pinlib gc --keep 1 >/dev/null 2>&1
layer=$(ls /var/lib/pinlib/layers)
rm -f mapped.pid
/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" unshare --mount setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
	env demo bash -c 'echo $$ >/tmp/mapped.pid; exec sleep 600' >/dev/null &
until_there mapped.pid
pin 1.0
is "a view in a container that has the host's root stays" "$(pinlib gc --keep 1 2>&1; ls -d "/var/lib/pinlib/layers/$layer")" "*/$layer"
kill $(children $!)
sleep 0.2
pinlib gc --keep 1 >/dev/null 2>&1

# -- programs that are not the wrapper --

# not_launching NAME VERSION: $fake keeps no layer that demo does not need any more.
not_launching() {
	local layer
	layer=$(ls /var/lib/pinlib/layers)
	is "$1: it looks like the wrapper" "$(readlink "/proc/$fake/exe")" "/usr/local/lib/pinlib/pinlib-wrapper*"
	pin $2
	is "$1: it keeps no layer" "$(pinlib gc --keep 1 2>&1; ls -d "/var/lib/pinlib/layers/$layer" 2>&1)" "*freed*1 layer,*No such file*"
	kill "$fake"
}
cat >fake.sh <<'END'
mount --bind /usr/bin/sleep /usr/local/lib/pinlib/pinlib-wrapper && echo $$ >/tmp/fake && exec /usr/local/lib/pinlib/pinlib-wrapper 600
END
as 1000 unshare --user --map-root-user --mount bash fake.sh &
until_there fake
sleep 0.3
fake=$(cat fake)
not_launching "a program bound over the wrapper in a user namespace" 2.0
if fuse_here; then
	mkdir -p tree/usr/local/lib/pinlib && cp /usr/bin/sleep tree/usr/local/lib/pinlib/pinlib-wrapper
	server=$(as 1000 "$build/hostilefs" hung tree)
	as 1000 hung/usr/local/lib/pinlib/pinlib-wrapper 600 &
	sleep 0.5
	fake=$(pgrep -u 1000 -x pinlib-wrapper)
	as 1000 fusermount3 -u -z hung
	not_launching "a program on a file system that was unmounted under it" 1.0
	kill "$server"
else
	skip "a program on a file system that was unmounted under it" "$fuse_why"
fi
kill $(jobs -p) 2>/dev/null
finish
