"""How fast do studies move over DICOMweb, and in how much memory: hepalith beside dicomweb-client.

Run: ``python benchmarks/dicomweb.py [SLICES]`` (default 300). A 512 x 512 CT goes into an Orthanc on loopback
(STOW) and comes back to disk (WADO), by hepalith and by dicomweb-client as its guide uses it: read with
pydicom, stored; retrieved, saved with pydicom. Each thing runs in a process of its own; processor's time and
memory are that client's alone. Of several rounds, all in turn, the fastest counts. Every file that hepalith
brings back is compared with the one that was sent.
"""

from __future__ import annotations

import filecmp
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import pydicom  # noqa: E402
from dicomweb_client.api import DICOMwebClient  # noqa: E402
from tests.server.orthanc import Orthanc  # noqa: E402

from hepalith.server.dicomweb.node import DicomwebRemote  # noqa: E402
from hepalith.server.remote import Query, parse_address  # noqa: E402

ROUNDS = 3
"""Rounds of all things in turn, so that they meet the same load of a shared machine."""


@dataclass(frozen=True)
class Cost:
    """What moving a study took of the client."""

    seconds: float
    cpu: float
    mb: float


def ours_in(url: str, files: list[Path], _: Path) -> None:
    """Send files as `hepalith send` does."""
    answers = DicomwebRemote(parse_address(url)).store(files)
    assert all(answer.accepted for answer in answers), "not everything was taken"


def ours_out(url: str, files: list[Path], into: Path) -> None:
    """Fetch the study as `hepalith pull` does."""
    remote = DicomwebRemote(parse_address(url))
    (study,) = remote.find(Query())
    assert len(remote.fetch(study.uid, into).files) == len(files), "not everything came"


def theirs_in(url: str, files: list[Path], _: Path) -> None:
    """Send files with dicomweb-client."""
    DICOMwebClient(url).store_instances([pydicom.dcmread(file) for file in files])


def theirs_out(url: str, files: list[Path], into: Path) -> None:
    """Fetch the study with dicomweb-client."""
    client = DICOMwebClient(url)
    (study,) = client.search_for_studies()
    came = client.retrieve_study(study["0020000D"]["Value"][0])
    for dataset in came:
        dataset.save_as(into / f"{dataset.SOPInstanceUID}.dcm", enforce_file_format=True)
    assert len(came) == len(files), "not everything came"


THINGS: dict[str, Callable[[str, list[Path], Path], None]] = {
    "in: hepalith": ours_in,
    "in: dicomweb-client": theirs_in,
    "out: hepalith": ours_out,
    "out: dicomweb-client": theirs_out,
}


def one(name: str, url: str, folder: Path, into: Path) -> None:
    """Do one thing in this process, and print what it took."""
    files = sorted(folder.iterdir())
    DICOMwebClient(url).search_for_studies(limit=1)
    began, cpu = time.perf_counter(), time.process_time()
    THINGS[name](url, files, into)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, cpu, most]))


def measure(name: str, orthanc: Orthanc, folder: Path) -> Cost:
    """Do one thing in a fresh process; what comes back is compared and removed."""
    if name.startswith("in:"):
        orthanc.empty()
    with tempfile.TemporaryDirectory(dir=folder.parent) as into:
        command = [sys.executable, __file__, "--one", name, orthanc.web, str(folder), into]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            raise SystemExit(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
        if name == "out: hepalith":
            compare(folder, Path(into))
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def compare(folder: Path, into: Path) -> None:
    """Make sure that what came back is what was sent, byte by byte."""
    for file in folder.iterdir():
        uid = pydicom.dcmread(file, specific_tags=["SOPInstanceUID"]).SOPInstanceUID
        assert filecmp.cmp(file, into / f"{uid}.dcm", shallow=False), f"{file.name} came back changed"


def table(slices: int) -> str:
    """Return the report as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        made = [sys.executable, str(HERE / "series.py"), name, str(slices)]
        subprocess.run(made, check=True, capture_output=True)  # noqa: S603 - our own script
        folder = Path(name) / "dicom"
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        orthanc = Orthanc(Path(name) / "orthanc").start()
        try:
            rounds = [{thing: measure(thing, orthanc, folder) for thing in THINGS} for _ in range(ROUNDS)]
        finally:
            orthanc.stop()
    lines = [
        f"{slices} slices of 512 x 512, {size:.0f} MB, Orthanc on loopback; {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; the fastest of {ROUNDS} rounds. What hepalith brought back is "
        "what was sent, byte by byte.",
        "",
        "| what | seconds | MB/s | client's processor, s | client's memory at most, MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for thing in THINGS:
        best = min((r[thing] for r in rounds), key=lambda cost: cost.seconds)
        lines.append(
            f"| {thing} | {best.seconds:.2f} | {size / best.seconds:.0f} | {best.cpu:.2f} | {best.mb:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3], *map(Path, sys.argv[4:6]))
    elif shutil.which("Orthanc") is None:
        raise SystemExit("no Orthanc here: apt-get install orthanc orthanc-dicomweb")
    else:
        print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
