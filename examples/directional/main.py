"""directional: a handle that can only send, and one that can only receive.

A function that takes a `Sender` can send and close, one that takes a `Receiver` can receive. A type checker refuses the
wrong direction, and at run time the method is not there: wrong.py next to this file tries it.
"""

import gort


def produce(out: gort.Sender[int]) -> None:
    with out:  # closing is the sender's business; the end of the block does it
        for i in range(1, 4):
            out.send(i)


def consume(source: gort.Receiver[int]) -> None:
    for v in source:
        print(f"received {v}")
    print("the sender has closed")


def main() -> None:
    ch = gort.Channel[int]()
    gort.go(produce, ch.sender)
    consume(ch.receiver)


if __name__ == "__main__":
    gort.run(main)

# As in Go's chan<- and <-chan. Dropping the last sender does not close the channel, as in Go: `close` does, or `with`.
