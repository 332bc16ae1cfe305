"""``SingleFlight``: of several calls at once for one key one works, and all have its result."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import RLock as _RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _gort

if TYPE_CHECKING:
    from typing_extensions import TypeVarTuple, Unpack

    _Args = TypeVarTuple("_Args")

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class _Flight(Generic[_V]):
    """One that is under way, or is over. What is in it is written before ``over`` is set and read after it."""

    __slots__ = ("error", "over", "value", "waiting")

    def __init__(self) -> None:
        self.over = _gort.Event()
        self.waiting = 0  # guarded by the lock of the flights
        self.error: BaseException | None = None
        self.value: list[_V] = []


class SingleFlight(Generic[_K, _V]):
    """Calls for the same key that come together are one: the first works, the others wait for its result.

        pages = gort.SingleFlight[str, bytes]()
        page, shared = pages.do(url, fetch, url)

    An ``Exception`` that the function raises is raised in all of them. What is meant for the one that works alone (it was cancelled, or
    interrupted by Ctrl-C) is not: one of the others takes its place. Who waits may give up, and the flight goes on.

    From any task and any thread. ``__hash__`` and ``__eq__`` of keys must not wait.
    """

    def __init__(self) -> None:
        self._lock = _RLock()  # held for some lines that neither wait nor call more of a user's code than a key's own
        self._flights: dict[_K, _Flight[_V]] = {}

    def do(
        self, key: _K, function: Callable[[Unpack[_Args]], _V], /, *args: Unpack[_Args], timeout: float | None = None
    ) -> tuple[_V, bool]:
        """Calls ``function(*args)``, or waits for who does so already. Gives the result, and whether somebody else was given it, too.

        ``timeout`` ends the wait for another's call (``TimedOut``); a call that runs here is bounded by nothing but itself.
        """
        ends = None if timeout is None else _gort.now() + timeout
        while True:
            with self._lock:
                flight = self._flights.get(key)
                if flight is None:
                    leader = self._flights[key] = _Flight()
                else:
                    flight.waiting += 1
            if flight is None:
                return self._fly(key, leader, function, args)
            flight.over.wait(None if ends is None else max(ends - _gort.now(), 0.0))
            if flight.value:
                return flight.value[0], True
            if isinstance(flight.error, Exception):
                raise flight.error

    def _fly(self, key: _K, flight: _Flight[_V], function: Callable[..., _V], args: tuple[Any, ...]) -> tuple[_V, bool]:
        try:
            value = function(*args)
            flight.value.append(value)
        except BaseException as e:
            flight.error = e
            raise
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
                shared = flight.waiting > 0
            flight.over.set()
        return value, shared

    def forget(self, key: _K, /) -> None:
        """The next call for ``key`` calls its function, though one may be under way; who waits for that has its result all the same."""
        with self._lock:
            self._flights.pop(key, None)
