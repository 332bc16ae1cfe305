"""``WorkerPool``: a few tasks that take job after job from a bounded queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress as _suppress
from contextvars import Context as _Vars
from threading import RLock as _RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar

from . import _gort
from ._context import _ambient, _cleanup

if TYPE_CHECKING:
    from typing_extensions import Self

_P = ParamSpec("_P")
_R = TypeVar("_R")

_PENDING, _DONE, _FAILED, _GIVEN_UP = range(4)


class Job(Generic[_R]):
    """What ``WorkerPool.submit`` gives: a place to wait for a result."""

    __slots__ = ("_ambient", "_call", "_over", "_state", "_to", "_value")

    def __init__(
        self, function: Callable[..., _R], args: tuple[Any, ...], kwargs: dict[str, Any], to: _gort.Channel[Job[_R]] | None = None
    ) -> None:
        self._call: tuple[Callable[..., _R], tuple[Any, ...], dict[str, Any]] | None = (function, args, kwargs)
        self._ambient = _ambient.get()
        self._over = _gort.Event()
        self._to = to
        self._value: Any = None
        self._state = _PENDING  # written after the value and before `over` is set

    def result(self, timeout: float | None = None) -> _R:
        """Waits until the job is over; what its function returned, or raises what it raised. ``Canceled`` if it never runs: its pool was cancelled."""
        if self._state == _PENDING:
            self._over.wait(timeout)
        if self._state == _DONE:
            value: _R = self._value
            return value
        if self._state == _FAILED:
            raise self._value
        raise _gort.Canceled("the pool was cancelled before the job could end")

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits until the job is over; what its function raised, or None. ``Canceled`` is returned if it never runs."""
        self._over.wait(timeout)
        if self._state == _GIVEN_UP:
            return _gort.Canceled("the pool was cancelled before the job could end")
        error: BaseException | None = self._value if self._state == _FAILED else None
        return error

    @property
    def done(self) -> bool:
        """Is it over, or will never run?"""
        return self._state != _PENDING

    def __await__(self) -> Generator[Any, Any, _R]:
        """In asyncio: its result."""
        yield from self._over.wait_async().__await__()
        return self.result()

    def _end(self, state: int, value: Any) -> None:
        self._call = None  # nothing of the job is kept by its result
        self._value = value
        self._state = state
        self._over.set()
        if self._to is not None:
            with _suppress(_gort.Closed):
                self._to.try_send(self)  # there is room for each that is under way


def _raise(e: BaseException) -> None:
    raise e


class _Crew:
    """What a pool and its workers share. Workers know no pool, so one that is dropped is closed.

    ``pending`` counts the jobs that are submitted and not over, ``workers`` those that live or are being started. A submit counts its job
    first, and starts a worker if there are fewer than jobs; one that found nothing for a while leaves only if there are more than jobs.
    So a job that is queued has a worker, however the two meet. A pool whose workers stay, and that tells of no progress, need not count:
    each submit starts one until all are there.
    """

    def __init__(
        self, most: int, least: int, idle: float | None, queue: int, progress: Callable[[int, int], object] | None
    ) -> None:
        self.most, self.least, self.idle, self.progress = most, least, idle, progress
        self.counts = idle is not None or progress is not None
        self.init: Callable[[], Any] | None = None
        self.finish: Callable[[Any], object] | None = None
        self.queue: _gort.Channel[Job[Any]] = _gort.Channel(queue)
        self.lock = _RLock()  # held for some lines that neither wait nor call code of a user
        self.pending = self.workers = self.over = self.submitted = 0
        self.tasks: list[_gort.Task[None]] = []
        self.canceled = False

    def count_in(self) -> None:
        if not self.counts and self.workers == self.most:
            return
        if self.queue.closed:
            raise _gort.Closed("the pool is closed")  # and nobody is hired for it
        with self.lock:
            self.pending += self.counts
            self.submitted += self.counts
            hire = self.workers < self.most and (not self.counts or self.workers < self.pending)
            self.workers += hire
        if not hire:
            return
        try:
            task = _Vars().run(_gort.go, _work, self)  # in nobody's context: it outlives whoever has come first
        except BaseException:
            with self.lock:
                self.workers -= 1
                alone = not self.workers
            if alone:
                self.count_back()
                raise
            return
        with self.lock:
            self.tasks = [t for t in self.tasks if not t.done]
            self.tasks.append(task)
        if self.canceled:
            task.cancel()  # whoever cancelled the pool may have come too early for this one

    def count_back(self) -> None:
        with self.lock:
            self.pending -= self.counts
            self.submitted -= self.counts

    def count_out(self) -> None:
        with self.lock:
            self.pending -= 1
            self.over += 1
            over, submitted = self.over, self.submitted
        if self.progress is not None:
            try:
                self.progress(over, submitted)
            except Exception as e:
                _gort.go(_raise, e)  # told as that of a task that nobody asks for

    def may_leave(self) -> bool:
        with self.lock:
            if self.workers <= max(self.pending, self.least):
                return False
            self.workers -= 1
            return True

    def cancel(self) -> None:
        with _suppress(_gort.Closed):
            self.queue.close()
        self.canceled = True
        with self.lock:
            tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        self.give_up()

    def give_up(self) -> bool:
        """What is queued will not run. Was there something?"""
        some = False
        with _suppress(_gort.Closed, _gort.WouldBlock):
            while True:
                job = self.queue.try_recv()
                self.count_back()
                job._end(_GIVEN_UP, None)
                some = True
        return some


def _work(crew: _Crew) -> None:
    """What a worker's task runs."""
    state: list[Any] = []  # made when the first job needs it
    left = False
    recv, idle, init, counts = crew.queue.recv, crew.idle, crew.init, crew.counts
    try:
        while True:
            try:
                job = recv() if idle is None else recv(timeout=idle)
            except _gort.TimedOut:
                if crew.may_leave():
                    left = True
                    return
                continue
            except _gort.Closed:
                return
            call = job._call
            assert call is not None  # it is not over
            function, args, kwargs = call
            if job._ambient is not None:
                _ambient.set(job._ambient)
            try:
                if init is None:
                    value = function(*args, **kwargs)
                else:
                    if not state:
                        state.append(init())
                    value = function(state[0], *args, **kwargs)
            except Exception as e:
                job._end(_FAILED, e)
            except BaseException:
                job._end(_GIVEN_UP, None)  # this task is to end
                if counts:
                    crew.count_out()
                raise
            else:
                job._end(_DONE, value)
                value = None
            if job._ambient is not None:
                _ambient.set(None)
            del job, call, function, args, kwargs  # nothing is kept while it waits for the next
            if counts:
                crew.count_out()
    finally:
        try:
            if state and crew.finish is not None:
                with _cleanup():
                    crew.finish(state.pop())
        finally:
            if not left:
                with crew.lock:
                    crew.workers -= 1


class WorkerPool:
    """A few tasks that take job after job from a bounded queue.

        with gort.WorkerPool(4) as pool:
            job = pool.submit(fetch, "a")
            for page in pool.map(fetch, urls):        # in the order of urls
                ...
            for page in pool.imap_unordered(fetch, urls):  # as they come
                ...
            print(job.result())

    The end of the ``with`` block waits for every job; if the block raises, the pool is cancelled. Without ``with``: ``close`` and ``wait``,
    or ``cancel``. One that is dropped is closed.

    At most ``workers`` (None: one for each processor) of them live; they start when there is work, and belong to the run of whoever's submit
    has started them. With ``idle`` those beyond ``least`` end when they find nothing to do for so many seconds. ``queue`` jobs (None: as
    many as workers) can wait for a worker; then ``submit`` waits.

    ``init()`` makes the state of a worker, when its first job needs it: jobs are then called with it as their first argument, and
    ``finish(state)`` when the worker ends. ``progress(over, submitted)`` is called by a worker after each job.

    A job waits within the ambient context of whoever submitted it, as a task does; of other context variables it sees those of no one.

    Jobs that compute take turns, as all Python tasks of a thread do; a job that waits lets the others work.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        least: int = 0,
        idle: float | None = None,
        queue: int | None = None,
        init: Callable[[], Any] | None = None,
        finish: Callable[[Any], object] | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        most = _gort.num_cpu() if workers is None else workers
        if most < 1:
            raise _gort.InvalidArgument(f"workers: {most} is below 1")
        places = most if queue is None else queue
        if places < 1:
            raise _gort.InvalidArgument(f"queue: {places} is below 1")
        if least < 0:
            raise _gort.InvalidArgument(f"least: {least} is negative")
        self._crew = _Crew(most, least if idle is not None else most, idle, places, progress)
        self._crew.init, self._crew.finish = init, finish

    def submit(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Job[_R]:
        """Hands a job to the workers; waits while the queue is full. ``Closed`` after ``close``."""
        crew = self._crew
        if crew.counts or crew.workers != crew.most:
            return self._submit(Job(function, args, kwargs))
        job = Job(function, args, kwargs)  # the usual case: nothing to count and nobody to start
        crew.queue.send(job)
        return job

    def try_submit(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Job[_R]:
        """``submit`` that never waits: ``WouldBlock`` when the queue is full."""
        return self._submit(Job(function, args, kwargs), wait=False)

    async def submit_async(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Job[_R]:
        """``submit`` in asyncio. The job itself is awaited for its result."""
        job: Job[_R] = Job(function, args, kwargs)
        self._crew.count_in()
        try:
            await self._crew.queue.send_async(job)
        except BaseException:
            self._crew.count_back()
            raise
        return job

    def _submit(self, job: Job[_R], wait: bool = True) -> Job[_R]:
        crew = self._crew
        crew.count_in()
        try:
            if wait:
                crew.queue.send(job)
            else:
                crew.queue.try_send(job)
        except BaseException:
            crew.count_back()
            raise
        return job

    def map(self, function: Callable[..., _R], /, *iterables: Iterable[Any]) -> Iterator[_R]:
        """``function`` of each item, or of one of each iterable: the results, in their order. It submits as it is asked, and never more than
        the workers and the queue can take. What a job raises is raised here, in its place.
        """
        under_way: deque[Job[_R]] = deque()
        items = zip(*iterables) if len(iterables) != 1 else ((item,) for item in iterables[0])
        for args in items:
            under_way.append(self._submit(Job(function, args, {})))
            if len(under_way) >= self._window:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def imap_unordered(self, function: Callable[..., _R], /, *iterables: Iterable[Any]) -> Iterator[_R]:
        """``map`` whose results come as they are ready."""
        over: _gort.Channel[Job[_R]] = _gort.Channel(self._window)
        under_way = 0
        items = zip(*iterables) if len(iterables) != 1 else ((item,) for item in iterables[0])
        for args in items:
            self._submit(Job(function, args, {}, over))
            under_way += 1
            if under_way >= self._window:
                under_way -= 1
                yield over.recv().result()
        while under_way:
            under_way -= 1
            yield over.recv().result()

    @property
    def _window(self) -> int:
        return self._crew.most + (self._crew.queue.capacity or 0)

    @property
    def workers(self) -> int:
        """Workers that live now."""
        return self._crew.workers

    def close(self) -> None:
        """Takes no more jobs: ``submit`` raises ``Closed``, also one that waits. What is queued is run. Does not wait."""
        with _suppress(_gort.Closed):
            self._crew.queue.close()

    def cancel(self) -> None:
        """Closes the pool, gives up what is queued (``result`` raises ``Canceled``), and cancels the workers. Does not wait."""
        self._crew.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Closes the pool and waits until every job is over and the workers have ended. Not from within a job.

        ``TimedOut``: they go on, and can be waited for again. If the caller is cancelled meanwhile, the pool is, and its workers are
        still waited for. ``Canceled`` if jobs were left that nobody ran, for the run of their workers was over.
        """
        self.close()
        try:
            self._join(timeout)
        except BaseException as e:
            if timeout is not None and isinstance(e, _gort.TimedOut):
                raise
            self.cancel()
            with _cleanup():
                self._join(None)
            raise
        if self._crew.give_up():
            raise _gort.Canceled("jobs were left, for the run of their workers was over")

    def _join(self, timeout: float | None) -> None:
        ends = None if timeout is None else _gort.now() + timeout
        crew = self._crew
        while True:
            with crew.lock:
                tasks = [t for t in crew.tasks if not t.done]
            if not tasks:
                break
            for task in tasks:
                task.join(timeout=None if ends is None else max(ends - _gort.now(), 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        if error is not None:
            self.cancel()
        self.wait()
        return False

    def __del__(self) -> None:
        with _suppress(Exception):
            self.close()
