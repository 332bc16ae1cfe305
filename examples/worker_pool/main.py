"""worker_pool: a fixed number of workers takes jobs from a channel.

A task for each of a hundred thousand jobs works, but a few workers that take job after job need less and put a bound on
what goes on at once. Four ways: results counted by main; a WaitGroup and no results; one worker for each processor,
where the last worker's end closes the results; and `WorkerPool`, which is all of that, made.
"""

from collections.abc import Iterable

import gort

WORKERS = 3

Result = tuple[int, int]


def worker(jobs: gort.Receiver[int], results: gort.Sender[Result] | None) -> None:
    for job in jobs:  # ends when closed and drained
        gort.sleep(0.001)  # the work
        if results:
            results.send((job, job * 2))
        else:
            print(f"processed job {job}")


def start(workers: int, numbers: Iterable[int], results: gort.Sender[Result] | None) -> gort.WaitGroup:
    jobs = gort.Channel[int](10)
    wg = gort.WaitGroup()
    for _ in range(workers):
        wg.go(worker, jobs.receiver, results)
    with jobs:  # the end of the block: no more jobs
        jobs.send_many(numbers)
    return wg


def work(job: int) -> int:
    gort.sleep(0.001)
    return job * 2


def main() -> None:
    results = gort.Channel[Result](10)
    wg = start(WORKERS, range(1, 11), results.sender)
    for _ in range(10):
        job, value = results.recv()
        print(f"job {job} gives {value}")
    wg.wait()

    start(WORKERS, range(11, 20), None).wait()
    print("All jobs done")

    wg = start(gort.num_cpu(), range(21, 31), results.sender)  # right for work that waits; see below

    def closer() -> None:
        wg.wait()
        results.close()

    gort.go(closer)
    total = sum(value for _, value in results)
    print(f"one worker a processor: the results add up to {total}")

    with gort.WorkerPool(WORKERS) as pool:  # the end of the block waits for every job
        print("a WorkerPool gives", *pool.map(work, range(31, 36)), "in this order")


if __name__ == "__main__":
    gort.run(main)

# As in Go, and who does which job is not promised. But a worker for each processor gains nothing for work that computes in
# Python: Python tasks share one processor. Work that waits (here: sleeps) gains from any number of workers.
