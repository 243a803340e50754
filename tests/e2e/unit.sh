#!/bin/bash
# Services in views, by a real systemd (tests/helpers/systemd.sh), which starts the services itself. What runs in it says what
# it finds as lines "is NAME: VALUE".
set -uo pipefail
. tests/lib.sh
. tests/helpers/systemd.sh
shown='grep -E "^(Uid|NoNewPrivs|Seccomp|Cap)" /proc/self/status | tr -d "\n"'
hard='User=nobody
NoNewPrivileges=yes
CapabilityBoundingSet=
SystemCallFilter=@system-service
RestrictNamespaces=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
MemoryDenyWriteExecute=yes'
service nnp <<<"Type=oneshot
User=nobody
NoNewPrivileges=yes
ExecStart=/usr/bin/demo"
service bounded <<<"Type=oneshot
CapabilityBoundingSet=CAP_CHOWN
ExecStart=/usr/bin/demo"
service hard <<<"Type=oneshot
$hard
ExecStart=/usr/bin/demo sh -c 'readlink /proc/\$PPID/exe; $shown'"
service plain <<<"Type=oneshot
$hard
ExecStart=/bin/sh -c '$shown'"
service setuid <<<"Type=oneshot
CapabilityBoundingSet=CAP_SETUID CAP_SETGID
User=nobody
ExecStart=/usr/bin/demo $log/id"
service before <<<"Type=oneshot
User=nobody
NoNewPrivileges=yes
ExecStartPre=/usr/bin/demo
ExecStart=/usr/bin/demo"
service by@ <<<"Type=oneshot
User=nobody
NoNewPrivileges=yes
ExecStart=/bin/sh -c 'echo %i; exec /usr/bin/demo'"
service writes <<<"Type=oneshot
NoNewPrivileges=yes
BindPaths=/opt/demo/bin/data
ExecStart=/opt/demo/bin/demo sh -c 'touch /opt/demo/bin/data/x && ! touch /opt/demo/bin/y'"
service script <<<"Type=oneshot
User=nobody
NoNewPrivileges=yes
ExecStart=/usr/bin/demo-script"
service interpreted <<<"Type=oneshot
User=nobody
NoNewPrivileges=yes
ExecStart=/usr/bin/demo-nine"
service long <<<"User=nobody
NoNewPrivileges=yes
Restart=always
RestartSec=0
ExecStart=/usr/bin/demo sleep 1000"
sed -i "s,$log/by@,$log/by," $units/by@.service
mkdir /opt/demo/bin/data
cp /usr/bin/id $log/id && chmod 4755 $log/id

# A script whose interpreter a pinned version has: its view covers /usr/bin.
mkdir -p $log/nine/usr/bin && cp /usr/bin/demo $log/nine/usr/bin/nine && printf '#!/usr/bin/nine -m\n' >/usr/bin/demo-nine && chmod 755 /usr/bin/demo-nine
pinlib add --name=nine --version=9 $log/nine >/dev/null && pinlib set demo-nine nine=9 >/dev/null
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null
pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo-script libdemo1=1.0 >/dev/null
pinlib set /opt/demo/bin/demo libdemo1=1.0 >/dev/null
all="nnp bounded hard before by@ script interpreted writes setuid"

boot <<END
says() { # NAME: what a service says when it is started
	>$log/\${1%@*}
	systemctl start \$1 >/dev/null 2>&1 || echo -n "failed: "
	tr '\n' ' ' <$log/\${1%@*}
}
restarted() {
	systemctl restart long
	for i in {1..100}; do
		grep -q . $log/long && [ "\$(ps -o comm= -p \$(systemctl show -P MainPID long))" = sleep ] && break
		sleep 0.1
	done
	pinlib ps | sed 1d | wc -l
	pinlib ps | awk 'NR == 2 { print \$3, \$5 }'
}
echo "is without, nnp: \$(says nnp)"
echo "is without, bounded: \$(says bounded)"
echo "is plain: \$(says plain)"
for s in $all; do
	pinlib unit \$s \$([ \$s != by@ ] || echo --app demo) >$log/wrote 2>&1 || echo "is unit \$s: \$(cat $log/wrote)"
done
echo "is wrote: \$(tr '\n' ' ' <$log/wrote)"
pinlib unit long >/dev/null
for s in nnp bounded hard before script interpreted setuid; do
	echo "is view, \$s: \$(says \$s)"
done
echo "is writes: \$(says writes) \$(ls /opt/demo/bin/data)"
>$log/by
systemctl start by@one by@two
echo "is view, by@: \$(sort $log/by | tr '\n' ' ')"
echo "is again: \$(says nnp)"
echo "is nothing stays: \$(ls -A /run/pinlib/units; pinlib ps | sed 1d)"
pinlib stage nnp.service /usr/bin/demo $libs /usr/bin
echo "is nobody's view: \$(pinlib ps | sed 1d)"
pinlib exec --host -- demo2 >$log/host 2>&1
echo "is outside: \$(cat $log/host)"
echo "is over what stands there: \$(says nnp)"
mkdir -p /run/pinlib/units/.nnp.service/0
echo "is over what was cut short: \$(says nnp)"
echo "is long: \$(restarted | tr '\n' ' ')"
pinlib set demo libdemo1=2.0 >/dev/null
pinlib gc --keep 0 >/dev/null 2>&1
echo "is long, another pin: \$(pinlib ps | awk 'NR == 2 { print \$3 }') \$(ls \$(findmnt -N \$(systemctl show -P MainPID long) -n -o FS-OPTIONS $libs | sed 's/.*lowerdir+*=//; s/[:,].*//') | grep so | tr '\n' ' ')"
echo "is long, restarted: \$(restarted | tr '\n' ' ')"
>$log/long
systemctl kill -s KILL long
for i in {1..100}; do grep -q . $log/long && break; sleep 0.1; done
echo "is long, killed: \$(cat $log/long)"
echo "is another pin: \$(says nnp)"
echo "is doctor: \$(pinlib doctor | grep -c '^fault')"
pinlib set --confine legacy demo >/dev/null
echo "is confined: \$(says nnp)"
pinlib unset demo >$log/unset 2>&1
pid=\$(systemctl show -P MainPID long) && [ /proc/\$pid/root/usr/bin/demo -ef /usr/bin/demo ] && [ ! -L /usr/bin/demo ] &&
	echo "is unset, running: \$(ls -A /proc/\$pid/root/usr/bin | wc -l) \$(ls -A /usr/bin | wc -l)"
echo "is unset, said: \$(grep -c 'its drop-in was removed' $log/unset)"
echo "is unset: \$(says nnp) \$(ls $units | grep -c 'nnp.service.d')"
systemctl stop long
pinlib unit --remove script >/dev/null && pinlib unset /opt/demo/bin/demo >/dev/null 2>&1
pinlib unit --remove interpreted >/dev/null && pinlib unset demo-nine >/dev/null
echo "is removed: \$(says script)"
echo "is in the end: \$(ls -A /run/pinlib/units) \$(ls -d $units/*.service.d 2>/dev/null)"
END

ended
ok "systemd ran to the end"
refused="failed: *cannot build its view: CAP_SYS_ADMIN is unavailable: "
is "NoNewPrivileges= keeps the wrapper from it" "$(said 'without, nnp')" "$refused*no_new_privs*"
is "so does a bounding set" "$(said 'without, bounded')" "$refused*bounding set*"
is "unit names the file that it wrote, and the command to run next" "$(said wrote)" \
	"wrote $units/setuid.service.d/pinlib.conf run 'systemctl restart setuid.service' to use it "
for s in nnp bounded before script; do
	is "with the drop-in: $s" "$(said "view, $s")" "1.0 *"
done
is "with the drop-in: a script whose interpreter is pinned" "$(said 'view, interpreted')" "/usr/lib/*/libdemo.so.3.0 "
is "a command that runs before the program sees the view too" "$(said 'view, before')" "1.0 /usr/bin/demo 1.0 /usr/bin/demo "
is "instances of a template" "$(said 'view, by@')" "1.0 /usr/bin/demo 1.0 /usr/bin/demo one two "
is "a confined service has the view" "$(said 'view, hard')" "1.0 /usr/bin/demo *"
is "and all that confines it" "$(said 'view, hard')" "* $(said plain)"
is "beside its program it writes where the unit allows it" "$(said writes)" "1.0 /opt/demo/bin/demo touch: *Read-only* x"
is "nothing is setuid there" "$(said 'view, setuid')" "1.0 /usr/bin/demo uid=65534(nobody) gid=65534*"
is "a setuid program was tried" "$(said 'view, setuid' | grep -c euid)" 0
is "it starts again" "$(said again)" "1.0 /usr/bin/demo "
is "when it is done nothing stays" "$(said 'nothing stays')" ""
is "ps does not list a view that is ready for a service" "$(said "nobody's view")" ""
is "nor seen outside" "$(said outside)" "3.0 /usr/bin/demo2"
is "an older ready view is replaced" "$(said 'over what stands there')" "1.0 /usr/bin/demo "
is "so is a view whose construction was interrupted" "$(said 'over what was cut short')" "1.0 /usr/bin/demo "
is "ps knows a service's view" "$(said long)" "1 current /usr/bin/demo "
is "a running service keeps its pin, and gc its layer" "$(said 'long, another pin')" "superseded libdemo.so.1*"
is "a restart brings the other one" "$(said 'long, restarted')" "1 current /usr/bin/demo "
is "systemd starts it again by itself" "$(said 'long, killed')" "2.0 /usr/bin/demo"
is "without another drop-in" "$(said 'another pin')" "2.0 /usr/bin/demo "
is "doctor is content" "$(said doctor)" 0
is "a confined program does not start without its filter" "$(said confined)" "failed: *only the wrapper loads its system-call filter*"
is "unset removes the drop-ins, while a service runs" "$(said 'unset, said')" 7
read -r there here <<<"$(said 'unset, running')"
is "which still has all that it had" "${there:-none}" "${here:-some}"
is "then the live system is seen" "$(said unset)" "3.0 /usr/bin/demo  0"
is "unit --remove" "$(said removed)" "$refused*"
is "nothing is left" "$(said 'in the end')" " "
finish
