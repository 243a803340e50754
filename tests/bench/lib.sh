# shellcheck shell=bash
# What the bench's bed needs before a group can measure.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
out=/tmp/out # what is to leave the bed
export BENCH_OUT=$out BENCH_LIBS=$libs BENCH_BUILD=$build
export BENCH_ROUNDS=${BENCH_ROUNDS:-500} BENCH_CPU=${BENCH_CPU:-} BENCH_LAYOUT=${BENCH_LAYOUT:-tmpfs}

# What we measure against, from the machine's own mirror. Each one that cannot be had is a skip, which
# the group counts that misses it; $BENCH_WHY is the reason.
peers() {
	export DEBIAN_FRONTEND=noninteractive BENCH_WHY=
	local package missing=()

	for package in bubblewrap firejail schroot ffmpeg git gcc gnuplot-nox; do
		dpkg-query -s "$package" >/dev/null 2>&1 || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! timeout 120 apt-get -o Acquire::Retries=2 -o Acquire::http::Timeout=20 update --error-on=any \
		>/tmp/apt.log 2>&1; then
		BENCH_WHY="no answer from the machine's mirror: $(grep -m 1 '^[EW]:' /tmp/apt.log)"
		return 0
	fi
	for package in "${missing[@]}"; do
		timeout 300 apt-get install -y --no-install-recommends "$package" >/tmp/apt.log 2>&1 ||
			BENCH_WHY="apt-get: $(grep -m 1 '^E:' /tmp/apt.log)"
	done
	# Packages of several sizes to add.
	mkdir -p /var/cache/bench-debs
	(cd /var/cache/bench-debs && timeout 120 apt-get -q download zlib1g libcurl4 libssl3 libavcodec59 libicu72 >/tmp/apt.log 2>&1) ||
		BENCH_WHY="apt-get: $(grep -m 1 '^E:' /tmp/apt.log)"
	return 0
}

# Where a machine has files of a disk, the bed has an overlay, which is dearer to look up in, and dearest
# under another. So the files of a launch are on a plain file system while it is measured. And the
# kernel copies every mount at a launch: the host's control groups, which nothing here needs, go, and a fresh
# Debian server's number is about reached (25; each measurement says how many there were).
layout() {
	local dir at=/mnt/plain

	umount -R /sys/fs/cgroup 2>/dev/null
	[ "$BENCH_LAYOUT" != bed ] || return 0
	mkdir -p $at
	case $BENCH_LAYOUT in
	tmpfs) mount -t tmpfs -o mode=0755 bench $at ;;
	ext4)
		mkdir -p /mnt/disk && mount -t tmpfs disk /mnt/disk && truncate -s 4G /mnt/disk/image &&
			mkfs.ext4 -q /mnt/disk/image && mount -o loop /mnt/disk/image $at
		;;
	*) false ;;
	esac || {
		echo "tests/bench: cannot have the layout $BENCH_LAYOUT" >&2
		return 1
	}
	for dir in /usr/bin "$libs" /usr/local/lib/pinlib /etc /var/lib/pinlib; do
		[ "$BENCH_LAYOUT $dir" != "tmpfs /var/lib/pinlib" ] || continue # it is one
		mkdir -p "$at$dir" && cp -a "$dir/." "$at$dir" || return 1
		# The wrapper's directory is no mount of its own on a machine, and needs none.
		[ "$dir" != /usr/local/lib/pinlib ] || dir=${dir%/pinlib}
		mount --bind "$at$dir" "$dir" || return 1
	done
}
