# shellcheck shell=bash
# Runs a real systemd for tests that start services; they source this file after tests/lib.sh, in a bed. systemd is the first
# process of namespaces of its own and has a control group below the test's. If there can be none, the test is skipped.
units=/etc/systemd/system log=/var/log/unit
mkdir -p $log $units

if ! [ -x /lib/systemd/systemd ] && ! apt-get install -y --no-install-recommends systemd >/tmp/apt.log 2>&1; then
	skip systemd "systemd is missing and cannot be installed in the bed: $(tail -n 1 /tmp/apt.log)"
	finish
fi
group=/mnt/groups # all beds share the hierarchy, and process numbers are of a bed: the name is random
mkdir $group
if ! mount -t cgroup2 none $group 2>/tmp/why || ! scope=$(mktemp -d $group/pinlib-XXXXXX 2>/tmp/why); then
	skip systemd "cannot make a control group for systemd: $(cat /tmp/why)"
	finish
fi

# service NAME: makes a unit from the lines on standard input; the service's output goes to $log/NAME.
service() {
	{
		printf '[Unit]\nDefaultDependencies=no\n[Service]\n'
		printf 'StandardOutput=append:%s/%s\nStandardError=append:%s/%s\n' $log "$1" $log "$1"
		cat
	} >"$units/$1.service"
}

# boot: starts systemd with one service, "driver", which runs the script on standard input and then powers off.
boot() {
	{
		cat
		echo systemctl --force --force poweroff
	} >$log/driver.sh
	service driver <<<"Type=oneshot
ExecStart=/bin/bash $log/driver.sh"
	cat >$log/boot <<'END'
mount -t tmpfs none /run && mkdir /run/lock
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup && mount -o bind,ro /proc/sys /proc/sys
mount --bind "$(tty)" /dev/console
exec env container=other /lib/systemd/systemd --unit=driver.service --log-target=console --show-status=0
END
	(
		echo $BASHPID >$scope/cgroup.procs
		exec timeout --kill-after=5 120 script -qec "unshare --net --cgroup --pid --mount --uts --ipc --fork \
			--kill-child --mount-proc bash $log/boot" $log/console </dev/null >/dev/null 2>&1
	)
	find $scope -depth -mindepth 1 -type d -exec rmdir {} \;
	rmdir $scope
}

# said NAME: the driver's output under this name.
said() {
	sed -n "s/^is $1: //p" $log/driver
}

# Ends the test unless the driver has come to its last line, "is in the end: ...".
ended() {
	[ "$(grep -c '^is in the end' $log/driver)" = 1 ] && return
	not_ok "systemd ran to the end" "$(tail -n 5 $log/console) $(tail -n 5 $log/driver)"
	finish
}
