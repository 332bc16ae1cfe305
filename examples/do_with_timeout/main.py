"""do_with_timeout: wait for work, but not for ever.

1. Work that is done in time: a select over its result and a timer.
2. Work that is too slow: its task is cancelled, and the call it waits in says so.
3. Work that does not listen: its result finds a place in the channel, so the worker ends and nothing hangs.
"""

from collections.abc import Callable

import gort

told = "nothing"


def wait_for(result: gort.Receiver[str], patience: float) -> str:
    late = gort.Timer(patience)
    match gort.select(gort.recv(result), gort.recv(late)):
        case (0, done):
            return str(done)
        case _:
            return "too late"


def quick(result: gort.Sender[str]) -> None:
    result.send("done")


def slow(result: gort.Sender[str]) -> None:
    global told
    try:
        gort.sleep(60)  # a step of the work: it ends early when the task is cancelled
        result.send("done")
    except gort.TaskCanceled:
        told = "GORT_CANCELED"


def deaf(result: gort.Sender[str]) -> None:
    with gort.shield():
        gort.sleep(0.02)
        result.send("done")


def do_work(work: Callable[[gort.Sender[str]], None], patience: float) -> str:
    """What was waited for; the worker has ended when this returns."""
    result = gort.Channel[str](1)  # room for a result that nobody waits for any more
    task = gort.go(work, result.sender)
    said = wait_for(result.receiver, patience)
    task.cancel()
    task.join()
    return said


def main() -> None:
    print("quick work:", do_work(quick, 60))
    print("slow work:", do_work(slow, 0.005))
    print("the worker was told:", told)
    print(f"work that does not listen: {do_work(deaf, 0.005)}, and its result hurts nobody")


if __name__ == "__main__":
    gort.run(main)

# In Go the worker is given a context and has to look at it; a task of gort is cancelled as such, and each of its blocking
# calls ends. The channel of one place is needed in both: with none the worker would wait for ever to hand its result over.
