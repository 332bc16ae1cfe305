"""Seeing inside, and what extension authors need."""

from __future__ import annotations

import os as _os
import sys as _sys
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

from . import _gort


class Info(TypedDict):
    """What ``info()`` tells."""

    version: str
    python: str
    tasks: str
    """"greenlets", or "threads" where greenlets cannot be used."""
    why: str
    cpus: int
    workers: int
    library: str
    include: str
    other_runtimes: list[str]
    """Files of other gort runtimes in this process, whose channels are not ours; a reason to look closer."""


def dump(file: SupportsWrite[str] | None = None) -> None:
    """Writes who waits for what to ``file`` (default: standard error)."""
    (_sys.stderr if file is None else file).write(_gort._dump())


def info() -> Info:
    """How gort runs here: versions, how tasks are run and why, processors."""
    why = _gort._why_threads
    return {
        "version": _gort.__version__,
        "python": _sys.version.split()[0],
        "tasks": "greenlets" if why is None else "threads",
        "why": "greenlet can be used" if why is None else why,
        "cpus": _gort.num_cpu(),
        "workers": _gort.workers(),
        "library": _gort.get_library(),
        "include": get_include(),
        "other_runtimes": _gort._other_runtimes(),
    }


def get_include() -> str:
    """The directory with gort.h and gort_python.h."""
    return _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "include")
