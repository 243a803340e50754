#!/bin/bash
# pinlib ps: upgrades under running views, forged labels, /proc that hides, fork storms.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb "$fixtures"/deb/libpriv1_*.deb >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=1.0 >/dev/null ||
	not_ok setup "cannot pin"

# A program that waits with libdemo mapped; it stays in its view.
cat >wait.py <<'END'
import ctypes, os, sys, time
for name in sys.argv[2:]:
    ctypes.CDLL(name)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
END

# begin NAME COMMAND...: in the background, as the user; its number is in $pid once it has loaded.
begin() {
	local name=$1 tries=0
	shift
	rm -f "$name.pid"
	as 1000 "$@" >/dev/null 2>"$name.err" &
	until [ -s "$name.pid" ] || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
	pid=$(cat "$name.pid") || not_ok "begin $name" "$(cat "$name.err")"
}

# state PID [COMMAND...]: as ps shows it, or "-".
state() {
	local pid=$1
	shift
	"$@" pinlib --json ps 2>/dev/null | /usr/bin/python3 -c '
import json, sys
all = json.load(sys.stdin)["processes"]
print(*([p["state"] for p in all if p["pid"] == int(sys.argv[1])] or "-"))' "$pid"
}

# lib PID NAME: "pinned /path", "host /path", with "stale" where it is.
lib() {
	pinlib --json ps "$1" | /usr/bin/python3 -c '
import json, os, sys
for l in json.load(sys.stdin)["processes"][0]["libs"]:
    if os.path.basename(l["path"]).startswith(sys.argv[1]):
        print("pinned" if l["pinned"] else "host", l["path"], *["stale"] * l["stale"])' "$2"
}

# replace FILE: as dpkg does, by rename.
replace() {
	cp -a "$1" "$1.dpkg-new" && mv -f "$1.dpkg-new" "$1"
}

begin a demo /usr/bin/python3 wait.py a.pid libdemo.so.1 libfivea.so.1
a=$pid
is "a child is in the app's view" "$(state "$a")" current
is "... for its user too" "$(state "$a" as 1000)" current
is "... and not to be judged by another" "$(state "$a" as 1001)" unknown
is "a pinned library" "$(lib "$a" libdemo)" "pinned $libs/libdemo.so.1.0"
is "a library of the host in the same directory" "$(lib "$a" libfivea)" "host $libs/libfivea.so.1"
replace "$libs/libdemo.so.3.0"
is "an upgrade of the pinned library leaves it current" "$(state "$a")" current
replace "$libs/libfivea.so.1"
is "an upgrade of another library makes it stale" "$(state "$a")" stale
is "... which is named" "$(lib "$a" libfivea)" "host $libs/libfivea.so.1 stale"
is "... for its user too" "$(state "$a" as 1000)" stale
begin b demo /usr/bin/python3 wait.py b.pid libdemo.so.1 libfivea.so.1
b=$pid
is "one started since is current" "$(state "$b")" current
pinlib set demo libdemo1=2.0 >/dev/null
is "another pin supersedes" "$(state "$b")" superseded
is "... a stale process as well" "$(state "$a")" "superseded, stale"
begin c demo /usr/bin/python3 wait.py c.pid libdemo.so.1
is "one started with it is current" "$(state "$pid")" current
is "... and has the other version" "$(lib "$pid" libdemo)" "pinned $libs/libdemo.so.2.0"
rm "$libs/libfivea.so.1"
is "a library that was deleted" "$(state "$b")" "superseded, stale"
begin d demo2 /usr/bin/python3 wait.py d.pid libdemo.so.1
is "another app's pins are another's" "$(state "$pid")" current
dpkg -i "$fixtures"/host/libfivea_*.deb >/dev/null 2>&1
# A covered directory on a filesystem that is not an overlay, as on most machines.
mkdir /opt/lib && mount -t tmpfs -o mode=755 plain /opt/lib && cp "$fixtures"/so/3.0/libdemo.so.1 /opt/lib/libhost.so.1
mkdir -p tree/opt/lib && cp "$fixtures"/so/1.0/libdemo.so.1 tree/opt/lib/libopt.so.1
pinlib add --name opt --version 1 tree >/dev/null && pinlib unset demo >/dev/null &&
	pinlib set demo opt=1 >/dev/null ||
	not_ok setup "cannot pin /opt/lib"
begin e demo /usr/bin/python3 wait.py e.pid /opt/lib/libopt.so.1 /opt/lib/libhost.so.1
is "not an overlay below: pinned" "$(lib "$pid" libopt)" "pinned /opt/lib/libopt.so.1"
is "not an overlay below: host" "$(lib "$pid" libhost)" "host /opt/lib/libhost.so.1"
is "not an overlay below: current" "$(state "$pid")" current
replace /opt/lib/libhost.so.1
is "not an overlay below: stale" "$(state "$pid")" stale
is "... where the kernel does not show it as deleted" "$(grep -c 'libhost.*deleted' "/proc/$pid/maps")" 0

# A label of a user's own. The attack has to work for the defence to be tested.
mkdir -p mine/one mine/two mine/at
cat >forge.sh <<'END'
mount -t overlay -o ro,lowerdir=/tmp/mine/one:/tmp/mine/two "$1" /tmp/mine/at &&
	exec /usr/bin/python3 wait.py "$2"
END
chown -R 1000 mine
real=$(pinlib --json ps | grep -m 1 -o '[0-9a-f]*:[0-9]*:/usr/bin/demo2')
begin f unshare --user --map-root-user --mount bash forge.sh "pinlib:$real" f.pid
f=$(pgrep -f 'wait.py f.pid' | head -n 1)
is "a user can forge the mount" "$(grep -c "pinlib:$real" "/proc/$f/mountinfo")" 1
is "a forged label is not believed" "$(state "$f")" untrusted
is "... nor by its user" "$(state "$f" as 1000)" untrusted
is "... nor by another" "$(state "$f" as 1001)" unknown
refuses "... and the message names the label" 1 "did not make this label" pinlib ps "$f"
is "... nor taken for an app's" "$(pinlib ps demo2 | grep -c "^$f ")" 0
kill "$f"
begin g unshare --user --map-root-user --mount bash forge.sh $'pinlib:\e[2J\xff\nx:1:/usr/bin/demo' g.pid
is "no control characters are printed" "$(pinlib ps | LC_ALL=C grep -c $'[^ -~]')" 0
is "... and the JSON holds" "$(pinlib --json ps | LC_ALL=C /usr/bin/python3 -c '
import json, sys
print(sum("\x1b[2J" in p["label"] for p in json.load(sys.stdin)["processes"]))')" 1
# A program whose app is unwrapped while it runs has no path any more.
cp /usr/bin/sleep /opt/nap && pinlib set /opt/nap libdemo1=1.0 >/dev/null
begin nap sh -c 'echo $$ >nap.pid; exec /opt/nap 600'
tries=0
until [ "$(readlink "/proc/$pid/exe")" = /opt/nap ] || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
is "a program that runs" "$(pinlib ps | awk -v p="$pid" '$1 == p { print $6 }')" /opt/nap
pinlib unset /opt/nap >/dev/null
is "... and is unwrapped meanwhile goes by its name" "$(pinlib ps | awk -v p="$pid" '$1 == p { print $6 }')" "[[]nap]"
kill "$pid"

# A program that is upgraded while it runs: in its view its path goes on showing the old file.
stale_files() {
	pinlib --json ps "$1" | /usr/bin/python3 -c 'import json, sys
print(*json.load(sys.stdin)["processes"][0]["stale"])'
}
cat >/opt/again <<'END'
#!/bin/sh
echo $$ >"$1"; until [ -e again.go ]; do sleep 0.05; done
[ $# = 2 ] || exec /opt/again "$1" old
while :; do sleep 0.2; done
END
mkdir /opt/tool && cp /usr/bin/sleep /opt/tool/nap && cp "$fixtures"/so/3.0/libdemo.so.1 /opt/tool/libtool.so.1
mkdir -p treetool/opt/tool && cp "$fixtures"/so/1.0/libdemo.so.1 treetool/opt/tool/libtool.so.1
chmod 755 /opt/again && pinlib add --name tool --version 1 treetool >/dev/null &&
	pinlib set /opt/tool/nap tool=1 >/dev/null 2>&1 && pinlib set /opt/again libdemo1=1.0 >/dev/null 2>&1 ||
	not_ok setup "cannot pin programs to upgrade"
begin nap sh -c 'echo $$ >nap.pid; exec /opt/tool/nap 600'
nap=$pid tries=0
until [ "$(state "$nap")" = current ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
is "a program in a directory that its view covers is current" "$(state "$nap")" current
begin again /opt/again again.pid
again=$pid
is "... a script as well" "$(state "$again")" current
replace /opt/tool/.pinlib/nap
sed 's/$2/new/; s/sleep 0.2/sleep 0.3/' /opt/.pinlib/again >/opt/.pinlib/new && chmod 755 /opt/.pinlib/new &&
	mv /opt/.pinlib/new /opt/.pinlib/again
is "a program that was upgraded is stale" "$(state "$nap")" stale
is "... for its user too" "$(state "$nap" as 1000)" stale
is "... and is named" "$(stale_files "$nap")" /opt/tool/nap
refuses "... in the text" 0 "program: /opt/tool/nap (deleted), replaced" pinlib ps "$nap"
touch again.go && sleep 0.3
is "a script that was upgraded and executes its own path gets the old file" \
	"$(tr '\0' ' ' <"/proc/$again/cmdline")$(grep -c 'sleep 0.3' "/proc/$again/root/opt/again")" "*/opt/again again.pid old 0"
is "... and is stale" "$(state "$again") $(stale_files "$again")" "stale /opt/again"
kill "$nap" "$again"
begin again /opt/again again.pid
is "one started since is current" "$(state "$pid")" current
kill "$pid"
pinlib unset /opt/tool/nap >/dev/null && pinlib unset /opt/again >/dev/null

# The same from the name of a program, of a process and of a library.
odd=$'/tmp/odd\e[31m\nname (deleted)'
cp /usr/bin/python3.* "$odd" 2>/dev/null || cp "$(readlink -f /usr/bin/python3)" "$odd"
begin h demo "$odd" wait.py h.pid
is "a program's odd name" "$(pinlib ps | grep "^$pid " | LC_ALL=C grep -c '/tmp/odd?\[31m?name (deleted)')" 1
is "... which does not make it stale" "$(state "$pid")" "current"
is "... in JSON" "$(pinlib --json ps | grep -c '"program": "/tmp/odd\\u001b\[31m\\u000aname (deleted)"')" 1

# A /proc that hides: never silently.
cat >hide.sh <<'END'
mount -t proc -o "hidepid=$1" proc /proc && . tests/lib.sh && as 1001 pinlib ps
END
says() {
	(cd "$src" && unshare --mount bash /tmp/hide.sh "$1" 2>&1)
}
is "hidepid=1: how many could not be read" "$(says 1)" "*processes could not be read*"
is "hidepid=2: that some are hidden" "$(says 2)" "*/proc hides processes*"

# A storm of processes that vanish while ps reads; those that stay are there each time.
cat >storm.sh <<'END'
end=$((SECONDS + $1))
while [ $SECONDS -lt $end ]; do demo true >/dev/null; (:); (exec true) & done; wait
END
as 1000 bash storm.sh 12 &
as 1000 bash storm.sh 12 &
seen=0 rounds=0 said=
while [ $SECONDS -lt 10 ] || [ $rounds -lt 40 ]; do
	rounds=$((rounds + 1))
	said+=$(pinlib --json ps --libs 2>&1 >out.json) || said+="exit $?"
	/usr/bin/python3 - "$a" "$b" <<'END' && seen=$((seen + 1))
import json, sys
d = json.load(open("out.json"))
states = {p["pid"]: p["state"] for p in d["processes"]}
bad = [p for p in d["processes"] if p["state"] in ("unknown", "untrusted")
       and p["app"] == "/usr/bin/demo"]
sys.exit(not (d["unreadable"] == 0 and not bad and states[int(sys.argv[1])] ==
              states[int(sys.argv[2])] == "superseded, stale"))
END
done
is "in a storm of processes ($rounds times)" "$seen of $rounds $said" "$rounds of $rounds "
kill $(jobs -p) 2>/dev/null
finish
