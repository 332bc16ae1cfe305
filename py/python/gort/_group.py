"""``Group``: tasks that end together (a nursery)."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar

from . import _gort
from ._run import shield

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
    """

    errors: list[BaseException]
    """What was raised beside the error that the ``with`` block raises."""

    def __init__(self) -> None:
        self._tasks: list[_gort.Task[Any]] = []
        self._first: BaseException | None = None
        self._canceled = False
        self.errors = []

    def go(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _gort.Task[_R]:
        """Starts a task of the group."""
        task = _gort.go(self._call, function, args, kwargs)
        self._tasks.append(task)
        if self._canceled:
            task.cancel()
        return task

    def cancel(self) -> None:
        """Cancels every task of the group. Does not wait."""
        self._canceled = True
        for task in list(self._tasks):
            task.cancel()

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
            with shield():
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
