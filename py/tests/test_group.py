"""Group and WaitGroup."""

import threading

import gort
import pytest


def test_group_waits_for_all():
    def main():
        log = []

        def task(n):
            gort.sleep(0.001 * (3 - n))
            log.append(n)

        with gort.Group() as g:
            for n in range(3):
                g.go(task, n)
        assert sorted(log) == [0, 1, 2]
        assert [t.done for t in g.tasks] == [True] * 3 and g.errors == []

    gort.run(main)


def test_group_works_on_a_plain_thread():
    with gort.Group() as g:
        t = g.go(lambda: 5)
    assert t.result() == 5


def test_first_error_cancels_the_others_and_is_raised():
    def main():
        log = []

        def waiter():
            try:
                gort.Channel().recv()
            finally:
                log.append("ended")

        def broken(n):
            gort.sleep(0.001 * n)
            raise ValueError(n)

        with pytest.raises(ValueError) as e:
            with gort.Group() as g:
                g.go(waiter)
                g.go(broken, 1)
        assert e.value.args == (1,) and log == ["ended"]

    gort.run(main)


def test_later_errors_are_kept():
    def main():
        def broken(n):
            raise ValueError(n)

        g = gort.Group()
        with pytest.raises(ValueError) as first:
            with g:
                for n in range(3):
                    g.go(broken, n)
        assert sorted(e.args[0] for e in [first.value, *g.errors]) == [0, 1, 2]

    gort.run(main)


def test_error_of_the_block_cancels_the_tasks():
    def main():
        t = None
        with pytest.raises(KeyError):
            with gort.Group() as g:
                t = g.go(gort.Channel().recv)
                gort.yield_now()
                raise KeyError
        assert t.canceled

    gort.run(main)


def test_cancelled_member_is_no_error():
    def main():
        with gort.Group() as g:
            t = g.go(gort.Channel().recv)
            gort.yield_now()
            t.cancel()
        assert t.canceled and g.errors == []

    gort.run(main)


def test_cancelling_the_owner_cancels_the_members_and_leaves_nobody():
    def main():
        log = []

        def member():
            try:
                gort.Channel().recv()
            finally:
                log.append("member")

        def owner():
            with gort.Group() as g:
                g.go(member)
                g.go(member)

        t = gort.go(owner)
        gort.yield_now()
        gort.yield_now()
        t.cancel()
        t.join()
        assert t.canceled and log == ["member", "member"]

    gort.run(main)


def test_members_may_start_members():
    def main():
        seen = []
        with gort.Group() as g:

            def task(n):
                seen.append(n)
                if n:
                    g.go(task, n - 1)

            g.go(task, 5)
        assert seen == [5, 4, 3, 2, 1, 0]

    gort.run(main)


def test_wait_group_counts():
    def main():
        w = gort.WaitGroup()
        w.wait()
        w.add(2)
        with pytest.raises(gort.WouldBlock):
            w.try_wait()
        with pytest.raises(gort.TimedOut):
            w.wait(timeout=0.001)
        w.done()
        w.done()
        w.try_wait()
        with pytest.raises(gort.Misuse):
            w.done()
        with pytest.raises(gort.Misuse):
            w.add(-1)
        w.wait()

    gort.run(main)


def test_wait_group_go_counts_out_whatever_happens():
    def main():
        w, log = gort.WaitGroup(), []
        w.go(log.append, 1)
        t = w.go(lambda: 1 / 0)
        w.wait()
        assert log == [1] and isinstance(t.exception(), ZeroDivisionError)

    gort.run(main)


def test_wait_group_wakes_threads_and_tasks():
    w = gort.WaitGroup()
    w.add(1)
    seen = []
    th = threading.Thread(target=lambda: (w.wait(), seen.append("thread")))
    th.start()
    t = gort.go(w.wait)
    w.done()
    t.join()
    th.join()
    assert seen == ["thread"]


def test_wait_group_dropped_with_a_count_leaves_nothing():
    w = gort.WaitGroup()
    w.add(3)
    del w
