#!/bin/bash
# tests/e2e/calls.sh [--print]: the system calls of a launch, from the wrapper's start to the app's, one by one,
# against tests/e2e/calls.kept, so that one more, or one less, shows up in review. After a change that means to:
#
#	tests/bed bash -c '. tests/lib.sh; install_pinlib && world && tests/e2e/calls.sh --print' >calls &&
#		mv calls tests/e2e/calls.kept
#
# A line is a call with its names and flags, and its error. What differs from run to run is left out
# (numbers, addresses, contents); a layer's ID is "ID".
. "$(dirname "$0")/../lib.sh"
kept=$src/tests/e2e/calls.kept
print=${1:-}
cd /tmp && chmod 1777 . || exit 1

cat >short.py <<'END'
import re, sys
# short.py TRIPLET N: the calls between the N-th successful execve of strace's output and the next one, that included.
triplet, wanted, seen, all, table = sys.argv[1], int(sys.argv[2]), 0, [], False
contents = "read", "pread64", "write"
above = "lstat, statfs, of each directory on the way"
answers = "stat", "statx", "lstat", "fstat", "newfstatat", "statfs", "prlimit64", "capget", "getcwd"
for line in sys.stdin:
    m = re.match(r"\d+ +(\w+)\((.*)\) += (.*)", line)
    if not m:
        continue
    call, arguments, result = m.groups()
    if seen == wanted:
        words = [call]
        if call == "execve":
            words.append(arguments.split(",")[0])
        elif call in answers:
            words += re.findall(r'"[^"]*"', arguments)
        elif call not in contents:
            words += re.findall(r'"[^"]*"|\b[A-Z][A-Z0-9_]{3,}\b', re.sub(r"/\*.*?\*/", "", arguments))
        error = re.match(r"-1 (E\w+)", result)
        text = " ".join(words + ([error[1]] if error else []))
        text = re.sub(r"(CAP_\w+ ?){9,}", "ALL", text)  # of root
        # How many it takes depends on how many mounts there are.
        table = call != "close" and (table or "mountinfo" in text)
        if table and call == "read":
            text = "read, to the end"
        # ... and on where the wrapper's directory is, and how many of those above it are mounts.
        if call == "lstat" and "/layers/" not in text or call == "statfs" and all[-1:] == [above] and '"/"' not in text:
            text = above
        if all[-1:] == [text] and text in ("read, to the end", above):
            continue
        all.append(re.sub(r"\b[0-9a-f]{32}\b", "ID", text).replace(triplet, "TRIPLET"))
    if call == "execve" and not result.startswith("-1"):
        seen += 1
        if seen > wanted:
            break
print(len(all), "calls")
print(*all, sep="\n")
END

# [user=root] trace NAME N COMMAND...: appends the calls of the N-th program until it executes the next.
trace() {
	local name=$1 n=$2
	shift 2
	env -i PATH=/usr/bin LC_ALL=C strace -f -qq -s 400 -u "${user:-tester}" -o calls.log "$@" >/dev/null 2>&1
	printf '== %s: ' "$name"
	/usr/bin/python3 short.py "$triplet" "$n" <calls.log
}

useradd -M tester
mkdir -p tree/usr/local/lib && echo other >tree/usr/local/lib/libother.so.1
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib add --name other --version 1 tree >/dev/null &&
	pinlib set demo libdemo1=1.0 >/dev/null && pinlib set demo2 libdemo1=1.0 >/dev/null &&
	pinlib set demo-script libdemo1=1.0 >/dev/null || not_ok "setup" "cannot pin"
{
	trace "a program with one cover" 2 /usr/bin/demo
	trace "the same inside another's view" 5 /usr/bin/demo /usr/bin/demo2
	user=root trace "root's, who may mount for others" 2 /usr/bin/demo
	trace "a script" 2 /usr/bin/demo-script
	pinlib set demo2 libdemo1=1.0 other=1 >/dev/null || echo "cannot pin two"
	trace "a program with two covers" 2 /usr/bin/demo2
	pinlib set --confine legacy demo >/dev/null || echo "cannot confine"
	trace "a program with a filter" 2 /usr/bin/demo
} >now
[ "$print" != --print ] || { cat now && exit; }

# Nobody has to keep a list for each kernel and machine. Debian 12's musl and 13's make the same calls.
if [ "$(uname -m)" != x86_64 ] || [ "$(printf '%s\n' 6.7 "$(uname -r)" | sort -V | head -n 1)" != 6.7 ]; then
	skip "the system calls of a launch" "the list is of x86_64, Linux 6.7 or later: this is $(uname -m), $(uname -r)"
	finish
fi
while read -r line; do
	[[ $line == "== "* ]] || continue
	name=${line#== } name=${name%%:*}
	part() { awk -v name="== $name:" '/^== / { on = index($0, name) == 1 } on' "$1"; }
	part now >a
	part "$kept" >b
	if [ "$(wc -l <a)" -gt 20 ] && changed=$(diff b a); then
		ok "the system calls of a launch: ${line#== }"
	else
		not_ok "the system calls of a launch: $name" "$(wc -l <a) lines; kept <, now >: $(grep '^[<>]' <<<"$changed")"
	fi
done <now
is "each kind that is kept was traced" "$(grep -o '^== [^:]*' now)" "$(grep -o '^== [^:]*' "$kept")"
finish
