#!/bin/bash
# The Debian package: dpkg-buildpackage builds it, lintian checks it, and apt installs it in a Debian that debootstrap
# makes in a bed, on a tmpfs. The scenarios of tests/package run there, each in a fresh copy with the package and the
# small world. Besides $fixtures they have in /debs:
#
#	pinlib.deb        the built package; pinlib-next.deb  the same as the next version
#	pinlib-*.deb      next versions whose installation fails: the name says where
#
# Then apt upgrades pinned programs of the archive, and most end-to-end tests run there, with the package.
. "$(dirname "$0")/../lib.sh"
base=/mnt/debian # the Debian root as it is copied
root=/mnt/root
older=bullseye newer=trixie # what was stable before, and is now
released="bsdtar libarchive-tools libarchive13
jq jq libjq1
xz xz-utils liblzma5"
debs=$base/debs
arch=$(dpkg --print-architecture)
export DEBIAN_FRONTEND=noninteractive

build_package() {
	mkdir -p /tmp/package/pinlib
	tar -c -C "$src" --exclude=./.git --exclude=./build . | tar -x --no-same-owner -C /tmp/package/pinlib
	runs "dpkg-buildpackage builds" bash -c \
		'cd /tmp/package/pinlib && DEB_BUILD_PROFILES=nocheck DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc'
	# Without its standard error, where readelf prints many warnings about damaged files from fuzzing.
	is "lintian reports nothing" \
		"$(lintian --allow-root --fail-on error,warning /tmp/package/*.changes 2>/dev/null; echo "exit $?")" "exit 0"
	[ -e /tmp/package/pinlib_*_"$arch".deb ]
}

# Everything from here on needs the network.
make_root() {
	local uri key why with=()
	mkdir -p $base
	mount -t tmpfs -o mode=0755 debian $base
	if ! read -r uri key < <(debian_source); then
		skip "pinlib in a Debian root" "apt's sources name no Debian archive with the suite $codename"
		return 1
	fi
	[ "$key" = - ] || with=("--keyring=$key")
	if ! why=$(timeout 300 debootstrap --variant=minbase --include=python3 "${with[@]}" "$codename" $base "$uri" 2>&1); then
		skip "pinlib in a Debian root" "debootstrap: $(printf %s "$why" | tail -n 2)"
		return 1
	fi
}

clean_env=(LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive triplet="$triplet"
	${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"}
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

# in_root DIR COMMAND...: as root in that Debian, as if nothing of pinlib's tests were around it.
in_root() {
	local dir=$1
	shift
	env -i "${clean_env[@]}" chroot "$dir" "$@"
}

# File systems of a running machine. Of the host's /dev only the devices that every program needs.
furnish() {
	local dir=$1
	mkdir -p "$dir/mnt/src" "$dir/opt/fixtures"
	mount -t proc proc "$dir/proc"
	mount --bind "$dir/proc/sys" "$dir/proc/sys" && mount -o remount,bind,ro "$dir/proc/sys" # they are the machine's
	mount -t tmpfs -o mode=1777 tmp "$dir/tmp"
	mount --bind "$src" "$dir/mnt/src"
	mount --bind "$build/fixtures" "$dir/opt/fixtures"
	cp /etc/resolv.conf "$dir/etc/resolv.conf" 2>/dev/null || true
	# As on any machine that runs no services.
	printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
	chmod 755 "$dir/usr/sbin/policy-rc.d"
}

# next NAME [SCRIPT TEXT]: a next version of the package, with other bytes in wrapper and program, and
# TEXT at the start of that maintainer script.
next() {
	local dir=/tmp/package/next
	rm -rf $dir
	dpkg-deb -R "$debs/pinlib.deb" $dir
	sed -i 's/^Version: .*/&+next/' $dir/DEBIAN/control
	printf next >>$dir/usr/libexec/pinlib/pinlib-wrapper
	printf next >>$dir/usr/bin/pinlib
	(cd $dir && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
	[ $# = 1 ] || sed -i "1a $3" "$dir/DEBIAN/$2"
	dpkg-deb --root-owner-group -b $dir "$debs/$1.deb" >/dev/null
}

make_debs() {
	local damaged
	mkdir -p $debs
	cp /tmp/package/pinlib_*_"$arch".deb $debs/pinlib.deb
	next pinlib-next
	next pinlib-bad-preinst preinst 'echo bad preinst >&2; exit 1'
	next pinlib-bad-postinst postinst 'echo bad postinst >&2; exit 1'
	next pinlib-bad-postrm postrm '[ "$1" != failed-upgrade ] || { echo bad postrm >\&2; exit 1; }'
	# One that cannot be unpacked whole: a byte of its last file.
	cp $debs/pinlib-next.deb $debs/pinlib-bad-data.deb
	damaged=$(($(stat -c %s $debs/pinlib-bad-data.deb) - 4000))
	printf '\125\252\125' | dd of=$debs/pinlib-bad-data.deb bs=1 seek=$damaged conv=notrunc status=none
}

# Every scenario begins with this: the package, its dependencies, and the small world.
install_there() {
	local suite uri key
	: >$base/etc/apt/sources.list
	for suite in "$codename" "$codename-security"; do
		read -r uri key < <(debian_source "$suite") &&
			echo "deb $uri $suite main" >>$base/etc/apt/sources.list
	done
	runs "apt-get install ./pinlib.deb" in_root $base bash -ec \
		'apt-get -q update && apt-get -q install -y --no-install-recommends /debs/pinlib.deb'
	runs "... of the small world" in_root $base bash -ec \
		'dpkg -i /opt/fixtures/host/*.deb && cp -a /opt/fixtures/opt-demo /opt/demo && chown -R 0:0 /opt/demo'
}

# count FILE: adds the checks in a group's output to the sum.
count() {
	passed=$((passed + $(grep -ac '^ok ' "$1")))
	failed=$((failed + $(grep -ac '^not ok ' "$1")))
	skipped=$((skipped + $(grep -ac '^skip ' "$1")))
	tail -n 1 "$1" | grep -aEq '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' ||
		not_ok "the scenario ended" "$(tail -n 3 "$1")"
}

# A fresh copy of the Debian root, until drop_copy.
fresh_copy() {
	mkdir -p $root
	mount -t tmpfs -o mode=0755 root $root
	cp -a --one-file-system $base/. $root/
	rm -rf $root/tmp && mkdir -m 1777 $root/tmp
	furnish $root
}

drop_copy() {
	umount -R $root
}

scenario() {
	fresh_copy
	in_root $root /mnt/src/tests/helpers/scenario --in-bed "/mnt/src/$1" >/tmp/said 2>&1
	grep -aE '^(ok|not ok|skip) ' /tmp/said
	count /tmp/said
	drop_copy
}

# The end-to-end tests with the pinlib of the package instead of the build. The packages that they need are installed once,
# in a layer of their own; each test has an overlay on that. Only the paths of installed files differ in their text.
e2e_scenarios="add check complete failure generations keep names nested ps refresh scripts store try view why wrap"
e2e_programs="calls damage exact launches wrapper"
e2e_tools="binutils gcc libc6-dev make sqlite3 strace"
layer=/mnt/layer

# lay LOWER NAME: a Debian root at $root, furnished, that writes to $layer/NAME.
lay() {
	mkdir -p $root "$layer/$2/upper" "$layer/$2/work"
	mount -t overlay -o "lowerdir=$1,upperdir=$layer/$2/upper,workdir=$layer/$2/work" root $root
	furnish $root
}

# The scenarios refresh and keep by themselves, so nobody else does: without triggers and hooks, which are
# the subject of tests/package. And the loader's cache does not know the small world, as in a bed.
with_tools() {
	lay $base tools
	in_root $root bash -ec "cp /etc/ld.so.cache /root/
		apt-get -q install -y --no-install-recommends $e2e_tools
		mv /root/ld.so.cache /etc/
		useradd -u 1000 somebody
		pinlib keep disable && rm -rf /var/lib/pinlib
		echo no-triggers >/etc/dpkg/dpkg.cfg.d/no-triggers" || return 1
	umount -R $root
	cp -r "$src/tests" $layer/tests
	find $layer/tests -type f -exec sed -i \
		's,/usr/local/\(bin\|lib\|share\)/pinlib,/usr/\1/pinlib,g' {} +
}

# Runs the command in a mount and PID namespace with that root as /: in a chroot nobody can make a user namespace.
enter='mount -t proc proc $0/proc && cd $0 && pivot_root . . && umount -l . && cd /mnt/src && "$@"; exit $?'

# in_package COMMAND...: runs a group in a fresh root, in the checkout, and adds its count.
in_package() {
	lay $layer/tools/upper:$base test
	mkdir -p $root/var/lib/pinlib
	mount -t tmpfs -o mode=0755 state $root/var/lib/pinlib # as in a bed: whiteouts are made there
	mount -t devpts -o newinstance,ptmxmode=0666 devpts $root/dev/pts
	mount --bind $layer/tests $root/mnt/src/tests
	mkdir -p $root/mnt/build
	mount --bind "$build" $root/mnt/build
	env -i "${clean_env[@]}" PINLIB_BED=/mnt LAUNCHES="${LAUNCHES:-2000}" \
		unshare --mount --pid --fork --kill-child bash -c "$enter" $root "$@" >/tmp/said 2>&1
	grep -aE '^(ok|not ok|skip) ' /tmp/said | sed 's/^\(ok\|not ok\|skip\) /&installed: /'
	count /tmp/said
	umount -R $root
	rm -rf $layer/test
}

end_to_end() {
	local name
	runs "what end-to-end tests need is installed beside pinlib.deb" with_tools
	for name in $e2e_scenarios; do
		in_package tests/helpers/scenario --in-bed "tests/scenarios/$name.test"
	done
	for name in $e2e_programs; do
		in_package bash "tests/e2e/$name.sh"
	done
}

# version PACKAGE SUITE: the archive's, or nothing.
version() {
	in_root $root apt-cache madison "$1" | awk -v suite=" $2/main " 'index($0, suite) { print $3; exit }'
}

# upgradable: prints the programs whose library has an update in the security suite; they change with time.
# Lines "PROGRAM PACKAGE LIBRARY HOW OLD NEW", HOW being an argument with which it starts and ends.
upgradable() {
	local program package library how old new
	while read -r program package library how; do
		old=$(version "$library" "$codename") new=$(version "$library" "$codename-security")
		[ -z "$old" ] || [ -z "$new" ] || ! dpkg --compare-versions "$old" lt "$new" ||
			echo "$program $package $library $how $old $new"
	done <<-END
		openssl openssl libssl3 version
		bsdtar libarchive-tools libarchive13 --version
		jq jq libjq1 --version
		xmlwf expat libexpat1 -v
		xz xz-utils liblzma5 --version
		parted parted libparted2 --version
		curl curl libssh2-1 --version
	END
}

# soname PACKAGE: one of its shared objects.
soname() {
	in_root $root dpkg -L "$1" | sed -n 's,.*/\(lib[^/]*\.so\.[0-9]*\)$,\1,p' | sort | head -n 1
}

# A program may be too new for its pin: then the upgrade itself, /root/upgrade, must have printed a warning.
holds_or_told() {
	local verdict=holds
	in_root $root pinlib check "$1" >/dev/null 2>&1 ||
		verdict=$(grep -om 1 "/$1 fails: .* needs " $root/root/upgrade)
	is "... and its view holds, or the upgrade reported the reason" "$verdict" "@(holds|*fails*needs*)"
}

# Real upgrades of pinned libraries and of their programs, all in one run of apt: from the stable release to
# its security updates.
security_upgrade() {
	local program package library how old new packages=() olds=() programs=()
	fresh_copy
	upgradable >/tmp/upgradable
	if [ ! -s /tmp/upgradable ]; then
		skip "security upgrades" "the archive has none for the chosen libraries of $codename"
		drop_copy
		return
	fi
	while read -r program package library how old new; do
		programs+=("$program") packages+=("$package" "$library")
		olds+=("$package=$(version "$package" "$codename")" "$library=$old")
	done </tmp/upgradable
	runs "${programs[*]} of $codename" in_root $root apt-get -q install -y --no-install-recommends \
		--allow-downgrades "${olds[@]}"
	while read -r program package library how old new; do
		runs "$program is pinned to $library $old" in_root $root bash -ec \
			"pinlib add dpkg:$library && pinlib set $program $library=$old"
	done </tmp/upgradable
	in_root $root bash -c 'sha256sum /usr/*bin/.pinlib/*' >/tmp/originals
	is "apt prints the upgrade's effect on them before its question" "$(in_root $root apt-get -s install \
		--no-install-recommends "${packages[@]}" 2>&1 | grep '^pinlib: ')" "pinlib: *keeps *(pinned)*"
	runs "apt-get upgrades all of them" in_root $root bash -o pipefail -c "apt-get -q install -y \
		--no-install-recommends ${packages[*]} 2>&1 | tee /root/upgrade"
	is "... and so changes programs that are wrapped" \
		"$(in_root $root sha256sum --quiet -c - </tmp/originals 2>/dev/null | grep -c FAILED)" "[1-9]*"
	while read -r program package library how old new; do
		is "$program: $library $old was kept by the hook" "$(in_root $root pinlib keep | grep "^$library ")" \
			"$library *upgrade to $new*for /usr/*"
		is "... the system has $new" "$(in_root $root dpkg-query -Wf '${Version}' "$library")" "$new"
		runs "... it starts" in_root $root "$program" "$how"
		is "... with the old library" "$(in_root $root pinlib --json why "$program" "$(soname "$library")" | grep -c pinned)" "[1-9]*"
		holds_or_told "$program"
	done </tmp/upgradable
	is "dpkg is content" "$(in_root $root bash -c "dpkg --verify ${packages[*]}; dpkg --audit; pinlib doctor database pending layers store orphans | grep -v ^well || echo all is well")" "all is well*"
	runs "purge of pinlib" in_root $root dpkg --purge pinlib
	is "... leaves the new programs, as their packages have them" \
		"$(in_root $root bash -c "dpkg --verify ${packages[*]}; dpkg --audit; dpkg-divert --list '*pinlib*'" 2>&1)" ""
	drop_copy
}

# disappearing: an older release's programs, whose libraries the stable release does not have any more
# (libidn11 became libidn12). A packaged program is upgraded with its library; one that no package owns stays.
disappearing() {
	local uri key why
	fresh_copy
	read -r uri key < <(debian_source)
	echo "deb $uri $older main" >>$root/etc/apt/sources.list
	if ! why=$(in_root $root apt-get -q update --error-on=any 2>&1); then
		skip "libraries that disappear" "no answer for $older: $(printf %s "$why" | grep -m 1 '^[EW]:')"
		drop_copy
		return
	fi
	runs "flac, idn and mktorrent of $older" in_root $root apt-get -q install -y --no-install-recommends \
		idn/$older flac/$older mktorrent/$older
	in_root $root bash -ec 'mkdir -p /opt/vendor && cp /usr/bin/{idn,flac,mktorrent} /opt/vendor/
		head -c 200000 /dev/urandom >/root/raw; pinlib keep watch /opt/vendor/idn /opt/vendor/mktorrent
		for pin in idn:libidn11 flac:libflac8 /opt/vendor/flac:libflac8; do
			pinlib add dpkg:${pin#*:}; pinlib set ${pin%:*} ${pin#*:}=$(dpkg-query -Wf "\${Version}" ${pin#*:})
		done' >/tmp/said 2>&1 || not_ok "they are pinned and watched" "$(tail -n 3 /tmp/said)"
	sed -i '$d' $root/etc/apt/sources.list
	runs "the upgrade to $codename" in_root $root bash -ec "apt-get -q update && apt-get -q install -y \
		--no-install-recommends idn/$codename flac/$codename mktorrent/$codename && apt-get -q autoremove -y --purge"
	is "... takes the libraries away" "$(in_root $root bash -c 'ldconfig -p | grep -c "libidn.so.11\|libFLAC.so.8\|libssl.so.1.1"')" 0
	is "... which were kept for those that load them" "$(in_root $root pinlib keep | grep -o '^lib[a-z0-9.]*' | sort -u | tr '\n' ' ')" \
		"*libflac8 *libidn11 *libssl1.1 *"
	is "... idn and flac are new, with new libraries" "$(in_root $root idn --quiet faß.de; in_root $root flac --version)" "*fa*flac 1.[4-9]*"
	is "... and wrapped as ever" "$(in_root $root bash -c 'for app in idn flac; do tail -c +257 /usr/bin/$app | head -c 8; done')" "pinstub1pinstub1"
	runs "... what is pinned runs with the library that is gone" in_root $root /opt/vendor/flac --silent --force-raw-format \
		--endian=little --sign=signed --channels=2 --bps=16 --sample-rate=44100 -o /root/out /root/raw
	is "... dpkg is content" "$(in_root $root bash -c "dpkg --verify; dpkg --audit; pinlib doctor database pending programs layers store | grep -v ^well || echo all is well")" "all is well*"
	refuses "the watched program does not start" 127 libidn.so.11 in_root $root /opt/vendor/idn --version
	runs "... until it is pinned to what was kept: idn" in_root $root bash -ec \
		'pinlib set /opt/vendor/idn libidn11=1.33 && /opt/vendor/idn --version'
	runs "... and mktorrent, to libssl1.1" in_root $root bash -ec \
		'pinlib set /opt/vendor/mktorrent libssl1.1=1.1 && /opt/vendor/mktorrent -a http://localhost/ -o /root/t /root/raw'
	runs "purge of pinlib" in_root $root dpkg --purge pinlib
	is "... leaves the new programs" "$(in_root $root bash -c "dpkg --verify; dpkg --audit; idn --version | head -n 1")" "idn *1.4[1-9]*"
	drop_copy
}

# in_machine DIR COMMAND...: as in_root, where that Debian is all there is: / is its root in every mount table and map,
# and its processes are the only ones.
in_machine() {
	local dir=$1
	shift
	mkdir -p "$dir/mnt/old"
	in_root / unshare --mount --pid --fork --kill-child bash -c '
		cd "$0" && pivot_root . mnt/old && umount -l /mnt/old /proc && mount -t proc proc /proc && exec "$@"' \
		"$dir" "$@"
}

# Tools that list processes with old libraries must list those of the live system, also in a view, and never a pinned one.
restart_tools() {
	local why
	fresh_copy
	if ! why=$(in_root $root apt-get -q install -y --no-install-recommends needrestart debian-goodies lsof procps 2>&1); then
		skip "needrestart and checkrestart" "apt-get: $(printf %s "$why" | tail -n 2)"
		drop_copy
		return
	fi
	in_machine $root bash /mnt/src/tests/package/restart >/tmp/said 2>&1
	grep -aE '^(ok|not ok|skip) ' /tmp/said
	count /tmp/said
	drop_copy
}

# Images that boot a machine must have the programs and not the wrappers.
initial_ramdisks() {
	local why
	fresh_copy
	if ! why=$(in_root $root apt-get -q install -y --no-install-recommends busybox cpio cryptsetup-initramfs dracut-core \
		initramfs-tools 2>&1); then
		skip "initial RAM disks" "apt-get: $(printf %s "$why" | tail -n 2)"
		drop_copy
		return
	fi
	in_root $root bash /mnt/src/tests/package/initramfs >/tmp/said 2>&1
	grep -aE '^(ok|not ok|skip) ' /tmp/said
	count /tmp/said
	drop_copy
}

# To the next release: another glibc, libraries that are packages of other names, pinlib's own among them.
release_upgrade() {
	local program package library why
	if [ "$codename" = "$newer" ]; then
		skip "the upgrade to the next release" "$codename is the newest stable one"
		return
	fi
	fresh_copy
	sed "s/$codename/$newer/" $root/etc/apt/sources.list >/tmp/newer
	while read -r program package library; do
		runs "$program is pinned to $library of $codename" in_root $root bash -ec "apt-get -q install -y \
			--no-install-recommends $package && pinlib add dpkg:$library &&
			pinlib set $program $library=\$(dpkg-query -Wf '\${Version}' $library)"
	done <<<"$released"
	cp /tmp/newer $root/etc/apt/sources.list
	if ! why=$(in_root $root apt-get -q update --error-on=any 2>&1); then
		skip "the upgrade to $newer" "no answer: $(printf %s "$why" | grep -m 1 '^[EW]:')"
		drop_copy
		return
	fi
	runs "the upgrade to $newer" in_root $root bash -o pipefail -c "apt-get -q dist-upgrade -y \
		--no-install-recommends 2>&1 | tee /root/upgrade"
	while read -r program package library; do
		is "$library of $codename was kept, for $program" "$(in_root $root pinlib keep | grep "^$library ")" "$library *"
		holds_or_told "$program"
		is "... it is wrapped, and the new one would run without its pins" "$(in_root $root bash -c \
			"tail -c +257 \$(command -v $program) | head -c 8; echo; /usr/bin/.pinlib/$program --version >/dev/null && echo runs")" \
			"*pinstub1?runs"
	done <<<"$released"
	is "bsdtar runs with the old library and the new glibc" "$(in_root $root bsdtar --version)" "bsdtar 3.[7-9]*libarchive 3.6*"
	is "dpkg is content" "$(in_root $root bash -c "dpkg --verify; dpkg --audit; pinlib doctor database pending layers store orphans | grep -v ^well || echo all is well")" "all is well*"
	runs "purge of pinlib" in_root $root dpkg --purge pinlib
	is "... leaves $newer as it is" "$(in_root $root bash -c "dpkg --verify; dpkg --audit; dpkg-divert --list '*pinlib*'" 2>&1)" ""
	drop_copy
}

build_package && make_root || finish
furnish $base
make_debs
install_there
umount $base/proc/sys $base/proc $base/mnt/src $base/opt/fixtures
for file in tests/package/*.test; do
	[[ $file == *"${ONLY:-}"* ]] || continue
	scenario "$file"
done
[[ security != *"${ONLY:-}"* ]] || security_upgrade
[[ disappearing != *"${ONLY:-}"* ]] || disappearing
[[ release != *"${ONLY:-}"* ]] || release_upgrade
[[ restart != *"${ONLY:-}"* ]] || restart_tools
[[ initramfs != *"${ONLY:-}"* ]] || initial_ramdisks
[[ e2e != *"${ONLY:-}"* ]] || end_to_end
finish
