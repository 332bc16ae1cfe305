"""wrong.py: the wrong direction does not work.

`python wrong.py 0` must succeed, and 1, 2, 3 must each fail with AttributeError. So it is the one line that is wrong, and
nothing else. A type checker refuses the same three lines before anything runs (py/tests/typing.sh).
"""

import sys

import gort


def wrong(n: int, out: gort.Sender[int], source: gort.Receiver[int]) -> None:
    if n == 0:
        out.send(1)
        source.recv()
    elif n == 1:
        out.recv()  # error: receiving from a sender
    elif n == 2:
        source.send(2)  # error: sending to a receiver
    elif n == 3:
        source.close()  # error: closing from the receiving side


if __name__ == "__main__":
    ch = gort.Channel[int](1)
    wrong(int(sys.argv[1]), ch.sender, ch.receiver)
