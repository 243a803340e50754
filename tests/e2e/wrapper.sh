#!/bin/bash
# The wrapper where the mounts around it are odd: upgrades under running views, mounts that nobody
# sees, locked views, calls that name no app.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
wrapper=/usr/local/lib/pinlib/pinlib-wrapper

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"

# in_view COMMAND WHILE: starts a view of demo, runs WHILE outside of it, then COMMAND in it; the
# view's output, without demo's own line, is in ./out.
in_view() {
	local tries=0 job
	rm -f go up
	as 1000 demo bash -c 'touch up; until [ -e go ]; do sleep 0.05; done; '"$1" >out 2>&1 &
	job=$!
	until [ -e up ] || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
	eval "$2"
	touch go
	wait $job
	sed -i 1d out
	cat out
}
chmod 1777 . && touch out && chmod 666 out

# replace FILE: as dpkg does, by rename.
replace() {
	cp -a "$1" "$1.new" && mv -f "$1.new" "$1"
}

is "a view outlives the upgrade of its program" \
	"$(in_view 'demo; pinlib exec --host stat -c %s /usr/bin/demo' 'replace /usr/bin/.pinlib/demo')" \
	"1.0 /usr/bin/demo (deleted)?$(stat -c %s ${wrapper%/*}/pinlib-stub)"

# An upgrade of pinlib renames a new wrapper over the one whose mount the views hold.
caps=$(getcap "$wrapper")
is "a view outlives the upgrade of the wrapper: other wrapped programs" \
	"$(in_view 'demo2; demo2 demo' 'replace $wrapper; replace $wrapper')" \
	"2.0 /usr/bin/demo2?2.0 /usr/bin/demo2?1.0 /usr/bin/demo"
is "... nested ones, and exec --host" \
	"$(in_view 'demo2 demo; pinlib exec --host demo-script' 'replace $wrapper')" \
	"2.0 /usr/bin/demo2?1.0 /usr/bin/demo?3.0"
is "... whose capability was not lost by the way the test replaces it" "$(getcap "$wrapper")" "$caps"

# Which mounts of a view are not nosuid: "PLACE OPTION".
cat >suid.sh <<'END'
while read -r id parent dev root at opts rest; do
	case ,$opts, in
	*,nosuid,*) ;;
	*) echo "$at ${opts%%,*}" ;;
	esac
done </proc/self/mountinfo
END
exempt="${wrapper%/*} ro"
is "nothing else in a view honours setuid" "$(as 1000 demo bash suid.sh | tail -n +2)" "$exempt"
is "... as root" "$(demo bash suid.sh | tail -n +2)" "$exempt"
is "... in nested views, which do not pile up" \
	"$(as 1000 demo demo2 demo demo2 demo bash suid.sh | tail -n +6)" "$exempt"
is "... not even ones that are nosuid" \
	"$(as 1000 demo demo2 demo demo2 demo grep -c " ${wrapper%/*} " /proc/self/mountinfo | tail -n +6)" 1
is "... out of a view and into one again" \
	"$(as 1000 demo pinlib exec --host demo pinlib exec --host demo2 bash suid.sh | tail -n +4)" \
	"$exempt"
is "... with exec --host" "$(as 1000 demo pinlib exec --host bash suid.sh | tail -n +2)" "$exempt"
cp /usr/bin/id "$libs/suid-id" && cp /usr/bin/id /opt/suid-id && cp /usr/bin/id /var/lib/pinlib/suid-id
chmod 4755 {"$libs",/opt,/var/lib/pinlib}/suid-id
for dir in "$libs" /opt /var/lib/pinlib; do
	is "a setuid program in $dir: outside, inside" \
		"$(as 1000 "$dir/suid-id" -u; as 1000 demo "$dir/suid-id" -u | tail -n 1)" "0?1000"
	rm "$dir/suid-id"
done
# What SECURITY.md does not promise, and why: propagation hands a mount on as the host attached it.
cp /usr/bin/id suid-id && chmod 4755 suid-id && mkdir -p /opt/late
is "a mount that comes later is not nosuid" "$(unshare --mount --propagation shared bash -c '
	. /mnt/src/tests/lib.sh
	rm -f go up
	as 1000 demo bash -c "touch up; until [ -e go ]; do sleep 0.05; done; /opt/late/suid-id -u" &
	until [ -e up ]; do sleep 0.05; done
	mount --bind /tmp /opt/late; touch go; wait' | tail -n 1)" 0
rm suid-id
is "nobody can write where the wrapper is, in a view" \
	"$(demo touch "${wrapper%/*}/x" 2>&1 | tail -n 1)" "*Read-only file system"

# The wrapper's directory below a covered one, and a mount of the administrator's.
mkdir -p local/usr/local/lib && cp "$fixtures/so/2.0/libdemo.so.1" local/usr/local/lib/
pinlib add --name demo-local --version 1 local >/dev/null && pinlib set /opt/demo/bin/demo demo-local=1 >/dev/null ||
	not_ok "a version for /usr/local/lib" "cannot pin"
is "the wrapper's directory below a covered one" \
	"$(as 1000 /opt/demo/bin/demo demo /opt/demo/bin/demo demo2 /opt/demo/bin/demo bash suid.sh 2>&1)" \
	"2.0 /opt/demo/bin/demo?1.0 /usr/bin/demo?2.0 /opt/demo/bin/demo?2.0 /usr/bin/demo2?2.0 /opt/demo/bin/demo?$exempt"
is "... and not below one again" "$(as 1000 /opt/demo/bin/demo demo2 bash suid.sh | tail -n +3)" "$exempt"
pinlib unset /opt/demo/bin/demo >/dev/null
mkdir -p other/pinlib && cp -a "${wrapper%/*}/." other/pinlib/ && mount --bind other/pinlib "${wrapper%/*}"
is "the wrapper's directory is a mount of the administrator's" \
	"$(as 1000 demo demo2 demo bash suid.sh 2>&1 | tail -n 2)" "1.0 /usr/bin/demo?$exempt"
umount "${wrapper%/*}" && rm -r other

# What else is there would be exempt too.
cp /usr/bin/id "${wrapper%/*}/suid-id" && chmod 4755 "${wrapper%/*}/suid-id"
refuses "a setuid program beside the wrapper" 1 "suid-id must not be there" pinlib set demo libdemo1=1.0
refuses "... doctor reports it too" 1 "suid-id must not be there" verify
chmod 755 "${wrapper%/*}/suid-id" && setcap cap_net_raw=p "${wrapper%/*}/suid-id"
refuses "a program with capabilities beside the wrapper" 1 "suid-id must not be there" \
	pinlib set demo libdemo1=1.0
rm "${wrapper%/*}/suid-id" && mkdir "${wrapper%/*}/more"
refuses "a directory beside the wrapper" 1 "more must not be there" pinlib set demo libdemo1=1.0
rmdir "${wrapper%/*}/more"
for mode in 775 757; do
	chmod $mode "${wrapper%/*}"
	refuses "others can write the wrapper's directory, $mode" 125 "${wrapper%/*} " as 1000 demo
	refuses "... and set" 1 "is not a file that only root can write" pinlib set demo libdemo1=1.0
done
chmod 755 "${wrapper%/*}" && chown 1000 "${wrapper%/*}"
refuses "the wrapper's directory is another's" 125 "${wrapper%/*} belongs to user 1000, not to root" as 1000 demo
chown 0 "${wrapper%/*}" && chmod 775 "$wrapper"
refuses "others can write the wrapper: not set" 1 "is not a file that only root can write" pinlib set demo libdemo1=1.0
chmod 755 "$wrapper" && setcap "cap_sys_admin=p" "$wrapper"
is "and all is as it was" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"

# Mounts below a covered directory that do not come along.
mkdir -p one two "$libs/odd/inner" && echo seen >two/file
mount --bind one "$libs/odd/inner" && mount --bind two "$libs/odd"
is "a mount hidden by a later one" \
	"$(as 1000 demo cat "$libs/odd/file" 2>&1 | tail -n 1)" seen
is "... in a nested view" "$(as 1000 demo demo2 cat "$libs/odd/file" 2>&1 | tail -n 1)" seen
umount "$libs/odd" && umount "$libs/odd/inner"
mount --bind one "$libs/odd/inner" && chmod 700 "$libs/odd"
is "a mount in a directory that the user may not enter" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"
echo root >one/file
is "... which root sees" "$(demo cat "$libs/odd/inner/file" 2>&1 | tail -n 1)" root
umount "$libs/odd/inner" && chmod 755 "$libs/odd"
mkdir -p moved "$libs/odd/inner" && mount -t tmpfs first moved && echo first >moved/file
mount -t tmpfs second "$libs/odd" && mkdir "$libs/odd/deep" && mount --move moved "$libs/odd/deep"
is "a mount that is older than the mount below it" \
	"$(as 1000 demo cat "$libs/odd/deep/file" 2>&1 | tail -n 1)" first
umount "$libs/odd/deep" && umount "$libs/odd"
mount -t tmpfs none "$libs/odd" && mount --make-unbindable "$libs/odd"
is "an unbindable mount" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"
umount "$libs/odd"

# User namespaces. One inside a view locks the view's mounts: a refusal, not another program's pins.
is "root of a user namespace, no view around it" "$(unshare --user --map-root-user demo 2>&1)" \
	"1.0 /usr/bin/demo"
cp /usr/bin/id /opt/suid-id && chmod 4755 /opt/suid-id
is "a user namespace that maps the host's root: the view is the same" \
	"$(/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" demo bash suid.sh 2>&1)" "1.0 /usr/bin/demo?$exempt"
is "... for its ordinary users" "$(/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" setpriv --reuid 1000 --regid 1000 \
	--clear-groups env demo bash -c 'bash suid.sh; /opt/suid-id -u; grep CapPrm /proc/self/status' 2>&1)" \
	"1.0 /usr/bin/demo?$exempt?1000?CapPrm:?0000000000000000"
rm /opt/suid-id
refuses "a user namespace whose root is another" 126 "user namespace" \
	/usr/bin/python3 "$src/tests/helpers/userns.py" "0 100000 65536" demo
refuses "... even with plans and layers that its root made" 125 "/ belongs to user 65534, not to root" \
	/usr/bin/python3 "$src/tests/helpers/userns.py" "0 100000 65536" unshare --mount bash -c '
		umask 022 && mkdir -p own/plans && cp /var/lib/pinlib/plans/* own/plans/ &&
			cp -r /var/lib/pinlib/layers own/ && mount --bind own /var/lib/pinlib && demo'
pinlib unset demo2 >/dev/null && pinlib set --host demo2 >/dev/null
refuses "a program of the host in a locked view" 125 locked demo unshare --user --map-root-user demo2
refuses "exec --host in a locked view" 125 locked \
	demo unshare --user --map-root-user pinlib exec --host demo-script

# A stub knows its app, and its arguments are the app's.
cat >byfd.py <<'END'
import os, sys
fd = os.open("/usr/bin/demo", os.O_RDONLY)
os.set_inheritable(fd, True)
os.execve(fd, ["demo"] + sys.argv[1:], {})
END
is "fexecve with --version" "$(as 1000 /usr/bin/python3 byfd.py --version)" "1.0 /usr/bin/demo"
is "fexecve with --host" "$(as 1000 /usr/bin/python3 byfd.py --host /bin/echo no)" "1.0 /usr/bin/demo"
refuses "the wrapper without a stub" 127 "cannot tell" as 1000 $wrapper /bin/echo no
is "--version" "$(as 1000 $wrapper --version)" "pinlib-wrapper *"
is "--help" "$(as 1000 $wrapper --help)" "usage: pinlib-wrapper *"
is "--host by its path" "$(as 1000 $wrapper --host -- echo yes)" yes
finish
