#!/bin/bash
# Completion in the shells themselves, on a terminal: the typed words, a tab, and the resulting command line.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

pinlib add "$fixtures"/deb/libdemo1_*.deb >/dev/null || not_ok setup "cannot add"
pinlib set demo libdemo1=1.0 >/dev/null || not_ok setup "cannot set"
mkdir -p dir && touch dir/one.deb

# type.py SHELL TEXT COMPLETIONS: starts SHELL on a terminal, types TEXT and a tab, goes to the line's
# beginning, puts "echo" there, and prints the output.
cat >type.py <<'END'
import os, pty, re, select, sys, time

COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
src = sys.argv[3]
SETUP = {
    "bash": f"source {src}/pinlib.bash; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'",
    "zsh": f"fpath=({src} $fpath); autoload -Uz compinit; compinit -u -D; bindkey -e; unsetopt zle_bracketed_paste",
    "fish": f"source {src}/pinlib.fish",
}


def until(fd, what, seconds=20):
    """Reads up to the text and half a second without more."""
    seen, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], 0.5)
        if not ready:
            if what in seen:
                break
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if b"\x1b[c" in data:  # fish asks what terminal this is
            os.write(fd, b"\x1b[?62c")
        if b"\x1b[6n" in data:
            os.write(fd, b"\x1b[1;1R")
        seen += data
    return seen


shell, text = sys.argv[1:3]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", PS1="$ ", HOME="/tmp", COLUMNS="400", LINES="50")
    os.execvp(COMMANDS[shell][0], COMMANDS[shell])
import fcntl, struct, termios
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
time.sleep(0.5)
os.write(fd, SETUP[shell].encode() + b"; echo rea''dy\r")
until(fd, b"ready")
os.write(fd, text.encode() + b"\t")
until(fd, b"", 3)
os.write(fd, b"\x01echo 'get''s:' \r")
out = until(fd, b"gets:")
os.write(fd, b"\x03exit\r")
said = re.sub(rb"\x1b\[[0-9;?>=]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07", b"", out).decode(errors="replace")
lines = re.findall(r"gets: ([^\r\n]*)", said)
print(lines[-1].rstrip() if lines else "nothing: " + repr(said[-300:]))
END

# What bash puts in for an epoch, where ":" breaks words.
mkdir -p tree/usr/lib && cp "$libs"/libc.so.6 tree/usr/lib/
pinlib add --name epoch --version 1:2.5-1 tree >/dev/null || not_ok setup "cannot add the tree"

# What is typed, and what stands there after the tab.
cases=(
	"pinlib uns" "pinlib unset"
	"pinlib rollb" "pinlib rollback"
	"pinlib unset d" "pinlib unset demo"
	"pinlib unset /usr/bin/d" "pinlib unset /usr/bin/demo"
	"pinlib unset demo lib" "pinlib unset demo libdemo1"
	"pinlib set demo libdemo1" "pinlib set demo libdemo1="
	"pinlib set demo libdemo1=2" "pinlib set demo libdemo1=2.0-1"
	"pinlib set --on" "pinlib set --on-failure="
	"pinlib set --on-failure=u" "pinlib set --on-failure=unpinned"
	"pinlib set --confine=legacy-" "pinlib set --confine=legacy-nesting"
	"pinlib add dir/o" "pinlib add dir/one.deb"
	"pinlib exec --host -- dpkg-query" "pinlib exec --host -- dpkg-query"
	"pinlib try demo libdemo.so.1=./dir/o" "pinlib try demo libdemo.so.1=./dir/one.deb"
	"X=1 pinlib uns" "X=1 pinlib unset"
	"pinlib nonsense x" "pinlib nonsense x"
	"pinlib set demo epoch=1:2" "pinlib set demo epoch=1:2.5-1"
)

# type_all SHELL: types each case.
type_all() {
	local i
	for ((i = 0; i < ${#cases[@]}; i += 2)); do
		timeout 60 python3 type.py "$1" "${cases[i]}" "$src/completions" >"said.$1.$i"
	done
}

shells="bash zsh fish"
for shell in $shells; do # at once: most of the time they wait
	type_all $shell &
done
wait
for shell in $shells; do
	if ! command -v $shell >/dev/null; then
		not_ok "$shell" "it is not installed: debian/control's Build-Depends name it"
		continue
	fi
	for ((i = 0; i < ${#cases[@]}; i += 2)); do
		is "$shell: ${cases[i]}" "$(cat "said.$shell.$i")" "${cases[i + 1]}"
	done
done
finish
