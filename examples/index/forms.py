"""What the two Python forms share: the options, the bar on a terminal, the figures."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

import gort

WIDTH = 32


def options(form: str, *, library: bool = False) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog=form, allow_abbrev=False)
    p.add_argument("--quiet", action="store_true", help="no progress bar and no figures")
    p.add_argument("--workers", type=int, default=gort.num_cpu(), metavar="N", help="counting tasks (default: one for each CPU)")
    if library:
        p.add_argument("--library", required=True, metavar="FILE", help="libindex_shared.so, as build.sh made it")
    p.add_argument("roots", nargs="*", default=["."], metavar="DIR")
    a = p.parse_args()
    if not 1 <= a.workers <= 256:
        p.error("--workers: from 1 to 256")
    a.roots = [os.fsencode(root) for root in a.roots]
    a.bar = not a.quiet and sys.stderr.isatty()
    return a


def bar(part: Callable[[], tuple[int, int]], bell: gort.Receiver[None]) -> None:
    """A task: draws ten times a second how far the job is, until the bell is closed. part() is done and to do."""
    while True:
        try:
            bell.recv(timeout=0.1)
        except gort.TimedOut:
            done, todo = part()
            full = WIDTH * done // max(todo, 1)
            print(f"\r\033[K[{'#' * full}{'.' * (WIDTH - full)}] {done:,} of {todo:,}", end="", file=sys.stderr, flush=True)
        except gort.Closed:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            return


class Clock:
    """What a form took, by part; told on standard error."""

    def __init__(self, form: str, o: argparse.Namespace) -> None:
        self.form, self.o, self.last = form, o, time.monotonic()
        self.parts: list[tuple[str, float]] = []

    def lap(self, what: str) -> None:
        now = time.monotonic()
        self.parts.append((what, now - self.last))
        self.last = now

    def tell(self, size: int) -> None:
        if not self.o.quiet:
            parts = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in self.parts)
            whole = sum(seconds for _, seconds in self.parts)
            print(f"{self.form}: {parts}, in all {whole:.2f} s ({size / 1e6 / whole:.0f} MB/s); {self.o.workers} workers", file=sys.stderr)
