"""The same job as index.c in the plainest Python: one thread, whole files, a Counter.

It exists to be compared with: the C program must print these very bytes on standard output. The rules are in README.md.
NOT fast, and NOT the Python form of the example (index_tasks.py, which takes the rules for files and the printing from here): it holds a
file at a time and uses nothing of gort.

    python3 reference.py [DIR ...]
"""

import os
import re
import stat
import sys
from collections import Counter
from dataclasses import dataclass, field

LEFT_OUT = {b"target", b".venv"}
LOOK = 8192
REST = 1 << 20
TOP = 20
SHOWN = 60
WORD = re.compile(rb"[A-Za-z0-9_]+")


class Walk:
    def __init__(self) -> None:
        self.files: set[bytes] = set()
        self.blind: dict[bytes, str] = {}

    def root(self, given: bytes) -> None:
        try:
            path = os.path.realpath(given, strict=True)
            mode = os.stat(path).st_mode
        except OSError as error:
            self.blind[given] = error.strerror or ""
            return
        if stat.S_ISDIR(mode):
            self.directory(path)
        elif stat.S_ISREG(mode):
            self.files.add(path)
        else:
            self.blind[path] = "not a regular file"

    def directory(self, top: bytes) -> None:
        todo = [top]
        while todo:
            path = todo.pop()
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        if entry.is_file(follow_symlinks=False):
                            self.files.add(entry.path)
                        elif entry.is_dir(follow_symlinks=False) and entry.name not in LEFT_OUT:
                            todo.append(entry.path)
            except OSError as error:
                self.blind[path] = error.strerror or ""


def read(path: bytes) -> tuple[bytes, str]:
    """What can be read of a file (of one that is not text: its beginning), and why that is not all of it."""
    data = bytearray()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return b"", error.strerror or ""
    try:
        while part := os.read(fd, LOOK - len(data) if len(data) < LOOK else REST):
            data += part
            if len(data) <= LOOK and 0 in data:
                break
    except OSError as error:
        return bytes(data), error.strerror or ""
    finally:
        os.close(fd)
    return bytes(data), ""


def fnv1a64(data: bytes, value: int = 0xCBF29CE484222325) -> int:
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


@dataclass
class Sums:
    """What the files add up to."""

    text: int = 0
    binary: int = 0
    size: int = 0
    faults: dict[bytes, str] = field(default_factory=dict)

    def __iadd__(self, other: "Sums") -> "Sums":
        self.text += other.text
        self.binary += other.binary
        self.size += other.size
        self.faults.update(other.faults)
        return self

    def look_at(self, path: bytes) -> bytes:
        """The text of a file, or nothing; which of them is noted."""
        data, fault = read(path)
        if fault:
            self.faults[path] = fault
        if fault and not data:
            return b""
        if b"\0" in data[:LOOK]:
            self.binary += 1
            return b""
        self.text += 1
        self.size += len(data)
        return data


def listed(roots: list[bytes]) -> tuple[list[bytes], dict[bytes, str]]:
    """The frozen list of files, and the places that could not be looked into."""
    walk = Walk()
    for given in roots or [b"."]:
        walk.root(given)
    return sorted(walk.files), walk.blind


def print_table(counts: dict[bytes, int], text: int, binary: int, unreadable: int, size: int) -> None:
    table = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    print(f"{'count':>12}  word")
    for word, count in table[:TOP]:
        print(f"{count:>12}  {word[:SHOWN].decode()}{'...' if len(word) > SHOWN else ''}")
    checksum = 0xCBF29CE484222325
    for word, count in table:
        checksum = fnv1a64(b"%s\t%d\n" % (word, count), checksum)
    print(f"\nfiles    {text} text, {binary} binary left out, {unreadable} unreadable")
    print(f"bytes    {size}\nwords    {sum(counts.values())}\ndistinct {len(table)}\nfnv1a64  {checksum:016x}", flush=True)


def print_faults(program: str, faults: dict[bytes, str]) -> None:
    for path, fault in sorted(faults.items()):
        print(f"{program}: {os.fsdecode(path)}: {fault}", file=sys.stderr)


def main(roots: list[bytes]) -> None:
    files, blind = listed(roots)
    sums = Sums(faults=dict(blind))
    counts: Counter[bytes] = Counter()
    for path in files:  # in the order of the frozen list, although the sums do not depend on it
        counts.update(WORD.findall(sums.look_at(path)))
    print_table(counts, sums.text, sums.binary, len(sums.faults), sums.size)
    print_faults("reference", sums.faults)


if __name__ == "__main__":
    main([os.fsencode(root) for root in sys.argv[1:]])
