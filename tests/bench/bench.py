"""What the groups of tests/bench share: measuring by the runner, tables, JSON, plots."""
import json, os, resource, shutil, statistics, struct, subprocess, sys, time

OUT = os.environ["BENCH_OUT"]
LIBS = os.environ["BENCH_LIBS"]  # /usr/lib/TRIPLET: the directory that pins cover
BUILD = os.environ["BENCH_BUILD"]
ROUNDS = int(os.environ["BENCH_ROUNDS"])
LAYOUT = os.environ["BENCH_LAYOUT"]
USER = 1000
RUNNER = BUILD + "/bench/runner"

skipped = []


def run(*command, **more):
    """The command's output; it has to succeed."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def skip(name):
    why = os.environ["BENCH_WHY"] or "it is not installed"
    skipped.append({"name": name, "why": why})
    print(f"skip {name}: {why}")


def side(name, *argv, **env):
    return {"name": name, "argv": list(argv), "env": env}


def measure(sides, rounds=ROUNDS, block=1, jobs=1, uid=USER, cpu=os.environ["BENCH_CPU"], warm=20):
    """Launches the sides in turns; see runner.c. A dict by name, of dicts: n, min, p10, q1, median, q3,
    p90 and cpu in microseconds, rate a second."""
    command = [RUNNER, "-n", str(rounds), "-b", str(block), "-j", str(jobs), "-u", str(uid), "-w", str(warm)]
    if cpu:
        command += ["-c", cpu]
    for s in sides:
        words = ["---" if w == "--" else w for w in s["argv"]]
        command += ["--", s["name"]] + [f"{k}={v}" for k, v in s["env"].items()] + words
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"}
    return {s["name"]: s for s in json.loads(run(*command, env=env))}


RUNS = 7  # of what takes longer than a launch


def timed(*command, env=None, **more):
    """Milliseconds: wall, and CPU of it and all it waited for."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env,
                          **more)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr}")
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def turns(sides, runs=RUNS):
    """sides: name -> (command, untimed preparation). name -> median wall and CPU time."""
    times = {name: [] for name in sides}
    for i in range(runs + 1):
        for name, (command, before) in sides.items() if i % 2 else reversed(sides.items()):
            before()
            t = timed(*command)
            if i > 0:  # the first one fills caches
                times[name].append(t)
    return {name: {"wall": statistics.median(t[0] for t in ts), "cpu": statistics.median(t[1] for t in ts)}
            for name, ts in times.items()}


def ratio(a, b, of="median"):
    return round(a[of] / b[of], 3)


def columns(rows):
    """Prints them, the first column to the left, the others to the right."""
    rows = [[str(c) for c in r] for r in rows]
    wide = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join([r[0].ljust(wide[0])] + [c.rjust(w) for c, w in zip(r[1:], wide[1:])]).rstrip())


def table(title, result, to=("plain",)):
    """Microseconds of each side, and ratios to the sides named: of the medians, and (to the first of them)
    of the tenths and of CPU time, which other work on the machine disturbs less."""
    to = [t for t in to if t in result]
    first = result[to[0]]
    print(f"\n{title}: microseconds, n = {next(iter(result.values()))['n']} a side")
    rows = [["side", "median", "q1", "q3", "p10", "cpu"] + ["/ " + t for t in to] + ["p10 / " + to[0], "cpu / " + to[0]]]
    for name, r in result.items():
        rows.append([name] + [f"{r[k]:.0f}" for k in ("median", "q1", "q3", "p10", "cpu")] +
                    [f"{ratio(r, result[t]):.3f}" for t in to] +
                    [f"{ratio(r, first, k):.3f}" for k in ("p10", "cpu")])
    columns(rows)


def machine():
    """By its kind."""
    virtual = " hypervisor" in open("/proc/cpuinfo").read()
    kernel = ".".join(os.uname().release.split(".")[:2])
    return f"{os.cpu_count()}-core {'virtual ' if virtual else ''}machine, kernel {kernel}"


def mounts():
    """How many the kernel copies at a launch."""
    with open("/proc/self/mountinfo") as f:
        return len(f.readlines())


def save(group, data):
    """GROUP.json leaves the bed."""
    data = {"machine": machine(), "layout": LAYOUT, "mounts": mounts(), "skipped": skipped, **data}
    with open(f"{OUT}/{group}.json", "w") as f:
        json.dump(data, f, indent=1)
    if skipped:
        print(f"{len(skipped)} skipped")


def gnuplot(name, lines, data):
    if not shutil.which("gnuplot"):
        return skip(name + ".svg")
    with open(f"{OUT}/{name}.dat", "w") as f:
        f.write(data)
    head = ["set terminal svg size 800,480 dynamic background '#ffffff'", f"set output '{OUT}/{name}.svg'",
            "set grid", "set key left top"]
    subprocess.run(["gnuplot"], input="\n".join(head + lines) + "\n", text=True, check=True)


def bars(name, title, result):
    """A box from the first to the third quartile, with the median, and whiskers to the tenths."""
    data = "".join(f'"{n}" {r["p10"]} {r["q1"]} {r["median"]} {r["q3"]} {r["p90"]}\n' for n, r in result.items())
    gnuplot(name, [
        f"set title '{title}'", "set ylabel 'microseconds'", "set logscale y", "set boxwidth 0.5",
        f"set xrange [-0.7:{len(result) - 0.3}]", "set style fill solid 0.3", "unset key", "set xtics rotate by -30",
        f"plot '{OUT}/{name}.dat' using 0:3:2:6:5:xticlabels(1) with candlesticks whiskerbars, "
        "'' using 0:4:4:4:4 with candlesticks lt -1",
    ], data)


def curves(name, title, xlabel, points, sides, ylabel="microseconds"):
    """points: x -> {side: value}."""
    data = "".join(f"{x} " + " ".join(str(p.get(s, "?")) for s in sides) + "\n" for x, p in sorted(points.items()))
    plots = ", ".join(f"'{OUT}/{name}.dat' using 1:{i + 2} with linespoints title '{s}'" for i, s in enumerate(sides))
    scale = ["set logscale x"] if max(points) >= 100 * max(1, min(points)) else []
    gnuplot(name, [f"set title '{title}'", f"set xlabel '{xlabel}'", f"set ylabel '{ylabel}'", "set yrange [0:*]",
                   "set datafile missing '?'"] + scale + ["plot " + plots], data)


# -- pins --

def version(name, files, number="1"):
    """Adds a version to the store that holds these files: path -> bytes, or path of the file to copy, or
    ("link", target)."""
    top = f"/tmp/bench-versions/{name}-{number}"
    for path, what in files.items():
        os.makedirs(os.path.dirname(top + path), exist_ok=True)
        if isinstance(what, bytes):
            with open(top + path, "wb") as f:
                f.write(what)
        elif isinstance(what, tuple):
            os.symlink(what[1], top + path)
        else:
            shutil.copy2(what, top + path)
    run("pinlib", "add", "--name", name, "--version", number, top)
    return f"{name}={number}"


def host_library(soname):
    """The files of a host's library, to be pinned: the measurement must not depend on a mirror."""
    real = os.path.realpath(f"{LIBS}/{soname}")
    at = f"{LIBS}/{os.path.basename(real)}"
    return {at: real, f"{LIBS}/{soname}": ("link", os.path.basename(real))}


def program(name, source, body=None):
    """A copy of a program, or a script, in /usr/bin."""
    at = f"/usr/bin/{name}"
    if body:
        with open(at, "w") as f:
            f.write(body)
        os.chmod(at, 0o755)
    else:
        shutil.copy2(source, at)
    return at


def with_capability(name, source, capability="cap_sys_admin=ep"):
    at = program(name, source)
    run("setcap", capability, at)
    return at


def set_pins(app, *pins):
    """And that the program does run in a view, so that the benchmark measures a pinned launch."""
    run("pinlib", "set", "--force", app, *pins) # pinlib-programs(5) refuses coreutils
    with open(app, "rb") as f:
        assert f"refuse:{app}".encode() in f.read(4096), f"{app} is no stub"


def in_view(app_cat):
    """Whether a copy of cat(1) sees the view's overlay."""
    seen = subprocess.run(["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", app_cat,
                           "/proc/self/mountinfo"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return " - overlay pinlib:" in seen


def layers_of(app):
    """What an app's view covers: directory -> the layer's directory for it, which the floor is to lay too."""
    with open("/var/lib/pinlib/plans/" + app[1:].replace("/", "%2F"), "rb") as f:
        plan = f.read()
    covers, at = struct.unpack_from("=28xI8xI", plan)  # plan/format.h
    text = lambda offset: plan[offset:plan.index(b"\0", offset)].decode()
    return {text(a): text(b) for a, b in (struct.unpack_from("=II", plan, at + 8 * i) for i in range(covers))}


def layer_of(app, target):
    return layers_of(app)[target]
