"""gort.AtomicInt, AtomicRef and Counter: their values, from many threads, and the references of an AtomicRef."""

import gc
import sys
import threading
import weakref

import gort
import pytest


@pytest.fixture
def busy_switching():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(n, work):
    threads = [threading.Thread(target=work, args=(me,)) for me in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def test_int_operations_say_what_go_says():
    n = gort.AtomicInt(5)
    assert (n.load(), n.add(3), n.add(), n.add(-2)) == (5, 8, 9, 7)  # add: the new value
    assert (n.swap(12), n.load()) == (7, 12)
    assert (n.and_(0b0100), n.load()) == (12, 4)  # and, or: the old one
    assert (n.or_(0b0011), n.load()) == (4, 7)
    assert (n.compare_and_swap(0, 1), n.compare_and_swap(7, -1), int(n)) == (False, True, -1)
    n.store(0)
    assert repr(n) == "AtomicInt(0)" and int(gort.AtomicInt()) == 0
    assert n != gort.AtomicInt(0)  # two places, whatever they hold


def test_int_wraps_and_refuses_what_has_more_bits():
    n = gort.AtomicInt(2**63 - 1)
    assert n.add(1) == -(2**63)
    assert n.add(-1) == 2**63 - 1
    for wrong in (2**63, -(2**63) - 1):
        with pytest.raises(OverflowError):
            n.store(wrong)
        with pytest.raises(OverflowError):
            n.add(wrong)
    with pytest.raises(TypeError):
        n.add(1.5)
    assert n.load() == 2**63 - 1


def test_int_counts_every_addition(busy_switching):
    n, m = gort.AtomicInt(), gort.AtomicInt()

    def work(_):
        for _ in range(5000):
            n.add()
            while not m.compare_and_swap(seen := m.load(), seen + 2):
                pass

    in_threads(4, work)
    assert (n.load(), m.load()) == (20000, 40000)


def test_counter_adds_up_over_tasks_and_threads():
    c = gort.Counter()

    def work(me):
        for _ in range(2000):
            c.inc()
            c.add(3)
            c.dec()

    def main():
        with gort.Group() as g:
            for me in range(4):
                g.go(work, me)

    thread = threading.Thread(target=in_threads, args=(4, work))
    thread.start()
    gort.run(main)
    thread.join()
    assert (c.value(), int(c), repr(c)) == (48000, 48000, "Counter(48000)")
    assert (c.reset(), c.value()) == (48000, 0)
    c.add(2**63 - 1)
    c.add()
    assert c.value() == -(2**63)
    with pytest.raises(OverflowError):
        c.add(2**63)


def test_ref_compares_by_identity():
    a, b = [1], [1]
    r = gort.AtomicRef[list](a)
    assert r.load() is a
    assert not r.compare_and_swap(b, b)  # equal, and another
    assert r.compare_and_swap(a, b) and r.load() is b
    assert r.swap(a) is b and r.load() is a
    r.store(b)
    assert repr(r) == "AtomicRef([1])" and gort.AtomicRef().load() is None


def test_ref_gives_each_object_out_once(busy_switching):
    r, got = gort.AtomicRef(), []

    def work(me):
        mine = []
        for i in range(5000):
            was = r.swap((me, i))
            if was is not None:
                mine.append(was)
        got.append(mine)

    in_threads(4, work)
    out = [x for mine in got for x in mine] + [r.load()]
    assert len(out) == len(set(out)) == 20000


def test_ref_counts_are_exact_and_the_collector_sees_through_it():
    class Value:
        pass

    v = Value()
    before = sys.getrefcount(v)
    r = gort.AtomicRef(v)
    for _ in range(100):
        r.load()
        r.store(v)
        r.swap(v)
        r.compare_and_swap(v, v)
        r.compare_and_swap(None, v)
    assert sys.getrefcount(v) == before + 1
    r.store(None)
    assert sys.getrefcount(v) == before
    r.store(v)
    v.ref = r
    seen = weakref.ref(v), weakref.ref(r)
    gc.collect()
    assert v in gc.get_referents(r)
    del v, r
    gc.collect()
    assert [s() for s in seen] == [None, None]


def test_ref_gives_up_what_was_there_when_nobody_waits_for_it():
    """A finalizer that uses the reference itself: it runs when the new object is in its place."""
    r = gort.AtomicRef()

    class Odd:
        def __del__(self):
            said.append(r.load())

    said = []
    r.store(Odd())
    r.store("new")
    assert said == ["new"]
