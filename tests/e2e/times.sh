#!/bin/bash
# Times of files, as interpreters compare them: guile with its compiled files, python with its __pycache__. Real packages
# from the machine's own mirror; cases whose packages are not available are skipped with the reason.
. "$(dirname "$0")/../lib.sh"
mkdir -p /tmp/times/debs && chmod 1777 /tmp/times && cd /tmp/times || exit 1
user() { as 1000 "$@" 2>&1; }

# install PACKAGE...: downloads and installs packages of this Debian. Fails with a reason in $why.
install() {
	rm -f debs/*
	suite_conf "$codename" || {
		why=$suite_why
		return 1
	}
	(cd debs && apt-get -q download "$@" >../log 2>&1) && unset APT_CONFIG && dpkg -i debs/*.deb >log 2>&1 && return
	unset APT_CONFIG
	why=$(tail -n 1 log)
	return 1
}

# Without the sources' times guile compiles them all: three minutes, at each start of a user who has no ~/.cache.
guile_case() {
	local guile program='(use-modules (srfi srfi-1) (ice-9 match)) (display (fold + 0 (list 1 2 3)))'
	guile=$(readlink -f /usr/bin/guile)
	is "guile finds its compiled files up to date" "$(user guile -c "$program")" 6
	runs "freeze guile" pinlib freeze --force "$guile"
	is "... with the package of its modules" "$(pinlib show "$guile" | grep -c guile-3.0-libs)" 1
	is "... it compiles nothing" "$(user timeout 20 guile -c "$program")" 6
	is "... from a file of the version, with its time" "$(user pinlib exec --in "$guile" -- stat -c '%Y' "$(dpkg -L guile-3.0-libs | grep ice-9/eval.scm)")" \
		"$(dpkg-deb --fsys-tarfile debs/guile-3.0-libs_*.deb | tar -tv --full-time -f - --wildcards '*/ice-9/eval.scm' | awk '{ print $4, $5 }' | xargs -d '\n' date +%s -d)"
	touch "$(dpkg -L guile-3.0-libs | grep ice-9/eval.scm)"
	is "... whatever happens to the live one" "$(user timeout 20 guile -c "$program")" 6
}

if install guile-3.0 guile-3.0-libs libgc1; then
	guile_case
else
	skip "guile" "$why"
fi

# The live __pycache__ belongs to no package: it shows through the view, and stores the time of its source.
python_case() {
	local six=/usr/lib/python3/dist-packages/six.py used
	used=$(user /usr/bin/python3 -v -c 'import six' | grep 'six.*matches')
	is "python uses six's __pycache__" "$used" "# */__pycache__/six.*.pyc matches $six"
	runs "add dpkg:python3-six" pinlib add dpkg:python3-six
	runs "set python3 python3-six" pinlib set python3 python3-six="$(dpkg-query -W -f '${Version}' python3-six)"
	echo '# changed' >>$six
	is "... it still does in the view" "$(user python3 -v -c 'import six' | grep 'six.*matches')" "$used"
	is "... where the live one is out of date" "$(user "$(dirname "$(readlink -f /usr/bin/python3)")"/.pinlib/python3.* -v -c 'import six' | grep -o 'is stale for .six')" "is stale for 'six"
	runs "unset python3" pinlib unset python3
}

if install python3-six; then
	python_case
else
	skip "python3-six" "$why"
fi
runs "after all this everything is well" verify
finish
