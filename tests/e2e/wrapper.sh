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
	"$(in_view 'demo; pinlib exec --host readlink /usr/bin/demo' 'replace /usr/bin/.pinlib/demo')" \
	"1.0 /usr/bin/demo (deleted)?$wrapper"

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
is "a mount that is older than the one that it lies on" \
	"$(as 1000 demo cat "$libs/odd/deep/file" 2>&1 | tail -n 1)" first
umount "$libs/odd/deep" && umount "$libs/odd"
mount -t tmpfs none "$libs/odd" && mount --make-unbindable "$libs/odd"
is "an unbindable mount" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"
umount "$libs/odd"

# A user namespace inside a view locks the view's mounts: a refusal, not another program's pins.
pinlib unset demo2 >/dev/null && pinlib set --host demo2 >/dev/null
is "root of a user namespace, no view around it" "$(unshare --user --map-root-user demo 2>&1)" \
	"1.0 /usr/bin/demo"
refuses "a program of the host in a locked view" 125 locked demo unshare --user --map-root-user demo2
refuses "exec --host in a locked view" 125 locked \
	demo unshare --user --map-root-user pinlib exec --host demo-script

# Calls that name no app are no calls of the wrapper itself.
cat >byfd.py <<'END'
import os, sys
fd = os.open("/usr/bin/demo", os.O_RDONLY)
os.set_inheritable(fd, True)
os.execve(fd, ["demo"] + sys.argv[1:], {})
END
refuses "fexecve with --version" 127 "cannot tell" as 1000 /usr/bin/python3 byfd.py --version
refuses "fexecve with --host" 127 "cannot tell" as 1000 /usr/bin/python3 byfd.py --host /bin/echo no
ln -sf $wrapper other
refuses "another name for the wrapper" 127 "cannot tell" as 1000 ./other --host /bin/echo no
is "--version" "$(as 1000 $wrapper --version)" "pinlib-wrapper *"
is "--help" "$(as 1000 $wrapper --help)" "usage: pinlib-wrapper *"
is "--host by its path" "$(as 1000 $wrapper --host -- echo yes)" yes
finish
