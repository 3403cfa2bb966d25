"""How fast is a whole reading, and how much memory does it take, against two floors.

Run: ``python benchmarks/speed.py [SLICES]`` (default 400). On an uncompressed 512 x 512 CT it reports each
stage's wall time and peak memory as ratios to (a) decoding the same series with pydicom and nothing else
and (b) one pass over its voxels, all measured in the same run, each thing in a fresh process. The files lie
in the page cache. Of several runs the fastest counts; memory is the most that any run took.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

RUNS = {"floor": 5, "read": 3, "find": 1, "import": 3}
"""How often each thing is measured."""

GOAL_TIME, GOAL_MEMORY = 3.0, 3.0
"""Goals of the whole reading with the liver given: times the decoding floor, times the int16 volume."""


@dataclass
class Row:
    """The cost of one stage."""

    name: str
    seconds: float
    mb: float


def measure(what: str, folder: Path, runs: int) -> list[Row]:
    """Run one thing `runs` times, each in a fresh process; return its stages."""
    rows: dict[str, Row] = {}
    total = float("inf")
    for _ in range(runs):
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, str(HERE / "stages.py"), what, str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"measuring {what} failed: {done.stderr.strip().splitlines()[-1]}")
        found = [Row(r["stage"], r["seconds"], r["mb"]) for r in json.loads(done.stdout.splitlines()[-1])]
        most = {r.name: max(r.mb, rows[r.name].mb if r.name in rows else 0.0) for r in found}
        if sum(r.seconds for r in found) < total:
            total = sum(r.seconds for r in found)
            rows = {r.name: r for r in found}
        for name, mb in most.items():
            rows[name].mb = mb
    return list(rows.values())


def line(row: Row, decode_s: float, pass_s: float, volume_mb: float) -> str:
    """Return one row of the table."""
    return (
        f"| {row.name} | {row.seconds:.2f} | {row.seconds / decode_s:.2f} | {row.seconds / pass_s:.0f} "
        f"| {row.mb:.0f} | {row.mb / volume_mb:.2f} |"
    )


def table(slices: int) -> str:
    """Return the report as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = [sys.executable, str(HERE / "series.py"), name, str(slices)]
        subprocess.run(make, check=True)  # noqa: S603 - our own script
        volume_mb = 512 * 512 * slices * 2 / 1e6
        decode_floor, pass_floor = measure("floor", folder, RUNS["floor"])
        stages = [r for r in measure("read", folder, RUNS["read"]) if r.seconds >= 5e-4]
        (found,) = measure("find", folder, RUNS["find"])
        (imports,) = measure("import", folder, RUNS["import"])
    whole = Row("**whole reading, liver given**", sum(r.seconds for r in stages), max(r.mb for r in stages))
    rows = [decode_floor, pass_floor, *stages, whole, found]
    body = [line(r, decode_floor.seconds, pass_floor.seconds, volume_mb) for r in rows]
    ratio, memory = whole.seconds / decode_floor.seconds, whole.mb / volume_mb
    verdict = [
        f"Goal of {goal:g} × {what}: {'met' if value <= goal else 'not met'} ({value:.2f})."
        for goal, what, value in ((GOAL_TIME, "decoding", ratio), (GOAL_MEMORY, "the int16 volume", memory))
    ]
    return "\n".join(
        [
            f"512 × 512 × {slices}, int16 {volume_mb:.0f} MB, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, {platform.machine()}. Memory is above the imported "
            f"interpreter ({imports.mb:.0f} MB; importing takes {imports.seconds:.2f} s, not counted).\n",
            "| stage | s | × decode | × pass | peak MB | × volume |",
            "| --- | --- | --- | --- | --- | --- |",
            *body,
            "",
            *verdict,
        ]
    )


if __name__ == "__main__":
    print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
