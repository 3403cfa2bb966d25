"""How fast is a FHIR bundle written, read and checked, and how large is it: beside fhir.resources.

Run: ``python benchmarks/fhir_bundle.py [FOLDER ...]``. Without a reading folder, the phantom of
``hepalith demo`` is read first. Time is the processor's; of several rounds, all in turn, the fastest counts.
fhir.resources parses our bundle into its classes and writes it out again: the least that a program must do
that builds bundles with that library.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.R4B.bundle import Bundle as BundleR4

from hepalith.reading import load_reading
from hepalith.report.fhir.bundle import FILE, make_bundle, write_fhir
from hepalith.report.fhir.check import check_bundle
from hepalith.report.fhir.read import read_fhir
from hepalith.settings import Formats

ROUNDS = 7
"""Rounds of all things in turn, so that they meet the same load of a shared machine."""


def fastest(things: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the milliseconds of the processor that each thing took in its fastest round."""
    best = dict.fromkeys(things, float("inf"))
    for _ in range(ROUNDS):
        for name, thing in things.items():
            began = time.process_time()
            thing()
            best[name] = min(best[name], 1000 * (time.process_time() - began))
    return best


def measure(folder: Path, version: str, out: Path) -> str:
    """Return the row of one reading and version."""
    reading = load_reading(folder)
    formats = Formats(fhir_version=version)
    write_fhir(reading, out, formats)
    text = (out / FILE).read_text(encoding="utf-8")
    bundle = json.loads(text)
    faults = check_bundle(bundle, version)
    assert not faults, faults[0]
    assert make_bundle(reading, "R5" if version == "R5" else "R4") == bundle, "what is read back differs"
    library = BundleR5 if version == "R5" else BundleR4
    took = fastest(
        {
            "write": lambda: write_fhir(reading, out, formats),
            "read": lambda: read_fhir(out / FILE),
            "check": lambda: check_bundle(bundle, version),
            "library": lambda: library.model_validate_json(text).model_dump_json(),
        }
    )
    size = f"{len(text.encode()) / 1000:.0f} | {len(bundle['entry'])}"
    return f"| {folder.name} | {version} | {size} | " + " | ".join(f"{ms:.1f}" for ms in took.values()) + " |"


def main() -> None:
    """Measure and print the tables."""
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        folders = [Path(name) for name in sys.argv[1:]]
        if not folders:
            folders = [scratch / "demo"]
            command = [sys.executable, "-m", "hepalith", "demo", "--out", str(folders[0])]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
            folders = [path.parent for path in folders[0].rglob("reading.json")]
        print(
            "| reading | FHIR | kB | resources | written, ms | read, ms | checked, ms | fhir.resources, ms |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for folder in folders:
            for version in ("R4", "R5"):
                print(measure(folder, version, scratch))


if __name__ == "__main__":
    main()
