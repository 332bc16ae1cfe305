"""rendezvous: on an unbuffered channel the sender passes only when the receiver is there.

Capacity 0 means that the channel can hold nothing: the value goes from hand to hand, and whoever comes first waits for
the other. So a send that returned says more than "sent": it says "received".
"""

import gort


def sender(ch: gort.Sender[int], passed: gort.Sender[None]) -> None:
    ch.send(42)  # waits here until somebody receives
    passed.send(None)


def main() -> None:
    ch = gort.Channel[int]()
    passed = gort.Channel[None](1)  # holds one mark: the sender is through

    # The sender comes first and waits.
    gort.go(sender, ch.sender, passed.sender)
    gort.sleep(0.02)  # plenty of time to reach the send
    print(f"capacity {ch.capacity}, held by the channel {len(ch)}")
    try:
        passed.try_recv()
        print("has the sender passed? yes")
    except gort.WouldBlock:
        print("has the sender passed? no")

    print(f"received {ch.recv()}")
    passed.recv()
    print("now the sender has passed")

    # The receiver comes first and waits: the same meeting from the other side.
    gort.go(sender, ch.sender, passed.sender)
    v = ch.recv()
    passed.recv()
    print(f"received {v} again")


if __name__ == "__main__":
    gort.run(main)

# As in Go.
