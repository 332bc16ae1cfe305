"""select: rules S1 to S8 from tasks and threads. Those ported from Go keep Go's names (SEMANTICS: test/chan, runtime/chan_test.go)."""

import math
import os
import pickle
import threading

import gort
import pytest
from capi_support import built, run as run_c  # noqa: F401 (a fixture)
from conftest import needs_greenlets
from gort import after, recv, select, select_biased, send


def in_thread_and_task(f):
    """The body runs once on a plain thread and once in a task."""
    return pytest.mark.parametrize("run", [lambda g: g(), gort.run], ids=["thread", "task"])(f)


def until_waiting(n, what="select"):
    while gort._gort._dump().count(what) < n:
        gort.yield_now()


# ---- what it gives


@in_thread_and_task
def test_ready_receive_gives_index_and_value(run):
    def body():
        a, b = gort.Channel(1), gort.Channel(1)
        b.send("b")
        return select(recv(a), recv(b.receiver))

    got = run(body)
    assert got == (1, "b") and (got.index, got.value, got.ok) == (1, "b", True)


@in_thread_and_task
def test_ready_send_sends_and_gives_none(run):
    def body():
        a, b = gort.Channel(1), gort.Channel(1)
        a.send("full")
        assert select(send(a, 1), send(b.sender, 2)) == (1, None)
        return a.recv(), b.recv()

    assert run(body) == ("full", 2)


def test_got_is_a_named_tuple_and_matches_as_one():
    c = gort.Channel(1)
    c.send([1])
    got = select(recv(c))
    assert isinstance(got, gort.Got) and isinstance(got, tuple) and len(got) == 2
    assert gort.Got._fields == ("index", "value") and got._asdict() == {"index": 0, "value": [1]}
    assert repr(got) == "Got(index=0, value=[1])"
    match got:
        case (0, [n]):
            assert n == 1
        case _:
            pytest.fail("no match")
    c.send("x")
    got = select(recv(c))
    assert hash(got) == hash((0, "x")) and {got: 1}[0, "x"] == 1
    assert pickle.loads(pickle.dumps(got)) == got
    c.close()
    closed = select(recv(c))
    assert closed == (0, None) and not closed.ok and isinstance(closed, gort.Got)
    assert repr(closed) == "Got(index=0, value=None, ok=False)"
    assert not pickle.loads(pickle.dumps(closed)).ok
    assert not hasattr(got, "__dict__") and not hasattr(closed, "__dict__")


@in_thread_and_task
def test_default_is_given_when_nothing_is_ready_now(run):
    def body():
        c = gort.Channel()
        marker = object()
        got = select(recv(c), send(c, 1), default=marker)
        assert got.index == -1 and got.value is marker and got.ok
        assert select(default=None) == (-1, None)
        d = gort.Channel(1)
        assert select(recv(c), send(d, 1), default=0) == (1, None)
        assert select_biased(recv(c), default=7) == (-1, 7)

    run(body)


@in_thread_and_task
def test_timeout_raises_or_gives_the_default(run):
    def body():
        c = gort.Channel()
        for timeout in (0.002, 0, -1):
            with pytest.raises(gort.TimedOut) as e:
                select(recv(c), send(c, 1), timeout=timeout)
            assert isinstance(e.value, TimeoutError)
        before = gort.now()
        assert select(recv(c), timeout=0.01, default="late") == (-1, "late")
        assert gort.now() - before >= 0.01
        with pytest.raises(gort.InvalidArgument, match="timeout"):
            select(recv(c), timeout=math.nan)
        c2 = gort.Channel(1)
        assert select(send(c2, 5), timeout=10) == (0, None)

    run(body)


@in_thread_and_task
def test_closed_channel_is_ready(run):
    def body():
        a, b = gort.Channel(1), gort.Channel()
        a.send(1)
        a.close()
        assert select(recv(a), recv(b)).ok  # what is buffered comes first
        got = select(recv(b), recv(a))
        assert got == (1, None) and not got.ok
        assert select(recv(a), default="unused") == (0, None)
        with pytest.raises(gort.Closed) as e:
            select(recv(b), send(a, 2))
        assert e.value.index == 1
        with pytest.raises(gort.Closed) as e:
            select_biased(send(a, 2), default=None)
        assert e.value.index == 0

    run(body)


@in_thread_and_task
def test_close_ends_a_waiting_select(run):
    def body():
        a, b = gort.Channel(), gort.Channel()
        closer = gort.go(lambda: (until_waiting(1), b.close()))
        got = select(recv(a), recv(b))
        assert got == (1, None) and not got.ok
        closer.join()
        c, d = gort.Channel(), gort.Channel()
        closer = gort.go(lambda: (until_waiting(1), d.close()))
        with pytest.raises(gort.Closed) as e:
            select(send(c, 1), send(d, 2))
        assert e.value.index == 1
        closer.join()

    run(body)


@in_thread_and_task
def test_after_is_ready_from_its_time_on(run):
    def body():
        c = gort.Channel()
        before = gort.now()
        late = after(0.01)
        got = select(recv(c), late)
        assert got.index == 1 and before + 0.01 <= got.value <= gort.now()
        assert select(late) == (0, got.value)  # it stays ready
        assert select(late, default=1).index == 0
        assert select(after(-1), recv(c)).index == 0
        assert select(after(30), default="early") == (-1, "early")
        assert select(after(math.inf), recv(c), after(0.002)).index == 2
        assert select(after(20), after(0.001), after(10)).index == 1
        with pytest.raises(gort.TimedOut):
            select(after(30), timeout=0.001)
        with pytest.raises(gort.InvalidArgument, match="seconds"):
            after(math.nan)

    run(body)


@in_thread_and_task
def test_cases_that_are_off_are_never_ready(run):
    def body():
        c = gort.Channel(1)
        c.send(1)
        off = recv(None)
        assert select(None, off, send(None, object()), recv(c)) == (3, 1)
        for cases in ([], [None], [off, None, send(None, 1)]):
            assert select(*cases, default="none") == (-1, "none")
            with pytest.raises(gort.TimedOut):
                select(*cases, timeout=0.001)

    run(body)


def test_what_is_no_case_is_refused():
    c = gort.Channel(1)
    for wrong in (c, c.receiver, c.recv, (c, 1), 5, "case"):
        with pytest.raises(TypeError, match="a case is needed"):
            select(recv(c), wrong, default=None)
    with pytest.raises(TypeError, match="gort.recv: a Channel, a Receiver or None is needed, not Sender"):
        recv(c.sender)
    with pytest.raises(TypeError, match="gort.send: a Channel, a Sender or None is needed, not Receiver"):
        send(c.receiver, 1)
    with pytest.raises(TypeError):
        gort.Case()
    with pytest.raises(gort.LimitExceeded):
        select(*[recv(c)] * 65537, default=None)
    assert len(c) == 0


def test_repr_of_a_case_says_what_it_does():
    c = gort.Channel(1)
    assert repr(recv(c)) == "<gort.Case receive from <gort.Channel 0/1>>"
    assert repr(send(c, 1)) == "<gort.Case send on <gort.Channel 0/1>>"
    assert repr(recv(None)) == "<gort.Case switched off>"
    assert repr(after(100)).startswith("<gort.Case after ")
    assert gort.Case[int] is not gort.Case


@in_thread_and_task
def test_case_may_be_used_again_and_twice(run):
    def body():
        c = gort.Channel(100)
        put, take = send(c, "v"), recv(c)
        for _ in range(20):
            assert select(put, put)[1] is None
        assert len(c) == 20
        assert [select(take, take).value for _ in range(20)] == ["v"] * 20

    run(body)


@in_thread_and_task
@pytest.mark.parametrize("code", list("?bhiqBQfd"))
def test_fixed_kinds_keep_their_values(run, code):
    def body():
        c, other = gort.Channel.of(code, 2), gort.Channel()
        value = {"?": True, "f": 0.5, "d": -0.25, "B": 255, "Q": 2**64 - 1}.get(code, -3)
        assert select(recv(other), send(c, value)) == (1, None)
        assert select(recv(other), recv(c)) == (1, value)
        if code not in "?fd":
            with pytest.raises(OverflowError):
                send(c, 2**64)
        # and over a park
        rendezvous = gort.Channel.of(code)
        t = gort.go(lambda: (until_waiting(1), rendezvous.send(value)))
        assert select(recv(other), recv(rendezvous)) == (1, value)
        t.join()
        t = gort.go(lambda: (until_waiting(1), rendezvous.recv())[1])
        assert select(recv(other), send(rendezvous, value)) == (1, None)
        assert t.result() == value

    run(body)


# ---- Go's


@in_thread_and_task
def test_select3(run):
    """The truth table: what blocks and what does not, with and without default."""

    def body():
        def blocks(*cases):
            assert select(*cases, default="would block") == (-1, "would block")
            with pytest.raises(gort.TimedOut):
                select(*cases, timeout=0.0005)

        def goes(expected, *cases):
            assert select(*cases) == expected

        nil_recv, nil_send = recv(None), send(None, 7)
        blocks()
        blocks(nil_recv)
        blocks(nil_send)
        blocks(nil_recv, nil_send, nil_recv)
        empty = gort.Channel()
        blocks(recv(empty))
        blocks(send(empty, 7))
        blocks(recv(empty), send(empty, 7))  # with itself
        buffered = gort.Channel(10)
        blocks(recv(buffered))
        goes((0, None), send(buffered, 7))
        goes((0, 7), recv(buffered))
        full = gort.Channel(10)
        full.send_many([7] * 10)
        blocks(send(full, 8))
        goes((0, 7), recv(full))
        closed = gort.Channel()
        closed.close()
        for _ in range(3):
            goes((0, None), recv(closed))
            goes((1, None), nil_send, recv(closed), recv(empty))
            assert select(recv(closed), default=5) == (0, None)
        for cases in ([send(closed, 7)], [nil_recv, send(closed, 7)]):
            with pytest.raises(gort.Closed):
                select(*cases)
            with pytest.raises(gort.Closed):
                select(*cases, default=5)

    run(body)


def test_doubleselect():
    """Two cases of one select never both fire: values come through four muxes, none twice."""
    n = 5000

    def main():
        channels = [gort.Channel() for _ in range(4)]
        out = gort.Channel()
        wg = gort.WaitGroup()

        def produce():
            for i in range(n):
                select(*[send(c, i) for c in channels])
            for c in channels:
                c.close()

        def mux(c):
            for v in c:
                out.send(v)

        gort.go(produce)
        for c in channels:
            wg.go(mux, c)
        gort.go(lambda: (wg.wait(), out.close()))
        return list(out)

    assert sorted(gort.run(main)) == list(range(n))


@needs_greenlets
def test_select6():
    """A select that loses leaves the queues of others alone (Go's issue 2075)."""

    def main():
        c1, c2 = gort.Channel(), gort.Channel()
        first = gort.go(c1.recv)
        gort.yield_now()

        def loses():
            assert select(recv(c1), recv(c2)) == (1, "two")
            return c1.recv()

        second = gort.go(loses)
        gort.yield_now()
        third = gort.go(c2.recv)
        gort.yield_now()
        c2.send("two")
        c1.send("one")
        assert first.result() == "one"
        c1.send("again")
        assert second.result() == "again"
        c2.send("three")
        assert third.result() == "three"

    gort.run(main)


@in_thread_and_task
def test_TestSelectFairness(run):
    """Two cases that are always ready, of four, within 10 sigma."""
    n = 10_000

    def body():
        c1, c2, c3, c4 = gort.Channel(n + 1), gort.Channel(n + 1), gort.Channel(), gort.Channel()
        c1.send_many([1] * (n + 1))
        c2.send_many([2] * (n + 1))
        cases = [recv(c3), recv(c1), recv(c4), recv(c2)]
        counts = [0] * 5
        for _ in range(n):
            counts[select(*cases).value] += 1
        return counts

    counts = run(body)
    sigma = math.sqrt(n / 4)
    assert counts[1] + counts[2] == n and abs(counts[1] - n / 2) < 10 * sigma


@in_thread_and_task
def test_TestPseudoRandomSend(run):
    """Both of two ready sends of select are chosen, for every capacity. Each is a coin of its own."""
    n = 400

    def body():
        for capacity in (0, n):
            c = gort.Channel(capacity)
            got = []
            t = gort.go(lambda: got.extend(c.recv() for _ in range(n)))
            zero, one = send(c, 0), send(c, 1)
            for _ in range(n):
                select(zero, one)
            t.join()
            assert n // 10 < sum(got) < n - n // 10

    run(body)


@pytest.mark.parametrize("capacity", [0, 10])
def test_TestSelfSelect(capacity):
    """Two tasks that send and receive on one channel: nobody meets itself while the channel has no buffer."""
    n = 1000

    def main():
        c = gort.Channel(capacity)

        def body(p):
            for i in range(n):
                put, take = send(c, p), recv(c)
                first = p == 0 or i % 2 == 0
                got = select(put, take) if first else select(take, put)
                received = got.index == (1 if first else 0)
                if received and capacity == 0:
                    assert got.value != p, "self receive"
            if capacity:
                while len(c):
                    c.try_recv()

        # The last of them may be left without a partner: it is let go.
        tasks = [gort.go(body, p) for p in range(2)]
        while not all(t.done for t in tasks):
            select(send(c, 2), recv(c), after(0.01))
        for t in tasks:
            t.result()

    gort.run(main)


def test_TestSelectStress(rng):
    """Four channels of capacities 0, 0, 2, 3; each has its sender and its receiver, and two tasks select over all. Nothing is lost."""
    n = 500
    caps = [0, 0, 2, 3]

    def main():
        channels = [gort.Channel(k) for k in caps]
        wg = gort.WaitGroup()
        counts = [0] * 4

        def sender(k):
            for i in range(n):
                channels[k].send(i)
                if rng.random() < 0.1:
                    gort.yield_now()

        def receiver(k):
            for _ in range(n):
                channels[k].recv()

        def select_send():
            left = [n] * 4
            while any(left):
                i = select(*[send(channels[k], 0) if left[k] else None for k in range(4)]).index
                left[i] -= 1

        def select_recv():
            left = [n] * 4
            while any(left):
                i = select(*[recv(channels[k]) if left[k] else None for k in range(4)]).index
                left[i] -= 1
                counts[i] += 1

        for k in range(4):
            wg.go(sender, k)
            wg.go(receiver, k)
        wg.go(select_send)
        wg.go(select_recv)
        wg.wait()
        assert [len(c) for c in channels] == [0] * 4
        return counts

    assert gort.run(main) == [n] * 4


@in_thread_and_task
def test_TestSelectDuplicateChannel(run):
    """One channel in two cases, then another waiter behind it still wakes."""

    def body():
        c, d, e = gort.Channel(), gort.Channel(), gort.Channel()
        first = gort.go(lambda: select(recv(c), recv(c), recv(d)).value)
        until_waiting(1)
        second = gort.go(c.recv)
        until_waiting(1, "channel receive")
        d.send("d")
        assert first.result() == "d"
        c.send("c")
        assert second.result() == "c"
        # and as equal cases
        counts = [0, 0]
        e = gort.Channel(1)
        for _ in range(400):
            e.send(0)
            counts[select(recv(e), recv(e)).index] += 1
        assert min(counts) > 100

    run(body)


@in_thread_and_task
def test_TestNonblockSelectRace(run):
    """One of two channels is always ready: default is never taken."""

    def body():
        stop = []

        def move(a, b):
            while not stop:
                try:
                    b.try_send(a.try_recv())
                except gort.WouldBlock:
                    pass
                gort.yield_now()

        for _ in range(200):
            a, b = gort.Channel(1), gort.Channel(1)
            a.send(1)
            t = gort.go(lambda: (b.try_send(1), select(recv(a), default=None)))
            got = select(recv(a), recv(b), default="nothing")
            assert got.index != -1
            t.join()

    run(body)


# ---- many cases, many tasks


@in_thread_and_task
def test_hundreds_of_cases(run):
    n = 300

    def body():
        channels = [gort.Channel() for _ in range(n)]
        for i, c in enumerate(channels):
            gort.go(c.send, i)
        left = [recv(c) for c in channels]
        seen = []
        for _ in range(n):
            i, v = select(*left)
            assert i == v
            left[i] = None
            seen.append(v)
        return seen

    seen = run(body)
    assert sorted(seen) == list(range(n))


@in_thread_and_task
def test_hundreds_of_cases_wait_and_send(run):
    n = 300

    def body():
        channels = [gort.Channel() for _ in range(n)]
        for k in (0, 150, n - 1):
            t = gort.go(lambda: (until_waiting(1), channels[k].recv())[1])
            values = [[i] for i in range(n)]
            assert select(*[send(c, v) for c, v in zip(channels, values)]) == (k, None)
            assert t.result() is values[k]
        assert all(len(c) == 0 for c in channels)

    run(body)


def test_biased_takes_the_first_that_is_ready():
    a, b, c = (gort.Channel(100) for _ in range(3))
    b.send_many(range(50))
    c.send_many(range(50))
    assert [select_biased(recv(a), recv(b), recv(c)) for _ in range(50)] == [(1, i) for i in range(50)]
    assert select_biased(recv(a), recv(b), recv(c)) == (2, 0)


def test_many_parked_selects_are_woken_by_close():
    def main():
        a, stop = gort.Channel(), gort.Channel()
        tasks = [gort.go(lambda: select(recv(a), recv(stop))) for _ in range(500 if gort.info()["tasks"] == "greenlets" else 50)]
        until_waiting(len(tasks))
        for v in range(10):
            a.send(v)
        stop.close()
        got = [t.result() for t in tasks]
        assert sorted(g.value for g in got if g.index == 0) == list(range(10))
        assert all(not g.ok for g in got if g.index == 1)

    gort.run(main)


def test_tasks_and_threads_share_selects(rng):
    n, k = 2000, 4
    a, b, done = gort.Channel(), gort.Channel(3), gort.Channel()
    got = gort.Channel(n)

    def consume():
        cases = [recv(a), recv(b), recv(done)]
        while True:
            g = select(*cases)
            if g.index == 2:
                return
            got.send(g.value)

    def produce(first):
        for v in range(first, n, k):
            if v % 3:
                select(send(a, v), send(b, v))
            else:
                b.send(v)

    def main():
        consumers = [gort.go(consume) for _ in range(3)]
        threads = [threading.Thread(target=consume) for _ in range(2)]
        threads += [threading.Thread(target=produce, args=(i,)) for i in range(2)]
        for t in threads:
            t.start()
        producers = [gort.go(produce, i) for i in range(2, k)]
        values = sorted(got.recv() for _ in range(n))
        done.close()
        for t in producers + consumers:
            t.result()
        return threads, values

    threads, values = gort.run(main)
    for t in threads:
        t.join()
    assert values == list(range(n))


def test_native_tasks_send_to_selects_of_tasks_and_threads(built):  # noqa: F811
    code = """
    import gort, gort_ext, threading
    from gort import recv, select
    channels, done = [gort.Channel.of("q", k) for k in (0, 1, 64)], gort.Channel()
    K = N // 20
    def consume(out):
        cases = [recv(c) for c in channels] + [recv(done)]
        while (g := select(*cases)).index < 3:
            out.send(g.value)
    def main():
        out = gort.Channel(64)
        for c in channels: gort_ext.produce(c, 0, K, 0)
        tasks = [gort.go(consume, out) for _ in range(2)]
        threads = [threading.Thread(target=consume, args=(out,)) for _ in range(2)]
        for t in threads: t.start()
        got = sorted(out.recv() for _ in range(3 * K))
        assert got == sorted(3 * list(range(K)))
        done.close()
        for t in tasks + threads: t.join()
    gort.run(main)
    """
    run_c(code, built)


def test_native_task_answers_what_a_select_sends(built):  # noqa: F811
    code = """
    import gort, gort_ext
    from gort import recv, select, send
    def main():
        there, back = gort.Channel.of("q"), gort.Channel.of("q", 4)
        gort_ext.twice(there, back)
        sent, got = 0, []
        while len(got) < N // 20:
            g = select(send(there, sent) if sent < N // 20 else None, recv(back))
            if g.index == 0: sent += 1
            else: got.append(g.value)
        assert got == [2 * v for v in range(N // 20)]
        there.close()
        assert select(recv(back)) == (0, None)
    gort.run(main)
    """
    run_c(code, built)


# ---- cancelling, asyncio, fork


@needs_greenlets
def test_cancelled_select_leaves_its_channels():
    def main():
        a, b = gort.Channel(), gort.Channel()
        ended = []

        def body():
            try:
                select(recv(a), send(b, 1))
            except gort.TaskCanceled:
                ended.append(1)
                raise

        t = gort.go(body)
        gort.yield_now()
        t.cancel()
        t.join()
        assert t.canceled and ended == [1]
        with pytest.raises(gort.WouldBlock):
            a.try_send(1)
        with pytest.raises(gort.WouldBlock):
            b.try_recv()

        def refused():
            gort.current_task().cancel()
            select(send(gort.Channel(1), 1))  # ready, and refused all the same (K3)

        t = gort.go(refused)
        t.join()
        assert t.canceled

    gort.run(main)


def test_select_on_a_thread_with_a_running_loop_is_misuse_unless_it_need_not_wait():
    import asyncio

    async def main():
        c = gort.Channel(1)
        with pytest.raises(gort.Misuse, match="asyncio"):
            select(recv(c))
        assert select(recv(c), default=1) == (-1, 1)
        assert select(send(c, 5)) == (0, None)
        assert select(recv(c)) == (0, 5)

    asyncio.run(main())


def test_channels_from_before_a_fork_are_shut_down(program):
    done = program(
        """
        import gort, os
        c, d = gort.Channel(1), gort.Channel(1)
        take = gort.recv(c)
        c.send(1)
        pid = os.fork()
        if pid == 0:
            try: gort.select(take, gort.send(d, 1))
            except gort.ShutDown: print("shut down", flush=True)
            e = gort.Channel(1)
            e.send(2)
            print(gort.select(gort.recv(e)).value, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(gort.select(take).value)
        """
    )
    assert done.stdout == "shut down\n2\n1\n"


@pytest.mark.parametrize("where", ["gort.go(task)", "threading.Thread(target=task, daemon=True).start()"])
def test_exit_with_a_select_that_waits_is_quiet(program, where):
    done = program(
        f"""
        import gort, threading, time
        a, b = gort.Channel(), gort.Channel()
        class Loud:
            pass
        def task():
            try:
                gort.select(gort.recv(a), gort.send(b, Loud()), gort.after(100), *[gort.recv(gort.Channel()) for _ in range(20)])
            finally:
                print("cleaned up", flush=True)
        {where}
        time.sleep(0.1)
        """,
        env={"PYTHONDEVMODE": "1"},
    )
    assert done.stderr == "" and done.stdout == ("cleaned up\n" if "go" in where else "")


def test_threads_wait_with_the_interpreter_released():
    a, b, seen = gort.Channel(), gort.Channel(), []
    t = threading.Thread(target=lambda: seen.append(select(recv(a), recv(b))))
    t.start()
    until_waiting(1)
    for _ in range(1000):
        len(seen)
    b.send("woken")
    t.join()
    assert seen == [(1, "woken")]


def test_descriptor_count_is_unchanged_by_selects():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        select(recv(gort.Channel()), default=None)
        with pytest.raises(gort.TimedOut):
            select(recv(gort.Channel()), timeout=0)
    assert len(os.listdir("/proc/self/fd")) == before
