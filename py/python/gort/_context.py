"""The ambient context, and what of ``Context`` is written in Python.

The ambient context is a context variable's value: each task begins with that of whoever started it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from threading import Lock as _Lock
from typing import Any

from . import _gort
from ._gort import Context

_ambient: ContextVar[Context | None] = ContextVar("gort.ambient", default=None)


class timeout:
    """``with gort.timeout(2) as ctx:`` every blocking call in the block, and in what it calls, waits within a context that ends
    in so many seconds, and within those around it: what does not end in time raises ``TimedOut``. Tasks that are started in the
    block inherit it. The end of the block cancels it, and the ambient context is again what it was.
    """

    def __init__(self, seconds: float, *, cause: BaseException | str | None = None) -> None:
        self._seconds, self._cause = seconds, cause
        self._entered: list[tuple[Context, Token[Context | None]]] = []

    def __enter__(self) -> Context:
        around = _ambient.get() or Context.background()
        ctx = around.with_timeout(self._seconds, cause=self._cause)
        _gort._use_ambient(_ambient)
        self._entered.append((ctx, _ambient.set(ctx)))
        return ctx

    def __exit__(self, *exc: object) -> None:
        ctx, before = self._entered.pop()
        _ambient.reset(before)
        ctx.cancel()


@contextmanager
def _cleanup() -> Iterator[None]:
    """For who must wait whatever has ended: neither the cancellation of the task nor the ambient context ends a wait in the block."""
    token = _ambient.set(None)
    _gort._shield_begin()
    try:
        yield
    finally:
        _gort._shield_end()
        _ambient.reset(token)


async def _wait_async(ctx: Context) -> None:
    await _gort.select_async(_gort.recv(ctx))


class _AfterFunc:
    """Where tasks are threads: one that waits, and calls."""

    def __init__(self, ctx: Context, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        self._lock, self._over = _Lock(), False
        self._end: _gort.Channel[None] = _gort.Channel()
        call = (function, args, kwargs or {})

        def wait() -> None:
            if _gort.select(_gort.recv(ctx), _gort.recv(self._end)).index == 0 and self._take():
                call[0](*call[1], **call[2])

        _gort.go(wait)

    def _take(self) -> bool:
        with self._lock:
            was, self._over = self._over, True
        return not was

    def stop(self) -> bool:
        prevented = self._take()
        if prevented:
            self._end.close()
        return prevented
