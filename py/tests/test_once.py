"""Once and gort.once: the first call runs it, the others wait; what it raises; what is released."""

import asyncio
import contextvars
import copy
import functools
import gc
import inspect
import threading
import traceback
import weakref

import gort
import pytest
from conftest import needs_greenlets, until_waiting


def test_once_of_tasks_and_threads():
    # Go's TestOnce.
    o, ran, seen = gort.Once(), [], []

    def slow(a, *, b):
        ran.append((a, b))
        gort.sleep(0.01)
        ran.append("end")

    def come():
        assert o.do(slow, 1, b=2) is None
        seen.append(list(ran))

    threads = [threading.Thread(target=come) for _ in range(3)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for _ in range(10):
                g.go(come)

    gort.run(main)
    for t in threads:
        t.join()
    assert seen == [[(1, 2), "end"]] * 13 and o.done


def test_once_panic_counts_as_done_and_goes_to_who_ran_it():
    # Go's TestOncePanic.
    o = gort.Once()
    assert not o.done and "not done" in repr(o)
    with pytest.raises(ZeroDivisionError):
        o.do(lambda: 1 // 0)
    assert o.done and "not done" not in repr(o)
    o.do(pytest.fail, "it is done")
    with pytest.raises(TypeError):
        gort.Once().do()
    with pytest.raises(TypeError):
        copy.copy(o)


def test_wait_for_another_ignores_cancellation():
    def main():
        o, started, go_on, got = gort.Once(), gort.Event(), gort.Event(), []

        def slow():
            started.set()
            go_on.wait()

        def wait():
            o.do(pytest.fail, "it is done")
            got.append(o.done)

        first = gort.go(o.do, slow)
        started.wait()
        other = gort.go(wait)
        until_waiting(1, "once")
        other.cancel()
        gort.sleep(0.005)
        assert not other.done and got == []
        go_on.set()
        first.join()
        other.join()
        assert got == [True]

    gort.run(main)


@needs_greenlets
def test_recursion_is_a_deadlock_that_says_so(program):
    # M5: recursion deadlocks.
    done = program(
        """
        import gort
        def main():
            o = gort.Once()
            try:
                o.do(o.do, print)
            except gort.Deadlock as e:
                print("once 0x" in str(e), o.done)
        try:
            gort.run(main)
        except gort.Deadlock:
            print("and of the run")
        """,
        watched=False,
    )
    assert done.stdout == "True True\nand of the run\n"


def test_call_on_a_running_loop_does_not_wait():
    async def main():
        o, started, go_on = gort.Once(), threading.Event(), threading.Event()

        def slow():
            started.set()
            go_on.wait()

        other = asyncio.ensure_future(asyncio.to_thread(o.do, slow))
        await asyncio.to_thread(started.wait)
        with pytest.raises(gort.Misuse):
            o.do(pytest.fail)
        go_on.set()
        await other
        o.do(pytest.fail)

    asyncio.run(main())


def test_signal_handler_that_raises_ends_a_wait(program):
    done = program(
        """
        import gort, os, signal, threading
        started, go_on = threading.Event(), threading.Event()
        def slow():
            started.set()
            go_on.wait()
        def main():
            o = gort.Once()
            t = threading.Thread(target=o.do, args=(slow,))
            t.start()
            started.wait()
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                o.do(print, "never")
            except KeyboardInterrupt:
                print("interrupted", o.done)
            go_on.set()
            t.join()
            o.do(print, "never")
        main()
        started.clear(), go_on.clear()
        gort.run(main)
        """
    )
    assert done.stdout == "interrupted False\n" * 2


def test_child_of_a_fork_does_what_its_parent_had_not_finished(program):
    done = program(
        """
        import gort, os, threading
        running, finished = gort.Once(), gort.Once()
        finished.do(lambda: None)
        started, go_on = threading.Event(), threading.Event()
        def slow():
            started.set()
            go_on.wait()
        t = threading.Thread(target=running.do, args=(slow,))
        t.start()
        started.wait()
        pid = os.fork()
        if pid == 0:
            done = []
            finished.do(done.append, "finished")
            running.do(done.append, "running")
            os._exit(0 if done == ["running"] and running.done else 1)
        assert os.waitpid(pid, 0)[1] == 0
        go_on.set()
        t.join()
        print(running.done)
        """,
        dev=False,
    )
    assert done.stdout == "True\n"


def test_collected_in_a_cycle():
    class Owner:
        pass

    o = Owner()
    o.once, o.me = gort.Once(), o
    o.once.do(setattr, o, "set", o)
    gone = weakref.ref(o.once)
    del o
    gc.collect()
    assert gone() is None


# ---- gort.once


def test_oncevalue():
    # Go's TestOnceValue: one value for all, of tasks and threads.
    ran = []

    @gort.once
    def make():
        """Makes it."""
        ran.append(1)
        gort.sleep(0.005)
        return object()

    assert (make.__name__, make.__doc__) == ("make", "Makes it.")
    assert not inspect.signature(make).parameters
    got = []
    threads = [threading.Thread(target=lambda: got.append(make())) for _ in range(3)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            tasks = [g.go(make) for _ in range(10)]
        got.extend(t.result() for t in tasks)

    gort.run(main)
    for t in threads:
        t.join()
    assert len(got) == 13 and len(set(map(id, got))) == 1 and ran == [1]
    with pytest.raises(TypeError):
        gort.once(1)
    with pytest.raises(TypeError):
        make(1)


def test_oncevalue_panic_is_the_same_at_every_call():
    # Go's TestOnceValuePanic.
    ran = []

    @gort.once
    def fail():
        ran.append(1)
        raise KeyError("no")

    errors = []
    for _ in range(3):
        with pytest.raises(KeyError, match="no") as e:
            fail()
        errors.append(e.value)
    assert ran == [1] and errors[0] is errors[1] is errors[2]
    # The traceback does not grow with the calls, and shows where it was raised.
    last = traceback.extract_tb(errors[2].__traceback__)
    assert last[-1].name == "fail" and len(last) < 8


def test_value_none_is_a_value():
    ran = []
    f = gort.once(lambda: ran.append(1))
    assert f() is None and f() is None and ran == [1]


@pytest.mark.parametrize("fails", [False, True])
def test_function_is_released_when_it_has_run(fails):
    # Go's TestOnceFuncGC.
    class Function:
        def __call__(self):
            self = None  # what was raised keeps the frame
            if fails:
                raise KeyError

    held = Function()
    gone = weakref.ref(held)
    f = gort.once(held)
    del held
    gc.collect()
    assert gone() is not None
    for _ in range(2):
        try:
            f()
        except KeyError:
            assert fails
        gc.collect()
        assert gone() is None


def test_cancelled_run_is_canceled_for_the_others_and_they_are_not():
    def main():
        started = gort.Event()

        @gort.once
        def slow():
            started.set()
            gort.sleep(30)

        first = gort.go(slow)
        started.wait()
        other = gort.go(slow)
        until_waiting(1, "once")
        first.cancel()
        first.join()
        assert first.canceled
        with pytest.raises(gort.Canceled, match="ended by TaskCanceled") as e:
            other.result(30)
        assert isinstance(e.value.__cause__, gort.TaskCanceled) and not other.canceled
        with pytest.raises(gort.Canceled):
            slow()

    gort.run(main)


def test_runs_in_the_caller_with_its_context():
    v = contextvars.ContextVar("v", default=0)

    def main():
        v.set(7)
        f = gort.once(lambda: (v.get(), gort.current_task()))
        assert f() == (7, gort.current_task())
        assert gort.go(f).result() == f()

    gort.run(main)
