"""Semaphore: so many at once, strictly in the order of coming, for tasks, threads and asyncio; nothing is lost when a waiter gives up."""

import asyncio
import copy
import gc
import threading
import weakref

import gort
import pytest
from conftest import needs_greenlets, until_waiting


def test_no_more_than_its_size_at_once_of_tasks_and_threads():
    # Go's TestWeighted: a hammer.
    sem, inside, most = gort.Semaphore(3), gort.Semaphore(1 << 20), [0]

    def work(n, units):
        for _ in range(n):
            sem.acquire(units)
            inside.acquire(units)
            most[0] = max(most[0], inside.size - inside.available)
            gort.yield_now()
            inside.release(units)
            sem.release(units)

    threads = [threading.Thread(target=work, args=(200, 1 + i)) for i in range(2)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for i in range(6):
                g.go(work, 200, 1 + i % 3)

    gort.run(main)
    for t in threads:
        t.join()
    assert most[0] == 3 and sem.available == 3 and inside.available == inside.size


def test_forms_and_misuse():
    sem = gort.Semaphore(3)
    assert (sem.size, sem.available) == (3, 3) and "3/3" in repr(sem)
    assert sem.acquire() is None and sem.acquire(2, timeout=0) is None
    assert sem.available == 0 and "0/3" in repr(sem)
    assert not sem.try_acquire() and sem.try_acquire(0)
    with pytest.raises(gort.TimedOut):
        sem.acquire(timeout=0.001)
    with pytest.raises(TimeoutError):
        sem.acquire(3, 0)
    with pytest.raises(gort.InvalidArgument):
        sem.acquire(timeout=float("nan"))
    assert sem.release(2) is None and sem.available == 2
    assert not sem.try_acquire(3) and sem.try_acquire(2)
    sem.release(3)
    with sem as nothing:
        assert nothing is None and sem.available == 2
    with pytest.raises(KeyError), sem:
        raise KeyError
    assert sem.available == 3
    for make in (lambda: gort.Semaphore(-1), lambda: gort.Semaphore(1 << 32), lambda: sem.acquire(-1), lambda: sem.release(-1)):
        with pytest.raises(gort.InvalidArgument):
            make()
    with pytest.raises(TypeError):
        copy.copy(sem)


def test_semaphore_panic_is_misuse_and_changes_nothing():
    # Go's TestWeightedPanic.
    sem = gort.Semaphore(2)
    sem.acquire()
    for n in (2, 3, 1 << 32, 1 << 40):
        with pytest.raises(gort.Misuse, match="released"):
            sem.release(n)
    assert sem.available == 1
    sem.release()
    with pytest.raises(gort.Misuse), sem:
        sem.release()


def test_weighted_doesnt_block_if_too_big():
    # Go waits for the context's end; here it is refused at once.
    sem = gort.Semaphore(2)
    for ask in (sem.acquire, sem.try_acquire, sem.acquire_async):
        with pytest.raises(gort.LimitExceeded, match="3 units of a semaphore that has 2"):
            ask(3)
        with pytest.raises(gort.LimitExceeded):
            ask(1 << 40)
    assert sem.available == 2
    with pytest.raises(gort.LimitExceeded):
        gort.Semaphore(0).__enter__()


@needs_greenlets
def test_large_acquire_doesnt_starve():
    # Go's TestLargeAcquireDoesntStarve: one that asks for all keeps those behind it waiting.
    def main():
        sem, got = gort.Semaphore(4), []

        def ask(n):
            sem.acquire(n)
            got.append(n)
            sem.release(n)

        sem.acquire(2)
        with gort.Group() as g:
            g.go(ask, 4)
            until_waiting(1, "semaphore")
            for _ in range(5):
                g.go(ask, 1)
            until_waiting(6, "semaphore")
            assert not sem.try_acquire() and got == []
            sem.release(2)
        assert got == [4, 1, 1, 1, 1, 1]

    gort.run(main)


@needs_greenlets
def test_alloc_cancel_doesnt_starve():
    # Go's TestAllocCancelDoesntStarve: one that gives up lets those behind it in who fit.
    def main():
        sem = gort.Semaphore(10)
        sem.acquire()
        big = gort.go(sem.acquire, 10)
        until_waiting(1, "semaphore")
        small = gort.go(sem.acquire, 1)
        until_waiting(2, "semaphore")
        big.cancel()
        small.join(30)
        with pytest.raises(gort.Canceled):
            big.result()
        assert sem.available == 8

    gort.run(main)


def test_acquire_canceled_takes_nothing_though_there_is_something():
    # Go's TestWeightedAcquireCanceled.
    def main():
        sem, started, seen = gort.Semaphore(1), gort.Event(), []

        def ask():
            started.set()
            try:
                gort.sleep(30)
            except gort.TaskCanceled:
                for form in (sem.acquire, sem.__enter__, lambda: sem.acquire(timeout=30)):
                    with pytest.raises(gort.TaskCanceled):
                        form()
                seen.append(sem.available)
                with gort.shield():
                    sem.acquire()
                seen.append(sem.available)
                raise

        t = gort.go(ask)
        started.wait()
        t.cancel()
        t.join()
        assert seen == [1, 0]

    gort.run(main)


# ---- asyncio


async def wrap(awaitable):
    return await awaitable


def test_asyncio_takes_turns_with_tasks_and_threads():
    sem, inside, most = gort.Semaphore(2), gort.Semaphore(1 << 20), []

    def look():
        most.append(inside.size - inside.available)

    def work(n):
        for _ in range(n):
            with sem, inside:
                look()
                gort.yield_now()

    async def awork(n):
        for _ in range(n):
            async with sem as nothing:
                with inside:
                    assert nothing is None
                    look()
                    await asyncio.sleep(0)

    async def main():
        t = threading.Thread(target=work, args=(200,))
        t.start()
        task = gort.go(work, 200)
        await asyncio.gather(*[awork(60) for _ in range(5)])
        await asyncio.to_thread(t.join)
        await asyncio.to_thread(task.join)

    asyncio.run(main())
    assert len(most) == 700 and max(most) == 2 and sem.available == 2


def test_asyncio_waiters_are_served_in_order():
    sem, got = gort.Semaphore(3), []

    async def wait(i, n):
        await sem.acquire_async(n)
        got.append(i)
        sem.release(n)

    async def main():
        sem.acquire(3)
        tasks = [asyncio.create_task(wait(i, 1 + i % 3)) for i in range(30)]
        await asyncio.sleep(0.01)
        assert got == []
        sem.release(3)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert got == list(range(30))


def test_blocking_call_on_a_running_loop_is_misuse():
    async def main():
        sem = gort.Semaphore(1)
        sem.acquire()  # there: it does not block
        for call in (sem.acquire, lambda: sem.acquire(timeout=1), sem.__enter__):
            with pytest.raises(gort.Misuse, match="acquire_async"):
                call()
        sem.release()
        with pytest.raises(gort.Misuse, match="released"):
            async with sem:
                sem.release()
        with pytest.raises(KeyError):
            async with sem:
                raise KeyError
        assert sem.available == 1

    asyncio.run(main())


def test_cancelled_waiter_leaves_the_queue_and_lets_those_behind_it_in():
    async def main():
        sem = gort.Semaphore(3)
        sem.acquire()
        big = asyncio.ensure_future(wrap(sem.acquire_async(3)))
        small = asyncio.ensure_future(wrap(sem.acquire_async()))
        await asyncio.sleep(0.01)
        assert not small.done()
        big.cancel()
        with pytest.raises(asyncio.CancelledError):
            await big
        await asyncio.wait_for(small, 10)
        assert sem.available == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sem.acquire_async(2), 0.01)
        assert sem.try_acquire()

    asyncio.run(main())


def test_units_granted_to_a_cancelled_waiter_go_on_to_the_next():
    async def main():
        sem = gort.Semaphore(2)
        sem.acquire(2)
        first = asyncio.ensure_future(wrap(sem.acquire_async(2)))
        second = asyncio.ensure_future(wrap(sem.acquire_async(2)))
        await asyncio.sleep(0.01)
        sem.release(2)  # they are the first one's now, who does not know yet
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await asyncio.wait_for(second, 10)
        assert sem.available == 0
        sem.release(2)

    asyncio.run(main())


def test_many_waiters_cancelled_at_random_lose_nothing(rng):
    sem, done = gort.Semaphore(3), [0]

    async def once(n):
        await sem.acquire_async(n)
        try:
            await asyncio.sleep(0)
            done[0] += 1
        finally:
            sem.release(n)

    async def main():
        stop = threading.Event()

        def other():
            while not stop.is_set():
                with sem:
                    pass

        t = threading.Thread(target=other)
        t.start()
        for _ in range(30):
            tasks = [asyncio.create_task(once(rng.randint(1, 3))) for _ in range(10)]
            await asyncio.sleep(rng.random() * 0.002)
            for task in rng.sample(tasks, 5):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        stop.set()
        await asyncio.to_thread(t.join)

    asyncio.run(main())
    assert sem.available == 3 and done[0] >= 150


def test_await_that_is_dropped_gives_back_what_it_has():
    sem = gort.Semaphore(2)

    async def main():
        sem.acquire(2)
        waiting = sem.acquire_async(2)
        waiting.send(None)  # enlisted
        sem.release(2)
        await asyncio.sleep(0.01)  # the loop has been told; nobody resumes it
        assert sem.available == 0
        del waiting
        gc.collect()
        assert sem.available == 2

    asyncio.run(main())


# ---- signals, the collector, fork


def test_signal_handler_that_raises_ends_a_wait_and_nothing_is_taken(program):
    done = program(
        """
        import gort, os, signal, threading
        def main():
            sem = gort.Semaphore(1)
            sem.acquire()
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                sem.acquire()
            except KeyboardInterrupt:
                print("interrupted")
            sem.release()
            print(sem.available)
        main()
        gort.run(main)
        """
    )
    assert done.stdout == "interrupted\n1\n" * 2


def test_collected_though_taken_and_in_a_cycle():
    class Owner:
        pass

    o = Owner()
    o.sem = gort.Semaphore(1)
    o.sem.acquire()
    o.me = o
    gone = weakref.ref(o.sem)
    del o
    gc.collect()
    assert gone() is None


def test_waiter_keeps_the_semaphore_alive():
    sem = gort.Semaphore(1)
    sem.acquire()
    t = gort.go(sem.acquire)
    until_waiting(1, "semaphore")
    ref = weakref.ref(sem)
    sem.release()
    del sem
    t.join()
    del t
    gc.collect()
    assert ref() is None


def test_child_of_a_fork_finds_nothing_taken(program):
    done = program(
        """
        import gort, os, threading
        sem = gort.Semaphore(2)
        sem.acquire()
        waiter = threading.Thread(target=sem.acquire, args=(2,))
        waiter.start()
        while sem.try_acquire():
            sem.release()
        pid = os.fork()
        if pid == 0:
            ok = sem.available == 2 and sem.try_acquire(2)
            sem.release()
            gort.go(sem.acquire).join()
            os._exit(0 if ok and sem.available == 0 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert sem.available == 1
        sem.release()
        waiter.join()
        print(sem.available)
        """,
        dev=False,
    )
    assert done.stdout == "0\n"
