#!/bin/bash
# tests/trial/aside.sh: the programs of tests/trial/aside.programs, of Debian 11, are brought to Debian 13, each by one
# command, into /usr/local/bin. Each must give the output that it gives on Debian 11. `sudo make trial`; tests/trial/lib.sh
# says which variables it knows.
set -u
. "$(dirname "$0")/lib.sh"
older=bullseye newer=trixie
table=$src/tests/trial/aside.programs
root=$trial/root
bad=0
enter "$@"

# bring NAME PACKAGE...: one command. It reads the older Debian's package lists: apt's own configuration has the newer one.
bring() {
	local name=$1
	shift
	in_root $root env APT_CONFIG=/trial/apt.conf pinlib set --as "/usr/local/bin/$name" --with-deps "${@/#/apt:}"
}

older_lists() {
	mkdir -p $root/trial/apt/lists/partial $root/trial/apt/none
	: >$root/trial/apt/status
	apt_sources $older >$root/trial/apt/sources.list
	cat >$root/trial/apt.conf <<-END
		Dir::Etc::sourcelist "/trial/apt/sources.list";
		Dir::Etc::sourceparts "/trial/apt/none";
		Dir::State::lists "/trial/apt/lists";
		Dir::State::status "/trial/apt/status";
	END
	in_root $root env APT_CONFIG=/trial/apt.conf apt-get -q update --error-on=any
}

# What the programs print on the older Debian itself, in build/trial/outputs-SUITE. With KEEP=1 those of an earlier run count.
older_outputs() {
	local at=$trial/root-$older kept=$trial/outputs-$older name
	[ -z "${KEEP:-}" ] || [ ! "$kept" -nt "$table" ] || [ ! "$kept" -nt "$src/tests/trial/frozen.programs" ] || return 0
	said "${#names[@]} programs on Debian $older" suite_root $older "$table" || return 1
	furnish "$at"
	checks "$at" "$table" first "${names[@]}"
	checks "$at" "$table" wanted "${names[@]}"
	unfurnish "$at"
	compare "the checks, made twice" "$at" first wanted "${names[@]}" || bad=1
	for name in "${names[@]}"; do
		[ "$(tail -n 1 "$at/trial/wanted/$name")" = "exit 0" ] || { echo "    $name: the check fails on Debian $older"; bad=1; }
	done
	rm -rf "$kept"
	cp -a "$at/trial/wanted" "$kept"
}

bring_all() {
	local name packages began
	while read -r name packages; do
		began=${EPOCHREALTIME/./}
		# shellcheck disable=SC2086
		bring "$name" $packages >"$trial/log" 2>&1 </dev/null || {
			printf '    %-26s is not brought: %s\n' "$name" "$(grep -a '^pinlib: ' "$trial/log" | cut -c 1-400 | tr '\n' '|')"
			cp "$trial/log" "$trial/log.$name"
		}
		echo $(((${EPOCHREALTIME/./} - began) / 1000)) >>"$trial/times"
	done < <(table_lines "$table")
}

[ "$codename" = bookworm ] || die "this machine must be a Debian bookworm: the package of pinlib is built on it"
mapfile -t names < <(table_names "$table")
said "pinlib's package" pinlib_deb || exit
older_outputs || exit
said "Debian $newer" suite_root $newer /dev/null && copy_root $newer $root || exit
cp -a "$trial/outputs-$older" $root/trial/wanted
cp "$trial/pinlib.deb" $root/tmp/ && said "pinlib installed" in_root $root apt-get -q install -y /tmp/pinlib.deb || exit
said "package lists of Debian $older" older_lists || exit
rm -f "$trial/times"
bring_all
echo "one command each: $(sort -n "$trial/times" | awk '{ t[NR] = $1; s += $1 } END { printf "median %.1f s, longest %.1f s, in all %d s", t[int((NR + 1) / 2)] / 1000, t[NR] / 1000, s / 1000 }')"
checks $root "$table" aside "${names[@]}"
compare "ASIDE: programs of Debian $older on $newer" $root wanted aside "${names[@]}" || bad=1
said "pinlib doctor" in_root $root pinlib doctor || bad=1
said "pinlib unset --all" in_root $root pinlib unset --all || bad=1
said "/usr/local/bin is empty again" in_root $root bash -c '[ -z "$(ls -A /usr/local/bin | tee /dev/stderr)" ]' || bad=1
exit $bad
