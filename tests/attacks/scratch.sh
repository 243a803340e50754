#!/bin/bash
# A program in a scratch layer writes to no live file: by no call, by no path, by no mount, and by no process outside.
set -uo pipefail
. tests/lib.sh
for user in $(getent passwd 1000 | cut -d: -f1) tester; do sed -i "/^$user:/d" /etc/passwd; done
echo 'tester:x:1000:1000::/home/tester:/bin/sh' >>/etc/passwd
cp tests/helpers/writes /usr/local/bin/writes && chmod 755 /usr/local/bin/writes

# live DIR OWNER MOUNTS: files of all kinds and hard links; with MOUNTS also a mount, and one on a file.
live() {
	local dir=$1 name
	mkdir -p "$dir"/{sub,rmdir,rmtree/a,dir/b,mounted}
	[ -z "$3" ] || mount -t tmpfs -o mode=777 none "$dir/mounted"
	for name in write append update over moved linked truncate allocate unlink rmtree/a/b dir/b/c chmod chown utime xattr mmap \
		child relative sub/relative dots dd range hard.1 target handle nsenter mounted/file file-mount; do
		echo "live $name" >"$dir/$name"
	done
	ln "$dir/hard.1" "$dir/hard.2"
	ln -s target "$dir/link-to-target"
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.old", b"1")' "$dir/xattr" 2>/dev/null
	cp "$dir/file-mount" "$dir/file-source"
	[ -z "$3" ] || mount --bind "$dir/file-source" "$dir/file-mount"
	chown -R --no-dereference "$2:$2" "$dir"
}

# state DIR: all properties of all live files, and the settings that root's program tries to change.
state() {
	/usr/bin/python3 - "$1" <<'END'
import hashlib, os, stat, sys
for top in sys.argv[1], sys.argv[1] + "/mounted", "/run":
    for where, dirs, files in os.walk(top):
        dirs[:] = sorted(d for d in dirs if not os.path.ismount(os.path.join(where, d)))
        for path in sorted(os.path.join(where, name) for name in dirs + files + ["."]):
            s = os.lstat(path)
            print(path, oct(s.st_mode), s.st_uid, s.st_gid, s.st_size, s.st_ino, s.st_nlink, s.st_mtime_ns, s.st_ctime_ns,
                  [(n, os.getxattr(path, n, follow_symlinks=False)) for n in os.listxattr(path, follow_symlinks=False)],
                  hashlib.sha256(open(path, "rb").read()).hexdigest() if stat.S_ISREG(s.st_mode) else "")
print(open("/proc/sys/kernel/domainname").read())
END
}

# trial NAME UID DIR MOUNTS DONE COMMAND...: the number of ways that succeed fits DONE.
trial() {
	local name=$1 uid=$2 dir=$3 mounts=$4 done=$5 said outside
	shift 5
	live "$dir" "$uid" "$mounts"
	# Not by the function as, which starts another process.
	setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all sh -c "cd $dir && exec 9<>write && exec sleep 300" &
	outside=$!
	until [ "$(cat /proc/$outside/comm)" = sleep ]; do sleep 0.05; done
	state "$dir" >/root/before
	said=$(cd "$dir" && "$@" pinlib try --scratch writes -- "$dir" $outside 2>/root/said)
	state "$dir" >/root/after
	is "$name changes no live file" "$(diff /root/before /root/after)" ""
	is "... though it wrote in many ways" "$said" "tried 54, done $done"
	kill $outside
	is "... and nothing is left" "$(echo /tmp/pinlib-scratch-* /var/tmp/pinlib-scratch-*)" '/tmp/pinlib-scratch-\* /var/tmp/pinlib-scratch-\*'
}

# listed WORD...: what the list of changes has.
listed() {
	local word
	for word; do
		is "... and the list has $word" "$(grep -c "scratch: $word" /root/said)" 1
	done
}

all=("added .*/live/new " "changed .*/write " "removed .*/unlink " "changed .*/mmap " "attributes .*/chmod " "removed .*/rmtree/a/b "
	"changed .*/over " "removed .*/moved " "added .*/moved.to " "changed .*/sub/relative ")
trial "a user's program" 1000 /home/tester/live "" "3[0-9]" as 1000
listed "${all[@]}"
# An ordinary user's overlay cannot cover a directory with mounts.
trial "a user's program in a directory with mounts" 1000 /home/tester/mounts yes "[4-9]" as 1000
listed "/home/tester/mounts is read-only: overlayfs cannot cover it for an ordinary user" "added .*/mounted/new "
trial "root's program" 0 /root/live yes "3[0-9]" env
listed "${all[@]}" "changed .*/mounted/file "
all[0]="added .*/sudo/new "
trial "a program of the user who called sudo" 1000 /home/tester/sudo yes "3[0-9]" env SUDO_UID=1000
listed "${all[@]}" "changed .*/mounted/file "

# Without a scratch layer the same program changes live files.
live /home/tester/counter 1000 ""
state /home/tester/counter >/root/before
as 1000 writes /home/tester/counter $$ >/dev/null
state /home/tester/counter >/root/after
is "without --scratch the same program changes live files" "$(($(diff /root/before /root/after | wc -l) > 40))" 1
finish
