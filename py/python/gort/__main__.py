"""``python -m gort info`` and ``python -m gort bench``."""

from __future__ import annotations

import argparse
import sys

import gort


def info() -> None:
    """Prints what ``gort.info()`` tells, a line each."""
    for name, value in gort.info().items():
        text = (", ".join(value) or "none") if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):14}  {text}")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    text = "Go-style tasks and channels: how they run here, and how fast."
    parser = argparse.ArgumentParser(prog="python -m gort", description=text)
    commands = parser.add_subparsers(dest="command", required=True, metavar="info | bench")
    commands.add_parser("info", help="versions, how tasks are run here and why, where gort.h and the library are")
    bench = commands.add_parser("bench", help="channels and tasks beside queue, asyncio and threads, on this machine")
    bench.add_argument("--quick", action="store_true", help="some seconds instead of a minute; the figures vary more")
    bench.add_argument("-k", metavar="PART", help="only rows whose name contains PART")
    options = parser.parse_args(arguments)
    if options.command == "info":
        info()
        return 0
    from ._bench import run  # only when asked for

    return run(quick=options.quick, part=options.k or "")


if __name__ == "__main__":
    sys.exit(main())
