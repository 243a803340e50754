"""userns.py MAP COMMAND...: runs a command as root of a user namespace with MAP as its uid_map and gid_map."""
import ctypes, os, sys
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    if ctypes.CDLL(None).unshare(0x10000000) != 0:
        sys.exit("no user namespace")
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.setgroups([]), os.setgid(0), os.setuid(0)
    os.execvp(sys.argv[2], sys.argv[2:])
os.read(ready[0], 1)
for name in "uid_map", "gid_map":
    open(f"/proc/{child}/{name}", "w").write(sys.argv[1] + "\n")
os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
