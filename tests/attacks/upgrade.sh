#!/bin/bash
# A user who holds a wrapper that was replaced or removed: its faults may be known one day, its capability is gone.
. tests/lib.sh
wrapper=/usr/local/lib/pinlib/pinlib-wrapper
cd /tmp && chmod 1777 .
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null ||
	not_ok "demo is pinned" "no"

# Where fs.protected_hardlinks is 0 users make such links themselves; it is the machine's, so root makes them here.
theirs=/usr/local/theirs
mkdir $theirs && chown 1000 $theirs
number=0
keep_link() {
	number=$((number + 1))
	ln "$1" "$theirs/$number"
}

# held: prints those of the user's open files and links that have a capability.
held() {
	/usr/bin/python3 -c 'import os, sys
for name in sys.argv[1:]:
    if "security.capability" in os.listxattr(name):
        print(name)' "/proc/$holder/fd/9" $theirs/*
}

keep_link $wrapper
(as 1000 bash -c "exec 9<$wrapper; echo \$\$ >/tmp/holder; exec sleep 1000") 2>/dev/null &
until [ -s holder ]; do sleep 0.1; done
holder=$(cat holder)
is "a user holds the wrapper by a descriptor and a link" "$(held | xargs)" "/proc/$holder/fd/9 $theirs/1"

# Programs are started all the time meanwhile.
cat >launches <<'END'
while [ ! -e stop ]; do [ "$(demo 2>&1)" = "1.0 /usr/bin/demo" ] && echo good || echo bad; done | sort | uniq -c | xargs
END
as 1000 bash launches >launched &
runs "pinlib is installed again" install_pinlib
runs "... and once more" install_pinlib
touch stop && wait $!
is "... and each start of a program succeeded" "$(cat launched)" "+([0-9]) good"
is "the wrapper that the user holds has lost its capability" "$(held)" ""
is "the wrapper has it" "$(getcap $wrapper)" "$wrapper cap_sys_admin=p"
is "... and is alone with the stub" "$(ls -A ${wrapper%/*} | xargs)" "pinlib-stub pinlib-wrapper"
is "the held descriptor starts nothing with privilege" \
	"$(as 1000 bash -c "exec -a demo /proc/$holder/fd/9" 2>&1)" "pinlib: *"

# Killed, or failing, at any step: a wrapper is installed, and the next installation removes leftover files.
mkdir shims
put() {
	PATH=/tmp/shims:$PATH "$src/wrapper/put" "$build/pinlib-wrapper" $wrapper
}
for step in mkdir cp chown chmod setcap sync ln mv sleep rm; do
	for how in 'exit 1' 'kill -9 $PPID'; do
		keep_link $wrapper
		printf '#!/bin/sh\n%s\n' "$how" >shims/$step && chmod 755 shims/$step
		put >/dev/null 2>&1
		rm shims/$step
		for rest in $wrapper.old $wrapper.new; do
			[ ! -e $rest ] || keep_link $rest
		done
		is "$step, $how: programs start" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"
		put
	done
done 2>/dev/null
is "nothing is left of that" "$(ls -A ${wrapper%/*} | xargs)" "pinlib-stub pinlib-wrapper"
is "... and the wrapper that the user held has no capability" "$number $(held)" "[3-9][0-9] "

# What is left until then is named, and the command that helps.
for rest in new old; do
	cp -a $wrapper $wrapper.$rest
	refuses "a left $rest: set" 1 "$wrapper.$rest has a capability and is left over from an interrupted installation" pinlib set demo2 libdemo1=1.0
	is "... doctor" "$(pinlib doctor 2>&1 | grep -A 1 "$wrapper.$rest")" "*interrupted*install pinlib again, which removes the file*"
	is "... programs start" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"
done
runs "an installation takes both away" install_pinlib
is "... both" "$(ls -A ${wrapper%/*} | xargs)" "pinlib-stub pinlib-wrapper"

# A second name of the installed wrapper, left by an installation that was killed before the rename.
ln $wrapper $wrapper.old
runs "a second name" install_pinlib
is "... is no reason to disarm the wrapper before there is a new one" "$(as 1000 demo 2>&1)" "1.0 /usr/bin/demo"

keep_link $wrapper
pinlib unset --all >/dev/null
runs "pinlib is uninstalled" make -s -C "$src" BUILD="$build" uninstall
is "the wrapper that the user held has no capability" "$(held)" ""
is "... and it is gone" "$(ls -d ${wrapper%/*} 2>&1)" "*No such file*"
kill "$holder" && wait 2>/dev/null
finish
