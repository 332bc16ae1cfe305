"""``Group``: tasks that end together (a nursery)."""

from __future__ import annotations

from . import _gort
from ._run import shield


class Group:
    """Tasks that end together.

        with gort.Group() as g:
            g.go(fetch, "a")
            g.go(fetch, "b")

    The end of the ``with`` block waits for all of them. The first error, of a task or of the block, cancels the others and is
    raised; what else was raised is kept in ``errors``. A task that ends because it was cancelled is no error.
    """

    def __init__(self):
        self._tasks = []
        self._first = None
        self._canceled = False
        self.errors = []

    def go(self, function, /, *args, **kwargs):
        """Starts a task of the group."""
        task = _gort.go(self._call, function, args, kwargs)
        self._tasks.append(task)
        if self._canceled:
            task.cancel()
        return task

    def cancel(self):
        """Cancels every task of the group. Does not wait."""
        self._canceled = True
        for task in list(self._tasks):
            task.cancel()

    @property
    def tasks(self):
        """The tasks that were started, in order."""
        return tuple(self._tasks)

    def _call(self, function, args, kwargs):
        try:
            return function(*args, **kwargs)
        except _gort.TaskCanceled:
            raise
        except BaseException as e:
            self._failed(e)
            if not isinstance(e, Exception):
                raise
            return None

    def _failed(self, error):
        if self._first is None:
            self._first = error
        else:
            self.errors.append(error)
        self.cancel()

    def _join_all(self):
        joined = 0
        while joined < len(self._tasks):  # a task may start others of the group
            self._tasks[joined].join()
            joined += 1

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
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

    def _tasks_done(self):
        for task in self._tasks:
            task.exception()  # seen: not reported again

    async def __aenter__(self):
        raise _gort.Misuse("a Group waits for its tasks, which would freeze the event loop; use it in a task or a thread")
