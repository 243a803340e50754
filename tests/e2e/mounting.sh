#!/bin/bash
# Programs that mount for others: root's mounts in a view reach the host and the host's reach the view, as without
# pinlib, while no mount of a view's own reaches anybody. `ip netns` of iproute2 is one; so is root's shell in a view.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
chmod 1777 .
whole=$fixtures/whole

mkdir -p tree/opt/mine /opt/mine && echo pinned >tree/opt/mine/which
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null && pinlib add --name mine --version 1 tree >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=2.0 mine=1 >/dev/null || not_ok setup "cannot pin"

# host HOW COMMAND: a shell command in a namespace whose mounts are shared, slave or private, as a host's are shared
# under systemd; then the mounts that are new there, without numbers.
cat >host.sh <<'END'
. /mnt/src/tests/lib.sh
whole=$fixtures/whole
# mounted: the mounts that are new since the start, as "POINT TYPE", and those that are gone.
table() { cut -d' ' -f 5- /proc/self/mountinfo | sed -E 's/ (shared|master|propagate_from):[0-9]+//g'; }
mounted() { diff <(echo "$before") <(table) | sed -nE 's/^([<>]) ([^ ]*) .* - ([^ ]*) .*/\1 \2 \3/p'; }
# view FILE COMMAND...: runs a command and waits until it has made FILE.
view() {
	local file=$1
	rm -f go "$file"
	shift
	"$@" &
	for ((i = 0; i < 200; i++)); do [ -e "$file" ] && return; sleep 0.05; done
	echo "$file never came"
}
until_go='for ((i = 0; i < 200; i++)); do [ -e /tmp/go ] && break; sleep 0.05; done'
mount --make-r"$1" /
before=$(table)
eval "$2"
END
host() { unshare --mount --propagation "${3:-private}" bash host.sh "$1" "$2" 2>&1 | grep -v '^[0-9.]* /usr/bin/demo2*$'; }
mkdir -p here there late deep /tmp/empty

# Root's mounts and unmounts in a view.
is "root's mount in a view reaches the host" \
	"$(host shared 'demo bash -c "mount -t tmpfs mine here && echo seen >here/file"; cat here/file; mounted')" "seen?> /tmp/here tmpfs"
is "... and so does its unmount" "$(host shared 'mount -t tmpfs mine here; demo umount /tmp/here; mounted')" ""
is "... a mount on a mount of its own: /run" \
	"$(host shared 'mkdir -p /run/one; demo mount -t tmpfs mine /run/one; mounted')" "> /run/one tmpfs"
is "... beside a program that is covered" \
	"$(host shared 'demo mount --bind /usr/bin/true /usr/bin/demo-script; mounted')" "> /usr/bin/demo-script*"
is "... one below /usr, on the way to the cover" \
	"$(host shared 'mkdir -p /usr/lib/none; demo mount -t tmpfs mine /usr/lib/none; mounted')" "> /usr/lib/none tmpfs"
is "... one below a covered directory does not" \
	"$(host shared 'mkdir -p "$libs/none"; demo bash -c "mount -t tmpfs mine $libs/none && ls -d $libs/none"; mounted')" "*/none"
is "... and the view's own mounts do not" "$(host shared 'demo true; demo2 true; demo demo2 demo true; mounted')" ""
is "a mount reaches the views of other users" "$(host shared 'view up as 1000 demo bash -c "touch up; $until_go; cat here/file"
	demo bash -c "mount -t tmpfs mine here && echo seen >here/file"; touch go; wait')" seen
is "the host's mount reaches root's view" "$(host shared 'view up demo bash -c "touch up; $until_go; cat late/file"
	mount -t tmpfs late late; echo late >late/file; touch go; wait')" late
is "... and its unmount" "$(host shared 'mount -t tmpfs busy late; view up demo bash -c "touch up; $until_go; grep -c busy /proc/self/mountinfo"
	umount late; touch go; wait')" 0
is "... on /usr, too" "$(host shared 'mkdir -p /usr/lib/none; view up demo bash -c "touch up; $until_go; cat /usr/lib/none/file"
	mount -t tmpfs late /usr/lib/none; echo late >/usr/lib/none/file; touch go; wait')" late
nosuid='grep -c " /tmp/here .*nosuid" /proc/self/mountinfo'
is "a bind in a view has the view's nosuid, also on the host, which can change that" \
	"$(host shared "demo mount --bind /run here; $nosuid; mount -o remount,bind,suid here; $nosuid; ${nosuid/\/tmp\/here/\/run}")" "1?0?0"

# Views in views.
is "root's mount in a nested view" "$(host shared 'demo demo2 mount -t tmpfs mine here; mounted')" "> /tmp/here tmpfs"
is "... ten deep" "$(host shared 'demo demo2 demo demo2 demo demo2 demo demo2 demo demo2 mount -t tmpfs mine deep; mounted')" "> /tmp/deep tmpfs"
is "... behind exec --host" "$(host shared 'demo pinlib exec --host mount -t tmpfs mine here; mounted')" "> /tmp/here tmpfs"
is "... on the way to a cover, from namespaces that end with the exec" \
	"$(host shared 'mkdir -p /usr/lib/none; demo demo2 demo mount -t tmpfs mine /usr/lib/none; mounted')" "> /usr/lib/none tmpfs"
same='. /mnt/src/tests/lib.sh; cp /proc/self/mountinfo a; demo2 true; as 1000 demo2 true; pinlib exec --host true; demo true; diff a /proc/self/mountinfo && echo same'
is "a nested view leaves the outer one as it is" "$(host shared "demo bash -c '$same'")" same
is "... where its own mounts are shared with others" "$(host shared "demo bash -c 'mount --make-rshared /; $same'")" same
is "... on a mount that one of them hides, too" \
	"$(host shared "mount -t tmpfs mine /opt/mine; demo2 bash -c 'mount --make-rshared /; $same; cat /opt/mine/which'; mounted")" "same?pinned?> /opt/mine tmpfs"
is "an ordinary user's view in root's: no mount of it is shared" "$(host shared 'demo setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo2 "$whole" 2')" whole
is "a mount on a covered directory" "$(host shared 'mount -t tmpfs mine /opt/mine; demo2 cat /opt/mine/which
	demo2 bash -c "mount -t tmpfs mine here"; demo demo2 "$whole" 2; mounted')" "pinned?whole?> /opt/mine tmpfs?> /tmp/here tmpfs"
is "... and one below, by which the host is reached" "$(host shared 'mkdir -p "$libs/vendor"; mount -t tmpfs mine "$libs/vendor"; mkdir "$libs/vendor/in"
	demo mount -t tmpfs mine "$libs/vendor/in"; mounted')" "> $libs/vendor tmpfs?> $libs/vendor/in tmpfs"

# Where the caller's mounts are not shared.
is "private mounts: nothing propagates" "$(host private 'demo bash -c "$whole; mount -t tmpfs mine here; grep -c shared: /proc/self/mountinfo"; mounted')" "whole?0"
cat >slave.sh <<'END'
. host.sh slave true
view up demo bash -c "touch up; $until_go; cat late/file; mount -t tmpfs mine here"
touch hosted
wait
END
is "slaves: the master's mounts arrive" "$(host shared 'rm -f hosted; unshare --mount --propagation slave bash slave.sh &
	for ((i = 0; i < 200; i++)); do [ -e hosted ] && break; sleep 0.05; done
	mount -t tmpfs late late; echo late >late/file; touch go; wait; mounted')" "late?> /tmp/late tmpfs"
is "a kernel before 5.15: as an ordinary user's, which nothing leaves" "$(host shared '"$fixtures/faking" --root move_mount:4=0x104=EINVAL -- demo bash -c "
	$whole; mount -t tmpfs mine here; grep -c shared: /proc/self/mountinfo"; mounted')" "whole?0"
is "two mounts on one directory above a cover, as systemd.automount(5) makes them: the same" \
	"$(host shared 'mount --bind /opt /opt; mount --bind /opt /opt; before=$(table)
	demo2 bash -c "$whole 2; mount -t tmpfs mine here; grep -c shared: /proc/self/mountinfo"; mounted')" "whole?0"
is "without /proc: the same" "$(host shared 'mount -t tmpfs none /proc; demo mount -t tmpfs mine here; umount /proc; mounted')" ""
is "a chroot" "$(host shared 'mkdir -p jail/{usr,var,proc,opt,tmp} && mount --bind jail jail
	for dir in usr var proc opt; do mount --rbind /$dir jail/$dir; done
	for dir in bin lib lib64; do [ -L /$dir ] && ln -sfn usr/$dir jail/$dir; done
	before=$(table); chroot jail /usr/bin/demo mount -t tmpfs mine /tmp; mounted | sort -u')" "> /tmp/jail/tmp tmpfs"
is "root of another user namespace with the host's mounts" "$(host shared '/usr/bin/python3 "$src/tests/helpers/userns.py" "0 0 65536" \
	demo bash -c "$whole; mount -t tmpfs mine here"; mounted')" whole

# iproute2.
if ! command -v ip >/dev/null; then
	skip "ip netns" "iproute2 is not installed"
	finish
fi
ip=$(readlink -f "$(command -v ip)")
mkdir -p "mnl$libs" && cp -a "$libs"/libmnl.so.0* "mnl$libs/" && pinlib add --name mnl --version 1 mnl >/dev/null && pinlib set ip mnl=1 >/dev/null ||
	not_ok "setup" "cannot pin ip"
plain=${ip%/*}/.pinlib/ip
is "ip runs with its pin" "$(ip netns exec none true 2>&1; grep -c . <(ip -V))" "*none*1"
is "ip netns add: others can use the namespace" "$(host shared "ip netns add blue; $plain netns exec blue ls /sys/class/net; stat -f -c %T /run/netns/blue
	nsenter --net=/run/netns/blue grep -c : /proc/net/dev; ip netns del blue")" "lo?nsfs?1"
is "... and ip itself" "$(host shared 'ip netns add blue; ip netns add red; ip netns list | sort; ip netns exec red ls /sys/class/net; ip netns del red; ip netns del blue')" "blue?red?lo"
is "... ip netns del removes it for all" "$(host shared "ip netns add blue; ip netns del blue; $plain netns list; ls /run/netns; mounted")" "> /run/netns tmpfs"
is "... as one that another ip has added" "$(host shared "$plain netns add blue; ip netns exec blue ls /sys/class/net; ip netns del blue; $plain netns list")" lo
finish
