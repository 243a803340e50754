#!/bin/bash
# pinlib-doctor.service and its timer, by a real systemd (tests/helpers/systemd.sh): the service's settings leave doctor
# all that it looks at, and what comes of a fault.
set -uo pipefail
. tests/lib.sh
. tests/helpers/systemd.sh
installed=/usr/local/lib/systemd/system
mkdir -p $units/pinlib-doctor.service.d $units/pinlib-doctor.timer.d /home/tool
# No target of a booted system is reached here.
cat >$units/pinlib-doctor.service.d/test.conf <<END
[Unit]
DefaultDependencies=no
OnFailure=mail.service
[Service]
StandardOutput=append:$log/doctor
StandardError=append:$log/doctor
END
printf '[Unit]\nDefaultDependencies=no\n' >$units/pinlib-doctor.timer.d/test.conf
# As in pinlib(1), but for the program that mails.
service mail <<END
Type=oneshot
ExecStart=/bin/sh -c 'echo mailed \\
    id=\$MONITOR_INVOCATION_ID \\
    | sed "s/^/%p: /"'
END
cp /usr/bin/demo /home/tool/demo
pinlib add "$fixtures"/deb/libdemo1_{1.0,1.1}-1_*.deb >/dev/null
for app in demo /home/tool/demo; do
	pinlib set $app libdemo1=1.0 >/dev/null 2>&1
done
pinlib set --sealed demo2 libdemo1=1.1 >/dev/null

boot <<'END'
log=/var/log/unit
run() { # its result, and what the service printed
	>$log/doctor
	systemctl start pinlib-doctor.service 2>/dev/null
	echo "$?: $(grep -v ' space ' $log/doctor)"
}
plain() {
	pinlib doctor | grep -v ' space '
}
echo "is enabled: $(systemctl is-enabled pinlib-doctor.timer) $(systemctl is-active pinlib-doctor.timer)"
[ "$(run)" = "0: $(plain)" ] && echo "is the same: yes" || diff <(run) <(plain)
pinlib set --until 1d --reason 'ticket 7' demo >/dev/null
[ "$(run)" = "0: $(plain)" ] && echo "is soon: $(grep -c 'note.*demo is due.*ticket 7' $log/doctor) $(cat $log/mail 2>/dev/null)"
sqlite3 /var/lib/pinlib/policy.db 'UPDATE wrapping SET until = 86399 WHERE until > 0 AND removed IS NULL'
run >/dev/null
for i in {1..50}; do grep -q mailed $log/mail && break; sleep 0.1; done
echo "is overdue: $(systemctl is-failed pinlib-doctor.service) $(grep -c '^fault' $log/doctor) $(grep -c 'overdue since 1970-01-01: ticket 7' $log/doctor)"
echo "is mail: $(cat $log/mail)"
echo "is started: $(demo)"
systemctl enable --now pinlib-doctor.timer >/dev/null 2>&1
echo "is timer: $(systemctl is-enabled pinlib-doctor.timer) $(systemctl is-active pinlib-doctor.timer) $(systemctl show -P Persistent -P Unit pinlib-doctor.timer | tr '\n' ' ')"
systemctl disable --now pinlib-doctor.timer >/dev/null 2>&1
echo "is in the end: $(systemctl is-enabled pinlib-doctor.timer)"
END

ended
is "the timer is installed, and neither enabled nor started" "$(said enabled)" "disabled inactive"
is "the service's doctor finds what doctor finds" "$(said 'the same' || cat $log/driver)" yes
is "a date that comes soon is no failure" "$(said soon)" "1 "
is "an overdue program fails the service" "$(said overdue)" "failed 1 1"
is "OnFailure= gets the run's number" "$(said mail | sed -E 's/[0-9a-f]{32}$/ID/')" "mail: mailed id=ID"
is "the overdue program starts with its pins" "$(said started)" "1.0 /usr/bin/demo"
is "the administrator enables the timer" "$(said timer)" "enabled active * yes*"
is "and disables it" "$(said 'in the end')" disabled
if command -v systemd-analyze >/dev/null; then
	is "systemd finds no fault in the units" \
		"$(systemd-analyze verify --man=no $installed/pinlib-doctor.{service,timer} 2>&1 | grep pinlib-doctor)" ""
else
	skip "systemd finds no fault in the units" "systemd-analyze is missing"
fi
make -s uninstall >/dev/null 2>&1 || pinlib unset --all >/dev/null && make -s uninstall >/dev/null 2>&1
is "uninstall removes them" "$(ls $installed/pinlib-doctor.* 2>/dev/null)" ""
finish
