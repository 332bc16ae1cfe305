"""Rows: how samples become figures, a table for people and JSON for programs.

It is NOT a judge: no row is left out because it is slow or was taken on a busy machine; it is marked instead.

Invariants
  R1  A row has figures only from samples whose checksum was right; one wrong sample makes checksum_ok false.
  R2  Ratios are row / reference, of the same run: min to min and median to median. The reference is Go at the same number of workers, or the
      engine that the workload names, or the peer with the smallest min if it asks for the best one. Below 1 is quicker (or smaller). "best" is the smallest min of the workload in this run.
  R3  A row in JSON can be read alone: it carries its machine, date, commit and command.

Rejected: means and standard deviations. On a shared machine the noise is one-sided: the minimum is what the code can do, the
median what it usually does.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from harness import BEST_PEER, Engine, Items, Sample, Suite, Workload

BUSY = 0.15  # cores taken by others (or stolen) from which a row is marked


@dataclass
class Row:
    workload: Workload
    engine: Engine
    n: int
    version: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def figures(self) -> list[float]:
        return [s.figure for s in self.samples if s.figure is not None and s.why is None]

    @property
    def min(self) -> float | None:
        return min(self.figures, default=None)

    @property
    def median(self) -> float | None:
        return statistics.median(self.figures) if self.figures else None

    @property
    def why(self) -> str | None:
        return next((s.why for s in self.samples if s.why is not None), None)

    @property
    def ok(self) -> bool:
        return bool(self.samples) and self.why is None

    @property
    def wall(self) -> float:
        return sum(s.wall for s in self.samples) or 1.0

    @property
    def others(self) -> float:
        """Cores others took, over all repetitions: the kernel's ticks are too coarse for one."""
        return sum(s.others * s.wall for s in self.samples) / self.wall

    @property
    def stolen(self) -> float:
        return sum(s.stolen * s.wall for s in self.samples) / self.wall

    @property
    def busy(self) -> bool:
        return self.others > BUSY or self.stolen > BUSY


def ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None or b <= 0 else a / b


def baseline_of(row: Row, rows: list[Row], suite: Suite) -> Row | None:
    same = [r for r in rows if r.workload is row.workload]
    if row.workload.reference == BEST_PEER:
        peers = (r for r in same if not r.engine.program.ours and r.min is not None)
        return min(peers, key=lambda r: r.min, default=None)
    if row.workload.reference is not None:
        return next((r for r in same if r.engine.name == row.workload.reference), None)
    fits = (r for r in same if r.engine.workers == row.engine.workers)
    return next((r for r in fits if r.engine.program.name == suite.baseline), None)


def reference_name(workload: Workload) -> str:
    return workload.reference or "Go"


def ratios(row: Row, rows: list[Row], suite: Suite) -> dict[str, float | str | None]:
    base = baseline_of(row, rows, suite)
    best = min((r.min for r in rows if r.workload is row.workload and r.min is not None), default=None)
    low, middle = (ratio(row.min, base.min), ratio(row.median, base.median)) if base else (None, None)
    to_go = row.workload.reference is None
    return {
        "to": base.engine.name if base else None,
        "min": low,
        "median": middle,
        "go_min": low if to_go else None,  # the names of older records
        "go_median": middle if to_go else None,
        "best": ratio(row.min, best),
    }


# ---- for people -------------------------------------------------------------------------------------------------


def show(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def show_ratio(value: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= 10 else f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"
    return f"[green]{text}[/]" if value < 0.995 else f"[red]{text}[/]" if value > 1.005 else text


def note(row: Row, items: Items | None) -> str:
    notes = []
    if row.why:
        notes.append(f"[red]{row.why}[/]")
    if row.others > BUSY:
        notes.append(f"[yellow]busy: others took {row.others:.2f} cores[/]")
    if row.stolen > BUSY:
        notes.append(f"[yellow]{row.stolen:.2f} cores stolen[/]")
    if row.workload.name == "handover_items" and items is not None and not items.recorded:
        notes.append("made-up items")
    return ", ".join(notes)


def table(workload: Workload, rows: list[Row], suite: Suite, items: Items | None) -> Table:
    mine = [r for r in rows if r.workload is workload]
    n = mine[0].n
    t = Table(
        title=f"[bold]{workload.name}[/]  {workload.unit}, n = {n:,}\n[dim]{workload.about}[/]",
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    t.add_column("engine", no_wrap=True)
    to = reference_name(workload)
    for name in ("min", "median", f"min/{to}", f"median/{to}", "min/best"):
        t.add_column(name, justify="right", no_wrap=True)
    t.add_column("note")
    for r in mine:
        q = ratios(r, rows, suite)
        is_best = q["best"] == 1
        low = f"[bold]{show(r.min)}[/]" if is_best else show(r.min)
        t.add_row(
            r.engine.name,
            low,
            show(r.median),
            show_ratio(q["min"]),
            show_ratio(q["median"]),
            "[bold]best[/]" if is_best else show_ratio(q["best"]),
            note(r, items),
        )
    return t


def print_machine(console: Console, facts: dict, versions: dict[str, str]) -> None:
    for line in (
        f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['memory']}, {facts['kernel']}",
        f"{facts['gcc']}; {facts['rustc']}; {facts['go']}; Python {facts['python']}",
        f"{facts['date']}, tree at {facts['commit']}",
        "; ".join(f"{p}: {v}" for p, v in versions.items()),
    ):
        console.print(line, style="dim", markup=False, soft_wrap=True)


# ---- for programs -----------------------------------------------------------------------------------------------


def as_json(row: Row, rows: list[Row], suite: Suite, facts: dict, run: dict, items: Items | None) -> dict:
    out = {
        "workload": row.workload.name,
        "engine": row.engine.name,
        "unit": row.workload.unit,
        "min": row.min,
        "median": row.median,
        "n": row.n,
        "checksum_ok": row.ok,
        "version": row.version,
        "workers": row.engine.workers,
        "ratio": ratios(row, rows, suite),
        "figures": row.figures,
        "busy": {"others": round(row.others, 3), "stolen": round(row.stolen, 3), "marked": row.busy},
        "why": row.why,
        "machine": facts,
        "run": run,
    }
    if row.workload.name == "handover_items" and items is not None:
        out["items"] = {"recorded": items.recorded, "count": len(items.lens), "bytes": sum(items.lens)}
    return out


def write_json(path: Path, rows: list[dict]) -> None:
    """A list of rows, one a line: easy to read, to grep and to diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
