#!/bin/bash
# /etc/ld.so.conf that includes files that users can write: 'pinlib deps' reads it where there is no cache of the
# loader's, to print where a missing library would be found, and ends.
set -uo pipefail
. tests/lib.sh
cd /tmp || exit 1
gcc -shared -fPIC -Wl,-soname,libgone.so.1 -x c -o libgone.so.1 - </dev/null &&
	gcc -o /usr/local/bin/needs -x c - -x none -Wl,--no-as-needed libgone.so.1 <<<'int main(void) { return 0; }' ||
	not_ok setup "cannot build"
mkdir /opt/libs && cp libgone.so.1 /opt/libs
rm -f /etc/ld.so.cache
users=/etc/users.d
mkdir -m 1777 $users
echo "include $users/*.conf
/opt/libs" >/etc/ld.so.conf

# ends NAME: with the answer, which root's own line gives, or without.
ends() {
	local said status=0
	said=$(timeout 20 pinlib deps /usr/local/bin/needs 2>&1 </dev/null) || status=$?
	case $status/$said in
	1/*"libgone.so.1 => not found"*"ldconfig would find "*/opt/libs* | 1/*"libgone.so.1 => not found"*) ok "$1" ;;
	*) not_ok "$1" "exit $status: $said" ;;
	esac
	rm -rf ${users:?}/*
}
is "where the library would be found" "$(pinlib deps /usr/local/bin/needs)" "*ldconfig would find /opt/libs/libgone.so.1*"
as 1000 mkfifo $users/a.conf
ends "a FIFO is included"
as 1000 ln -s /dev/zero $users/a.conf
ends "a link to a device"
as 1000 truncate -s 7G $users/a.conf
ends "a sparse file of 7 GiB"
as 1000 ln -s a.conf $users/a.conf
ends "a link to itself"
as 1000 python3 -c "print('/opt/x' * 200000)" >$users/a.conf
ends "one long line"
for times in 1 2 8 1000; do
	for ((i = 0; i < times; i++)); do echo "include $users/a.conf"; done | as 1000 tee $users/a.conf >/dev/null
	ends "a file that includes itself, $times times"
done
for i in {1..60}; do echo 'include *.conf' >$users/$i.conf; done
ends "60 files that include one another"
as 1000 /usr/bin/python3 -c '
for i in range(50000):
    open(f"/etc/users.d/{i:060}.conf.not", "w").close()
with open("/etc/users.d/a.conf", "w") as f:
    for i in range(20000):
        f.write(f"include /etc/users.d/{i}*\n")'
ends "a directory of 50,000 names is looked through 20,000 times"
as 1000 /usr/bin/python3 -c '
open("/etc/users.d/" + "a" * 250, "w").close()
open("/etc/users.d/a.conf", "w").write("include /etc/users.d/" + "*a" * 120 + "b\n")'
ends "a pattern of 120 stars"
as 1000 /usr/bin/python3 -c '
with open("/etc/users.d/a.conf", "w") as f:
    for i in range(60000):
        f.write(f"/tmp/{i}\n")'
ends "60,000 directories"
finish
