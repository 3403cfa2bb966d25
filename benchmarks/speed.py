"""How fast is a whole reading, and how much memory does it take, against two floors.

Run: ``python benchmarks/speed.py [SLICES]`` (default 400). On an uncompressed 512 x 512 CT it reports each
stage's wall time and peak memory as ratios to (a) decoding the same series with pydicom and nothing else
and (b) one pass over its voxels, all measured in the same run, each thing in a fresh process. The files lie
in the page cache. Of several rounds, floor and reading in turn, the fastest of
each counts; memory is the most that any took.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent

ROUNDS = 4
"""Rounds of floor and reading in turn, so that both meet the same load of a shared machine."""

LEAST_S = 5e-4
"""Stages shorter than this are left out of the table."""

GOAL_TIME, GOAL_MEMORY = 3.0, 3.0
"""Goals of the whole reading with the liver given: times the decoding floor, times the int16 volume."""


@dataclass(frozen=True)
class Row:
    """The cost of one stage."""

    name: str
    seconds: float
    cpu: float
    mb: float


def measure(what: str, folder: Path) -> list[Row]:
    """Run one thing in a fresh process; return its stages."""
    command = [sys.executable, str(HERE / "stages.py"), what, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        raise SystemExit(f"measuring {what} failed: {done.stderr.strip().splitlines()[-1]}")
    rows = json.loads(done.stdout.splitlines()[-1])
    return [Row(r["stage"], r["seconds"], r["cpu"], r["mb"]) for r in rows]


def best(runs: list[list[Row]]) -> list[Row]:
    """Return the stages of the fastest run, each with the most memory that any run took for it."""
    fastest = min(runs, key=lambda rows: sum(r.seconds for r in rows))
    most: dict[str, float] = {}
    for row in (r for rows in runs for r in rows):
        most[row.name] = max(row.mb, most.get(row.name, 0.0))
    return [replace(r, mb=most[r.name]) for r in fastest]


def line(row: Row, decode_s: float, pass_s: float, volume_mb: float) -> str:
    """Return one row of the table."""
    return (
        f"| {row.name} | {row.seconds:.2f} | {row.cpu:.2f} "
        f"| {row.seconds / decode_s:.2f} | {row.seconds / pass_s:.0f} "
        f"| {row.mb:.0f} | {row.mb / volume_mb:.2f} |"
    )


def table(slices: int) -> str:
    """Return the report as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = [sys.executable, str(HERE / "series.py"), name, str(slices)]
        subprocess.run(make, check=True)  # noqa: S603 - our own script
        volume_mb = 512 * 512 * slices * 2 / 1e6
        rounds = [(measure("floor", folder), measure("read", folder)) for _ in range(ROUNDS)]
        (found,), (imports,) = measure("find", folder), measure("import", folder)
        load = os.getloadavg()[0]
    decode_floor, pass_floor = best([floor for floor, _ in rounds])
    stages = [r for r in best([reading for _, reading in rounds]) if r.seconds >= LEAST_S]
    whole = Row(
        "**whole reading, liver given**",
        sum(r.seconds for r in stages), sum(r.cpu for r in stages), max(r.mb for r in stages),
    )  # fmt: skip
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
            f"interpreter ({imports.mb:.0f} MB; importing takes {imports.seconds:.2f} s, not counted). "
            f"Load of the machine at the end: {load:.1f} (the benchmark itself keeps about 1 busy).\n",
            "| stage | s | CPU s | × decode | × pass | peak MB | × volume |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *body,
            "",
            *verdict,
        ]
    )


if __name__ == "__main__":
    print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
