"""Mutex: tasks, threads and asyncio take turns; what a plain lock ignores and what ends it; nothing is lost when a waiter gives up."""

import asyncio
import copy
import gc
import os
import pickle
import threading
import weakref

import gort
import pytest
from conftest import needs_greenlets


def hammer(m, total, n):
    for i in range(n):
        with m:
            v = total[0]
            if i % 16 == 0:
                gort.yield_now()  # somebody else runs into it
            total[0] = v + 1


def test_tasks_and_threads_take_turns():
    m, total = gort.Mutex(), [0]
    threads = [threading.Thread(target=hammer, args=(m, total, 500)) for _ in range(2)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for _ in range(5):
                g.go(hammer, m, total, 500)

    gort.run(main)
    for t in threads:
        t.join()
    assert total == [7 * 500] and not m.locked()


def test_forms_and_misuse():
    m = gort.Mutex()
    assert not m.locked() and m.try_lock() and m.locked() and not m.try_lock()
    with pytest.raises(gort.TimedOut):
        m.lock(timeout=0.001)
    with pytest.raises(TimeoutError):
        m.lock(timeout=0)
    with pytest.raises(gort.InvalidArgument):
        m.lock(timeout=float("nan"))
    assert m.unlock() is None
    with pytest.raises(gort.Misuse, match="not locked"):
        m.unlock()
    assert m.lock(timeout=0) is None
    m.unlock()
    with m as nothing:
        assert nothing is None and "unlocked" not in repr(m)
    assert "unlocked" in repr(m)


def test_with_unlocks_when_the_body_fails():
    m = gort.Mutex()
    with pytest.raises(KeyError), m:
        raise KeyError
    assert not m.locked()
    with pytest.raises(gort.Misuse), m:
        m.unlock()
    assert m.try_lock()


def test_a_copy_is_impossible():
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            way(gort.Mutex())


def test_waiters_are_served_in_the_order_of_their_coming():
    def main():
        m, got = gort.Mutex(), []

        def wait(i):
            with m:
                got.append(i)

        with gort.Group() as g:
            with m:
                for i in range(10):
                    g.go(wait, i)
                    gort.sleep(0.002)
            # None of them has waited in vain, so the lock goes to them in turn.
        assert sorted(got) == list(range(10)) and got[0] == 0

    gort.run(main)


def test_plain_lock_ignores_cancellation_and_one_with_a_limit_does_not():
    def main():
        m, got = gort.Mutex(), []

        def plain():
            m.lock()
            got.append("plain")
            m.unlock()

        def limited():
            try:
                m.lock(timeout=30)
            except gort.TaskCanceled:
                got.append("limited")
                raise

        m.lock()
        a, b = gort.go(plain), gort.go(limited)
        gort.sleep(0.01)
        a.cancel()
        b.cancel()
        with pytest.raises(gort.Canceled):
            b.result()
        gort.sleep(0.01)
        assert got == ["limited"] and not a.done
        m.unlock()
        a.join()
        assert got == ["limited", "plain"] and not m.locked()

    gort.run(main)


@needs_greenlets
def test_locked_twice_is_a_deadlock_that_says_which(program):
    done = program(
        """
        import gort
        def main():
            m = gort.Mutex()
            m.lock()
            try:
                m.lock()
            except gort.Deadlock as e:
                assert "mutex 0x" in str(e), e
                print("deadlock", m.locked())
        try:
            gort.run(main)
        except gort.Deadlock:
            print("and of the run")
        """,
        watched=False,
    )
    assert done.stdout == "deadlock True\nand of the run\n"


def test_dump_says_who_waits_for_which(capfd):
    m = gort.Mutex()
    m.lock()
    t = gort.go(m.lock)
    while ": mutex 0x" not in (text := dumped(capfd)):
        gort.sleep(0.001)
    assert ("has it since" in text) == ("GORT_DEBUG_LOCKS" in os.environ)
    m.unlock()
    t.join()


def dumped(capfd):
    gort.dump()
    return "".join(capfd.readouterr())


def test_watched_locks_are_reported_with_the_lines(program):
    done = program(
        """
        import gort, sys
        a, b = gort.Mutex(), gort.Mutex()
        def one():
            with a:
                with b: pass
        def other():
            with b:
                with a: pass
        for _ in range(2):
            one()
            other()
        def main():
            with a:
                try: a.lock(timeout=0.01)
                except gort.TimedOut: pass
                t = gort.go(a.lock, 30)
                gort.sleep(0.05)
                gort.dump(sys.stdout)
            t.join()
        gort.run(main)
        """,
        env={"GORT_DEBUG_LOCKS": "1"},
        watched=False,
    )
    assert done.stderr.count("different orders") == 1, done.stderr
    assert done.stderr.count("twice") == 1, done.stderr
    assert done.stderr.count("<string>:") == 6, done.stderr
    assert "(one)" in done.stderr and "(other)" in done.stderr
    assert "has it since <string>:" in done.stdout, done.stdout


# ---- asyncio


def test_asyncio_takes_turns_with_tasks_and_threads():
    m, total = gort.Mutex(), [0]

    async def add(n):
        for i in range(n):
            async with m as nothing:
                assert nothing is None
                v = total[0]
                if i % 8 == 0:
                    await asyncio.sleep(0)
                total[0] = v + 1

    async def main():
        t = threading.Thread(target=hammer, args=(m, total, 300))
        t.start()
        task = gort.go(hammer, m, total, 300)
        await asyncio.gather(*[add(100) for _ in range(5)])
        await asyncio.to_thread(t.join)
        await asyncio.to_thread(task.join)

    asyncio.run(main())
    assert total == [2 * 300 + 5 * 100] and not m.locked()


def test_asyncio_waiters_are_served_in_order():
    m, got = gort.Mutex(), []

    async def wait(i):
        await m.lock_async()
        got.append(i)
        m.unlock()

    async def main():
        m.lock()
        tasks = [asyncio.create_task(wait(i)) for i in range(20)]
        await asyncio.sleep(0.01)
        assert got == []
        m.unlock()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert got == list(range(20))


def test_blocking_call_on_a_running_loop_is_misuse():
    async def main():
        m = gort.Mutex()
        m.lock()  # free: it does not block
        for call in (m.lock, lambda: m.lock(timeout=1), m.__enter__):
            with pytest.raises(gort.Misuse, match="lock_async"):
                call()
        m.unlock()

    asyncio.run(main())


def test_async_with_unlocks_when_the_body_fails_and_misuse_is_raised():
    async def main():
        m = gort.Mutex()
        with pytest.raises(KeyError):
            async with m:
                raise KeyError
        assert not m.locked()
        with pytest.raises(gort.Misuse):
            async with m:
                m.unlock()
        with pytest.raises(TimeoutError):
            async with m:
                await asyncio.wait_for(m.lock_async(), 0.01)
        assert not m.locked()

    asyncio.run(main())


def test_cancelled_waiter_leaves_the_queue():
    async def main():
        m = gort.Mutex()
        m.lock()
        first = asyncio.ensure_future(wrap(m.lock_async()))
        second = asyncio.ensure_future(wrap(m.lock_async()))
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        m.unlock()
        await second
        assert m.locked()
        m.unlock()
        assert m.try_lock()

    asyncio.run(main())


async def wrap(awaitable):
    return await awaitable


def test_lock_handed_to_a_cancelled_waiter_goes_on_to_the_next():
    async def main():
        m = gort.Mutex()
        m.lock()
        first = asyncio.ensure_future(wrap(m.lock_async()))
        second = asyncio.ensure_future(wrap(m.lock_async()))
        await asyncio.sleep(0.01)
        m.unlock()  # it is the first one's now, who does not know yet
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await asyncio.wait_for(second, 10)
        m.unlock()
        assert not m.locked()

    asyncio.run(main())


def test_many_waiters_cancelled_at_random_lose_nothing(rng):
    m, total = gort.Mutex(), [0]
    done = [0]

    async def once():
        async with m:
            v = total[0]
            await asyncio.sleep(0)
            total[0] = v + 1
            done[0] += 1

    async def main():
        stop = threading.Event()
        t = threading.Thread(target=lambda: [hammer(m, total, 20) for _ in iter(stop.is_set, True)])
        t.start()
        for _ in range(30):
            tasks = [asyncio.create_task(once()) for _ in range(10)]
            await asyncio.sleep(rng.random() * 0.002)
            for task in rng.sample(tasks, 5):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        stop.set()
        await asyncio.to_thread(t.join)

    asyncio.run(main())
    assert not m.locked() and m.try_lock()
    assert total[0] >= done[0] >= 150


def test_waiter_of_a_loop_that_ended_gives_the_lock_back():
    m = gort.Mutex()
    m.lock()
    loop = asyncio.new_event_loop()
    waiter = wrap(m.lock_async())
    loop.run_until_complete(asyncio.sleep(0))
    task = loop.create_task(waiter)
    loop.run_until_complete(asyncio.sleep(0.01))
    m.unlock()  # handed over to a loop that does not run any more
    assert m.locked()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert m.try_lock()


def test_await_that_is_dropped_gives_back_what_it_has():
    m = gort.Mutex()

    async def main():
        m.lock()
        waiting = m.lock_async()
        waiting.send(None)  # enlisted
        m.unlock()
        await asyncio.sleep(0.01)  # the loop has been told; nobody resumes it
        assert m.locked()
        del waiting
        gc.collect()
        assert not m.locked()

    asyncio.run(main())


def test_lock_async_outside_a_loop_is_an_error():
    with pytest.raises(RuntimeError):
        gort.Mutex().lock_async().send(None)


# ---- the collector, fork, threads


def test_collected_though_locked_and_in_a_cycle():
    class Owner:
        pass

    o = Owner()
    o.m = gort.Mutex()
    o.m.lock()
    o.me = o
    gone = weakref.ref(o.m)
    del o
    gc.collect()
    assert gone() is None


def test_waiter_keeps_the_mutex_alive():
    m = gort.Mutex()
    m.lock()
    t = gort.go(m.lock)
    gort.sleep(0.01)
    ref = weakref.ref(m)
    m.unlock()
    del m
    t.join()
    del t
    gc.collect()
    assert ref() is None


def test_child_of_a_fork_finds_it_free(program):
    done = program(
        """
        import gort, os, threading
        m, held, over = gort.Mutex(), threading.Event(), threading.Event()
        def hold():
            with m:
                held.set()
                over.wait()
        t = threading.Thread(target=hold)
        t.start()
        held.wait()
        waiter = threading.Thread(target=lambda: m.lock())
        waiter.start()
        pid = os.fork()
        if pid == 0:
            ok = not m.locked() and m.try_lock()
            m.unlock()
            gort.go(m.lock).join()
            os._exit(0 if ok and m.locked() else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert m.locked()
        over.set()
        t.join()
        waiter.join()
        print(m.locked())
        """,
        dev=False,
    )
    assert done.stdout == "True\n"


def test_other_threads_run_while_one_waits():
    m, steps = gort.Mutex(), []
    m.lock()
    t = threading.Thread(target=lambda: steps.append(m.lock()))
    t.start()
    for _ in range(100):
        gort.sleep(0.0001)  # the interpreter is free
    assert steps == []
    m.unlock()
    t.join()
    assert steps == [None]
