"""closing: "no more values will come", and what every call says about it.

Only the sending side closes, once, and only if somebody needs to know. The channel itself lives on: what is in the
buffer can still be received.
"""

import gort


def main() -> None:
    # Drain: buffered values first, then Closed, for ever and at once.
    ch = gort.Channel[int](2)
    ch.send(10)
    ch.send(20)
    ch.close()
    for _ in range(4):
        try:
            print(f"got: {ch.recv()}")
        except gort.Closed:
            print("no more: GORT_CLOSED")

    # Mistakes are exceptions. (There is no NULL channel in Python, so its close cannot be tried.)
    try:
        ch.close()
    except gort.Closed:
        print("close again: GORT_CLOSED")
    try:
        ch.send(30)
    except gort.Closed:
        print("send after close: GORT_CLOSED")

    # Range: a loop that ends when the channel is closed and drained.
    numbers = gort.Channel[int]()

    def produce() -> None:
        with numbers:  # the end of the block closes
            for i in range(1, 4):
                numbers.send(i)

    gort.go(produce)
    for v in numbers:
        print(f"Received: {v}")
    print("All done")

    # A sender that waits is woken by close; what it could not send is still its own.
    quiet = gort.Channel[int]()

    def sender(value: int) -> None:
        try:
            quiet.send(value)
        except gort.Closed:
            print(f"a sender that was waiting: GORT_CLOSED, and still has its {value}")

    task = gort.go(sender, 7)
    gort.sleep(0.02)  # plenty of time to reach the send
    quiet.close()
    task.join()


if __name__ == "__main__":
    gort.run(main)

# Go differs: a second close, a close of nil and a send on a closed channel panic there, and a receive from a closed and
# drained channel gives a zero value. Here each of them is an exception.
