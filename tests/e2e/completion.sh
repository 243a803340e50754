#!/bin/bash
# Completion in the shells as Debian starts them for a user, on a terminal: the typed words, a tab, and the resulting command
# line. Nothing tells a shell where pinlib's completion is: each must find it, below /usr/local and where the package has it.
. "$(dirname "$0")/../lib.sh"
cd /tmp || exit 1

for tool in bash-completion fish zsh; do
	dpkg-query -Wf '${db:Status-Abbrev}' $tool 2>/dev/null | grep -q ^ii ||
		not_ok "$tool" "it is not installed: debian/control's Build-Depends name it"
done
pinlib add "$fixtures"/deb/libdemo1_*.deb >/dev/null || not_ok setup "cannot add"
pinlib set demo libdemo1=1.0 >/dev/null || not_ok setup "cannot set"
# What bash puts in for an epoch, where ":" breaks words.
mkdir -p tree/usr/lib && cp "$libs"/libc.so.6 tree/usr/lib/
pinlib add --name epoch --version 1:2.5-1 tree >/dev/null || not_ok setup "cannot add the tree"

# The files of a new user: zsh's are those that zsh-newuser-install recommends, fish has none.
for shell in bash zsh fish; do
	mkdir -p $shell/dir/sub $shell/one && touch $shell/dir/one.deb $shell/one/alone.deb
	cp /etc/skel/.bashrc $shell/.bashrc
	cp /etc/zsh/newuser.zshrc.recommended $shell/.zshrc
	chown -R 1000:1000 $shell
done

# type.py SHELL CASES: starts SHELL on a terminal, and for each line of CASES types the text and a tab, goes to the line's
# beginning, types "echo" there, and prints a line with what the shell echoes. Behind " +" it types another tab, and prints
# all that appears on the terminal. Keys are typed ahead: a shell reads them when it is done with the tab.
cat >type.py <<'END'
import fcntl, os, pty, re, select, struct, sys, termios, time

COMMANDS = {"bash": ["bash", "-i"], "zsh": ["zsh", "-i"], "fish": ["fish", "-i"]}
ESCAPES = rb"\x1b\[[0-9;?>=<]*[a-zA-Z]|\x1b[=>]|\x1b[()]B|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\"


def plain(data):
    return re.sub(ESCAPES, b"", data).decode(errors="replace")


def until(fd, pattern, seconds=30):
    """Reads up to a match of the pattern, and returns the match, or what there was instead."""
    seen, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.5)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if re.search(rb"\x1b\[0?c", data):  # fish asks what terminal this is
            os.write(fd, b"\x1b[?62c")
        if b"\x1b[6n" in data:
            os.write(fd, b"\x1b[1;1R")
        seen += data
        found = re.search(pattern, plain(seen), re.S)
        if found:
            return found
    return "nothing: " + repr(plain(seen)[-300:])


shell, cases = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.chdir(shell)
    os.setgroups([]), os.setgid(1000), os.setuid(1000)
    os.execvpe(COMMANDS[shell][0], COMMANDS[shell],
               {"TERM": "xterm", "HOME": os.getcwd(), "LANG": "C.UTF-8", "PATH": os.environ["PATH"]})
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
os.write(fd, b"echo rea''dy\r")
until(fd, r"ready\r?\n")
for number, case in enumerate(open(cases)):
    text, everything = case.rstrip("\n"), False
    if text.endswith(" +"):
        text, everything = text[:-1], True
    os.write(fd, text.encode() + b"\t" + (b"\t" if everything and shell == "bash" else b"") +
             b"\x01echo 'get''s%d:' \r" % number)
    found = until(fd, r"(.*)gets%d: ([^\r\n]*)\r?\n" % number)
    if isinstance(found, str):
        print(found)
    else:
        print(" ".join(found[1].split()) if everything else found[2].rstrip())
os.close(fd)
END

# What is typed, and what stands there after the tab.
cases=(
	"pinlib uns" "pinlib unset"
	"pinlib rollb" "pinlib rollback"
	"pinlib unset d" "pinlib unset demo"
	"pinlib unset " "pinlib unset demo"
	"pinlib unset /usr/bin/d" "pinlib unset /usr/bin/demo"
	"pinlib unset demo lib" "pinlib unset demo libdemo1"
	"pinlib unset demo " "pinlib unset demo libdemo1"
	"pinlib set demo libdemo1" "pinlib set demo libdemo1="
	"pinlib set demo libdemo1=2" "pinlib set demo libdemo1=2.0-1"
	"pinlib set --on" "pinlib set --on-failure="
	"pinlib set --on-failure=u" "pinlib set --on-failure=unpinned"
	"pinlib set --confine=legacy-" "pinlib set --confine=legacy-nesting"
	"pinlib add dir/o" "pinlib add dir/one.deb"
	"pinlib add one/" "pinlib add one/alone.deb"
	"pinlib exec --host -- dpkg-query" "pinlib exec --host -- dpkg-query"
	"pinlib try demo libdemo.so.1=./dir/o" "pinlib try demo libdemo.so.1=./dir/one.deb"
	"X=1 pinlib uns" "X=1 pinlib unset"
	"pinlib nonsense x" "pinlib nonsense x"
	"pinlib set demo epoch=1:2" "pinlib set demo epoch=1:2.5-1"
	"pinlib set demo epoch=" "pinlib set demo epoch=1:2.5-1"
	"pinlib add apt:" "pinlib add apt:"
	"pinlib add apt:on" "pinlib add apt:on"
	"pinlib add dpkg:" "pinlib add dpkg:"
	"pinlib add dpkg:dir/" "pinlib add dpkg:dir/"
	"pinlib set demo apt:" "pinlib set demo apt:"
	"pinlib +" "*rollback*"
	"pinlib help +" "*rollback*"
	"pinlib set demo +" "*epoch=*libdemo1=*"
	"pinlib add +" "*dir/*one/*"
	"pinlib doctor +" "*wrapper*"
)
# What shows that a shell has found the completion.
few=("pinlib uns" "pinlib unset" "pinlib unset demo " "pinlib unset demo libdemo1")

# type_cases PLACE CASE WANTED...: types the cases in all shells at once.
type_cases() {
	local place=$1 shell i said
	shift
	printf '%s\n' "$@" | sed -n 'p;n' >typed
	for shell in bash zsh fish; do
		timeout 200 python3 type.py $shell typed >"said.$shell" 2>&1 &
	done
	wait
	for shell in bash zsh fish; do
		mapfile -t said <"said.$shell"
		for ((i = 0; i < $#; i += 2)); do
			is "$shell, $place: ${*:i+1:1}" "${said[i / 2]}" "${*:i+2:1}"
		done
	done
}

type_cases /usr/local "${cases[@]}"
# The package's files, at the paths that debian/rules gives them.
rm /usr/local/share/{bash-completion/completions/pinlib,zsh/site-functions/_pinlib} /etc/fish/completions/pinlib.fish
type_cases nowhere "pinlib unset demo " "pinlib unset demo"
make -s -C "$src" BUILD="$build" -o all install DESTDIR=/tmp/package PREFIX=/usr \
	"$(grep -om 1 'zshdir=[^ ]*' "$src/debian/rules")" >/dev/null || not_ok setup "make install failed"
cp -r package/usr/share/{bash-completion,zsh,fish} /usr/share/
type_cases /usr "${few[@]}"
finish
