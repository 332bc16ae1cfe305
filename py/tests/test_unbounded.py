"""Channels without bound, and the batches of send_many and recv_many."""

import gc
import sys
import threading

import gort
import pytest
from test_gc import box  # noqa: F401 (a fixture)


@pytest.mark.parametrize("make", [lambda: gort.Channel(None), lambda: gort.Channel.of("q", None)], ids=["objects", "q"])
def test_send_never_waits_and_order_is_kept(make):
    c = make()
    n = 20_000
    for i in range(n):
        c.send(i)
    assert len(c) == n and c.capacity is None and c.sender.capacity is None and c.receiver.capacity is None
    c.try_send(n)
    c.close()
    with pytest.raises(gort.Closed):
        c.send(0)
    assert c.recv() == 0
    assert c.recv_many(5000) == list(range(1, 5001))
    assert list(c) == list(range(5001, n + 1))
    assert c.recv_ok() == (None, False)


def test_capacity_says_what_it_was_made_with():
    assert [gort.Channel(n).capacity for n in (0, 3, None)] == [0, 3, None]
    assert gort.Channel(capacity=None).capacity is None
    assert gort.Channel.of("d", capacity=None).capacity is None
    c = gort.Channel(None)
    c.send(1)
    assert repr(c) == "<gort.Channel 1/unbounded>"
    for wrong in ("x", 1.5):
        with pytest.raises(TypeError):
            gort.Channel(wrong)


def test_unbounded_in_tasks_and_threads():
    n = 3000

    def main():
        c = gort.Channel(None)

        def produce(first):
            for v in range(first, n, 3):
                c.send(v)

        t = threading.Thread(target=produce, args=(0,))
        t.start()
        tasks = [gort.go(produce, i) for i in (1, 2)]
        got = sorted(c.recv() for _ in range(n))
        for x in tasks:
            x.result()
        return t, got

    t, got = gort.run(main)
    t.join()
    assert got == list(range(n))


def test_select_and_selector_on_an_unbounded_channel():
    c = gort.Channel(None)
    for i in range(1000):
        assert gort.select(gort.send(c, i), gort.recv(gort.Channel())) == (0, None)
    with gort.Selector() as s:
        s.add(gort.recv(c))
        assert [s.wait().value for _ in range(500)] == list(range(500))
    assert [gort.select(gort.recv(c)).value for _ in range(500)] == list(range(500, 1000))


def test_references_in_an_unbounded_channel(box):  # noqa: F811
    value = box.value
    c = gort.Channel(None)
    for _ in range(5000):
        c.send(value)
    assert [c.recv() is value for _ in range(1000)] == [True] * 1000
    c.send_many([value] * 3000)
    assert c.recv_many(2000) == [value] * 2000
    c.receiver.abandon()
    with pytest.raises(gort.Closed):
        c.send(value)
    d = gort.Channel(None)
    d.send_many([value] * 5000)
    del d


def test_unbounded_channel_in_itself_is_collected():
    import weakref

    c = gort.Channel(None)
    for _ in range(2000):
        c.send([c])
    gone = weakref.ref(c)
    del c
    gc.collect()
    assert gone() is None


# ---- batches


@pytest.mark.parametrize("n", [0, 1, 2, 255, 256, 257, 1000])
@pytest.mark.parametrize("kind", ["objects", "q", "h", "d", "?", "B"])
def test_batches_of_every_size_and_kind(n, kind):
    values = [bool(i % 3) if kind == "?" else i % 200 for i in range(n)]

    def main():
        for capacity in (0, 1, 300, None):
            c = gort.Channel(capacity) if kind == "objects" else gort.Channel.of(kind, capacity)
            for given in (values, tuple(values), iter(values)):
                sender = gort.go(c.send_many, given)
                got = []
                while len(got) < n:
                    some = c.recv_many(n - len(got))
                    assert some
                    got += some
                assert got == values and sender.result() == n

    gort.run(main)


def test_batch_takes_what_is_there_and_no_more():
    c = gort.Channel(1000)
    c.send_many(list(range(700)))
    assert c.recv_many(600) == list(range(600))
    assert c.recv_many(600) == list(range(600, 700))
    with pytest.raises(gort.TimedOut):
        c.recv_many(1, timeout=0.001)
    c.close()
    assert c.recv_many(5) == []


def test_batch_that_fails_says_how_many_went(box):  # noqa: F811
    value = box.value
    for values in ([value] * 400, (value,) * 400, iter([value] * 400)):
        c = gort.Channel(300)
        with pytest.raises(gort.TimedOut) as e:
            c.send_many(values, timeout=0.002)
        assert e.value.sent == 300 and len(c) == 300
        c.close()
        with pytest.raises(gort.Closed) as e:
            c.send_many([value, value])
        assert e.value.sent == 0
        assert c.recv_many(1000) == [value] * 300
        del e


def test_value_that_does_not_fit_ends_a_batch_behind_those_before_it():
    for values in ([1, 2, 1000, 3], (1, 2, "x")):
        c = gort.Channel.of("b", 10)
        with pytest.raises((OverflowError, TypeError)) as e:
            c.send_many(values)
        assert e.value.sent == 2 and c.recv_many(10) == [1, 2]


def test_iterable_is_asked_for_the_next_value_when_the_one_before_has_gone():
    c = gort.Channel(None)

    def values():
        for i in range(5):
            assert len(c) == i
            yield i

    assert c.send_many(values()) == 5


def test_batch_of_a_list_that_changes_meanwhile():
    c = gort.Channel.of("q", None)
    values = [0, 0, 0]

    class Odd:
        def __index__(self):
            values.clear()
            return 5

    values[1] = Odd()
    assert c.send_many(values) == 2
    assert c.recv_many(9) == [0, 5]


def test_cancelled_task_sends_and_receives_no_batch(box):  # noqa: F811
    value = box.value

    def main():
        c = gort.Channel(None)
        c.send(value)
        seen = []

        def body(call, *args):
            gort.current_task().cancel()
            try:
                call(*args)
            except gort.TaskCanceled:
                seen.append(1)
                raise

        for t in (gort.go(body, c.send_many, [value] * 3), gort.go(body, c.recv_many, 5)):
            t.join()
        assert seen == [1, 1] and len(c) == 1
        assert c.recv() is value

    gort.run(main)


def test_batches_hold_no_reference_too_many():
    value = object()
    before = sys.getrefcount(value)
    c = gort.Channel(None)
    values = [value] * 1000
    c.send_many(values)
    assert sys.getrefcount(value) == before + 2000
    got = c.recv_many(1000)
    assert sys.getrefcount(value) == before + 2000
    del got, values
    assert sys.getrefcount(value) == before
