"""select_async: rules of select for coroutines of asyncio and uvloop."""

import asyncio
import gc
import math
import threading
import weakref

import gort
import pytest
from gort import after, recv, select_async, send
from test_aio import loops
from test_gc import box  # noqa: F401 (a fixture)


async def parked(n=1):
    """Until so many awaits of this loop wait."""
    for _ in range(3 * n):
        await asyncio.sleep(0)


def in_thread(f, *args):
    t = threading.Thread(target=f, args=args)
    t.start()
    return t


async def cancelled(t):
    t.cancel()
    with pytest.raises(asyncio.CancelledError):
        await t


@loops
def test_what_is_ready_needs_no_turn_of_the_loop(run):
    async def main():
        a, b = gort.Channel(1), gort.Channel(1)
        turns = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        assert await select_async(recv(a), send(b, "v")) == (1, None)
        got = await select_async(recv(a), recv(b))
        assert isinstance(got, gort.Got) and got == (1, "v") and got.ok
        assert await select_async(recv(a), default="none") == (-1, "none")
        assert await select_async(recv(a), after(-1), None) == (1, pytest.approx(gort.now(), abs=60))
        with pytest.raises(gort.TimedOut):
            await select_async(recv(a), timeout=0)
        assert turns == []

    run(main())


@loops
def test_waits_for_a_task_and_a_thread(run):
    async def main():
        a, b = gort.Channel(), gort.Channel()
        t = gort.go(a.send, "task")
        assert await select_async(recv(a), recv(b)) == (0, "task")
        thread = in_thread(b.send, "thread")
        assert await select_async(recv(a), recv(b)) == (1, "thread")
        thread.join()
        got = []
        thread = in_thread(lambda: got.append(b.recv()))
        assert await select_async(recv(a), send(b, "sent")) == (1, None)
        thread.join()
        assert got == ["sent"]
        while not t.done:
            await asyncio.sleep(0)

    run(main())


@loops
def test_coroutines_meet_each_other(run):
    async def main():
        a, b = gort.Channel(), gort.Channel()
        waiting = asyncio.ensure_future(_await(recv(a), send(b, 1)))
        await parked()
        got = await select_async(send(a, "x"), recv(b))
        other = await waiting
        assert (got, other) in [((0, None), (0, "x")), ((1, 1), (1, None))]

    run(main())


async def _await(*cases, **kw):
    return await select_async(*cases, **kw)


@loops
def test_closed(run):
    async def main():
        a, b = gort.Channel(), gort.Channel()
        a.close()
        got = await select_async(recv(b), recv(a))
        assert got == (1, None) and not got.ok
        with pytest.raises(gort.Closed) as e:
            await select_async(recv(b), send(a, 1))
        assert e.value.index == 1

    run(main())


@loops
def test_close_wakes(run):
    async def main():
        a, b, c = gort.Channel(), gort.Channel(), gort.Channel()
        waiting = asyncio.ensure_future(_await(recv(a), recv(b)))
        sending = asyncio.ensure_future(_await(None, send(c, 2)))
        await parked(2)
        b.close()
        c.close()
        assert await waiting == (1, None)
        with pytest.raises(gort.Closed) as e:
            await sending
        assert e.value.index == 1

    run(main())


@loops
def test_timeout_and_after_are_never_early(run):
    async def main():
        c = gort.Channel()
        before = gort.now()
        with pytest.raises(gort.TimedOut):
            await select_async(recv(c), send(c, 1), timeout=0.02)
        assert gort.now() - before >= 0.02
        before = gort.now()
        assert await select_async(recv(c), timeout=0.02, default="late") == (-1, "late")
        assert gort.now() - before >= 0.02
        before = gort.now()
        got = await select_async(after(30), recv(c), after(0.02), timeout=20)
        assert got.index == 2 and before + 0.02 <= got.value <= gort.now()
        assert (await select_async(after(math.inf), after(0.001))).index == 1
        with pytest.raises(gort.TimedOut):
            await select_async(after(1e6), recv(c), timeout=0.001)
        thread = in_thread(c.send, "in time")
        assert await select_async(recv(c), after(30), timeout=30) == (0, "in time")
        thread.join()
        with pytest.raises(gort.InvalidArgument, match="timeout"):
            select_async(recv(c), timeout=math.nan)

    run(main())


@loops
def test_cancelled_await_leaves_every_queue(run):
    async def main():
        channels = [gort.Channel() for _ in range(20)]
        for _ in range(3):
            t = asyncio.ensure_future(_await(*[recv(c) for c in channels], send(channels[0], 1), timeout=60))
            await parked()
            await cancelled(t)
            for c in channels:
                with pytest.raises(gort.WouldBlock):
                    c.try_send(1)
                with pytest.raises(gort.WouldBlock):
                    c.try_recv()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(select_async(recv(channels[0]), after(100)), 0.005)
        with pytest.raises(gort.WouldBlock):
            channels[0].try_send(1)

    run(main())


@loops
def test_value_that_comes_when_it_is_cancelled_goes_to_the_next(run, box):  # noqa: F811
    value = box.value

    async def main():
        a, b = gort.Channel(), gort.Channel()
        # won, and the loop does not know yet
        t = asyncio.ensure_future(_await(recv(a), recv(b)))
        await parked()
        b.try_send(value)
        await cancelled(t)
        assert b.try_recv() is value
        # won, the loop knows, and the coroutine was not resumed
        t = asyncio.ensure_future(_await(recv(a), recv(b)))
        await parked()
        b.try_send(value)
        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(done.set)
        await done.wait()
        t.cancel()
        try:
            assert (await t).value is value
        except asyncio.CancelledError:
            assert b.try_recv() is value
        # sent, whatever becomes of the await
        t = asyncio.ensure_future(_await(send(a, value), recv(b)))
        await parked()
        assert a.try_recv() is value
        await cancelled(t)

    run(main())


@loops
def test_references_of_every_end(run, box):  # noqa: F811
    value = box.value

    async def main():
        a, b, closed, full = gort.Channel(), gort.Channel(), gort.Channel(), gort.Channel(1)
        closed.close()
        full.send(0)
        case = send(a, value)
        assert (await select_async(case, send(b, value), recv(closed))).ok is False
        with pytest.raises(gort.Closed):
            await select_async(case, send(closed, value))
        with pytest.raises(gort.TimedOut):
            await select_async(case, send(full, value), timeout=0.001)
        assert (await select_async(case, default=value)).value is value
        assert (await select_async(case, after(0.001))).index == 1
        t = asyncio.ensure_future(_await(case, case, send(b, value), default=value, timeout=60))
        await parked()
        await cancelled(t)
        got = []
        thread = in_thread(lambda: got.append(b.recv()))
        assert await select_async(case, send(b, value)) == (1, None)
        thread.join()
        assert got == [value]
        thread = in_thread(a.send, value)
        assert await select_async(recv(a), send(full, value)) == (0, value)
        thread.join()
        unused = select_async(case, recv(b))
        del unused
        never_resumed = select_async(case, recv(b)).__await__()
        next(never_resumed)
        b.try_send(value)
        never_resumed.close()
        assert b.try_recv() is value
        with pytest.raises(TypeError):
            select_async(case, value)

    run(main())


@loops
def test_awaited_twice_is_refused(run):
    async def main():
        c = gort.Channel(1)
        c.send(1)
        s = select_async(recv(c))
        assert await s == (0, 1)
        with pytest.raises(RuntimeError, match="awaited twice"):
            await s

    run(main())


def test_without_a_loop_only_what_is_ready_goes():
    c = gort.Channel(1)
    with pytest.raises(StopIteration) as e:
        next(select_async(send(c, 1)).__await__())
    assert e.value.value == (0, None)
    with pytest.raises(RuntimeError):
        next(select_async(send(c, 1), recv(gort.Channel())).__await__())
    assert c.recv() == 1


@loops
def test_hundreds_of_cases(run):
    async def main():
        channels = [gort.Channel() for _ in range(300)]
        cases = [recv(c) for c in channels]
        tasks = [gort.go(c.send, i) for i, c in enumerate(channels)]
        seen = []
        for _ in range(300):
            i, v = await select_async(*cases)
            assert i == v
            cases[i] = None
            seen.append(i)
        assert sorted(seen) == list(range(300))
        while not all(t.done for t in tasks):
            await asyncio.sleep(0)

    run(main())


@loops
def test_select_of_coroutines_tasks_and_threads_loses_nothing(run, rng):
    n, k = 600, 3
    channels = [gort.Channel(c) for c in (0, 1, 4)]
    stop = gort.Channel()
    got = []

    def produce(first):
        for v in range(first, n, 2 * k):
            gort.select(*[send(c, v) for c in channels])

    async def produce_async(first):
        for v in range(first, n, 2 * k):
            await select_async(*[send(c, v) for c in channels])

    async def consume():
        cases = [recv(c) for c in channels] + [recv(stop)]
        while True:
            try:
                i, v = await asyncio.wait_for(select_async(*cases), rng.choice([0.0005, 1]))
            except asyncio.TimeoutError:
                continue
            if i == 3:
                return
            got.append(v)

    async def main():
        consumers = [asyncio.ensure_future(consume()) for _ in range(3)]
        tasks = [gort.go(produce, 0), gort.go(produce, 1)]
        threads = [in_thread(produce, i) for i in (2, 3)]
        await asyncio.gather(produce_async(4), produce_async(5))
        while len(got) < n:
            await asyncio.sleep(0.001)
        stop.close()
        await asyncio.gather(*consumers)
        for t in threads:
            t.join()
        assert all(t.done for t in tasks)

    run(main())
    assert sorted(got) == list(range(n))


def test_forgotten_awaits_are_collected():
    c = gort.Channel()
    value = [c]
    value.append(select_async(send(c, value)))
    gone = weakref.ref(c)
    del c, value
    gc.collect()
    assert gone() is None


def test_loop_that_is_closed_with_a_select_that_waits_is_quiet(program):
    done = program(
        """
        import asyncio, gort
        c = gort.Channel()
        async def wait():
            await gort.select_async(gort.recv(c), gort.send(c, [c]), gort.after(100), timeout=200)
        async def main():
            asyncio.ensure_future(wait())
            await asyncio.sleep(0.01)
        asyncio.run(main())
        try: c.try_send(1)
        except gort.WouldBlock: print("nobody waits")
        """,
        env={"PYTHONDEVMODE": "1"},
    )
    assert done.stdout == "nobody waits\n" and done.stderr == ""
