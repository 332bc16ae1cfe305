"""connections: several connections, one loop.

Each connection is a task that turns what arrives into messages on one shared channel. A message says who sent it and
where the answer goes. The loop knows nothing of tasks or threads: it takes a message, answers it, takes the next. It
ends when the last connection has hung up and the channel is closed.
"""

from typing import NamedTuple

import gort

CONNECTIONS = 3


class Message(NamedTuple):
    text: str
    answer: gort.Sender[int]  # carries a length


def connection(number: int, server: gort.Sender[Message]) -> None:
    answer = gort.Channel[int]()
    for text in ("hello", "how are you", "bye"):
        server.send(Message(text, answer.sender))
        length = answer.recv()  # only this connection waits, the others go on
        print(f'connection {number}: "{text}" has {length} letters')


def main() -> None:
    inbox = gort.Channel[Message]()
    open_ones = gort.WaitGroup()
    for number in range(1, CONNECTIONS + 1):
        open_ones.go(connection, number, inbox.sender)

    def closer() -> None:
        open_ones.wait()
        inbox.close()

    gort.go(closer)

    served = 0
    for message in inbox:  # the loop
        message.answer.send(len(message.text))
        served += 1
    print(f"all connections are closed, {served} messages served")


if __name__ == "__main__":
    gort.run(main)

# As in Go. A channel for each connection and a select over all of them does the same where the connections have to stay
# apart.
