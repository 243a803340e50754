#!/bin/bash
# Root traces the command of a user who wants root's tracer to read what the user may not, to wait for ever, or to run out
# of memory.
set -uo pipefail
. tests/lib.sh
mkdir -m 1777 /tmp/at && cd /tmp/at || exit 1
traced() { timeout -k 5 60 pinlib trace -o /tmp/report "$@"; }
user=(setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env HOME=/tmp)

secret=$(sha256sum </etc/shadow)
runs "a file becomes a link to one of root's" traced --digest "${user[@]}" sh -c 'echo x >f; rm f; ln -s /etc/shadow f; cat f; true'
is "... whose digest is not reported" "$(grep -c "${secret%% *}" /tmp/report)" 0
is "... but whose refusal is" "$(grep -c 'denied .*/tmp/at/f' /tmp/report)" 1
mkdir -m 700 /root/closed && echo closed >/root/closed/f
secret=$(sha256sum </root/closed/f)
runs "a directory becomes a link to one of root's" traced --digest "${user[@]}" \
	sh -c 'mkdir d; echo closed >d/f; rm -r d; ln -s /root/closed d; ls d/; true'
is "... whose files' digests are not reported" "$(grep -c "${secret%% *}" /tmp/report)" 0

mkdir logs && echo secret >logs/log && chmod 622 logs/log
runs "a file of root's that the user may only write" traced --digest "${user[@]}" sh -c 'echo >>logs/log; echo mine >own; chmod 600 own; echo more >>own'
is "... has no digest, one of the user's own has" "$(grep -c 'wrote.*/logs/log$' /tmp/report) $(grep -c 'wrote.*/own .*sha256' /tmp/report)" "1 1"

# Files that block whoever opens or reads them.
runs "FIFOs, a terminal, /proc/kmsg" traced --digest "${user[@]}" sh -c \
	'mkfifo p; (: >p) & exec 3<p; cat p & kill $!; exec 4</proc/self/mounts 5<>p 6</dev/zero 7<>/dev/ptmx; wait'
is "... have no digest" "$(grep -cE '(/p|mounts|zero|ptmx)( |\)).* sha256' /tmp/report)" 0
runs "a sparse file of an exabyte" traced --digest "${user[@]}" sh -c 'truncate -s 16G big; exec 3<big'
is "... has no digest" "$(grep -c 'big.*sha256' /tmp/report)" 0

if fuse_here; then
	mkdir tree fuse && echo text >tree/f && chmod -R a+rX tree && chown 1000 fuse tree
	echo user_allow_other >>/etc/fuse.conf
	for id in 0 1000; do getent passwd $id >/dev/null || echo "u$id:x:$id:$id::/tmp:/bin/sh" >>/etc/passwd; done
	: >/tmp/hung && chmod 666 /tmp/hung
	server=$(as 1000 "$build/hostilefs" --allow-other --when /tmp/hang --log /tmp/hung \
		--hang readlink,read,opendir,statfs,access,getxattr,listxattr fuse tree)
	as 1000 ls -lR fuse >/dev/null # the kernel knows the file now: its own user's look-up does not wait
	touch /tmp/hang
	runs "a file on a FUSE file system that never answers" traced --digest "${user[@]}" sh -c 'exec 3<fuse/f'
	is "... is reported" "$(grep -c 'read  *.*/fuse/f' /tmp/report)" 1
	is "... its server is not asked" "$(cat /tmp/hung)" ""
	kill "$server"
	umount -l fuse
	mkdir over && chown 1000 over
	runs "a FUSE file system over a directory in which the command wrote" traced --digest "${user[@]}" sh -c \
		"echo x >over/f; $build/hostilefs --allow-other --hang lookup,getattr /tmp/at/over /tmp/at/tree >pid 2>said; \
		(sleep 2; kill -9 \$(cat pid)) & exit 0"
	is "... was mounted" "$(cat said)" ""
	umount -l over 2>/dev/null
else
	skip "a FUSE file system that never answers" "$fuse_why"
fi

# Paths at invalid addresses, too long, at the end of a mapping, or changing all the time.
cat >paths.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), name[32];
	munmap(page + 4096, 4096);
	memset(page, 'x', 4096);
	open(page, O_RDONLY);
	open((char *)-1, O_RDONLY);
	open((char *)4096, O_RDONLY);
	rename(page + 4090, (char *)-4096);
	page[4095] = 0;
	open(page + 4093, O_RDONLY);
	page[0] = '/';
	open(page, O_RDONLY);
	open("", O_RDONLY);
	openat(12345, "relative", O_RDONLY);
	for (int i = 0; i < 20000; i++) {
		sprintf(name, "/none/%d", i);
		open(name, O_RDONLY);
	}
	return 0;
}
END
gcc -w -o paths paths.c && runs "paths that are none" traced "${user[@]}" ./paths
is "... the others are reported" "$(grep -cE 'missing  */(none/|tmp/at/xx$)' /tmp/report)" 20001

# More than root's tracer keeps: 4,000 bytes a path.
cat >many.py <<'END'
import os
for i in range(80000):
    try: os.stat("/%07d/" % i + "/".join(["x" * 250] * 15))
    except OSError: pass
END
runs "endless names" traced --json "${user[@]}" /usr/bin/python3 many.py
is "... are counted beyond the bound" "$(/usr/bin/python3 -c 'import json
p = json.load(open("/tmp/report"))["processes"][-1]
print(p["left_out"] > 10000, 10000 < len(p["missing"]) < 80000)')" "True True"

# Control characters reach no terminal.
runs "names that are commands for terminals" traced "${user[@]}" sh -c 'cat "$(printf "\033]0;title\007\n  read /forged")"; true'
is "... are replaced, and forge no line" "$(grep -c $'[\x1b\x07]' /tmp/report) $(grep -c '^  read /forged' /tmp/report)" "0 0"
finish
