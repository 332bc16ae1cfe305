"""done_signal: a channel that says "finished".

1. A done channel: main waits for a worker by receiving once.
2. A channel of tasks: the worker takes until there is no more, then says so on its done channel.
"""

import gort


def worker(done: gort.Sender[None]) -> None:
    print("Worker: started")
    gort.sleep(0.02)
    print("Worker: finished")
    done.send(None)


def clerk(tasks: gort.Receiver[int], done: gort.Sender[None]) -> None:
    while True:
        task, more = tasks.recv_ok()
        if not more:
            break
        print(f"Worker: processing task {task}")
        gort.sleep(0.002)
    print("Worker: all tasks done")
    done.send(None)


def main() -> None:
    done = gort.Channel[None]()
    gort.go(worker, done.sender)
    done.recv()  # sleeps until the worker signals
    print("Main: all done")

    tasks = gort.Channel[int](3)
    gort.go(clerk, tasks.receiver, done.sender)
    for i in range(1, 6):
        tasks.send(i)  # runs ahead by three at most, then waits
    tasks.close()  # no more tasks
    done.recv()
    print("Main: worker finished")


if __name__ == "__main__":
    gort.run(main)

# As in Go; `task, more := <-tasks` is `recv_ok`. The short way is `for task in tasks`, and for a single task `task.join()`.
