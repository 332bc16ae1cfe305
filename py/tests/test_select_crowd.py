"""select: many cases, many tasks, threads and native tasks on the same channels."""

import threading

import gort
from capi_support import built, run as run_c  # noqa: F401 (a fixture)
from conftest import in_thread_and_task, until_waiting
from gort import recv, select, select_biased, send


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
