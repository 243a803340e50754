#!/bin/bash
# tests/trial/suite.sh SUITE [PATTERN...]: runs pinlib's tests on another Debian, in a root that debootstrap makes of that suite:
# all tests, as CI runs them, or the groups whose names contain a PATTERN. `make check-debian12` and `make check-debian13`.
#
#	tests/trial/suite.sh SUITE -- COMMAND...    another command in that root's copy of the checkout: bash, make lint
#
# The root is build/trial/suite-SUITE; the tests build in its /srv/pinlib. It is kept for the next run for a week: then it is
# made again, of the archive's newest packages. tests/deps installs what debian/control has named since. Of the machine it has
# the kernel, the network and the cgroups; /sys and /proc/sys are read-only. TOTAL is the limit in seconds (7,200).
# At the end it prints the groups with failures or skips, and those whose counts are others than on the other Debian.
set -u
TOTAL=${TOTAL:-7200}
. "$(dirname "$0")/lib.sh"
suite=${1:?suite} root=$trial/suite-$1 log=$trial/suite-$1.log
enter "$@"
shift

make_suite_root() {
	[ -z "$(find "$root/trial/ready" -mtime -7 2>/dev/null)" ] || return 0
	debootstrap_root "$suite" "$root" && touch "$root/trial/ready"
}

# The tests want the machine's cgroups; whatever else /sys has is the machine's.
show_kernel() {
	mkdir -p "$root/sys"
	mount --bind /sys "$root/sys" && mount -o remount,bind,ro "$root/sys" || return 1
	! mountpoint -q /sys/fs/cgroup || mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
}

# in_checkout COMMAND...: in the root's copy of the checkout.
in_checkout() {
	in_root "$root" env ${JOBS:+JOBS="$JOBS"} bash -c 'cd /srv/pinlib && "$@"; exit $?' bash "$@"
}

prepare() {
	in_root "$root" apt-get -q update --error-on=any && in_checkout tests/deps && in_checkout make -j"$(nproc)" all unit
}

# counts LOG: prints each group that tests/run has reported there, a tab, and its count.
counts() {
	sed -nE 's,^((package|[a-z0-9]+/[^ ]+)) +[0-9]+ s  (.*),\1\t\3,p' "$1" | sort
}

# Prints the groups with failures or skips and their lines, and the groups whose counts are others on another Debian.
differences() {
	local other
	echo "== Debian $suite: groups with failures or skips"
	awk '/^(package|[a-z0-9]+\/[^ ]+) +[0-9]+ s  / { on = !/ 0 failed$/ } /^(slowest: |[0-9])/ { on = 0 } on' "$log"
	for other in "$trial"/suite-*.log; do
		[ "$other" != "$log" ] && [ -e "$other" ] || continue
		echo "== groups whose counts differ: $suite; $(basename "$other" .log | cut -d- -f 2)"
		join -t $'\t' <(counts "$log") <(counts "$other") | awk -F '\t' '$2 != $3 { printf "%-24s %s; %s\n", $1, $2, $3 }'
	done
}

said "Debian $suite" make_suite_root && furnish "$root" && show_kernel || exit
copy_sources "$root/srv/pinlib"
if [ "${1:-}" = -- ]; then
	shift
	in_checkout "$@"
	exit
fi
status=0
limit=$((TOTAL - SECONDS - 30)) # for the tests: what they have done until then is listed
if [ $# = 0 ]; then
	in_checkout timeout --kill-after=10 $limit .ci/run 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	[ $status != 124 ] || echo "$0: the tests were ended after $limit seconds (TOTAL=$TOTAL)" | tee -a "$log"
	differences
	tail -n 1 "$log"
	exit $status
fi
said "what the tests need" prepare || exit
for pattern; do
	in_checkout timeout --kill-after=10 $limit tests/run "$pattern" 2>&1 || status=1
done
exit $status
