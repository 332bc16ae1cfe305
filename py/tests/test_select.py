"""select: what it gives, what it refuses, how it ends, from tasks and threads. Go's programs are in test_select_go.py, many cases and tasks in test_select_crowd.py."""

import math
import os
import pickle
import threading

import gort
import pytest
from conftest import in_thread_and_task, needs_greenlets, until_waiting
from gort import after, recv, select, select_biased, send


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
    with pytest.raises(TypeError, match="gort.recv: a Channel, a Receiver, a Timer, a Ticker, a Context or None is needed, not Sender"):
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
