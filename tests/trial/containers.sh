#!/bin/bash
# tests/trial/containers.sh: pinlib in containers of podman (root's and a user's), systemd-nspawn and chroot. Each row of the
# table below says if a user's demo gets its pinned library there by a view and by a sealed copy, and which checks of doctor
# find a fault. `sudo make trial-containers`; tests/trial/lib.sh says which variables it knows.
set -u
. "$(dirname "$0")/lib.sh"
outer=$trial/root-containers inner=$trial/root-inner
proc_sys=rw
enter "$@"

# In the container: "view sealed doctor".
inside() {
	cat <<-'END'
		#!/bin/bash
		export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		rm -rf /var/lib/pinlib
		pinned() {
			said=$(pinlib set "$@" demo libdemo1=1.0 2>&1) || { grep -q 'a sealed program needs no view' <<<"$said" && echo refused || echo no; return; }
			for user in 0 1000; do
				[[ $(setpriv --reuid $user --regid $user --clear-groups demo 2>&1) = "1.0 "* ]] || { echo "fails"; return; }
			done
			echo yes
		}
		faults=$(pinlib doctor 2>/dev/null | sed -n 's/^fault  *\([^ ]*\) .*/\1/p' | sort -u | paste -sd,)
		pinlib add /opt/libdemo1_1.0-1_*.deb >/dev/null 2>&1
		view=$(pinned)
		pinlib unset demo >/dev/null 2>&1
		sealed=$(pinned --sealed)
		pinlib unset demo >/dev/null 2>&1
		echo "result: $view $sealed ${faults:-well}"
	END
}

roots() {
	local packages=(podman crun systemd-container uidmap passt)
	rm -rf --one-file-system "$outer" "$inner"
	debootstrap_root "$codename" "$inner" && cp -a "$inner" "$outer" || return 1
	inside >"$inner/opt/inside" && chmod 755 "$inner/opt/inside"
	furnish "$outer"
	in_root "$outer" apt-get -q update --error-on=any &&
		in_root "$outer" apt-get -q install -y "${packages[@]}" || return 1
	furnish "$inner"
	cp "$trial/pinlib.deb" "$build"/fixtures/host/{libdemo1,libplug1,libpriv1,libfive,demo}*.deb "$inner/tmp/"
	cp "$build"/fixtures/deb/libdemo1_1.0-1_*.deb "$inner/opt/"
	in_root "$inner" apt-get -q update --error-on=any &&
		in_root "$inner" sh -c 'apt-get -q install -y python3-minimal /tmp/*.deb' || return 1
	unfurnish "$inner"
	echo somebody:200000:65536 | tee "$outer/etc/subuid" >"$outer/etc/subgid"
	mkdir -p "$outer/inner" "$outer/etc/containers"
	printf '[storage]\ndriver = "overlay"\nrunroot = "/run/storage"\ngraphroot = "/var/lib/storage"\n' >"$outer/etc/containers/storage.conf"
	mount -t sysfs sysfs "$outer/sys" && mount -t cgroup2 cgroup2 "$outer/sys/fs/cgroup"
	mount -t tmpfs run "$outer/run"
	[ ! -e /dev/fuse ] || mknod -m 666 "$outer/dev/fuse" c 10 229
	cp -a "$inner/." "$outer/inner/"
	tar -C "$inner" -c --xattrs --xattrs-include='*' --exclude='./dev/*' . >"$outer/trial/image.tar"
	in_root "$outer" podman import /trial/image.tar pinned
	in_root "$outer" setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/somebody XDG_RUNTIME_DIR=/tmp/user \
		sh -c 'mkdir -p $XDG_RUNTIME_DIR && podman import /trial/image.tar pinned'
}

run=(podman --log-level=error run --rm --network=none --cgroups=disabled --runtime=crun)
user=(setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/somebody XDG_RUNTIME_DIR=/tmp/user)
nspawn=(systemd-nspawn -q --pipe -D /inner --register=no --keep-unit --as-pid2)

# place TITLE "VIEW SEALED DOCTOR" COMMAND...
place() {
	local title=$1 wanted=$2 said
	shift 2
	said=$(in_root "$outer" timeout 300 "$@" 2>&1 </dev/null)
	printf '%-58s %s\n' "$title" "$(sed -n 's/^result: //p' <<<"$said")"
	is "$title" "$(grep '^result: ' <<<"$said" || tail -n 3 <<<"$said")" "result: $wanted"
}

said "pinlib's package" pinlib_deb || exit
said "roots and images" roots || exit
place "podman" "refused yes bounding-set,kernel" "${run[@]}" pinned /opt/inside
place "podman --cap-add=SYS_ADMIN" "yes yes well" "${run[@]}" --cap-add=SYS_ADMIN pinned /opt/inside
place "podman --privileged" "yes yes well" "${run[@]}" --privileged pinned /opt/inside
place "podman --privileged --rootfs, without an overlay" "yes yes well" "${run[@]}" --privileged --rootfs /inner /opt/inside
place "podman --cap-add=SYS_ADMIN, no-new-privileges" "refused yes bounding-set" \
	"${run[@]}" --cap-add=SYS_ADMIN --security-opt no-new-privileges pinned /opt/inside
place "podman --cap-add=SYS_ADMIN --uidmap" "yes yes well" "${run[@]}" --cap-add=SYS_ADMIN --uidmap 0:100000:65536 pinned /opt/inside
place "podman --read-only" "no no bounding-set,kernel,space" "${run[@]}" --read-only pinned /opt/inside
place "a user's podman" "refused yes bounding-set,kernel" "${user[@]}" "${run[@]}" pinned /opt/inside
place "a user's podman --cap-add=SYS_ADMIN" "yes yes well" "${user[@]}" "${run[@]}" --cap-add=SYS_ADMIN pinned /opt/inside
place "systemd-nspawn" "yes yes well" "${nspawn[@]}" /opt/inside
place "systemd-nspawn --volatile=overlay" "yes yes well" "${nspawn[@]}" --volatile=overlay /opt/inside
place "chroot" "refused yes kernel" sh -c 'mount --rbind /proc /inner/proc && mount --rbind /dev /inner/dev && chroot /inner /opt/inside'
place "chroot that is a mount point" "yes yes well" \
	sh -c 'mount --bind /inner /inner && mount --rbind /proc /inner/proc && mount --rbind /dev /inner/dev && chroot /inner /opt/inside'
place "systemd-nspawn --private-users (as LXC)" "yes yes well" "${nspawn[@]}" -U /opt/inside
finish
