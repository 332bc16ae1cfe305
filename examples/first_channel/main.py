"""first_channel: one task sends, another receives.

Instead of sharing memory and locking it, tasks pass messages. What goes into a channel on one side comes out on the
other. `gort.Channel[str]` says what goes through; a type checker sees to it, at run time it is any object.
"""

import gort


def worker(out: gort.Sender[str]) -> None:
    gort.sleep(0.02)
    out.send("done")


def main() -> None:
    ch = gort.Channel[str]()  # capacity 0: a send and a receive wait for each other

    gort.go(ch.send, "task finished")  # any callable can be a task
    print(f"Message: {ch.recv()}")  # waits until the task sends

    gort.go(worker, ch.sender)
    print("Waiting for worker...")
    print(f"Worker says: {ch.recv()}")


if __name__ == "__main__":
    gort.run(main)

# As in Go. What is sent is a reference: whoever goes on changing an object after the send shares it.
