# shellcheck shell=bash
# Shell functions of the trials, which source this file: Debian roots below build/trial, and tables of programs that run
# in them. A trial runs in a private mount and PID namespace: its mounts and processes end with it, also when it is killed.
#
#	ONLY=curl,git  these programs only
#	KEEP=1         keep the roots, and begin with those that an earlier run has kept
#	LIMIT=60       seconds that a program's check may take
#	TOTAL=1800     seconds that a trial may take
#
# A table of programs (tests/trial/frozen.programs) has for each program a line "NAME PACKAGE..." and below it, indented,
# the shell commands of its check. They run as an ordinary user in an empty directory; $in has the files that
# tests/trial/inputs makes. A check prints the same bytes whenever the same program runs it.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
trial=${TRIAL:-$build/trial}
debs=$trial/debs # every package that apt downloads, for all runs
LIMIT=${LIMIT:-60}
export DEBIAN_FRONTEND=noninteractive

die() {
	echo "$0: $*" >&2
	exit 99
}

# enter ARG...: starts this trial again where its mounts and processes are its own.
enter() {
	[ -z "${PINLIB_TRIAL:-}" ] || return 0
	[ "$(id -u)" = 0 ] || die "must be run as root, to make a mount namespace"
	mkdir -p "$trial" "$debs/partial"
	exec 9>"$trial/lock"
	flock -n 9 || die "another trial runs in $trial"
	local status=0 pid
	PINLIB_TRIAL=1 timeout --foreground --kill-after=3 "${TOTAL:-1800}" unshare --mount --pid --fork --kill-child \
		--propagation private --mount-proc "$0" "$@" &
	pid=$!
	echo $$ >&9
	trap 'kill $pid' INT TERM HUP
	while kill -0 $pid 2>/dev/null; do
		wait $pid
		status=$?
	done
	[ $status != 124 ] || echo "$0: not finished after ${TOTAL:-1800} seconds" >&2
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$trial"/root-*
	exit $status
}

# -- Roots --

root_env=(LC_ALL=C.UTF-8 TZ=UTC HOME=/root DEBIAN_FRONTEND=noninteractive TERM=dumb
	${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"}
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

# in_root ROOT COMMAND...: as root where that directory is /: in every mount table, and its processes are the only ones. No
# package's script may write the kernel's settings in /proc/sys there: they are those of the machine. A script sets
# proc_sys=rw where users make containers: the kernel mounts a /proc for them only where all of the old one can be seen.
proc_sys=ro
in_root() {
	local root=$1
	shift
	env -i "${root_env[@]}" unshare --mount --pid --fork --kill-child bash -c '
		mount --rbind "$0" "$0" && mount -t proc proc "$0/proc" || exit
		[ $1 = rw ] || { mount --bind "$0/proc/sys" "$0/proc/sys" && mount -o remount,bind,ro "$0/proc/sys"; } || exit
		cd "$0" && pivot_root . mnt && umount -l /mnt && cd / && hash -r && shift && "$@"; exit $?' "$root" $proc_sys "$@"
}

# debootstrap_root SUITE ROOT: makes a minimal Debian.
debootstrap_root() {
	local suite=$1 root=$2 uri key
	read -r uri key < <(debian_source) || {
		echo "apt's sources name no Debian archive with the suite $codename"
		return 1
	}
	rm -rf --one-file-system "$root"
	debootstrap --foreign --variant=minbase --cache-dir="$debs" --keyring="$key" --include=ca-certificates \
		"$suite" "$root" "$uri" || return 1
	[ ! -L "$root/proc" ] || rm "$root/proc" # where debootstrap finds that it may not mount
	mkdir -p "$root/etc/dpkg/dpkg.cfg.d" "$root/mnt" "$root/proc"
	printf 'force-unsafe-io\nforce-confold\n' >"$root/etc/dpkg/dpkg.cfg.d/trial"
	in_root "$root" /debootstrap/debootstrap --second-stage || return 1
	printf '%s\n' 'APT::Keep-Downloaded-Packages "true";' 'APT::Sandbox::User "root";' 'Acquire::Languages "none";' \
		'APT::Install-Recommends "false";' 'Acquire::Retries "2";' >"$root/etc/apt/apt.conf.d/99trial"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	apt_sources "$suite" >"$root/etc/apt/sources.list"
	chroot "$root" useradd --uid 1000 --create-home --shell /bin/bash somebody
	mkdir -p "$root/trial"
}

# apt_sources SUITE: prints the lines of apt's sources, with the suite's security updates unless it is older than this
# machine's: the archive drops packages of these updates one by one.
apt_sources() {
	local uri key
	read -r uri key < <(debian_source) && echo "deb [signed-by=$key] $uri $1 main"
	[ "$1" = bullseye ] || { read -r uri key < <(debian_source "$codename-security") && echo "deb [signed-by=$key] $uri $1-security main"; }
}

# furnish ROOT: mounts the file systems of a running machine, the downloaded packages, and the trial.
furnish() {
	local root=$1 node
	cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
	mkdir -p "$root/trial/src" "$root/dev"
	mount -t tmpfs -o mode=0755 dev "$root/dev"
	for node in null:3 zero:5 full:7 random:8 urandom:9; do
		mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
	done
	mknod -m 666 "$root/dev/tty" c 5 0
	mknod -m 666 "$root/dev/fuse" c 10 229
	mkdir -m 1777 "$root/dev/shm"
	mkdir "$root/dev/pts"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mount --bind "$debs" "$root/var/cache/apt/archives"
	mount --bind "$src/tests/trial" "$root/trial/src"
}

# unfurnish ROOT
unfurnish() {
	umount -R "$1"/{dev,tmp,var/cache/apt/archives,trial/src}
}

# suite_root SUITE TABLE: makes build/trial/root-SUITE, with the programs of the table installed. If an earlier run has kept
# it, only packages that it lacks are installed.
suite_root() {
	local suite=$1 table=$2 root=$trial/root-$1 packages
	[ -n "${KEEP:-}" ] && [ -e "$root/trial/ready" ] || debootstrap_root "$suite" "$root" || return 1
	furnish "$root"
	rm -f "$root/trial/ready"
	mapfile -t packages < <(table_packages "$table")
	in_root "$root" apt-get -q update --error-on=any || return 1
	[ ${#packages[@]} = 0 ] || in_root "$root" apt-get -q install -y "${packages[@]}" || return 1
	"$src/tests/trial/inputs" "$root/trial/in"
	unfurnish "$root"
	touch "$root/trial/ready"
}

# copy_root SUITE ROOT: a copy of that root, furnished, which the trial changes.
copy_root() {
	rm -rf --one-file-system "$2"
	cp -a --one-file-system --reflink=auto "$trial/root-$1" "$2" && furnish "$2"
}

# copy_sources DIR ARG...: makes DIR a copy of the checkout. A build directory in DIR stays, and make builds what has changed.
# ARGs are tar's, for what to leave out.
copy_sources() {
	local to=$1
	shift
	mkdir -p "$to"
	find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	tar -c --warning=no-file-changed -C "$src" "$@" --exclude=./build . | tar -x --no-same-owner -C "$to"
}

# pinlib_deb: builds the package, unless one is there that is newer than all sources.
pinlib_deb() {
	local deb=$trial/pinlib.deb at=$trial/package
	[ ! -e "$deb" ] || [ -n "$(find "$src" \( -path "$src/.git" -o -path "$src/build*" -o -path "$src/tests" \) -prune \
		-o -type f -newer "$deb" -print -quit)" ] || return 0
	mkdir -p "$at"
	touch "$trial/copied" # sources may change during the build
	rm -f "$at"/*.*
	copy_sources "$at/pinlib" --exclude=./.git
	(cd "$at/pinlib" && DEB_BUILD_PROFILES=nocheck DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc)" \
		dpkg-buildpackage -us -uc -b -nc) && mv "$at"/pinlib_*.deb "$deb" && touch -r "$trial/copied" "$deb"
}

# -- Tables --

# table_lines FILE: prints the lines "NAME PACKAGE..." of a table, those of $ONLY.
table_lines() {
	grep '^[^#[:space:]]' "$1" | while read -r name packages; do
		[ -n "${ONLY:-}" ] && [[ ,$ONLY, != *",$name,"* ]] || echo "$name $packages"
	done
}

table_names() {
	table_lines "$1" | cut -d' ' -f 1
}

table_packages() {
	table_lines "$1" | cut -d' ' -f 2- | tr ' ' '\n' | sort -u
}

# checks ROOT TABLE STAGE NAME...: runs the programs' checks in the root, and leaves output and status of each in
# ROOT/trial/STAGE/NAME.
checks() {
	local root=$1 table=$2 stage=$3
	shift 3
	rm -rf "$root/trial/$stage"
	mkdir -p "$root/trial/$stage"
	printf '%s\n' "$@" | in_root "$root" bash -c "${before:-}"' exec xargs -P "$(nproc)" -n 1 "$@"' bash \
		/trial/src/check "/trial/src/${table##*/}" "/trial/$stage" "$LIMIT"
}

# verdict WANTED GOT: prints "identical", or how the output of a check differs from the wanted one.
verdict() {
	local kind=differs
	[ -e "$1" ] && [ -e "$2" ] || { echo "fails the trial has no output"; return; }
	if cmp -s "$1" "$2"; then
		echo identical
		return
	fi
	[ "$(tail -n 1 "$1")" = "$(tail -n 1 "$2")" ] || kind="fails $(tail -n 1 "$2"):"
	printf '%s %s\n' "$kind" "$(diff -a "$1" "$2" | grep -a -m 4 '^[<>]' | cut -c 1-150 | tr '\n\t\r' '|  ')"
}

# compare TITLE ROOT WANTED STAGE NAME...: prints a line for each program of the stage whose output is not identical, and
# the count. Fails unless all are identical.
compare() {
	local title=$1 root=$2 wanted=$3 stage=$4 name said identical=0 differs=0 fails=0
	shift 4
	for name in "$@"; do
		said=$(verdict "$root/trial/$wanted/$name" "$root/trial/$stage/$name")
		case $said in
		identical) identical=$((identical + 1)) ;;
		fails*) fails=$((fails + 1)) ;;
		*) differs=$((differs + 1)) ;;
		esac
		[ "$said" = identical ] || printf '    %-26s %s\n' "$name" "$said"
	done
	printf '%s: %d identical, %d differ, %d fail\n' "$title" $identical $differs $fails
	[ $identical = $# ]
}

# said TITLE COMMAND...: runs a command, and prints the seconds that it took and, if it fails, the end of its output. All of
# the output is in build/trial/log.
said() {
	local title=$1 began=$SECONDS status=0
	shift
	"$@" >"$trial/log" 2>&1 || status=$?
	printf '%s: %s, %d s\n' "$title" "$([ $status = 0 ] && echo done || echo "exit $status")" $((SECONDS - began))
	[ $status = 0 ] || { grep -aE '^(E|pinlib|dpkg):' "$trial/log" || tail -n 12 "$trial/log"; } | tail -n 40 | cut -c 1-300 | sed 's/^/    /'
	return $status
}
