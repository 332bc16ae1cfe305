"""fork (H2): the child uses gort afresh."""

from conftest import needs_greenlets

CHILD = """
import gort, os, sys, warnings
warnings.simplefilter("ignore")
def child():
    def main():
        c = gort.Channel()
        gort.go(lambda: c.send("child"))
        return c.recv()
    print(gort.run(main) if gort.current_task() is None else "in a task", gort.go(lambda: 5).result(), flush=True)
    os._exit(0)
def parent(pid):
    assert os.waitpid(pid, 0)[1] == 0
    print(gort.go(lambda: "parent").result(), flush=True)
"""


def test_fork_in_a_thread(program):
    done = program(
        CHILD
        + """
c = gort.Channel(1)
c.send(1)
t = gort.go(gort.Channel().recv)
gort.sleep(0.01)
pid = os.fork()
if not pid: child()
parent(pid)
"""
    )
    assert done.stdout == "child 5\nparent\n"


@needs_greenlets
def test_fork_in_a_task(program):
    done = program(
        CHILD
        + """
def main():
    gort.go(gort.Channel().recv)
    gort.yield_now()
    pid = os.fork()
    if not pid: child()
    parent(pid)
gort.run(main)
"""
    )
    assert done.stdout == "child 5\nparent\n"


def test_handles_from_before_a_fork_are_refused(program):
    done = program(
        CHILD
        + """
c, w = gort.Channel(1), gort.WaitGroup()
t = gort.go(int)
t.join()
pid = os.fork()
if not pid:
    for call in (lambda: c.send(1), c.recv, c.close, w.wait, lambda: w.add(1)):
        try: call()
        except gort.ShutDown: print("refused", flush=True)
    len(c), c.closed, t.done
    os._exit(0)
parent(pid)
"""
    )
    assert done.stdout == "refused\n" * 5 + "parent\n"


def test_multiprocessing_by_fork(program):
    done = program(
        """
        import gort, multiprocessing, warnings
        warnings.simplefilter("ignore")
        def work(n):
            return gort.run(lambda: gort.go(lambda: n * n).result())
        if __name__ == "__main__":
            gort.go(int).join()
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(work, range(5)))
        """
    )
    assert done.stdout == "[0, 1, 4, 9, 16]\n"


def test_fork_after_import_alone_warns_nobody(program):
    done = program(
        """
        import warnings; warnings.simplefilter("error")
        import gort, os
        pid = os.fork()
        if not pid: os._exit(0)
        print(os.waitpid(pid, 0)[1])
        """,
        watched=False,
    )
    assert done.stdout == "0\n"


@needs_greenlets
def test_child_that_comes_back_from_its_task_ends_as_a_program(program):
    done = program(
        """
        import gort, os, sys, warnings
        warnings.simplefilter("ignore")
        def main(how):
            pid = os.fork()
            if pid:
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if how == "exit": sys.exit(3)
            if how == "raise": raise ValueError("in the child")
            print("child", flush=True)
        print([gort.run(main, how) for how in ("return", "exit", "raise")])
        """
    )
    assert done.stdout.splitlines() == ["child", "[0, 3, 1]"] and "in the child" in done.stderr
