#!/bin/bash
# Compares `pinlib deps` with the loader, for every program and library of the machine.
. tests/lib.sh

said=$(as 65534 tests/helpers/loader pinlib 2>&1) || status=$?
tail -n 1 <<<"$said"
if [[ ${said##*$'\n'} =~ ^([0-9]+)\ files,\ ([0-9]+)\ agree$ ]]; then
	files=${BASH_REMATCH[1]} agree=${BASH_REMATCH[2]}
	grep -v ' agree$' <<<"$said" | head -n 200
	is "every difference has a known cause" "${status:-0}" 0
	# Few files, or many explained differences, would prove nothing.
	if [ "$files" -ge 200 ] && [ "$agree" -ge $((files * 99 / 100)) ]; then
		ok "$files files, $agree agree"
	else
		not_ok "enough files agree" "$files files, $agree agree"
	fi
else
	not_ok "the comparison ends" "$said"
fi
finish
