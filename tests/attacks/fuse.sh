#!/bin/bash
# Files that root adds, writes or reads are on a user's FUSE file system, or one comes up below it, and its server answers
# nothing any more: whoever has asked waits for ever, with the lock held. So nothing is asked.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
if ! fuse_here; then
	skip "trees on FUSE" "$fuse_why"
	finish
fi
for id in 0 1000; do getent passwd $id >/dev/null || echo "u$id:x:$id:$id::/tmp:/bin/sh" >>/etc/passwd; done
echo user_allow_other >>/etc/fuse.conf
pinlib add "$fixtures"/deb/libdemo1_2.0-1_*.deb >/dev/null && pinlib set demo libdemo1=2.0 >/dev/null &&
	pinlib export -o pins.tar demo >/dev/null || not_ok setup "cannot pin"
mkdir -p files/libmine-1.0/usr/lib tree/libmine-3.0/usr/{lib,share} && cp "$fixtures/so/1.0/libdemo.so.1" files/libmine-1.0/usr/lib/ &&
	cp "$fixtures/so/1.0/libdemo.so.1" tree/libmine-3.0/usr/lib/ && cp "$fixtures"/deb/libdemo1_1.0-1_*.deb pins.tar files/
chmod -R a+rX files tree
install -d -o 1000 -g 1000 at tree/libmine-3.0/usr/share/users
deb=$(cd files && ls ./*.deb)

# serve UID [OPTION...] DIR
serve() {
	local id=$1
	shift
	server=$(as "$id" "$build/hostilefs" --allow-other "$@" /tmp/files) || not_ok serve "$server"
}
gone() { kill "$server" && umount -l "$1"; }

serve 0 at
runs "root's own FUSE: a tree" pinlib add at/libmine-1.0
runs "... an archive" pinlib add at/"$deb"
runs "... a library" pinlib add --name mine --version 2.0 at/libmine-1.0/usr/lib/libdemo.so.1
gone at

# hangs NAME COMMAND...: it is refused at once where the user's server answers nothing. The user's files are still known to
# the kernel, so that it is not the first look-up that hangs.
store() { (cd /var/lib/pinlib && find . ! -name 'policy.db*' | sort | sha256sum); }
hangs() {
	local name=$1 before
	shift
	before=$(store)
	serve 1000 --hang all --when /tmp/hang --log /tmp/hung at
	: >hung && chmod 666 hung
	ls -lR at >/dev/null
	touch hang
	refuses "$name" 1 "FUSE file system of user 1000" timeout 20 "$@"
	# The kernel decides when it sends the releases of ls's open files.
	is "... and asks its server nothing" "$(grep -vE "^(forget|release)" hung)" ""
	rm hang
	gone at
	is "... nothing of it is left" "$(store)" "$before"
}
hangs "a tree" pinlib add at/libmine-1.0
hangs "the whole file system" pinlib add --name mine --version 4 at
hangs "an archive" pinlib add at/"$deb"
hangs "a library" pinlib add --name mine --version 5 at/libmine-1.0/usr/lib/libdemo.so.1
hangs "through a link of root's" bash -c 'ln -sfn /tmp/at/libmine-1.0 /opt/libmine-1.0 && pinlib add /opt/libmine-1.0'
# there.py DIR COMMAND...: in that directory, with a descriptor of it, 40, from before it hangs.
cat >there.py <<'END'
import os, sys
os.unlink("/tmp/hang")
os.dup2(os.open(sys.argv[1], os.O_PATH), 40)
os.chdir(sys.argv[1])
open("/tmp/hang", "w").close()
os.execv(sys.argv[2], sys.argv[2:])
END
pinlib=$(command -v pinlib)
hangs "through the working directory" /usr/bin/python3 there.py /tmp/at "$pinlib" add --name mine --version 6 .
hangs "through a descriptor" /usr/bin/python3 there.py /tmp/at/libmine-1.0 "$pinlib" add --name mine --version 7 /proc/self/fd/40
hangs "export" pinlib export -o at/new.tar demo
hangs "import" pinlib import at/pins.tar

# A FUSE file system that is mounted below the added directory, before or meanwhile.
serve 1000 --hang all tree/libmine-3.0/usr/share/users
refuses "a mount in the tree" 1 "FUSE file system of user 1000" timeout 20 pinlib add tree/libmine-3.0
gone tree/libmine-3.0/usr/share/users
runs "... without it" pinlib add tree/libmine-3.0
for i in {1..400}; do ln "$fixtures/so/1.0/libdemo.so.1" tree/libmine-3.0/usr/lib/libmine$i.so 2>/dev/null || cp "$fixtures/so/1.0/libdemo.so.1" tree/libmine-3.0/usr/lib/libmine$i.so; done
ended=0
for i in {1..12}; do
	timeout 20 pinlib add --name mine --version 8.$i tree/libmine-3.0 >said 2>&1 &
	add=$!
	sleep 0.0$((i * 7 % 10))
	serve 1000 --hang all tree/libmine-3.0/usr/share/users
	wait $add
	case $?/$(cat said) in
	0/* | 1/*FUSE*) ended=$((ended + 1)) ;;
	esac
	gone tree/libmine-3.0/usr/share/users
done
is "a mount that comes meanwhile: 'add' ends" "$ended $(tail -n 1 said)" "12 *"
runs "doctor" timeout 60 pinlib doctor database pending programs layers store
finish
