#!/bin/bash
# 10,000 apps in the policy: set and show still work, and a launch does as many system calls as
# with one.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

# launch_calls: how many system calls a launch of demo takes, as root (a tracer that is root does
# not cost the wrapper its capability).
launch_calls() {
	strace -f -qq -o calls.log /usr/bin/demo >/dev/null || return 1
	wc -l <calls.log
}

pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null
pinlib set demo libdemo1=1.0 >/dev/null
is "with one app it works" "$(as 1000 demo)" "1.0 /usr/bin/demo"
one=$(launch_calls)
if [ "${one:-0}" -gt 20 ]; then ok "system calls of a launch are counted"; else not_ok "system calls of a launch are counted" "got \"$one\""; fi

# Set them as an administrator would, but faster: the rows that set writes, and the plans.
/usr/bin/python3 - <<'END' || not_ok "10,000 apps" "cannot write the policy"
import os, shutil, sqlite3
os.mkdir("/opt/many")
shutil.copy("/usr/bin/demo2", "/opt/many/app1")
for i in range(2, 10001):
    os.link("/opt/many/app1", f"/opt/many/app{i}")
db = sqlite3.connect("/var/lib/pinlib/policy.db")
(version,) = db.execute("SELECT version FROM pin LIMIT 1").fetchone()
(generation,) = db.execute("SELECT max(id) FROM generation").fetchone()
for i in range(1, 10001):
    app = db.execute("INSERT INTO app (path) VALUES (?)", (f"/opt/many/app{i}",)).lastrowid
    db.execute("INSERT INTO wrapping (app, on_failure, forced, sealed, added) VALUES (?, 1, 0, 0, ?)", (app, generation))
    db.execute("INSERT INTO pin (app, version, origin, added) VALUES (?, ?, 0, ?)", (app, version, generation))
db.commit()
END
is "the policy has 10,001 apps" "$(pinlib show | wc -l)" 10001
runs "set of one more" pinlib set /usr/bin/demo2 libdemo1=2.0
is "the one more works" "$(as 1000 demo2)" "2.0 /usr/bin/demo2"
is "show of one" "$(as 1000 pinlib show demo | head -n 1)" /usr/bin/demo
is "show of one of the many" "$(as 1000 pinlib --json show /opt/many/app777 | grep -c '"name": "libdemo1"')" 1
# A directory of as many plans.
cp /var/lib/pinlib/plans/usr%2Fbin%2Fdemo plan
/usr/bin/python3 - <<'END'
data = open("plan", "rb").read()
for i in range(1, 10001):
    with open(f"/var/lib/pinlib/plans/opt%2Fmany%2Fapp{i}", "wb") as f:
        f.write(data)
END
is "a launch works" "$(as 1000 demo)" "1.0 /usr/bin/demo"
many=$(launch_calls)
is "a launch does as many system calls as with one" "$many" "$one"
finish
