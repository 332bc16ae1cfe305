#!/usr/bin/env python3
"""Runs the workloads on the engines, side by side, and shows who takes how long.

    make bench                                      --quick: smaller, 5 repetitions, within a minute
    make bench ARGS="--reps 9"                      everything, larger
    make bench ARGS="--only pingpong_cap0,yield --engines 'gort-c-*,go-*' --json FILE"
    .venv/bin/python benchmarks/run.py --list

What is measured stands in workloads.toml, who is measured in engines.toml; this file only decides what runs when.

It is NOT a gate: it says what it saw, and ends with 1 only if a row could not be had or its checksum was wrong.

Invariants
  1  Engines take turns repetition by repetition (A B C A B C), so that a slow minute of the machine hits all of them.
  2  A repetition that fails is told in its row and that row is not tried again; the run goes on.
  3  The machine is looked at before and during; a busy one is said, never waited for.

Rejected: stopping early when figures look stable (the engine with the noisier figures would get more tries).
"""

from __future__ import annotations

import argparse
import fnmatch
import shlex
import sys
import time
from pathlib import Path

try:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    import harness
    import report
except ImportError as e:
    sys.exit(f"{e}; run: .venv/bin/pip install -r benchmarks/requirements.txt")

SETTLE = 0.5  # seconds the idle machine is watched before the run


def parse(argv: list[str]) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="run.py", description="gort beside its peers, interleaved", allow_abbrev=False)
    p.add_argument("--quick", action="store_true", help="small sizes, 5 repetitions: within a minute")
    p.add_argument("--only", metavar="A,B", help="workloads (names or patterns)")
    p.add_argument("--engines", metavar="A,B", help="engines (names or patterns)")
    p.add_argument("--reps", type=int, metavar="R", help="repetitions (9; 5 with --quick)")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    p.add_argument("--no-build", action="store_true", help="take the programs as they are")
    p.add_argument("--no-chart", action="store_true", help="draw nothing into benchmarks/out/")
    p.add_argument("--timeout", type=float, default=60, metavar="S", help="seconds for one repetition (60)")
    p.add_argument("--list", action="store_true", help="show workloads and engines, run nothing")
    args = p.parse_args(argv)
    if args.reps is not None and args.reps < 1:
        p.error("--reps must be 1 or more")
    return args


def choose(wanted: str | None, have: list, what: str) -> list:
    """Those named, in the order of the data file; a name that fits nothing is a mistake."""
    if wanted is None:
        return have
    patterns = [w.strip() for w in wanted.split(",") if w.strip()]
    names = [h.name for h in have]
    for p in patterns:
        if not fnmatch.filter(names, p):
            raise harness.BenchError(f"no {what} {p!r}; there are: {', '.join(names)}")
    return [h for h in have if any(fnmatch.fnmatchcase(h.name, p) for p in patterns)]


def show_lists(console: Console, suite: harness.Suite) -> None:
    t = report.Table(title="workloads", title_justify="left", box=report.box.SIMPLE_HEAD, pad_edge=False)
    for name in ("name", "unit", "n", "n quick", "about"):
        t.add_column(name, justify="right" if name.startswith("n ") or name == "n" else "left")
    for w in suite.workloads:
        t.add_row(w.name, w.unit, f"{w.size(False)[0]:,}", f"{w.size(True)[0]:,}", w.about)
    console.print(t)
    t = report.Table(title="engines", title_justify="left", box=report.box.SIMPLE_HEAD, pad_edge=False)
    for name in ("name", "program", "workers", "environment", "workloads"):
        t.add_column(name)
    for e in suite.engines:
        env = " ".join(f"{k}={v}" for k, v in e.env.items())
        t.add_row(e.name, e.program.name, str(e.workers), env, ", ".join(w.name for w in suite.workloads if e.has(w.name)))
    console.print(t)


def build_all(console: Console, engines: list[harness.Engine], build: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of the programs that can run, and why the others cannot."""
    versions, broken = {}, {}
    for program in {e.program.name: e.program for e in engines}.values():
        if build:
            with console.status(f"building {program.name}"):
                why = harness.build(program)
        else:
            why = harness.missing(program)
        if why is None:
            versions[program.name] = harness.version_of(program)
        else:
            broken[program.name] = why
            console.print(f"[red]{program.name} cannot run:[/] {escape(why)}")
    return versions, broken


def watch_before(console: Console) -> bool:
    """True when the machine is busy before anything of ours runs."""
    load = harness.load_average()
    before = harness.Load.now()
    time.sleep(SETTLE)
    _wall, others, stolen = before.since()
    busy = others > report.BUSY or stolen > report.BUSY
    if busy:
        console.print(
            f"[bold yellow]The machine is busy:[/] others take {others:.2f} cores, {stolen:.2f} are stolen, "
            f"load average {load:.2f}. Times mean little now; ratios a little more."
        )
    else:
        console.print(f"[dim]machine quiet: others take {others:.2f} cores, load average {load:.2f}")
    return busy


def measure(
    console: Console, rows: list[report.Row], reps: int, args: argparse.Namespace, items: harness.Items | None
) -> None:
    columns = (TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(rows) * reps)
        for workload in dict.fromkeys(r.workload.name for r in rows):
            mine = [r for r in rows if r.workload.name == workload]
            for _ in range(reps):
                for row in mine:
                    progress.update(bar, description=f"{workload} {row.engine.name}")
                    if row.why is None:
                        n, warmup = row.workload.size(args.quick)
                        given = items if workload == "handover_items" else None
                        row.samples.append(harness.run_once(row.engine, row.workload, n, warmup, given, args.timeout))
                    progress.advance(bar)


def run(argv: list[str]) -> int:
    args = parse(argv)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, 120))
    suite = harness.load_suite()
    if args.list:
        show_lists(console, suite)
        return 0
    workloads = choose(args.only, suite.workloads, "workload")
    engines = choose(args.engines, suite.engines, "engine")
    engines = [e for e in engines if any(e.has(w.name) for w in workloads)]
    reps = args.reps or (5 if args.quick else 9)
    versions, broken = build_all(console, engines, not args.no_build)
    facts = harness.machine()
    report.print_machine(console, facts, versions)
    busy_before = watch_before(console)
    items = harness.load_items() if any(w.name == "handover_items" for w in workloads) else None
    rows = [
        report.Row(w, e, w.size(args.quick)[0], versions[e.program.name])
        for w in workloads
        for e in engines
        if e.has(w.name) and e.program.name not in broken
    ]
    if not rows:
        console.print("[red]nothing to run")
        return 1
    start = time.monotonic()
    measure(console, rows, reps, args, items)
    took = time.monotonic() - start
    for w in dict.fromkeys(r.workload.name for r in rows):
        one = next(r.workload for r in rows if r.workload.name == w)
        console.print(report.table(one, rows, suite, items))
    console.print("[dim]min/Go, median/Go: beside Go at the same number of workers; with another name: beside that engine, or beside the quickest one that is not gort's. Below 1 is quicker or smaller.")
    if items is not None and not items.recorded:
        console.print(f"[yellow]No recorded stream ({harness.RECORDED}): handover_items ran on a made-up one.")
    marked = sum(r.busy for r in rows)
    if marked:
        console.print(f"[bold yellow]{marked} of {len(rows)} rows were taken while the machine was busy.")
    command = shlex.join(["benchmarks/run.py", *argv])
    how = {"command": command, "reps": reps, "seconds": round(took, 1), "busy_before": busy_before}
    out = [report.as_json(r, rows, suite, facts, how, items) for r in rows]
    if args.json:
        report.write_json(args.json, out)
        console.print(f"[dim]rows: {args.json}")
    if not args.no_chart:
        import chart  # matplotlib takes its time: only when it is needed

        chart.bench_chart(out, harness.OUT / "bench.svg")
        console.print(f"[dim]chart: {harness.OUT / 'bench.svg'}")
    bad = [r for r in rows if not r.ok]
    console.print(f"[dim]{len(rows)} rows, {len(bad)} wrong, {reps} repetitions, {took:.0f} s")
    return 1 if bad or broken else 0


def main() -> None:
    try:
        sys.exit(run(sys.argv[1:]))
    except harness.BenchError as e:
        sys.exit(f"run.py: {e}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
