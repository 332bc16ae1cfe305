"""Barrier: all come, then all go on; who gives up has not come."""

import asyncio
import copy
import gc
import threading
import weakref

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets, until_waiting


def test_tasks_and_threads_meet_in_every_round():
    b, rounds, last = gort.Barrier(6), [0] * 6, [0] * 100

    def go(i):
        for r in range(100):
            rounds[i] += 1
            if b.wait():
                last[r] += 1
            assert min(rounds) > r
            b.wait(timeout=30)

    threads = [threading.Thread(target=go, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for i in range(2, 6):
                g.go(go, i)

    gort.run(main)
    for t in threads:
        t.join()
    assert rounds == [100] * 6 and last == [1] * 100 and b.arrived == 0


@in_thread_and_task
def test_forms(run):
    def body():
        b = gort.Barrier(2)
        assert (b.parties, b.arrived) == (2, 0) and "0/2" in repr(b)
        assert b.try_wait() is False and b.arrived == 0
        with pytest.raises(gort.TimedOut):
            b.wait(timeout=0.001)
        with pytest.raises(TimeoutError):
            b.wait(0)
        with pytest.raises(gort.InvalidArgument):
            b.wait(float("nan"))
        assert b.arrived == 0
        one = gort.Barrier(1)
        assert one.wait() is True and one.try_wait() is True and one.wait(timeout=0) is True
        for n in (0, -1, 1 << 32):
            with pytest.raises(gort.InvalidArgument):
                gort.Barrier(n)
        with pytest.raises(TypeError):
            copy.copy(b)

    run(body)


def test_the_last_one_may_only_try():
    def main():
        b = gort.Barrier(3)
        tasks = [gort.go(b.wait) for _ in range(2)]
        while b.arrived < 2:
            gort.yield_now()
        assert "2/3" in repr(b) and b.try_wait() is True and b.arrived == 0
        assert [t.result(30) for t in tasks] == [False, False]

    gort.run(main)


def test_who_gives_up_has_not_come():
    def main():
        b = gort.Barrier(3)
        stays, goes = gort.go(b.wait), gort.go(b.wait)
        while b.arrived < 2:
            gort.yield_now()
        goes.cancel()
        goes.join()
        assert goes.canceled and b.arrived == 1 and not stays.done
        other = gort.go(b.wait)
        while b.arrived < 2:
            gort.yield_now()
        assert b.wait() is True
        assert stays.result(30) is False and other.result(30) is False

    gort.run(main)


@needs_greenlets
def test_one_too_few_is_a_deadlock_that_says_so(program):
    done = program(
        """
        import gort
        def main():
            b = gort.Barrier(3)
            gort.go(b.wait)
            try:
                b.wait()
            except gort.Deadlock as e:
                print(str(e).count("barrier 0x"), b.arrived)
        try:
            gort.run(main)
        except gort.Deadlock:
            print("and of the run")
        """,
        watched=False,
    )
    assert done.stdout == "2 1\nand of the run\n", done.stdout


def test_blocking_call_on_a_running_loop_is_misuse():
    async def main():
        b = gort.Barrier(2)
        with pytest.raises(gort.Misuse):
            b.wait()
        assert b.arrived == 0
        other = asyncio.ensure_future(asyncio.to_thread(b.wait))
        while b.arrived < 1:
            await asyncio.sleep(0.001)
        assert b.wait() is True  # the last one does not block
        assert await other is False

    asyncio.run(main())


def test_signal_handler_that_raises_ends_a_wait(program):
    done = program(
        """
        import gort, os, signal, threading
        def main():
            b = gort.Barrier(2)
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                b.wait()
            except KeyboardInterrupt:
                print("interrupted", b.arrived)
        main()
        gort.run(main)
        """
    )
    assert done.stdout == "interrupted 0\n" * 2


def test_collected_in_a_cycle_and_kept_by_who_waits():
    class Owner:
        pass

    o = Owner()
    o.b = b = gort.Barrier(2)
    o.me = o
    gone = weakref.ref(b)
    t = gort.go(b.wait)
    until_waiting(1, "barrier")
    del o
    assert b.wait()
    del b
    t.join()
    del t
    gc.collect()
    assert gone() is None


def test_child_of_a_fork_finds_nobody_there(program):
    done = program(
        """
        import gort, os, threading
        b = gort.Barrier(2)
        waiter = threading.Thread(target=b.wait)
        waiter.start()
        while b.arrived < 1:
            pass
        pid = os.fork()
        if pid == 0:
            ok = b.arrived == 0 and not b.try_wait()
            t = gort.go(b.wait)
            ok = ok and b.wait() != t.result()
            os._exit(0 if ok else 1)
        assert os.waitpid(pid, 0)[1] == 0
        print(b.arrived, b.wait(), b.arrived)
        waiter.join()
        """,
        dev=False,
    )
    assert done.stdout == "1 True 0\n"
