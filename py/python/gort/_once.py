"""``once``: a function that runs once, and whose value everybody gets."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps as _wraps
from types import TracebackType
from typing import TypeVar, cast

from . import _gort

_R = TypeVar("_R")


def once(function: Callable[[], _R], /) -> Callable[[], _R]:
    """A decorator: ``function()`` runs at the first call, and every call returns what it returned, or raises what it raised.

        @gort.once
        def settings() -> dict[str, str]:
            return read_settings()

    Who calls meanwhile waits until it is done; cancellation does not end that wait. The function is released when it has run. If it was ended by
    what is no ``Exception`` (its task was cancelled, Ctrl-C), that is for its caller alone: every other call raises ``Canceled`` with
    that as its cause.
    """
    if not callable(function):
        raise TypeError(f"gort: {function!r} is not callable")
    turn = _gort.Once()
    todo: Callable[[], _R] | None = function
    value: _R | None = None
    error: BaseException | None = None
    seen: TracebackType | None = None

    def make() -> None:
        nonlocal todo, value, error, seen
        run, todo = cast(Callable[[], _R], todo), None
        try:
            value = run()
        except BaseException as e:
            error, seen = e, e.__traceback__
            if not isinstance(e, Exception):
                error = _gort.Canceled(f"the function of gort.once was ended by {type(e).__name__}")
                error.__cause__, seen = e, None
                raise
        finally:
            del run  # what was raised keeps this frame

    @_wraps(function)
    def call() -> _R:
        if not turn.done:
            turn.do(make)
        if error is not None:
            # The traceback as it was when it was raised, for it would grow with each call.
            raise error.with_traceback(seen)
        return cast(_R, value)

    del call.__wrapped__  # it would keep the function
    return call
