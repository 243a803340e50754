#!/bin/bash
# Bills of materials before validators that others wrote, from Debian 13: the JSON schema of CycloneDX 1.6 in
# python3-cyclonedx-lib, checked by jv; SPDX's own library for Go; the parsers of package URLs and of licence expressions.
. "$(dirname "$0")/../lib.sh"
tools=/opt/validators modules=$tools/usr/lib/python3/dist-packages go=$tools/usr/share/gocode
cd /tmp || exit 1

fetch() {
	local packages=(jsonschema-jv python3-cyclonedx-lib python3-packageurl python3-license-expression python3-boolean
		golang-1.24-go golang-1.24-src golang-github-spdx-tools-golang-dev golang-github-spdx-gordf-dev
		golang-github-anchore-go-struct-converter-dev golang-k8s-sigs-yaml-dev golang-github-google-go-cmp-dev)
	local deb
	suite_conf trixie || return 1
	mkdir -p debs $tools
	suite_why=$(cd debs && timeout 300 apt-get -q download "${packages[@]}" 2>&1) || return 1
	for deb in debs/*.deb; do
		dpkg-deb -x "$deb" $tools || return 1
	done
}

# The schema names others by addresses: without its own one they are files beside it.
cyclonedx_valid() {
	$tools/usr/bin/jv -output detailed -assertformat "$tools/bom-1.6.SNAPSHOT.schema.json" "$1"
}

spdx_valid() {
	$tools/spdx "$1"
}

# Reads a document, looks for each element that a relation names, writes it as tag-value and reads that.
build_spdx() {
	mkdir -p "$go/src/spdx"
	cat >"$go/src/spdx/main.go" <<-'GO'
		package main

		import (
			"bytes"
			"fmt"
			"os"

			"github.com/spdx/tools-golang/json"
			"github.com/spdx/tools-golang/spdx"
			"github.com/spdx/tools-golang/spdxlib"
			"github.com/spdx/tools-golang/tagvalue"
		)

		func count(d *spdx.Document) {
			files := len(d.Files)
			for _, p := range d.Packages {
				files += len(p.Files)
			}
			fmt.Println(d.SPDXVersion, len(d.Packages), files, len(d.Relationships))
		}

		func check(name string) error {
			var text bytes.Buffer
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			d, err := json.Read(f)
			if err == nil {
				err = spdxlib.ValidateDocument(d)
			}
			if err != nil {
				return err
			}
			count(d)
			if err = tagvalue.Write(d, &text); err != nil {
				return err
			}
			if d, err = tagvalue.Read(&text); err == nil {
				count(d)
			}
			return err
		}

		func main() {
			if err := check(os.Args[1]); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
	GO
	(cd "$go/src/spdx" && env GOROOT=$tools/usr/lib/go-1.24 GOPATH=$go GO111MODULE=off CGO_ENABLED=0 GOCACHE=/tmp/go GOFLAGS= \
		GOTOOLCHAIN=local $tools/usr/lib/go-1.24/bin/go build -o $tools/spdx .)
}

# parsed PROGRAM FILE: Python code, with the document as d, and its components as components.
parsed() {
	PYTHONPATH=$modules /usr/bin/python3 -c "import json, sys
d = json.load(open(sys.argv[1]))
components = d.get('components', [])
$1" "$2"
}

fetch || {
	skip "validators of bills of materials" "$suite_why"
	finish
}
for schema in bom-1.6 spdx jsf-0.82; do
	sed '/"\$id": "http/d' "$modules/cyclonedx/schema/_res/$schema.SNAPSHOT.schema.json" >"$tools/$schema.SNAPSHOT.schema.json"
done
runs "SPDX's library is compiled" build_spdx

# A package of Debian 13 that apt verified, one whose copyright file has each name that pinlib translates, and a real program
# with its libraries.
runs "a package that apt verified" pinlib add apt:publicsuffix
unset APT_CONFIG
mkdir -p names/DEBIAN names/usr/share/{doc,names}
mkdir names/usr/share/doc/names
echo >names/usr/share/names/one
printf 'Package: names\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: t\n' >names/DEBIAN/control
sed -n 's/^\t{"\(.*\)", "\(.*\)"},$/\1 \2/p' "$src/sbom/licence.c" >table
{
	echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
	grep -viE -- '-exception|-note' table | while read -r name _; do printf '\nFiles: *\nLicense: %s\n' "$name"; done
} >names/usr/share/doc/names/copyright
cp -r names expressions
sed -i 's/names/expressions/' expressions/DEBIAN/control
mv expressions/usr/share/doc/{names,expressions}
{
	cat names/usr/share/doc/names/copyright
	grep -iE -- '-exception|-note' table | while read -r name _; do printf '\nFiles: *\nLicense: GPL-2+ with %s exception\n' "$name"; done
} >expressions/usr/share/doc/expressions/copyright
for package in names expressions; do
	dpkg-deb -b $package $package.deb >/dev/null
	pinlib add ./$package.deb >/dev/null
done
pinlib add "$fixtures"/deb/libdemo1_1.0-1_*.deb >/dev/null
runs "these are pinned" pinlib set demo libdemo1=1.0 names=1 expressions=1 "publicsuffix=$(pinlib libs publicsuffix | awk '{ print $2 }')"
runs "xmllint is frozen" pinlib freeze xmllint

runs "a bill as CycloneDX" pinlib sbom -o c.json
runs "... is valid by the schema of CycloneDX 1.6" cyclonedx_valid c.json
pinlib sbom demo >demo.json
runs "... that of one program, too" cyclonedx_valid demo.json
runs "a bill as SPDX" pinlib sbom --format spdx -o s.json
is "... is read by SPDX's library, as JSON and tag-value" "$(spdx_valid s.json | uniq)" \
	"SPDX-2.3 $(grep -c '"primaryPackagePurpose"' s.json) $(grep -c '"fileName"' s.json) $(grep -c '"relationshipType"' s.json)"

# The validators find faults.
sed 's/"type": "file"/"type": "fyle"/' c.json >bad.json
refuses "a component of an unknown type is invalid" 1 "value must be one of" cyclonedx_valid bad.json
sed '0,/"id": "GPL-2.0-or-later"/s//"id": "GPL-2+"/' c.json >bad.json
refuses "a licence that SPDX does not list is invalid" 1 "value must be one of" cyclonedx_valid bad.json
sed '0,/"serialNumber": "urn:uuid:./s//"serialNumber": "urn:uuid:g/' c.json >bad.json
refuses "a serial number that is no UUID is invalid" 1 "serialNumber" cyclonedx_valid bad.json
sed 's/"relatedSpdxElement": "SPDXRef-file-/&0/' s.json >bad.json
refuses "a relation to nothing is invalid" 1 "no such package exists" spdx_valid bad.json
sed 's/"SPDXID": "SPDXRef-file-/"SPDXID": "file-/' s.json >bad.json
refuses "an element's id without its prefix is invalid" 1 "failed to parse SPDX identifier" spdx_valid bad.json
head -c 1000 s.json >bad.json
refuses "half a document is invalid" 1 "" spdx_valid bad.json

is "package URLs are parsed, and written alike" "$(parsed '
from packageurl import PackageURL
urls = [c["purl"] for c in components if "purl" in c]
print(len(urls) > 2, [u for u in urls if PackageURL.from_string(u).to_string() != u])' c.json)" "True []"
is "licences are SPDX expressions" "$(parsed '
from license_expression import get_spdx_licensing
texts = [p["licenseDeclared"] for p in d["packages"] if p["licenseDeclared"] != "NOASSERTION"]
own = sorted((l["licenseId"] for l in d["hasExtractedLicensingInfos"]), key=len, reverse=True)
def faults(text):
    for name in own: text = text.replace(name, "MIT")
    return get_spdx_licensing().validate(text).errors
print(len(texts) > 2, [f for t in texts for f in faults(t)])' s.json)" "True []"
is "each name of the table is a licence of SPDX" "$(parsed '
print(*sorted({l["license"]["id"] for c in components if c["name"] == "names" for l in c["licenses"]}))' c.json)" \
	"$(grep -viE -- '-exception|-note' table | awk '{ print $2 }' | LC_ALL=C sort -u | xargs)"
is "each exception, too" "$(parsed '
e = [c for c in components if c["name"] == "expressions"][0]["licenses"][0]["expression"]
print(*sorted({w.split(" WITH ")[1] for w in e.split(" AND ") if " WITH " in w}))' c.json)" \
	"$(grep -iE -- '-exception|-note' table | awk '{ print $2 }' | LC_ALL=C sort -u | xargs)"
is "apt's confidence, and the signed Release file" "$(parsed '
c = [c for c in components if c["name"] == "publicsuffix"][0]
p = {p["name"]: p["value"] for p in c["properties"]}
print(p["pinlib:confidence"], p["pinlib:codename"], p["pinlib:release-file"][:7], c["supplier"]["name"], c["purl"].split("?")[1])' c.json)" \
	"verified by apt trixie sha256: Debian arch=all&distro=debian-13"
is "... and the package's own SHA-256" "$(parsed '
print([c["hashes"][0]["content"] for c in components if c["name"] == "publicsuffix"][0])' c.json)" \
	"$(suite_conf trixie && apt-cache show publicsuffix | sed -n 's/^SHA256: //p')"

finish
