"""Is every study read once and sent once where everything is killed at random moments.

Run: ``python benchmarks/nothing_lost.py [KILLS [SEED]]`` (default 100, 7). dcmtk's storescu sends small
studies one after the other and sends again what was not taken; meanwhile receiver, reader and sender are
ended with ``kill -9`` in turn, each at a random moment of its work, and the listener is started again. The
reader is a stand-in that makes files without looking at the images; the rest is `hepalith listen`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

HERE = Path(__file__).resolve().parent
PLANTED = "Plantedname^Secret"
"""Name of every patient here: it must stand in no log and no database."""
ROOT = "1.2.826.0.1.3680043.9.7.77"
RESULTS = 3
"""Objects that the stand-in makes of a study."""
READ_S, SEND_S, QUIET_S = 1.5, 0.3, 1.0
"""Seconds that reading and sending take, and of quiet after which a study is complete. Reading takes longer
than a listener needs to start, so that readers outlive the listener that started them."""

AHEAD = 4
"""Studies that are sent ahead of the kills, so that there is something to kill until the last."""


def make_study(folder: Path, number: int, slices: int = 5, side: int = 64) -> list[Path]:
    """Write a small CT study; return its files."""
    rng = np.random.default_rng(number)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for n in range(slices):
        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = CTImageStorage
        uid = f"{ROOT}.{number}.1.{n + 1}"
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uid
        made.StudyInstanceUID, made.SeriesInstanceUID = f"{ROOT}.{number}", f"{ROOT}.{number}.1"
        made.PatientName, made.PatientID, made.Modality = PLANTED, f"PID{number}", "CT"
        made.StudyDate, made.InstanceNumber, made.SeriesNumber = "20240131", n + 1, 1
        made.ImagePositionPatient = [0, 0, 2 * n]
        made.ImageOrientationPatient, made.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
        made.Rows = made.Columns = side
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
        made.PixelData = rng.integers(-1000, 1000, (side, side), dtype=np.int16).tobytes()
        files.append(folder / f"{n:03d}.dcm")
        dcmwrite(files[-1], made, enforce_file_format=True)
    return files


def free_port() -> int:
    """Return a port on loopback that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass
class Hospital:
    """A listener in a process of its own, an archive that counts, and who sends to it. A context manager."""

    folder: Path
    read_s: float = READ_S
    send_s: float = SEND_S
    quiet_s: float = QUIET_S
    reader: tuple[str, ...] = ()
    persistence: dict[str, float] = field(
        default_factory=lambda: {"attempts": 100, "interruptions": 100, "first_s": 0.02, "longest_s": 0.1}
    )
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    studies: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Folder of the listener."""
        return self.folder / "data"

    @property
    def archive(self) -> Path:
        """Folder of the archive."""
        return self.folder / "archive"

    @property
    def ledger(self) -> Path:
        """Where readers note what they finished."""
        return self.folder / "ledger.txt"

    def __enter__(self) -> Self:
        self.archive.mkdir(parents=True, exist_ok=True)
        script = str(HERE / "nothing_lost_reader.py")
        stand_in = (sys.executable, "-S", script, "{input}", "{out}", str(self.ledger), str(self.read_s))
        said = {
            "log": str(self.folder / "listener.log"),
            "data": str(self.data),
            "archive": str(self.archive),
            "reader": list(self.reader or stand_in),
            "limit_s": 60.0,
            "quiet_s": self.quiet_s,
            "store_s": self.send_s / RESULTS,
            "persistence": self.persistence,
            "port": self.port,
        }
        (self.folder / "plan.json").write_text(json.dumps(said))
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for pid in self.readers():
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def start(self) -> None:
        """Start the listener, and wait until it answers."""
        script = str(HERE / "nothing_lost_listener.py")
        with (self.folder / "stderr.txt").open("ab") as said:
            self.process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, script, str(self.folder / "plan.json")], stdout=said, stderr=said
            )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"the listener did not start: {(self.folder / 'stderr.txt').read_text()[-1500:]}")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the listener."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def make_studies(self, count: int, slices: int = 5) -> None:
        """Have studies to send."""
        for number in range(1, count + 1):
            files = make_study(self.folder / "sent" / str(number), number, slices)
            self.studies[f"{ROOT}.{number}"] = files

    def send(self, files: Sequence[Path], *, until_taken: bool = True) -> bool:
        """Send files with storescu, again and again until all are taken."""
        command = ["storescu", "-aec", "HEPALITH", "127.0.0.1", str(self.port), *map(str, files)]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - dcmtk
            if done.returncode == 0:
                return True
            if not until_taken:
                return False
            time.sleep(0.05)
        return False

    def readers(self) -> list[int]:
        """Return the readers that are alive."""
        alive = []
        for lock in (self.data / "jobs").glob("*/reader.lock"):
            with contextlib.suppress(OSError, IndexError, ValueError):
                pid = int(lock.read_text().split()[0])
                if "nothing_lost_reader" in Path(f"/proc/{pid}/cmdline").read_text():
                    alive.append(pid)
        return alive

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Return what the store says."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.data / 'jobs.sqlite'}?mode=ro", uri=True)
        ) as store:
            return store.execute(statement).fetchall()

    def states(self) -> Counter[str]:
        """Return how many jobs are in each state."""
        return Counter(str(state) for (state,) in self.ask("SELECT state FROM job"))

    def wait_until_done(self, jobs: int, limit_s: float = 60.0) -> None:
        """Wait until so many jobs are done or failed."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            with contextlib.suppress(sqlite3.Error):
                states = self.states()
                if states["done"] + states["failed"] == states.total() >= jobs:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"not done after {limit_s:g} s: {dict(self.states())}")

    def faults(self) -> list[str]:
        """Return everything that is wrong: what was lost, done twice, or changed."""
        found = []
        jobs = self.ask("SELECT id, study_uid, generation, state, instances, reason FROM job")
        told = Counter(line.split()[1] for line in self.book("finished"))
        found += [f"two readers at once: {line}" for line in self.book("two-at-once")]
        by_study = Counter(str(job[1]) for job in jobs)
        for study_uid, files in self.studies.items():
            if by_study[study_uid] != 1:
                found.append(f"{study_uid}: {by_study[study_uid]} jobs")
            if told[study_uid] > 1:
                found.append(f"{study_uid}: read {told[study_uid]} times")
            for number, uid, *_ in jobs:
                if uid == study_uid:
                    found += self.changed(Path(f"{number:06d}"), files)
        for number, uid, _, state, _, reason in jobs:
            if state != "done":
                found.append(f"{uid}: {state} {reason}")
            reads = self.ask(f"SELECT count(*) FROM step WHERE job = {number} AND after = 'read'")[0][0]  # noqa: S608
            if reads != 1:
                found.append(f"{uid}: {reads} times recorded as read")
            found += self.sent_wrongly(Path(f"{number:06d}"))
        if PLANTED.split("^", maxsplit=1)[0].encode() in self.logs():
            found.append("the patient's name stands in a log or the store")
        return found

    def book(self, kind: str) -> list[str]:
        """Return the lines of the readers' ledger of one kind."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [line for line in lines if line.startswith(kind)]

    def changed(self, job: Path, files: Sequence[Path]) -> list[str]:
        """Return which images of a job are missing or are not what was sent."""
        folder = self.data / "jobs" / job / "input"
        sealed = {file.name: file for file in folder.iterdir()}
        wrong = []
        for file in files:
            sent = dcmread(file)
            got = sealed.pop(f"{sent.SOPInstanceUID}.dcm", None)
            if got is None or dcmread(got) != sent:
                wrong.append(f"job {job}: {sent.SOPInstanceUID} is {'missing' if got is None else 'changed'}")
        return [*wrong, *(f"job {job}: {name} was never sent" for name in sealed)]

    def sent_wrongly(self, job: Path) -> list[str]:
        """Return which results of a job are not in the archive exactly once, byte for byte."""
        wrong = []
        for file in (self.data / "jobs" / job / "reading").glob("*.dcm"):
            uid = str(dcmread(file).SOPInstanceUID)
            copies = list(self.archive.glob(f"{uid}#*"))
            if len(copies) != 1:
                wrong.append(f"job {job}: {file.name} was sent {len(copies)} times")
            if any(copy.read_bytes() != file.read_bytes() for copy in copies):
                wrong.append(f"job {job}: {file.name} was changed on its way")
        return wrong

    def logs(self) -> bytes:
        """Return every log and the store, as bytes."""
        files = [*self.folder.glob("*.log"), *self.folder.glob("*.txt"), *self.data.glob("jobs.sqlite*")]
        return b"".join(file.read_bytes() for file in [*files, *self.data.glob("jobs/*/*.txt")])


def rampage(hospital: Hospital, kills: int, rng: random.Random, done: Counter[str]) -> None:
    """Kill receiver, reader and sender in turn, at random moments of their work; count each in `done`."""
    limit = time.monotonic() + 30 + 6 * kills
    while done.total() < kills and time.monotonic() < limit:
        kind = ("receiver", "reader", "sender")[done.total() % 3]
        if not wait_for_work(hospital, kind):
            kind = "listener"  # nothing of the kind goes on: any moment is one too
        time.sleep(rng.uniform(0, hospital.read_s if kind == "reader" else hospital.send_s))
        if kind == "reader" and (pids := hospital.readers()):
            with contextlib.suppress(OSError):
                os.killpg(rng.choice(pids), signal.SIGKILL)
            done[kind] += 1
            continue
        hospital.kill()
        done["listener" if kind == "reader" else kind] += 1
        if rng.random() < 0.3:
            time.sleep(rng.uniform(0, 2 * hospital.send_s))
        hospital.start()


def wait_for_work(hospital: Hospital, kind: str, limit_s: float = 3.0) -> bool:
    """Wait until receiver, reader or sender is at work; return whether it is."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if kind == "reader":
            busy = bool(hospital.readers())
        else:
            state = "receiving" if kind == "receiver" else "sending"
            with contextlib.suppress(sqlite3.Error):
                busy = hospital.states()[state] > 0
        if busy:
            return True
        time.sleep(0.005)
    return False


def endure(folder: Path, kills: int, seed: int, studies: int) -> tuple[Hospital, Counter[str]]:
    """Send studies while everything is killed; return when all are done."""
    with Hospital(folder) as hospital:
        hospital.make_studies(studies)
        over, killed = threading.Event(), Counter[str]()

        def send() -> None:
            for number, files in enumerate(hospital.studies.values()):
                while not over.is_set() and killed.total() * studies < (number - AHEAD) * kills:
                    time.sleep(0.05)
                hospital.send(files)

        sending = threading.Thread(target=send)
        sending.start()
        rampage(hospital, kills, random.Random(seed), killed)
        over.set()
        sending.join()
        hospital.wait_until_done(studies)
        hospital.kill(signal.SIGTERM)
        return hospital, killed


def main() -> None:
    """Run it and print what came of it."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    if shutil.which("storescu") is None:
        raise SystemExit("storescu is not here: install dcmtk")
    studies = max(6, kills * 2 // 3)
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        hospital, killed = endure(Path(name), kills, seed, studies)
        took = time.monotonic() - began
        faults = hospital.faults()
        steps = Counter(str(row[0]) for row in hospital.ask("SELECT before || ' to ' || after FROM step"))
        repeated = hospital.ask("SELECT count(*) FROM delivery WHERE begun > 1")[0][0]
        asked = hospital.ask("SELECT count(*) FROM delivery WHERE reason = 'it was there'")[0][0]
    print(
        f"{studies} studies of 5 images from storescu, {killed.total()} times `kill -9` "
        f"({', '.join(f'{what} {n}' for what, n in sorted(killed.items()))}), seed {seed}, {took:.0f} s.\n"
    )
    print("| | |\n| --- | --- |")
    print(f"| studies done | {steps['read to sending']} of {studies} |")
    print(f"| readings that were cut short and begun again | {steps['reading to complete']} |")
    print(f"| files that nobody knew whether they were sent, and were | {asked} |")
    print(f"| files whose sending was begun again | {repeated} |")
    print(f"| lost, doubled or changed | {len(faults)} |")
    for fault in faults:
        print(f"| fault | {fault} |")
    if faults:
        raise SystemExit("\n".join(["something was lost or doubled", *faults]))


if __name__ == "__main__":
    main()
