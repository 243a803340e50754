#!/bin/bash
# Services in views, started again and again by a real systemd (tests/helpers/systemd.sh) while a user exchanges directories below
# a covered one, with mounts in them: nothing of it lands anywhere in the host's namespace or in a service's.
set -uo pipefail
. tests/lib.sh
. tests/helpers/systemd.sh
cd /tmp || exit 1
for id in 1000 1001; do echo "u$id:x:$id:$id::/var/log:/bin/sh" >>/etc/passwd; done
fuse_here || skip "mounts of FUSE" "$fuse_why"
own=/opt/mine/own
mkdir -p tree/opt/mine $own/{inner,with}/{pam.d,fuse} /etc/pam.d /etc/fuse && cp "$libs/libfivea.so.1" tree/opt/mine/ &&
	echo pinned >tree/opt/mine/which && ln -s /etc $own/link && echo theirs >$own/with/pam.d/mine
chown -R 1000:1000 $own && mkdir $log/files && echo theirs >$log/files/mine && chmod -R a+rX $log
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib add --name mine --version 1 tree >/dev/null &&
	pinlib set --force demo libdemo1=1.0 mine=1 >/dev/null 2>&1 || not_ok setup "cannot pin"

# exchange.py A B: exchanges the two names all the time, until there is a file /run/enough.
cat >$log/exchange.py <<'PY'
import ctypes, os, sys, time
libc = ctypes.CDLL(None)
a, b = sys.argv[1].encode(), sys.argv[2].encode()
while not os.path.exists("/run/enough"):
    for _ in range(100):
        libc.renameat2(-100, a, -100, b, 2)
    time.sleep(0.0001)
PY
# strays.py [--note]: mounts that are not among those noted, and are neither a view's nor systemd's.
cat >$log/strays.py <<'PY'
import sys
points = {l.split()[4] for l in open("/proc/self/mountinfo")}
if sys.argv[1:] == ["--note"]:
    open("/run/points", "w").write("\n".join(points))
else:
    before = set(open("/run/points").read().split("\n"))
    allowed = ("/opt/mine", "/usr/bin", "/usr/local/lib/pinlib", "/usr/lib", "/run/pinlib", "/run/systemd", "/run/credentials")
    strays = [p for p in points if p not in before and not p.startswith(allowed)]
    if strays:
        print("stray:", *strays)
PY
service raced <<END
Type=oneshot
User=u1001
NoNewPrivileges=yes
ExecStart=/usr/bin/demo cat /opt/mine/which
ExecStart=/usr/bin/python3 $log/strays.py
END
rounds=${RACES:-60}
boot <<END
cd $log
user="setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env HOME=/var/log"
pinlib unit raced >wrote 2>&1 || echo "is unit: \$(cat wrote)"
mount --bind $own/with/pam.d $own/inner/pam.d
server=\$(\$user $build/hostilefs $own/inner/fuse $log/files 2>&1)
python3 strays.py --note
ls /etc >etc
for with in link with; do
	rm -f /run/enough
	\$user python3 exchange.py $own/inner $own/\$with &
	>$log/raced
	for ((i = 0; i < $rounds; i++)); do
		systemctl start raced 2>>errors || echo "is failed: \$(tail -n 2 $log/raced)"
		python3 strays.py
	done >found
	touch /run/enough
	wait
	echo "is service, \$with: \$(sort raced | uniq -c | tr -s ' ' | tr '\n' ',')"
	echo "is host, \$with: \$(sort -u found | head -n 5 | tr '\n' ' ')"
	echo "is etc, \$with: \$(ls /etc | diff etc - | tr '\n' ' ')\$(ls /etc/pam.d/mine /etc/fuse/mine 2>/dev/null)"
done
echo "is left: \$(ls -A /run/pinlib/units; grep -c ' /run/pinlib/units/' /proc/self/mountinfo)"
kill \$server
echo "is end: reached"
END
said() {
	sed -n "s/^is $1: //p" $log/driver
}
is "systemd ran to the end" "$(said end) $(tail -n 2 $log/console | tr -d '\r')" "reached*"
for with in link with; do
	is "a service that is started $rounds times has its view, and no other mount (exchanged with a $with)" \
		"$(said "service, $with")" " $rounds 1.0 /usr/bin/demo, $rounds pinned,"
	is "... nor has the host" "$(said "host, $with")" ""
	is "... nor is anything of the user's in /etc" "$(said "etc, $with")" ""
done
is "nothing is left" "$(said left)" 0
finish
