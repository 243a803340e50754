#!/bin/bash
# Every call of a change that can fail does: see tests/helpers/death.
exec /usr/bin/python3 "$(dirname "$0")/../helpers/death" fault "$@"
