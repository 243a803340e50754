#!/bin/bash
# Launches while everything changes: each sees one version whole, none fails; and nothing that a user
# can hold or stop makes an administrator wait.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1
inject=$build/inject
wanted=${LAUNCHES:-4000}

pinlib add "$fixtures"/{deb/libfive{a,b}_1.0,host/libfive{a,b}_2.0}_*.deb >/dev/null ||
	not_ok setup "cannot add"

# A view of two libraries is whole only if both are of one version.
cat >launch.c <<'END'
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* launch COUNT: starts demo-five so many times, and prints each thing that it said, and how often. */
struct said {
	char text[512];
	long times;
};
static struct said all[64];
static void count(const char *text)
{
	for (struct said *s = all; s < all + 64; s++) {
		if (!s->text[0])
			snprintf(s->text, sizeof s->text, "%s", text);
		if (strcmp(s->text, text) == 0) {
			s->times++;
			return;
		}
	}
}
int main(int argc, char **argv)
{
	char *args[] = {"demo-five", NULL}, *env[] = {"PATH=/usr/bin", NULL};
	long times = argc == 2 ? atol(argv[1]) : 0;

	for (long i = 0; i < times; i++) {
		posix_spawn_file_actions_t acts;
		char text[500] = "", line[512];
		size_t used = 0;
		int p[2], status;
		ssize_t n;
		pid_t pid;

		if (pipe2(p, O_CLOEXEC) < 0)
			return 1;
		posix_spawn_file_actions_init(&acts);
		posix_spawn_file_actions_adddup2(&acts, p[1], 1);
		posix_spawn_file_actions_adddup2(&acts, p[1], 2);
		if (posix_spawn(&pid, "/usr/bin/demo-five", &acts, NULL, args, env) != 0) {
			count("it is not there");
			continue;
		}
		posix_spawn_file_actions_destroy(&acts);
		close(p[1]);
		while (used < sizeof text - 1 && (n = read(p[0], text + used, sizeof text - 1 - used)) > 0)
			used += (size_t)n;
		close(p[0]);
		waitpid(pid, &status, 0);
		text[strcspn(text, "\n")] = '\0';
		snprintf(line, sizeof line, "%d %s", status, text);
		count(line);
	}
	for (struct said *s = all; s < all + 64 && s->text[0]; s++)
		printf("%ld %s\n", s->times, s->text);
	return 0;
}
END
gcc -O1 -Wall -Werror -D_GNU_SOURCE -o launch launch.c || exit 1

old='a1.0 b1.0 c2.0 d2.0 e2.0' new='a2.0 b2.0 c2.0 d2.0 e2.0'
one() { pinlib set demo-five libfivea=1.0 libfiveb=1.0 >/dev/null; }
two() { pinlib set demo-five libfivea=2.0 libfiveb=2.0 >/dev/null; }
two
is "the one state" "$(as 1000 demo-five)" "$new"
one
is "the other state" "$(as 1000 demo-five)" "$old"

as 1000 ./launch $((wanted / 2)) >one.log &
first=$!
as 1001 ./launch $((wanted / 2)) >two.log &
second=$!
changes=0 collected=0
while kill -0 $first 2>/dev/null || kill -0 $second 2>/dev/null; do
	for change in two one "pinlib rollback" "pinlib rollback"; do
		$change >/dev/null 2>>why.log || echo "$change failed" >>why.log
		pinlib gc --keep 8 >gc.log 2>&1 || cat gc.log >>why.log
		collected=$((collected + $(sed -n 's/^freed .* \([0-9]*\) layers\{0,1\},.*/\1/p' gc.log | grep . || echo 0)))
		changes=$((changes + 1))
	done
done
wait
is "all changes succeed" "$(cat why.log)" ""
launched=$(awk '{ n += $1 } END { print n + 0 }' one.log two.log)
odd=$(grep -vE "^[0-9]+ 0 ($old|$new)\$" one.log two.log)
both=$(cut -d' ' -f3- one.log two.log | sort -u | wc -l)
if [ -n "$odd" ] || [ "$launched" -lt "$wanted" ] || [ "$both" != 2 ] || [ $collected = 0 ]; then
	not_ok "of $launched launches during $changes changes each sees one state whole" \
		"$odd; $both states, $collected layers collected"
else
	ok "of $launched launches during $changes changes each sees one state whole ($collected layers collected)"
fi

# The wrapper, stopped at every third of its system calls (STRIKE_EVERY): meanwhile the pin changes and the old layer is
# collected. No command waits for it, and when it continues it finds the layers of its plan.
pinlib unset --all >/dev/null
pinlib add "$fixtures"/deb/libdemo1_{1.0,2.0}-1_*.deb >/dev/null
pinlib set demo libdemo1=1.0 >/dev/null
$inject -a -l calls.log setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo >/dev/null
# env executes the wrapper, and the wrapper executes the app.
read -r from to < <(awk -F'\t' '$3 == "execve" && $4 == "0" { n[++k] = $1 } END { print n[k - 1] + 1, n[k] }' calls.log)
echo 'started=$(date +%s%N)
timeout 60 pinlib set demo libdemo1=2.0 >change.log 2>&1 && timeout 60 pinlib gc >>change.log 2>&1
echo $? $((($(date +%s%N) - started) / 1000000)) >>took.log' >change.sh
tried=0 wrong= kept=0
rm -f took.log
for ((n = from; n <= to; n += ${STRIKE_EVERY:-3})); do
	pinlib set demo libdemo1=1.0 >/dev/null
	said=$($inject -a "during=$n:. ./change.sh" setpriv --reuid 1000 --regid 1000 --clear-groups \
		--inh-caps=-all env demo 2>&1)
	[[ $said == [12].0\ /usr/bin/demo ]] || wrong+="stopped at call $n it says $said; "
	grep -q 'for now' change.log && kept=$((kept + 1))
	grep -q 'waiting for' change.log && wrong+="at call $n a change had to wait; "
	tried=$((tried + 1))
done
if [ -z "$wrong" ] && [ $tried -gt 12 ] && [ $kept -gt 4 ]; then
	ok "a wrapper stopped at $tried of its calls starts its app when the pin has changed and gc was there"
else
	not_ok "a wrapper stopped at $tried of its calls starts its app when the pin has changed and gc was there" \
		"$wrong $kept times a layer stayed"
fi
is "... and nothing waits for it" "$(awk '$1 != 0 || $2 > 15000' took.log)" ""
pinlib gc >/dev/null
is "gc removes the kept layer after the wrapper has ended" "$(ls /var/lib/pinlib/layers | wc -l)" 1

# At its last calls, where the program is mounted: the app is unset and set again, which renames what the mount is on; or it
# is sealed, there and at its first calls.
wrong='' tried=0
for change in 'unset demo; pinlib set demo libdemo1=2.0' 'set --sealed demo libdemo1=2.0'; do
	early=
	[[ $change != *sealed* ]] || early=$(seq "$from" 3 $((from + 24))) # before it reads its plan
	for n in $early $(seq $((to - 24)) 3 "$to"); do
		pinlib set --view demo libdemo1=1.0 >/dev/null || pinlib set demo libdemo1=1.0 >/dev/null
		said=$($inject -a "during=$n:(pinlib $change) >/dev/null" setpriv --reuid 1000 --regid 1000 --clear-groups \
			--inh-caps=-all env demo 2>&1)
		[[ $said == [12].0\ /usr/bin/demo ]] || wrong+="$change at call $n: $said; "
		tried=$((tried + 1))
	done
done
is "... nor does it fail where the program is unset and set, or sealed, at $tried of its calls" "$wrong" ""
pinlib set --view demo libdemo1=1.0 >/dev/null
pinlib gc >/dev/null

# A user who stops a wrapper and keeps it stopped: it holds its layers only for a limited time.
pinlib set demo libdemo1=1.0 >/dev/null
read_plan=$(awk -F'\t' '$5 ~ "/plans/usr%2Fbin%2Fdemo$" { print $1 + 6 }' calls.log)
$inject -a "during=$read_plan:touch there; for i in \$(seq 1200); do [ -e go ] && break; sleep 0.05; done" \
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo >stopped.log 2>&1 &
for _ in {1..400}; do [ -e there ] && break || sleep 0.05; done
pinlib set demo libdemo1=2.0 >/dev/null
is "gc reports the layers that stay for now" "$(pinlib gc 2>&1 >/dev/null)" "pinlib: 1 layer stays for now*"
touch -d '11 minutes ago' /var/lib/pinlib/layers/*/.unneeded
pinlib gc >/dev/null 2>gc.log
is "... and removes it when it has stayed for long" "$(cat gc.log; ls /var/lib/pinlib/layers | wc -l)" 1
touch go
wait
is "... and the wrapper, continued then, reports the missing layer" "$(cat stopped.log)" "pinlib: /usr/bin/demo: *layer*"

# Locks of every kind that a user can get on what they may read.
pinlib set demo libdemo1=1.0 >/dev/null
cat >hold.py <<'END'
import fcntl, os, subprocess, sys, time
held = refused = 0
for top in "/var/lib/pinlib", "/usr/bin/.pinlib", "/usr/local/lib/pinlib":
    for dir, dirs, files in os.walk(top):
        for path in [dir] + [os.path.join(dir, f) for f in files]:
            try:
                fd = os.open(path, os.O_RDONLY)
            except OSError:
                refused += 1
                continue
            for lock in (lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
                         lambda: fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB),
                         lambda: fcntl.fcntl(fd, 37, bytes(2 * 2 + 4 + 8 + 8 + 8)), # F_OFD_SETLK
                         lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)):
                try:
                    lock()
                    held += 1
                except OSError:
                    refused += 1
open("held", "w").write(f"{held > 20} {refused > 5}")
time.sleep(120)
END
chmod 1777 /tmp
as 1000 /usr/bin/python3 hold.py &
holder=$!
for _ in {1..200}; do [ -s held ] && break || sleep 0.1; done
is "a user holds all locks that they can get" "$(cat held)" "True True"
runs "set does not wait for them" timeout 20 pinlib set demo libdemo1=2.0
runs "gc does not" timeout 20 pinlib gc
runs "unset does not" timeout 20 pinlib unset demo
kill $holder
finish
