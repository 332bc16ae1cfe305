"""What programs build of timers: ``debounce``, ``throttle``, ``periodic``, ``heartbeat``, ``idle``, ``retry``, ``poll_until``.

What is the same for the first five:

- The function never runs beside itself: what comes due while it runs is run once more, right after; of a ``periodic`` and a
  ``heartbeat`` it is skipped.
- What it raises ends that run of it and nothing else, and goes where the exception of a task goes that nobody asks for.
- They belong to the run that made them, and end with it; what is decorated may be called in any run, and each call belongs to its own.
- Dropping one stops it. A run of the function that has begun is not waited for.

No lock is held while the function runs. The locks are held for some lines that neither wait nor call code of a user; they may be
taken twice by one thread, since a signal's handler may call what it has interrupted.
"""

from __future__ import annotations

import random as _random
from collections.abc import Callable
from contextlib import suppress as _suppress
from functools import wraps as _wraps
from threading import RLock as _RLock
from types import MethodType as _MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from . import _gort
from ._gort import now as _now

if TYPE_CHECKING:
    from typing_extensions import Self

_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_R = TypeVar("_R")

_NEVER = float("inf")


def _checked(name: str, seconds: float) -> float:
    if seconds != seconds:
        raise _gort.InvalidArgument(f"{name}: not a number")
    return float(seconds)


def _raise(e: BaseException) -> None:
    raise e


_Call = tuple[tuple[Any, ...], dict[str, Any]]


class _Job:
    """A function that never runs beside itself."""

    def __init__(self, function: Callable[..., object]) -> None:
        if not callable(function):
            raise TypeError(f"gort: {function!r} is not callable")
        self.function = function
        self.lock = _RLock()
        self._running = False
        self._again: _Call | None = None

    def run(self, args: tuple[Any, ...] = (), kwargs: dict[str, Any] = {}) -> None:
        """Calls it here; or, if it runs already, sees to it that it is called once more, with the last of what was given meanwhile."""
        with self.lock:
            if self._running:
                self._again = args, kwargs
                return
            self._running = True
        error: Exception | None = None
        try:
            while True:
                try:
                    self.function(*args, **kwargs)
                except Exception as e:
                    if error is None:
                        error = e
                    else:
                        _gort.go(_raise, e)
                with self.lock:
                    if self._again is None:
                        self._running = False
                        break
                    (args, kwargs), self._again = self._again, None
        except BaseException:
            self._running, self._again = False, None  # this task is to end
            raise
        if error is not None:
            try:
                raise error  # what was called for meanwhile has been run all the same
            finally:
                error = None


class _Later:
    """One call that is to come: the last that was set.

    Each setting that does not move a timer has a timer of its own: one that has fired, but whose task has not begun, must not make this
    call early; and one that was made in a run that is over fires no more.
    """

    def __init__(self, lock: _RLock, run: Callable[[tuple[Any, ...], dict[str, Any]], object]) -> None:
        self._lock = lock
        self._run = run
        self._call: _Call | None = None
        self._timer: _gort.FuncTimer | None = None
        self._number = 0

    def set(self, seconds: float, call: _Call) -> None:
        with self._lock:
            if self._timer is not None and self._timer.reset(seconds):
                self._call = call
                return
            self.take()
            self._timer = _gort.after_func(seconds, self._due, self._number)
            self._call = call

    def take(self) -> _Call | None:
        """Nothing is to come any more. What was, if something was."""
        with self._lock:
            call, self._call = self._call, None
            timer, self._timer = self._timer, None
            self._number += 1
            if timer is not None:
                timer.stop()
            return call

    def _due(self, number: int) -> None:
        with self._lock:
            call = self.take() if number == self._number else None
        if call is not None:
            self._run(*call)


class _Method:
    """A decorated function that is a method: each object has its own, made when it is first asked for and kept in its ``__dict__``."""

    _name: str | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _of(self, target: object) -> _Method:
        raise NotImplementedError

    def _bound(self, target: object) -> object:
        if target is None or self._name is None:
            return self
        try:
            return target.__dict__.setdefault(self._name, self._of(target))
        except AttributeError:
            kind = type(target).__name__
            raise TypeError(f"{kind}.{self._name} is kept in the __dict__ of each object, and a {kind} has none") from None


class _Debounced(_Method, Generic[_P]):
    """What ``debounce`` makes of a function."""

    def __init__(self, seconds: float, function: Callable[_P, object]) -> None:
        self._function = function
        self._seconds = _checked("seconds", seconds)
        self._job = _Job(function)
        self._later = _Later(self._job.lock, self._job.run)

    @overload
    def __get__(self, target: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self: _Debounced[Concatenate[Any, _Q]], target: object, owner: type | None = None) -> _Debounced[_Q]: ...
    def __get__(self, target: object, owner: type | None = None) -> Any:
        return self._bound(target)

    def _of(self, target: object) -> _Debounced[...]:
        return _Debounced(self._seconds, _MethodType(self._function, target))

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> None:
        """The function is to run, when things have been quiet for a while. Does not wait."""
        self._later.set(self._seconds, (args, kwargs))

    def cancel(self) -> bool:
        """What was called for and has not begun is not run. True if there was something."""
        return self._later.take() is not None

    def flush(self) -> bool:
        """What was called for and has not begun is begun now, in a task of its own. True if there was something."""
        call = self._later.take()
        if call is None:
            return False
        try:
            _gort.go(self._job.run, *call)
        except _gort.Error:
            self._later.set(0, call)
        return True

    def __del__(self) -> None:
        with _suppress(AttributeError, _gort.Error):
            self._later.take()


def debounce(seconds: float) -> Callable[[Callable[_P, object]], _Debounced[_P]]:
    """A decorator: the function runs once, ``seconds`` after the last of many calls, with the arguments of that one, in a task of its
    own. What is called does not wait; it has ``cancel()`` and ``flush()``. A call belongs to the run that it is made in. Of a method,
    each object has its own.
    """
    _checked("seconds", seconds)
    return lambda function: _Debounced(seconds, function)


class _Gate:
    """When a throttled function may run next."""

    def __init__(self, interval: float, job: _Job) -> None:
        self.interval = interval
        self.job = job
        self.next = -_NEVER

    def passes(self) -> bool:
        """May a call run now? Then the next one has to wait."""
        with self.job.lock:
            now = _now()
            if now < self.next:
                return False
            self.next = now + self.interval
            return True

    def late(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The trailing run; none if a later call was quicker."""
        if self.passes():
            self.job.run(args, kwargs)


class _Throttled(_Method, Generic[_P]):
    """What ``throttle`` makes of a function."""

    def __init__(self, seconds: float, trailing: bool, function: Callable[_P, object]) -> None:
        self._function = function
        self._job = _Job(function)
        self._gate = _Gate(_checked("seconds", seconds), self._job)
        self._later = _Later(self._job.lock, self._gate.late) if trailing else None

    @overload
    def __get__(self, target: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self: _Throttled[Concatenate[Any, _Q]], target: object, owner: type | None = None) -> _Throttled[_Q]: ...
    def __get__(self, target: object, owner: type | None = None) -> Any:
        return self._bound(target)

    def _of(self, target: object) -> _Throttled[...]:
        return _Throttled(self._gate.interval, self._later is not None, _MethodType(self._function, target))

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Runs the function here if it may run now; False if not. If it runs already, elsewhere, that one runs it once more."""
        with self._job.lock:
            passes = self._gate.passes()
            if self._later is not None:
                if passes:
                    self._later.take()  # it would come after a later one
                else:
                    self._later.set(self._gate.next - _now(), (args, kwargs))
        if passes:
            self._job.run(args, kwargs)
        return passes

    def cancel(self) -> bool:
        """A trailing run that is due later is not run. True if there was one."""
        return self._later is not None and self._later.take() is not None

    def __del__(self) -> None:
        with _suppress(AttributeError, _gort.Error):
            self.cancel()


def throttle(seconds: float, trailing: bool = False) -> Callable[[Callable[_P, object]], _Throttled[_P]]:
    """A decorator: the function runs at most once in ``seconds``. A call that may run runs it at once, in the caller, and is True; one
    that may not is False and dropped or, if ``trailing``, leads to one more run at the end of the interval, with the arguments of the
    last call, in a task of its own. ``cancel()`` drops that. Of a method, each object has its own.
    """
    _checked("seconds", seconds)
    return lambda function: _Throttled(seconds, trailing, function)


def _beat(
    ticker: _gort.Ticker, stop: _gort.Channel[None], function: Callable[[float], object], at_once: bool
) -> None:
    def beat(due: float) -> None:
        try:
            function(due)
        except Exception as e:
            _gort.go(_raise, e)

    if at_once:
        beat(_now())
    cases = _gort.recv(stop), _gort.recv(ticker)
    while True:
        index, due = _gort.select_biased(*cases)
        if index == 0 or due is None:
            return
        beat(due)
        with _suppress(_gort.WouldBlock):
            ticker.try_recv()  # what was missed meanwhile is skipped


class _Beating:
    """A task that calls a function at each tick until it is told to stop."""

    def __init__(self, period: float, function: Callable[[float], object], at_once: bool) -> None:
        ticker = _gort.Ticker(period)
        self._stop = _gort.Channel[None]()
        self._task = _gort.go(_beat, ticker, self._stop, function, at_once)

    def stop(self) -> None:
        """It does not run any more; a run that has begun is not waited for."""
        with _suppress(_gort.Closed):
            self._stop.close()

    def join(self, timeout: float | None = None) -> None:
        """``stop``, and waits until a run that has begun is over. Not from within the function itself."""
        self.stop()
        self._task.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> Literal[False]:
        self.stop()
        with _suppress(_gort.Misuse):  # on an event loop's thread, or in the function itself: it is not waited for
            self._task.join()
        return False

    def __del__(self) -> None:
        with _suppress(AttributeError, _gort.Error):
            self.stop()


class periodic(_Beating):
    """Calls ``function(due)`` each ``period``, for the first time after one, in a task of its own, with the time that it was due.

    How long it takes is compensated: the runs begin at the times of a ticker. ``with gort.periodic(...):`` ends it with the block;
    ``stop()`` and ``join()`` do as well.
    """

    def __init__(self, period: float, function: Callable[[float], object]) -> None:
        if not callable(function):
            raise TypeError(f"gort: {function!r} is not callable")
        super().__init__(period, function, False)


class heartbeat(_Beating):
    """Calls ``function()`` at once and then each ``period``, in a task of its own, while something else works.

    with gort.heartbeat(5, ping):
        work()
    """

    def __init__(self, period: float, function: Callable[[], object]) -> None:
        if not callable(function):
            raise TypeError(f"gort: {function!r} is not callable")
        super().__init__(period, lambda due: function(), True)


class _Watch:
    def __init__(self, limit: float, function: Callable[[], object]) -> None:
        self.limit = limit
        self.job = _Job(function)
        self.last: float | None = None  # when something was heard last; None: it waits for a touch
        self.timer = _gort.after_func(_NEVER, self.look)

    def look(self) -> None:
        """The timer is due: has it been silent for so long?"""
        with self.job.lock:
            if self.last is None:
                return
            left = self.last + self.limit - _now()
            if left > 0:
                self.timer.reset(left)
                return
            self.last = None
        self.job.run()

    def touch(self) -> None:
        with self.job.lock:
            was, self.last = self.last, _now()
            if was is None:
                self.timer.reset(self.limit)

    def stop(self) -> bool:
        with self.job.lock:
            was, self.last = self.last, None
            self.timer.stop()
        return was is not None


class idle:
    """Calls ``function()`` when nothing was heard for ``seconds``, in a task of its own, once for each time that things fall silent.

    ``touch()`` says that something was heard; it does not move a timer. Silence begins now.
    """

    def __init__(self, seconds: float, function: Callable[[], object]) -> None:
        self._watch = _Watch(_checked("seconds", seconds), function)
        self._watch.touch()

    def touch(self) -> None:
        """Something was heard: silence begins anew. Also after the function was called, or ``stop``."""
        self._watch.touch()

    def stop(self) -> bool:
        """The function is not called until the next touch. True if that prevented it."""
        return self._watch.stop()

    def __del__(self) -> None:
        with _suppress(AttributeError, _gort.Error):
            self._watch.stop()


class RetryError(_gort.Error):
    """``retry`` gave up. What the last attempt raised is also its ``__cause__``."""

    last: BaseException
    """What the last attempt raised."""
    attempts: int
    """How many there were."""
    timed_out: bool
    """The next attempt would have come after the timeout; else no attempts were left."""

    def __init__(self, last: BaseException, attempts: int, timed_out: bool) -> None:
        why = "timed out" if timed_out else "gave up"
        super().__init__(f"{why} after {attempts} attempt{'' if attempts == 1 else 's'}: {last}")
        self.last, self.attempts, self.timed_out = last, attempts, timed_out

    def __reduce__(self) -> tuple[type[RetryError], tuple[BaseException, int, bool]]:
        return RetryError, (self.last, self.attempts, self.timed_out)


def _end(timeout: float | None) -> float:
    return _NEVER if timeout is None else _now() + _checked("timeout", timeout)


def _sleep_until(time: float) -> None:
    _gort.sleep(max(time - _now(), 1e-6))


@overload
def retry(
    function: Callable[[], _R],
    attempts: int = 5,
    first: float = 0.1,
    factor: float = 2.0,
    longest: float = 30.0,
    jitter: float = 0.5,
    on: type[BaseException] | tuple[type[BaseException], ...] = Exception,
    timeout: float | None = None,
) -> _R: ...
@overload
def retry(
    function: None = None,
    attempts: int = 5,
    first: float = 0.1,
    factor: float = 2.0,
    longest: float = 30.0,
    jitter: float = 0.5,
    on: type[BaseException] | tuple[type[BaseException], ...] = Exception,
    timeout: float | None = None,
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...
def retry(
    function: Callable[[], Any] | None = None,
    attempts: int = 5,
    first: float = 0.1,
    factor: float = 2.0,
    longest: float = 30.0,
    jitter: float = 0.5,
    on: type[BaseException] | tuple[type[BaseException], ...] = Exception,
    timeout: float | None = None,
) -> Any:
    """Calls ``function()`` until it does not raise, and returns what it returns. Runs and waits in the caller.

    The wait before attempt n + 1 is ``first * factor ** (n - 1)``, at most ``longest``, of which the part ``jitter`` is left to chance.
    ``attempts=0`` is without bound. Only what is ``on`` counts as a failure; anything else is raised at once. ``RetryError`` when no
    attempts are left, or the next one would come after ``timeout``.

    Without a function it is a decorator: ``@gort.retry(attempts=3)``. Each call of what is decorated has attempts and a timeout of its own.
    """
    if attempts < 0:
        raise _gort.InvalidArgument(f"attempts: {attempts} is negative")
    for name, value in (("first", first), ("factor", factor), ("longest", longest), ("jitter", jitter)):
        _checked(name, value)
    _checked("timeout", 0 if timeout is None else timeout)

    def call(f: Callable[[], Any]) -> Any:
        end, n, wait = _end(timeout), 0, min(first, longest)
        while True:
            n += 1
            try:
                return f()
            except on as e:
                next = _now() + wait * (1 - min(max(jitter, 0.0), 1.0) * _random.random())
                if n == attempts or next > end:
                    raise RetryError(e, n, n != attempts) from e
            _sleep_until(next)
            wait = min(wait * max(factor, 1.0), longest)

    def decorate(f: Callable[_P, Any]) -> Callable[_P, Any]:
        if not callable(f):
            raise TypeError(f"gort: {f!r} is not callable")

        @_wraps(f)
        def retried(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            return call(lambda: f(*args, **kwargs))

        return retried

    return decorate if function is None else call(function)


def poll_until(predicate: Callable[[], _R], interval: float, timeout: float | None = None) -> _R:
    """Calls ``predicate()``, at once and then each ``interval``, until what it returns is true, and returns that. Runs and waits in the
    caller. ``TimedOut`` when the next look would come after ``timeout``. The looks keep their phase; what a slow predicate misses is
    skipped.
    """
    interval, end, next = max(_checked("interval", interval), 1e-9), _end(timeout), _now()
    while not (value := predicate()):
        next += interval * (1 + max(_now() - next, 0.0) // interval)
        if next > end:
            raise _gort.TimedOut("timed out: the next look would come too late")
        _sleep_until(next)
    return value
