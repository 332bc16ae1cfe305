"""Channels in asyncio and uvloop (P5)."""

import asyncio
import gc
import threading

import gort
import pytest

try:
    import uvloop
except ImportError:
    uvloop = None


def run_uvloop(coroutine):
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


# uvloop has no wheel for some Pythons; asyncio's own loop is tested always.
loops = pytest.mark.parametrize(
    "run",
    [asyncio.run, pytest.param(run_uvloop, marks=pytest.mark.skipif(uvloop is None, reason="no uvloop"))],
    ids=["asyncio", "uvloop"],
)


@loops
def test_values_come_from_a_thread_in_order(run):
    c = gort.Channel(16)

    def produce():
        for i in range(2000):
            c.send(i)
        c.close()

    async def main():
        t = threading.Thread(target=produce)
        t.start()
        got = [v async for v in c]
        t.join()
        return got

    assert run(main()) == list(range(2000))


@loops
def test_values_go_to_tasks_and_come_back(run):
    a, b = gort.Channel(), gort.Channel()

    def double():
        for v in a:
            b.send(2 * v)

    async def main():
        t = gort.go(double)
        for i in range(200):
            await a.send_async(i)
            assert await b.recv_async() == 2 * i
        a.close()
        while not t.done:
            await asyncio.sleep(0)

    run(main())


@loops
def test_ready_value_needs_no_turn_of_the_loop(run):
    async def main():
        c = gort.Channel(2)
        await c.send_async("a")
        turns = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        assert await c.recv_async() == "a"
        assert turns == []

    run(main())


@loops
def test_closed_ends_iteration_and_raises(run):
    async def main():
        c = gort.Channel(1)
        c.send(1)
        c.close()
        assert [v async for v in c.receiver] == [1]
        with pytest.raises(gort.Closed):
            await c.recv_async()
        with pytest.raises(gort.Closed):
            await c.sender.send_async(2)

    run(main())


@loops
def test_close_wakes_waiting_coroutines(run):
    async def main():
        c = gort.Channel()

        async def wait():
            with pytest.raises(gort.Closed):
                await c.recv_async()
            return 1

        tasks = [asyncio.ensure_future(wait()) for _ in range(5)]
        await asyncio.sleep(0.001)
        threading.Thread(target=c.close).start()
        assert await asyncio.gather(*tasks) == [1] * 5

    run(main())


@loops
def test_blocking_call_on_a_running_loop_is_misuse(run):
    async def main():
        c = gort.Channel()
        for call in (c.recv, lambda: c.send(1), lambda: gort.sleep(1), lambda: gort.go(gort.sleep, 0.05).join()):
            with pytest.raises(gort.Misuse, match="loop"):
                call()
        w = gort.WaitGroup()
        w.add(1)
        with pytest.raises(gort.Misuse):
            w.wait()
        w.done()

    run(main())


@loops
def test_cancelled_receive_loses_no_value(run, rng):
    n = 1500
    c = gort.Channel(rng.choice([0, 1, 5]))

    def produce():
        for i in range(n):
            c.send(i)
        c.close()

    async def main():
        t = threading.Thread(target=produce)
        t.start()
        got, ended = [], 0

        async def consume():
            nonlocal ended
            while True:
                try:
                    got.append(await asyncio.wait_for(c.recv_async(), rng.choice([0.0001, 0.001, 1])))
                except asyncio.TimeoutError:
                    await asyncio.sleep(0)
                except gort.Closed:
                    ended += 1
                    return

        await asyncio.gather(*[consume() for _ in range(4)])
        t.join()
        return got

    assert sorted(run(main())) == list(range(n))


@loops
def test_receive_cancelled_after_the_delivery_passes_the_value_on(run):
    async def main():
        c = gort.Channel()

        async def receive():
            return await c.recv_async()

        t = asyncio.ensure_future(receive())
        await asyncio.sleep(0.001)
        c.try_send("precious")  # delivered: the future will complete
        t.cancel()
        with pytest.raises(asyncio.CancelledError):
            await t
        assert len(c) == 1
        assert await c.recv_async() == "precious"

    run(main())


@loops
def test_cancelled_send_takes_its_value_back(run):
    async def main():
        c = gort.Channel()

        async def send():
            await c.send_async(object())

        t = asyncio.ensure_future(send())
        await asyncio.sleep(0.001)
        t.cancel()
        with pytest.raises(asyncio.CancelledError):
            await t
        with pytest.raises(gort.WouldBlock):
            c.try_recv()

    run(main())


@loops
def test_many_loops_and_threads_share_one_channel(run):
    n, k = 600, 3
    c, got = gort.Channel(4), []

    async def consume():
        async for v in c:
            got.append(v)

    threads = [threading.Thread(target=lambda: run(consume())) for _ in range(k)]
    for t in threads:
        t.start()
    for i in range(n):
        c.send(i)
    c.close()
    for t in threads:
        t.join()
    assert sorted(got) == list(range(n))


def test_loop_that_ends_with_waiters_leaves_nothing():
    async def main():
        c = gort.Channel()

        async def wait():
            await c.recv_async()

        tasks = [asyncio.ensure_future(wait()) for _ in range(3)]
        await asyncio.sleep(0)
        return tasks

    asyncio.run(main())
    gc.collect()


def test_await_that_is_never_awaited_leaves_nothing():
    c = gort.Channel()
    c.recv_async()
    value = object()
    c.send_async(value)
    gc.collect()


def test_await_outside_a_loop_says_so():
    async def main():
        await gort.Channel().recv_async()

    co = main()
    with pytest.raises(RuntimeError):
        co.send(None)


@loops
def test_await_that_was_cancelled_passes_its_value_on_once(run):
    async def main():
        c = gort.Channel()

        async def receive():
            a = c.recv_async()
            try:
                return await a
            except asyncio.CancelledError:
                with pytest.raises(RuntimeError):
                    await a
                raise

        t = asyncio.ensure_future(receive())
        await asyncio.sleep(0.001)
        c.try_send("once")
        t.cancel()
        with pytest.raises(asyncio.CancelledError):
            await t
        assert len(c) == 1 and c.try_recv() == "once"

    run(main())
