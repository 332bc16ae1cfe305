"""Groups with a limit, single flights, worker pools, pipelines."""

import asyncio
import gc
import threading
import time

import gort
import pytest


def until(holds):
    while not holds():
        gort.sleep(0.0005)


def waiting(flights, n, key="key"):
    """Waits until so many wait for the flight."""
    until(lambda: key in flights._flights and flights._flights[key].waiting == n)


# ---- Group


def test_limit_is_kept_and_try_go_is_refused_at_it():
    def main():
        gate = gort.Channel[None]()
        now = most = 0

        def task():
            nonlocal now, most
            now += 1
            most = max(most, now)
            gate.recv()
            now -= 1

        with gort.Group(limit=2) as g:
            g.go(task)
            g.try_go(task)
            with pytest.raises(gort.WouldBlock):
                g.try_go(task)
            starter = gort.go(lambda: [g.go(task) for _ in range(3)])
            until(lambda: now == 2)
            for _ in range(5):
                gate.send(None)
            starter.join()
        assert most == 2 and len(g.tasks) == 5

    gort.run(main)


def test_limit_of_nothing_admits_nothing_and_bad_ones_are_refused():
    def main():
        with gort.Group(limit=0) as g:
            with pytest.raises(gort.WouldBlock):
                g.try_go(print)
            t = gort.go(g.go, print)
            t.cancel()
            t.join()
            assert t.canceled and g.tasks == ()
        with pytest.raises(gort.InvalidArgument):
            gort.Group(limit=-1)
        with gort.Group() as g:
            g.try_go(int)

    gort.run(main)


def test_error_gives_its_place_back_and_tells_who_computes():
    def main():
        seen = []

        def broken():
            raise ValueError

        def computes(g):
            while not g.canceled:
                gort.yield_now()
            seen.append("told")

        with pytest.raises(ValueError):
            with gort.Group(limit=2) as g:
                g.go(computes, g)
                g.go(broken)
                g.go(seen.append, "started all the same")
        assert sorted(seen) == ["started all the same", "told"]

    gort.run(main)


def test_refused_task_gives_its_place_back():
    def main():
        g = gort.Group(limit=5)
        for _ in range(20):
            with pytest.raises(gort.LimitExceeded):
                g.go(print)
        with pytest.raises(gort.LimitExceeded):
            g.try_go(print)

    gort.run(main, max_tasks=1)


# ---- SingleFlight


def test_do_calls_once_for_all_who_come_together():
    def main():
        flights, gate, calls = gort.SingleFlight[str, int](), gort.Channel[int](), []

        def work(n):
            calls.append(n)
            return gate.recv()

        with gort.Group() as g:
            tasks = [g.go(flights.do, "key", work, n) for n in range(10)]
            waiting(flights, 9)
            assert flights.do("other", lambda: 3) == (3, False)
            gate.send(7)
        assert [t.result() for t in tasks] == [(7, True)] * 10 and len(calls) == 1
        assert flights.do("key", lambda: 8) == (8, False)

    gort.run(main)


def test_do_err_is_raised_in_all():
    def main():
        flights, gate = gort.SingleFlight[str, int](), gort.Channel[None]()

        def work():
            gate.recv()
            raise KeyError("lost")

        tasks = [gort.go(flights.do, "key", work) for _ in range(4)]
        waiting(flights, 3)
        gate.send(None)
        for t in tasks:
            assert isinstance(t.exception(), KeyError)
        assert flights.do("key", lambda: 1) == (1, False)

    gort.run(main)


def test_forget_lets_the_next_one_call():
    def main():
        flights, gate = gort.SingleFlight[str, int](), gort.Channel[int]()
        first = gort.go(flights.do, "key", gate.recv)
        waiting(flights, 0)
        flights.forget("key")
        second = gort.go(flights.do, "key", lambda: 2)
        assert second.result() == (2, False)
        gate.send(1)
        assert first.result() == (1, False)
        # A flight that was forgotten takes nothing of the next one's along.
        first = gort.go(flights.do, "key", gate.recv)
        waiting(flights, 0)
        flights.forget("key")
        gate2 = gort.Channel[int]()
        second = gort.go(flights.do, "key", gate2.recv)
        waiting(flights, 0)
        gate.send(1)
        first.join()
        third = gort.go(flights.do, "key", lambda: 9)
        waiting(flights, 1)
        gate2.send(2)
        assert [second.result(), third.result()] == [(2, True), (2, True)]

    gort.run(main)


def test_who_waits_may_give_up_and_one_takes_over_from_a_cancelled_leader():
    def main():
        flights, never = gort.SingleFlight[str, int](), gort.Channel[int]()
        leader = gort.go(flights.do, "key", never.recv)
        waiting(flights, 0)
        with pytest.raises(gort.TimedOut):
            flights.do("key", lambda: 1, timeout=0.001)
        waits = [gort.go(flights.do, "key", lambda: 5) for _ in range(3)]
        waiting(flights, 4)  # with the one that has given up
        leader.cancel()
        leader.join()
        assert leader.canceled
        assert {t.result()[0] for t in waits} == {5}

    gort.run(main)


def test_threads_share_flights():
    flights, gate, got = gort.SingleFlight[str, int](), gort.Channel[int](), []
    threads = [threading.Thread(target=lambda: got.append(flights.do("key", gate.recv)[0])) for _ in range(3)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        try:
            gate.try_send(4)
        except gort.WouldBlock:
            threads[0].join(0.001)
    assert got == [4, 4, 4]


# ---- WorkerPool


def test_jobs_give_results_and_errors():
    def main():
        with gort.WorkerPool(3, queue=2) as pool:
            jobs = [pool.submit(pow, n, 2) for n in range(20)]
            bad = pool.submit(lambda: 1 / 0)
            assert [j.result() for j in jobs] == [n * n for n in range(20)]
            with pytest.raises(ZeroDivisionError):
                bad.result()
            assert isinstance(bad.exception(), ZeroDivisionError) and jobs[0].exception() is None
            assert bad.done and pool.workers == 3
        with pytest.raises(gort.Closed):
            pool.submit(print)
        assert pool.workers == 0

    gort.run(main)


def test_map_is_ordered_lazy_and_imap_unordered_as_they_come():
    def main():
        asked = []

        def numbers():
            for n in range(10):
                asked.append(n)
                yield n

        with gort.WorkerPool(2, queue=1) as pool:
            results = pool.map(lambda n: n * 10, numbers())
            assert asked == [] and next(results) == 0 and len(asked) == 3
            assert list(results) == [n * 10 for n in range(1, 10)]
            assert list(pool.map(pow, [2, 3], [3, 2])) == [8, 9]
            gate = gort.Channel[None]()

            def job(n):
                if n == 0:
                    gate.recv()
                return n

            results = pool.imap_unordered(job, range(4))
            assert sorted(next(results) for _ in range(2)) == [1, 2]
            gate.send(None)
            assert sorted(results) == [0, 3]
            with pytest.raises(ValueError):
                list(pool.map(int, ["1", "x"]))
            with pytest.raises(ValueError):
                list(pool.imap_unordered(int, ["x"]))

    gort.run(main)


def test_full_queue_refuses_and_waits():
    def main():
        gate = gort.Channel[None]()
        with gort.WorkerPool(1, queue=1) as pool:
            pool.submit(gate.recv)
            until(lambda: not len(pool._crew.queue))
            queued = pool.submit(lambda: 2)
            with pytest.raises(gort.WouldBlock):
                pool.try_submit(print)
            waits = gort.go(pool.submit, lambda: 3)
            with pytest.raises(gort.TimedOut):
                queued.result(timeout=0.001)
            with pytest.raises(gort.TimedOut):
                queued.exception(timeout=0.001)
            gate.send(None)
            assert (queued.result(), waits.result().result()) == (2, 3)

    gort.run(main)


def test_workers_have_states_that_are_finished():
    def main():
        made, finished = [], []

        def init():
            made.append([])
            return made[-1]

        with gort.WorkerPool(2, init=init, finish=finished.append) as pool:
            assert made == []
            list(pool.map(lambda state, n: (state.append(n), gort.yield_now()), range(10)))
        assert sorted(n for state in made for n in state) == list(range(10))
        assert sorted(map(id, made)) == sorted(map(id, finished))

    gort.run(main)


def test_elastic_pool_grows_and_shrinks():
    def main():
        gate = gort.Channel[None]()
        with gort.WorkerPool(4, least=1, idle=0.001, queue=8) as pool:
            for _ in range(2):
                jobs = [pool.submit(gate.recv) for _ in range(4)]
                for _ in range(4):
                    gate.send(None)
                for j in jobs:
                    j.result()
                while pool.workers > 1:
                    gort.sleep(0.001)
            for n in range(50):
                assert pool.submit(lambda n=n: n).result() == n
                gort.sleep(0.0005 * (n % 4))

    gort.run(main)


def test_cancel_answers_for_every_job():
    def main():
        never = gort.Channel[None]()
        pool = gort.WorkerPool(2, queue=3)
        jobs = [pool.submit(never.recv) for _ in range(5)]
        pool.cancel()
        for j in jobs:
            with pytest.raises(gort.Canceled):
                j.result(timeout=5)
            assert isinstance(j.exception(), gort.Canceled)
        pool.wait()
        assert pool.workers == 0

    gort.run(main)


def test_error_of_the_block_cancels_the_pool():
    def main():
        with pytest.raises(KeyError):
            with gort.WorkerPool(2) as pool:
                job = pool.submit(gort.Channel[None]().recv)
                raise KeyError
        assert job.done

    gort.run(main)


def test_cancelled_waiter_cancels_the_pool():
    def main():
        jobs = []

        def owner():
            with gort.WorkerPool(2) as pool:
                jobs.append(pool.submit(gort.Channel[None]().recv))

        t = gort.go(owner)
        until(lambda: jobs)
        t.cancel()
        t.join()
        assert t.canceled and jobs[0].done

    gort.run(main)


def test_wait_within_limits_and_progress():
    def main():
        told, gate = [], gort.Channel[None]()
        pool = gort.WorkerPool(1, progress=lambda over, of: told.append((over, of)))
        pool.submit(gate.recv)
        with pytest.raises(gort.TimedOut):
            pool.wait(timeout=0.001)
        gate.send(None)
        pool.wait()
        assert told == [(1, 1)]
        for bad in ({"workers": 0}, {"queue": 0}, {"least": -1}):
            with pytest.raises(gort.InvalidArgument):
                gort.WorkerPool(**bad)

    gort.run(main)


def test_dropped_pool_is_closed_and_leaves_nobody():
    def main():
        pool = gort.WorkerPool(2)
        assert pool.submit(lambda: 1).result() == 1
        tasks = pool._crew.tasks
        del pool
        gc.collect()
        for t in tasks:
            t.join()

    gort.run(main)


def test_pool_is_used_by_threads_and_awaited_in_asyncio():
    with gort.WorkerPool(2, queue=9) as pool:
        assert pool.submit(lambda: 4).result() == 4

        async def main():
            jobs = [await pool.submit_async(pow, n, 2) for n in range(5)]
            with pytest.raises(ZeroDivisionError):
                await pool.try_submit(divmod, 1, 0)
            return [await j for j in jobs]

        assert asyncio.run(main()) == [0, 1, 4, 9, 16]

    async def refused():
        await pool.submit_async(print)

    with pytest.raises(gort.Closed):
        asyncio.run(refused())


def test_random_pools_answer_for_every_job(rng):
    def main():
        for _ in range(20):
            elastic = {"least": rng.randrange(2), "idle": 0.0001} if rng.random() < 0.5 else {}
            pool = gort.WorkerPool(rng.randrange(1, 4), queue=rng.randrange(1, 4), **elastic)
            answered = []

            def submitter(seed):
                for n in range(15):
                    kind = (seed + n) % 7
                    try:
                        job = (pool.try_submit if kind == 1 else pool.submit)(_some_job, kind, n)
                    except gort.WouldBlock:
                        continue
                    except gort.Closed:
                        return
                    e = job.exception()
                    assert e is None if kind else isinstance(e, (ZeroDivisionError, gort.Canceled))
                    answered.append(n)

            def checked(seed):
                try:
                    submitter(seed)
                except AssertionError:
                    assert ended, "an answer that is none"

            ended = rng.random() < 0.5
            tasks = [gort.go(checked, rng.randrange(100)) for _ in range(4)]
            for _ in range(rng.randrange(20)):
                gort.yield_now()
            if ended:
                pool.cancel()
            for t in tasks:
                t.result()
            pool.wait()
            assert pool.workers == 0 and pool._crew.pending == 0
            if elastic:
                assert pool._crew.over == pool._crew.submitted

    gort.run(main)


def _some_job(kind, n):
    if kind == 0:
        raise ZeroDivisionError
    if kind < 4:
        gort.yield_now()
    return n


def test_job_is_within_its_submitters_ambient_context_and_workers_are_in_none():
    def main():
        never = gort.Channel[None]()
        with gort.WorkerPool(1) as pool:
            with gort.timeout(0.002):
                job = pool.submit(never.recv)
                with pytest.raises(gort.TimedOut):
                    pool.submit(never.recv).result()
            assert isinstance(job.exception(), gort.TimedOut)
            assert pool.submit(lambda: gort.sleep(0.001)).result() is None

    gort.run(main)


@pytest.mark.parametrize("kind", ["group", "pool", "pipeline"])
def test_end_of_the_ambient_context_leaves_nobody(kind):
    def main():
        begun, ended = [], []

        def stubborn(n):
            begun.append(n)
            try:
                gort.Channel[None]().recv()
            finally:
                time.sleep(0.003)  # whatever has ended, this has not
                ended.append(n)

        with pytest.raises((gort.TimedOut, gort.Canceled)):
            with gort.timeout(0.01):
                if kind == "group":
                    with gort.Group() as g:
                        g.go(stubborn, 1)
                elif kind == "pool":
                    with gort.WorkerPool(1) as pool:
                        pool.submit(stubborn, 1)
                else:
                    with gort.pipeline([1], stubborn) as results:
                        next(results)
        assert ended == begun

    gort.run(main)


# ---- pipeline


def test_values_go_through_every_stage():
    def main():
        assert list(gort.pipeline(range(5), lambda n: n + 1, str)) == ["1", "2", "3", "4", "5"]
        with gort.pipeline(range(30), gort.stage(lambda n: n * n, workers=4, buffer=2), lambda n: n + 1) as results:
            assert sorted(results) == [n * n + 1 for n in range(30)]
        assert list(gort.pipeline([1, 2])) == [1, 2]
        assert list(gort.pipeline([], str)) == []
        for bad in ({"workers": 0}, {"buffer": -1}):
            with pytest.raises(gort.InvalidArgument):
                gort.stage(str, **bad)

    gort.run(main)


def test_failing_stage_ends_those_before_and_after_it():
    def main():
        asked, seen = [], []

        def numbers():
            for n in range(1000):
                asked.append(n)
                yield n

        def fails_at_five(n):
            if n == 5:
                raise ValueError(n)
            return n

        with pytest.raises(ValueError) as e:
            for n in gort.pipeline(numbers(), lambda n: n, fails_at_five, lambda n: n):
                seen.append(n)
        assert e.value.args == (5,) and seen == [0, 1, 2, 3, 4] and len(asked) < 20

    gort.run(main)


def test_failing_source_is_raised_after_what_came_before():
    def main():
        def source():
            yield 1
            yield 2
            raise KeyError("source")

        seen = []
        with pytest.raises(KeyError):
            for n in gort.pipeline(source(), lambda n: n * 10):
                seen.append(n)
        assert seen == [10, 20]

    gort.run(main)


def test_failing_stage_cancels_what_waits_before_it():
    def main():
        never, ended = gort.Channel[int](), []

        def source():
            try:
                yield 1
                yield from never
            finally:
                ended.append("source")

        def broken(n):
            raise ValueError

        with pytest.raises(ValueError):
            with gort.pipeline(source(), lambda n: n, gort.stage(broken, workers=2)) as results:
                next(results)
        assert ended == ["source"]

    gort.run(main)


def test_reader_that_leaves_ends_every_stage():
    def main():
        asked = []

        def numbers():
            n = 0
            while True:
                asked.append(n)
                yield n
                n += 1

        with gort.pipeline(numbers(), gort.stage(lambda n: n, workers=2), lambda n: n) as results:
            assert next(results) >= 0
        with pytest.raises(StopIteration):
            next(results)
        before = len(asked)
        gort.sleep(0.002)
        assert len(asked) == before

        # Also one that waits in a function, one that was dropped, and one that was not begun.
        never = gort.Channel[None]()
        with gort.pipeline([1], lambda n: never.recv()):
            gort.sleep(0.001)
        results = gort.pipeline(numbers(), lambda n: n)
        assert next(results) == 0
        results.close()
        results.close()
        results = gort.pipeline(numbers(), lambda n: n)
        assert next(results) == 0
        del results
        gc.collect()
        gort.pipeline(numbers(), str).close()

    gort.run(main)


def test_error_of_the_reader_wins():
    def main():
        with pytest.raises(IndexError):
            with gort.pipeline(range(10), lambda n: n) as results:
                next(results)
                raise IndexError

    gort.run(main)


def test_cancelled_reader_leaves_nobody():
    def main():
        begun, ended = [], []

        def slow(n):
            begun.append(n)
            try:
                gort.sleep(3600)
            finally:
                ended.append(n)

        def reader():
            with gort.pipeline(range(10), gort.stage(slow, workers=3)) as results:
                for _ in results:
                    pass

        t = gort.go(reader)
        until(lambda: len(begun) == 3)
        t.cancel()
        t.join()
        assert t.canceled and sorted(ended) == [0, 1, 2]

    gort.run(main)


def test_pipelines_work_on_plain_threads():
    assert list(gort.pipeline(range(4), lambda n: n * 2)) == [0, 2, 4, 6]
