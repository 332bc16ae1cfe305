"""The index across languages, in one process: C tasks walk, read and count, and a Python task merges. Prints the same bytes as the others.

    python index_shared.py --library LIBINDEX_SHARED_SO [--quiet] [--workers N] [DIR ...]

ONE channel is between them. Python makes it, `Channel.of("Q")`: its elements are 64-bit numbers, and here they are addresses of batches of words
(batch.h). C gets its handle through `as_capsule()`. A batch belongs to whoever received its address; the merge gives it back to C's free().

The library was linked with -lgort. It is loaded after `import gort`, so it finds libgort's soname in the process, on the extension module: its tasks
run on the same scheduler, and a send by one of them wakes the Python task that waits. They never hold the interpreter.
"""

from __future__ import annotations

import ctypes
import os
import sys

import forms
import reference

os.environ.setdefault("GORT_STACK_SIZE", str(256 * 1024))  # of a native task: room for guests of the C library (index.c)

import gort  # noqa: E402

UNDERWAY = 16  # batches in the channel


class Sums(ctypes.Structure):
    """struct sums of sums.h."""

    _fields_ = [("text", ctypes.c_uint64), ("binary", ctypes.c_uint64), ("faults", ctypes.c_uint64), ("bytes", ctypes.c_uint64)]


def load(path: str) -> ctypes.CDLL:
    lib = ctypes.CDLL(path)
    if ctypes.cast(lib.gort_chan_send, ctypes.c_void_p).value != ctypes.cast(ctypes.CDLL(gort.get_library()).gort_chan_send, ctypes.c_void_p).value:
        sys.exit(f"index_shared: {path} is bound to another gort than {gort.get_library()}")
    lib.shared_start.restype = ctypes.c_void_p
    lib.shared_start.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_size_t, ctypes.c_int, ctypes.c_int]
    lib.shared_wait.restype = ctypes.c_int32
    lib.shared_wait.argtypes = [ctypes.c_void_p, ctypes.POINTER(Sums)]
    lib.batch_free.restype = None
    lib.batch_free.argtypes = [ctypes.c_void_p]
    lib.gort_last_error.restype = ctypes.c_char_p
    return lib


def handle(channel: gort.Channel[int]) -> int:
    """The gort_chan * of a channel: valid while the channel lives."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(get(channel.as_capsule(), b"gort_chan"))


def take(lib: ctypes.CDLL, address: int) -> tuple[list[bytes], list[int]]:
    """The words and counts of a batch, which is freed."""
    try:
        words, size = (ctypes.c_uint64 * 2).from_address(address)
        counts = (ctypes.c_uint64 * words).from_address(address + 16)[:]
        return ctypes.string_at(address + 16 + 8 * words, size).split(b"\n")[:-1], counts
    finally:
        lib.batch_free(address)


def merge(lib: ctypes.CDLL, batches: gort.Channel[int]) -> dict[bytes, int]:
    total: dict[bytes, int] = {}
    get = total.get
    for address in batches:
        for word, count in zip(*take(lib, address), strict=True):
            total[word] = get(word, 0) + count
    return total


def index(lib: ctypes.CDLL, roots: list[bytes], workers: int, draw: bool) -> tuple[dict[bytes, int], Sums]:
    batches = gort.Channel.of("Q", UNDERWAY)
    job = lib.shared_start(handle(batches), (ctypes.c_char_p * len(roots))(*roots), len(roots), workers, draw)
    if not job:
        raise MemoryError(f"the tasks could not be started: {lib.gort_last_error()}")
    sums = Sums()  # from here on C has the channel too, and must be waited for
    try:
        total = merge(lib, batches)
    finally:
        with gort.shield():
            if not batches.closed:  # something went wrong here: C finds it closed and ends
                batches.close()
            for address in batches:
                lib.batch_free(address)
        status = lib.shared_wait(job, sums)
    if status != 0:
        raise RuntimeError(f"the C half failed: status {status}")
    return total, sums


def main() -> None:
    o = forms.options("index_shared", library=True)
    lib = load(o.library)
    clock = forms.Clock("C tasks, Python merge", o)
    counts, sums = gort.run(index, lib, o.roots, o.workers, o.bar, workers=o.workers)
    clock.lap("walk, read, count and merge")
    reference.print_table(counts, sums.text, sums.binary, sums.faults, sums.bytes)
    clock.lap("sort and checksum")
    clock.tell(sums.bytes)


if __name__ == "__main__":
    main()
