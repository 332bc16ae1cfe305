"""What lies under run.py: read the data files, build the programs, run ONE repetition, look at the machine.

It is NOT the runner (run.py decides what runs when) and NOT the report (report.py). Nothing here prints.

Invariants
  H1  A repetition is one fresh process with a clean environment: no variable of Go or gort reaches it but the engine's own.
  H2  A sample counts only if the process ended with 0, answered for the workload, n and workers asked for, without
      errors, and with the checksum that workloads.toml demands. The checksum is worked out here, never by an engine.
  H3  The Go that is used is the pinned one beside the Python that runs this; a Go from PATH never is.
  H4  Load by others = the kernel's busy ticks less the CPU time of our children and ourselves: it does not depend on
      how many threads an engine uses.

Rejected: several repetitions in one process (its memory layout and its first million tasks would be one sample, not R),
and interleaving through a pipe that keeps all engines alive (sleeping runtimes are not quite asleep).
"""

from __future__ import annotations

import datetime
import fnmatch
import json
import os
import platform
import re
import resource
import shlex
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10 and older
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OUT = HERE / "out"
BIN = OUT / "bin"
RECORDED = OUT / "items.bin"
SUBSTITUTE = OUT / "items-substitute.bin"
TICKS = os.sysconf("SC_CLK_TCK")
BEST_PEER = "best peer"  # as a workload's reference


class BenchError(Exception):
    """Something the person at the keyboard can mend; the message says what."""


# ---- the data files ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    name: str
    unit: str
    measure: str
    n: int
    warmup: int
    checksum: str
    about: str
    quick: dict[str, int]
    scale: int = 1
    whole: bool = False  # the measure is the figure of the row already, such as a lateness: it is not divided by n
    reference: str | None = None  # the engine that ratios are taken to, or BEST_PEER; None: the suite's baseline at the same number of workers

    def figure(self, said: dict, n: int) -> float:
        """What a result line says, in the workload's unit."""
        return said[self.measure] / (1 if self.whole else n) / self.scale

    def size(self, quick: bool) -> tuple[int, int]:
        """n and warm-up."""
        chosen = self.quick if quick else {}
        return chosen.get("n", self.n), chosen.get("warmup", self.warmup)


@dataclass(frozen=True)
class Program:
    name: str
    build: list[list[str]]
    run: list[str]
    needs: list[str]
    build_env: dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """gort itself, and not a peer."""
        return self.name.startswith("gort-")


@dataclass(frozen=True)
class Engine:
    name: str
    program: Program
    workers: int
    env: dict[str, str] = field(default_factory=dict)
    workloads: frozenset[str] = frozenset()

    def has(self, workload: str) -> bool:
        return workload in self.workloads


@dataclass(frozen=True)
class Suite:
    workloads: list[Workload]
    engines: list[Engine]
    baseline: str


def matching(names: list[str], patterns: list[str]) -> frozenset[str]:
    return frozenset(w for pattern in patterns for w in fnmatch.filter(names, pattern))


def load_suite() -> Suite:
    with open(HERE / "workloads.toml", "rb") as f:
        workloads = [Workload(**w) for w in tomllib.load(f)["workload"]]
    with open(HERE / "engines.toml", "rb") as f:
        data = tomllib.load(f)
    programs = {name: Program(name=name, **p) for name, p in data["program"].items()}
    names = [w.name for w in workloads]
    everybody = [w.name for w in workloads if w.reference is None]
    engines = []
    for e in data["engine"]:
        only, without = e.get("workloads", everybody), e.get("without", [])
        if unknown := [pattern for pattern in [*only, *without] if not fnmatch.filter(names, pattern)]:
            raise BenchError(f"engines.toml: {e['name']} names unknown workloads: {', '.join(unknown)}")
        engines.append(
            Engine(
                name=e["name"],
                program=programs[e["program"]],
                workers=e["workers"],
                env=e.get("env", {}),
                workloads=matching(names, only) - matching(names, without),
            )
        )
    if strange := {w.reference for w in workloads} - {e.name for e in engines} - {None, BEST_PEER}:
        raise BenchError(f"workloads.toml: no engine is called {', '.join(sorted(strange))}")
    return Suite(workloads, engines, data["baseline"])


# ---- building ---------------------------------------------------------------------------------------------------


def places() -> dict[str, str]:
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return {
        "root": str(ROOT),
        "here": str(HERE),
        "bin": str(BIN),
        "target": str((ROOT / target).resolve()),
        "python": sys.executable,
        "go": str(Path(sys.executable).parent / "go"),
    }


def fill(command: list[str]) -> list[str]:
    return [part.format(**places()) for part in command]


def build(program: Program) -> str | None:
    """None, or why the program cannot be run."""
    BIN.mkdir(parents=True, exist_ok=True)
    for command in map(fill, program.build):
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, **program.build_env},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except OSError as e:
            hint = "; pip install -r benchmarks/requirements.txt" if command[0] == places()["go"] else ""
            return f"{command[0]}: {e.strerror}{hint}"
        if done.returncode != 0:
            tail = "\n".join(done.stdout.strip().splitlines()[-15:])
            if command[0] == places()["python"]:  # an import that failed
                return f"{tail.splitlines()[-1] if tail else 'it said nothing'}; make python, and pip install -r benchmarks/requirements-peers.txt"
            return f"{shlex.join(command)} failed\n{tail}"
    return missing(program)


def missing(program: Program) -> str | None:
    for path in fill(program.needs):
        if not Path(path).exists():
            return f"{path} is missing"
    return None


def clean_env(extra: dict[str, str]) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GORT_", "GO")) and k != "LD_PRELOAD"}
    return {**env, **extra}


def version_of(program: Program) -> str:
    done = subprocess.run(
        [*fill(program.run), "--version"], env=clean_env({}), capture_output=True, text=True, timeout=10, check=False
    )
    try:
        said = json.loads(done.stdout)
    except ValueError:
        return f"unknown (--version exited with {done.returncode})"
    name = str(said["version"])
    return f"gort {name.removeprefix('gort ')} {commit()}" if program.ours else name


# ---- the recorded stream ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Items:
    path: Path
    lens: tuple[int, ...]
    recorded: bool

    def expected(self, n: int) -> int:
        """Sum of (id + 1) * len over ids 0..n-1 where item id has length lens[id % count], modulo 2**64."""
        count, total = len(self.lens), 0
        for j, length in enumerate(self.lens[:n]):
            rounds = (n - j + count - 1) // count  # how many ids below n use this length
            total += length * (rounds * (j + 1) + count * (rounds * (rounds - 1) // 2))
        return total % 2**64


def load_items() -> Items:
    """The stream that the demo recorded; without one, a made-up one of the same kind, the same everywhere."""
    if RECORDED.exists() and RECORDED.stat().st_size >= 4:
        path = RECORDED
    else:
        path = SUBSTITUTE
        state, lens = 1, []
        for _ in range(8192):  # files cut into blocks of 64 KiB: many whole blocks, many short ends
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            lens.append(65536 if state >> 63 else 1 + (state >> 40) % 65536)
        OUT.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack(f"<{len(lens)}I", *lens))
    raw = path.read_bytes()
    return Items(path, struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4]), path == RECORDED)


def expected_checksum(workload: Workload, n: int, items: Items | None) -> int:
    names = {"n": n, "items": items.expected if items else None}
    return eval(workload.checksum, {"__builtins__": {}}, names) % 2**64  # our own data file


# ---- one repetition ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    figure: float | None  # in the workload's unit; None when the process gave none
    why: str | None  # None: everything was right
    wall: float  # seconds the process took, start and warm-up included
    others: float  # cores taken by other processes meanwhile
    stolen: float  # cores the hypervisor kept for itself


def run_once(engine: Engine, workload: Workload, n: int, warmup: int, items: Items | None, timeout: float) -> Sample:
    command = [*fill(engine.program.run), workload.name, "--workers", str(engine.workers), "--n", str(n)]
    command += ["--warmup", str(warmup)]
    if items is not None:
        command += ["--items", str(items.path)]
    before = Load.now()
    try:
        done = subprocess.run(
            command, env=clean_env(engine.env), capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return Sample(None, f"no answer within {timeout:g} s", *before.since())
    except OSError as e:
        return Sample(None, f"{command[0]}: {e.strerror}", *before.since())
    load = before.since()
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["said nothing"])[-1]
        return Sample(None, f"ended with {done.returncode}: {last}", *load)
    try:
        said = json.loads(done.stdout)
        figure = workload.figure(said, n)
    except (ValueError, KeyError, TypeError) as e:
        return Sample(None, f"its answer cannot be read: {e!r}", *load)
    return Sample(figure, verdict(said, engine, workload, n, items), *load)


def verdict(said: dict, engine: Engine, workload: Workload, n: int, items: Items | None) -> str | None:
    asked = {"workload": workload.name, "n": n, "workers": engine.workers}
    for key, want in asked.items():
        if said.get(key) != want:
            return f"{key} {said.get(key)!r}, asked for {want!r}"
    if said.get("errors") != 0:
        return f"{said.get('errors')} errors"
    want = expected_checksum(workload, n, items)
    return None if said.get("checksum") == want else f"checksum {said.get('checksum')}, must be {want}"


# ---- the machine ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """What the CPUs have done so far, and our share in it."""

    wall: float
    busy: float
    stolen: float
    ours: float

    @staticmethod
    def now() -> Load:
        with open("/proc/stat") as f:
            user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, f.readline().split()[1:])
        ours = sum(
            u.ru_utime + u.ru_stime
            for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
        )
        return Load(time.monotonic(), (user + nice + system + irq + softirq) / TICKS, steal / TICKS, ours)

    def since(self) -> tuple[float, float, float]:
        """Seconds since then, and cores (1.0 = one whole core) taken by others and stolen by the hypervisor."""
        now = Load.now()
        wall = max(now.wall - self.wall, 1 / TICKS)
        others = now.busy - self.busy - (now.ours - self.ours)
        return wall, max(0.0, others) / wall, max(0.0, now.stolen - self.stolen) / wall


def load_average() -> float:
    with open("/proc/loadavg") as f:
        return float(f.read().split()[0])


def output_of(*command: str, cwd: Path = ROOT) -> str | None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


_commit: str | None = None


def commit() -> str:
    global _commit
    if _commit is None:
        _commit = output_of("git", "describe", "--always", "--dirty=+dirty", "--abbrev=12") or "uncommitted"
    return _commit


def cpu_model() -> str:
    with open("/proc/cpuinfo") as f:
        found = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return found.group(1) if found else platform.machine()


def machine() -> dict[str, str | int]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "gcc": (output_of("cc", "--version") or "none").splitlines()[0],
        "rustc": output_of("rustc", "--version") or "none",
        "go": output_of(places()["go"], "version") or "none",
        "python": platform.python_version(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
