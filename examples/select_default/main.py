"""select_default: look at several channels without waiting.

`select(..., default=x)` does one of its cases if one can go ahead now. If none can it does not wait: it gives the index
-1, and x. So a task can look after its channels between two steps of its work.
"""

import gort


def look(ch: gort.Receiver[str]) -> None:
    match gort.select(gort.recv(ch), default="No message, moving on"):
        case (0, msg):
            print(f"Received: {msg}")
        case (_, otherwise):
            print(otherwise)


def serve(ch1: gort.Receiver[int], ch2: gort.Sender[int]) -> None:
    match gort.select(gort.recv(ch1), gort.send(ch2, 42), default=None):
        case (0, val):
            print(f"Received {val} from ch1")
        case (1, _):
            print("Sent value to ch2")
        case (-1, _):
            print("No channel is ready")


def work() -> None:
    """A step of other work. The yield in it lets the other tasks have their turn."""
    gort.yield_now()


def calculate(result: gort.Sender[int]) -> None:
    gort.sleep(0.005)
    result.send(7)


def main() -> None:
    # One case and the default.
    ch = gort.Channel[str](1)
    look(ch.receiver)
    ch.send("hello")
    look(ch.receiver)

    # A receive, a send, and the default.
    ch1, ch2 = gort.Channel[int](), gort.Channel[int](1)
    ch2.send(42)  # ch2 is full, and nobody sends to ch1
    serve(ch1.receiver, ch2.sender)
    ch2.recv()  # now ch2 has room
    serve(ch1.receiver, ch2.sender)
    print(f"Received {ch2.recv()} from ch2")

    # Polling: work goes on while the result is not there.
    result = gort.Channel[int]()
    gort.go(calculate, result.sender)
    work()
    while (got := gort.select(gort.recv(result), default=None)).index == -1:
        work()
    print(f"the result came between two steps of other work: {got.value}")


if __name__ == "__main__":
    gort.run(main)

# As in Go. For a single channel `try_recv` and `try_send` say the same, and `recv(default=x)`.
