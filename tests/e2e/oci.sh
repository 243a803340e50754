#!/bin/bash
# Export and import: pins go to another machine, through a registry too; hostile archives are refused.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1
state=/var/lib/pinlib

pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb "$fixtures"/deb/libdemo1_1.1-1_*.deb >/dev/null
pinlib set --on-failure=unpinned demo libdemo1=1.0 >/dev/null || not_ok setup "cannot set"
pinlib set demo2 libdemo1=1.1-1 >/dev/null || not_ok setup "cannot set"
pinlib set --host cmp >/dev/null || not_ok setup "cannot set cmp"
pinlib --json show | grep -E '"(app|on_failure|digest)"' >shown
pinlib libs >libs

# another_machine: nothing was ever pinned here.
another_machine() {
	pinlib unset --all >/dev/null
	rm -rf ${state:?}/*
}

runs "export" pinlib export demo demo2 cmp -o pins.tar
runs "... again" pinlib export demo demo2 cmp -o again.tar
is "... gives the same bytes" "$(cmp pins.tar again.tar 2>&1)" ""
is "... as an image of standard media types" \
	"$(tar xOf pins.tar index.json; for b in $(tar tf pins.tar | grep blobs/); do tar xOf pins.tar "$b" | head -c 2000 | grep -aoE '"application/[^"]*"'; done | sort -u | tr '\n' ' ')" \
	'*"application/vnd.oci.image.config.v1+json" "application/vnd.oci.image.layer.v1.tar" "application/vnd.oci.image.manifest.v1+json"*'
is "... whose blobs are named by their SHA-256" \
	"$(for b in $(tar tf pins.tar | grep blobs/); do echo "$(tar xOf pins.tar "$b" | sha256sum | cut -c 1-64) ${b##*/}"; done | awk '$1 != $2')" ""
is "... and leaves nothing else" "$(ls -A | grep -c tmp-)$(ls -A $state/store/tmp)" "0"

another_machine
is "before the import" "$(demo)" "3.0 /usr/bin/demo"
runs "import" pinlib import pins.tar
is "... the pins are as they were" "$(pinlib --json show | grep -E '"(app|on_failure|digest)"' | diff - shown)" ""
is "... the store too" "$(pinlib libs | diff - libs)" ""
is "... and in force" "$(demo; demo2)" "1.0 /usr/bin/demo
1.1 /usr/bin/demo2"
is "... in one generation" "$(pinlib history | wc -l)" 2
is "import again changes nothing" "$(pinlib import pins.tar)" "nothing to change: generation 1 already matches the description"
is "... in JSON" "$(pinlib import --json pins.tar | grep changed)" '*"changed": false,'
runs "all is well" verify
refuses "export of an app without pins" 1 "has no pins" pinlib export true -o none.tar
refuses "export to where nothing can be written" 1 "cannot write /no/such/dir/x: cannot open /no: No such file" pinlib export demo -o /no/such/dir/x
refuses "export without a file" 2 "missing --output FILE" pinlib export demo
refuses "import of two" 2 "unexpected argument 'pins.tar'" pinlib import pins.tar pins.tar
object=$(grep -lr ELF $state/store/objects | head -n 1)
cp -a "$object" kept && printf x >>"$object"
refuses "damage is not exported" 1 "damaged" pinlib export demo demo2 -o damaged.tar
is "... no half file" "$(ls damaged.tar* 2>/dev/null)" ""
cat kept >"$object"

# With other tools' hands on it: compressed layers, another order, a leading "./".
cat >image.py <<'END'
import gzip, hashlib, io, json, sys, tarfile

def sha(data): return hashlib.sha256(data).hexdigest()

def tar(members):
    """(name, content or TarInfo) pairs as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as t:
        for name, content in members:
            if isinstance(content, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                t.addfile(info, io.BytesIO(content))
            else:
                content.name = name
                t.addfile(content, io.BytesIO(b"x" * content.size))
    return out.getvalue()

def entry(**fields):
    info = tarfile.TarInfo()
    for k, v in fields.items(): setattr(info, k, v)
    return info

with tarfile.open("pins.tar") as t:
    good = {m.name: t.extractfile(m).read() for m in t}
index = json.loads(good["index.json"])
manifest = json.loads(good["blobs/sha256/" + index["manifests"][0]["digest"][7:]])
layers = [good["blobs/sha256/" + l["digest"][7:]] for l in manifest["layers"]]
pins = tarfile.open(fileobj=io.BytesIO(layers[0])).extractfile(".pinlib/pins.conf").read()
LAYER = "application/vnd.oci.image.layer.v1.tar"

def version(*more, control=b"Package: libx\nVersion: 1\nArchitecture: all\n"):
    return tar([(".pinlib/version", control), ("usr/lib/x", b"x"), *more])

def pinned(text): return tar([(".pinlib/pins.conf", text)])

def image(layers, types=LAYER, index=lambda i: i, manifest=lambda m: m, members=lambda m: m, blob=sha):
    blobs = [("blobs/sha256/" + blob(l), l) for l in layers]
    m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
         "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + sha(b"{}"), "size": 2},
         "layers": [{"mediaType": types, "digest": "sha256:" + blob(l), "size": len(l)} for l in layers]}
    m = manifest(m)
    m = m if isinstance(m, bytes) else json.dumps(m).encode()
    i = {"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + sha(m), "size": len(m)}]}
    i = index(i)
    i = i if isinstance(i, bytes) else json.dumps(i).encode()
    return tar(members(blobs + [("blobs/sha256/" + sha(m), m), ("blobs/sha256/" + sha(b"{}"), b"{}"),
                                ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", i)]))

def flip(data, at): return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

none = pinned(b"app /usr/bin/demo\nhost\n")
whole = image(layers)
cases = {
    "good-gzip": image([gzip.compress(l, mtime=0) for l in layers], types=LAYER + "+gzip"),
    "good-dot": image(layers, members=lambda m: [("./" + n, c) for n, c in m]),
    "empty": b"",
    "no tar": b"x" * 4096,
    "a .deb": open(sys.argv[1], "rb").read(),
    "cut short": whole[:len(whole) // 2],
    "an empty tar": tar([]),
    "no index": image(layers, members=lambda m: m[:-1]),
    "two indexes": image(layers, members=lambda m: m + m[-1:]),
    "an index that is a link": image(layers, members=lambda m: m[:-1] + [("index.json", entry(type=tarfile.SYMTYPE, linkname="/etc/passwd"))]),
    "an index that is no JSON": image(layers, index=lambda i: b"{"),
    "an index with a NUL": image(layers, index=lambda i: json.dumps(i).encode() + b"\0"),
    "an index that is an array": image(layers, index=lambda i: [i]),
    "an index of two images": image(layers, index=lambda i: {"manifests": i["manifests"] * 2}),
    "an index of none": image(layers, index=lambda i: {"manifests": []}),
    "an index that is deep": image(layers, index=lambda i: b"[" * 100000 + b"]" * 100000),
    "an index that is large": image(layers, index=lambda i: json.dumps(i).encode() + b" " * (5 << 20)),
    "an index of an index": image(layers, index=lambda i: {"manifests": [dict(i["manifests"][0], mediaType="application/vnd.oci.image.index.v1+json")]}),
    "a digest with a path": image(layers, index=lambda i: {"manifests": [dict(i["manifests"][0], digest="sha256:../../index.json")]}),
    "a digest of another kind": image(layers, index=lambda i: {"manifests": [dict(i["manifests"][0], digest="sha512:" + "0" * 128)]}),
    "a manifest that is missing": image(layers, index=lambda i: {"manifests": [dict(i["manifests"][0], digest="sha256:" + "0" * 64)]}),
    "a manifest without layers": image(layers, manifest=lambda m: dict(m, layers=[])),
    "layers that are a number": image(layers, manifest=lambda m: dict(m, layers=7)),
    "3000 layers": image(layers, manifest=lambda m: dict(m, layers=m["layers"] * 1000)),
    "a layer that is missing": image(layers, manifest=lambda m: dict(m, layers=m["layers"] + [dict(m["layers"][0], digest="sha256:" + "1" * 64)])),
    "a layer of another type": image(layers, types="application/octet-stream"),
    "a layer that is no tar": image([none, b"x" * 4096]),
    "a layer with a flipped bit": image([layers[0], flip(layers[1], 1700)] + layers[2:], blob=lambda l: sha(layers[1]) if l == flip(layers[1], 1700) else sha(l)),
    "a layer with a flipped last bit": image([layers[0], flip(layers[1], len(layers[1]) - 1)] + layers[2:], blob=lambda l: sha(layers[1]) if l == flip(layers[1], len(layers[1]) - 1) else sha(l)),
    "a damaged gzip": image([none, flip(gzip.compress(version(), mtime=0), 40)], types=LAYER + "+gzip"),
    "no pins": image(layers[1:]),
    "pins twice": image([layers[0], layers[0]]),
    "company for the pins": image([tar([(".pinlib/pins.conf", pins), ("usr/lib/x", b"x")])]),
    "pins that are no text": image([pinned(b"\0\1\2")] + layers[1:]),
    "pins that are wrong": image([pinned(b"app demo\n")] + layers[1:]),
    "pins that are large": image([pinned(b"#" * (2 << 20))]),
    "pins that add": image([pinned(b"app /usr/bin/demo\npin libdemo1=1\nadd /etc/passwd\n")] + layers[1:]),
    "pins that take away": image([pinned(b"app /usr/bin/demo\nabsent\n")]),
    "pins of a version that is not there": image([layers[0]]),
    "pins of the wrapper": image([pinned(b"app /usr/local/lib/pinlib/pinlib-wrapper\nhost\n")]),
    "pins of a setuid program": image([pinned(b"app /usr/bin/passwd\nhost\n")]),
    "pins of a user's program": image([pinned(b"app /tmp/program\nhost\n")]),
    "a version without a name": image([none, version(control=b"Version: 1\nArchitecture: all\n")]),
    "a version with two names": image([none, version(control=b"Package: a\nPackage: b\nVersion: 1\nArchitecture: all\n")]),
    "a version whose name is a path": image([none, version(control=b"Package: ../x\nVersion: 1\nArchitecture: all\n")]),
    "a version without files": image([none, tar([(".pinlib/version", b"Package: a\nVersion: 1\nArchitecture: all\n")])]),
    "more of pinlib's": image([none, version((".pinlib/more", b"x"))]),
    "a setuid file": image([none, version(("usr/lib/s", entry(mode=0o4755, size=1)))]),
    "a device": image([none, version(("usr/lib/d", entry(type=tarfile.CHRTYPE, devmajor=1, devminor=3)))]),
    "a whiteout": image([none, version(("usr/lib/w", entry(type=tarfile.CHRTYPE)))]),
    "a FIFO": image([none, version(("usr/lib/f", entry(type=tarfile.FIFOTYPE)))]),
    "a path that leads out": image([none, version(("usr/../../x", b"x"))]),
    "a link that leads out": image([none, version(("usr/lib/l", entry(type=tarfile.SYMTYPE, linkname="../../../../x")))]),
    "a hard link to nothing": image([none, version(("usr/lib/h", entry(type=tarfile.LNKTYPE, linkname="etc/passwd")))]),
    "a file that occurs twice": image([none, version(("usr/lib/x", b"y"))]),
    "a name with a newline": image([none, version(("usr/lib/x\ny", b"y"))]),
}
for name, data in cases.items():
    open(name + ".oci", "wb").write(data)
END
mkdir hostile
cp pins.tar hostile
cp /usr/bin/true /tmp/program && chmod 777 /tmp/program
(cd hostile && python3 ../image.py "$fixtures"/deb/libdemo1_1.0-1_*.deb) || not_ok setup "cannot make images"

for file in hostile/good-*.oci; do
	another_machine
	runs "import ${file##*/}" pinlib import "$file"
	is "... the pins are in force" "$(demo; demo2)" "1.0 /usr/bin/demo
1.1 /usr/bin/demo2"
done

another_machine
pinlib add "$fixtures"/deb/libdemo1_1.10-1_*.deb >/dev/null
pinlib set demo libdemo1=1.10 >/dev/null || not_ok setup "cannot set"
before=$(pinlib show; demo)
count=0
for file in hostile/*.oci; do
	case $file in hostile/good-*) continue ;; esac
	name=$(basename "$file" .oci)
	pinlib gc --keep 1 >/dev/null # a version that was whole may have come in before one that was not
	status=0
	said=$(timeout 60 pinlib import "$file" 2>&1) || status=$?
	if [ $status != 1 ]; then
		not_ok "refused: $name" "exit $status: $said"
	elif [ "$(pinlib show; demo)" != "$before" ]; then
		not_ok "refused: $name" "it changed what is pinned"
	elif [ -n "$(find $state/store \( -type f -perm /7022 -o ! -user root \) ; ls -A $state/store/tmp)" ]; then
		not_ok "refused: $name" "it left something in the store"
	elif [[ $said == *"signal"* || $said == *"invalid frame"* || $said == *"silent"* ]]; then
		not_ok "refused: $name" "the parser broke: $said"
	else
		ok "refused: $name"
	fi
	count=$((count + 1))
done
[ $count -gt 50 ] || not_ok "hostile images" "there are $count"
refuses "a directory" 1 "is not a file" pinlib import /tmp
mkfifo fifo
refuses "a FIFO" 1 "is not a file" timeout 20 pinlib import fifo
runs "all is well after that" verify

# Through a registry, by skopeo.
registry() {
	cat >registry.yml <<-'END'
		version: 0.1
		storage: {filesystem: {rootdirectory: /tmp/registry}}
		http: {addr: 127.0.0.1:5417}
	END
	docker-registry serve registry.yml >registry.log 2>&1 &
	echo $! >registry.pid
	for _ in $(seq 100); do
		(exec 3<>/dev/tcp/127.0.0.1/5417) 2>/dev/null && return
		sleep 0.1
	done
	return 1
}
if ! command -v skopeo >/dev/null || ! command -v docker-registry >/dev/null; then
	why=$(apt-get update 2>&1 && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y \
		--no-install-recommends skopeo docker-registry 2>&1) || :
fi
if ! command -v skopeo >/dev/null || ! command -v docker-registry >/dev/null; then
	skip "skopeo and a registry" "apt cannot install them: $(grep -m 1 '^[EW]:' <<<"$why")"
	finish
fi
runs "a registry on loopback" registry
runs "skopeo reads the image" skopeo --insecure-policy inspect oci-archive:pins.tar
runs "skopeo copies it to the registry" skopeo --insecure-policy copy --dest-tls-verify=false \
	oci-archive:pins.tar docker://127.0.0.1:5417/pins:1
runs "... and back" skopeo --insecure-policy copy --src-tls-verify=false \
	docker://127.0.0.1:5417/pins:1 oci-archive:back.tar
runs "... to a directory, and from that to an archive" bash -c \
	'skopeo --insecure-policy copy oci-archive:back.tar oci:layout:1 && skopeo --insecure-policy copy oci:layout:1 oci-archive:again2.tar'
for file in back.tar again2.tar; do
	another_machine
	runs "import of $file" pinlib import $file
	is "... the pins are in force" "$(demo; demo2)" "1.0 /usr/bin/demo
1.1 /usr/bin/demo2"
	is "... the store is as it was" "$(pinlib libs | diff - libs)" ""
done

# README.md's fleet: its lines, with this registry.
. "$src/tests/helpers/examples.sh"
export REGISTRY=127.0.0.1:5417
mkdir -p /etc/containers
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' $REGISTRY >/etc/containers/registries.conf
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
rm -f pins.tar
pinlib set curl dpkg:zlib1g >/dev/null || not_ok setup "cannot set curl"
example README.md "pinlib export curl"
another_machine
rm -f pins.tar
example README.md "pinlib import pins.tar"
is "... curl has its pin" "$(pinlib show curl | grep -c 'pin  *zlib1g')" 1
is "... and apply prints if it changed" "$(pinlib apply --json | grep -o '"changed": [a-z]*')" '"changed": false'
kill "$(cat registry.pid)"

# A package out of an image, in each form that skopeo writes. The database is real: dpkg makes it.
another_machine
mkdir -p root/var/lib/dpkg
: >root/var/lib/dpkg/status
runs "dpkg installs into a root" dpkg --root=root --force-depends --force-script-chrootless -i "$fixtures"/deb/libdemo1_1.0-1_*.deb
runs "an image of this root" python3 /mnt/src/tests/helpers/foreign oci made root tag=1 arch="$(dpkg --print-architecture)"
runs "skopeo copies it to a layout" skopeo --insecure-policy copy oci:made:1 oci:copied:2
runs "... with zstd" skopeo --insecure-policy copy --dest-compress-format zstd --dest-compress oci:made:1 oci:zstd:3
runs "... to docker's archive" skopeo --insecure-policy copy oci:made:1 docker-archive:copied.tar:demo:1
for source in oci:copied oci:copied:2 oci:zstd docker-archive:copied.tar docker-archive:copied.tar:demo:1; do
	another_machine
	runs "set $source#libdemo1" pinlib set demo "$source#libdemo1"
	is "... in force" "$(demo)" "1.0 /usr/bin/demo"
	is "... all files of the package" "$(pinlib libs | awk '{ print $1, $2 }')" "libdemo1 1.0-1"
done
finish
