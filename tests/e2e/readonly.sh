#!/bin/bash
# Programs that write beside libraries: what a view makes read-only, and what set says to it.
. "$(dirname "$0")/../lib.sh"
mkdir -p /tmp/readonly && cd /tmp/readonly || exit 1
py=$(readlink -f /usr/bin/python3)
lib=/usr/local/lib/$(basename "$py")

# A wheel for pip: no network.
"$py" - <<'END'
import zipfile
with zipfile.ZipFile("ptwheel-1.0-py3-none-any.whl", "w") as z:
    z.writestr("ptwheel.py", "found = 'wheel'\n")
    z.writestr("ptwheel-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ptwheel\nVersion: 1.0\n")
    z.writestr("ptwheel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    z.writestr("ptwheel-1.0.dist-info/RECORD", "")
END
pip() {
	PIP_ROOT_USER_ACTION=ignore PIP_BREAK_SYSTEM_PACKAGES=1 PYTHONNOUSERSITE=1 "$py" -m pip "$@" 2>&1 | tail -n 3
}
at() {
	(cd / && "$py" -c 'import ptwheel; print(ptwheel.__file__)' 2>&1)
}

have_pip() {
	[ "$("$py" -c 'import pip; print(pip.__file__)' 2>/dev/null)" = /usr/lib/python3/dist-packages/pip/__init__.py ]
}

# python with a pinned zlib, which is in /usr/lib/TRIPLET.
zlib=$(readlink -f "$libs/libz.so.1")
pinlib add --name libz --version 1 "$zlib" >/dev/null && pinlib set "$py" libz=1 >/dev/null ||
	not_ok setup "cannot pin $py"
is "no directory of /usr/local is covered" "$(pinlib show "$py" | grep 'covers ' | tr -d '\n')" "  covers $libs"
if have_pip; then
	pip install --no-index ./ptwheel-1.0-py3-none-any.whl >install.log
	is "pip of a pinned python installs" "$(at)" "$lib/dist-packages/ptwheel.py" || cat install.log
	is "... also for a python that is not in the view" "$(cd / && pinlib exec --host "$py" -c 'import ptwheel; print(ptwheel.found)')" wheel
	is "... and uninstalls" "$(pip uninstall --yes ptwheel | grep -c Success) $(at | grep -c ModuleNotFoundError)" "1 1"
else
	skip "pip of a pinned python" "pip is not Debian's"
fi
pinlib unset "$py" >/dev/null

# With a copy in /usr/local/lib, which the loader prefers, the view has to cover /usr/local/lib.
cp "$zlib" /usr/local/lib/libz.so.1 && ldconfig && mkdir -p "$lib/dist-packages"
refuses "a cover over python's own directory is refused" 1 \
	"the view of $py makes /usr/local/lib read-only, but programs may write there ($(basename "$py")/); to keep such a directory writable, mount it onto itself ('mount --bind $lib $lib')" \
	pinlib set "$py" libz=1
is "... and python is as it was" "$(readlink -f "$py")" "$py"
runs "... but not another program's" pinlib set demo libz=1
pinlib unset demo >/dev/null
mount --bind "$lib" "$lib"
runs "... and accepted when the directory is mounted onto itself" pinlib set "$py" libz=1
is "... with a cover over /usr/local/lib" "$(pinlib show "$py" | grep -c 'covers /usr/local/lib$')" 1
is "... and the pinned library" "$("$py" -c 'import zlib; print([l.split()[-1] for l in open("/proc/self/maps") if "libz" in l][0])')" "$zlib"
if have_pip; then
	pip install --no-index ./ptwheel-1.0-py3-none-any.whl >install.log
	is "... where pip installs" "$(at)" "$lib/dist-packages/ptwheel.py"
	is "... for the host" "$(cat "$lib/dist-packages/ptwheel.py")" "found = 'wheel'"
	pip uninstall --yes ptwheel >/dev/null
else
	skip "pip below a cover" "pip is not Debian's"
fi
is "... while the rest of the cover is read-only" \
	"$("$py" -c 'open("/usr/local/lib/x", "w")' 2>&1 | tail -n 1)" "OSError: *Read-only file system*"
pinlib unset "$py" >/dev/null && umount "$lib" && rm /usr/local/lib/libz.so.1 && ldconfig
finish
