"""Tests `python -m gort`: what it prints, and that it says what is wrong. Prints "N passed, N failed".

    python py/tests/command.py           with the Python that runs this; it must have gort
"""

import os
import re
import subprocess
import sys

passed = failed = 0


def check(what, arguments, status, *patterns):
    """The command must end with the status, and its output must have each of the patterns."""
    global passed, failed
    r = subprocess.run([sys.executable, "-m", "gort", *arguments], capture_output=True, text=True, timeout=120)
    text = r.stdout + r.stderr
    problems = [f"not there: {p}" for p in patterns if not re.search(p, text, re.M)]
    if r.returncode != status:
        problems.append(f"exit status {r.returncode}")
    if problems:
        failed += 1
        print(f"FAILED  {what}", *problems, text, sep="\n    ")
    else:
        passed += 1


check("info_tells_where_things_are", ["info"], 0, r"^version +\d", r"^tasks +(greenlets|threads)$", r"^library +/\S+\.so$", r"^include +/")
check("bench_has_a_line_for_each_side", ["bench", "--quick"], 0, r"^ping-pong", r"^stream", r"^put\+get", r"^spawn",
      *(rf"^  {side}\S.* [\d,]+ +[\d,]+ +\d+\.\d\d +#+$" for side in ("gort", "asyncio", "queue\\.Queue", "queue\\.SimpleQueue", "threading")))
check("bench_of_one_job_leaves_the_others_out", ["bench", "--quick", "-k", "spawn"], 0, r"\A(?!.*ping-pong)", r"^spawn")
check("bench_of_no_job_fails", ["bench", "--quick", "-k", "nosuch"], 1, "nosuch")
check("no_command_fails_and_shows_what_there_is", [], 2, "info", "bench")
check("unknown_command_fails", ["fly"], 2, "fly")

told = subprocess.run([sys.executable, "-m", "gort", "info"], capture_output=True, text=True).stdout
include = re.search(r"^include +(.*)$", told, re.M).group(1)
if os.path.exists(os.path.join(include, "gort.h")):
    passed += 1
else:
    failed += 1
    print(f"FAILED  header_is_where_info_says: {include}")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
