#!/bin/bash
# Packages that other distributions' own tools make: rpmbuild, and bsdtar as makepkg calls it.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

install=(env DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y --no-install-recommends rpm libarchive-tools)
"${install[@]}" >/dev/null 2>&1 || why=$(apt-get update 2>&1 && "${install[@]}" 2>&1) || :

# got COMMAND: whether apt could install it.
got() {
	command -v "$1" >/dev/null && return
	skip "$1" "apt cannot install it: $(grep -m 1 '^[EW]:' <<<"$why")"
	return 1
}

tree() {
	mkdir -p "$1"
	cp "$fixtures/so/$2/libdemo.so.1" "$1/libdemo.so.$2"
	ln -s "libdemo.so.$2" "$1/libdemo.so.1"
}

if got rpmbuild; then
	tree root/usr/lib64 1.0
	mkdir -p root/usr/share/libdemo
	echo data >root/usr/share/libdemo/a
	ln root/usr/share/libdemo/a root/usr/share/libdemo/b
	for how in gzip:w9.gzdio zstd:w3.zstdio; do
		name=libdemo-${how%%:*}
		cat >spec <<-END
			Name: $name
			Epoch: 3
			Version: 1.0
			Release: 1.el9
			Summary: made by pinlib's tests
			License: none
			AutoReqProv: no
			Provides: libdemo.so.1()(64bit)
			%description
			made
			%files
			/usr/lib64/*
			/usr/share/libdemo
		END
		cp -a root "buildroot-$name"
		runs "rpmbuild, ${how%%:*}" rpmbuild --quiet -bb --buildroot "/tmp/buildroot-$name" --define "_binary_payload ${how#*:}" \
			--define '_topdir /tmp/rpm' --define '__os_install_post %{nil}' --define '_build_id_links none' spec
		rpm=$(ls rpm/RPMS/*/$name-*.rpm)
		is "... is added as rpm names it" "$(pinlib add "$rpm" | awk '{ print $1, $2 }')" \
			"$(rpm -qp --nosignature --qf '%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE}' "$rpm")"
		is "... with the files that rpm lists" \
			"$(cut -f 3- "$(grep -l "^name	$name$" /var/lib/pinlib/store/versions/*)" | grep -oE '/usr/[^	]+' | grep -E 'libdemo(\.so|/)' | sort)" \
			"$(rpm -qpl --nosignature "$rpm" | grep -E 'libdemo(\.so|/)' | sed "s,/usr/lib64/,$libs/," | sort)"
		runs "... and pinned" pinlib set demo "$name=3:1.0-1.el9"
		is "... in force" "$(demo)" "1.0 /usr/bin/demo"
		pinlib unset demo >/dev/null
	done
	size=$(stat -c %s "$rpm")
	held=0
	for at in $(seq 0 $((size / 40)) $((size - 1))); do
		head -c "$at" "$rpm" >cut.rpm
		said=$(pinlib add ./cut.rpm 2>&1) || [[ $said != *cut.rpm*"damaged archive"* ]] || held=$((held + 1))
	done
	is "an rpm that was cut is refused at each place" "$((held >= 40))" 1
fi

if got bsdtar; then
	tree pkg/usr/lib 1.1
	printf 'pkgname = demo-arch\npkgver = 1:1.1-2\narch = %s\n' "$(uname -m)" >pkg/.PKGINFO
	(cd pkg && bsdtar -czf .MTREE --format=mtree --options='!all,use-set,type,uid,gid,mode,time,size,md5,sha256,link' .PKGINFO usr)
	for how in zst:--zstd xz:-J gz:-z; do
		file=demo-arch-1:1.1-2.pkg.tar.${how%%:*}
		(cd pkg && bsdtar -c ${how#*:} -f "../$file" .MTREE .PKGINFO usr)
		is "a package of pacman, ${how%%:*}" "$(pinlib add "./$file" | awk '{ print $1, $2 }')" "demo-arch 1:1.1-2"
	done
	runs "... is pinned" pinlib set demo demo-arch=1:1.1-2
	is "... in force" "$(demo)" "1.1 /usr/bin/demo"
fi
finish
