# shellcheck shell=bash
# Shell functions for test programs, which source this file. A test program runs in a bed (tests/bed), prints a line
# "ok NAME", "not ok NAME: WHY" or "skip NAME: WHY" for each check, and ends with `finish`.

src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=${PINLIB_BED:+$PINLIB_BED/build}
build=${build:-${BUILD:-$src/build}}
passed=0 failed=0 skipped=0
triplet=${triplet:-$(gcc -print-multiarch 2>/dev/null || dpkg-architecture -qDEB_HOST_MULTIARCH)}
libs=/usr/lib/$triplet
fixtures=/opt/fixtures # in the bed, see world
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")

ok() {
	passed=$((passed + 1))
	printf 'ok %s\n' "$1"
}

# Prints one line: tests/run shows only lines that begin with "not ok".
not_ok() {
	failed=$((failed + 1))
	printf 'not ok %s: %s\n' "$1" "$(printf %s "$2" | tr '\n\t' '| ' | cut -c 1-600)"
}

skip() {
	skipped=$((skipped + 1))
	printf 'skip %s: %s\n' "$1" "$(printf %s "$2" | tr '\n\t' '| ' | cut -c 1-300)"
}

finish() {
	printf '%d passed, %d failed' "$passed" "$failed"
	[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
	printf '\n'
	[ "$failed" = 0 ]
	exit
}

# is NAME ACTUAL WANTED: passes if both are equal; WANTED may contain the patterns * and ? of the shell.
is() {
	# shellcheck disable=SC2053
	if [[ $2 == $3 ]]; then ok "$1"; else not_ok "$1" "got \"$2\", not \"$3\""; fi
}

# runs NAME COMMAND...: passes if the command exits with 0.
runs() {
	local name=$1 said status=0
	shift
	said=$("$@" 2>&1) || status=$?
	if [ $status = 0 ]; then ok "$name"; else not_ok "$name" "exit $status: $said"; fi
}

# refuses NAME STATUS TEXT COMMAND...: passes if the command exits with STATUS and prints TEXT.
refuses() {
	local name=$1 want=$2 text=$3 said status=0
	shift 3
	said=$("$@" 2>&1) || status=$?
	if [ $status != "$want" ]; then
		not_ok "$name" "exit $status, not $want: $said"
	elif [[ $said != *"$text"* ]]; then
		not_ok "$name" "does not print \"$text\": $said"
	else
		ok "$name"
	fi
}

# verify [--repair]: the faults that doctor finds in pinlib's own files, a line each, and their number; or "all is well".
verify() {
	local said status=0
	said=$(pinlib doctor "$@" wrapper database pending programs layers store) || status=$?
	sed -n 's/^fault  *[a-z]*  *//p' <<<"$said"
	case $status$(grep -c ^fault <<<"$said") in
	00) echo "all is well" ;;
	11) echo "1 finding" ;;
	*0) ;;
	*) echo "$(grep -c ^fault <<<"$said") findings" ;;
	esac
	return $status
}

# as UID COMMAND...: runs a command as an ordinary user without any capability. setpriv still has capabilities at its
# own exec, so it executes env, and env the command.
as() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all \
		env HOME=/tmp USER="u$uid" "$@"
}

# what FILE: prints on one line all properties of a file that `pinlib unset` must restore.
what() {
	printf '%s ' "$(stat -c '%F %a %u:%g %s %y %h' "$1" 2>&1)"
	[ -L "$1" ] && readlink "$1" | tr '\n' ' '
	[ -f "$1" ] && sha256sum <"$1" | tr '\n' ' '
	getcap "$1" 2>/dev/null | tr '\n' ' '
	/usr/bin/python3 -c 'import os, sys
for n in sorted(os.listxattr(sys.argv[1], follow_symlinks=False)):
    print(n, os.getxattr(sys.argv[1], n, follow_symlinks=False), end=" ")' "$1"
	printf '\n'
}

# terminal COLUMNS COMMAND: runs a shell command on a terminal of this width (0: a terminal that does not know its own), and
# prints its output without carriage returns.
terminal() {
	TERM=dumb script -qec "stty cols $1; $2" /dev/null </dev/null | tr -d '\r'
}

# stub_of FILE: prints the word of a stub, "refuse:/usr/bin/demo" (plan/stub.h), if the file is one.
stub_of() {
	[ -L "$1" ] || LC_ALL=C grep -aoE '(pinstub1|/pinlib-stub )(refuse|unpinned):[^[:cntrl:] ]+' "$1" | head -n 1 | sed 's/^.*\(pinstub1\| \)//'
}

# unpacks NAME: tests/helpers/installed has kept the files of an installation, which is cheaper than to install again. Fails
# unless they are newer than all that they were made of.
unpacks() {
	local kept=$build/installed/$1.tar
	[ -n "${PINLIB_BED:-}" ] && [ -e "$kept" ] && [ -z "$(find "$build"/{pinlib,pinlib-wrapper,pinlib-stub,initramfs} \
		"$build/fixtures/.complete" "$src"/{Makefile,completions,man,profiles,policy/programs.conf,tests/lib.sh,wrapper/put} \
		/var/lib/dpkg/status -newer "$kept" -print -quit 2>&1)" ] || return 1
	tar -x --same-owner --xattrs --xattrs-include='*' -C / -f "$kept"
}

# Only the first installation is unpacked: what tests call again is that of `make install`.
install_pinlib() {
	{ [ ! -e /usr/local/bin/pinlib ] && unpacks pinlib; } || make -s -C "$src" BUILD="$build" -o all install >/dev/null
}

# world: installs the small world (tests/helpers/fixtures) in the bed: libdemo1 3.0 and the programs that use it.
world() {
	mkdir -p "$fixtures"
	cp -a --no-preserve=ownership "${FIXTURES:-$build/fixtures}/." "$fixtures/"
	chmod -R a+rX "$fixtures"
	unpacks world || dpkg -i "$fixtures"/host/*.deb >/tmp/dpkg.log 2>&1 || {
		cat /tmp/dpkg.log >&2
		return 1
	}
	cp -a "$fixtures/opt-demo" /opt/demo
	chown -R root:root /opt/demo
}

# runs_i386: fails with a message if processor or kernel refuse programs of i386, or calls of i386 (int $0x80) in other
# programs. Needs the small world.
runs_i386() {
	local dir=/usr/bin calls said status=0
	calls=$dir/demo-calls said=$dir/demo-i386
	[ ! -e $dir/.pinlib/demo-calls ] || calls=$dir/.pinlib/demo-calls
	[ ! -e $dir/.pinlib/demo-i386 ] || said=$dir/.pinlib/demo-i386
	"$said" 2>/dev/null || status=$?
	said="$("$calls" 32 getppid 2>&1), exit $status"
	[ "$said" = "getppid ok, exit 22" ] || { # EINVAL, see tests/helpers/fixtures
		echo "this machine runs no code of i386 ($said)" >&2
		return 1
	}
}

# variant_dir: prints the first subdirectory that the loader searches for a variant of a library for this processor. Fails with
# a message if there is none.
variant_dir() {
	local loader dir
	loader=$(readelf -lW /usr/bin/env | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
	dir=$("$loader" --help | sed -n 's/^ *\([^ ]*\) (supported, searched)$/\1/p' | head -n 1)
	[ -n "$dir" ] || {
		echo "the loader knows no variants for this processor" >&2
		return 1
	}
	echo "glibc-hwcaps/$dir"
}

# one_root DIR COMMAND...: runs a shell command where / is a single mount: a tmpfs at DIR with /proc, the wrapper, demo with
# its view, and the programs that a user's commands need. In the bed itself, /usr is another mount than /.
one_root() {
	local root=$1 file
	shift
	mkdir -p "$root" && mount -t tmpfs -o mode=755 none "$root" || return 1
	mkdir -p "$root"/{proc,tmp,old,usr/lib,usr/bin,usr/lib64,usr/local/lib,var/lib/pinlib}
	ln -s usr/{bin,lib,lib64} "$root"
	cp -a --parents /usr/bin/.pinlib /usr/bin/demo /usr/local/lib/pinlib "$root"
	cp -a /var/lib/pinlib/{plans,layers} "$root/var/lib/pinlib"
	{
		printf '%s\n' /usr/bin/{sh,grep,setpriv,env,umount}
		ldd /usr/bin/{sh,grep,setpriv,env,umount,.pinlib/demo} | grep -oE '/[^ :]+ \(|/[^ :]*ld[^ :]* ' | tr -d ' ('
	} | sort -u | while read -r file; do
		mkdir -p "$root${file%/*}"
		[ -e "$root$file" ] || cp -aL "$file" "$root$file"
	done
	unshare --mount --propagation private bash -c '
		cd "$1" && mount -t proc proc proc && pivot_root . old && cd / && hash -r && umount -l /old && shift && eval "$@"' \
		bash "$root" "$@"
}

# fuse_here: makes /dev/fuse usable for everybody in the bed, whose /dev is read-only, and mounts a FUSE file system as root
# and as an ordinary user. If that is impossible it fails, with the reason in $fuse_why.
fuse_here() {
	local at=/run/fuse.test who server
	mkdir -p $at/{mnt,tree} && chmod 755 $at && chown 1000:1000 $at/{mnt,tree} || return 1
	if [ "$(stat -c %a /dev/fuse 2>/dev/null)" != 666 ]; then
		fuse_why=$( (rm -f $at/fuse && mknod -m 666 $at/fuse c 10 229 && mount --bind $at/fuse /dev/fuse) 2>&1) ||
			return 1
	fi
	for who in 0 1000; do
		fuse_why=$(as $who "$build/hostilefs" $at/mnt $at/tree 2>&1) || return 1
		server=$fuse_why fuse_why=
		[ "$(as $who stat -f -c %t $at/mnt)" = 65735546 ] ||
			fuse_why="the FUSE file system was mounted but is not visible"
		kill "$server"
		umount -l $at/mnt
		[ -z "$fuse_why" ] || return 1
	done
}

# debian_source [SUITE]: prints this machine's source of Debian packages, as "URI KEYRING".
debian_source() {
	/usr/bin/python3 - "${1:-$codename}" <<'END'
import glob, re, sys
codename = sys.argv[1]

def stanzas(text):
    for block in re.split(r'\n[ \t]*\n', re.sub(r'(?m)^#.*\n?', '', text)):
        fields, name = {}, None
        for line in block.splitlines():
            if line[:1] in ' \t' and name:
                fields[name] += '\n' + line.strip()
            elif ':' in line:
                name, value = line.split(':', 1)
                name = name.lower()
                fields[name] = value.strip()
        if fields:
            yield fields

def sources():
    for path in sorted(glob.glob('/etc/apt/sources.list.d/*.sources')):
        for f in stanzas(open(path).read()):
            if 'deb' in f.get('types', '').split() and f.get('enabled', 'yes') != 'no':
                yield (f.get('uris', '').split(), f.get('suites', '').split(),
                       f.get('components', '').split(), f.get('signed-by', '-'))
    for path in ['/etc/apt/sources.list'] + sorted(glob.glob('/etc/apt/sources.list.d/*.list')):
        try:
            lines = open(path).read().splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            m = re.match(r'\s*deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]*)', line)
            if m:
                key = re.search(r'signed-by=(\S+?)[\s\]]', m[1] or '')
                yield [m[2]], [m[3]], m[4].split(), key[1] if key else '-'

for uris, suites, components, key in sources():
    if codename in suites and 'main' in components and uris:
        if not key.startswith('/'):
            key = '/usr/share/keyrings/debian-archive-keyring.gpg'
        print(uris[0], key)
        break
END
}

# suite_conf SUITE [ARCH]: makes apt and `pinlib add apt:` use only this Debian suite of the machine's archive, from now on.
# A bed downloads the lists once. Fails with the reason in $suite_why.
suite_conf() {
	local suite=$1 arch=${2:-$(dpkg --print-architecture)} dir uri key
	dir=/var/cache/suites/$suite-$arch
	export APT_CONFIG=$dir/apt.conf
	[ ! -e "$dir/ready" ] || return 0
	if [ -e "$dir/why" ]; then
		suite_why=$(cat "$dir/why")
		return 1
	fi
	mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/none"
	: >"$dir/status"
	read -r uri key < <(debian_source) || {
		suite_why="apt's sources name no Debian archive with the suite $codename"
		echo "$suite_why" >"$dir/why"
		return 1
	}
	echo "deb [signed-by=$key arch=$arch] $uri $suite main" >"$dir/sources.list"
	cat >"$APT_CONFIG" <<END
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "$dir/none";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$dir/none";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir";
Dir::Cache::archives "$dir/archives";
APT::Architecture "$(dpkg --print-architecture)";
APT::Architectures { "$(dpkg --print-architecture)"; "$arch"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
END
	if suite_why=$(timeout 180 apt-get update --error-on=any 2>&1); then
		touch "$dir/ready"
		return 0
	fi
	suite_why="no answer for Debian $suite ($arch): $(printf %s "$suite_why" | grep -m 1 '^[EW]:')"
	echo "$suite_why" >"$dir/why"
	return 1
}

# graphviz: installs it in the bed, unless it is there. Fails with the reason where apt cannot reach an archive.
graphviz() {
	local said get=(apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20)

	[ ! -x /usr/bin/dot ] || return 0
	said=$("${get[@]}" install -y --no-install-recommends graphviz 2>&1) ||
		said=$({ timeout 120 "${get[@]}" update && "${get[@]}" install -y --no-install-recommends graphviz; } 2>&1) || {
		echo "Graphviz cannot be installed: $(grep -m 1 '^[EW]:' <<<"$said")" >&2
		return 1
	}
}
