"""Cond: each signal lets one go on, in order; the mutex is locked whatever a wait returns; a signal is not lost to one that gives up."""

import asyncio
import copy
import gc
import threading
import weakref

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets, until_waiting


def test_queue_of_tasks_and_threads():
    c, items, got = gort.Cond(), [], []

    def put(n):
        for i in range(n):
            with c:
                items.append(i)
                c.signal()
            if i % 16 == 0:
                gort.yield_now()

    def take(n):
        for _ in range(n):
            with c:
                while not items:
                    assert c.wait() is None
                got.append(items.pop())

    threads = [threading.Thread(target=f, args=(300,)) for f in (put, take)]
    for t in threads:
        t.start()

    def main():
        with gort.Group() as g:
            for _ in range(3):
                g.go(take, 300)
                g.go(put, 300)

    gort.run(main)
    for t in threads:
        t.join()
    assert sorted(got) == sorted(list(range(300)) * 4) and not c.mutex.locked()


@in_thread_and_task
def test_forms_and_misuse(run):
    def body():
        m = gort.Mutex()
        c = gort.Cond(m)
        assert c.mutex is m and c.mutex is c.mutex and gort.Cond().mutex is not m
        assert repr(m)[1:-1] in repr(c)
        assert c.signal() is None and c.broadcast() is None  # nobody waits
        for call in (c.wait, lambda: c.wait(1), lambda: c.wait_for(lambda: False)):
            with pytest.raises(gort.Misuse, match="not locked"):
                call()
        with c as nothing:
            assert nothing is None and m.locked()
            with pytest.raises(gort.TimedOut):
                c.wait(timeout=0.001)
            assert m.locked()
            with pytest.raises(TimeoutError):
                c.wait(0)
            with pytest.raises(gort.InvalidArgument):
                c.wait(float("nan"))
            assert m.locked()
        assert not m.locked()
        with pytest.raises(KeyError), c:
            raise KeyError
        assert not m.locked()
        with pytest.raises(TypeError):
            gort.Cond(1)
        with pytest.raises(TypeError):
            copy.copy(c)

    run(body)


def test_wait_for_returns_the_predicates_value():
    def main():
        c, box, asked = gort.Cond(), [], []

        def predicate():
            assert c.mutex.locked()
            asked.append(len(box))
            return box

        def fill():
            for i in range(3):
                gort.sleep(0.002)
                with c:
                    if i == 2:
                        box.append(i)
                    c.signal()

        with c:
            t = gort.go(fill)
            assert c.wait_for(predicate) is box
            assert c.wait_for(predicate, timeout=0) is box
        t.join()
        # A signal while nobody waits is nobody's, so it may be asked less often than there are signals.
        assert asked[0] == 0 and asked[-2:] == [1, 1] and len(asked) <= 5

    gort.run(main)


@in_thread_and_task
def test_wait_for_that_times_out_asks_once_more(run):
    def body():
        c, asked = gort.Cond(), []
        with c:
            with pytest.raises(gort.TimedOut):
                c.wait_for(lambda: asked.append(1), timeout=0.005)
            assert len(asked) == 2 and c.mutex.locked()
            assert c.wait_for(lambda: len(asked) > 2 or asked.append(1), timeout=0.005)
            with pytest.raises(ZeroDivisionError):
                c.wait_for(lambda: 1 // 0)
            assert c.mutex.locked()
            with pytest.raises(gort.InvalidArgument):
                c.wait_for(lambda: True, float("nan"))

    run(body)


@needs_greenlets
def test_cond_signal():
    # Go's TestCondSignal: one goes on for each signal, in the order of their coming (SignalGenerations).
    def main():
        c, awake = gort.Cond(), []

        def wait(i):
            with c:
                c.wait()
                awake.append(i)

        tasks = []
        for i in range(20):
            tasks.append(gort.go(wait, i))
            until_waiting(i + 1, "condition")
        for i in range(20):
            c.signal()
            tasks[i].join(30)
            assert awake == list(range(i + 1))
        c.signal()

    gort.run(main)


@needs_greenlets
def test_cond_broadcast():
    # Go's TestCondBroadcast: all that wait, none twice, and nobody who comes later.
    def main():
        c, n, rounds = gort.Cond(), 20, [0] * 20

        def wait(i):
            with c:
                while rounds[i] < 5:
                    c.wait()
                    rounds[i] += 1

        with gort.Group() as g:
            for i in range(n):
                g.go(wait, i)
            for r in range(5):
                until_waiting(n, "condition")
                with c:
                    assert rounds == [r] * n
                    c.broadcast()
                    c.broadcast()

    gort.run(main)


@needs_greenlets
def test_signal_past_one_that_was_cancelled():
    def main():
        c = gort.Cond()

        def wait():
            with c:
                try:
                    c.wait()
                finally:
                    assert c.mutex.locked()

        first = gort.go(wait)
        until_waiting(1, "condition")
        second = gort.go(wait)
        until_waiting(2, "condition")
        first.cancel()
        c.signal()
        second.join(30)
        first.join(30)
        assert first.canceled and not second.canceled and not c.mutex.locked()

    gort.run(main)


def test_cancelled_while_it_waits_for_the_mutex_again_has_it_when_it_ends():
    def main():
        c, seen = gort.Cond(), []

        def wait():
            with c:
                try:
                    c.wait()
                except gort.TaskCanceled:
                    seen.append(c.mutex.locked())
                    raise

        t = gort.go(wait)
        until_waiting(1, "condition")
        with c:
            t.cancel()
            gort.sleep(0.005)
            assert seen == [] and not t.done
        t.join()
        assert seen == [True] and not c.mutex.locked()

    gort.run(main)


@needs_greenlets
def test_without_a_signal_it_is_a_deadlock_that_says_so_and_the_mutex_is_locked(program):
    done = program(
        """
        import gort
        def main():
            c = gort.Cond()
            with c:
                try:
                    c.wait()
                except gort.Deadlock as e:
                    print("condition 0x" in str(e), c.mutex.locked())
        try:
            gort.run(main)
        except gort.Deadlock:
            print("and of the run")
        """,
        watched=False,
    )
    assert done.stdout == "True True\nand of the run\n"


def test_blocking_call_on_a_running_loop_is_misuse():
    async def main():
        c = gort.Cond()
        with c:
            for call in (c.wait, lambda: c.wait(1), lambda: c.wait_for(lambda: 0)):
                with pytest.raises(gort.Misuse, match="loop"):
                    call()
            assert c.mutex.locked() and c.wait_for(lambda: 1) == 1
        async with c.mutex:
            c.broadcast()

    asyncio.run(main())


def test_signal_handler_that_raises_ends_a_wait_with_the_mutex_locked(program):
    done = program(
        """
        import gort, os, signal, threading
        def main():
            c = gort.Cond()
            for wait in (c.wait, lambda: c.wait_for(lambda: False, 60)):
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                with c:
                    try:
                        wait()
                    except KeyboardInterrupt:
                        print("interrupted", c.mutex.locked())
            print(c.mutex.locked())
        main()
        gort.run(main)
        """
    )
    assert done.stdout == "interrupted True\ninterrupted True\nFalse\n" * 2


def test_second_signal_while_the_mutex_is_locked_again_runs_its_handler(program):
    done = program(
        """
        import gort, os, signal, threading
        handled = []
        signal.signal(signal.SIGUSR1, lambda *_: handled.append([i for i in range(3)]))
        c, waits = gort.Cond(), threading.Event()
        def disturb():
            waits.wait()
            with c.mutex:
                os.kill(os.getpid(), signal.SIGINT)   # ends the wait
                while c.mutex.locked() and gort._gort._dump().count("mutex 0x") < 1:
                    gort.sleep(0.001)                 # until it waits for the mutex
                os.kill(os.getpid(), signal.SIGUSR1)
                while not handled:
                    gort.sleep(0.001)
        t = threading.Thread(target=disturb)
        t.start()
        with c:
            try:
                waits.set()
                c.wait(60)
            except KeyboardInterrupt as e:
                print("interrupted", c.mutex.locked(), handled, e.__context__)
        t.join()
        """
    )
    assert done.stdout == "interrupted True [[0, 1, 2]] None\n"


def test_watched_locks_name_the_line_of_the_wait(program):
    done = program(
        """
        import gort
        a, b = gort.Cond(), gort.Mutex()
        def main():
            with a:
                with b: pass
            def wait():
                with b:
                    with a: pass
                    with a.mutex:
                        try: a.wait(0.001)
                        except gort.TimedOut: pass
            wait()
        gort.run(main)
        """,
        env={"GORT_DEBUG_LOCKS": "1"},
        watched=False,
    )
    assert "different orders" in done.stderr and "<string>:" in done.stderr
    assert ".rs:" not in done.stderr


def test_collected_in_a_cycle_and_kept_by_who_waits():
    class Owner:
        pass

    o = Owner()
    o.c = c = gort.Cond()
    o.m, o.me = c.mutex, o
    gone = weakref.ref(c), weakref.ref(c.mutex)

    def wait(c):
        with c:
            c.wait()

    t = gort.go(wait, c)
    until_waiting(1, "condition")
    del o
    c.signal()
    del c
    t.join()
    del t
    gc.collect()
    assert [g() for g in gone] == [None, None]


def test_child_of_a_fork_finds_nobody_there(program):
    done = program(
        """
        import gort, os, threading
        c = gort.Cond()
        def wait():
            with c: c.wait()
        waiter = threading.Thread(target=wait)
        waiter.start()
        while gort._gort._dump().count("condition") < 1:
            gort.yield_now()
        pid = os.fork()
        if pid == 0:
            c.signal()
            t = gort.go(wait)
            while not t.done:
                with c: c.signal()
                gort.yield_now()
            os._exit(0 if not c.mutex.locked() else 1)
        assert os.waitpid(pid, 0)[1] == 0
        with c: c.signal()
        waiter.join()
        print(c.mutex.locked())
        """,
        dev=False,
    )
    assert done.stdout == "False\n"
