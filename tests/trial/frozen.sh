#!/bin/bash
# tests/trial/frozen.sh: the programs of tests/trial/frozen.programs are installed on Debian 12 and frozen by one command.
# Then apt upgrades this Debian to 13, and each program must give the same output as before. Thawed, each must give the
# output of the plain program of Debian 13. `sudo make trial`; tests/trial/lib.sh says which variables it knows.
set -u
. "$(dirname "$0")/lib.sh"
older=bookworm newer=trixie
table=$src/tests/trial/frozen.programs
root=$trial/root
bad=0
enter "$@"

# Where the programs of packages lie while they are wrapped. For the checks of the plain ones they are mounted on their paths.
live='for path in $(cat /trial/paths); do
	kept=${path%/*}/.pinlib/${path##*/}
	[ ! -e "$kept" ] || mount --bind "$kept" "$path" || exit 1
done
'

upgrade() {
	apt_sources $newer >$root/etc/apt/sources.list &&
		in_root $root apt-get -q update --error-on=any &&
		in_root $root apt-get -q -y full-upgrade
}

# Sets there and gone: the programs that the new Debian has, and those that it does not have any more.
sort_live() {
	local name path
	there=() gone=()
	for name in "${names[@]}"; do
		path=$(in_root $root readlink -f "$(in_root $root which "$name")")
		if [ -e "$root${path%/*}/.pinlib/${path##*/}" ]; then there+=("$name"); else gone+=("$name"); fi
	done
}

# Nothing of pinlib may remain at the programs, and dpkg must find its own files.
nothing_left() {
	[ -z "$(in_root $root bash -c 'pinlib show; dpkg-divert --list | grep /.pinlib/
		ls -d /usr/*bin/.pinlib 2>/dev/null; dpkg --verify | grep "/usr/s\?bin/"' | tee /dev/stderr)" ]
}

[ "$codename" = $older ] || die "this machine must be a Debian $older: the package of pinlib is built on it"
mapfile -t names < <(table_names "$table")
said "pinlib's package" pinlib_deb || exit
said "${#names[@]} programs on Debian $older" suite_root $older "$table" && copy_root $older $root || exit
cp "$trial/pinlib.deb" $root/tmp/ && said "pinlib installed" in_root $root apt-get -q install -y /tmp/pinlib.deb || exit
checks $root "$table" first "${names[@]}"
checks $root "$table" wanted "${names[@]}"
compare "the checks, made twice" $root first wanted "${names[@]}" || bad=1
for name in "${names[@]}"; do
	[ "$(tail -n 1 "$root/trial/wanted/$name")" = "exit 0" ] || { echo "    $name: the check fails before anything is done"; bad=1; }
done
for name in "${names[@]}"; do
	in_root $root readlink -f "$(in_root $root which "$name")"
done >$root/trial/paths
said "pinlib freeze, of all by one command" in_root $root pinlib freeze "${names[@]}" || bad=1
cp "$trial/log" "$trial/freeze.log"
checks $root "$table" frozen "${names[@]}"
compare "frozen, before the upgrade" $root wanted frozen "${names[@]}" || bad=1
said "apt-get full-upgrade to Debian $newer" upgrade || bad=1
cp "$trial/log" "$trial/upgrade.log"
said "dpkg --audit" in_root $root bash -c '[ -z "$(dpkg --audit | tee /dev/stderr)" ]' || bad=1
said "apt-get update" in_root $root apt-get -q update --error-on=any || bad=1
checks $root "$table" upgraded "${names[@]}"
sort_live
before=$live checks $root "$table" plain "${there[@]}"
compare "plain Debian $newer, for comparison" $root wanted plain "${there[@]}" >"$trial/plain"
tail -n 1 "$trial/plain"
compare "FROZEN, after the upgrade" $root wanted upgraded "${names[@]}" || bad=1
said "pinlib thaw, of each" in_root $root bash -c 'bad=0; for path in $(cat /trial/paths); do pinlib thaw $path || bad=1; done; exit $bad' || bad=1
said "nothing of pinlib is left at the programs" nothing_left || bad=1
checks $root "$table" thawed "${there[@]}"
compare "THAWED, against plain Debian $newer" $root plain thawed "${there[@]}" || bad=1
[ ${#gone[@]} = 0 ] || said "Debian $newer has none of: ${gone[*]}" in_root $root bash -c '! which "$@"' bash "${gone[@]}" || bad=1
exit $bad
