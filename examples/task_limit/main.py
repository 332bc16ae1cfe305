"""task_limit: a ceiling on the number of live tasks.

Tasks are cheap, but a flood of them still fills memory. With `max_tasks`, a start beyond the limit is refused with
`LimitExceeded`: nothing runs, nothing is lost, the caller still has the work in hand and decides.
"""

import gort

ASKED = 20
LIMIT = 8  # main itself is one of them


def main() -> None:
    gate, ran = gort.Channel[None](), gort.Channel[None]()

    def task() -> None:
        gate.recv(default=None)  # alive until the gate opens: a close gives the default
        ran.send(None)

    started = refused = 0
    for _ in range(ASKED):
        try:
            gort.go(task)
            started += 1
        except gort.LimitExceeded:
            refused += 1
    print(f"asked for {ASKED}, started {started}, refused with GORT_LIMIT {refused}")

    gate.close()
    for _ in range(started):
        ran.recv()
    print("all that started have run")

    # There is room again. A task counts until it has ended, so the refused ones may have to wait a moment.
    for _ in range(refused):
        while True:
            try:
                gort.go(task)
                break
            except gort.LimitExceeded:
                gort.yield_now()
        ran.recv()
    print("all that were refused have run later")


if __name__ == "__main__":
    gort.run(main, max_tasks=LIMIT)  # counts for a run that starts the runtime, as this one does

# Go differs: it has no such limit; a program counts by hand (see semaphore_channel) or uses a pool (worker_pool).
