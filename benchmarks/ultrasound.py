"""Ultrasound: phantoms, foci put into real stills, the same stills untouched, loops, speed, files that open.

Run: ``python benchmarks/ultrasound.py [--split test] [--phantoms N] [--implants N] [--loops N] [--jobs N]
[--out DIR]``. Lines of results are kept in DIR (by default ``build/ultrasound``), so that a run that was
stopped goes on. Stills and DICOM files are read from the folder that HEPALITH_TEST_DATA names, by default
``../shared/data``; without it those parts are left out, and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hepalith.errors import UsageError
from hepalith.evaluation.proportion import wilson
from hepalith.evaluation.tables import share, table
from hepalith.evaluation.ultrasound.measure import cases_of, false_calls, found_share, stone_area
from hepalith.evaluation.ultrasound.pictures import shared_stills
from hepalith.evaluation.ultrasound.record import SonoRecord
from hepalith.evaluation.ultrasound.run import SonoOrder, run_sono_order
from hepalith.evaluation.ultrasound.summary import detection, false_tables, goals, naming, summarise_sonograms
from hepalith.phantom.ultrasound.dicom import SonoHeader, write_sono_dicom
from hepalith.phantom.ultrasound.make import make_sonogram

ROOT = Path(__file__).resolve().parents[1]

PHANTOMS, IMPLANTS, LOOPS = 100, 45, 6
"""Sonograms of a usual run: some ten minutes on two cores."""

BRIGHT_STILLS = ("benign/127", "benign/132")
"""Stills that hold bright foci without shadow: calls there may be right, and no stone may be called."""

FRAMES, GOAL_RATE = 100, 20.0
"""Frames of the loop that is timed, and the goal in frames a second."""

SHAPE = (600, 800)
"""Its rows and columns."""


def read_set(name: str, arguments: argparse.Namespace, count: int, first: int = 0) -> tuple[SonoRecord, ...]:
    """Return the records of a set."""
    order = SonoOrder(name, arguments.split, count, first, arguments.jobs)
    return run_sono_order(order, arguments.out / name)


def implants(arguments: argparse.Namespace) -> list[str]:
    """Return what is found of foci put into real stills, and what is called in the same stills untouched."""
    try:
        stills = shared_stills()
    except UsageError as error:
        return [f"Left out: {error}."]
    put = read_set("implants", arguments, arguments.implants)
    bare = read_set("stills", arguments, len(stills))
    plain = [r for r in bare if r.contents not in BRIGHT_STILLS]
    calls = {r.contents: [c for c in r.calls if c.counted] for r in bare}
    lines = [
        f"Foci with shadows of every grade, 2 to 12 mm on an assumed scale, were put along the beams into "
        f"{len(stills)} real stills (`implant_into_still`; {len(put)} implants). Its own structures are "
        "not in the truth: every call on them counts as false. No still has a scale, so none is measured.",
        "",
        *table(
            ["figure", "goal", "measured"],
            [
                [
                    "implanted foci found, of those that can be seen",
                    "≥ 90 %",
                    share(found_share(cases_of(put))),
                ],
                ["false calls a still with implants", "≤ 0.5", false_calls(put).told()],
                [
                    "calls a still untouched, without " + " and ".join(BRIGHT_STILLS),
                    "≤ 0.5",
                    false_calls(plain).told(),
                ],
            ],
        ),
        "",
        "By still, calls in the untouched picture: "
        + (", ".join(f"{name} {len(own)}" for name, own in sorted(calls.items()) if own) or "none")
        + ".",
        "",
        *bright_stills(bare),
        "",
        *goals(put),
        "",
        *detection(put),
        "",
        *false_tables(put),
        "",
        *naming(put),
    ]
    return [line.replace("### ", "#### ") for line in lines]


def bright_stills(bare: Sequence[SonoRecord]) -> list[str]:
    """Return what is made of the stills whose bright foci have no shadow."""
    rows = []
    for record in bare:
        if record.contents in BRIGHT_STILLS:
            told = "; ".join(f"{c.label}, shadow {c.shadow}" for c in record.calls if c.counted) or "nothing"
            stone = record.differential.get("hepatolithiasis", 0.0)
            first = max(record.differential, key=lambda d: record.differential[d], default="no differential")
            rows.append([record.contents, told, first, f"{stone:.2f}"])
    return table(["still", "called", "first in the differential", "probability of stones"], rows)


def loops(arguments: argparse.Namespace) -> list[str]:
    """Return what is found in loops, and whether what moves against the liver is told."""
    records = read_set("loops", arguments, arguments.loops)
    moving = read_set("moving", arguments, arguments.loops)
    pairs = [
        (bool(t.moves), c.moves)
        for r in (*records, *moving)
        for t in (*r.true, *r.mimics)
        for c in r.calls
        if c.moves is not None and c.truth == t.id and c.truly in {"focus", t.label}
    ]
    still = [p for moves, p in pairs if not moves]
    going = [p for moves, p in pairs if moves]
    area = stone_area(pairs)
    rows = [
        ["foci found, of those that can be seen", share(found_share(cases_of(records)))],
        ["false calls a loop", false_calls(records).told()],
        ["bodies that move, told so", str(wilson(sum(p >= 0.5 for p in going), len(going)))],
        ["bodies that do not, told so", str(wilson(sum(p < 0.5 for p in still), len(still)))],
        ["area under the curve of moving", area.told()],
    ]
    return [
        f"{len(records)} loops of 30 frames that breathe or sweep, and for what moves against the liver "
        f"{len(moving)} more with loose stones or gas (`case:loose`).",
        "",
        *table(["figure", "measured"], rows),
    ]


def speed(arguments: argparse.Namespace) -> list[str]:
    """Return the time of a whole reading of a loop on one core."""
    taskset = shutil.which("taskset")
    made = make_sonogram(arguments.speed_seed, frames=26)
    rows, columns = SHAPE
    grey = np.zeros((FRAMES, rows, columns), np.uint8)
    turn = [*range(26), *range(24, 0, -1)]
    random = np.random.default_rng(0)
    high, wide = min(rows, made.cine.shape_px[0]), min(columns, made.cine.shape_px[1])
    for n in range(FRAMES):
        frame = made.cine.grey[turn[n % len(turn)]][:high, :wide].astype(np.int16)
        noise = random.integers(-1, 2, frame.shape) * (frame > 8)
        grey[n, :high, :wide] = np.clip(frame + noise, 0, 255)
    cine = replace(made.cine, grey=grey, regions=())
    told = []
    with tempfile.TemporaryDirectory() as name:
        for encoding in ("grey", "jpeg"):
            path = Path(name) / encoding / "loop.dcm"
            write_sono_dicom(cine, path, SonoHeader("speed", encoding))
            command = [sys.executable, "-c", TIMED, str(path), str(Path(name) / f"out-{encoding}")]
            command = [taskset, "-c", "0", *command] if taskset else command
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            told.append((encoding, json.loads(done.stdout.splitlines()[-1])))
    stages = [s for s in told[0][1] if s not in {"import", "whole"}]
    body = [[s, *(f"{1000 * t[s] / FRAMES:.1f}" for _, t in told)] for s in stages]
    total = {encoding: sum(t[s] for s in stages) for encoding, t in told}
    body.append(["**whole reading**", *(f"**{1000 * t / FRAMES:.1f}**" for t in total.values())])
    slowest = min(FRAMES / t for t in total.values())
    starts = max(t["import"] for _, t in told)
    whole = min(FRAMES / (total[e] + t["import"]) for e, t in told)
    verdict = "met" if slowest >= GOAL_RATE else "not met"
    return [
        f"A made loop of {FRAMES} frames of {columns} × {rows}, uncompressed and as baseline JPEG; time of a "
        f"core (`taskset -c 0`), load of the machine {os.getloadavg()[0]:.1f}.",
        "",
        *table(["stage", "uncompressed, ms a frame", "JPEG, ms a frame"], body),
        "",
        f"Goal of {GOAL_RATE:g} frames a second: {verdict} ({slowest:.0f}; with the interpreter's start, "
        f"{starts:.1f} s once a command, {whole:.0f}).",
    ]


TIMED = """
import time, sys, json, contextlib
began = time.process_time()
from hepalith import pipeline
told = {"import": time.process_time() - began}
class Watch(pipeline.Stopwatch):
    @contextlib.contextmanager
    def stage(self, name):
        at = time.process_time()
        with super().stage(name):
            yield
        told[name] = told.get(name, 0.0) + time.process_time() - at
pipeline.Stopwatch = Watch
pipeline.read(sys.argv[1], out=sys.argv[2])
print(json.dumps(told))
"""
"""Reads one file in a process of its own, and prints the processor's seconds of each stage."""


def files() -> list[str]:
    """Return what becomes of every shared DICOM file of ultrasound."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("HEPALITH_TEST_DATA", default)) / "dicom_us"
    paths = sorted(p for p in folder.glob("*") if p.is_file())
    if not paths:
        return ["Left out: no shared DICOM files of ultrasound here."]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for number, path in enumerate(paths):
            out = Path(name) / str(number)
            command = [sys.executable, "-m", "hepalith", "read", str(path), "--out", str(out)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            said = done.stderr.strip().splitlines()
            told = said[-1] if done.returncode and said else opened(out)
            rows.append(
                [
                    path.name,
                    str(done.returncode),
                    told.replace(str(path), path.name).split("; the reading is in")[0],
                ]
            )
    return table(["file", "exit status", "what came of it"], rows)


def opened(out: Path) -> str:
    """Return what a reading says in a few words."""
    reading = json.loads((out / "reading.json").read_text(encoding="utf-8"))
    counted = sum(f["label"] in {"calcification", "echogenic_focus"} for f in reading["foci"])
    return f"{len(reading['images'])} image(s), {counted} bright foci called"


def main() -> None:
    """Read what is not read yet, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("development", "test"), default="test")
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    parser.add_argument("--implants", type=int, default=IMPLANTS)
    parser.add_argument("--loops", type=int, default=LOOPS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--speed-seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "ultrasound")
    arguments = parser.parse_args()
    parts = [
        (
            "Phantoms",
            lambda: summarise_sonograms(read_set("phantoms", arguments, arguments.phantoms)).split("\n"),
        ),
        ("Foci put into real stills, and the stills untouched", lambda: implants(arguments)),
        ("Loops", lambda: loops(arguments)),
        ("Speed", lambda: speed(arguments)),
        ("Shared DICOM files", files),
    ]
    for title, make in parts:
        body = "\n".join(line.replace("### ", "#### ") if title == "Phantoms" else line for line in make())
        print(f"### {title}\n\n{body.strip()}\n", flush=True)


if __name__ == "__main__":
    main()
