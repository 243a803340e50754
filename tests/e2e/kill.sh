#!/bin/bash
# Kills each change at every instant where that makes a difference: see tests/helpers/death.
exec /usr/bin/python3 "$(dirname "$0")/../helpers/death" kill "$@"
