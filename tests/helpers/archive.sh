# shellcheck shell=bash
# A small archive of apt's, for scenarios, which source this file (". $src/tests/helpers/archive.sh") after tests/lib.sh. It is in the
# working directory: debs/ has the packages that pack made, archive/ those that publish has published, and apt.conf is an APT_CONFIG
# for it.

arch=$(dpkg --print-architecture)
export APT_CONFIG=$PWD/apt.conf
export GNUPGHOME=$PWD/gnupg
mkdir -p apt/lists/partial apt/none debs
[ -e archive.gpg ] || {
	mkdir -m 700 gnupg
	gpg --batch --quiet --passphrase '' --pinentry-mode loopback --quick-generate-key archive rsa2048 sign never 2>/dev/null
	gpg --batch --quiet --export archive >archive.gpg
}
[ -e apt.conf ] || cat >apt.conf <<END
Dir::Etc::sourcelist "$PWD/apt/list"; Dir::Etc::sourceparts "$PWD/apt/none"; Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt"; APT::Sandbox::User "root";
END

# pack NAME VERSION [SOURCE] <CODE: makes a package with one library, whose soname is NAME with ".so." before its last character.
pack() {
	local so=${1%?}.so.${1: -1}
	mkdir -p "t$libs" t/DEBIAN
	# shellcheck disable=SC2086
	gcc -w -shared -fPIC -Wl,-soname,"$so" -o "t$libs/$so" -x c - $linked
	printf 'Package: %s\nVersion: %s\nSource: %s\nArchitecture: %s\nMaintainer: n <n@example.invalid>\nDescription: x\n' \
		"$1" "$2" "${3:-duo}" "$arch" >t/DEBIAN/control
	dpkg-deb --root-owner-group -b t "debs/$1_${2#*:}_$arch.deb" >/dev/null
	rm -r t
}

# part LETTER VERSION [SOURCE]: one of two libraries of the source "duo".
part() {
	echo "const char *duo$1(void) { return \"$1$2\"; }" | pack "libduo${1}1" "$2" "$3"
}

# duo: installs both in version 3.0-1, and the program that loads them and prints their versions.
duo_program() {
	part a 3.0-1
	part b 3.0-1
	dpkg -i debs/libduo[ab]1_3.0-1_"$arch".deb >/dev/null
	printf '#include <stdio.h>\nconst char *duoa(void), *duob(void);\nint main(void) { printf("%%s %%s\\n", duoa(), duob()); }\n' |
		gcc -w -o /usr/bin/duo -x c - -x none "$libs"/libduo[ab].so.1
}

# publish SUITE DEB...: from now on the suite has these packages, too, and the stanzas in the file more-SUITE; apt has fetched its lists,
# which are of 2026-08-30.
publish() {
	local suite=$1 main=archive/dists/$1/main/binary-$arch
	shift
	mkdir -p "$main" "archive/pool/$suite"
	[ $# = 0 ] || cp "$@" "archive/pool/$suite/"
	(cd archive && dpkg-scanpackages -m "pool/$suite" 2>/dev/null >"../$main/Packages")
	[ ! -e "more-$suite" ] || cat "more-$suite" >>"$main/Packages"
	(
		cd "archive/dists/$suite" || exit
		printf 'Suite: %s-suite\nCodename: %s\nOrigin: here\nArchitectures: %s\nComponents: main\nDate: %s\nSHA256:\n' \
			"$suite" "$suite" "$arch" "$(date -uR | sed 's/+0000/UTC/')" >Release
		for file in main/*/Packages; do
			echo " $(sha256sum <"$file" | cut -d' ' -f1) $(stat -c %s "$file") $file"
		done >>Release
		rm -f InRelease
		gpg --batch --quiet -u archive --clearsign -o InRelease Release
		touch -d 2026-08-30 InRelease main/*/Packages
	)
	grep -qs " $suite main" apt/list || echo "deb [signed-by=$PWD/archive.gpg] copy:$PWD/archive $suite main" >>apt/list
	apt-get -q update >apt/log 2>&1 || cat apt/log >&2
}
