#!/usr/bin/env python3
"""Charts (SVG) by matplotlib, from rows as report.py writes them.

    python benchmarks/chart.py handover in.json out.svg     the hand-over alone, one bar an engine (make demo)
    python benchmarks/chart.py bench in.json out.svg        all workloads of a run, small multiples

in.json is a list of rows, or {"title", "note", "rows": [...]}. A row needs engine, unit, min and median; workload for
`bench`; n, version, ratio, figures and machine are shown where they are given.

It is NOT where figures are made: no number is computed here but the ratio of two bars.

Invariants
  1  The bar is the median, the mark in it the minimum; the axis starts at 0.
  2  The same rows give the same file, byte for byte (no date, a fixed salt for ids).
  3  gort is one colour, Go another, everybody else grey: the eye needs no legend.

Rejected: a log axis (it flatters the slow), a chart library of our own, PNG (not readable as a diff, not sharp).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "gort",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "ytick.left": False,
    }
)
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

GORT, GO, OTHER = "#1b7f79", "#c2571a", "#8a8f98"


def colour(engine: str) -> str:
    return GORT if engine.startswith("gort") else GO if engine == "go" or engine.startswith("go-") else OTHER


def figure_text(v: float) -> str:
    return f"{v:,.0f}" if v >= 100 else f"{v:.1f}" if v >= 10 else f"{v:.2f}"


def bars(ax, rows: list[dict], label) -> None:
    """Horizontal bars, the first row on top; the text at the end of a bar is label(row)."""
    rows = [r for r in rows if r.get("median") is not None]
    ys = range(len(rows))
    longest = max((r["median"] for r in rows), default=1.0) or 1.0
    ax.barh(ys, [r["median"] for r in rows], color=[colour(r["engine"]) for r in rows], height=0.7)
    ax.vlines([r["min"] for r in rows], [y - 0.35 for y in ys], [y + 0.35 for y in ys], color="white", lw=1.5)
    for y, r in zip(ys, rows):
        ax.text(r["median"] + longest * 0.015, y, label(r), va="center", fontsize=8)
    ax.set_yticks(list(ys), [r["engine"] for r in rows])
    ax.invert_yaxis()
    ax.set_xlim(0, longest * 1.6)


def save(fig, path: Path) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, format="svg", metadata={"Date": None})
    plt.close(fig)


def under(data: list[dict]) -> str:
    """The machine of the rows, for the foot of a chart."""
    facts = next((r["machine"] for r in data if r.get("machine")), None)
    if not facts:
        return ""
    keys = ("cpu", "cpus", "kernel", "go", "commit", "date")
    return ", ".join(f"{facts[k]} CPUs" if k == "cpus" else str(facts[k]) for k in keys if k in facts)


def handover_chart(rows: list[dict] | dict, path: Path | str) -> None:
    """The hand-over of the demo's items: one bar an engine, and how many times the first row the others take. Rows may name a group: then each group
    has a panel with a scale and a first row of its own (an object of Python is not a struct of C)."""
    doc = rows if isinstance(rows, dict) else {"rows": rows}
    data = [r for r in doc["rows"] if r.get("median") is not None]
    if not data:
        raise ValueError("no row has a figure")
    groups = {name: [r for r in data if r.get("group") == name] for name in dict.fromkeys(r.get("group") for r in data)}

    def label(r: dict) -> str:
        first = groups[r.get("group")][0]
        text = f"{figure_text(r['median'])} (min {figure_text(r['min'])})"
        return text if r is first or not first["median"] else f"{text}, {r['median'] / first['median']:.2f}x"

    size = (7.5, 1.5 + 0.42 * len(data) + 0.5 * (len(groups) - 1))
    fig, axes = plt.subplots(len(groups), figsize=size, layout="constrained", squeeze=False, height_ratios=[len(g) for g in groups.values()])
    for ax, (name, mine) in zip(axes.flat, groups.items()):
        bars(ax, mine, label)
        if name is not None:
            ax.set_title(f"in {name}", loc="left", fontsize=9)
    axes.flat[-1].set_xlabel(f"{data[0].get('unit', 'ns/item')}, median; white mark: minimum. Shorter is better")
    count = f", {data[0]['n']:,} items" if data[0].get("n") else ""
    fig.suptitle(doc.get("title") or f"Handing work items over{count}", x=0.01, ha="left", fontweight="bold", fontsize=11)
    foot = doc.get("note") or under(data)
    if foot:
        fig.supxlabel(foot, fontsize=7, color="#666666")
    save(fig, Path(path))


def bench_chart(rows: list[dict] | dict, path: Path | str) -> None:
    """All workloads of a run, one small chart each; the text says the ratio to the reference: Go at the same number of workers, or what the row says."""
    data = rows["rows"] if isinstance(rows, dict) else rows
    names = list(dict.fromkeys(r["workload"] for r in data))

    def label(r: dict) -> str:
        text = figure_text(r["median"])
        ratio = r.get("ratio") or {}
        q, to = ratio.get("median", ratio.get("go_median")), ratio.get("to") or "Go"
        name = "Go" if colour(to) == GO else to
        busy = ", busy" if (r.get("busy") or {}).get("marked") else ""
        return text + (f", {q:.2f} of {name}" if q is not None and r["engine"] != to and colour(r["engine"]) != GO else "") + busy

    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    size = (4.6 * columns, 2.5 * lines + 0.5)
    fig, axes = plt.subplots(lines, columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    for ax, name in zip(axes.flat, names):
        mine = [r for r in data if r["workload"] == name]
        bars(ax, mine, label)
        ax.set_title(name, loc="left", fontweight="bold")
        ax.set_xlabel(mine[0]["unit"], fontsize=8)
    fig.supxlabel(f"median; white mark: minimum. Shorter is better\n{under(data)}", fontsize=7, color="#666666")
    save(fig, Path(path))


def main(argv: list[str]) -> int:
    kinds = {"handover": handover_chart, "bench": bench_chart}
    if len(argv) != 3 or argv[0] not in kinds:
        print("usage: chart.py handover|bench IN.json OUT.svg", file=sys.stderr)
        return 2
    try:
        kinds[argv[0]](json.loads(Path(argv[1]).read_text()), argv[2])
    except (OSError, ValueError, KeyError) as e:
        print(f"chart.py: {argv[1]}: {e!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
