"""Event: who waits goes on when it is set, and who comes later does not wait; for tasks, threads and asyncio."""

import asyncio
import copy
import gc
import threading
import weakref

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets, until_waiting


def test_set_lets_tasks_and_threads_go_on():
    e, got = gort.Event(), []

    def wait():
        assert e.wait() is None
        got.append(1)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for _ in range(5):
                g.go(wait)
            until_waiting(5, "event")
            assert got == []
            assert e.set()

    gort.run(main)
    for t in threads:
        t.join()
    assert len(got) == 8


@in_thread_and_task
def test_forms(run):
    def body():
        e = gort.Event()
        assert not e.is_set() and "not set" in repr(e)
        with pytest.raises(gort.TimedOut):
            e.wait(timeout=0.001)
        with pytest.raises(TimeoutError):
            e.wait(0)
        with pytest.raises(gort.InvalidArgument):
            e.wait(float("nan"))
        assert e.set() is True and e.set() is False
        assert e.is_set() and "not set" not in repr(e)
        assert e.wait() is None and e.wait(timeout=0) is None
        assert e.clear() is True and e.clear() is False and not e.is_set()
        with pytest.raises(TypeError):
            copy.copy(e)

    run(body)


@needs_greenlets
def test_who_waits_goes_on_also_if_it_is_cleared_before_they_run():
    def main():
        e = gort.Event()
        tasks = [gort.go(e.wait) for _ in range(3)]
        until_waiting(3, "event")
        e.set()
        e.clear()
        for t in tasks:
            t.join(30)
        assert not e.is_set()

    gort.run(main)


def test_cancelled_task_does_not_wait_and_finds_out_though_it_is_set():
    def main():
        e, started, seen = gort.Event(), gort.Event(), []

        def wait():
            started.set()
            try:
                e.wait()
            except gort.TaskCanceled:
                e.set()
                with pytest.raises(gort.TaskCanceled):
                    e.wait()
                seen.append(e.is_set())
                raise

        t = gort.go(wait)
        started.wait()
        t.cancel()
        t.join()
        assert t.canceled and seen == [True]

    gort.run(main)


@needs_greenlets
def test_waited_for_by_all_is_a_deadlock_that_says_so(program):
    done = program(
        """
        import gort
        def main():
            try:
                gort.Event().wait()
            except gort.Deadlock as e:
                print("event 0x" in str(e))
        try:
            gort.run(main)
        except gort.Deadlock:
            print("and of the run")
        """,
        watched=False,
    )
    assert done.stdout == "True\nand of the run\n"


# ---- asyncio


async def wrap(awaitable):
    return await awaitable


def test_asyncio_is_told_by_tasks_threads_and_loops():
    for tell in (lambda e: gort.go(e.set), lambda e: threading.Thread(target=e.set).start(), lambda e: e.set()):

        async def main(tell=tell):
            e = gort.Event()
            waiting = [asyncio.ensure_future(wrap(e.wait_async())) for _ in range(5)]
            await asyncio.sleep(0.005)
            assert not any(w.done() for w in waiting)
            tell(e)
            assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == [None] * 5
            assert await e.wait_async() is None

        asyncio.run(main())


def test_asyncio_tells_tasks_and_threads():
    asked, told, got = gort.Event(), gort.Event(), []

    def wait():
        asked.set()
        told.wait()
        got.append(1)

    async def main():
        t = threading.Thread(target=wait)
        t.start()
        task = gort.go(wait)
        await asked.wait_async()
        told.set()
        await asyncio.to_thread(t.join)
        await asyncio.to_thread(task.join)

    asyncio.run(main())
    assert got == [1, 1]


def test_blocking_call_on_a_running_loop_is_misuse():
    async def main():
        e = gort.Event()
        for call in (e.wait, lambda: e.wait(1)):
            with pytest.raises(gort.Misuse, match="wait_async"):
                call()
        e.set()
        e.wait()  # set: it does not block

    asyncio.run(main())


def test_waiters_cancelled_at_random_and_the_others_are_told(rng):
    async def main():
        for _ in range(50):
            e = gort.Event()
            waiting = [asyncio.ensure_future(wrap(e.wait_async())) for _ in range(10)]
            await asyncio.sleep(0)
            t = threading.Thread(target=e.set)
            t.start()
            if rng.random() < 0.5:
                await asyncio.sleep(rng.random() * 0.0005)
            for w in rng.sample(waiting, 5):
                w.cancel()
            ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
            assert ended.count(None) >= 5
            t.join()

    asyncio.run(main())


def test_timeout_of_asyncio_ends_an_await_and_leaves_nothing():
    async def main():
        e = gort.Event()
        gone = weakref.ref(e)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(e.wait_async(), 0.005)
        e.set()
        await e.wait_async()
        del e
        await asyncio.sleep(0.01)
        gc.collect()
        assert gone() is None

    asyncio.run(main())


# ---- signals, the collector, fork


def test_signal_handler_that_raises_ends_a_wait(program):
    done = program(
        """
        import gort, os, signal, threading
        def main():
            e = gort.Event()
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                e.wait(60)
            except KeyboardInterrupt:
                print("interrupted")
        main()
        gort.run(main)
        """
    )
    assert done.stdout == "interrupted\n" * 2


def test_signal_handler_may_set_it(program):
    done = program(
        """
        import gort, os, signal, threading
        e = gort.Event()
        signal.signal(signal.SIGUSR1, lambda *_: print("set", e.set()))
        def main():
            e.clear()
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            e.wait(60)
            print("told")
        main()
        gort.run(main)
        """
    )
    assert done.stdout == "set True\ntold\n" * 2


def test_collected_in_a_cycle_and_kept_by_who_waits():
    class Owner:
        pass

    o = Owner()
    o.e = e = gort.Event()
    o.me = o
    gone = weakref.ref(e)
    t = gort.go(e.wait)
    until_waiting(1, "event")
    del o
    e.set()
    del e
    t.join()
    del t
    gc.collect()
    assert gone() is None


def test_child_of_a_fork_keeps_what_is_set(program):
    done = program(
        """
        import gort, os, threading
        a, b = gort.Event(), gort.Event()
        a.set()
        waiter = threading.Thread(target=b.wait)
        waiter.start()
        pid = os.fork()
        if pid == 0:
            ok = a.is_set() and not b.is_set()
            t = gort.go(b.wait)
            ok = ok and b.set()
            t.join()
            os._exit(0 if ok else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert not b.is_set()
        b.set()
        waiter.join()
        print("told")
        """,
        dev=False,
    )
    assert done.stdout == "told\n"
