"""How many studies an hour go through the whole loop, and what share of the work is moving them.

Run: ``python benchmarks/loop.py [STUDIES]`` (default 4). Phantom CTs are sent by dcmtk's storescu to
`hepalith listen`, which reads each, writes SEG, SR and PDF, and stores them in an Orthanc on loopback. All
are sent at once, in associations side by side; the clock runs from the first byte until Orthanc holds the
last result. The listener's processor time is its own process's: receiving, waiting, recording and sending;
the readings are processes that it starts, counted apart.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pydicom import dcmread  # noqa: E402
from tests.server.orthanc import Orthanc, free_ports  # noqa: E402

from hepalith.phantom import make_demo_study  # noqa: E402

QUIET_S = 5.0
"""Seconds of quiet after which a study is complete."""

GOAL = 0.05
"""Most of the readings' processor time that the listener may take."""

LIMIT_S = 1800.0


@dataclass(frozen=True)
class Cost:
    """Processor's seconds of a process, and of the processes it started that have ended."""

    own: float
    started: float


def cost_of(pid: int) -> Cost:
    """Return what a process and what it started took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]
    return Cost(ticks[0] + ticks[1], ticks[2] + ticks[3])


def rows(data: Path, statement: str) -> list[tuple[float, ...]]:
    """Return what the store says."""
    place = f"file:{data / 'jobs.sqlite'}?mode=ro"
    with contextlib.closing(sqlite3.connect(place, uri=True)) as store:
        return store.execute(statement).fetchall()


def wait_for(count: int, data: Path) -> None:
    """Wait until so many jobs are done; say so where one failed."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        with contextlib.suppress(sqlite3.Error):
            if failed := rows(data, "SELECT reason FROM job WHERE state = 'failed'"):
                raise SystemExit(f"a study failed: {failed[0][0]}")
            if len(rows(data, "SELECT id FROM job WHERE state = 'done'")) >= count:
                return
        time.sleep(0.2)
    raise SystemExit(f"not done after {LIMIT_S:g} s")


def start_listener(folder: Path, port: int, address: str) -> subprocess.Popen[bytes]:
    """Start `hepalith listen`, and wait until it listens."""
    said = folder / "said.txt"
    command = [
        sys.executable, "-m", "hepalith", "listen", "--data", str(folder / "data"), "--port", str(port),
        "--quiet", str(QUIET_S), "--send", address,
    ]  # fmt: skip
    with said.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told)  # noqa: S603 - our own
    until = time.monotonic() + 60
    while "listening as" not in said.read_text() and time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(said.read_text())
        time.sleep(0.05)
    return process


def run_loop(folder: Path, studies: list[list[Path]]) -> str:
    """Send everything, wait for the results, and return the table."""
    orthanc = Orthanc(folder / "orthanc").start()
    (port,) = free_ports(1)
    listener = start_listener(folder, port, orthanc.dimse)
    try:
        before, began = cost_of(listener.pid), time.monotonic()
        senders = [
            subprocess.Popen(  # noqa: S603 - dcmtk
                ["storescu", "-aec", "HEPALITH", "127.0.0.1", str(port), *map(str, files)]  # noqa: S607
            )
            for files in studies
        ]
        statuses = [sender.wait() for sender in senders]
        if any(statuses):
            raise SystemExit("storescu failed")
        received_s = time.monotonic() - began
        wait_for(len(studies), folder / "data")
        took, after = time.monotonic() - began, cost_of(listener.pid)
        held = len(orthanc.instances())
        listener.send_signal(signal.SIGTERM)
        listener.wait(60)
    finally:
        listener.kill()
        listener.wait()
        orthanc.stop()
    own, readings = after.own - before.own, after.started - before.started
    data, size = folder / "data", sum(file.stat().st_size for files in studies for file in files) / 1e6
    spent = {
        step: rows(
            data,
            "SELECT sum(b.at - a.at) FROM step a JOIN step b ON a.job = b.job "  # noqa: S608 - our own words
            f"AND a.after = '{first}' AND b.after = '{last}'",
        )[0][0]
        for step, first, last in (("reading", "reading", "read"), ("sending", "sending", "done"))
    }
    if held != 3 * len(studies):
        raise SystemExit(f"Orthanc holds {held} results of {len(studies)} studies, not three of each")
    verdict = "met" if own <= GOAL * readings else "not met"
    return "\n".join(
        [
            f"{len(studies)} phantom CTs of {len(studies[0])} slices, {size:.0f} MB together, "
            f"{os.cpu_count()} cores, load at the end {os.getloadavg()[0]:.1f} "
            "(the loop itself keeps 1 to 2 busy). "
            f"{QUIET_S:g} s of quiet make a study complete.\n",
            "| | |",
            "| --- | --- |",
            f"| studies an hour | {3600 * len(studies) / took:.0f} |",
            f"| all together | {took:.1f} s |",
            f"| until all were received (and storescu had ended) | {received_s:.1f} s |",
            f"| reading, one after the other | {spent['reading']:.1f} s, {spent['reading'] / took:.0%} |",
            f"| sending to Orthanc, beside the readings | {spent['sending']:.1f} s |",
            f"| processor: readings | {readings:.1f} s |",
            f"| processor: listener (receives, records, sends) | {own:.2f} s |",
            f"| listener's share of the readings' | {own / readings:.1%} |",
            "",
            f"Goal of at most {GOAL:.0%} of the readings' processor time: {verdict}.",
        ]
    )


def main() -> None:
    """Make the studies and run the loop."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    missing = [name for name in ("storescu", "Orthanc") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"no {missing[0]} here: apt-get install dcmtk orthanc orthanc-dicomweb")
    with tempfile.TemporaryDirectory() as name:
        studies = []
        for seed in range(1, count + 1):
            make_demo_study(Path(name) / f"study{seed}", seed)
            studies.append(sorted((Path(name) / f"study{seed}" / "dicom").rglob("*.dcm")))
        uids = {str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID) for files in studies}
        if len(uids) != count:
            raise SystemExit("two phantoms have one study UID")
        print(run_loop(Path(name), studies))


if __name__ == "__main__":
    main()
