"""``Group``: tasks that end together (a nursery)."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar

from . import _gort
from ._context import _cleanup

if TYPE_CHECKING:
    from typing_extensions import Self

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Group:
    """Tasks that end together.

        with gort.Group() as g:
            g.go(fetch, "a")
            g.go(fetch, "b")

    The end of the ``with`` block waits for all of them. The first error, of a task or of the block, cancels the others and is
    raised; what else was raised is kept in ``errors``. A task that ends because it was cancelled is no error.

    With a ``limit`` at most so many of them live at a time: ``go`` waits at the limit, ``try_go`` does not. 0 admits none.
    """

    errors: list[BaseException]
    """What was raised beside the error that the ``with`` block raises."""

    def __init__(self, *, limit: int | None = None) -> None:
        if limit is not None and limit < 0:
            raise _gort.InvalidArgument(f"limit: {limit} is negative")
        self._places = None if limit is None else _gort.Semaphore(max(limit, 1))
        if limit == 0 and self._places is not None:
            self._places.acquire()
        self._tasks: list[_gort.Task[Any]] = []
        self._first: BaseException | None = None
        self._canceled = False
        self.errors = []

    def go(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _gort.Task[_R]:
        """Starts a task of the group. At the limit it waits until one has ended."""
        if self._places is not None:
            self._places.acquire()
        return self._start(function, args, kwargs)

    def try_go(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _gort.Task[_R]:
        """``go`` that never waits: ``WouldBlock`` at the limit."""
        if self._places is not None and not self._places.try_acquire():
            raise _gort.WouldBlock("the group is at its limit")
        return self._start(function, args, kwargs)

    def _start(self, function: Callable[..., _R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _gort.Task[_R]:
        try:
            task = _gort.go(self._call, function, args, kwargs)
        except BaseException:
            self._leave()
            raise
        self._tasks.append(task)
        if self._canceled:
            task.cancel()
        return task

    def _leave(self) -> None:
        if self._places is not None:
            self._places.release()

    def cancel(self) -> None:
        """Cancels every task of the group. Does not wait."""
        self._canceled = True
        for task in list(self._tasks):
            task.cancel()

    @property
    def canceled(self) -> bool:
        """Was it cancelled, by an error or by ``cancel``? For tasks that compute."""
        return self._canceled

    @property
    def tasks(self) -> tuple[_gort.Task[Any], ...]:
        """The tasks that were started, in order."""
        return tuple(self._tasks)

    def _call(self, function: Callable[..., _R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _R:
        try:
            return function(*args, **kwargs)
        except _gort.TaskCanceled:
            raise
        except BaseException as e:
            self._failed(e)
            raise  # so that the task's own result() says it, too
        finally:
            self._leave()

    def _failed(self, error: BaseException) -> None:
        if self._first is None:
            self._first = error
        else:
            self.errors.append(error)
        self.cancel()

    def _join_all(self) -> None:
        joined = 0
        while joined < len(self._tasks):  # a task may start others of the group
            self._tasks[joined].join()
            joined += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        if error is not None:
            if self._first is not None and not isinstance(error, _gort.TaskCanceled):
                self.errors.insert(0, self._first)
            self.cancel()
        try:
            self._join_all()
        except BaseException:
            # Interrupted while waiting: nothing is left behind.
            self.cancel()
            with _cleanup():
                self._join_all()
            raise
        finally:
            first, self._first = self._first, None
            self._tasks_done()
        if error is None and first is not None:
            try:
                raise first
            finally:
                first = None  # no cycle through this frame
        return False

    def _tasks_done(self) -> None:
        for task in self._tasks:
            task.exception()  # seen: not reported again

    # Both must be there, or Python complains of the one that is missing.
    async def __aexit__(self, *_exc: object) -> None: ...

    async def __aenter__(self) -> NoReturn:
        raise _gort.Misuse("a Group waits for its tasks, which would freeze the event loop; use it in a task or a thread")
