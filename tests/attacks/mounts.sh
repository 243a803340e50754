#!/bin/bash
# The administrator's mounts are right in every view, and stay theirs; views inside of views come and go.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
host="pinlib exec --host"

# The view of demo covers /opt/mine too, on which an overlay of the administrator's has room: the bed's
# own ones are below the others, and the kernel stacks two.
mkdir -p tree/opt/mine /opt/mine && cp "$libs/libfivea.so.1" tree/opt/mine/ && echo pinned >tree/opt/mine/which
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null && pinlib add --name mine --version 1 tree >/dev/null &&
	pinlib set demo libdemo1=1.0 mine=1 >/dev/null && pinlib set demo2 libdemo1=2.0 >/dev/null ||
	not_ok setup "cannot pin"

# table.py: the mount table without the mounts of a view: its own mounts and the wrapper's,
# directories bound onto themselves, and nosuid. Propagation is left out: it is "slave" in a view.
cat >table.py <<'PY'
lines, mounts = set(), {}
for line in open("/proc/self/mountinfo"):
    left, right = line.split(" - ")
    left, right = left.split(), right.split()
    mounts[left[0]] = left
    below = mounts.get(left[1])
    if below and left[2] == below[2]:
        inside = left[4][len(below[4].rstrip("/")):]
        if left[3] == (below[3].rstrip("/") + inside or "/"):
            continue
    options = ",".join(o for o in left[5].split(",") if o != "nosuid")
    if right[1].startswith("pinlib:") or "/.pinlib/" in left[3] or left[4] == "/usr/local/lib/pinlib":
        continue
    lines.add(" ".join([left[2], left[3], left[4], options] + right))
print(*sorted(lines), sep="\n")
PY
table="/usr/bin/python3 /tmp/table.py"
ten="demo demo2 demo demo2 demo demo2 demo demo2 demo demo2"

# same NAME: the mounts are those outside in a view, a nested one, one ten deep and behind exec --host.
same() {
	local way said=
	$table >outside
	for way in demo "demo2 demo" "$ten" "demo $host"; do
		as 1000 $way $table >inside.all 2>&1
		grep -v '^[0-9.]* /usr/bin/demo2*$' inside.all >inside
		said+=$(diff outside inside | sed "s,^,$way: ,")
	done
	is "$1: all mounts as outside" "$said" ""
}
# sees NAME FILE TEXT: FILE contains TEXT in these views.
sees() {
	local way said=
	for way in demo demo2 "demo2 demo" "demo demo2" "$ten" "demo $host"; do
		said+="$(as 1000 $way cat "$2" 2>&1 | tail -n 1) "
	done
	is "$1: seen" "$said" "$3 $3 $3 $3 $3 $3 "
}
both() {
	same "$1"
	sees "$@"
}

mkdir -p vendor/inner own/{lower,upper,work} more && echo vendor | tee vendor/file vendor/inner/file >file &&
	echo lower >own/lower/file && echo more >more/file
same "nothing mounted"

# Below a covered directory.
mkdir -p "$libs/vendor" && mount --bind vendor "$libs/vendor"
both "a directory below" "$libs/vendor/file" vendor
mount -o remount,bind,ro,noexec,nodev "$libs/vendor"
same "... that is ro, noexec, nodev"
refuses "... which holds in the view" 1 "Read-only file system" demo touch "$libs/vendor/new"
cp /usr/bin/true vendor/ && refuses "... that too" 126 "Permission denied" as 1000 demo bash -c "$libs/vendor/true"
mount --bind more "$libs/vendor/inner"
both "... another one in it" "$libs/vendor/inner/file" more
mount --bind own/lower "$libs/vendor"
both "... one on top of both" "$libs/vendor/file" lower
umount "$libs/vendor"
both "... which is gone again" "$libs/vendor/inner/file" more
umount -R "$libs/vendor"
touch "$libs/libGL.so.1" && mount --bind file "$libs/libGL.so.1"
both "a file below" "$libs/libGL.so.1" vendor
umount "$libs/libGL.so.1"
mount -t tmpfs none "$libs/vendor" && mkdir "$libs/vendor/deep" && mount --bind vendor "$libs/vendor/deep" && umount -l "$libs/vendor/deep"
echo tmpfs >"$libs/vendor/file"
both "a tmpfs below" "$libs/vendor/file" tmpfs
umount "$libs/vendor"
for name in 'with space' $'new\nline' 'back\slash' $'\xff\xfe' 'pinlib:x' 'deleted//deleted' '#'; do
	mkdir -p "$libs/odd/$name" && mount --bind vendor "$libs/odd/$name"
	sees "a place called $(printf %q "$name")" "$libs/odd/$name/file" vendor
	umount "$libs/odd/$name"
done
mount -t overlay -o lowerdir=/tmp/own/lower:/tmp/vendor overlay "$libs/vendor"
both "an overlay below" "$libs/vendor/file" lower
umount "$libs/vendor"
mount -t overlay -o lowerdir=/tmp/own/lower,upperdir=/tmp/own/upper,workdir=/tmp/own/work gl "$libs/vendor" && echo written >"$libs/vendor/file"
both "... that can be written" "$libs/vendor/file" written
is "... in the view as well" "$(demo bash -c "echo again >$libs/vendor/file"; cat "$libs/vendor/file")" "1.0 /usr/bin/demo?again"
umount "$libs/vendor"

# On a covered directory.
on() {
	both "$1" "$2" "$3"
	is "$1: the pinned files are on top" "$(as 1000 demo cat /opt/mine/which; as 1000 demo2 cat /opt/mine/which 2>&1 | tail -n 1)" \
		"1.0 /usr/bin/demo?pinned?$4"
}
echo live >vendor/which
mount --bind vendor /opt/mine
on "a directory on one" /opt/mine/file vendor live
mount -t tmpfs tmpfs /opt/mine && echo top >/opt/mine/file
on "... a tmpfs on that" /opt/mine/file top "*No such file*"
umount /opt/mine && umount /opt/mine
mount -t overlay -o lowerdir=/tmp/own/lower:/tmp/vendor overlay /opt/mine
on "an overlay on one" /opt/mine/file lower live
mount --bind more /opt/mine/inner
on "... a directory in that" /opt/mine/inner/file more live
umount -R /opt/mine
mkdir stacked && mount -t overlay -o lowerdir=/tmp/own/lower:/tmp/vendor overlay stacked
mount -t overlay -o lowerdir=/tmp/stacked:/tmp/more overlay /opt/mine
refuses "an overlay on an overlay on one: no third" 125 "cannot mount an overlay on /opt/mine" as 1000 demo
umount /opt/mine stacked
mount -t tmpfs none /usr/share/doc && echo doc >/usr/share/doc/file
both "a mount elsewhere" /usr/share/doc/file doc
umount /usr/share/doc
# What only looks like a view's.
mkdir -p vendor/.pinlib && echo mine | tee vendor/.pinlib/name >/opt/name && touch /opt/other
mount --bind vendor/.pinlib/name /opt/other
sees "a file from a directory called .pinlib, under another name" /opt/other mine
umount /opt/other
mount -t tmpfs pinlib:demo /opt/mine && echo tmpfs >/opt/mine/file
sees "a tmpfs called pinlib:demo" /opt/mine/file tmpfs
umount /opt/mine
mount -t overlay -o lowerdir=/tmp/own/lower:/tmp/vendor not-pinlib:demo /opt/mine
sees "an overlay called not-pinlib:demo" /opt/mine/file lower
umount /opt/mine

is "root's mount over a view's own mount stays" "$(demo bash -c 'mount -t tmpfs own /opt/mine && echo own >/opt/mine/file
	demo2 cat /opt/mine/file; pinlib exec --host cat /opt/mine/file' | grep -v /usr/bin)" "own?own"

# While views are running.
inside() {
	unshare --mount --propagation shared bash -c '. /mnt/src/tests/lib.sh; rm -f go up
		as 1000 demo bash -c "touch up; for ((i = 0; i < 200; i++)); do [ -e go ] && break; sleep 0.05; done; $1" &
		for ((i = 0; i < 200; i++)); do [ -e up ] && break; sleep 0.05; done
		eval "$2"; touch go; wait' bash "$1" "$2" 2>&1 | tail -n +2
}
is "a mount that comes later" "$(inside 'cat /opt/late/file' 'mkdir -p /opt/late; mount --bind vendor /opt/late')" vendor
is "... on a covered directory: the next view has it" "$(inside 'cat /opt/mine/file; demo2 cat /opt/mine/file; demo2 demo cat /opt/mine/file' \
	'mount --bind vendor /opt/mine' | grep -v /usr/bin)" "*No such file*?vendor?vendor"
is "... and goes" "$(inside 'ls /opt/late' 'mount --bind vendor /opt/late; umount /opt/late')" ""
is "a mount that was there goes, and is not kept busy" "$(inside 'ls /opt/late' \
	'mount -t tmpfs busy /opt/late' 2>&1; unshare --mount --propagation shared bash -c 'mount -t tmpfs first /opt/late
	. /mnt/src/tests/lib.sh; rm -f go up; as 1000 demo bash -c "touch up; for ((i = 0; i < 200; i++)); do [ -e go ] && break; sleep 0.05; done; grep -c first /proc/self/mountinfo" &
	for ((i = 0; i < 200; i++)); do [ -e up ] && break; sleep 0.05; done
	umount /opt/late; touch go; wait' | tail -n 1)" 0

# Views in views.
is "ten deep" "$(as 1000 $ten | tail -n 1)" "2.0 /usr/bin/demo2"
deep=$(for ((i = 0; i < 30; i++)); do printf 'demo demo2 '; done)
is "sixty deep, which have no more mounts than one" "$(as 1000 $deep grep -c . /proc/self/mountinfo | tail -n 1)" \
	"$(as 1000 demo demo2 grep -c . /proc/self/mountinfo | tail -n 1)"
is "... each of them with its own pins" "$(as 1000 $deep true | sort | uniq -c | tr -s ' ' | tr '\n' ,)" \
	" 30 1.0 /usr/bin/demo, 30 2.0 /usr/bin/demo2,"
is "... and all are gone" "$(grep -c ' pinlib:' /proc/self/mountinfo; $table | diff - <($table))" 0
finish
