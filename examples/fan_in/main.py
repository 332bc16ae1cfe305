"""fan_in: many producers, one channel, one reader.

None of the producers may close the channel: the others still send. So a closer task waits for all of them on a
WaitGroup and closes then; the reader's loop ends.
"""

import gort


def producer(number: int, out: gort.Sender[int]) -> None:
    for j in range(1, 3):
        out.send(number * 10 + j)


def main() -> None:
    ch = gort.Channel[int]()
    producers = gort.WaitGroup()
    for number in range(1, 4):
        producers.go(producer, number, ch.sender)

    def closer() -> None:
        producers.wait()
        ch.close()

    gort.go(closer)

    for v in ch:
        print(f"Received: {v}")
    print("All producers are done")


if __name__ == "__main__":
    gort.run(main)

# As in Go.
