"""What a select came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Generic, TypeVar

    _I_co = TypeVar("_I_co", bound=int, covariant=True)
    _T_co = TypeVar("_T_co", covariant=True)

    class Got(NamedTuple, Generic[_I_co, _T_co]):
        """``(index, value)`` of the case that went ahead, or ``(-1, default)``.

        The value of a receive is what came, of a send None, of ``after`` the time it was due. ``ok`` is False when the channel is
        closed and drained; the value is None then.
        """

        index: _I_co  # type: ignore[assignment]  # the name of a method of tuples
        value: _T_co

        @property
        def ok(self) -> bool:
            """False when the case ended because its channel is closed and drained."""

    class GotClosed(Got[_I_co, _T_co]):
        """A ``Got`` whose ``ok`` is False."""

else:  # made by Rust (py/src/got.rs); Python 3.10 has no generic named tuples

    class Got(NamedTuple):
        """``(index, value)`` of the case that went ahead, or ``(-1, default)``.

        The value of a receive is what came, of a send None, of ``after`` the time it was due. ``ok`` is False when the channel is
        closed and drained; the value is None then.
        """

        index: int
        value: object

        @property
        def ok(self) -> bool:
            """False when the case ended because its channel is closed and drained."""
            return True

    class GotClosed(Got):
        """A ``Got`` whose ``ok`` is False."""

        __slots__ = ()

        @property
        def ok(self) -> bool:
            """False: the channel is closed and drained."""
            return False

        def __repr__(self) -> str:
            return f"Got(index={self.index}, value=None, ok=False)"
