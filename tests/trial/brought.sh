#!/bin/bash
# tests/trial/brought.sh [ROOT...]: brings seven interpreters of an older Debian beside the machine's own, each by one command
# from nothing, and has each do real work with an extension module, as an ordinary user. First in a bed; then in a Debian
# root of each suite ROOT (trixie), which debootstrap makes there. `make trial-brought`; needs the network.
set -uo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh
older=bullseye
[ -n "${PINLIB_BED:-}" ] || exec tests/bed tests/trial/brought.sh "$@"

# Makes the apt configuration that the manual page describes, for Debian SUITE. Fails with the reason in $suite_why.
older_conf() {
	local suite=$1 uri key
	export APT_CONFIG=/etc/apt/$suite.conf
	read -r uri key < <(debian_source) || {
		suite_why="apt's sources name no Debian archive with the suite $codename"
		return 1
	}
	sed -n '/^\.Ss Packages of an older release/,/^\.Sh/s/^\(Dir::.*\)/\1/p' man/pinlib.1 | sed "s/bullseye/$suite/" >"$APT_CONFIG"
	sed -n '/^\.Ss Packages of an older release/,/^\.Sh/s/^\(deb MIRROR .*\)/\1/p' man/pinlib.1 | sed "s/bullseye/$suite/; s,MIRROR,${key:+[signed-by=$key] }$uri," >/etc/apt/$suite.list
	suite_why=$(timeout 300 apt-get -q update --error-on=any 2>&1) || return 1
}

# brings NAME WANTED PATH PACKAGES -- ARGUMENTS...: the program that one command brings to PATH prints WANTED.
brings() {
	local name=$1 wanted=$2 path=$3 packages=$4 said start=$SECONDS
	shift 5
	if ! said=$(pinlib set --with-deps --as "$path" $packages 2>&1); then
		not_ok "$name" "pinlib set: $said"
		return
	fi
	said=$(cd /tmp && as 1000 timeout 120 "$path" "$@" 2>&1)
	is "$name ($((SECONDS - start)) s, $(pinlib show "$path" | grep -c '^  pin ') pins)" "$said" "$wanted"
	is "$name: check" "$(pinlib check "$path" | head -n 1)" "$path: ok: its loader finds everything"
	pinlib unset "$path" >/dev/null 2>&1
	[ ! -e "$path" ] || not_ok "$name: unset" "$path is still there"
}

# The seven, on the system that this runs in.
bring_seven() {
	local suite=$older
	install_pinlib
	if ! older_conf $suite; then
		skip "programs of $suite on $codename" "$suite_why"
		return
	fi
	brings "php 7.4 with mbstring and json" '7.4.* ÄÖÜ {"a":1}' /usr/local/bin/php7.4 "apt:php7.4-cli apt:php7.4-mbstring" -- \
		-d extension=mbstring -d extension=json -r 'echo PHP_VERSION, " ", mb_strtoupper("äöü"), " ", json_encode(["a"=>1]), "\n";'
	brings "python 3.9 with sqlite3 and ssl" '3.9.* 42 OpenSSL 1.1.1* /usr/local/bin/python3.9' /usr/local/bin/python3.9 apt:python3.9 -- \
		-c 'import sqlite3, ssl, platform, sys; print(platform.python_version(), sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0], ssl.OPENSSL_VERSION, sys.executable)'
	brings "perl 5.32 with Storable and DBI" 'v5.32.1 2 1 3' /usr/local/bin/perl5.32 "apt:perl apt:libdbi-perl" -- \
		-MStorable=dclone -MDBI -MList::Util=sum -e 'print "$^V ", dclone([1, 2])->[1], " ", DBI::looks_like_number(5), " ", sum(1, 2), "\n"'
	brings "ruby 2.7 with openssl" '2.7.4 OpenSSL 1.1.1* 2c26b46b 1' /usr/local/bin/ruby2.7 apt:ruby2.7 -- \
		-ropenssl -rjson -e 'puts [RUBY_VERSION, OpenSSL::OPENSSL_LIBRARY_VERSION, OpenSSL::Digest::SHA256.hexdigest("foo")[0, 8], JSON.parse("[1]")[0]].join(" ")'
	brings "node 12 with crypto" 'v12.* 2c26b46b 3' /usr/local/bin/node12 apt:nodejs -- \
		-e 'const z = require("zlib"); console.log(process.version, require("crypto").createHash("sha256").update("foo").digest("hex").slice(0, 8), z.inflateSync(z.deflateSync("abc")).length)'
	brings "R 4.0 with stats and lapack" '4.0.4 2 -1 0.5*' /usr/local/bin/R4.0 apt:r-base-core -- \
		--vanilla --slave -e 'cat(paste(R.version$major, R.version$minor, sep = "."), solve(matrix(c(2, 1, 1, 1), 2), c(3, 1)), pnorm(0), "\n")'
	brings "octave 6 with a matrix solved" '6.2.0 2 -1' /usr/local/bin/octave-cli-6 apt:octave -- \
		--no-init-file --quiet --eval 'x = [2 1; 1 1] \ [3; 1]; printf("%s %d %d\n", version, round(x(1)), round(x(2)))'
}

# bring_in_root SUITE: the same in a Debian root, with the programs that are built here.
bring_in_root() {
	local suite=$1 root=/mnt/root uri key why
	mkdir -p $root && mount -t tmpfs -o mode=0755 root $root
	read -r uri key < <(debian_source) || uri=
	if [ -z "$uri" ] || ! why=$(timeout 600 debootstrap --variant=minbase ${key:+"--keyring=$key"} --include=make,python3-minimal,libcap2-bin,libarchive13t64,libseccomp2,libsqlite3-0,libssl3t64,libmount1 "$suite" $root "$uri" 2>&1); then
		skip "programs of $older on $suite" "debootstrap: $(printf %s "${why:-no archive}" | tail -n 2)"
		return
	fi
	mkdir -p $root/mnt/src $root/mnt/build
	mount -t proc proc $root/proc
	mount -t tmpfs -o mode=1777 tmp $root/tmp
	mount --bind "$src" $root/mnt/src
	mount --bind "$build" $root/mnt/build
	for device in null zero random urandom; do
		: >$root/dev/$device
		mount --bind /dev/$device $root/dev/$device
	done
	cp /etc/resolv.conf $root/etc/resolv.conf
	env -i LC_ALL=C.UTF-8 HOME=/root PINLIB_BED=/mnt triplet="$triplet" ${http_proxy:+http_proxy="$http_proxy"} \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		chroot $root /mnt/src/tests/trial/brought.sh >/tmp/said 2>&1
	sed "s/^\(ok\|not ok\|skip\) /&$suite: /; \$d" /tmp/said
	passed=$((passed + $(grep -ac '^ok ' /tmp/said)))
	failed=$((failed + $(grep -ac '^not ok ' /tmp/said)))
	skipped=$((skipped + $(grep -ac '^skip ' /tmp/said)))
	grep -aEq '^[0-9]+ passed, ' /tmp/said || not_ok "the test on $suite ended" "$(tail -n 3 /tmp/said)"
	umount -R $root
}

bring_seven
for suite; do
	bring_in_root "$suite"
done
finish
