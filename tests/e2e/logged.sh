#!/bin/bash
# A refusal is in the system's log where nobody reads standard error: one datagram to /dev/log.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
chmod 1777 .

pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null || not_ok setup "cannot pin"

# The bed's /dev is the machine's. This one has the devices that programs need, and room for /dev/log.
mkdir /run/dev && mount -t tmpfs -o mode=755 none /run/dev && for name in null zero full random urandom tty; do
	touch /run/dev/$name && mount --bind /dev/$name /run/dev/$name
done && mkdir /run/dev/{pts,shm} && mount -t devpts -o newinstance,ptmxmode=666 none /run/dev/pts && ln -s pts/ptmx /run/dev/ptmx &&
	ln -s /proc/self/fd /run/dev/fd && mount --move /run/dev /dev ||
	not_ok setup "no /dev"

# logger.py SECONDS: has /dev/log; prints each message and its sender's user as a line of the file "log".
cat >logger.py <<'END'
import os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind("/dev/log")
os.chmod("/dev/log", 0o666)
open("listening", "w")
while True:
    text, ancillary, _, _ = s.recvmsg(65536, 4096)
    pid, uid, _ = struct.unpack("3i", ancillary[0][2])
    line = text.replace(b"[%d]" % pid, b"[PID]").decode("latin-1")
    with open("log", "a") as log:
        print(len(text) if len(text) > 900 else repr(line)[1:-1], uid, file=log)
END
: >log
/usr/bin/python3 logger.py &
logger=$!
for ((i = 0; i < 100; i++)); do [ -e listening ] && break; sleep 0.05; done
# logged COMMAND...: the command's exit status, and the lines that it brings into the log, read until a line that comes later.
logged() {
	local status=0
	: >log
	"$@" || status=$?
	/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"end", "/dev/log")'
	for ((i = 0; i < 100; i++)); do grep -q ^end log && break; sleep 0.05; done
	echo "$status: $(grep -v ^end log)"
}
quiet() { "$@" 2>/dev/null; }
closed() { "$@" 2>&-; }
said='<11>pinlib-wrapper\[PID\]: /usr/bin/demo: cannot build its view: CAP_SYS_ADMIN is unavailable: no_new_privs is set for this process \(*\)'
nnp="as 1000 setpriv --no-new-privs"
is "a refusal that nobody reads" "$(logged quiet $nnp demo)" "126: $said 1000"
is "... with standard error closed" "$(logged closed $nnp demo)" "126: $said 1000"
is "... and one of root's" "$(logged quiet setpriv --bounding-set=-sys_admin env demo)" "126: <11>pinlib-wrapper\[PID\]: /usr/bin/demo: *bounding set* 0"
mv /var/lib/pinlib/layers /var/lib/pinlib/gone
is "... of a missing layer" "$(logged quiet as 1000 demo)" "125: <11>pinlib-wrapper\[PID\]: /usr/bin/demo: cannot stat the layer * 1000"
mv /var/lib/pinlib/gone /var/lib/pinlib/layers
cp /var/lib/pinlib/plans/usr%2Fbin%2Fdemo plan && echo x >/var/lib/pinlib/plans/usr%2Fbin%2Fdemo
strace -qq -u root -e trace=socket,sendto,connect,capset,capget -o trace demo 2>/dev/null
is "... and root's capabilities are gone before" "$(sed -E 's/, pid=0}//; s/\(.*effective=0, permitted=0,.*/ none/; s/\(.*//' trace | tail -n 4 | tr '\n' ' ')" \
	"capset none capget none socket sendto "
is "... and /dev/log is the only name" "$(grep -o 'sun_path="[^"]*"' trace)" 'sun_path="/dev/log"'
cp plan /var/lib/pinlib/plans/usr%2Fbin%2Fdemo
# The caller's own words: a command that is to leave the view. Only the wrapper's file gives it the right to.
leave() { as 1000 demo setpriv --no-new-privs /usr/local/lib/pinlib/pinlib-wrapper --host "$@"; }
is "a name of the caller's sends nothing else" "$(logged quiet leave $'od\x01d\n<9>root: \x1b[2J\xff' | tail -n 1)" \
	"126: <11>pinlib-wrapper\[PID\]: od?d?<9>root: ?\[2J?: cannot leave the view: * 1000"
is "... and no more than 1,024 bytes" "$(logged quiet leave "$(printf '%01500d' 0)" | tail -n 1)" "126: 1023 1000"

# No line.
is "a launch" "$(logged quiet as 1000 demo)" "1.0 /usr/bin/demo?0: "
is "... in which the program fails" "$(logged quiet as 1000 demo bash -c 'exit 126' | tail -n 1)" "126: "
is "a refusal on a terminal" "$(logged /usr/bin/python3 -c 'import os, pty, subprocess, sys
ours, theirs = pty.openpty()
sys.exit(subprocess.run(sys.argv[1:], stderr=theirs).returncode)' setpriv --no-new-privs \
	--reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo)" "126: "
is "... under a system-call filter" "$(logged quiet "$fixtures/faking" mount=EPERM -- demo)" "126: "
is "a wrong use" "$(logged quiet /usr/local/lib/pinlib/pinlib-wrapper --host)" "125: "
is "a program that cannot be executed" "$(chmod a-x /usr/bin/.pinlib/demo; logged quiet as 1000 demo)" "126: "
chmod a+x /usr/bin/.pinlib/demo
is "a start without pins" "$(pinlib set --on-failure=unpinned demo >/dev/null; logged quiet $nnp demo)" "3.0 /usr/bin/.pinlib/demo?0: "
pinlib set --on-failure=refuse demo >/dev/null

# apt starts gpgv under no_new_privs, and says only that a source is not signed.
if [ -x /usr/lib/apt/methods/gpgv ] && gpgv=$(command -v gpgv) && getent passwd _apt >/dev/null; then
	gpgv=$(readlink -f "$gpgv")
	lib=$(ldd "$gpgv" | sed -n 's/.*=> \(.*libgcrypt[^ ]*\) .*/\1/p')
	mkdir -p "crypt$libs" repo && cp -L "$lib" "crypt$libs/" && pinlib add --name crypt --version 1 crypt >/dev/null &&
		{ pinlib set gpgv crypt=1 || pinlib set --force gpgv crypt=1; } >/dev/null 2>&1 || not_ok setup "cannot pin gpgv"
	printf -- '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: x\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n' >repo/InRelease
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] file:/tmp/repo ./" >sources.list
	chmod -R a+rX repo
	is "apt's gpgv is in the log" "$(logged /usr/bin/python3 -c 'import os, pty, subprocess, sys
ours, theirs = pty.openpty()
sys.exit(subprocess.run(sys.argv[1:], stdin=theirs, stderr=theirs).returncode)' apt-get update -o Dir::Etc::sourcelist=/tmp/sources.list -o Dir::Etc::sourceparts=/dev/null -o APT::Update::Error-Mode=any |
		tail -n 1)" "100: <11>pinlib-wrapper\[PID\]: $gpgv: cannot build its view: *no_new_privs*"
	pinlib unset gpgv >/dev/null
else
	skip "apt's gpgv" "this machine has no apt with a user of its own, or no gpgv"
fi

# Nobody who reads the log.
kill -STOP $logger
/usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setblocking(False)
try:
    while True:
        s.sendto(b"x" * 1000, "/dev/log")
except BlockingIOError:
    print("full")' >full
is "a full log is not waited for" "$(cat full) $($nnp timeout 10 demo 2>&1 | cut -c 1-40)" "full pinlib: /usr/bin/demo: cannot build its*"
kill -KILL $logger
is "... nor one that nobody reads" "$(quiet $nnp timeout 10 demo; echo $?)" 126
rm /dev/log && mkfifo -m 666 /dev/log
is "... nor a FIFO" "$(quiet $nnp timeout 10 demo; echo $?)" 126
rm /dev/log
is "... nor one that does not exist" "$(quiet $nnp timeout 10 demo; echo $?)" 126
finish
