#!/bin/bash
# Sealed programs and a hostile ordinary user: root's pinlib writes only where root named, takes no forged mark for its own,
# and looks at no user's store; the user's pinlib touches nothing outside that store, whatever is in it.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
install -d -o 1000 -g 1000 /home/u && export HOME=/root
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null && pinlib set --sealed demo libdemo1=1.0 >/dev/null || exit 1
H=/home/u/.local/share/pinlib

# user COMMAND: a line of the shell in the user's home, without privileges.
user() { setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --inh-caps=-all env HOME=/home/u bash -c "cd /home/u && $1"; }
# state: all that is root's and that these attacks could change.
state() { find /etc /usr/bin /usr/local /opt /var/lib/pinlib /root/kept -xdev \( -type f -size -1M -exec sha256sum {} + \) -o -printf '%p %m %u %l\n' 2>/dev/null | grep -v -e '/var/lib/pinlib/lock' | sort | sha256sum; }
mkdir -p /root/kept/d /etc/victim/d && echo keep | tee /root/kept/f /etc/victim/f /etc/victim/d/g >/root/kept/d/g

# -- where root writes --
pinlib gc >/dev/null; before=$(state)
user "ln -s /usr/local/bin /tmp/d; ln -s /etc/victim/f /tmp/f; ln -s /nowhere /tmp/n; mkdir own; ln -s /usr/local/bin own/d; ln /usr/bin/demo-load /tmp/hard 2>/dev/null"
for at in /tmp/d/ls /tmp/f /tmp/n /home/u/own/d/ls /proc/self/cwd/d/ls; do
	refuses "root's seal -o $at" 1 "is a symbolic link of user 1000" pinlib seal demo libdemo1=1.0 -o "$at"
	refuses "... with root's own store" 1 "is a symbolic link of user 1000" pinlib --user seal demo libdemo1=1.0 -o "$at"
done
for at in /tmp/x /home/u/own/x; do
	refuses "root's seal -o $at" 1 "root cannot write $at safely" pinlib seal demo libdemo1=1.0 -o "$at"
	refuses "... with root's own store" 1 "root cannot write $at safely" pinlib --user seal demo libdemo1=1.0 -o "$at"
done
refuses "root's seal of a program by a user's link" 1 "is a symbolic link of user 1000" pinlib seal /tmp/d/../bin/nothing libdemo1=1.0 -o /root/x
user "ln -s /root/kept/f own/lib.so.1"
refuses "... of a library by a user's link" 1 "is a symbolic link of user 1000" pinlib seal demo libdemo.so.1=/home/u/own/lib.so.1 -o /root/x
rm -rf /root/.local
pinlib gc >/dev/null
is "nothing of root's changed" "$(state)" "$before"

# -- root with the user's home --
user "pinlib seal demo libdemo1=1.0 -o out >/dev/null"
for l in store/origins store/tmp layers sealed store; do
	user "cd $H && if [ -e $l ]; then mv $l away; fi; ln -s /etc/victim $l"
	for c in gc "doctor --repair" libs "add $fixtures/deb/libdemo1_2.0-1_amd64.deb" "seal demo libdemo1=2.0 -o /root/x"; do
		# shellcheck disable=SC2086
		refuses "root's pinlib --user $c, $l a link" 1 "root cannot use $H" env HOME=/home/u pinlib --user $c
	done
	user "cd $H && rm $l; if [ -e away ]; then mv away $l; fi"
done
user "ln -s $H /tmp/share"
refuses "... by XDG_DATA_HOME, through a sticky directory" 1 "root cannot use" env XDG_DATA_HOME=/tmp/share pinlib --user gc
refuses "... one that is not there yet" 1 "root cannot use" env XDG_DATA_HOME=/tmp/later pinlib --user gc
is "nothing of root's changed" "$(state)" "$before"

# -- marks --
mark() { printf 'Sealed by pinlib for %s\0' "$1"; }
user "cp /usr/bin/demo-load tool && { cat /usr/bin/demo2; printf 'Sealed by pinlib for /usr/bin/demo\0'; } >marked && chmod 755 marked && ./marked >said"
is "a program with a forged mark is a program" "$(cat /home/u/said)" "3.0 /home/u/marked"
is "... for which doctor has no finding" "$(verify)" "all is well"
was=$(what /home/u/marked)
pinlib refresh >/dev/null && pinlib doctor --repair >/dev/null
is "... and which nothing repairs or removes" "$(what /home/u/marked)" "$was"
install -m 755 /home/u/marked /usr/local/bin/marked
refuses "the administrator installs it elsewhere: it is not sealed twice" 1 "" pinlib set --sealed /usr/local/bin/marked libdemo1=1.0
is "... and stays as it is" "$(cmp /home/u/marked /usr/local/bin/marked && marked)" "3.0 /usr/local/bin/marked"
rm /usr/local/bin/marked
# At the path of another app, whose original is then not taken for pinlib's.
{ cat /usr/bin/demo2 && mark /usr/bin/demo2; } >/tmp/marked2 && what /usr/bin/demo2 >/tmp/demo2.before
cp -p /usr/bin/demo2 /tmp/demo2.kept && cat /tmp/marked2 >/usr/bin/demo2
pinlib refresh >/dev/null && pinlib doctor --repair programs >/dev/null
is "a program with its own path's mark, without pins, is left alone" "$(cmp /tmp/marked2 /usr/bin/demo2 && demo2)" "3.0 /usr/bin/demo2"
pinlib set demo2 libdemo1=1.0 >/tmp/said 2>&1
pinlib unset demo2 >/tmp/said 2>&1
is "... and not lost by set and unset" "$(cmp /tmp/marked2 /usr/bin/demo2 && demo2)" "3.0 /usr/bin/demo2"
cat /tmp/demo2.kept >/usr/bin/demo2 && touch -r /tmp/demo2.kept /usr/bin/demo2
{ cat /usr/bin/demo && mark /usr/bin/demo; } >/tmp/marked3
is "the sealed program itself still has its pins" "$(as 1000 demo) $(verify)" "1.0 /usr/bin/demo all is well"

# -- the user's own store --
cat >forge.py <<'END'
"""forge.py DIR [LINE...]: writes a sealed record of these lines, of which \\t is a tab."""
import hashlib, os, sys
text = "".join(l.replace("\\t", "\t") + "\n" for l in sys.argv[2:])
text += "sha256\t" + hashlib.sha256(text.encode()).hexdigest() + "\n"
os.makedirs(sys.argv[1], exist_ok=True)
open(os.path.join(sys.argv[1], hashlib.sha256(text.encode()).hexdigest()), "w").write(text)
END
chmod 644 forge.py
object=$(sha256sum <"$fixtures/so/1.0/libdemo.so.1" | cut -d' ' -f1)
set=$(ls $H/layers | head -n 1) version=$(ls $H/store/versions | head -n 1)
user "mkdir -p outside && echo keep >outside/f && cp out outside/out"
outside() { user "find . -path ./.local -prune -o -type f -exec sha256sum {} + -o -printf '%p %m %l\n' | sort | sha256sum"; }
# forged NAME LINE...: the user's gc and doctor with that record end without a signal, and touch nothing but the store.
forged() {
	local name=$1 line lines= were status=0 said
	shift
	for line; do lines+=" '$line'"; done
	user "rm -rf $H/sealed && python3 /tmp/forge.py $H/sealed $lines" || not_ok "$name" "cannot forge"
	were=$(outside)$(state)
	for c in "doctor sealed" "gc --dry-run" gc "doctor --repair" gc; do
		said=$(user "timeout 20 pinlib --user $c" 2>&1) || status=$?
		[ $status -le 1 ] || not_ok "$name: $c" "exit $status: $said"
		status=0
	done
	is "$name" "$(outside)$(state)" "$were"
	user "rm -rf $H/sealed; pinlib seal demo libdemo1=1.0 -o out >/dev/null"
}
# Of a set that is missing, so that doctor --repair builds it.
good=("content\\t$object" "set\\t00000000000000000000000000000000" "version\\t$version")
forged "a link's name that leads up" "file\\t/home/u/out" "${good[@]}" "link\\t../../../../outside/f\\t$object"
forged "... to root's files" "file\\t/home/u/out" "${good[@]}" "link\\t../../../../../../../../etc/victim/f\\t$object"
forged "... absolute" "file\\t/home/u/out" "${good[@]}" "link\\t/home/u/outside/f\\t$object"
forged "... . and .." "file\\t/home/u/out" "${good[@]}" "link\\t..\\t$object" "link\\t.\\t$object" "link\\t\\t$object"
forged "a file's name that leads up" "file\\t/home/u/outside/../out" "${good[@]}" "link\\tlibdemo.so.1\\t$object"
forged "... of root's" "file\\t/usr/bin/demo" "${good[@]}" "link\\tlibdemo.so.1\\t$object"
forged "... of no sealed file" "file\\t/home/u/outside/f" "${good[@]}"
forged "... of a device" "file\\t/dev/zero" "${good[@]}"
forged "a set that is no ID" "file\\t/home/u/out" "content\\t$object" "set\\t../../../../../../outside" "version\\t$version"
forged "a set that there is not" "file\\t/home/u/out" "content\\t$object" "set\\t00000000000000000000000000000000" "link\\tlibdemo.so.1\\t$object"
forged "a version that there is not" "file\\t/home/u/out" "content\\t$object" "set\\t$set" "version\\t$object"
forged "an object that there is not" "file\\t/home/u/out" "content\\t$object" "set\\t$set" "link\\tlibdemo.so.1\\t${object//[0-9]/0}"
forged "a link twice" "file\\t/home/u/out" "${good[@]}" "link\\tlibdemo.so.1\\t$object" "link\\tlibdemo.so.1\\t$object"
forged "no line" ""
# The note of a file that a killed command was about to make.
for note in /home/u/outside/f /home/u/outside/../outside/f /etc/victim/f /usr/bin/.pinlib-seal-x ../outside/f outside /home/u/outside/.pinlib-seal-dir; do
	user "mkdir -p outside/.pinlib-seal-dir && printf %s $note >$H/sealed/.begun"
	were=$(outside)$(state)
	user "pinlib --user gc >/dev/null"
	is "a note of $note removes nothing" "$(outside)$(state)" "$were"
done

# What is no record: garbage, a huge one, one that blocks, one without an end.
for junk in 'head -c 100000 /dev/urandom >$H/sealed/a' 'truncate -s 4G $H/sealed/a' 'mkfifo $H/sealed/a' 'ln -s /dev/zero $H/sealed/a' 'mkdir $H/sealed/a' 'ln -s /etc/victim/f $H/sealed/a' 'ln -s /home/u/outside/f $H/sealed/.tmp-1'; do
	user "H=$H; mkdir -p \$H/sealed && $junk"
	were=$(outside)$(state)
	for c in "doctor sealed" gc "doctor --repair"; do
		status=0
		said=$(user "ulimit -v 2000000; timeout 20 pinlib --user $c" 2>&1) || status=$?
		[ $status -le 1 ] || not_ok "$junk: $c" "exit $status: $said"
	done
	is "${junk%% >*}" "$(outside)$(state)" "$were"
	user "rm -rf $H/sealed; pinlib seal demo libdemo1=1.0 -o out >/dev/null"
done

# A set that is redirected: gc and doctor remove the links, and nothing behind them.
for dir in "layers/$set/0" "layers/$set" store/objects/zz store/tmp/add-1 "layers/00000000000000000000000000000000"; do
	user "cd $H && rm -rf $dir && ln -s /home/u/outside $dir"
	were=$(outside)$(state)
	for c in doctor gc "doctor --repair"; do
		status=0
		said=$(user "timeout 20 pinlib --user $c" 2>&1) || status=$?
		[ $status -le 1 ] || not_ok "$dir: $c" "exit $status: $said"
	done
	is "a link as $dir" "$(outside)$(state)" "$were"
	user "rm -rf $H; pinlib seal demo libdemo1=1.0 -o out >/dev/null"
done
is "the user's file works" "$(user ./out)" "1.0 /home/u/out"
# Root's gc and doctor do not read users' stores.
user "rm -rf $H/sealed && mkfifo $H/sealed"
runs "root's gc is independent of it" timeout 20 pinlib gc
runs "... and root's doctor" timeout 60 pinlib doctor sealed layers store
user "rm -rf $H; pinlib seal demo libdemo1=1.0 -o out >/dev/null"

# -- the environment: as without pinlib, and not more --
user "mkdir lib && cp $fixtures/so/2.0/libdemo.so.1 lib/"
is "LD_LIBRARY_PATH does not displace a pinned library" "$(user 'LD_LIBRARY_PATH=lib demo')" "1.0 /usr/bin/demo"
is "... in the user's own file" "$(user 'LD_LIBRARY_PATH=lib ./out')" "1.0 /home/u/out"
is "LD_PRELOAD does in both what it does in every program" "$(user 'LD_PRELOAD=/home/u/lib/libdemo.so.1 demo; LD_PRELOAD=/home/u/lib/libdemo.so.1 demo2')" $'2.0 /usr/bin/demo\n2.0 /usr/bin/demo2'
user "cp /usr/bin/demo copy && ./copy >said"
is "a copy of the sealed program has the same libraries and no more rights" "$(cat /home/u/said) $(stat -c '%a %U' /usr/bin/demo)" "1.0 /home/u/copy 755 root"

# -- programs that are made to break their parser --
mkdir crafted && chmod 755 crafted
cp "$src"/tests/fuzz/corpus/seal_edit/* crafted/ && chmod 755 crafted/*
for n in 0 4 63 64 120 500 1000 4000 9000 16000; do head -c $n /usr/bin/demo >crafted/cut-$n; done
python3 - <<'END'
# Program headers and the dynamic section of a real program, with each field at an extreme.
import os, struct
data = bytearray(open("/usr/bin/demo2", "rb").read())
phoff, = struct.unpack_from("<Q", data, 32)
phnum, = struct.unpack_from("<H", data, 56)
wild = [0, 1, 0x7fffffffffffffff, 0xffffffffffffffff, len(data), len(data) - 1]
def write(name, at, value):
    copy = bytearray(data)
    struct.pack_into("<Q", copy, at, value)
    open(f"crafted/{name}", "wb").write(copy)
    os.chmod(f"crafted/{name}", 0o755)
for i in range(phnum):
    kind, = struct.unpack_from("<I", data, phoff + 56 * i)
    if kind in (1, 2, 3, 4):
        for field in 8, 16, 32, 40:
            for k, value in enumerate(wild):
                write(f"segment-{i}-{field}-{k}", phoff + 56 * i + field, value)
    if kind == 2:
        offset, size = struct.unpack_from("<Q", data, phoff + 56 * i + 8)[0], struct.unpack_from("<Q", data, phoff + 56 * i + 32)[0]
        for entry in range(0, min(size, 16 * 26), 16):
            for k, value in enumerate(wild[2:]):
                write(f"dynamic-{entry}-{k}", offset + entry + 8, value)
END
chmod 755 crafted/*
user "pinlib --user gc >/dev/null; rm -rf made; mkdir made"
user 'tried=0 sealed=0; for f in /tmp/crafted/*; do
	status=0; timeout 20 pinlib seal "$f" libdemo1=1.0 -o made/x >/dev/null 2>said || status=$?; tried=$((tried + 1))
	[ $status -le 1 ] || echo "$f: exit $status"
	[ $status = 0 ] || [ -s said ] || echo "$f: no reason"
	[ $status != 0 ] || { sealed=$((sealed + 1)); rm made/x; }
	[ -z "$(ls -A made)" ] || { echo "$f left $(ls -A made)"; rm -rf made; mkdir made; }
done; echo "$((tried > 150))" "$((sealed < tried / 2))"' >said.crafted
is "each crafted program is refused with a reason, or sealed, and leaves nothing" "$(cat said.crafted)" "1 1"
is "... nor processes" "$(pgrep -c -u 1000)" 0
user "rm -f out; pinlib --user gc >/dev/null; pinlib --user gc >/dev/null"
is "... nor sets, versions or objects after a gc" "$(find $H/layers $H/sealed $H/store -mindepth 1 ! -type d ! -name .spec | wc -l)" 0
cp crafted/segment-*-40-3 crafted/dynamic-0-3 /usr/local/bin/
for f in /usr/local/bin/segment-* /usr/local/bin/dynamic-*; do
	status=0
	said=$(timeout 20 pinlib set --sealed "$f" libdemo1=1.0 2>&1) || status=$?
	[ $status -le 1 ] || not_ok "set --sealed $f" "exit $status: $said"
	[ $status != 0 ] || pinlib unset "$f" >/dev/null
	rm -f "$f"
done
is "root's set --sealed of them leaves nothing either" "$(ls -A /usr/local/bin | grep -e '^\.pinlib' -e segment) $(verify)" " all is well"
is "nothing of the victim's changed" "$(cat /etc/victim/f /etc/victim/d/g /root/kept/f /root/kept/d/g | sort | uniq -c | tr -s ' ')" " 4 keep"
finish
