"""Compares what mypy says (standard input) with the marks in a file of wrong lines: `# wrong: CODE`, or `# error: ...` for any code.
Prints the number of refused lines, or what differs."""

import re
import sys


def main(path: str) -> int:
    marked = {}
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if m := re.search(r"# (?:wrong: (\S+)|error: )", line):
                marked[number] = m.group(1)
    refused = {}
    for line in sys.stdin:
        if m := re.match(r"[^:]+:(\d+): error: .*\[(\S+)\]$", line):
            refused.setdefault(int(m.group(1)), set()).add(m.group(2))
    problems = [f"{path}:{n}: refused, and not marked as wrong: {refused[n]}" for n in refused.keys() - marked.keys()]
    problems += [f"{path}:{n}: wrong, and not refused" for n in marked.keys() - refused.keys()]
    problems += [f"{path}:{n}: refused for {refused[n]}, not for {code}" for n, code in marked.items()
                 if n in refused and code and code not in refused[n]]
    print("\n".join(sorted(problems)) or len(marked))
    return 1 if problems or not marked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
