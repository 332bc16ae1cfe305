"""Runs every program in docs/python.md and py/README.md, and compares what it prints.

    python py/tests/docs.py              with the Python that runs this; it must have gort

A block marked python is a program of its own. If a block marked text follows at once, the program must print exactly that; if
not, nothing. It must end with status 0 and write nothing to stderr, within 30 seconds. A block marked c opens with its file's
name in a comment; it is compiled into a library for the programs that come after it. The same program must be clean under
`mypy --strict`, where mypy is at hand. Prints "N passed, N failed".
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["docs/python.md", "py/README.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.M | re.S)


def call(command, cwd):
    try:
        env = {k: v for k, v in os.environ.items() if not k.startswith("GORT_")}
        r = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=30)
        return r.returncode, r.stdout, r.stderr
    except subprocess.TimeoutExpired as e:
        return "it did not end in time", (e.stdout or b"").decode(), (e.stderr or b"").decode()


def run(code, expected, cwd):
    (cwd / "program.py").write_text(code)
    status, out, err = call([sys.executable, "program.py"], cwd)
    if status == 0 and out == expected and not err:
        return ""
    return f"exit status: {status}\nexpected:\n{expected}\nprinted:\n{out}\n{err}"


def check_types(code, cwd):
    (cwd / "program.py").write_text(code)
    status, out, err = call([sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"], cwd)
    return out + err if status else ""


def compile_c(code, cwd):
    import gort
    name = re.match(r"/\* (\w+)\.c \*/", code).group(1)
    (cwd / f"{name}.c").write_text(code)
    command = ["cc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{gort.get_include()}", f"{name}.c", gort.get_library(), "-o", f"{name}.so"]
    status, out, err = call(command, cwd)
    return out + err if status else ""


def main():
    passed = failed = 0
    typed = call([sys.executable, "-c", "import mypy"], ".")[0] == 0
    for page in PAGES:
        text = (ROOT / page).read_text()
        blocks = list(BLOCK.finditer(text))
        with tempfile.TemporaryDirectory(prefix="gort-docs-") as folder:
            cwd = pathlib.Path(folder)
            for i, m in enumerate(blocks):
                language, code = m.groups()
                line = text.count("\n", 0, m.start()) + 1
                follows = i + 1 < len(blocks) and blocks[i + 1].start() == m.end() and blocks[i + 1].group(1) == "text"
                if language == "python":
                    problems = [run(code, blocks[i + 1].group(2) if follows else "", cwd)]
                    problems += [check_types(code, cwd)] if typed else []
                elif language == "c":
                    problems = [compile_c(code, cwd)]
                else:
                    continue
                for problem in problems:
                    if problem:
                        failed += 1
                        print(f"FAILED  {page}:{line}\n{problem}")
                    else:
                        passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
