"""The same job as index.c in the plainest Python: one thread, whole files, a Counter.

It exists to be compared with: the C program must print these very bytes on standard output. The rules are in README.md.
NOT fast, and NOT the Python version of the example: it holds a file at a time and uses nothing of gort.

    python3 reference.py [DIR ...]
"""

import os
import re
import stat
import sys
from collections import Counter

LEFT_OUT = {b"target", b".venv"}
LOOK = 8192
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
            self.blind[given] = error.strerror
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
                self.blind[path] = error.strerror


def read(path: bytes) -> tuple[bytes, str]:
    """What can be read of a file (of one that is not text: its beginning), and why that is not all of it."""
    data = bytearray()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return b"", error.strerror
    try:
        while part := os.read(fd, LOOK):
            data += part
            if 0 in data[:LOOK]:
                break
    except OSError as error:
        return bytes(data), error.strerror
    finally:
        os.close(fd)
    return bytes(data), ""


def fnv1a64(data: bytes, value: int = 0xCBF29CE484222325) -> int:
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def main(roots: list[bytes]) -> None:
    walk = Walk()
    for given in roots or [b"."]:
        walk.root(given)
    faults = dict(walk.blind)
    counts: Counter[bytes] = Counter()
    text = binary = size = 0
    for path in sorted(walk.files):  # in the order of the frozen list, although the sums do not depend on it
        data, fault = read(path)
        if fault:
            faults[path] = fault
        if fault and not data:
            continue
        if b"\0" in data[:LOOK]:
            binary += 1
            continue
        text += 1
        size += len(data)
        counts.update(WORD.findall(data))
    table = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    print(f"{'count':>12}  word")
    for word, count in table[:TOP]:
        print(f"{count:>12}  {word[:SHOWN].decode()}{'...' if len(word) > SHOWN else ''}")
    checksum = 0xCBF29CE484222325
    for word, count in table:
        checksum = fnv1a64(b"%s\t%d\n" % (word, count), checksum)
    print(f"\nfiles    {text} text, {binary} binary left out, {len(faults)} unreadable")
    print(f"bytes    {size}\nwords    {counts.total()}\ndistinct {len(table)}\nfnv1a64  {checksum:016x}")
    sys.stdout.flush()
    for path, fault in sorted(faults.items()):
        print(f"reference: {os.fsdecode(path)}: {fault}", file=sys.stderr)


if __name__ == "__main__":
    main([os.fsencode(root) for root in sys.argv[1:]])
