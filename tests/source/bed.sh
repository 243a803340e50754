#!/bin/bash
# What a test does to the machine, it does to its bed (tests/bed): nothing arrives outside.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib.sh

for dir in / /dev /boot /srv /mnt; do
	[ -d "$dir" ] || continue
	tests/bed touch "$dir/of-the-bed" 2>/dev/null
	is "the bed's $dir is not the machine's" "$(ls -A "$dir" | grep -x of-the-bed)" ""
done
writable="/usr/bin /etc /var/lib /tmp /run /root"
is "nor are the directories that a test can write to" \
	"$(tests/bed bash -c "for dir in $writable; do touch \$dir/of-the-bed && echo \$dir; done" | xargs) $(ls -A $writable | grep -x of-the-bed)" \
	"$writable "
is "nothing in a bed can set the clock" "$(tests/bed date -s @0 2>&1 >/dev/null | grep -o 'not permitted')" "not permitted"

finish
