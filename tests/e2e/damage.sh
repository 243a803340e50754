#!/bin/bash
# Damage: every bit that is flipped is found, named with the command that restores it, never used, and repaired.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1
state=/var/lib/pinlib

mkdir -p tree/usr/lib/demo-tools
cp "$fixtures"/deb/libdemo1_1.0-1_*.deb .
cp -a "$fixtures/tree/2.0/." tree/
printf '#!/bin/sh\n' >tree/usr/lib/demo-tools/tool # a copy in the layer, not a link to the object
chmod 755 tree/usr/lib/demo-tools/tool
pinlib add libdemo1_1.0-1_*.deb >/dev/null || not_ok setup "cannot add"
pinlib add --name libdemo1 --version 2.0 tree >/dev/null || not_ok setup "cannot add the tree"
pinlib set demo libdemo1=2.0 >/dev/null || not_ok setup "cannot set"
pinlib set demo2 libdemo1=1.0 >/dev/null || not_ok setup "cannot set"
runs "before it all is well" verify

# Flips bits of each file, one at a time: those of the first and the last byte, and some between.
cat >flip.py <<'END'
import hashlib, os, random, re, subprocess, sys
seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
print(f"again the same: SEED={seed}")
random.seed(seed)
flips = missed = 0
why = []

def verify():
    done = subprocess.run(["pinlib", "doctor", "database", "programs", "layers", "store"], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr

def names(path):
    """What a finding about the file has to name."""
    name = os.path.basename(path)
    if "/objects/" in path:
        return os.path.basename(os.path.dirname(path)) + name
    if "/layers/" in path:
        return path.split("/layers/")[1].split("/")[0]
    return name[:12] if "/versions/" in path else name

seen = set()
for dir, dirs, files in sorted(os.walk("/var/lib/pinlib")):
    for path in sorted(os.path.join(dir, f) for f in files):
        st = os.lstat(path)
        if os.path.islink(path) or not st.st_size or os.path.basename(path) in ("lock", "policy.db"):
            continue
        if st.st_ino in seen: # a layer's link to an object
            continue
        seen.add(st.st_ino)
        bits = st.st_size * 8
        picks = {0, 7, bits - 8, bits - 1} | {random.randrange(bits) for _ in range(8)}
        for bit in sorted(picks):
            with open(path, "r+b", buffering=0) as f:
                old = os.pread(f.fileno(), 1, bit // 8)
                os.pwrite(f.fileno(), bytes([old[0] ^ 1 << bit % 8]), bit // 8)
                status, said = verify()
                os.pwrite(f.fileno(), old, bit // 8)
                os.utime(f.fileno(), ns=(st.st_atime_ns, st.st_mtime_ns))
            flips += 1
            if status != 1 or names(path) not in said:
                missed += 1
                why.append(f"{path} bit {bit}: {said.strip()[:80]}")
status, said = verify()
print(f"{flips} flipped bits in {len(seen)} files")
print("found" if not missed and flips > 100 and status == 0 else f"{missed} missed: {why[:3]} {said[:200]}")
END
said=$(/usr/bin/python3 flip.py)
is "each of $(grep -o '^[0-9]* flipped bits in [0-9]* files' <<<"$said") is found ($(head -n 1 <<<"$said"))" \
	"$(tail -n 1 <<<"$said")" found

# damage FILE: one bit.
damage() {
	/usr/bin/python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(100); b = f.read(1); f.seek(100); f.write(bytes([b[0] ^ 4]))' "$1"
}
# A layer's own copy: from the store.
copy=$(find $state/layers -name tool)
chmod 644 "$copy"
refuses "a changed mode in a layer" 1 tool verify
runs "is repaired" verify --repair
echo bad >"$(find $state/layers -name tool -not -path '*/.damaged*')"
refuses "a changed file in a layer" 1 "is damaged" verify
is "... names the app that it repairs" "$(verify --repair 2>&1)" "pinlib: /usr/bin/demo: repaired*all is well*"
runs "... and all is well then" verify
is "... the app runs with it" "$(as 1000 demo)" "2.0 /usr/bin/demo"
rm "$(find $state/layers -name tool -not -path '*/.damaged*')"
echo forged >>"$(find $state/layers -maxdepth 2 -name .spec | head -n 1)"
pinlib set demo --on-failure=unpinned >/dev/null
pinlib set demo2 --on-failure=unpinned >/dev/null
runs "a set mends what it uses" verify

# A view that runs keeps the tree that it was built from, until it ends.
pinlib gc >/dev/null
setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all env demo sleep 60 >/dev/null &
for _ in {1..200}; do
	grep -qs pinlib: /proc/$!/mountinfo && break
	sleep 0.05
done
rm "$(find $state/layers -name tool -not -path '*/.damaged*')"
verify --repair >/dev/null 2>&1
pinlib gc >/dev/null
is "a replaced layer stays while a view may need it" "$(ls -d $state/layers/.damaged-* | wc -l)" 1
kill %1
wait
pinlib gc >/dev/null
is "... and goes then" "$(ls -A $state/layers | grep -c damaged)" 0

# A plan.
damage $state/plans/usr%2Fbin%2Fdemo
refuses "a damaged plan" 1 "usr%2Fbin%2Fdemo" verify
as 1000 demo >/dev/null 2>&1 && not_ok "a damaged plan" "is used"
runs "... is written anew" verify --repair
is "... and used" "$(as 1000 demo)" "2.0 /usr/bin/demo"
cp $state/plans/usr%2Fbin%2Fdemo2 other
/usr/bin/python3 - <<'END'
import zlib # whole, but not what the policy says: another layer
d = bytearray(open("/tmp/other", "rb").read())
at = d.index(b"/layers/") + 8
d[at:at + 32] = b"0" * 32
d[16:20] = bytes(4)
d[16:20] = zlib.crc32(d).to_bytes(4, "little")
open("/var/lib/pinlib/plans/usr%2Fbin%2Fdemo2", "wb").write(d)
END
refuses "a plan that is whole and wrong" 1 "demo2" verify
runs "... is written anew" verify --repair

# Content: named with the command that restores it, refused until then, and then the layer too.
restored() {
	local name=$1 said
	said=$(verify | grep -o 'restore it with: .*' | sort -u)
	case $said in
	*$'\n'* | "") not_ok "$name names one command" "$said" ;;
	*) ok "$name names one command" ;;
	esac
	eval "${said#restore it with: }" >restore.log 2>&1 || not_ok "$name: the command works" "$said: $(cat restore.log)"
	runs "$name: then the rest is repaired" verify --repair
}
damage "$(find $state/layers -name libdemo.so.1.0)" # the store's own, by a hard link
refuses "a set with damaged content" 1 "restore it with: pinlib add" pinlib set demo2 libdemo1=1.0 --on-failure=refuse
restored "damaged content"
is "... and is used" "$(as 1000 demo; as 1000 demo2)" "2.0 /usr/bin/demo?1.0 /usr/bin/demo2"
for manifest in $state/store/versions/*; do
	damage "$manifest"
	refuses "a set with a damaged manifest" 1 "restore it with: pinlib add" pinlib set demo2 libdemo1=1.0
	restored "a damaged manifest"
done
runs "in the end all is well" verify
finish
