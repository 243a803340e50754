#!/bin/bash
# The examples of the manual and of README.md, word for word. Not here: PHP 7.4 (tests/trial/brought.sh), DEBUGGING (debug.sh), the
# registry (oci.sh).
. "$(dirname "$0")/../lib.sh"
. "$src/tests/helpers/examples.sh"
mkdir -p /tmp/work && cd /tmp/work && chmod 777 . || exit 1
export DEBIAN_FRONTEND=noninteractive

# afresh: nothing is pinned.
afresh() {
	pinlib unset --all >/dev/null
	rm -rf /var/lib/pinlib/*
}

# A repository with an upgrade of each PACKAGE, made of the installed files, is all that apt knows.
upgrades() {
	local package file
	rm -rf /opt/repo && mkdir -p /opt/repo
	for package; do
		dpkg-query -L "$package" | while read -r file; do
			file=$(dpkg-divert --truename "$file")
			[ -d "$file" ] && [ ! -L "$file" ] || echo "${file#/}"
		done | tar -C / -cf - -T - | { mkdir -p "/opt/$package/DEBIAN" && tar -C "/opt/$package" -xf -; }
		dpkg-query -s "$package" | sed -E '/^(Status|Conffiles|Config-Version):/d; /^ \/etc/d; s/^(Version: .*)/\1+upgraded/' >"/opt/$package/DEBIAN/control"
		dpkg-deb --root-owner-group -Znone -b "/opt/$package" "/opt/repo/$package.deb" >/dev/null
		rm -r "/opt/$package"
	done
	(cd /opt/repo && dpkg-scanpackages -m . >Packages 2>/dev/null) && apt-get -q update
}

# With the archive.
if suite_conf bullseye && (apt-get -q download zlib1g=1:1.2.11.dfsg-2+deb11u2 && mv zlib1g_*.deb zlib1g_1.2.11.dfsg-2+deb11u2_amd64.deb) >out 2>&1; then
	unset APT_CONFIG
	chmod a+r ./*.deb
	example man/pinlib.1 "pinlib add zlib1g_1.2.11"
	is "... curl has it" "$(as 1000 curl --version | grep -o 'zlib/[^ ]*')" "zlib/1.2.11"
else
	skip "man/pinlib.1: pinlib add zlib1g_1.2.11.dfsg-2+deb11u2_amd64.deb" "${suite_why:-$(tail -n 1 out)}"
fi
unset APT_CONFIG
afresh

mv /etc/apt/sources.list.d /opt/sources && mv /etc/apt/sources.list /opt/ 2>/dev/null
mkdir /etc/apt/sources.list.d && echo "deb [trusted=yes] file:/opt/repo ./" >/etc/apt/sources.list
printf '%s\n' 'APT::Get::Assume-Yes "true";' 'APT::Sandbox::User "root";' 'Acquire::Languages "none";' >/etc/apt/apt.conf.d/99manual

gcrypt=$(dpkg-query -W -f '${Package}:${Architecture}' "libgcrypt20:$(dpkg --print-architecture)")
runs "an upgrade of libgcrypt20" upgrades "${gcrypt%:*}"

# Keep what is installed now.
if [[ $(dpkg-query -W -f '${Version}' "$gcrypt") = 1.10.1* ]]; then
	example man/pinlib.1 "pinlib add dpkg:libgcrypt20"
	is "... gpg has the library of before" "$(pinlib show gpg | grep -o 'libgcrypt20.*1.10.1[^ ]*')" "*1.10.1-3"
else
	skip "man/pinlib.1: pinlib set gpg libgcrypt20=1.10.1" "this machine has libgcrypt20 $(dpkg-query -W -f '${Version}' "$gcrypt")"
fi

# Try a library that was just built.
afresh
mkdir -p src/.libs && cp -L "$libs/libgcrypt.so.20" src/.libs/ && chmod -R a+rX src
example man/pinlib.1 "pinlib try gpg"

# Keep curl as it is. The address is this machine's.
afresh
serves() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=www.debian.org \
		-addext subjectAltName=DNS:www.debian.org && cat cert.pem >>/etc/ssl/certs/ca-certificates.crt &&
		echo 127.0.0.93 www.debian.org >>/etc/hosts || return 1
	/usr/bin/python3 -c 'import http.server, ssl
server = http.server.ThreadingHTTPServer(("127.0.0.93", 443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()' >server.log 2>&1 &
	echo $! >server.pid
	for _ in $(seq 100); do
		curl -sI https://www.debian.org >/dev/null && return
		sleep 0.1
	done
	cat server.log
	return 1
}
runs "a server for https://www.debian.org" serves
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
upgrades curl >/dev/null
example man/pinlib.1 "pinlib freeze curl --observe"
afresh
upgrades curl >/dev/null
example README.md "pinlib freeze curl"
is "... after which curl is the upgraded one" "$(pinlib show) $(dpkg-query -W -f '${Version}' curl)" "*+upgraded"
kill "$(cat server.pid)"

# The duty that comes with an old library.
afresh
pinlib add dpkg:zlib1g >/dev/null && pinlib set curl zlib1g=1 >/dev/null
mkdir -p /var/lib/pinlib/advisories && cat >/var/lib/pinlib/advisories/one.json <<'END'
{"id": "CVE-2000-0001", "modified": "2026-11-30T00:00:00Z", "affected": [{"package": {"ecosystem": "Debian", "name": "bash"},
 "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}
END
example README.md "pinlib outdated"
is "... curl has its reason and date" "$(pinlib show curl | tr -s ' \n' ' ')" "*reason: downloads break with zlib 1.3 until: 20*"
is "... and the bill names the library" "$(grep -c '"name": "zlib1g"' pins.cdx.json)" "[1-9]*"
afresh

# Look, and free space.
example man/pinlib.1 "pinlib trace --packages"
example man/pinlib.1 "pinlib gc --dry-run"

# Descriptions and settings.
mkdir -p /etc/pinlib/pins.d "/opt/Acme Suite/bin" && cp /usr/bin/demo /usr/local/bin/till && cp /usr/bin/demo "/opt/Acme Suite/bin/acme"
block man/pinlib.conf.5 "confine legacy" >example.conf
is "man/pinlib.conf.5: the descriptions" "$(pinlib apply --dry-run --file example.conf 2>&1)" "*/usr/bin/curl*/usr/local/bin/till*/opt/Acme Suite/bin/acme*"
block man/pinlib.conf.5 "keep-size" >/etc/pinlib/pinlib.conf
is "man/pinlib.conf.5: the settings" "$(pinlib keep status 2>&1 | tr -s ' \n' ' ')" "*every library package*30 days*2.0 GiB*"
block README.md "app /usr/bin/curl" >/etc/pinlib/pins.d/curl.conf
is "README.md: the pins" "$(pinlib apply --dry-run 2>&1)" "*/usr/bin/curl*wrapped*"

finish
