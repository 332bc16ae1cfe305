"""RWMutex: readers beside readers, writers alone; who comes first; what a plain lock ignores; nothing is lost when a waiter gives up."""

import asyncio
import copy
import gc
import threading
import weakref

import gort
import pytest
from conftest import needs_greenlets, until_waiting


def test_readers_and_writers_of_tasks_and_threads_take_turns():
    rw, total, inside = gort.RWMutex(), [0, 0], [0]

    def write(n):
        for i in range(n):
            with rw:
                assert inside[0] == 0
                v = total[0]
                if i % 16 == 0:
                    gort.yield_now()
                total[0] = v + 1
                total[1] = v + 1

    def read(n):
        for i in range(n):
            with rw.reading():
                a = total[0]
                if i % 16 == 0:
                    gort.yield_now()
                assert a == total[1] == total[0]

    threads = [threading.Thread(target=f, args=(300,)) for f in (write, read)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for _ in range(3):
                g.go(write, 300)
                g.go(read, 300)

    gort.run(main)
    for t in threads:
        t.join()
    assert total == [1200, 1200] and "unlocked" in repr(rw)


def test_rwmutex_try_forms():
    # Go's TestRWMutex, the table of its Try forms.
    rw = gort.RWMutex()
    assert rw.try_lock() and "a writer" in repr(rw)
    assert not rw.try_lock() and not rw.try_rlock()
    rw.unlock()
    assert rw.try_rlock() and "1 reader" in repr(rw)
    assert rw.try_rlock() and "2 readers" in repr(rw)
    assert not rw.try_lock()
    rw.runlock()
    rw.runlock()


def test_parallel_readers():
    # Go's TestParallelReaders: all are in at the same time.
    def main():
        rw, all_in = gort.RWMutex(), gort.Barrier(10)

        def read():
            with rw.reading():
                all_in.wait(timeout=30)

        with gort.Group() as g:
            for _ in range(10):
                g.go(read)

    gort.run(main)


def test_forms_and_misuse():
    rw = gort.RWMutex()
    for unlock, match in ((rw.unlock, "no writer"), (rw.runlock, "no reader")):
        with pytest.raises(gort.Misuse, match=match):
            unlock()
    assert rw.rlock() is None and rw.rlock(timeout=0) is None
    with pytest.raises(gort.TimedOut):
        rw.lock(timeout=0.001)
    with pytest.raises(gort.Misuse, match="no writer"):
        rw.unlock()
    rw.runlock()
    rw.runlock()
    assert rw.lock() is None
    with pytest.raises(TimeoutError):
        rw.rlock(timeout=0.001)
    with pytest.raises(gort.InvalidArgument):
        rw.rlock(timeout=float("nan"))
    with pytest.raises(gort.Misuse, match="no reader"):
        rw.runlock()
    assert rw.unlock() is None and rw.lock(timeout=1) is None
    rw.unlock()
    reading = rw.reading()
    with reading as nothing, reading:
        assert nothing is None and "2 readers" in repr(rw)
    with pytest.raises(KeyError), rw:
        raise KeyError
    with pytest.raises(KeyError), reading:
        raise KeyError
    assert "unlocked" in repr(rw)
    with pytest.raises(gort.Misuse), reading:
        rw.runlock()
    with pytest.raises(TypeError):
        copy.copy(rw)
    with pytest.raises(TypeError):
        type(reading)()


@needs_greenlets
def test_writer_that_waits_keeps_new_readers_out_and_lets_the_old_ones_finish():
    def main():
        rw, got = gort.RWMutex(), []

        def write():
            with rw:
                got.append("write")

        def read():
            with rw.reading():
                got.append("read")

        rw.rlock()
        with gort.Group() as g:
            g.go(write)
            until_waiting(1, "write lock")
            g.go(read)
            until_waiting(1, "read lock")
            assert not rw.try_rlock() and got == []
            rw.runlock()
        assert got == ["write", "read"]

    gort.run(main)


@needs_greenlets
def test_writer_that_gives_up_lets_the_readers_behind_it_in():
    def main():
        rw = gort.RWMutex()
        rw.rlock()
        writer = gort.go(rw.lock, 30)
        until_waiting(1, "write lock")
        reader = gort.go(rw.rlock)
        until_waiting(1, "read lock")
        writer.cancel()
        reader.join(30)
        with pytest.raises(gort.Canceled):
            writer.result()
        rw.runlock()
        rw.runlock()

    gort.run(main)


@pytest.mark.parametrize("form", ["lock", "rlock"])
def test_plain_lock_ignores_cancellation_and_one_with_a_limit_does_not(form):
    def main():
        rw = gort.RWMutex()
        rw.lock()
        plain, limited = gort.go(getattr(rw, form)), gort.go(getattr(rw, form), 30)
        gort.sleep(0.01)
        plain.cancel()
        limited.cancel()
        with pytest.raises(gort.Canceled):
            limited.result()
        gort.sleep(0.005)
        assert not plain.done
        rw.unlock()
        plain.join()
        assert not plain.canceled
        (rw.unlock if form == "lock" else rw.runlock)()
        assert rw.try_lock()

    gort.run(main)


# ---- asyncio


def test_asyncio_takes_turns_with_tasks_and_threads():
    rw, total = gort.RWMutex(), [0, 0]

    def write(n):
        for _ in range(n):
            with rw:
                total[0] += 1
                gort.yield_now()
                total[1] += 1

    async def awrite(n):
        for _ in range(n):
            async with rw as nothing:
                assert nothing is None
                total[0] += 1
                await asyncio.sleep(0)
                total[1] += 1

    async def aread(n):
        for _ in range(n):
            async with rw.reading() as nothing:
                assert nothing is None and total[0] == total[1]
                await asyncio.sleep(0)
                assert total[0] == total[1]

    async def main():
        t = threading.Thread(target=write, args=(200,))
        t.start()
        task = gort.go(write, 200)
        await asyncio.gather(*[awrite(50) for _ in range(3)], *[aread(50) for _ in range(3)])
        await asyncio.to_thread(t.join)
        await asyncio.to_thread(task.join)

    asyncio.run(main())
    assert total == [550, 550] and rw.try_lock()


def test_blocking_call_on_a_running_loop_is_misuse():
    async def main():
        rw = gort.RWMutex()
        rw.rlock()  # free: it does not block
        with pytest.raises(gort.Misuse, match="lock_async"):
            rw.lock()
        rw.runlock()
        rw.lock()
        for call in (rw.rlock, rw.lock, lambda: rw.rlock(1), rw.__enter__, rw.reading().__enter__):
            with pytest.raises(gort.Misuse, match="lock_async"):
                call()
        rw.unlock()

    asyncio.run(main())


async def wrap(awaitable):
    return await awaitable


def test_cancelled_waiter_leaves_the_queue_and_lets_those_behind_it_in():
    async def main():
        rw = gort.RWMutex()
        rw.rlock()
        writer = asyncio.ensure_future(wrap(rw.lock_async()))
        reader = asyncio.ensure_future(wrap(rw.rlock_async()))
        await asyncio.sleep(0.01)
        assert not reader.done()
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        await asyncio.wait_for(reader, 10)
        rw.runlock()
        rw.runlock()
        assert rw.try_lock()

    asyncio.run(main())


def test_lock_granted_to_a_cancelled_waiter_goes_on_to_the_next():
    async def main():
        rw = gort.RWMutex()
        rw.lock()
        for first_form in (rw.lock_async, rw.rlock_async):
            first = asyncio.ensure_future(wrap(first_form()))
            second = asyncio.ensure_future(wrap(rw.lock_async()))
            await asyncio.sleep(0.01)
            rw.unlock()  # it is the first one's now, who does not know yet
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await asyncio.wait_for(second, 10)
        rw.unlock()
        assert rw.try_lock()

    asyncio.run(main())


def test_many_waiters_cancelled_at_random_lose_nothing(rng):
    rw, total = gort.RWMutex(), [0]

    async def once(writes):
        async with rw if writes else rw.reading():
            v = total[0]
            await asyncio.sleep(0)
            if writes:
                total[0] = v + 1
            assert total[0] == v + writes

    async def main():
        stop = threading.Event()

        def other():
            while not stop.is_set():
                with rw:
                    total[0] += 1
                with rw.reading():
                    pass

        t = threading.Thread(target=other)
        t.start()
        for _ in range(30):
            tasks = [asyncio.create_task(once(i % 2)) for i in range(10)]
            await asyncio.sleep(rng.random() * 0.002)
            for task in rng.sample(tasks, 5):
                task.cancel()
            for r in await asyncio.gather(*tasks, return_exceptions=True):
                assert r is None or isinstance(r, asyncio.CancelledError)
        stop.set()
        await asyncio.to_thread(t.join)

    asyncio.run(main())
    assert rw.try_lock()


# ---- signals, the collector, fork


@needs_greenlets
def test_signal_handler_that_raises_ends_a_plain_lock(program):
    done = program(
        """
        import gort, os, signal, threading
        def main():
            rw = gort.RWMutex()
            rw.lock()
            for form in (rw.lock, rw.rlock):
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                try:
                    form()
                except KeyboardInterrupt:
                    print("interrupted")
            rw.unlock()
            print(rw.try_lock())
        main()
        gort.run(main)
        """
    )
    assert done.stdout == "interrupted\ninterrupted\nTrue\n" * 2


def test_collected_though_locked_and_in_a_cycle():
    class Owner:
        pass

    o = Owner()
    o.rw = gort.RWMutex()
    o.rw.lock()
    o.reading, o.me = o.rw.reading(), o
    gone = weakref.ref(o.rw)
    del o
    gc.collect()
    assert gone() is None


def test_waiters_and_their_end_leave_nothing():
    async def main():
        rw = gort.RWMutex()
        gone = weakref.ref(rw)
        rw.lock()
        waiter = asyncio.ensure_future(wrap(rw.rlock_async()))
        await asyncio.sleep(0.01)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        del rw, waiter
        await asyncio.sleep(0.01)  # the loop lets go of the task
        gc.collect()
        assert gone() is None

    asyncio.run(main())


def test_child_of_a_fork_finds_it_free(program):
    done = program(
        """
        import gort, os, threading
        rw, held, over = gort.RWMutex(), threading.Event(), threading.Event()
        def hold():
            with rw.reading():
                held.set()
                over.wait()
        t = threading.Thread(target=hold)
        t.start()
        held.wait()
        waiter = threading.Thread(target=rw.lock)
        waiter.start()
        while rw.try_rlock():
            rw.runlock()
        pid = os.fork()
        if pid == 0:
            ok = rw.try_lock()
            rw.unlock()
            gort.go(rw.rlock).join()
            os._exit(0 if ok and "1 reader" in repr(rw) else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert "1 reader" in repr(rw)
        over.set()
        t.join()
        waiter.join()
        print(rw)
        """,
        dev=False,
    )
    assert "a writer" in done.stdout
