"""pipeline: generate, square, print; each stage a task, each arrow a channel.

End of work travels downstream: a stage that has no more closes its output, the next one's loop ends. Failure travels
both ways: a stage that fails abandons its input too, so that a send by the stage before it raises `Closed` and that one
stops too, instead of waiting for a reader for ever.
"""

import gort


def generate(count: int, out: gort.Sender[int]) -> int:
    """Sends 1 to count; gives the number of those that were taken."""
    sent = 0
    with out:  # closes at the end
        try:
            for i in range(1, count + 1):
                out.send(i)
                sent += 1
        except gort.Closed:
            pass  # nobody reads any more
    return sent


def square(fails_at: int, numbers: gort.Receiver[int], out: gort.Sender[int]) -> None:
    with out:
        for v in numbers:
            if v == fails_at:
                numbers.abandon()  # it fails here
                return
            out.send(v * v)


def run_pipeline(count: int, fails_at: int) -> None:
    numbers, squares = gort.Channel[int](), gort.Channel[int]()
    first = gort.go(generate, count, numbers.sender)
    second = gort.go(square, fails_at, numbers.receiver, squares.sender)

    for v in squares:
        print(v)  # the last stage is this task itself
    sent = first.result()
    second.join()
    taken = "everything was taken" if sent == count else "the generator was stopped"
    print(f"both stages have ended; {taken}")


def main() -> None:
    print("a good run:")
    run_pipeline(5, 0)
    print("square fails at 4:")
    run_pipeline(1000, 4)


if __name__ == "__main__":
    gort.run(main)

# Go differs: a receiver cannot tell senders that it is gone, so a failing stage needs a second channel ("done", or a
# context) which every sender selects on. That works here too; `abandon` is the short way.
