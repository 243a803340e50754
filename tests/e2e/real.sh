#!/bin/bash
# Real cases: packages of Debian 11, 12 and 13 from the machine's own mirror, in a bed with pinlib on Debian 12 or 13. Cases
# whose packages are not available are skipped with the reason.
. "$(dirname "$0")/../lib.sh"
mkdir -p /tmp/real && chmod 1777 /tmp/real && cd /tmp/real || exit 1
user() { as 1000 "$@" 2>&1; }

# other: the one of Debian 12 and 13 that this machine does not run. *_old: which of old/ and tls/ its loader takes, and
# cached: which of plain/ and tls/ its ldconfig lists (foreign_glibc). Debian 13's gpg wants libgcrypt 1.9.1 or later; it has no
# libunistring2, which five_pins brings.
case $codename in
bookworm)
	other=trixie other_zlib=1.3 other_glibc=2.41 other_old=old host_glibc=2.36 host_old=tls
	gcrypt_suite=bullseye gcrypt=1.8.8 orc=liborc-0.4-0 pins=5 cached=tls
	;;
trixie)
	other=bookworm other_zlib=1.2.13 other_glibc=2.36 other_old=tls host_glibc=2.41 host_old=old
	gcrypt_suite=bookworm gcrypt=1.10.1 orc=liborc-0.4-0t64 pins=6 cached=plain
	;;
*)
	skip "real packages" "they are chosen for Debian 12 and 13, and this is $codename"
	finish
	;;
esac

# with SUITE[:ARCH] NAME COMMAND...: runs a case that needs that suite, or skips it. Fails as it does.
with() {
	local suite=${1%%:*} arch=${1#*:} name=$2 status=0
	shift 2
	[ "$arch" != "$suite" ] || arch=
	if suite_conf "$suite" $arch; then
		"$@" || status=$?
	else
		skip "$name" "$suite_why"
		status=1
	fi
	unset APT_CONFIG
	return $status
}

# unpack DIR PACKAGE...: downloads and unpacks, as an administrator does who wants an old program
# beside the system's.
unpack() {
	local dir=$1 package
	shift
	mkdir -p "$dir" debs
	for package; do
		rm -f debs/*
		(cd debs && apt-get -q download "$package" >../download.log 2>&1) || return 1
		dpkg-deb -x debs/*.deb "$dir" || return 1
	done
	chown -R root:root "$dir"
}

# Debian's xz does not load zlib; bullseye's GStreamer libraries lack what later plugins need.
plugins() { user gst-inspect-1.0 2>/dev/null | grep -o 'Total.*'; }
effects() {
	local package plain hidden
	runs "add apt:zlib1g of bullseye" pinlib add apt:zlib1g
	is "... is verified, by the Release file in apt's lists" \
		"$(pinlib --json libs zlib1g | /usr/bin/python3 -c 'import json, sys
p = json.load(sys.stdin)[0]["provenance"]
print(p["confidence"], p["source"], p["release"], p["codename"], p["component"], p["release_file"])')" \
		"apt zlib 11 bullseye main sha256:$(sha256sum <"$(echo "${APT_CONFIG%/*}"/lists/*_InRelease)" | cut -c -64)"
	is "set xz zlib1g=1.2.11 has no effect" "$(pinlib set xz zlib1g=1.2.11 2>&1)" \
		"*zlib1g 1:1.2.11* has no effect: /usr/bin/xz loads no library from it, and neither loads*"
	is "... and check says so" "$(pinlib check xz)" "/usr/bin/xz: ok*note: zlib1g * has no effect: *"
	runs "unset xz" pinlib unset xz
	runs "add apt:libgstreamer-plugins-base1.0-0 of bullseye" pinlib add apt:libgstreamer-plugins-base1.0-0
	unset APT_CONFIG
	rm -rf gst && mkdir gst
	for package in gstreamer1.0-tools libgstreamer1.0-0 gstreamer1.0-plugins-base libgstreamer-plugins-base1.0-0 \
		$orc; do
		(cd gst && apt-get -q download "$package" >../download.log 2>&1) || {
			skip "GStreamer's plugins" "$(tail -n 1 download.log)"
			return
		}
	done
	for package in gst/*.deb; do
		dpkg-deb -x "$package" gst/root
	done
	cp -a gst/root/usr /
	ldconfig
	plain=$(plugins)
	is "GStreamer has plugins" "$plain" "Total count: *plugin*features"
	rm -rf /tmp/.cache/gstreamer-1.0
	is "set gst-inspect-1.0 names plugins that would not load, and warns of the registry" \
		"$(pinlib set gst-inspect-1.0 libgstreamer-plugins-base1.0-0=1.18 2>&1)" \
		"*gstreamer-1.0/libgst*.so later, which would miss the symbol gst_*GST_REGISTRY set to another file*"
	hidden=$(plugins)
	is "... which is true: they are hidden" "$hidden" "Total count: *blacklist entries not shown*"
	[ "$hidden" != "$plain" ] || not_ok "... some more than without pins" "$hidden"
	runs "unset gst-inspect-1.0" pinlib unset gst-inspect-1.0
	is "... without pins, too" "$(plugins)" "$hidden"
	is "... but not with another registry" "$(GST_REGISTRY=/tmp/real/registry plugins)" "$plain"
	rm -rf /tmp/.cache/gstreamer-1.0
}

host_zlib=$(user /usr/bin/python3 -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION)')

curl_zlib() {
	what /usr/bin/curl >before
	runs "add apt:zlib1g of bullseye" pinlib add apt:zlib1g
	is "... which is not installed by that" "$(dpkg-query -Wf '${Version}' zlib1g | grep -c '1\.2\.11')" 0
	runs "set curl zlib1g=1.2.11" pinlib set curl zlib1g=1.2.11
	is "curl runs with zlib 1.2.11" "$(user curl --version)" "*zlib/1.2.11*"
	is "... for another user" "$(as 1001 curl --version)" "*zlib/1.2.11*"
	is "... for root" "$(curl --version)" "*zlib/1.2.11*"
	is "... at the standard path" \
		"$(user curl -s file:///proc/self/maps | grep -o '/[^ ]*libz\.so.*' | sort -u)" \
		"$libs/libz.so.1.2.11"
	is "... and /proc/self/exe is curl" \
		"$(user bash -c 'curl -s file:///proc/self/maps | grep -o "/usr/bin/.*" | sort -u')" /usr/bin/curl
	is "gdb in curl's view stops in that zlib" \
		"$(user pinlib exec --in curl gdb -batch -ex 'set breakpoint pending on' -ex 'break zlibVersion' -ex 'run --version' -ex delete \
			-ex 'print ((char *(*)(void))zlibVersion)()' -ex 'info sharedlibrary' curl)" \
		"*Breakpoint 1, *in zlibVersion ()*\"1.2.11\"*Yes * /lib/*/libz.so.1*"
	is "python still has $host_zlib" \
		"$(user /usr/bin/python3 -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION)')" "$host_zlib"
	[[ $host_zlib == 1.2.11 ]] && not_ok "the host's zlib differs" "it is $host_zlib"
	runs "the loader has nothing to complain of" \
		bash -c '! LD_TRACE_LOADED_OBJECTS=1 LD_WARN=1 LD_BIND_NOW=1 curl 2>&1 | grep -E "not found|undefined"'
}

curl_back() {
	runs "unset curl" pinlib unset curl
	is "curl is as it was" "$(what /usr/bin/curl)" "$(cat before)"
	is "... and runs with the system's zlib" "$(user curl --version)" "*zlib/$host_zlib*"
}

gpg_libgcrypt() {
	is "gpg has not libgcrypt $gcrypt before" "$(user gpg --version | grep -c "libgcrypt $gcrypt")" 0
	runs "add apt:libgcrypt20" pinlib add apt:libgcrypt20
	runs "set gpg libgcrypt20=${gcrypt%.*}" pinlib set gpg "libgcrypt20=${gcrypt%.*}"
	is "gpg prints libgcrypt $gcrypt" "$(user gpg --version | sed -n 2p)" "libgcrypt $gcrypt"
	is "... and still hashes" "$(echo abc >f; user gpg --print-md sha256 f | tr -d ' \n')" "*EDEAAFF3*"
}

two_versions() {
	runs "add apt:zlib1g of $other" pinlib add apt:zlib1g
	runs "set python3 zlib1g=$other_zlib" pinlib set python3 zlib1g=$other_zlib
	user curl --version >one &
	user python3 -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION)' >two
	wait
	is "two apps with two versions at once" "$(grep -o 'zlib/[0-9.]*' one) $(cat two)" "zlib/1.2.11 $other_zlib*"
	is "an unpinned app has the system's at that time" \
		"$(user perl -MCompress::Raw::Zlib -e 'print Compress::Raw::Zlib::zlib_version()')" "$host_zlib"
	runs "unset python3" pinlib unset python3
}

five_pins() {
	local package
	for package in libidn2-0 libpsl5 libbrotli1 libzstd1; do
		runs "add apt:$package" pinlib add "apt:$package"
	done
	runs "set curl with five pins" pinlib set --with-deps curl zlib1g=1.2.11 libidn2-0=2.3.0 libpsl5=0.21.0 \
		libbrotli1=1.0.9 libzstd1=1.4
	is "curl runs with five pins" "$(user curl --version | head -n 1)" \
		"*zlib/1.2.11 brotli/1.0.9 zstd/1.4.* libidn2/2.3.0 libpsl/0.21.0*"
	is "the policy has them" "$(pinlib --json show curl | grep -c '"digest"')" $pins
}

# Debian 11's node needs libssl1.1 and libicu67, its python3.9 libffi7; Debian 12 and 13 have none of them.
old_programs() {
	local package node=/opt/bullseye/usr/bin/node python=/opt/bullseye/usr/bin/python3.9
	if ! unpack /opt/bullseye nodejs python3.9-minimal libpython3.9-minimal libpython3.9-stdlib; then
		skip "a bullseye program with libraries that $codename no longer has" "$(tail -n 1 download.log)"
		return
	fi
	is "bullseye's node does not start here" "$(user $node -p 1)" "*error while loading shared libraries*"
	is "bullseye's python has no ctypes here" "$(user $python -c 'import ctypes')" "*libffi.so.7*"
	for package in libnode72 libicu67 libssl1.1 libuv1 libc-ares2 libnghttp2-14 libffi7; do
		runs "add apt:$package" pinlib add "apt:$package"
	done
	runs "set node" pinlib set $node libnode72=12 libicu67=67 libssl1.1=1.1 libuv1=1.40 \
		libc-ares2=1.17 libnghttp2-14=1.43
	is "bullseye's node runs with OpenSSL 1.1.1 and ICU 67" \
		"$(user $node -p '[process.version, process.versions.openssl, process.versions.icu].join(" ")')" \
		"v12.* 1.1.1* 67.*"
	is "... and works" "$(user $node -e 'console.log(require("crypto").createHash("sha256").update("abc").digest("hex").slice(0, 8), "e\u0301".normalize("NFC").length)')" \
		"ba7816bf 1"
	runs "set python3.9" pinlib set $python libffi7=3.3
	is "bullseye's python3.9 calls C through libffi7" \
		"$(user $python -c 'import ctypes, sys; print(sys.version_info[:2], ctypes.CDLL(None).abs(-7))')" "(3, 9) 7"
	is "the upgraded system has neither library" "$(ls "$libs"/libffi.so.7 "$libs"/libssl.so.1.1 "$libs"/libicuuc.so.67 2>/dev/null)" ""
}

# The other Debian's coreutils with its own glibc, which comes with its loader. Debian 13's do not start with Debian 12's glibc.
own_glibc() {
	local at=/opt/$other bin=/opt/$other/usr/bin program
	if ! unpack $at coreutils libc-bin libc6; then
		skip "a program of $other with its own glibc" "$(tail -n 1 download.log)"
		return
	fi
	[ $other = bookworm ] ||
		is "$other's head does not start here" "$(user $bin/head -c 9 /dev/null)" "*GLIBC_2.38*not found*"
	runs "add apt:libc6 of $other" pinlib add apt:libc6
	refuses "set with libc6 and without its locale data is refused" 1 \
		"glibc must be of one version, but beside libc6 $other_glibc" pinlib set "$bin/head" libc6=$other_glibc
	runs "add apt:libc-bin of $other" pinlib add apt:libc-bin
	for program in head getconf env; do
		runs "set $other's $program libc6=$other_glibc" pinlib set "$bin/$program" libc6=$other_glibc libc-bin=$other_glibc
	done
	is "... nothing of the live glibc's is to be seen" \
		"$(diff <(user $bin/env $bin/du -a -d 1 "$libs/gconv" | sed -n 's,.*/gconv/,,p' | sort) \
			<(find $at/usr/lib/*/gconv -mindepth 1 -maxdepth 1 -printf '%f\n' | sort))" ""
	is "... its locale is its own" \
		"$(user $bin/head -c 99999999 /usr/lib/locale/C.utf8/LC_CTYPE | sha256sum)" "$(sha256sum <$at/usr/lib/locale/C.utf8/LC_CTYPE)"
	is "$other's getconf reports glibc $other_glibc" "$(user $bin/getconf GNU_LIBC_VERSION)" "glibc $other_glibc"
	is "$other's head runs" "$(echo hello | user $bin/head -n 1)" hello
	is "... with the loader of $other" \
		"$(user $bin/head -c 99999999 /lib64/ld-linux-x86-64.so.2 | sha256sum)" \
		"$(sha256sum <"$(find $at -name 'ld-linux-x86-64.so.2' -type f)")"
	is "the system's getconf reports another version" "$(user getconf GNU_LIBC_VERSION)" "glibc $host_glibc"
	[ $other = bookworm ] || # an older glibc does not run newer programs
		is "the system's programs run in that view too" "$(user $bin/env getconf GNU_LIBC_VERSION)" "glibc $other_glibc"
}

# who_lib FILE TEXT [FLAG...]: a library without needs that says TEXT. who_app FILE LIBRARY [FLAG...]: a program that loads
# it and libc, whatever libc's version is.
who_lib() {
	local file=$1 text=$2
	shift 2
	mkdir -p "${file%/*}" && gcc -shared -fPIC -nostdlib "-Wl,-soname,${file##*/}" -o "$file" "$@" -x c - \
		<<<"const char *who(void); const char *who(void) { return \"$text\\n\"; }"
}
who_app() {
	local file=$1 library=$2
	shift 2
	gcc -nostartfiles -o "$file" -x c - -x none "$library" -Wl,--no-as-needed -lc "$@" <<-'END'
		const char *who(void);
		static long call(long n, long a, const char *b, long c)
		{
			__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
			return n;
		}
		__attribute__((force_align_arg_pointer)) void _start(void)
		{
			const char *text = who();
			long n = 0;
			while (text[n])
				n++;
			call(1, 1, text, n);
			call(60, 0, 0, 0);
		}
	END
}

# A program finds its libraries by the rules of the pinned glibc's loader, and pinlib knows them: 2.31 has no glibc-hwcaps
# and does not compare levels of x86-64, 2.41 has no legacy subdirectories.
foreign_glibc() {
	local suite=$1 version=$2 variant=$3 cached=$4 old=$5 high=$6 dir=/opt/who-$1 package app
	if [ "$(uname -m)" != x86_64 ]; then
		skip "variants of libraries with $suite's glibc" "this machine is no x86-64"
		return
	fi
	who_lib $dir/lib/libwho.so.1 plain && who_lib $dir/lib/tls/libwho.so.1 tls &&
		who_lib $dir/lib/glibc-hwcaps/x86-64-v2/libwho.so.1 v2 && who_app $dir/app $dir/lib/libwho.so.1 -Wl,-rpath,$dir/lib
	cp -a $dir/lib $dir/cached && echo $dir/cached >/etc/ld.so.conf.d/00-who.conf && ldconfig && who_app $dir/cache $dir/lib/libwho.so.1
	who_lib $dir/lib/libold.so.1 old && who_lib $dir/lib/tls/libold.so.1 tls && who_app $dir/old $dir/lib/libold.so.1 -Wl,-rpath,$dir/lib
	printf '.section .note.GNU-stack,""\n.section .note.gnu.property,"a"\n.p2align 3\n.long 4, 16, 5\n.asciz "GNU"\n.long 0xc0008002, 4, 0x10, 0\n' >high.s
	who_lib $dir/lib/libhigh.so.1 high high.s && who_app $dir/high $dir/lib/libhigh.so.1 -Wl,-rpath,$dir/lib
	is "the system's glibc takes its variants" "$(for app in app cache old; do user $dir/$app; done | xargs)" "v2 v2 $host_old"
	for package in libc6 libc-bin; do
		runs "add apt:$package of $suite" pinlib add "apt:$package"
	done
	for app in app cache old; do
		runs "set $app libc6=$version" pinlib set $dir/$app libc6=$version libc-bin=$version
		is "... of which the test agrees with the prediction" \
			"$(pinlib check $dir/$app | grep -c -e "^$dir/$app: ok: " -e predict)" 1
		is "... and the loader itself with deps" \
			"$(user env LD_TRACE_LOADED_OBJECTS=1 $dir/$app | sed 's/ (0x.*//; s/^\t//; /vdso/d')" \
			"$(user pinlib deps --list $dir/$app | sed 's/ (pinned)$//')"
	done
	is "$suite's glibc takes its variants" "$(for app in app cache old; do user $dir/$app; done | xargs)" "$variant $cached $old"
	if [ "$high" = runs ]; then
		runs "set high libc6=$version, which does not compare levels" pinlib set $dir/high libc6=$version libc-bin=$version
		is "... and the program runs" "$(user $dir/high)" high
	else
		refuses "set high libc6=$version" 1 "libhigh.so.1 needs the x86 ISA levels 0x10" \
			pinlib set $dir/high libc6=$version libc-bin=$version
		refuses "... which does not start anyway" 127 "CPU ISA level is lower than required" as 1000 $dir/high
	fi
	pinlib unset --all >/dev/null
	rm -r $dir /etc/ld.so.conf.d/00-who.conf && ldconfig
}

# What cannot work is refused, with the reason, and nothing is changed.
refused() {
	what /usr/bin/xz >before-xz
	runs "add apt:liblzma5 of bullseye" pinlib add apt:liblzma5
	refuses "set xz liblzma5=5.2.5 is refused" 1 "/usr/bin/xz needs the symbol version XZ_5.4" \
		pinlib set xz liblzma5=5.2.5
	is "xz is as it was" "$(what /usr/bin/xz)" "$(cat before-xz)"
	runs "add apt:libcurl4 of bullseye" pinlib add apt:libcurl4
	refuses "set curl libcurl4=7.74 is refused" 1 "libssl.so.1.1" pinlib set curl libcurl4=7.74
	is "curl has the pins it had" "$(user curl --version)" "*zlib/1.2.11*"
	runs "add apt:libxml2 of bullseye" pinlib add apt:libxml2
	refuses "set xmllint libxml2=2.9.10 is refused" 1 \
		"libxml2.so.2 needs libicuuc.so.67, which was not found" pinlib set xmllint libxml2=2.9.10
	is "xmllint is not wrapped" "$(pinlib show | grep -c xmllint)" 0
	refuses "... and the message names the package that may have it" 1 "apt:libicu67 may have it" \
		pinlib set xmllint libxml2=2.9.10
	runs "set --with-deps xmllint libxml2=2.9.10" pinlib set --with-deps xmllint libxml2=2.9.10
	is "xmllint runs with libxml2 2.9.10" "$(user xmllint --version)" "*version 20910*"
	is "... and libxml2 and libicu67 are pinned" \
		"$(pinlib --json show xmllint | grep -o '"name": "[^"]*"' | tr -d '\n')" \
		'"name": "libicu67""name": "libxml2"'
	is "... and it reads a document" "$(echo '<a>&#228;</a>' | user xmllint --encode UTF-8 -)" "*<a>ä</a>*"
	runs "unset xmllint" pinlib unset xmllint
	refuses "set --with-deps xz liblzma5=5.2.5 is refused" 1 "XZ_5.4" \
		pinlib set --with-deps xz liblzma5=5.2.5
	is "xz is as it was after that" "$(what /usr/bin/xz)" "$(cat before-xz)"
}

# What python loads late is foreseen: its sqlite module wants a newer library.
late() {
	runs "add apt:libsqlite3-0 of bullseye" pinlib add apt:libsqlite3-0
	refuses "set python3 libsqlite3-0=3.34 warns of python's sqlite module" 0 \
		"/_sqlite3.cpython-" pinlib set python3 libsqlite3-0=3.34
	is "... which fails indeed" "$(user /usr/bin/python3 -c 'import sqlite3')" "*undefined symbol*"
	is "... and check repeats it" "$(pinlib check python3)" "*_sqlite3.cpython-*would miss the symbol*"
	runs "unset python3 again" pinlib unset python3
}

# pydoc is a script from /usr/bin; it prints the version of zlib that its interpreter loaded.
script() {
	local pydoc version
	pydoc=$(readlink -f /usr/bin/pydoc3)
	version='ZLIB_RUNTIME_VERSION = '
	if ! head -n 1 "$pydoc" | grep -q python; then
		skip "a script from /usr/bin" "/usr/bin/pydoc3 is not there"
		return
	fi
	what "$pydoc" >before-pydoc
	runs "set pydoc zlib1g=1.2.11" pinlib set "$pydoc" zlib1g=1.2.11
	is "a python script runs with its pin" "$(user "$pydoc" zlib | grep -o "$version.*")" "$version'1.2.11'"
	is "... by its link's name too" "$(user pydoc3 zlib | grep -o "$version.*")" "$version'1.2.11'"
	is "... and read by its interpreter it runs without" \
		"$(user /usr/bin/python3 "$pydoc" zlib | grep -o "$version.*")" "$version'$host_zlib'"
	runs "unset pydoc" pinlib unset "$pydoc"
	is "pydoc is as it was" "$(what "$pydoc")" "$(cat before-pydoc)"
	# A perl program, executed and read by perl.
	what /usr/bin/streamzip >before-streamzip
	runs "set streamzip zlib1g=1.2.11" pinlib set streamzip zlib1g=1.2.11
	is "a perl script runs with its pin" "$(echo hello | user streamzip -method=deflate | head -c 2)" PK
	is "... and perl reads it" "$(user perl -c /usr/bin/streamzip)" "/usr/bin/streamzip syntax OK"
	runs "unset streamzip" pinlib unset streamzip
	is "streamzip is as it was" "$(what /usr/bin/streamzip)" "$(cat before-streamzip)"
}

# An i386 program on its own glibc, beside the amd64 system.
i386_host() {
	local why
	if ! why=$(runs_i386 2>&1); then
		skip "an i386 program" "$why"
		return 1
	fi
	if ! unpack /tmp/real/i386 libc6:i386 zlib1g:i386 pigz:i386; then
		skip "an i386 program" "$(tail -n 1 download.log)"
		return 1
	fi
	cp -a $(ls -d i386/{,usr/}lib/i386-linux-gnu 2>/dev/null) /usr/lib/ && # Debian 12's libc6 is in /lib
		mkdir -p /opt/i386 && cp i386/usr/bin/pigz /opt/i386/ && chown -R root:root /opt/i386
	ln -sfn /lib/i386-linux-gnu/ld-linux.so.2 /usr/lib/ld-linux.so.2
	printf '%s\n' /lib/i386-linux-gnu /usr/lib/i386-linux-gnu >/etc/ld.so.conf.d/i386.conf
	ldconfig
	runs "an i386 program runs" as 1000 /opt/i386/pigz --version
}

i386() {
	runs "add apt:zlib1g:i386" pinlib add apt:zlib1g:i386
	runs "set pigz zlib1g=1.2.11" pinlib set /opt/i386/pigz zlib1g=1.2.11
	is "the i386 library is pinned" "$(pinlib --json show /opt/i386/pigz | grep -o '"arch": "[^"]*"')" '"arch": "i386"'
	is "an i386 program runs with its pin" "$(user /opt/i386/pigz -vV | grep -i zlib)" "*1.2.11*"
	is "... and its mates do not: an unpinned copy" "$(cp /opt/i386/.pinlib/pigz /opt/i386/other; user /opt/i386/other -vV | grep -i zlib)" "*$host_zlib*"
	pinlib unset /opt/i386/pigz >/dev/null
}

# loads COMMAND...: each library that it maps, with its digest, as the program itself sees it.
loads() {
	user "$@" -s file:///proc/self/maps | grep -o '/usr/lib/.*\.so.*' | grep -v -E '/(libc|libm|libresolv|ld-linux[^/]*)\.so' |
		sort -u | while read -r file; do
		echo "$file $(user "$@" -s "file://$file" | sha256sum)"
	done
}

# The upgrade is the real one, of dpkg, to the other Debian's libraries: only in the bed. On Debian 13 it is a downgrade.
frozen_curl() {
	local before upgraded
	what /usr/bin/curl >before-freeze
	before=$(loads curl)
	runs "freeze curl" pinlib freeze curl --observe -- -s file:///dev/null
	is "... pins more than twenty packages" "$(pinlib --json show curl | grep -c '"origin": "freeze"')" "[23]?"
	is "... and leaves the app's libraries unchanged" "$(loads curl)" "$before"
	rm -f debs/* && mkdir -p debs
	if ! (cd debs && apt-get -q download zlib1g libnghttp2-14 libbrotli1 >../download.log 2>&1); then
		skip "an upgrade of what curl loads" "$(tail -n 1 download.log)"
		return
	fi
	runs "dpkg replaces zlib1g and others by $other's" dpkg -i --force-all debs/zlib1g_*.deb debs/libnghttp2-14_*.deb debs/libbrotli1_*.deb
	is "python3 has the new zlib" "$(user /usr/bin/python3 -c 'import zlib; print(zlib.ZLIB_RUNTIME_VERSION)')" "$other_zlib*"
	is "the frozen curl has the old libraries, byte for byte" "$(loads curl)" "$before"
	is "... and curl reports its version" "$(user curl --version)" "*zlib/$host_zlib*"
	upgraded=$(loads /usr/bin/.pinlib/curl)
	is "... which the live system has not any more" "$(grep -c -F -x -f <(echo "$before") <<<"$upgraded" | awk -v n="$(wc -l <<<"$before")" '{ print ($1 <= n - 3) }')" 1
	is "freezing again reports the changes" "$(pinlib freeze curl 2>/dev/null | grep -c 'frozen again, was')" 3
	is "... and curl has $other's zlib" "$(user curl --version)" "*zlib/$other_zlib*"
	runs "rollback" pinlib rollback
	is "... brings the old ones back" "$(loads curl)" "$before"
	runs "thaw curl" pinlib thaw curl
	is "curl is as it was" "$(what /usr/bin/curl)" "$(cat before-freeze)"
}

with bullseye "curl with bullseye's zlib1g" curl_zlib
with $gcrypt_suite "gpg with $gcrypt_suite's libgcrypt20" gpg_libgcrypt
with $other "two apps with two versions at once" two_versions
with bullseye "one app with five pins" five_pins
with bullseye "pins that cannot work" refused
with bullseye "modules that are loaded late" late
with bullseye "pins without effect" effects
with bullseye "a script from /usr/bin" script
with bullseye "unset curl" curl_back
with bullseye "a bullseye program with libraries that $codename no longer has" old_programs
with $other "a program of $other with its own glibc" own_glibc
with bullseye "variants of libraries with bullseye's glibc" foreign_glibc bullseye 2.31 tls $cached tls runs
with $other "variants of libraries with $other's glibc" foreign_glibc $other $other_glibc v2 v2 $other_old refused
if with $codename:i386 "an i386 program" i386_host; then
	with bullseye:i386 "an i386 program" i386
fi
with $other "a frozen curl and a real upgrade" frozen_curl
runs "after all this everything is well" verify
runs "unset --all" pinlib unset --all
is "no diversion is left" "$(dpkg-divert --list | grep -c pinlib)" 0
finish
