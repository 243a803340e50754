#!/bin/bash
# Makes every call of a change that can fail do so: see tests/helpers/death.
exec /usr/bin/python3 "$(dirname "$0")/../helpers/death" fault "$@"
