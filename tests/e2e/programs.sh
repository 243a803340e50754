#!/bin/bash
# The table of programs that should not be pinned (policy/programs.conf), with Debian's own packages: set finds the
# programs that its entries are about, and the reasons against three of them are true. Needs the network.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1
export DEBIAN_FRONTEND=noninteractive
table=$src/policy/programs.conf
version() { dpkg-query -Wf '${Version}' "$1"; }

# Each package is in Debian 12 or 13, and somebody provides each virtual package.
names_exist() {
	local suite name missing=
	: >known
	for suite in bookworm trixie; do
		if ! suite_conf $suite; then
			skip "the packages of the table exist" "$suite_why"
			unset APT_CONFIG
			return
		fi
		apt-cache pkgnames >>known
		for name in $(grep -oE 'provides:[^ ]+' "$table"); do
			[ -n "$(apt-cache showpkg "${name#*:}" | sed '1,/^Reverse Provides/d')" ] || missing+="$suite: $name "
		done
		unset APT_CONFIG
	done
	# zfsutils-linux is in contrib.
	for name in $(grep -oE 'package:[^ ]+' "$table"); do
		grep -qxF "${name#*:}" known || [ "$name" = package:zfsutils-linux ] || missing+="$name "
	done
	is "the packages of the table exist, and the virtual ones are provided" "$missing" ""
}

# GRADE, PROGRAM, its package, words of the reason.
cases="refuse gpgv gpgv no_new_privs
refuse perl perl-base config scripts
refuse dpkg dpkg cannot change
refuse apt-get apt cannot unpack
refuse grep grep no_new_privs
refuse sed sed no_new_privs
refuse gawk gawk no_new_privs
refuse find findutils no_new_privs
refuse tar tar no_new_privs
refuse ls coreutils no_new_privs
warn sshd openssh-server sessions that
warn login login sessions that
warn cron cron jobs and services
warn atd at jobs and services
warn tmux tmux commands that users
warn screen screen commands that users
warn bash bash commands that users
warn rsync rsync in covered directories
warn restic restic in covered directories
warn updatedb.plocate plocate in covered directories
warn ip iproute2 ip netns exec
warn automount autofs below covered directories
warn sshfs sshfs fusermount3
warn gpg gpg outlive
warn dirmngr dirmngr outlive
warn gdb gdb below the program
warn strace strace below the program
warn cryptsetup cryptsetup-bin initramfs
warn lvm lvm2 initramfs
warn /usr/libexec/udisks2/udisksd udisks2 below covered
warn fsck.ext4 e2fsprogs initramfs
warn mdadm mdadm initramfs
warn btrfs btrfs-progs initramfs
warn busybox busybox initramfs
warn udevadm udev initramfs"

install_packages() {
	local why
	if ! why=$(apt-get -q update --error-on=any 2>&1 &&
		apt-get -q install -y --no-install-recommends graphviz $(cut -d ' ' -f 3 <<<"$cases") 2>&1); then
		skip "real programs" "apt-get: $(printf %s "$why" | grep -m 1 -E '^(E|W|Err)')"
		return 1
	fi
}

# The table is read before the version is looked up: no pin is set here.
finds() {
	local grade program package words said
	while read -r grade program package words; do
		said=$(pinlib set "$program" libnone=1 2>&1)
		case $grade in
		refuse) is "$program of $package is refused" "$said" "pinlib: /* should not be pinned: *$words*; *--force pins it anyway*" ;;
		warn) is "$program of $package gets a note" "$said" "pinlib: note: /*: *$words*; *" ;;
		esac
	done <<<"$cases"
	is "curl gets none" "$(pinlib set curl libnone=1 2>&1 | grep -c 'note\|should not')" 0
	is "... and nothing is pinned" "$(pinlib show)" ""
}

# pinned_by_force PROGRAM LIBRARY
pinned_by_force() {
	pinlib add "dpkg:$2" >/dev/null && pinlib set --force "$1" "$2=$(version "$2")" >/dev/null 2>&1
}

gpgv_breaks_apt() {
	runs "gpgv is pinned by force" pinned_by_force gpgv libgcrypt20
	refuses "... and apt rejects its lists" 100 "signature verification" apt-get -q update --error-on=any
	pinlib unset gpgv >/dev/null
	runs "... until it is unpinned" apt-get -q update --error-on=any
}

# libgvc6's postinst runs the live dot, which writes config6a where the view is read-only.
dot_in_postinst() {
	local config
	config=$(dirname "$(find /usr/lib -path '*/graphviz/libgvplugin_core.so*' | head -n 1)")/config6a
	runs "dot is frozen" pinlib freeze dot
	rm -f "$config"
	runs "... and libgvc6 is configured, whose postinst runs it" dpkg-reconfigure libgvc6
	is "... which writes its list of plugins" "$(test -s "$config" && echo there)" there
	is "... and users have the frozen one" "$(echo 'graph { a -- b }' | as 1000 dot -Tplain | head -n 1 | cut -d ' ' -f 1)" graph
	pinlib unset dot >/dev/null
}

# A copy outside of PATH is frozen instead, and neither apt nor dpkg notices.
freezes_copies() {
	local program version copy
	mkdir -p /opt/copies
	while read -r program version; do
		refuses "$program is not frozen" 1 "should not be pinned" pinlib freeze "$program"
		copy=/opt/copies/$program
		cp -L "$(command -v "$program")" "$copy"
		runs "... but a copy is" pinlib freeze "$copy"
		runs "... and starts" "$copy" "$version"
	done <<-END
		gpgv --version
		gawk --version
		sed --version
		grep --version
		perl -v
	END
	runs "apt gets its lists meanwhile" apt-get -q update --error-on=any
	pinlib unset --all >/dev/null
}

names_exist
if install_packages; then
	finds
	freezes_copies
	if [ "$codename" = bookworm ]; then
		gpgv_breaks_apt
	else
		skip "gpgv breaks apt" "apt of $codename verifies with sqv"
	fi
	dot_in_postinst
	is "all is well" "$(verify)" "all is well"
fi
finish
