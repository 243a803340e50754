#!/usr/bin/python3
"""tests/helpers/slow.py KIND FILE: writes an ELF program of at most a megabyte that would keep a reader without limits busy for minutes.

    versions   as many versions of both kinds as a file may have, and 2,000 symbols of one name that mean the last ones
    many       four times as many versions
    names      references by one name of 400,000 bytes
    chain      symbols of one hash, which are all in one chain, and as many that are looked for there
    old-chain  the same with a hash table of the old format, and long names that differ in their ends
    search     4,000 libraries that are nowhere, looked for in 4,000 directories
    paths      a search path of 32,000 directories with tokens
    segments   65,000 loadable segments and 4,000 strings
    loader     an interpreter (FILE.loader, beside it) that lists 100,000 default directories
    sparse     tables that fill a file of 7 GiB which takes no room
"""
import struct, sys

INTERP = b"/lib64/ld-linux-x86-64.so.2"
NEEDED, STRTAB, SYMTAB, STRSZ, RELA, RELASZ, RUNPATH, HASH = 1, 5, 6, 10, 7, 8, 29, 4
GNU_HASH, VERSYM, VERDEF, VERNEED, SYMENT, RELAENT = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFE, 11, 9


class File:
    """One segment that maps the whole file at its offset; added parts get their address."""

    def __init__(self, interp=INTERP, segments=1):
        self.data = bytearray(64 + 56 * (segments + 2))
        self.segments, self.dynamic = segments, []
        self.strings, self.at = bytearray(b"\0"), {}
        self.interp = self.add(interp + b"\0"), len(interp) + 1

    def add(self, data):
        self.data += bytes(-len(self.data) % 16)
        self.data += data
        return len(self.data) - len(data)

    def string(self, text):
        if text not in self.at:
            self.at[text] = len(self.strings)
            self.strings += text + b"\0"
        return self.at[text]

    def tag(self, tag, value):
        self.dynamic.append((tag, value))

    def write(self, path, size=None):
        self.tag(STRTAB, self.add(self.strings))
        self.tag(STRSZ, len(self.strings))
        dynamic = self.add(b"".join(struct.pack("<QQ", *d) for d in self.dynamic + [(0, 0)]))
        size = size or len(self.data)
        phdrs = [(3, 4, *([self.interp[0]] * 3), *([self.interp[1]] * 2), 1),
                 (2, 6, dynamic, dynamic, dynamic, *([16 * len(self.dynamic) + 16] * 2), 8)]
        phdrs += [(1, 4, 0, (self.segments - n - 1) << 40, 0, size, size, 4096) for n in range(self.segments)]
        head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(phdrs), 0, 0, 0)
        self.data[:64] = head
        for n, p in enumerate(phdrs):
            struct.pack_into("<IIQQQQQQ", self.data, 64 + 56 * n, *p)
        with open(path, "wb") as f:
            f.write(self.data)
            f.truncate(size)


def gnu_hash(name):
    h = 5381
    for c in name:
        h = h * 33 + c & 0xFFFFFFFF
    return h


def symbols(f, undefined, defined, old=False):
    """Symbols by name, references to the undefined ones, and a hash table of one bucket with the others."""
    table = bytearray(24)
    for n, name in enumerate(undefined + defined):
        there = n >= len(undefined)
        table += struct.pack("<IBBHQQ", f.string(name), 0x10 if not there else 0x11, 0, 1 if there else 0, 4096 * there, 8)
    f.tag(SYMTAB, f.add(table))
    f.tag(SYMENT, 24)
    f.tag(RELA, f.add(b"".join(struct.pack("<QQq", 4096, (n + 1) << 32 | 6, 0) for n in range(len(undefined)))))
    f.tag(RELASZ, 24 * len(undefined))
    f.tag(RELAENT, 24)
    first, count = len(undefined) + 1, len(undefined) + len(defined) + 1
    if old:
        chain = [0] * first + [n + 1 for n in range(first, count)]
        chain[-1] = 0
        f.tag(HASH, f.add(struct.pack(f"<III{count}I", 1, count, first if defined else 0, *chain)))
        return count
    hashes = [gnu_hash(name) & ~1 for name in defined]
    if hashes:
        hashes[-1] |= 1
    words = struct.pack("<IIIIQI", 1, first, 1, 6, 2**64 - 1, first if defined else 0)
    f.tag(GNU_HASH, f.add(words + struct.pack(f"<{len(hashes)}I", *hashes)))
    return count


def versions(f, count, each):
    index = 2
    aux = b"".join(struct.pack("<IHHII", 0, 0, 2 + n, f.string(b"V%d" % n), 16 * (n < each - 1)) for n in range(each))
    f.tag(VERNEED, f.add(struct.pack("<HHIII", 1, each, f.string(b"libc.so.6"), 16, 0) + aux))
    index += each
    given = bytearray()
    for n in range(each):
        given += struct.pack("<HHHHIII", 1, 0, index + n & 0x7FFF, 1, 0, 20, 28 * (n < each - 1))
        given += struct.pack("<II", f.string(b"G%d" % n), 0)
    f.tag(VERDEF, f.add(given))
    # Each symbol that is there means the last one, each that is looked for the last but one: whoever looks for
    # these among them looks at all, for each pair.
    last = index + each - 1 & 0x7FFF
    f.tag(VERSYM, f.add(struct.pack("<H", last - 1) * (count // 2 + 1) + struct.pack("<H", last) * (count // 2)))


def colliding(count, long=0):
    """Names of one DT_GNU_HASH: "ab" and "bA" have the same."""
    return [b"".join((b"ab", b"bA")[n >> bit & 1] for bit in range(14)) + b"z" * long for n in range(count)]


def main(kind, path):
    if kind == "loader":
        File(interp=(path + ".loader").encode()).write(path)
        with open(path + ".loader", "wb") as f:
            f.write(b"\x7fELF\2\1\1" + bytes(64) + b"".join(b"/lib%d/\0" % n for n in range(100000)))
        return
    f = File(segments=65000 if kind == "segments" else 1)
    f.tag(NEEDED, f.string(b"libc.so.6"))
    size = None
    if kind in ("versions", "many"):
        names = [b"s"] * 2000
        count = symbols(f, names, names)
        versions(f, count, 4090 if kind == "versions" else 16000)
    elif kind == "names":
        symbols(f, [b"n" * 400000] * 8000, [b"n" * 400000] * 2000)
    elif kind == "chain":
        names = colliding(1 << 13)
        symbols(f, names, [n[:-2] + b"\xe9\xe9" for n in names])
        # The same hash for each: readers believe the table.
        tables = dict(f.dynamic)
        at = tables[GNU_HASH] + 28
        for n in range(1 << 13):
            h = gnu_hash(names[0]) & ~1 | (n == (1 << 13) - 1)
            struct.pack_into("<I", f.data, at + 4 * n, h)
    elif kind == "old-chain":
        start = b"x" * 300
        symbols(f, [start + b"%d" % n for n in range(1000)], [start + b"y%d" % n for n in range(1000)], old=True)
    elif kind == "search":
        for n in range(4000):
            f.tag(NEEDED, f.string(b"libnone%d.so" % n))
        f.tag(RUNPATH, f.string(b":".join(b"/" + b"./" * (n % 8) + b"usr/lib" + b"/." * (n // 8 % 25) for n in range(4000))[:65000]))
    elif kind == "paths":
        f.tag(NEEDED, f.string(b"libnone.so"))
        f.tag(RUNPATH, f.string((b"$ORIGIN/" * 3 + b":") * 2600))
    elif kind == "segments":
        for n in range(4000):
            f.tag(NEEDED, f.string(b"l%d" % n))
    elif kind == "sparse":
        size = 7 << 30
        symbols(f, [b"s"], [b"t"])
        tables = dict(f.dynamic)
        # A table of 4 GiB, a chain without an end.
        struct.pack_into("<I", f.data, tables[GNU_HASH] + 28, 0)
        f.dynamic = [(t, (4 << 30) - 24 if t == RELASZ else v) for t, v in f.dynamic]
    else:
        sys.exit(__doc__)
    f.write(path, size)


main(*sys.argv[1:])
