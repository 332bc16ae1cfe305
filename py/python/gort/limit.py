"""How often something may happen: limiters.

    from gort import limit

    api = limit.TokenBucket(10, burst=5)          # ten a second, five at once
    if api.allow(): ...                           # now, or not
    api.wait(timeout=2)                           # when it is time; at once TimedOut if that is later
    with api: ...                                 # waits; ``async with`` in asyncio
    r = api.reserve(); r.delay(); r.cancel()      # when would it be?

    @api                                          # each call waits
    def fetch(url): ...

    users = limit.Keyed(1, burst=3)               # for each user
    users.allow("ada")

    @users(by=lambda user, text: user)
    def post(user, text): ...

=================  ============================================  ==========================================
limiter            grants                                        at an edge
=================  ============================================  ==========================================
``TokenBucket``    so many a second on average, and a burst      what was not used is saved, up to the burst
``FixedWindow``    so many in each window                        twice as many around the edge of two
``SlidingWindow``  never more than so many in any window         exact; or ``exact=False``: about, of two numbers
``LeakyBucket``    one at a time, evenly                         the others queue, or are dropped
``Paced``          one at each tick                              what was missed is gone
=================  ============================================  ==========================================

``All`` asks several at once, all or nothing; ``Keyed`` has a token bucket for each key, and one limiter ``within`` which all of them
stay; ``Sometimes`` runs a function now and then. ``allow_at`` and ``now=`` take times of the caller's own, in the seconds of
``gort.now()``.

Refused: ``LimitExceeded`` if it can never be granted, ``TimedOut`` if not in time, ``WouldBlock`` if there is no place in the queue. Then
nothing is taken; who is cancelled while it waits gives back what it was promised.
"""

from __future__ import annotations

import asyncio as _asyncio
import inspect as _inspect
from collections.abc import Callable, Hashable
from functools import wraps as _wraps
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _gort
from ._gort import Reservation as Reservation
from ._gort import now as _now
from ._gort import sleep as _sleep

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "INF",
    "All",
    "FixedWindow",
    "Keyed",
    "LeakyBucket",
    "Paced",
    "Reservation",
    "SlidingWindow",
    "Sometimes",
    "TokenBucket",
    "every",
]

_F = TypeVar("_F", bound=Callable[..., Any])

INF = float("inf")
"""The rate of a token bucket that refuses nothing."""


def every(seconds: float) -> float:
    """The rate of one each so many seconds; ``INF`` for 0 or less."""
    return 1.0 / seconds if seconds > 0 else INF


def _wait(reserve: Callable[[], Reservation]) -> None:
    _sleep(0)  # a task that is cancelled is told so, also if there is enough
    r = reserve()
    delay = r.delay()
    if delay > 0:
        try:
            _sleep(delay)
        except BaseException:
            r.cancel()
            raise


async def _wait_async(reserve: Callable[[], Reservation]) -> None:
    r = reserve()
    try:
        delay = r.delay()
        while delay > 0:  # a loop's clock may be a little early
            await _asyncio.sleep(min(delay, 3600.0))
            delay = r.delay()
    except BaseException:
        r.cancel()
        raise


class _Waiting(_gort._Limiter):
    """What waits, of every limiter."""

    def wait(self, n: int = 1, *, timeout: float | None = None) -> None:
        """Waits until ``n`` things may happen; a task parks, a thread blocks. TimedOut, at once, if that is not within ``timeout`` seconds."""
        _wait(lambda: self.reserve(n, within=timeout))

    async def wait_async(self, n: int = 1, *, timeout: float | None = None) -> None:
        """``wait`` in asyncio."""
        await _wait_async(lambda: self.reserve(n, within=timeout))

    def __enter__(self) -> Self:
        self.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        await self.wait_async()
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    @overload
    def __call__(self, function: _F, /) -> _F: ...
    @overload
    def __call__(self, /, *, timeout: float | None = None) -> Callable[[_F], _F]: ...
    def __call__(self, function: Any = None, /, *, timeout: float | None = None) -> Any:
        """Decorates a function: each call waits first, in asyncio if it is a coroutine's."""
        return _decorate(
            function,
            lambda args, kwargs: self.wait(timeout=timeout),
            lambda args, kwargs: self.wait_async(timeout=timeout),
        )


def _decorate(function: Any, wait: Callable[..., None], wait_async: Callable[..., Any]) -> Any:
    def decorate(function: Any) -> Any:
        if _inspect.iscoroutinefunction(function):

            @_wraps(function)
            async def limited_async(*args: Any, **kwargs: Any) -> Any:
                await wait_async(args, kwargs)
                return await function(*args, **kwargs)

            return limited_async

        @_wraps(function)
        def limited(*args: Any, **kwargs: Any) -> Any:
            wait(args, kwargs)
            return function(*args, **kwargs)

        return limited

    return decorate if function is None else decorate(function)


class TokenBucket(_Waiting):
    """``rate`` a second on average, and ``burst`` at once. It starts full."""

    def __new__(cls, rate: float, burst: int = 1) -> Self:
        return super().__new__(cls, "token", rate, burst)


class FixedWindow(_Waiting):
    """``n`` in each window of so many seconds. The windows lie side by side on the clock; or, if ``lazy``, the next begins with the
    first thing that is granted after the last one is over."""

    def __new__(cls, n: int, seconds: float, *, lazy: bool = False) -> Self:
        return super().__new__(cls, "lazy" if lazy else "fixed", n, seconds)


class SlidingWindow(_Waiting):
    """Never more than ``n`` in any window of so many seconds, wherever it lies; each is remembered, in 16 bytes for each of ``n``. If not
    ``exact``: about ``n``, of two numbers."""

    def __new__(cls, n: int, seconds: float, *, exact: bool = True) -> Self:
        return super().__new__(cls, "log" if exact else "counter", n, seconds)


class LeakyBucket(_Waiting):
    """``rate`` a second, evenly; ``capacity`` may wait. Or, if it ``drops``, a bucket that holds so many, and what does not fit is
    dropped."""

    def __new__(cls, rate: float, capacity: int, *, drops: bool = False) -> Self:
        return super().__new__(cls, "drop" if drops else "queue", rate, capacity)


class Paced(_Waiting):
    """One at each tick of a clock that ticks every so many seconds, first a period after ``origin`` (now). One missed tick is kept."""

    def __new__(cls, seconds: float, *, origin: float | None = None) -> Self:
        return super().__new__(cls, "paced", seconds, 0, origin)


class All(_Waiting):
    """Several limiters as one, one to eight: what all of them grant. Who is refused by one has taken nothing from the others."""

    def __new__(cls, *parts: _gort._Limiter) -> Self:
        return super().__new__(cls, "all", parts=list(parts))


class Keyed(_gort._Keyed):
    """A token bucket for each key: ``rate`` a second, and ``burst`` at once; all of them ``within`` another limiter, if one is given. A key
    is a str, bytes, int, None, or a tuple of those. One that is idle is forgotten, and nobody notices."""

    def __new__(cls, rate: float, burst: int = 1, *, within: _gort._Limiter | None = None) -> Self:
        return super().__new__(cls, rate, burst, within)

    def wait(self, key: Hashable, n: int = 1, *, timeout: float | None = None) -> None:
        """Waits until ``n`` things of this key may happen, as ``TokenBucket.wait``."""
        _wait(lambda: self.reserve(key, n, within=timeout))

    async def wait_async(self, key: Hashable, n: int = 1, *, timeout: float | None = None) -> None:
        """``wait`` in asyncio."""
        await _wait_async(lambda: self.reserve(key, n, within=timeout))

    def __call__(self, *, by: Callable[..., Hashable], timeout: float | None = None) -> Callable[[_F], _F]:
        """Decorates a function: each call waits for its key, which ``by`` makes of the arguments."""
        decorated: Callable[[_F], _F] = _decorate(
            None,
            lambda args, kwargs: self.wait(by(*args, **kwargs), timeout=timeout),
            lambda args, kwargs: self.wait_async(by(*args, **kwargs), timeout=timeout),
        )
        return decorated


class Sometimes:
    """Runs a function now and then: the ``first`` so many calls, ``every`` so many calls, and when ``interval`` seconds have passed since
    it ran; whichever says so. The first call runs it always. Calls are one after the other; one that raises does not count."""

    def __init__(self, *, first: int = 0, every: int = 0, interval: float = 0.0) -> None:
        self._first, self._every, self._interval = first, every, interval
        self._count, self._last = 0, 0.0
        # A channel of one place is a lock for tasks and threads alike.
        self._turn: _gort.Channel[None] = _gort.Channel(1)

    def run(self, function: Callable[..., object], /, *args: Any, now: float | None = None, **kwargs: Any) -> bool:
        """Calls ``function(*args, **kwargs)``, or not. Says whether it did."""
        self._turn.send(None)
        try:
            count = self._count
            runs = (
                count == 0
                or count < self._first
                or (self._every > 0 and count % self._every == 0)
                or (self._interval > 0 and (_now() if now is None else now) - self._last >= self._interval)
            )
            if runs:
                function(*args, **kwargs)
                self._last = _now() if now is None else now
            self._count = count + 1
            return runs
        finally:
            self._turn.try_recv()
