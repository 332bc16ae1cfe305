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

# (mutant, what is planted, the file of core/tests, the test in it that must fail)
#      cargo test -p gort --release --features mutant_X --test FILE NAME
# A file loom_* is a model: RUSTFLAGS="--cfg loom", and a target directory of its own.
MUTANTS = [
    ("skip_unlink", "a wait that ended stays in its queue", "mutants", "expired_wait_is_not_found_by_a_later_sender"),
    ("skip_seq_check", "a waker does not compare the ticket's sequence", "mutants", "late_cancel_does_not_end_the_next_wait"),
    ("drop_wakeup", "one wake-up of a sleeping worker in three is lost", "mutants", "every_task_spawned_into_a_sleeping_runtime_runs"),
    ("unlock_before_commit", "the lock is released before WAITING is written", "mutants", "rendezvous_between_two_threads_never_misses"),
    ("lose_retake", "a processor that was taken is handed to nobody", "mutants", "task_behind_a_hog_runs_on_the_processor_taken_from_it"),
    ("close_without_waking", "close leaves the parked parties asleep", "mutants", "close_wakes_parked_senders_and_receivers"),
    ("select_keeps_losers", "a select leaves the cases that lost in their queues", "loom_select", "the_case_that_is_served_wins_and_the_other_leaves_its_queue"),
    ("selector_drops_the_met", "a selector's entry that was met is not put on its list", "loom_selector", "a_peer_meets_the_entry_while_its_party_is_about_to_park"),
    ("selector_asks_before_it_locks", "whoever meets an entry asks the ticket before it locks the selector", "loom_selector", "two_selectors_meet_over_an_unbuffered_channel"),
    ("selector_forgets_its_own", "a selector's own try does not count as an event for its other cases", "loom_selector", "its_own_cases_feed_each_other_through_a_buffer"),
    ("tell_the_last_only", "of several that one arrival meets only the last is told", "loom_observe", "all_observers_are_told"),
    ("commit_tells_nobody", "a commit does not tell whom its send has met", "loom_observe", "readable_against_a_send"),
    ("notifier_lowers_late", "a teller lowers its flag after it has written the descriptor", "loom_observe", "two_tellers_and_one_descriptor"),
    ("notifier_without_share", "a teller has no share of what it is about to write to", "loom_observe", "the_channel_is_freed_while_a_teller_is_about_to_write"),
    ("overflow_overtaken", "an unbounded channel lets room in its ring while it holds older values", "loom_observe", "an_unbounded_channel_is_a_fifo_over_all_borders"),
    ("timer_stop_asks_early", "stop looks whether the timer is set before it holds the channel's lock", "loom_timer", "stop_and_reset_against_who_asks"),
    ("timer_fires_for_any_time", "a node fires though the timer was set anew or stopped", "loom_timer", "function_stop_and_reset_against_expiry"),
    ("timer_asker_overtakes", "who asks takes the value before who has waited for it", "loom_timer", "who_waits_comes_before_who_asks"),
    ("timer_reset_arms_nothing", "a reset does not arm a node though somebody waits", "loom_timer", "reset_against_expiry_with_a_receiver"),
    ("timer_source_comes_back", "a timer that fires puts its entry back into a channel that has let it go", "loom_timer", "release_against_expiry"),
    ("timer_loses_its_function", "a function that can not be started loses the reference of its setting", "loom_timer", "function_end_of_its_run_against_expiry"),
    ("mutex_forgets_the_queue", "an unlock that wakes one forgets that others wait", "loom_mutex", "three_lock_at_once"),
    ("mutex_loses_the_handover", "a mutex that is handed over looks free", "loom_mutex", "three_lock_at_once"),
    ("rwmutex_leaves_without_settling", "a writer that gives up leaves the readers behind it waiting", "loom_sync", "a_writer_that_is_cancelled_before_a_reader"),
    ("semaphore_leaves_without_settling", "one that gives up leaves those behind it waiting who fit", "loom_sync", "one_that_asks_for_all_and_gives_up"),
    ("cond_spends_the_signal", "a signal is spent on one that gave up", "loom_sync", "a_signal_past_one_that_gives_up"),
    ("barrier_forgets_who_was_counted", "one that was counted in gives up all the same", "loom_sync", "one_that_gives_up_at_a_barrier"),
    ("once_wakes_nobody", "what is done wakes nobody", "loom_sync", "three_come_and_one_does_it"),
    ("withdraw_settles_nothing", "a callback that is withdrawn leaves those behind it waiting", "loom_sync", "a_callback_that_leaves_lets_the_one_behind_it_in"),
    ("counter_shares_a_slot", "threads add to one slot without a read-modify-write", "counter", "every_addition_counts"),
    ("map_stores_unseen", "a new key is put in though another was since the search", "loom_map", "two_store_the_same_key_first"),
    ("map_takes_twice", "an entry is taken though it is no more in its slot", "loom_map", "two_take_and_one_replaces"),
    ("group_misses_the_late", "a task that is started in a cancelled group is not cancelled", "group", "task_started_after_the_cancellation_is_cancelled"),
    ("group_keeps_the_place", "a task of a group does not give its place within the limit back", "group", "go_limit"),
    ("group_last_error_wins", "a later error takes the place of the first", "group", "panic_of_a_task_is_carried_and_cancels"),
    ("flight_lands_anothers", "a flight that is over takes whatever flies under its key from the map", "singleflight", "forget"),
    ("pool_worker_leaves_a_job", "a worker that found nothing for a while leaves though a job is about to come", "worker_pool", "job_that_meets_a_leaving_worker_is_run"),
    ("pool_keeps_what_is_queued", "a cancelled pool does not answer for the jobs in its queue", "worker_pool", "cancel_ends_running_jobs_and_answers_for_the_queued"),
    ("pool_keeps_the_state", "a worker goes on with a state that a panic has left", "worker_pool", "panic_is_the_jobs_result_and_takes_the_state_along"),
]
LIMIT = 120  # seconds after which a hang counts as dead, by far


def cargo(file, args, limit, features=()):
    """Runs the tests of a file; returns (kind, the output). Kind: ok, failed, hung."""
    command = ["cargo", "test", "-p", "gort", "--release", "--test", file, *features]
    env = dict(os.environ, RUST_BACKTRACE="0")
    if file.startswith("loom_"):
        env["RUSTFLAGS"] = "--cfg loom"
        command += ["--target-dir", os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "loom")]
    process = subprocess.Popen(
        command + args, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
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
    healthy, killed, alive = {}, 0, 0
    for name, what, file, test in chosen:
        # Healthy first: each test must exist and pass without its mutant.
        if (file, test) not in healthy:
            kind, out = cargo(file, [test, "--", "--exact"], 1200 + LIMIT)
            healthy[file, test] = (kind == "ok" and " 1 passed" in out) or f"{kind}\n{tail(out)}"
        feature = ["--features", f"mutant_{name}"]
        kind, out = cargo(file, ["--no-run"], 1200, feature)
        if kind != "ok" or healthy[file, test] is not True:
            alive += 1
            why = f"does not compile\n{tail(out)}" if kind != "ok" else f"{test} without it: {healthy[file, test]}"
            print(f"  mutant_{name:<30} INVALID   {why}")
            continue
        began = time.monotonic()
        kind, out = cargo(file, [test, "--", "--exact"], LIMIT, feature)
        took = time.monotonic() - began
        if kind == "ok":
            alive += 1
            print(f"  mutant_{name:<30} SURVIVED  {what}; {file}::{test} passed in {took:.1f} s")
        else:
            killed += 1
            print(f"  mutant_{name:<30} killed    {what}; {file}::{test} {kind} in {took:.1f} s")
        sys.stdout.flush()
    print(f"{killed} passed, {alive} failed")  # a kill is a pass
    return 1 if alive or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
