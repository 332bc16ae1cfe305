"""``Pool``: objects that are used again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from ._gort import InvalidArgument

_T = TypeVar("_T")


class Pool(Generic[_T]):
    """Objects that are kept to be used again.

        buffers = gort.Pool(lambda: bytearray(1 << 16))
        with buffers.use() as buffer:
            ...

    ``get`` gives one that was put back, or calls ``make``; ``put`` keeps it for the next one who asks, or gives it to ``drop``
    when ``max_idle`` are kept. Nothing leaves the pool by itself. From any task and any thread; nothing here waits.
    """

    # Both are changed by single calls that no other thread can come between: an object is put in only by who has taken a place.

    def __init__(self, make: Callable[[], _T], /, *, max_idle: int = 256, drop: Callable[[_T], object] | None = None) -> None:
        if max_idle < 0:
            raise InvalidArgument(f"max_idle: {max_idle} is negative")
        self._make = make
        self._drop = drop
        self._max_idle = max_idle
        self._places: deque[None] = deque([None] * max_idle)
        self._idle: deque[_T] = deque()

    def get(self) -> _T:
        """One that was put back last, or a new one."""
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._make()
        self._places.append(None)
        return kept

    def put(self, value: _T, /) -> None:
        """Keeps it for the next one who asks, or drops it when enough are kept."""
        try:
            self._places.pop()
        except IndexError:
            if self._drop is not None:
                self._drop(value)
            return
        self._idle.append(value)

    @contextmanager
    def use(self) -> Iterator[_T]:
        """One that is put back at the end of the ``with`` block, also when it raises."""
        value = self.get()
        try:
            yield value
        finally:
            self.put(value)

    @property
    def idle(self) -> int:
        """How many are kept."""
        return len(self._idle)

    @property
    def max_idle(self) -> int:
        """How many are kept at most."""
        return self._max_idle

    def clear(self) -> None:
        """Drops what is kept."""
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                return
            self._places.append(None)
            if self._drop is not None:
                self._drop(kept)
