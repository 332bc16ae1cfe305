"""``pipeline``: values that go through functions, one stage after the other, each with workers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress as _suppress
from threading import RLock as _RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from . import _gort
from ._context import _cleanup

if TYPE_CHECKING:
    from typing_extensions import Self

_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_D = TypeVar("_D")
_E = TypeVar("_E")
_R_co = TypeVar("_R_co", covariant=True)
_T_contra = TypeVar("_T_contra", contravariant=True)


class Stage(Generic[_T_contra, _R_co]):
    """A function of a pipeline with workers, and room for what is under way behind it: ``gort.stage``."""

    __slots__ = ("buffer", "function", "workers")

    def __init__(self, function: Callable[[_T_contra], _R_co], workers: int, buffer: int) -> None:
        if workers < 1:
            raise _gort.InvalidArgument(f"workers: {workers} is below 1")
        if buffer < 0:
            raise _gort.InvalidArgument(f"buffer: {buffer} is negative")
        self.function, self.workers, self.buffer = function, workers, buffer


def stage(function: Callable[[_A], _B], /, *, workers: int = 1, buffer: int = 0) -> Stage[_A, _B]:
    """A stage of a ``pipeline`` with so many workers, and room for ``buffer`` results behind it. The results of several workers go on as they
    come, in no certain order."""
    return Stage(function, workers, buffer)


class _Line:
    """What the tasks of a pipeline share. They know no ``Pipeline``, so one that is dropped is given up."""

    def __init__(self) -> None:
        self.lock = _RLock()  # held for some lines that neither wait nor call code of a user
        self.tasks: list[tuple[int, _gort.Task[None]]] = []
        self.canceled = -1  # the tasks of stages up to this one are cancelled
        self.error: BaseException | None = None

    def start(self, number: int, function: Callable[..., None], *args: Any) -> None:
        task = _gort.go(function, *args)
        with self.lock:
            self.tasks.append((number, task))
            late = number <= self.canceled
        if late:
            task.cancel()

    def cancel(self, most: int) -> None:
        """Cancels the tasks of the stages up to this one, but for the caller's."""
        with self.lock:
            self.canceled = max(self.canceled, most)
            tasks = [task for number, task in self.tasks if number <= most]
        me = _gort.current_task()
        for task in tasks:
            if task is not me:
                task.cancel()

    def failed(self, number: int, error: BaseException) -> None:
        with self.lock:
            if self.error is None:
                self.error = error
        self.cancel(number)

    def join(self) -> None:
        joined = 0
        while joined < len(self.tasks):
            self.tasks[joined][1].join()
            joined += 1


def _feed(line: _Line, source: Iterable[Any], out: _gort.Channel[Any]) -> None:
    try:
        for value in source:
            out.send(value)
    except _gort.Closed:
        pass  # nobody wants more
    except _gort.TaskCanceled:
        raise
    except BaseException as e:
        line.failed(0, e)
    finally:
        with _suppress(_gort.Closed):
            out.close()


def _refine(
    line: _Line, number: int, function: Callable[[Any], Any], source: _gort.Channel[Any], out: _gort.Channel[Any], alive: _gort.AtomicInt
) -> None:
    try:
        for value in source:
            result = function(value)
            try:
                out.send(result)
            except _gort.Closed:
                source.receiver.abandon()  # nobody wants more, so nor do we
                return
    except _gort.TaskCanceled:
        raise
    except BaseException as e:
        source.receiver.abandon()
        line.failed(number, e)
    finally:
        if alive.add(-1) == 0:
            with _suppress(_gort.Closed):
                out.close()


class Pipeline(Generic[_R_co]):
    """What ``pipeline`` gives: an iterator of the results, and a context manager that leaves nothing behind."""

    def __init__(self, source: Iterable[Any], stages: tuple[Callable[[Any], Any] | Stage[Any, Any], ...]) -> None:
        self._line: _Line | None = None
        self._over = False
        self._source: Iterable[Any] | None = source
        self._stages = [s if isinstance(s, Stage) else Stage(s, 1, 0) for s in stages]
        self._results: _gort.Channel[Any] = _gort.Channel(self._stages[-1].buffer if self._stages else 0)

    def _start(self) -> _Line:
        if self._line is None:
            line = self._line = _Line()
            source, self._source = self._source, None
            last = len(self._stages)
            into: _gort.Channel[Any] = self._results if not last else _gort.Channel(0)
            try:
                line.start(0, _feed, line, source, into)
                for number, s in enumerate(self._stages, 1):
                    out: _gort.Channel[Any] = self._results if number == last else _gort.Channel(s.buffer)
                    alive = _gort.AtomicInt(s.workers)
                    for _ in range(s.workers):
                        line.start(number, _refine, line, number, s.function, into, out, alive)
                    into = out
            except BaseException:
                self._leave()
                raise
        return self._line

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _R_co:
        if self._over:
            raise StopIteration
        self._start()
        try:
            result: _R_co = self._results.recv()
        except _gort.Closed:
            pass
        else:
            return result
        self._finish()
        raise StopIteration

    def close(self) -> None:
        """Gives up what is under way, and waits until every task of the pipeline has ended. Idempotent."""
        self._leave()

    def _finish(self) -> None:
        """All results are there: waits for the tasks, and raises what ended them."""
        line, self._over = self._line, True
        if line is None:
            return
        try:
            line.join()
        except BaseException:
            self._leave()
            raise
        error, line.error = line.error, None
        if error is not None:
            try:
                raise error
            finally:
                error = None  # no cycle through this frame

    def _leave(self) -> None:
        line, self._over = self._line, True
        self._results.receiver.abandon()
        if line is not None:
            line.cancel(len(self._stages))
            with _cleanup():
                line.join()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        self._leave()
        first = self._line.error if self._line is not None else None
        if error is None and first is not None:
            try:
                raise first
            finally:
                first = None
        return False

    def __del__(self) -> None:
        with _suppress(Exception):
            self._results.receiver.abandon()
            if self._line is not None and not self._over:
                self._line.cancel(len(self._stages))


_AB = Callable[[_A], _B] | Stage[_A, _B]
_BC = Callable[[_B], _C] | Stage[_B, _C]
_CD = Callable[[_C], _D] | Stage[_C, _D]
_DE = Callable[[_D], _E] | Stage[_D, _E]


_Any = Callable[[Any], Any] | Stage[Any, Any]


@overload
def pipeline(source: Iterable[_A], /) -> Pipeline[_A]: ...
@overload
def pipeline(source: Iterable[_A], first: _AB[_A, _B], /) -> Pipeline[_B]: ...
@overload
def pipeline(source: Iterable[_A], first: _AB[_A, _B], second: _BC[_B, _C], /) -> Pipeline[_C]: ...
@overload
def pipeline(source: Iterable[_A], first: _AB[_A, _B], second: _BC[_B, _C], third: _CD[_C, _D], /) -> Pipeline[_D]: ...
@overload
def pipeline(
    source: Iterable[_A], first: _AB[_A, _B], second: _BC[_B, _C], third: _CD[_C, _D], fourth: _DE[_D, _E], /
) -> Pipeline[_E]: ...
@overload
def pipeline(
    source: Iterable[Any], first: _Any, second: _Any, third: _Any, fourth: _Any, fifth: _Any, /, *others: _Any
) -> Pipeline[Any]: ...
def pipeline(source: Iterable[Any], /, *stages: _Any) -> Pipeline[Any]:
    """Values of ``source`` through one function after the other; each is a stage with a task of its own, or with several (``gort.stage``).

        with gort.pipeline(urls, gort.stage(fetch, workers=8), parse) as pages:
            for page in pages:
                print(page)

    No stage runs ahead of the next by more than its ``buffer``. What is raised, by a function or by the source, ends its stage: what has
    come through before is still given, then the error is raised where the results are read; the stages before it are told that nobody
    wants more, and cancelled. Leaving the ``with`` block early gives up what is under way. In either case every task has ended when the
    block is left.
    """
    return Pipeline(source, stages)
