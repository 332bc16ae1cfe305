"""gort.Pool: objects that are used again."""

import sys
import threading

import gort
import pytest


def test_what_was_put_back_is_given_before_a_new_one_is_made():
    made, dropped = [], []

    def make():
        made.append([len(made)])
        return made[-1]

    pool = gort.Pool(make, max_idle=2, drop=dropped.append)
    a, b, c = pool.get(), pool.get(), pool.get()
    assert (made, pool.idle, pool.max_idle) == ([[0], [1], [2]], 0, 2)
    for x in (a, b, c):
        pool.put(x)
    assert (pool.idle, dropped) == (2, [[2]])
    assert pool.get() is b
    with pool.use() as x:
        assert x is a and pool.idle == 0
    with pytest.raises(ZeroDivisionError), pool.use():
        raise ZeroDivisionError
    assert pool.idle == 1
    pool.clear()
    assert (pool.idle, dropped) == (0, [[2], [0]])
    assert pool.get() == [3]


def test_bad_bound_is_invalid_and_none_are_kept_with_zero():
    with pytest.raises(gort.InvalidArgument):
        gort.Pool(list, max_idle=-1)
    pool = gort.Pool(list, max_idle=0)
    pool.put([])
    assert pool.idle == 0


def test_each_object_has_one_user_and_never_more_are_kept():
    made = gort.Counter()

    class Thing:
        def __init__(self):
            self.users = gort.AtomicInt()
            made.inc()

    dropped = gort.Counter()
    pool, most, wrong = gort.Pool(Thing, max_idle=2, drop=lambda t: dropped.inc()), gort.AtomicInt(), []

    def work():
        for _ in range(500):
            with pool.use() as t:
                if t.users.add(1) != 1:
                    wrong.append(t)
                gort.yield_now()
                t.users.add(-1)
            if pool.idle > 2:
                most.store(pool.idle)

    def main():
        with gort.Group() as g:
            for _ in range(4):
                g.go(work)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for t in threads:
            t.start()
        gort.run(main)
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong and most.load() == 0
    assert made.value() == dropped.value() + pool.idle
