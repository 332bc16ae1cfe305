"""connections: several connections, one loop.

What arrives on a connection comes through a channel of its own, and each connection is a task that fills it. The loop
selects over these channels: it takes a message from whoever has one, answers it, and takes the next. The index of the
case says whose it is. A connection that hangs up closes its channel, and the loop switches its case off.
"""

import gort

CONNECTIONS = 3


class Connection:
    def __init__(self, number: int) -> None:
        self.number = number
        self.data = gort.Channel[str]()
        self.answers = gort.Channel[int]()

    def talk(self) -> None:
        for text in ("hello", "how are you", "bye"):
            self.data.send(text)
            length = self.answers.recv()  # only this connection waits, the others go on
            print(f'connection {self.number}: "{text}" has {length} letters')
        self.data.close()  # hangs up


def serve(connections: list[Connection]) -> int:
    cases: list[gort.Case[str] | None] = [gort.recv(c.data) for c in connections]
    served = 0
    while any(cases):  # the loop
        i, text = gort.select(*cases)
        if text is None:
            print(f"connection {connections[i].number} has hung up")
            cases[i] = None  # never ready again
        else:
            connections[i].answers.send(len(text))
            served += 1
    return served


def main() -> None:
    connections = [Connection(number) for number in range(1, CONNECTIONS + 1)]
    for c in connections:
        gort.go(c.talk)
    served = serve(connections)
    print(f"all connections are closed, {served} messages served")


if __name__ == "__main__":
    gort.run(main)

# In Go the cases of a select are written out; for a number that is known at run time only it has reflect.Select, which
# is slow. Here a select takes as many as it is given. For hundreds of connections see selector.
