"""story.py: runs a Python story and then asks whether anything is left alive; `check.py` does it this way.

    python examples/story.py examples/hello/main.py

Nothing here is needed to use gort, and the stories do not import it: `python examples/hello/main.py` runs one by itself.
"""

import gc
import runpy
import sys

import gort


def main() -> int:
    runpy.run_path(sys.argv[1], run_name="__main__")  # its variables go with the result, which nobody keeps
    gc.collect()
    kinds = ("tasks", "channels", "wait_groups", "selectors")
    left = {what: n for what, n in gort.metrics().items() if what in kinds and n}
    if left:
        print("left alive: " + ", ".join(f"{n} {what}" for what, n in left.items()), file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
