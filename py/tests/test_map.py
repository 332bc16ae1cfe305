"""gort.Map: against dict, under threads and tasks, with keys whose comparison does anything, and its references."""

import gc
import os
import random
import sys
import threading
import time
import weakref

import gort
import pytest

SEED = int(os.environ.get("GORT_TEST_SEED", time.time_ns() % 1_000_000_007))


class Colliding:
    """All with one hash."""

    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return self.n == other.n if isinstance(other, Colliding) else NotImplemented


def one_step(rng, m, model, key, value):
    old, new = rng.randrange(4), rng.randrange(4)
    match rng.randrange(10):
        case 0 | 1:
            assert m.load(key) == model.get(key)
            assert (key in m) == (key in model)
        case 2:
            m.store(key, value)
            model[key] = value
        case 3:
            was = key in model
            assert m.load_or_store(key, value) == (model.setdefault(key, value), was)
        case 4:
            assert m.load_and_delete(key, "none") == model.pop(key, "none")
        case 5:
            assert m.delete(key) == (model.pop(key, None) is not None)
        case 6:
            assert m.swap(key, value, "none") == model.get(key, "none")
            model[key] = value
        case 7:
            equal = key in model and model[key] == old
            assert m.compare_and_swap(key, old, new) == equal
            if equal:
                model[key] = new
        case 8:
            equal = key in model and model[key] == old
            assert m.compare_and_delete(key, old) == equal
            if equal:
                del model[key]
        case 9 if rng.randrange(50) == 0:
            m.clear()
            model.clear()


@pytest.mark.parametrize("make_key", [str, int, float, Colliding], ids=["str", "int", "float", "colliding"])
def test_operations_do_as_a_dict_does(make_key):
    print(f"GORT_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    m, model = gort.Map(), {}
    keys = [make_key(n) for n in range(30)]
    for _ in range(5000):
        one_step(rng, m, model, keys[rng.randrange(len(keys))], rng.randrange(4))
        assert len(m) == len(model)
    items = m.items()
    assert len(items) == len(model)
    assert all(model[k] == v for k, v in items)


def test_it_is_made_of_a_dict_or_of_pairs_and_its_range_ends_early():
    m = gort.Map[str, int]({"a": 1, "b": 2})
    assert sorted(m.items()) == [("a", 1), ("b", 2)]
    assert sorted(gort.Map([("x", 1), ("y", 2)]).items()) == [("x", 1), ("y", 2)]
    seen = []
    m.range(lambda k, v: seen.append((k, v)) or False)
    assert len(seen) == 1
    m.range(lambda k, v: m.delete(k))  # it may use the map
    assert len(m) == 0 and not m
    assert repr(m) == "<gort.Map of 0>"
    assert m.load("a", 5) == 5 and m.load("a") is None


def test_each_worker_finds_its_own_keys_as_it_left_them():
    print(f"GORT_TEST_SEED={SEED}")
    m, errors = gort.Map(), []

    def work(me):
        try:
            rng, model = random.Random(SEED + me), {}
            keys = [Colliding((me, n)) for n in range(3)] + [f"{me}/{n}" for n in range(40)]
            for i in range(3000):
                one_step_own(rng, m, model, keys[rng.randrange(len(keys))], i)
            for k in keys:
                assert m.load(k) == model.get(k)
        except BaseException as e:
            errors.append(e)
            raise

    def one_step_own(rng, m, model, key, i):
        # No clear: the others' keys are in the map too.
        match rng.randrange(4):
            case 0:
                assert m.load(key) == model.get(key)
            case 1:
                assert m.swap(key, i) == model.get(key)
                model[key] = i
            case 2:
                assert m.delete(key) == (model.pop(key, None) is not None)
            case 3:
                was = key in model
                assert m.load_or_store(key, i) == (model.setdefault(key, i), was)

    def main():
        with gort.Group() as g:
            for me in range(3):
                g.go(work, me)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(me,)) for me in range(3, 6)]
        for t in threads:
            t.start()
        gort.run(main)
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors


def test_each_value_is_taken_once():
    m, puts, takes = gort.Map(), gort.Counter(), gort.Counter()

    def work(me):
        rng = random.Random(SEED + me)
        for i in range(4000):
            key, token = rng.randrange(4), i * 4 + me + 1
            if rng.randrange(2):
                if not m.load_or_store(key, token)[1]:
                    puts.add(token)
            elif (taken := m.load_and_delete(key)) is not None:
                takes.add(taken)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    left = sum(v for _, v in m.items())
    assert puts.value() == takes.value() + left


def test_compare_and_swap_counts_every_success_once():
    m = gort.Map({"n": 0})

    def work():
        for _ in range(500):
            while True:
                n = m.load("n")
                if m.compare_and_swap("n", n, n + 1):
                    break
                gort.yield_now()

    def main():
        with gort.Group() as g:
            for _ in range(4):
                g.go(work)

    gort.run(main)
    assert m.load("n") == 2000


def test_error_of_a_comparison_or_a_hash_ends_the_call_and_changes_nothing():
    class Bad:
        def __hash__(self):
            return 7

        def __eq__(self, other):
            raise ZeroDivisionError

    m = gort.Map({Colliding(1): "one"})
    bad = Bad()
    for call in (
        lambda: m.load(bad),
        lambda: m.store(bad, 1),
        lambda: m.swap(bad, 1),
        lambda: m.load_or_store(bad, 1),
        lambda: m.delete(bad),
        lambda: m.load_and_delete(bad),
        lambda: m.compare_and_swap(bad, 1, 2),
        lambda: m.compare_and_delete(bad, 1),
        lambda: bad in m,
    ):
        with pytest.raises(ZeroDivisionError):
            call()
    with pytest.raises(TypeError):
        m.store([], 1)
    assert [(k.n, v) for k, v in m.items()] == [(1, "one")]
    n = gort.Map({"k": bad})
    with pytest.raises(ZeroDivisionError):
        n.compare_and_swap("k", Colliding(1), 2)
    assert n.load("k") is bad


def test_comparison_may_use_the_map_and_may_park():
    class Odd(Colliding):
        visits = 0

        def __hash__(self):
            return 7

        def __eq__(self, other):
            if Odd.visits < 50:
                Odd.visits += 1
                m.store(f"visit {Odd.visits % 5}", Odd.visits)
                gort.sleep(0.0001)  # another task goes on, on this thread, in this map
            return isinstance(other, Odd) and self.n == other.n

    m = gort.Map()

    def work(me):
        for n in range(10):
            m.store(Odd((me, n)), n)
        for n in range(10):
            assert m.load(Odd((me, n))) == n
            assert m.delete(Odd((me, n)))

    def main():
        with gort.Group() as g:
            for me in range(3):
                g.go(work, me)

    gort.run(main)
    assert Odd.visits == 50
    assert sorted(k for k, _ in m.items()) == [f"visit {n}" for n in range(5)]


class Value:
    pass


def test_values_are_given_up_by_the_call_that_takes_them_out():
    m = gort.Map()

    def put(key):
        v = Value()
        m.store(key, v)
        return weakref.ref(v)

    replaced = put("a")
    deleted = put("a")
    assert replaced() is None
    m.delete("a")
    assert deleted() is None
    swapped = put("a")
    m.swap("a", None)
    assert swapped() is None
    cleared = [put(n) for n in range(100)]
    m.clear()
    assert [r() for r in cleared] == [None] * 100
    with_it = put("a")
    del m
    gc.collect()
    assert with_it() is None


def test_counts_of_references_are_exact():
    key, value = "a key of its own" * 2, Value()
    before = sys.getrefcount(key), sys.getrefcount(value)
    m = gort.Map()
    for _ in range(300):  # more than a batch of what is freed later
        m.store(key, value)
        m.load(key)
        m.load_or_store(key, value)
        m.compare_and_swap(key, value, value)
        m.compare_and_swap(key, None, value)
        m.items()
        m.range(lambda k, v: True)
        m.load_and_delete(key)
        m.compare_and_delete(key, value)
    m.clear()
    assert (sys.getrefcount(key), sys.getrefcount(value)) == before


def test_collector_sees_through_a_map():
    class Key:
        pass

    m, k, v = gort.Map(), Key(), Value()
    v.map, k.map = m, m
    m.store("v", v)
    m.store(k, 1)
    seen = weakref.ref(m), weakref.ref(k), weakref.ref(v)
    gc.collect()
    assert all(r() is not None for r in seen)
    assert set(map(id, gc.get_referents(m))) >= {id(k), id(v)}
    del m, k, v
    gc.collect()
    assert [r() for r in seen] == [None] * 3
