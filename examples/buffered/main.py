"""buffered: a channel with room for two.

A send waits only when the buffer is full, a receive only when it is empty. So sender and receiver need not meet; but
the room is bounded, and a fast sender is held back in the end.
"""

import gort


def main() -> None:
    ch = gort.Channel[int](2)
    two, three = gort.Channel[None](1), gort.Channel[None](1)

    def sender() -> None:
        ch.send(1)  # does not wait
        print("sent 1")
        ch.send(2)  # does not wait
        print("sent 2")
        two.send(None)
        ch.send(3)  # waits until one is taken out
        three.send(None)

    gort.go(sender)
    two.recv()
    gort.sleep(0.02)  # plenty of time to try the third send
    print(f"len {len(ch)}, cap {ch.capacity}")
    print(f"the third send waits: {'no' if len(three) else 'yes'}")

    print(f"recv: {ch.recv()}")  # room for one: the waiting value moves in at the tail
    three.recv()
    print("sent 3")
    for _ in range(2):
        print(f"recv: {ch.recv()}")

    # Closing: what is in the buffer can still be received, in order; then every receive says so, at once.
    ch.send(10)
    ch.send(20)
    ch.close()
    try:
        while True:
            v = ch.recv()
            print(f"drained: {v}")
    except gort.Closed:
        print(f"then: GORT_CLOSED, and v is still {v}")  # a value comes only with success


if __name__ == "__main__":
    gort.run(main)

# Go differs in the last line: a receive from a closed, empty channel gives the zero value and ok == false. Here `recv`
# raises `Closed`; `recv_ok()` gives (None, False), `recv(default=0)` the default, and a `for` loop just ends.
