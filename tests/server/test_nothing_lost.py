"""Nothing is lost, nothing is doubled: a listener in a process of its own, dcmtk sending, everything killed.

The hundred kills are in ``benchmarks/nothing_lost.py``; here are a few, and everything else that happens.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.nothing_lost import PLANTED, RESULTS, ROOT, Hospital, endure, rampage

pytestmark = pytest.mark.skipif(shutil.which("storescu") is None, reason="storescu (dcmtk) is not here")


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with Hospital(tmp_path, read_s=0.05, send_s=0.05, quiet_s=0.5) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_every_study_is_read_once_and_sent_once(tmp_path: Path, seed: int) -> None:
    hospital, killed = endure(tmp_path, kills=9, seed=seed, studies=6)
    assert killed.total() == 9
    assert hospital.faults() == []


@pytest.mark.slow
def test_killed_with_each_of_its_parts_at_work_a_study_is_read_once_and_sent_once(tmp_path: Path) -> None:
    with Hospital(tmp_path, quiet_s=0.5) as hospital:
        hospital.make_studies(1)
        (files,) = hospital.studies.values()
        sending = threading.Thread(target=hospital.send, args=(files,))
        sending.start()
        killed: Counter[str] = Counter()
        rampage(hospital, 3, random.Random(5), killed)
        sending.join()
        hospital.wait_until_done(1)
        assert set(killed) == {"receiver", "reader", "sender"}
        assert hospital.faults() == []


@pytest.mark.slow
def test_forty_studies_at_once_are_forty_readings(hospital: Hospital) -> None:
    hospital.make_studies(40, slices=4)
    senders = [threading.Thread(target=send_one_by_one, args=(hospital, part)) for part in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    hospital.wait_until_done(40)
    assert hospital.faults() == []
    assert len(list(hospital.archive.glob("*#*"))) == 40 * RESULTS


def send_one_by_one(hospital: Hospital, part: int) -> None:
    """Send one slice of every study in one association: all studies come interleaved, from four sides."""
    assert hospital.send([files[part] for files in hospital.studies.values()])


def test_an_association_that_was_cut_half_way_leaves_nothing_half(hospital: Hospital) -> None:
    hospital.make_studies(1, slices=8)
    (files,) = hospital.studies.values()
    with Cut(hospital.port, after=20_000) as cut:
        command = ["storescu", "127.0.0.1", str(cut.port), *map(str, files)]
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0  # noqa: S603
    assert hospital.send(files)
    hospital.wait_until_done(1)
    assert hospital.faults() == []


class Cut:
    """A wire to the listener that is cut after so many bytes."""

    def __init__(self, to: int, after: int) -> None:
        self._to, self._after = to, after
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Cut:
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listening.close()

    def _carry(self) -> None:
        sender, _ = self._listening.accept()
        with sender, socket.create_connection(("127.0.0.1", self._to)) as receiver:
            back = threading.Thread(target=pump, args=(receiver, sender, 10**9))
            back.start()
            pump(sender, receiver, self._after)
            for side in (sender, receiver):
                side.shutdown(socket.SHUT_RDWR)
            back.join()


def pump(source: socket.socket, sink: socket.socket, most: int) -> None:
    """Carry bytes until the end, or until so many were carried."""
    while most > 0:
        try:
            piece = source.recv(min(most, 4096))
            if not piece:
                return
            sink.sendall(piece)
        except OSError:
            return
        most -= len(piece)


def test_a_study_that_is_sent_again_and_again_is_read_once(hospital: Hospital) -> None:
    hospital.make_studies(1)
    (files,) = hospital.studies.values()
    senders = [threading.Thread(target=hospital.send, args=(files,)) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    hospital.wait_until_done(1)
    assert hospital.send(files)
    time.sleep(1.0)
    hospital.wait_until_done(1)
    assert hospital.faults() == []


def test_no_log_and_no_database_names_a_patient(hospital: Hospital) -> None:
    hospital.make_studies(1)
    (files,) = hospital.studies.values()
    hospital.send(files)
    hospital.wait_until_done(1)
    said = hospital.logs()
    assert f"study {ROOT}.1".encode() in said
    assert b"job 1: done" in said
    for name in (*PLANTED.split("^"), "PID1"):
        assert name.encode() not in said
    jobs = b"".join(file.read_bytes() for file in hospital.data.glob("jobs/*/reader.*"))
    assert PLANTED.encode() not in jobs


def test_an_archive_that_is_away_for_a_while_gets_everything_once(hospital: Hospital) -> None:
    hospital.make_studies(3)
    (hospital.archive / "away").touch()
    for files in hospital.studies.values():
        hospital.send(files)
    end = time.monotonic() + 20
    while hospital.states()["sending"] < 3 and time.monotonic() < end:
        time.sleep(0.05)
    hospital.kill()
    hospital.start()
    (hospital.archive / "away").unlink()
    hospital.wait_until_done(3)
    assert hospital.faults() == []
