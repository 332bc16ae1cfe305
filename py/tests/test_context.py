"""Contexts: what ends one and all below it, what every blocking call raises then, values, causes, functions, and the ambient one."""

import asyncio
import gc
import threading
import weakref

import gort
import pytest
from gort import Context

HOUR = 3600.0


def background():
    return Context.background()


def closed(ctx):
    return gort.select(gort.recv(ctx), default=None).index == 0


def ended(ctx, kind):
    assert ctx.done and type(ctx.err) is kind and closed(ctx)


def goes_on(ctx):
    assert not ctx.done and ctx.err is None and ctx.cause is None and not closed(ctx)


def test_background_and_todo():
    for c in (background(), Context.todo()):
        goes_on(c)
        assert c.deadline is None and c.value("x") is None
        with pytest.raises(gort.Misuse):
            c.cancel()


def test_cancel_reaches_all_below():
    c = background().with_cancel()
    child, value = c.with_cancel(), c.with_value("k", 1).with_timeout(HOUR)
    apart = value.without_cancel()
    why = KeyError("enough")
    assert c.cancel(why) is True and c.cancel("late") is False
    for x in (c, child, value, value.with_cancel()):
        ended(x, gort.Canceled)
        assert x.cause is why and x.err.__cause__ is why
    goes_on(apart)
    assert apart.value("k") == 1 and apart.deadline is None


def test_texts_and_no_cause():
    a, b = background().with_cancel(), background().with_cancel()
    a.cancel("a text")
    b.cancel()
    assert a.cause == "a text" and a.err.__cause__ is None
    assert isinstance(b.cause, gort.Canceled)
    with pytest.raises(TypeError):
        a.cancel(5)


def test_deadlines():
    far = background().with_timeout(HOUR)
    over = far.with_deadline(0.001, cause=ValueError("yesterday"))
    ended(over, gort.TimedOut)
    assert str(over.cause) == "yesterday" and over.with_cancel().cause is over.cause
    assert far.with_timeout(2 * HOUR).deadline == far.deadline
    soon = background().with_timeout(0.01)
    soon.wait()
    ended(soon, gort.TimedOut)
    assert gort.now() >= soon.deadline
    with pytest.raises(gort.InvalidArgument):
        far.with_timeout(float("nan"))
    with pytest.raises(gort.TimedOut):
        far.wait(0.001)
    with pytest.raises(gort.TimedOut, match="the context's deadline passed"):
        far.wait(ctx=soon)


def test_values_by_identity_or_equality():
    key = object()
    c = background().with_value(key, "mine").with_value(("a", 1), None).with_value("n", 2)
    d = c.with_cancel().with_value("n", 3)
    assert d.value(key) == "mine" and d.value("n") == 3 and c.value("n") == 2
    assert d.value(("a", 1), 7) is None and d.value("none", 7) == 7
    with pytest.raises(gort.InvalidArgument):
        c.with_value(None, 1)
    with pytest.raises(gort.Misuse):
        d.cancel()
    m = background().with_value("n", 1).merge(c)
    assert m.value("n") == 1 and m.value(key) == "mine"


def test_merge_ends_with_either():
    for which in (0, 1):
        parents = [background().with_cancel(), background().with_timeout(HOUR)]
        m = parents[0].merge(parents[1])
        assert m.deadline == parents[1].deadline
        goes_on(m)
        parents[which].cancel("it")
        ended(m, gort.Canceled)
        assert m.cause == "it"
        del parents, m


def calls(ctx):
    """Every call that may block, each with a context; and what is done after them."""
    empty, full, fixed = gort.Channel(), gort.Channel(), gort.Channel.of("q")
    wg = gort.WaitGroup()
    wg.add(1)
    selector = gort.Selector()
    selector.add(gort.recv(empty))
    forever = gort.go(lambda: gort.sleep(HOUR))
    def over():
        wg.done()
        forever.cancel()

    return [
        lambda: empty.recv(ctx=ctx),
        lambda: empty.receiver.recv(ctx=ctx),
        lambda: empty.recv_ok(ctx=ctx),
        lambda: empty.recv(timeout=HOUR, ctx=ctx),
        lambda: full.send(1, ctx=ctx),
        lambda: full.sender.send(1, timeout=HOUR, ctx=ctx),
        lambda: full.send_many([1, 2], ctx=ctx),
        lambda: empty.recv_many(2, ctx=ctx),
        lambda: fixed.recv_into(bytearray(8), ctx=ctx),
        lambda: fixed.send_from(memoryview(bytearray(8)).cast("q"), ctx=ctx),
        lambda: gort.select(gort.recv(empty), ctx=ctx),
        lambda: gort.select_biased(gort.recv(empty), ctx=ctx),
        lambda: selector.wait(ctx=ctx),
        lambda: gort.sleep(HOUR, ctx=ctx),
        lambda: wg.wait(ctx=ctx),
        lambda: forever.join(ctx=ctx),
        lambda: forever.result(ctx=ctx),
        lambda: gort.Timer(HOUR).recv(ctx=ctx),
        lambda: background().wait(ctx=ctx),
    ], over


@pytest.mark.parametrize("in_task", [True, False])
def test_every_blocking_call_takes_one(in_task):
    def main():
        for which in range(19):
            ctx = background().with_cancel()
            (every, over) = calls(ctx)
            call = every[which]
            told = []

            def waits(call=call, told=told):
                with pytest.raises(gort.Canceled) as e:
                    call()
                told.append(str(e.value.__cause__))

            if in_task:
                t = gort.go(waits)
                gort.sleep(0.002)
                ctx.cancel(ValueError("now"))
                t.result()
            else:
                th = threading.Thread(target=waits)
                th.start()
                gort.sleep(0.002)
                ctx.cancel(ValueError("now"))
                while th.is_alive():
                    gort.sleep(0.001)
                th.join()
            over()
            assert told == ["now"], which

    gort.run(main)


def test_task_cancellation_is_not_the_contexts():
    def main():
        ctx, seen = background().with_cancel(), []

        def waits():
            try:
                gort.Channel().recv(ctx=ctx)
            except BaseException as e:
                seen.append(type(e))
                raise

        t = gort.go(waits)
        gort.sleep(0.002)
        t.cancel()
        t.join()
        assert seen == [gort.TaskCanceled] and not ctx.done

    gort.run(main)


def test_with_cancels_at_the_end():
    with background().with_cancel() as ctx:
        goes_on(ctx)
    ended(ctx, gort.Canceled)


def test_after_func():
    def main():
        out = gort.Channel(8)
        c = background().with_cancel()
        stopped, runs = c.after_func(out.send, "no"), c.after_func(out.send, "yes")
        assert stopped.stop() is True and stopped.stop() is False
        c.cancel()
        assert out.recv() == "yes"
        assert runs.stop() is False
        c.after_func(out.send, "late")
        assert out.recv() == "late"
        gone = background().with_cancel().after_func(out.send, "never")
        assert gone.stop() is True
        gort.sleep(0.002)
        assert len(out) == 0

    gort.run(main)


def test_ambient_ends_calls_and_is_inherited():
    def main():
        def child():
            with pytest.raises(gort.TimedOut):
                gort.Channel().recv()
            return "told"

        with gort.timeout(0.02, cause=ValueError("slow")) as ctx:
            t = gort.go(child)
            with pytest.raises(gort.TimedOut) as e:
                gort.sleep(HOUR)
            assert str(e.value.__cause__) == "slow"
            ended(ctx, gort.TimedOut)
        assert t.result() == "told"
        gort.sleep(0.001)  # outside nothing ends it
        with pytest.raises(gort.WouldBlock):
            gort.Channel().try_recv()

    gort.run(main)


def test_earliest_of_ambient_ctx_and_timeout_counts():
    def main():
        with gort.timeout(HOUR) as outer:
            with pytest.raises(gort.TimedOut):
                gort.Channel().recv(timeout=0.001)
            with gort.timeout(0.005):
                with pytest.raises(gort.TimedOut):
                    gort.Channel().recv(timeout=HOUR)
            goes_on(outer)
            with gort.timeout(2 * HOUR) as inner:
                assert inner.deadline == outer.deadline
            own = background().with_cancel()
            gort.go(lambda: (gort.sleep(0.002), own.cancel()))
            with pytest.raises(gort.Canceled):
                gort.Channel().recv(ctx=own)
            goes_on(outer)
            with pytest.raises(gort.TimedOut):
                gort.Channel().recv(ctx=background().with_timeout(0.002), timeout=HOUR)
            third = background().with_cancel()
            gort.go(lambda: (gort.sleep(0.002), outer.cancel("all")))
            with pytest.raises(gort.Canceled):
                gort.select(gort.recv(gort.Channel()), ctx=third, timeout=HOUR)
        ended(outer, gort.Canceled)

    gort.run(main)


def test_ambient_on_a_thread():
    with gort.timeout(0.005):
        with pytest.raises(gort.TimedOut):
            gort.Channel().recv()
    with pytest.raises(gort.TimedOut):
        gort.Channel().recv(timeout=0.001)


def test_what_is_ready_goes_ahead():
    over, ch = background().with_timeout(0), gort.Channel(1)
    ch.send(1, ctx=over)
    assert ch.recv(ctx=over) == 1
    with pytest.raises(gort.TimedOut):
        ch.recv(ctx=over)


def test_asyncio_awaits_its_end():
    async def main():
        c = background().with_cancel()
        waits = asyncio.ensure_future(c.wait_async())
        await asyncio.sleep(0.001)
        assert not waits.done()
        c.cancel()
        await waits
        await background().with_timeout(0.002).wait_async()

    asyncio.run(main())


def test_collector_sees_values_and_causes_go():
    class Thing(Exception):
        pass

    def make():
        thing = Thing()
        c = background().with_cancel().with_value("k", thing)
        thing.ctx = c
        other = Thing()
        x = background().with_cancel()
        x.cancel(other)
        return weakref.ref(thing), weakref.ref(other)

    refs = make()
    for _ in range(3):
        gc.collect()
    assert refs[0]() is None and refs[1]() is None


def test_deadline_comes_when_the_run_is_over():
    c = gort.run(lambda: background().with_timeout(0.01))
    c.wait(timeout=30)
    ended(c, gort.TimedOut)


def test_texts():
    assert repr(background()) == "<gort.Context>"
    c = background().with_timeout(HOUR)
    assert "s left" in repr(c)
    c.cancel()
    assert repr(c) == "<gort.Context cancelled>"
    assert repr(background().with_timeout(0)) == "<gort.Context timed out>"
    with pytest.raises(TypeError, match="Context"):
        gort.recv(5)
