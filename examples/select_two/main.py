"""select_two: wait for two sources at once.

A receive waits for one channel. A select waits for several, and does whichever can go ahead first: here a receive from
ch1 or one from ch2. Nobody has to know beforehand which of the two will speak first.
"""

import gort


def source(out: gort.Sender[str], text: str, delay: float) -> None:
    gort.sleep(delay)
    out.send(text)


def main() -> None:
    ch1, ch2 = gort.Channel[str](), gort.Channel[str]()
    gort.go(source, ch1.sender, "Message from ch1", 0.02)
    gort.go(source, ch2.sender, "Message from ch2", 0.04)

    for _ in range(2):
        # Sleeps until one of the two goes ahead; says which, and what was received.
        match gort.select(gort.recv(ch1), gort.recv(ch2)):
            case (0, msg1):
                print(f"Received: {msg1}")
            case (1, msg2):
                print(f"Received: {msg2}")


if __name__ == "__main__":
    gort.run(main)

# As in Go, where select is a statement with the code of each case in it; here it is a call, and `match` tells the cases
# apart. Of several cases that can go ahead one is chosen at random, as in Go.
