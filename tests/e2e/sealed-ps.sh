#!/bin/bash
# pinlib ps and gc with processes of sealed programs, which have no label: only their maps tell which libraries they run.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1

# Three versions of two libraries; the third library is the same in all.
cat >lib.c <<'END'
int NAME(void);
int NAME(void) { return VERSION; }
END
# late WORDS...: maps libearly, and loads liblate or libsame when a file appears. "thread": its first thread has ended.
cat >late.c <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int EARLY(void);
static char **words;
static void *work(void *ctx)
{
	char path[256];
	FILE *f;
	void *lib;
	int (*version)(void);
	snprintf(path, sizeof path, "%s.pid", words[1]);
	f = fopen(path, "w");
	fprintf(f, "%d\n", getpid());
	fclose(f);
	snprintf(path, sizeof path, "%s.go", words[1]);
	while (access(path, F_OK) < 0)
		usleep(20000);
	lib = dlopen("liblate.so.1", RTLD_NOW);
	version = lib ? (int (*)(void))dlsym(lib, "late") : NULL;
	snprintf(path, sizeof path, "%s.said", words[1]);
	f = fopen(path, "w");
	fprintf(f, "early %d late %d %s\n", EARLY(), version ? version() : -1, version ? "" : dlerror());
	fclose(f);
	return ctx;
}
int main(int argc, char **argv)
{
	pthread_t thread;
	words = argv;
	if (argc < 3)
		return work(NULL) != NULL;
	pthread_create(&thread, NULL, work, NULL);
	pthread_exit(NULL);
}
END
# build VERSION DIR
build() {
	local name version
	mkdir -p "$2"
	for name in early late same; do
		version=$1
		[ $name != same ] || version=0
		gcc -shared -fPIC -DNAME=$name -DVERSION="$version" -Wl,-soname,lib$name.so.1 -o "$2/lib$name.so.1" lib.c ||
			not_ok setup "cannot compile"
	done
}
for version in 1 2; do
	build $version tree$version"$libs"
	pinlib add --name trio --version $version tree$version >/dev/null || not_ok setup "cannot add"
done
build 3 "$libs" && ldconfig
gcc -DEARLY=early -Wl,--no-as-needed -o /opt/late late.c "$libs"/lib{early,same}.so.1 -lpthread -ldl
gcc -DEARLY=getpid -o /opt/lazy late.c -lpthread -ldl
chmod 777 /tmp

# begin NAME COMMAND...: in the background, as the user; its number is in $pid.
begin() {
	local name=$1 tries=0
	shift
	rm -f "$name".{pid,go,said}
	as 1000 "$@" 2>"$name.err" &
	until [ -s "$name.pid" ] || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
	pid=$(cat "$name.pid") || not_ok "begin $name" "$(cat "$name.err")"
}

# said NAME: what it prints after it loaded liblate; then it ends.
said() {
	local tries=0
	touch "$1.go"
	until [ -s "$1.said" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
	cat "$1.said"
	while pgrep -f "^/opt/[a-z]* $1( |\$)" >/dev/null && [ $((tries += 1)) -lt 200 ]; do sleep 0.05; done
}

# ask PID EXPRESSION [COMMAND...]: of the process p, as ps --json shows it, or "-".
ask() {
	local pid=$1 what=$2
	shift 2
	"$@" pinlib --json ps --libs 2>/dev/null | /usr/bin/python3 -c '
import json, os, sys
found = [p for p in json.load(sys.stdin)["processes"] if p["pid"] == int(sys.argv[1])]
print(*[eval(sys.argv[2]) for p in found] or "-")' "$pid" "$what"
}
state='p["state"], p["app"], p["form"]'

# stored: the versions of trio in the store.
stored() {
	pinlib libs trio 2>/dev/null | awk '{ printf "%s%s", sep, $2; sep = " " }'
}

pinlib set --sealed /opt/late trio=1 >/dev/null || not_ok setup "cannot seal"
begin a /opt/late a
a=$pid
is "a sealed process is current" "$(ask "$a" "$state")" "('current', '/opt/late', 'sealed')"
is "... for its user" "$(ask "$a" "$state" as 1000)" "('current', '/opt/late', 'sealed')"
is "... and hidden from others" "$(ask "$a" "$state" as 1001)" -
is "... who are told so" "$(as 1001 pinlib ps 2>&1 | grep -c 'cannot be read: whether they are sealed is unknown')" 1
is "its label is null, and it has no copies" "$(ask "$a" 'p["label"], p["copies"], p["stale"]')" "(None, \[], \[])"
mapped=$(grep -o '/var/lib/pinlib/store/objects/.*' "/proc/$a/maps" | sort -u)
is "its objects are those that it maps" "$(ask "$a" '"\n".join(p["objects"])')" \
	"$(sha256sum $mapped | cut -c 1-64 | sort)"
is "... its libraries have their names" "$(ask "$a" 'sorted({(l["library"], l["version"], l["pinned"], l["stale"]) for l in p["libs"]})')" \
	"\[('trio', '1', True, False)]"
is "... and their paths" "$(ask "$a" '"\n".join(sorted(l["path"] for l in p["libs"]))')" "$mapped"
digests=$(ask "$a" '",".join(o[:12] for o in p["objects"])')
is "a row of the table" "$(as 1000 pinlib ps 2>/dev/null | awk -v p="$a" '$1 == p { print $3, $4, $5, $6, $7 }')" \
	"current 1 /opt/late /opt/late sha256:$digests"
is "... of the app" "$(pinlib ps /opt/late | tail -n +2 | wc -l) $(pinlib ps demo | tail -n +2 | wc -l)" "1 0"
refuses "one process" 0 "/opt/late, generation 1: current" pinlib ps "$a"
is "its libraries are two" "$(wc -l <<<"$mapped")" 2
refuses "... with its objects" 0 "$(sha256sum $mapped | head -n 1 | cut -c 1-64)  trio 1" as 1000 pinlib ps "$a"
refuses "... which has neither label nor objects" 1 "in no view, and is not sealed" pinlib ps 1

begin t /opt/late t thread
is "a process without its first thread" "$(ask "$pid" "$state")" "('current', '/opt/late', 'sealed')"
said t >/dev/null

# -- other pins --

pinlib set /opt/late trio=2 >/dev/null
is "another version supersedes" "$(ask "$a" "$state")" "('superseded', '/opt/late', 'sealed')"
is "... for its user" "$(ask "$a" "$state" as 1000)" "('superseded', '/opt/late', 'sealed')"
is "... the old files are listed, for needrestart" "$(ask "$a" 'len(p["stale"]), p["stale"][0], sum(l["stale"] for l in p["libs"])')" \
	"(2, '/opt/late', 1)"
begin b /opt/late b
b=$pid
is "one started since is current" "$(ask "$b" "$state")" "('current', '/opt/late', 'sealed')"
is "gc --dry-run keeps what the old process runs" "$(pinlib gc --keep 1 --dry-run 2>&1 | grep -oE '^trio .*|[0-9]+ objects?, [0-9]+ layers?')" "0 objects, 0 layers"
is "gc keeps it" "$(pinlib gc --keep 1 2>gc.said >/dev/null; stored)" "1 2"
is "... and names the process" "$(grep -c "stay: process $a (.*, /opt/late) uses them" gc.said)" 1
is "... in JSON" "$(pinlib --json gc | /usr/bin/python3 -c 'import json, sys
print(*[(u["label"], len(u["set"]), u["pid"], u["processes"]) for u in json.load(sys.stdin)["in_use"]])')" "(None, 32, $a, 1)"
is "a library that it loads after gc is the pinned one" "$(said a)" "early 1 late 1 "
is "the next gc removes it, beside a process that shares an object" "$(pinlib gc --now 2>&1 >/dev/null; stored)" 2
is "... which loads its own" "$(said b)" "early 2 late 2 "

begin c /opt/late c
c=$pid
pinlib add --name trio --version 1 tree1 >/dev/null
pinlib set /opt/late trio=1 >/dev/null && pinlib set /opt/late trio=2 >/dev/null
is "the same version in a new file: only the program is stale" "$(ask "$c" 'p["stale"], p["state"]')" "(\['/opt/late'], 'stale')"
pinlib set --view /opt/late >/dev/null
is "a view instead supersedes" "$(ask "$c" "$state")" "('superseded', '/opt/late', 'sealed')"
pinlib unset /opt/late >/dev/null
is "... and no pin" "$(ask "$c" "$state")" "('superseded', '/opt/late', 'sealed')"
is "... for its user" "$(ask "$c" "$state" as 1000)" "('superseded', '/opt/late', 'sealed')"
pinlib gc --now --keep 1 >/dev/null 2>&1
is "gc keeps the version of a program without a pin" "$(stored)" 2
is "... of which it loads another library" "$(said c)" "early 2 late 2 "
pinlib gc --now >/dev/null 2>&1
is "... and removes it" "$(stored)" ""

# -- no object yet --

pinlib add --name trio --version 1 tree1 >/dev/null && pinlib set --sealed /opt/lazy trio=1 >/dev/null ||
	not_ok setup "cannot seal /opt/lazy"
begin d /opt/lazy d
is "a process that has loaded none is not listed" "$(ask "$pid" "$state")" -
pinlib unset /opt/lazy >/dev/null
pinlib gc --now --keep 1 >/dev/null 2>&1
is "... but gc keeps its libraries" "$(stored)" 1
is "... for it to load them" "$(said d | sed 's/early [0-9]* //')" "late 1 "
pinlib gc --now >/dev/null 2>&1
is "... as long as it runs" "$(stored)" ""

# -- other programs --

pinlib add --name trio --version 1 tree1 >/dev/null && pinlib set --sealed /opt/late trio=1 >/dev/null
cat >map.py <<'END'
import mmap, os, sys, time
kept = []
for path in sys.argv[2:] or [f"/tmp/mine/var/lib/pinlib/store/objects/{i % 256:02x}/{i:062x}" for i in range(5000)]:
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").write("x")
    with open(path, "rb") as f:
        kept.append(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ))
open(sys.argv[1] + ".pid", "w").write(str(os.getpid()))
time.sleep(600)
END
object=$(readlink -f "$(pinlib show /opt/late | sed -n 's/^ *libraries: //p')/liblate.so.1")
begin e /usr/bin/python3 map.py e "$object"
e=$pid
is "another program that maps an object" "$(ask "$e" "$state")" "('sealed', None, 'sealed')"
is "... keeps the sets that have it" "$(pinlib unset /opt/late >/dev/null; pinlib gc --now --keep 1 >/dev/null 2>&1; stored)" 1
rm "$object"
is "... a removed object counts" "$(ask "$e" 'len(p["objects"])')" 1
kill "$e"
begin f /usr/bin/python3 map.py f
is "a process that maps 5000 files" "$(ask "$pid" 'p["state"], len(p["objects"])')" "('sealed', 4096)"
is "... in the table" "$(pinlib ps | grep -c "^$pid .* sealed .*,\.\.\.\$")" 1
kill "$pid"
finish
