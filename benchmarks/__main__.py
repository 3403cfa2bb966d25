"""Run the benchmarks and write their tables to ``benchmarks/RESULTS.md``.

Run: ``python benchmarks [NAME ...]`` (speed, implants, liver, …; default: all that are there).
Sections of benchmarks that were not run stay as they were. The file is written by this script alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"

QUESTIONS = {
    "speed": "How fast is a whole reading, and how much memory does it take?",
    "implants": "What is found of foci put into real scans, and how well is it measured?",
    "positive_controls": "Is real calcium of known place or mass found and measured?",
    "liver": "How well and how fast is the liver found?",
    "detection": "Is the stated smallest focus true, and how near is the search to an ideal observer?",
    "intervals": "How right are excess, volume and diameter, and do their 95 % intervals hold the truth?",
    "phases": "How well is one contrast phase laid over another, and how fast?",
    "projection": "How true is the phantom's scanner to a projection and reconstruction?",
    "speckle": "How true are the sonogram phantom's speckle and point spread to single scatterers?",
    "inference": "How fast and how right is the inference, beside two Bayesian-network libraries?",
    "text": "How well and how fast are reports in free text read, beside a parser from PyPI?",
    "evaluation": "How good is it on phantoms of the test split, beside scripts and the physical limit?",
    "company": "Is each mimic told from calcium, and what is said of hosts and ducts, kind by kind?",
    "ultrasound": "What is found and told apart on ultrasound, in made and real pictures, and how fast?",
    "overlap": "How far apart does the knowledge hold the diagnoses that are easily confused?",
    "next_test": "How fast is every next test judged, and do the tests put first settle patients sooner?",
    "dicom_objects": "How fast are a reading's DICOM objects written and read, and how large are they?",
    "dicom_reports": "What does a measurement report take to write and read, beside peers?",
    "fhir_bundle": "How fast is a FHIR bundle written, read and checked?",
    "dicomweb": "How fast do studies come and go over DICOMweb, beside another client?",
    "transfer": "How fast do studies come and go over DICOM, beside dcmtk and pynetdicom?",
    "loop": "How many studies an hour does the whole loop take, and what bounds it?",
    "nothing_lost": "Is any study lost or doubled when everything is killed at random?",
    "cases": "How often is the proven diagnosis of a published case named, and what is missed?",
}
"""The benchmarks in the order of the file, each with the question it answers."""

HEAD = """# Results

Written by `python benchmarks`; never typed. Each section names the command that made it.
"""


def run(name: str) -> str:
    """Run one benchmark, and return its section."""
    began = time.perf_counter()
    command = [sys.executable, str(HERE / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        raise SystemExit(f"benchmarks/{name}.py failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    seconds = time.perf_counter() - began
    told = done.stdout.strip()
    if "| --- |" not in told:
        told = f"```text\n{told}\n```"
    return f"## {QUESTIONS[name]}\n\n`python benchmarks/{name}.py` ({seconds:.0f} s)\n\n{told}\n"


def kept() -> dict[str, str]:
    """Return the sections that the file holds already, by benchmark."""
    if not RESULTS.exists():
        return {}
    sections = re.split(r"(?m)^(?=## )", RESULTS.read_text(encoding="utf-8"))[1:]
    named = {re.search(r"benchmarks/(\w+)\.py", s): s for s in sections}
    return {match.group(1): section.strip() + "\n" for match, section in named.items() if match}


def main() -> None:
    """Run what was asked for and rewrite the file."""
    there = [n for n in QUESTIONS if (HERE / f"{n}.py").exists()]
    wanted = sys.argv[1:] or there
    unknown = [n for n in wanted if n not in there]
    if unknown:
        raise SystemExit(f"no benchmark named {unknown[0]}: there are {', '.join(there)}")
    sections = kept()
    for name in wanted:
        sections[name] = run(name)
        print(sections[name], flush=True)
        ordered = [sections[n] for n in QUESTIONS if n in sections]
        RESULTS.write_text("\n".join([HEAD, *ordered]), encoding="utf-8")


if __name__ == "__main__":
    main()
