#!/usr/bin/env python3
"""Planted mutants: each feature `mutant_*` of crate gort puts ONE known bug into the engine, and one named test must fail.

A mutant that survives means that the suite would not have noticed the bug. For each row of the table: the test passes
without the feature (once for each distinct test), then it fails, aborts or hangs with it. A mutant that does not compile
is no kill. Not a mutation engine: the bugs are chosen by hand, one for each rule the protocols rest on.

    python3 tools/mutants.py             all of them
    python3 tools/mutants.py skip_unlink one of them
"""

import os
import subprocess
import sys
import time

# (mutant, what is planted, killed by: options of cargo test, seconds after which a hang counts as dead)
#                                        `cargo test -p gort --release --features mutant_X <options>`
MUTANTS = [
    ("skip_unlink", "a wait that ended by deadline stays in the queue", "--test mutants mutant_skip_unlink", 60),
    ("skip_seq_check", "a waker does not compare the ticket's sequence", "--test mutants mutant_skip_seq_check", 60),
    ("drop_wakeup", "one wake-up in many is lost", "--test mutants mutant_drop_wakeup", 60),
    ("unlock_before_commit", "the lock is released before the task is saved", "--test mutants mutant_unlock_before_commit", 60),
    ("lose_retake", "the owner takes a contested processor by a plain store", "--test mutants mutant_lose_retake", 60),
    ("close_without_waking", "close leaves the parked senders asleep", "--test mutants mutant_close_without_waking", 60),
]


def cargo(args, limit):
    """Runs cargo; returns (kind, the end of the output). Kind: ok, failed, hung."""
    command = ["cargo"] + args
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # the group that we started, and nobody else's
        out, _ = process.communicate()
        return "hung", out
    return ("ok" if process.returncode == 0 else "failed"), out


def ran(out):
    """How many tests were run, by cargo's summaries: a name that matches nothing must not count as a pass."""
    return sum(int(line.split()[1]) for line in out.splitlines() if line.startswith("running "))


def tail(out, n=15):
    return "\n".join("      " + line for line in out.splitlines()[-n:])


def main():
    chosen = [m for m in MUTANTS if not sys.argv[1:] or m[0] in sys.argv[1:]]
    base = ["test", "-q", "-p", "gort", "--release"]
    healthy, killed, alive = {}, 0, 0
    for name, what, test, limit in chosen:
        options = test.split()
        if test not in healthy:
            cargo(base + options + ["--no-run"], 1200)
            kind, out = cargo(base + options, limit)
            healthy[test] = kind == "ok" and ran(out) > 0
            if not healthy[test]:
                print(f"  the test itself does not pass without a mutant: {test} ({kind})\n{tail(out)}")
        feature = ["--features", f"mutant_{name}"]
        kind, out = cargo(base + feature + options + ["--no-run"], 1200)
        if kind != "ok" or not healthy[test]:
            alive += 1
            print(f"  mutant_{name:<24} INVALID   {'does not compile' if kind != 'ok' else 'no healthy test'}")
            print(tail(out) if kind != "ok" else "")
            continue
        began = time.monotonic()
        kind, out = cargo(base + feature + options, limit)
        took = time.monotonic() - began
        if kind == "ok":
            alive += 1
            print(f"  mutant_{name:<24} SURVIVED  {what}; `{test}` passed in {took:.1f} s")
        else:
            killed += 1
            how = "hung" if kind == "hung" else "failed"
            print(f"  mutant_{name:<24} killed    {what}; `{test}` {how} in {took:.1f} s")
        sys.stdout.flush()
    print(f"{killed} passed, {alive} failed")  # a kill is a pass
    return 1 if alive or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
