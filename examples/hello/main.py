"""hello: a task beside main, and what becomes of it when main returns.

`gort.run` makes `main` the main task. main starts a second task, hears from it over a channel, and returns while that
task still waits for something that never comes. The run then cancels it: its blocked call raises `TaskCanceled`, it
leaves as by any exception, `finally` blocks included, and `gort.run` comes back.
"""

import gort


def greeter(said: gort.Sender[None]) -> None:
    print("task: hello from a task")
    said.send(None)  # only the moment counts, so there is no value

    never = gort.Channel[None]()  # nobody else has it: this task waits for ever, or until it is cancelled
    try:
        never.recv()
    except gort.TaskCanceled:  # a BaseException: `except Exception` does not swallow it
        print("task: my wait ended with GORT_CANCELED")
        raise


def main() -> None:
    said = gort.Channel[None]()  # capacity 0
    print("main: starting a task")
    gort.go(greeter, said.sender)
    said.recv()  # without this, main might return before the task said a word
    print("main: returning, the task still waits")


if __name__ == "__main__":
    gort.run(main, grace=5)  # seconds that cancelled tasks may take; the default of 0.1 would do, too
    print("run: GORT_OK")  # else it had raised

# Go differs: there, main returning ends the process and the task is gone without a word. A library must not end its
# host, so gort cancels the tasks, waits for them a moment, and warns of whoever does not end.
