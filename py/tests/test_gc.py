"""References are exact for every way a value can go, and the collector sees through channels and tasks."""

import asyncio
import gc
import sys
import threading
import weakref

import gort
import pytest


class Value:
    pass


class Box:
    """Holds the one reference of a value (pytest keeps more of what a fixture yields)."""

    def __init__(self):
        self.value = Value()

    def count(self):
        return sys.getrefcount(self.value)


@pytest.fixture
def box():
    """Holds an object whose count must be the same afterwards."""
    b = Box()
    before = b.count()
    yield b
    for _ in range(100):
        gc.collect()
        if b.count() == before:
            return
        gort.sleep(0.001)
    assert b.count() == before


def test_sent_and_received(box):
    value = box.value
    c = gort.Channel(1)
    c.send(value)
    assert c.recv() is value


def test_handed_over_between_tasks(box):
    value = box.value
    def main():
        c = gort.Channel()
        t = gort.go(c.recv)
        gort.yield_now()
        c.send(value)
        assert t.result() is value

    gort.run(main)


def test_handed_over_between_threads(box):
    value = box.value
    c, seen = gort.Channel(), []
    t = threading.Thread(target=lambda: seen.append(c.recv() is value))
    t.start()
    c.send(value)
    t.join()
    assert seen == [True]


def test_refused_by_a_closed_channel(box):
    value = box.value
    c = gort.Channel(1)
    c.close()
    with pytest.raises(gort.Closed):
        c.send(value)
    with pytest.raises(gort.Closed):
        c.try_send(value)


def test_timed_out_and_would_block(box):
    value = box.value
    c = gort.Channel()
    with pytest.raises(gort.TimedOut):
        c.send(value, timeout=0.001)
    with pytest.raises(gort.WouldBlock):
        c.try_send(value)


def test_timed_out_in_a_task(box):
    value = box.value
    def main():
        with pytest.raises(gort.TimedOut):
            gort.Channel().send(value, timeout=0.001)

    gort.run(main)


def test_closed_while_the_sender_waits(box):
    value = box.value
    def main():
        c = gort.Channel()
        t = gort.go(c.send, value)
        gort.yield_now()
        c.close()
        assert isinstance(t.exception(), gort.Closed)

    gort.run(main)


def test_cancelled_while_the_sender_waits(box):
    value = box.value
    def main():
        t = gort.go(gort.Channel().send, value)
        gort.yield_now()
        t.cancel()
        t.join()

    gort.run(main)


def test_dropped_with_the_channel(box):
    value = box.value
    c = gort.Channel(3)
    c.send(value)
    c.send(value)
    del c


def test_abandoned(box):
    value = box.value
    c = gort.Channel(3)
    c.send(value)
    c.receiver.abandon()


def test_lost_to_a_cancelled_receiver(box):
    value = box.value
    def main():
        c = gort.Channel()
        t = gort.go(c.recv)
        gort.yield_now()
        c.send(value)  # delivered, though not resumed yet
        t.cancel()
        t.join()

    gort.run(main)


def test_asyncio_receive_and_send(box):
    value = box.value
    async def main():
        c = gort.Channel()

        async def receive():
            return await c.recv_async()

        t = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await c.send_async(value)
        assert await t is value

    asyncio.run(main())


def test_asyncio_cancelled_before_and_after_the_delivery(box):
    value = box.value
    async def main():
        c = gort.Channel()

        async def receive():
            return await c.recv_async()

        for deliver in (False, True):
            t = asyncio.ensure_future(receive())
            await asyncio.sleep(0.001)
            if deliver:
                c.try_send(value)
            t.cancel()
            with pytest.raises(asyncio.CancelledError):
                await t
        assert c.try_recv() is value

        async def send():
            await c.send_async(value)

        t = asyncio.ensure_future(send())
        await asyncio.sleep(0.001)
        t.cancel()
        with pytest.raises(asyncio.CancelledError):
            await t

    asyncio.run(main())


def test_arguments_and_results_of_tasks(box):
    value = box.value
    def main():
        t = gort.go(lambda v: v, value)
        assert t.result() is value and t.result() is value

        def broken(v):
            raise KeyError(v)

        t = gort.go(broken, value)
        with pytest.raises(KeyError):
            t.result()

    gort.run(main)


def test_value_of_run(box):
    value = box.value
    assert gort.run(lambda: value) is value


def test_batches(box):
    value = box.value
    c = gort.Channel(4)
    c.send_many([value] * 4)
    assert c.recv_many(10) == [value] * 4


def test_channel_in_itself_is_collected():
    c = gort.Channel(2)
    c.send(c)
    c.send([c])
    gone = weakref.ref(c)
    del c
    gc.collect()
    assert gone() is None


def test_channels_in_a_ring_are_collected():
    ring = [gort.Channel(1) for _ in range(5)]
    for a, b in zip(ring, ring[1:] + ring[:1]):
        a.send(b.sender)
    gone = [weakref.ref(c) for c in ring]
    del ring, a, b
    gc.collect()
    assert [g() for g in gone] == [None] * 5


def test_task_that_returned_itself_is_collected():
    def main():
        box = []
        t = gort.go(lambda: box)
        t.join()
        box.append(t)
        return weakref.ref(t)

    gone = gort.run(main)
    gc.collect()
    assert gone() is None


def test_task_with_its_own_exception_is_collected():
    def main():
        def broken():
            raise ValueError(gort.current_task())

        t = gort.go(broken)
        t.exception()
        return weakref.ref(t)

    gone = gort.run(main)
    gc.collect()
    assert gone() is None


def test_finalizer_that_sends_runs_outside_of_everything():
    c = gort.Channel(10)

    class Last:
        def __del__(self):
            c.try_send("gone")

    d = gort.Channel(3)
    for _ in range(3):
        d.send(Last())
    del d
    assert len(c) == 3
