#!/bin/bash
# The package's scripts, as root runs them, where users have been before: in /tmp, in HOME, in TMPDIR, in the
# working directory, with a umask of 0. They name nothing there, and only root can write the files that they create.
set -uo pipefail
. tests/lib.sh
mkdir -p /opt/scripts /usr/libexec/pinlib
schema=$(sed -n 's/^#define POLICY_SCHEMA //p' policy/schema.h)
for name in preinst postinst prerm postrm; do
	# The bed's pinlib is in /usr/local.
	sed "s,/usr/lib/pinlib,/usr/local/lib/pinlib,g; s,#POLICY_SCHEMA#,$schema,; /^#DEBHELPER#/d; /usr\/local\/bin\/pinlib unset/b; \
		s,/usr/local/lib/pinlib/pinlib-wrapper \] ||,/nowhere ] ||," debian/pinlib.$name >/opt/scripts/$name
	runs "$name is a script" sh -n /opt/scripts/$name
done
cp /usr/local/lib/pinlib/pinlib-wrapper /usr/local/lib/pinlib/pinlib-stub /usr/libexec/pinlib/
cp wrapper/put /usr/libexec/pinlib/put-wrapper
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null && pinlib set demo libdemo1=1.0 >/dev/null ||
	not_ok setup "cannot pin"

# What a user prepares: links to a victim under every name of a file that the scripts use, settings of the
# tools that they call, and programs of their names in the working directory.
chmod 1777 /tmp
echo untouched >/etc/victim
as 1000 bash -c '
mkdir -p /tmp/u/home/.config/dpkg /tmp/u/tmp && cd /tmp/u/home || exit
for name in pinlib pinlib-wrapper pinlib-wrapper.new upgrading policy.db lock plans pinlib.conf 20pinlib; do
	ln -s /etc/victim /tmp/$name; ln -s /etc/victim /tmp/u/tmp/$name; ln -s /etc/victim $name.new
done
printf "log /etc/victim\npre-invoke=touch /etc/stolen\n" | tee .dpkg.cfg .config/dpkg/dpkg.cfg >.aptrc
echo "touch /etc/stolen" | tee .profile .bashrc .shrc .pinlib >/dev/null
for name in pinlib put-wrapper cp ln mkdir sleep mv rm chown chmod setcap sync dpkg-statoverride od tr grep ls systemctl rmdir; do
	printf "#!/bin/sh\ntouch /etc/stolen\n" >$name; chmod 755 $name
done'
touch /opt/before

# hostile SCRIPT ARGUMENT...: runs it so, traced.
hostile() {
	local script=$1
	shift
	(cd /tmp/u/home && umask 0 && env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp/u/home \
		TMPDIR=/tmp/u/tmp TMP=/tmp/u/tmp XDG_CONFIG_HOME=/tmp/u/home/.config ENV=/tmp/u/home/.shrc BASH_ENV=/tmp/u/home/.bashrc \
		CDPATH=/tmp/u/home POSIXLY_CORRECT=1 LD_BIND_NOW=1 DPKG_MAINTSCRIPT_NAME="$script" DPKG_MAINTSCRIPT_PACKAGE=pinlib \
		strace -f -qq -s 4096 -e trace=%file -o /root/trace sh -e "/opt/scripts/$script" "$@" >/root/said 2>&1 </dev/null)
}
# clean NAME: checks the last script's actions and the files that it left.
clean() {
	# A shell compares its working directory with PWD, and mkdir -p walks down from /.
	is "... names nothing of the user's" \
		"$(awk '/execve\("[^"]*\/mkdir".* = 0/ { mkdir[$1] = 1 } !mkdir[$1]' /root/trace |
			grep -v 'execve(.*) = -1\|\(chdir\|getcwd\|mount\)(\|newfstatat(AT_FDCWD, "\(\.\|/tmp/u/home\)",' |
			grep -o '"[^"]*/tmp/[^"]*"\|\((\|AT_FDCWD, \)"[^/"][^"]*"' | sort -u | head -n 5)" ""
	is "... leaves no file that others may write" \
		"$(find /etc /usr /var /opt -newer /opt/before \( -type f -o -type d \) -perm /022 ! -path '/var/tmp*' 2>/dev/null | head -n 5)" ""
	is "... and the victim is untouched" "$(cat /etc/victim)/$(ls /etc/stolen 2>/dev/null)" "untouched/"
}
for call in "preinst install" "preinst upgrade 0.0" "postinst configure" "postinst configure 0.0" "postinst triggered /usr/lib" \
	"postinst abort-upgrade 9" "prerm upgrade 9" "postrm upgrade 9" "postrm abort-upgrade 9"; do
	# shellcheck disable=SC2086
	runs "$call" hostile $call
	clean
done
is "the wrapper has its capability and is root's" \
	"$(stat -c '%u:%g %a' /usr/local/lib/pinlib/pinlib-wrapper) $(getcap /usr/local/lib/pinlib/pinlib-wrapper)" "0:0 755 *cap_sys_admin=p"
is "... and starts the pinned program" "$(as 1000 demo)" "1.0 /usr/bin/demo"
is "no file of a new wrapper is left" "$(ls /usr/local/lib/pinlib | xargs)" "pinlib-stub pinlib-wrapper"
for call in "prerm remove" "postrm remove" "postrm purge"; do
	[ "$call" != "postrm purge" ] || umount /var/lib/pinlib # the bed's
	# shellcheck disable=SC2086
	runs "$call" hostile $call
	clean
done
is "the program is back" "$(as 1000 demo)" "3.0 /usr/bin/demo"
is "nothing is left" "$(ls -d /var/lib/pinlib/* /etc/pinlib /etc/apt/apt.conf.d/20pinlib /etc/dpkg/dpkg.cfg.d/pinlib 2>/dev/null)" ""

# A symbolic link in place of a directory that postrm removes: postrm does not follow the link.
mkdir -p /opt/kept && touch /opt/kept/file && rm -rf /etc/pinlib && ln -s /opt/kept /etc/pinlib
runs "postrm purge" hostile postrm purge
is "... removes a link, and not where it leads" "$(ls /opt/kept)$(ls /etc/pinlib 2>/dev/null)" file
finish
