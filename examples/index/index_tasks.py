"""The index in Python tasks: walk, read, count and merge over gort's channels, as the C form has them. Prints the same bytes.

    python index_tasks.py [--quiet] [--workers N] [DIR ...]

Every stage is a plain function that receives until its channel is closed. The rules for files and words, and the printing, are reference.py's.
An item is a whole file: Python holds one at a time per reader and 32 on the way, and nobody has to cut between words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import forms
import gort
import reference

READERS = 4  # for each worker: they wait for the disk in turn
PATHS, ITEMS = 64, 32

Words = Counter[bytes]


class Progress:
    files = done = 0


def list_files(roots: list[bytes], paths: gort.Sender[bytes], progress: Progress) -> dict[bytes, str]:
    files, blind = reference.listed(roots)
    progress.files = len(files)
    with paths:
        paths.send_many(files)
    return blind


def read_files(paths: gort.Receiver[bytes], items: gort.Sender[bytes]) -> reference.Sums:
    sums = reference.Sums()
    for path in paths:
        items.send(sums.look_at(path))
    return sums


def count_words(items: gort.Receiver[bytes], tables: gort.Sender[Words], progress: Progress) -> None:
    table: Words = Counter()
    find = reference.WORD.findall
    for text in items:
        table.update(find(text))
        progress.done += 1
    tables.send(table)


def merge(tables: gort.Receiver[Words]) -> Words:
    total: Words = Counter()
    for table in tables:
        if len(total) < len(table):
            total, table = table, total
        total.update(table)
    return total


def close_after(tasks: Iterable[gort.Task], sender: gort.Sender) -> None:
    for task in tasks:
        task.join()
    sender.close()


def index(roots: list[bytes], workers: int, draw: bool) -> tuple[Words, reference.Sums]:
    paths, items, tables = gort.Channel[bytes](PATHS), gort.Channel[bytes](ITEMS), gort.Channel[Words](workers)
    progress, bell = Progress(), gort.Channel[None]()
    with gort.Group() as watching, bell:  # left in the other order: the bell ends the bar
        if draw:
            watching.go(forms.bar, lambda: (progress.done, progress.files), bell.receiver)
        with gort.Group() as stages:  # the first error ends them all, and is raised here
            walk = stages.go(list_files, roots, paths.sender, progress)
            readers = [stages.go(read_files, paths.receiver, items.sender) for _ in range(READERS * workers)]
            counters = [stages.go(count_words, items.receiver, tables.sender, progress) for _ in range(workers)]
            stages.go(close_after, readers, items.sender)
            stages.go(close_after, counters, tables.sender)
            merged = stages.go(merge, tables.receiver)
    sums = reference.Sums(faults=dict(walk.result()))
    for reader in readers:
        sums += reader.result()
    return merged.result(), sums


def main() -> None:
    o = forms.options("index_tasks")
    clock = forms.Clock("Python tasks", o)
    counts, sums = gort.run(index, o.roots, o.workers, o.bar, workers=o.workers)
    clock.lap("walk, read, count and merge")
    reference.print_table(counts, sums.text, sums.binary, len(sums.faults), sums.size)
    reference.print_faults("index_tasks", sums.faults)
    clock.lap("sort and checksum")
    clock.tell(sums.size)


if __name__ == "__main__":
    main()
