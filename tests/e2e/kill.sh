#!/bin/bash
# A change is killed at every instant it can be: see tests/helpers/death.
exec /usr/bin/python3 "$(dirname "$0")/../helpers/death" kill "$@"
