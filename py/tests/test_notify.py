"""notify_fd and on_ready: who is told that there may be something to receive, and takes nothing."""

import asyncio
import os
import select as os_select
import threading

import gort
import pytest
from capi_support import built, run as run_c  # noqa: F401 (a fixture)
from conftest import needs_greenlets


def is_readable(fd, seconds=0):
    return bool(os_select.select([fd], [], [], seconds)[0])


def drain(c, fd):
    """The protocol: read the descriptor, then try until WouldBlock."""
    os.read(fd, 8)
    got = []
    try:
        while True:
            got.append(c.try_recv())
    except gort.WouldBlock:
        return got


def descriptors():
    return len(os.listdir("/proc/self/fd"))


# ---- the descriptor


@pytest.mark.parametrize("capacity", [0, 5, None])
def test_descriptor_is_readable_when_something_comes(capacity):
    c = gort.Channel(capacity)
    fd = c.notify_fd()
    assert c.notify_fd() == fd == c.receiver.notify_fd() and not is_readable(fd)
    if capacity == 0:
        t = threading.Thread(target=c.send, args=(1,))
        t.start()
    else:
        c.send(1)
    assert is_readable(fd, 30)
    assert drain(c, fd) == [1]
    if capacity == 0:
        t.join()
    assert not is_readable(fd)
    if capacity != 0:
        c.send_many([2, 3])
        assert is_readable(fd, 30)
        assert drain(c, fd) == [2, 3]


def test_descriptor_of_a_channel_that_holds_something_is_readable_at_once():
    c = gort.Channel(1)
    c.send(1)
    assert is_readable(c.notify_fd(), 30)
    closed = gort.Channel()
    closed.close()
    assert is_readable(closed.notify_fd(), 30)


def test_close_makes_the_descriptor_readable():
    c = gort.Channel()
    fd = c.notify_fd()
    c.close()
    assert is_readable(fd, 30)
    os.read(fd, 8)
    with pytest.raises(gort.Closed):
        c.try_recv()


def test_receiver_that_waits_is_served_first():
    c = gort.Channel()
    t = threading.Thread(target=c.recv)
    t.start()
    while "channel receive" not in gort._gort._dump():
        pass
    fd = c.notify_fd()
    c.send("for the thread")
    t.join()
    with pytest.raises(gort.WouldBlock):
        c.try_recv()
    assert fd == c.notify_fd()


def test_descriptor_is_closed_with_its_channel():
    before = descriptors()
    channels = [gort.Channel(1) for _ in range(20)]
    for c in channels:
        c.notify_fd()
    assert descriptors() == before + 20
    c = None
    del channels
    assert descriptors() == before


def test_no_descriptor_left_is_an_oserror(program):
    done = program(
        """
        import errno, gort, os, resource
        c = gort.Channel()
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
        held = []
        try:
            while True: held.append(os.dup(1))
        except OSError: pass
        try: c.notify_fd()
        except OSError as e: code = e.errno
        for fd in held: os.close(fd)
        print(code == errno.EMFILE, c.notify_fd() >= 0)
        """,
        watched=False,
    )
    assert done.stdout == "True True\n"


def test_loop_of_ones_own_misses_nothing(rng):
    """poll() over several channels, with tasks and threads that send."""
    n = 400
    channels = [gort.Channel(k) for k in (0, 1, 50, None)]
    fds = {c.notify_fd(): c for c in channels}

    def produce(c):
        for i in range(n):
            c.send(i)
            if rng.random() < 0.02:
                gort.sleep(0.0005)

    tasks = [gort.go(produce, c) for c in channels[:2]]
    threads = [threading.Thread(target=produce, args=(c,)) for c in channels[2:]]
    for t in threads:
        t.start()
    poll = os_select.poll()
    got = {fd: [] for fd in fds}
    for fd in fds:
        poll.register(fd, os_select.POLLIN)
    while any(len(g) < n for g in got.values()):
        for fd, _ in poll.poll():
            got[fd] += drain(fds[fd], fd)
    for t in threads + tasks:
        t.join()
    assert list(got.values()) == [list(range(n))] * 4


def test_native_task_makes_the_descriptor_readable(built):  # noqa: F811
    code = """
    import gort, gort_ext, os, select
    c = gort.Channel.of("q", 8)
    fd = c.notify_fd()
    gort_ext.produce(c, 0, 3000, 0)
    got = []
    while len(got) < 3000:
        select.select([fd], [], [])
        os.read(fd, 8)
        try:
            while True: got.append(c.try_recv())
        except gort.WouldBlock: pass
    assert got == list(range(3000))
    """
    run_c(code, built)


def test_event_loop_reads_the_descriptor():
    async def main():
        c, got, done = gort.Channel(None), [], asyncio.Event()
        fd = c.notify_fd()

        def ready():
            got.extend(drain(c, fd))
            if len(got) == 500:
                done.set()

        asyncio.get_running_loop().add_reader(fd, ready)
        t = gort.go(lambda: [c.send(i) for i in range(500)])
        await done.wait()
        asyncio.get_running_loop().remove_reader(fd)
        while not t.done:
            await asyncio.sleep(0)
        return got

    assert asyncio.run(main()) == list(range(500))


# ---- on_ready


def test_function_is_called_in_a_task_of_its_own_once_something_is_there():
    def main():
        c = gort.Channel(2)
        tasks = []

        def seen(word, *, n):
            tasks.append(gort.current_task())
            return word, n, c.try_recv()

        t = c.on_ready(seen, "word", n=3)
        gort.yield_now()
        gort.yield_now()
        assert not t.done and tasks == []
        c.send("value")
        assert t.result() == ("word", 3, "value") and tasks == [t]
        c.send("again")
        gort.yield_now()
        assert c.recv() == "again"  # once

    gort.run(main)


def test_something_that_is_there_already_counts():
    c = gort.Channel(1)
    c.send(1)
    assert c.receiver.on_ready(c.try_recv).result() == 1
    c.close()
    assert c.on_ready(lambda: c.closed).result() is True


def test_close_and_a_waiting_sender_count():
    def main():
        c = gort.Channel()
        t = c.on_ready(lambda: c.recv())
        gort.go(c.send, "sent")
        assert t.result() == "sent"
        t = c.on_ready(lambda: c.recv(default="closed"))
        gort.yield_now()
        c.close()
        assert t.result() == "closed"

    gort.run(main)


def test_all_observers_are_told_and_take_nothing():
    def main():
        c = gort.Channel(1)
        calls = [c.on_ready(int) for _ in range(5)]
        gort.yield_now()
        c.send("value")
        assert [t.result() for t in calls] == [0] * 5
        assert len(c) == 1

    gort.run(main)


def test_function_may_ask_again():
    n = 100

    def main():
        c, got, done = gort.Channel(), [], gort.Channel()

        def ready():
            try:
                while True:
                    got.append(c.try_recv())
            except gort.WouldBlock:
                c.on_ready(ready)
            except gort.Closed:
                done.close()

        c.on_ready(ready)
        for i in range(n):
            c.send(i)
        c.close()
        assert done.recv(default="done") == "done"
        return got

    assert gort.run(main) == list(range(n))


def test_what_it_raises_is_the_tasks():
    c = gort.Channel(1)
    c.send(1)

    def broken():
        raise KeyError("broken")

    with pytest.raises(KeyError):
        c.on_ready(broken).result()
    with pytest.raises(TypeError, match="not callable"):
        c.on_ready(5)


@needs_greenlets
def test_cancelled_observer_never_calls():
    def main():
        c, calls = gort.Channel(1), []
        t = c.on_ready(calls.append, 1)
        gort.yield_now()
        t.cancel()
        t.join()
        assert t.canceled
        c.send(1)
        gort.yield_now()
        assert calls == [] and c.recv() == 1

    gort.run(main)


@needs_greenlets
def test_observer_alone_cannot_save_a_run_from_a_deadlock(program):
    done = program(
        """
        import gort
        def main():
            gort.Channel().on_ready(print)
            try: gort.Channel().recv()
            except gort.Deadlock: print("deadlock")
        try: gort.run(main)
        except gort.Deadlock: pass
        """,
        watched=False,
    )
    assert done.stdout == "deadlock\n"
