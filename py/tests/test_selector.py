"""Selector: cases that are registered once, from tasks and threads."""

import threading

import gort
import pytest
from capi_support import built, run as run_c  # noqa: F401 (a fixture)
from conftest import in_thread_and_task, needs_greenlets, until_waiting
from gort import recv, select, send


@in_thread_and_task
def test_wait_gives_index_and_value(run):
    def body():
        a, b = gort.Channel(1), gort.Channel(1)
        with gort.Selector() as s:
            assert (s.add(recv(a)), s.add(recv(b.receiver)), len(s)) == (0, 1, 2)
            b.send("b")
            got = s.wait()
            assert isinstance(got, gort.Got) and got == (1, "b") and got.ok
            a.send("a")
            assert s.wait() == (0, "a")
            assert s.wait(default="nothing") == (-1, "nothing")
            with pytest.raises(gort.TimedOut):
                s.wait(timeout=0.002)
            with pytest.raises(gort.TimedOut):
                s.wait(timeout=0)
            assert s.wait(timeout=0.002, default=None) == (-1, None)

    run(body)


@in_thread_and_task
def test_wait_parks_until_a_peer_comes(run):
    def body():
        a, b = gort.Channel(), gort.Channel()
        s = gort.Selector()
        i, j = s.add(recv(a)), s.add(send(b, "out"))
        t = gort.go(lambda: (until_waiting(1), a.send("in")))
        assert s.wait() == (i, "in")
        t.join()
        t = gort.go(lambda: (until_waiting(1), b.recv())[1])
        assert s.wait() == (j, None)
        assert t.result() == "out"

    run(body)


@in_thread_and_task
def test_send_case_sends_once_until_it_is_set(run):
    def body():
        c = gort.Channel(10)
        s = gort.Selector()
        i = s.add(send(c.sender, 1))
        assert s.wait() == (i, None)
        assert s.wait(default=None).index == -1 and len(c) == 1
        for v in (2, 3):
            s.set(i, v)
            assert s.wait() == (i, None)
        s.set(i, "replaced")
        s.set(i, 4)
        assert s.wait() == (i, None)
        assert c.recv_many(10) == [1, 2, 3, 4]
        assert len(s) == 1

    run(body)


@in_thread_and_task
def test_closed_channel_is_ready_each_time_until_it_is_removed(run):
    def body():
        a, b = gort.Channel(1), gort.Channel(1)
        s = gort.Selector()
        i, j = s.add(recv(a)), s.add(send(b, 1))
        assert s.wait() == (j, None)
        a.send("last")
        a.close()
        b.close()
        assert s.wait() == (i, "last")
        for _ in range(3):
            got = s.wait()
            assert got == (i, None) and not got.ok
        s.remove(i)
        assert s.wait(default=0) == (-1, 0)
        s.set(j, 2)
        for _ in range(3):
            with pytest.raises(gort.Closed) as e:
                s.wait()
            assert e.value.index == j
        s.remove(j)
        assert len(s) == 0

    run(body)


@in_thread_and_task
def test_close_ends_a_wait(run):
    def body():
        a, b = gort.Channel(), gort.Channel()
        s = gort.Selector()
        s.add(recv(a))
        s.add(send(b, 1))
        t = gort.go(lambda: (until_waiting(1), a.close()))
        assert s.wait() == (0, None)
        t.join()
        s.remove(0)
        t = gort.go(lambda: (until_waiting(1), b.close()))
        with pytest.raises(gort.Closed):
            s.wait()
        t.join()

    run(body)


def test_indices_are_given_again():
    c = [gort.Channel(1) for _ in range(5)]
    s = gort.Selector()
    assert [s.add(recv(x)) for x in c] == [0, 1, 2, 3, 4]
    s.remove(1)
    s.remove(3)
    assert s.add(send(c[1], "x")) == 1 and s.add(recv(None)) == 3 and s.add(recv(c[3])) == 5
    c[4].send(4)
    c[3].send(3)
    got = sorted(s.wait() for _ in range(3))
    assert got == [(1, None), (4, 4), (5, 3)]
    assert c[1].recv() == "x"


def test_what_is_no_case_of_a_selector_is_refused():
    c = gort.Channel(1)
    s = gort.Selector()
    with pytest.raises(TypeError):
        s.add(c)
    with pytest.raises(TypeError):
        s.add(None)
    with pytest.raises(gort.InvalidArgument, match="time"):
        s.add(gort.after(1))
    i = s.add(recv(c))
    with pytest.raises(gort.InvalidArgument, match="receives"):
        s.set(i, 1)
    off = s.add(send(None, 1))
    with pytest.raises(gort.InvalidArgument, match="switched off"):
        s.set(off, 1)
    for wrong in (2, 100):
        with pytest.raises(gort.InvalidArgument, match=f"no case {wrong}"):
            s.set(wrong, 1)
        with pytest.raises(gort.InvalidArgument, match=f"no case {wrong}"):
            s.remove(wrong)
    with pytest.raises(OverflowError):
        s.remove(-1)
    fixed = s.add(send(gort.Channel.of("b"), 5))
    with pytest.raises(OverflowError):
        s.set(fixed, 1000)
    with pytest.raises((TypeError, ValueError)):
        s.set(fixed, "x")
    assert len(s) == 3 and s.wait(default=None).index == -1


def test_closed_selector_has_no_other_use():
    s = gort.Selector()
    c = gort.Channel(1)
    s.add(recv(c))
    assert repr(s) == "<gort.Selector 1 case>"
    with s as same:
        assert same is s
    s.close()
    assert repr(s) == "<gort.Selector closed>" and len(s) == 0
    for call in (lambda: s.add(recv(c)), lambda: s.set(0, 1), lambda: s.remove(0), s.wait, lambda: s.wait(default=1)):
        with pytest.raises(gort.Misuse, match="closed"):
            call()
    c.send(1)
    assert c.recv() == 1
    assert gort.Selector[int] is not gort.Selector


@needs_greenlets
def test_selector_has_one_user_at_a_time():
    def main():
        c = gort.Channel()
        s = gort.Selector()
        s.add(recv(c))
        t = gort.go(s.wait)
        gort.yield_now()
        calls = (s.wait, lambda: s.wait(default=0), lambda: s.add(recv(c)), lambda: s.remove(0), lambda: s.set(0, 1), s.close)
        for call in calls:
            with pytest.raises(gort.Misuse, match="waits"):
                call()
        c.send(1)
        assert t.result() == (0, 1)
        c2 = gort.go(c.send, 2)
        assert s.wait() == (0, 2)
        c2.join()

    gort.run(main)


@in_thread_and_task
def test_ready_cases_take_turns(run):
    def body():
        channels = [gort.Channel(50) for _ in range(4)]
        s = gort.Selector()
        for c in channels:
            s.add(recv(c))
        for i, c in enumerate(channels):
            c.send_many([i] * 50)
        got = [s.wait() for _ in range(200)]
        for k in range(0, 200, 4):
            assert sorted(g.index for g in got[k : k + 4]) == [0, 1, 2, 3]
        assert all(g.index == g.value for g in got)

    run(body)


@in_thread_and_task
def test_selector_never_meets_itself(run):
    def body():
        c = gort.Channel()
        s = gort.Selector()
        i, j = s.add(send(c, "mine")), s.add(recv(c))
        assert s.wait(default=None).index == -1
        with pytest.raises(gort.TimedOut):
            s.wait(timeout=0.002)
        t = gort.go(lambda: (until_waiting(1), c.send("other")))
        assert s.wait() == (j, "other")
        t.join()
        t = gort.go(lambda: (until_waiting(1), c.recv())[1])
        assert s.wait() == (i, None)
        assert t.result() == "mine"
        buffered = gort.Channel(1)
        s.add(recv(buffered))
        k = s.add(send(buffered, "through the buffer"))
        assert s.wait() == (k, None)
        assert s.wait().value == "through the buffer"

    run(body)


@needs_greenlets
def test_selectors_selects_and_plain_calls_share_a_channel_fairly():
    def main():
        c = gort.Channel()
        s = gort.Selector()
        s.add(recv(c))
        first = gort.go(s.wait)
        gort.yield_now()
        second = gort.go(select, recv(c))
        gort.yield_now()
        third = gort.go(c.recv)
        gort.yield_now()
        for v in (1, 2, 3):
            c.send(v)
        assert (first.result().value, second.result().value, third.result()) == (1, 2, 3)
        # A value that comes while nobody waits on the selector goes to those who wait.
        other = gort.go(c.recv)
        gort.yield_now()
        c.send(4)
        assert other.result() == 4 and s.wait(default=None).index == -1

    gort.run(main)


def test_two_selectors_meet():
    def main():
        c = gort.Channel()

        def produce():
            s = gort.Selector()
            i = s.add(send(c, 0))
            for v in range(1, 301):
                assert s.wait() == (i, None)
                s.set(i, v)

        gort.go(produce)
        s = gort.Selector()
        s.add(recv(c))
        return [s.wait().value for _ in range(300)]

    assert gort.run(main) == list(range(300))


@in_thread_and_task
def test_a_thousand_cases(run):
    n = 1000

    def body():
        channels = [gort.Channel(1) for _ in range(n)]
        with gort.Selector() as s:
            for c in channels:
                s.add(recv(c))
            assert s.wait(default=None).index == -1
            for i in (0, 500, n - 1, 3):
                channels[i].send(i)
                assert s.wait() == (i, i)
            t = gort.go(lambda: (until_waiting(1), channels[7].send("late")))
            assert s.wait() == (7, "late")
            t.join()
            for i in range(0, n, 2):
                s.remove(i)
            channels[0].send("not seen")
            assert s.wait(default=None).index == -1

    run(body)


def test_many_producers_one_selector(rng):
    n, k = 300, 8

    def main():
        channels = [gort.Channel(rng.choice([0, 1, 5])) for _ in range(k)]

        def produce(c, i):
            for v in range(n):
                c.send((i, v))
                if rng.random() < 0.05:
                    gort.sleep(0)
            c.close()

        for i, c in enumerate(channels):
            gort.go(produce, c, i)
        seen = [[] for _ in range(k)]
        with gort.Selector() as s:
            for c in channels:
                s.add(recv(c))
            while len(s):
                got = s.wait()
                if got.ok:
                    i, v = got.value
                    assert i == got.index
                    seen[i].append(v)
                else:
                    s.remove(got.index)
        return seen

    assert gort.run(main) == [list(range(n))] * k


def test_threads_and_tasks_with_selectors_of_their_own():
    n = 1500
    a, b, stop, out = gort.Channel(), gort.Channel(4), gort.Channel(), gort.Channel(n)

    def consume():
        with gort.Selector() as s:
            s.add(recv(a))
            s.add(recv(b))
            s.add(recv(stop))
            while (got := s.wait()).index != 2:
                out.send(got.value)

    def produce(first):
        with gort.Selector() as s:
            i, j = s.add(send(a, first)), s.add(send(b, first))
            for v in range(first, n, 3):
                s.set(i, v)
                s.set(j, v)
                s.wait()

    def main():
        tasks = [gort.go(consume) for _ in range(2)] + [gort.go(produce, k) for k in (0, 1)]
        threads = [threading.Thread(target=consume), threading.Thread(target=produce, args=(2,))]
        for t in threads:
            t.start()
        got = sorted(out.recv() for _ in range(n))
        stop.close()
        for t in tasks:
            t.result()
        return threads, got

    threads, got = gort.run(main)
    for t in threads:
        t.join()
    assert got == list(range(n))


def test_native_tasks_send_to_a_selector(built):  # noqa: F811
    code = """
    import gort, gort_ext
    def main():
        channels = [gort.Channel.of("q", k) for k in (0, 1, 64)]
        there, K = gort.Channel.of("q"), N // 20
        back = gort.Channel.of("q")
        for c in channels: gort_ext.produce(c, 0, K, 0)
        gort_ext.twice(there, back)
        seen = [[] for _ in range(5)]
        with gort.Selector() as s:
            for c in channels: s.add(gort.recv(c))
            put, sent = s.add(gort.send(there, 0)), 1
            s.add(gort.recv(back))
            while sum(map(len, seen)) < 4 * K:
                got = s.wait()
                if got.index != put: seen[got.index].append(got.value)
                elif sent < K: s.set(put, sent); sent += 1
        assert seen == [list(range(K))] * 3 + [[], [2 * v for v in range(K)]]
    gort.run(main)
    """
    run_c(code, built)


@needs_greenlets
def test_cancelled_wait_leaves_the_selector_usable():
    def main():
        c = gort.Channel()
        s = gort.Selector()
        s.add(recv(c))
        for _ in range(3):
            t = gort.go(s.wait)
            gort.yield_now()
            t.cancel()
            t.join()
            assert t.canceled
        with pytest.raises(gort.WouldBlock):
            c.try_send(1)
        gort.go(c.send, 2)
        assert s.wait() == (0, 2)

    gort.run(main)


@needs_greenlets
def test_value_that_a_cancelled_wait_had_won_stays_its_own():
    """As for a receive: the wait was over before the cancel came."""

    def main():
        c = gort.Channel()
        s = gort.Selector()
        s.add(recv(c))
        t = gort.go(s.wait)
        gort.yield_now()
        c.send("won")
        t.cancel()
        assert t.result() == (0, "won")

    gort.run(main)


def test_wait_on_a_thread_with_a_running_loop_is_misuse_unless_it_need_not_wait():
    import asyncio

    async def main():
        c = gort.Channel(1)
        s = gort.Selector()
        s.add(recv(c))
        with pytest.raises(gort.Misuse, match="asyncio"):
            s.wait()
        assert s.wait(default=1) == (-1, 1)
        c.send(5)
        assert s.wait() == (0, 5)

    asyncio.run(main())


def test_selector_from_before_a_fork_is_shut_down(program):
    done = program(
        """
        import gort, os
        c = gort.Channel(1)
        s = gort.Selector()
        s.add(gort.recv(c))
        pid = os.fork()
        if pid == 0:
            for call in (s.wait, lambda: s.add(gort.recv(gort.Channel()))):
                try: call()
                except gort.ShutDown: print("shut down", flush=True)
            s.close()
            with gort.Selector() as n:
                d = gort.Channel(1)
                n.add(gort.recv(d))
                d.send(2)
                print(n.wait().value, flush=True)
            del s
            os._exit(0)
        os.waitpid(pid, 0)
        c.send(1)
        print(s.wait().value)
        """
    )
    assert done.stdout == "shut down\nshut down\n2\n1\n"


@pytest.mark.parametrize("where", ["gort.go(task)", "threading.Thread(target=task, daemon=True).start()"])
def test_exit_with_a_selector_that_waits_is_quiet(program, where):
    done = program(
        f"""
        import gort, threading, time
        s = gort.Selector()
        s.add(gort.recv(gort.Channel()))
        s.add(gort.send(gort.Channel(), [s]))
        def task():
            try: s.wait()
            finally: print("cleaned up", flush=True)
        {where}
        time.sleep(0.1)
        """,
        env={"PYTHONDEVMODE": "1"},
    )
    assert done.stderr == "" and done.stdout == ("cleaned up\n" if "go" in where else "")


@needs_greenlets
@pytest.mark.parametrize("sends", [False, True], ids=["receive", "send"])
def test_selector_whose_user_was_given_up_is_nobodys(program, sends):
    """A task that stays in its wait for ever is left behind with its run; the selector is not."""
    done = program(
        f"""
        import gort, os, sys, warnings
        from gort import recv, send
        warnings.simplefilter("ignore")
        c, s = gort.Channel(), gort.Selector()
        s.add({"send(c, object())" if sends else "recv(c)"})
        def stubborn():
            with gort.shield():
                while True:
                    try: s.wait()
                    except BaseException: pass
        def main():
            gort.go(stubborn)
            while gort._gort._dump().count("select") < 1:
                gort.yield_now()
        gort.run(main, grace=0.01)
        d = gort.Channel(1)
        i = s.add(recv(d))
        d.send(7)
        print(i, s.wait())
        s.remove(0)
        s.close()
        sys.stdout.flush()
        os._exit(0)
        """
    )
    assert done.stdout == "1 Got(index=1, value=7)\n", done.stderr
