"""``run``: a program's main function as a task, and ``shield``."""

from __future__ import annotations

import signal as _signal
import threading as _threading
from typing import TYPE_CHECKING, Literal, TypeVar

from . import _gort

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import TypeVarTuple, Unpack

    _Args = TypeVarTuple("_Args")

_R = TypeVar("_R")


def run(
    main: Callable[[Unpack[_Args]], _R],
    /,
    *args: Unpack[_Args],
    grace: float = 0.1,
    wait_all: bool = False,
    workers: int | None = None,
    max_tasks: int | None = None,
) -> _R:
    """Runs ``main(*args)`` as a task on this thread, with a scheduler around it, and returns what it returned.

    Tasks that are still alive when main returns are cancelled, all of them first, and get ``grace`` seconds to end in; then they are
    given up, with a RuntimeWarning that names them. ``wait_all=True`` waits for them instead. ``workers`` is how many native tasks run at
    the same time; ``max_tasks`` limits the living tasks (``LimitExceeded`` at ``go``).

    main runs on the calling thread, so ``signal.signal``, sqlite3, Tk and pytest work in it. Ctrl-C raises KeyboardInterrupt in main,
    whichever task was running. ``Deadlock`` is raised when every task is asleep and nothing can wake one.
    """
    ours = wakes = False
    if _threading.current_thread() is _threading.main_thread():
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            _signal.signal(_signal.SIGINT, _gort._interrupt)
            ours = True
        else:
            wakes = callable(_signal.getsignal(_signal.SIGINT))
    try:
        return _gort._run(
            main, *args, grace=grace, wait_all=wait_all, workers=workers, max_tasks=max_tasks, sigint_wakes=wakes
        )
    finally:
        if ours and _signal.getsignal(_signal.SIGINT) is _gort._interrupt:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)


class shield:
    """``with gort.shield():`` this task's blocking calls ignore its cancellation: for clean-up. Nests."""

    __slots__ = ()

    def __enter__(self) -> shield:
        _gort._shield_begin()
        return self

    def __exit__(self, *exc: object) -> Literal[False]:
        _gort._shield_end()
        return False
