#!/usr/bin/env python3
"""Planted mutants: each feature `mutant_*` of crate gort puts ONE known bug into the engine, and one named test must fail.

A mutant that survives means that the suite would not have noticed the bug. For each row of the table: the test passes
without the feature, then it fails, aborts or hangs with it. A mutant that does not compile is no kill. Not a mutation
engine: the bugs are chosen by hand, one for each rule the protocols rest on.

    python3 tools/mutants.py             all of them
    python3 tools/mutants.py skip_unlink one of them
"""

import os
import subprocess
import sys
import time

# (mutant, what is planted, the test of core/tests/mutants.rs that must fail)
#      cargo test -p gort --release --features mutant_X --test mutants NAME
MUTANTS = [
    ("skip_unlink", "a wait that ended stays in its queue", "expired_wait_is_not_found_by_a_later_sender"),
    ("skip_seq_check", "a waker does not compare the ticket's sequence", "late_cancel_does_not_end_the_next_wait"),
    ("drop_wakeup", "one wake-up of a sleeping worker in three is lost", "every_task_spawned_into_a_sleeping_runtime_runs"),
    ("unlock_before_commit", "the lock is released before WAITING is written", "rendezvous_between_two_threads_never_misses"),
    ("lose_retake", "a processor that was taken is handed to nobody", "task_behind_a_hog_runs_on_the_processor_taken_from_it"),
    ("close_without_waking", "close leaves the parked parties asleep", "close_wakes_parked_senders_and_receivers"),
]
LIMIT = 120  # seconds after which a hang counts as dead, by far


def cargo(args, limit):
    """Runs cargo; returns (kind, the end of the output). Kind: ok, failed, hung."""
    process = subprocess.Popen(
        ["cargo"] + args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # the group that we started, and nobody else's
        out, _ = process.communicate()
        return "hung", out
    return ("ok" if process.returncode == 0 else "failed"), out


def tail(out, n=15):
    return "\n".join("      " + line for line in out.splitlines()[-n:])


def main():
    chosen = [m for m in MUTANTS if not sys.argv[1:] or m[0] in sys.argv[1:]]
    base = ["test", "-p", "gort", "--release", "--test", "mutants"]
    # Healthy first: each test must exist and pass without its mutant.
    kind, out = cargo(base, 1200 + LIMIT)
    if kind != "ok":
        print(f"  the tests do not pass without a mutant ({kind})\n{tail(out)}")
    healthy = {line.split()[1] for line in out.splitlines() if line.startswith("test ") and line.endswith("... ok")}
    killed = alive = 0
    for name, what, test in chosen:
        feature = ["--features", f"mutant_{name}"]
        kind, out = cargo(base + feature + ["--no-run"], 1200)
        if kind != "ok" or test not in healthy:
            alive += 1
            print(f"  mutant_{name:<21} INVALID   " + (f"does not compile\n{tail(out)}" if kind != "ok" else f"no healthy test {test}"))
            continue
        began = time.monotonic()
        kind, out = cargo(base + feature + [test, "--", "--exact"], LIMIT)
        took = time.monotonic() - began
        if kind == "ok":
            alive += 1
            print(f"  mutant_{name:<21} SURVIVED  {what}; {test} passed in {took:.1f} s")
        else:
            killed += 1
            print(f"  mutant_{name:<21} killed    {what}; {test} {kind} in {took:.1f} s")
        sys.stdout.flush()
    print(f"{killed} passed, {alive} failed")  # a kill is a pass
    return 1 if alive or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
