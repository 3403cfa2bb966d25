"""Sending results: each file once to each archive."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from benchmarks.nothing_lost_reader import RESULTS, result, result_uid
from pydicom import dcmread

from hepalith.errors import DeliveryError, FetchError
from hepalith.server.deliver import deliver, plan_deliveries
from hepalith.server.job.folder import JobFolder
from hepalith.server.job.job import Job, State
from hepalith.server.job.store import JobStore
from hepalith.server.remote import Address, Fetched, FoundStudy, Query, Stored


@dataclass
class Archive:
    """An archive in memory that can be away, refuse, forget to answer, or not say what it holds."""

    name: str = "A"
    held: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    is_away: bool = False
    refuses: str = ""
    cut_after: int | None = None
    says: bool = True

    @property
    def address(self) -> Address:
        return Address("dimse", "127.0.0.1", 1, self.name)

    def echo(self) -> None: ...

    def find(self, query: Query) -> Iterator[FoundStudy]:
        raise NotImplementedError

    def fetch(self, study_uid: str, into: Path, series_uids: Sequence[str] = ()) -> Fetched:
        raise NotImplementedError

    def store(self, files: Sequence[Path]) -> tuple[Stored, ...]:
        if self.is_away:
            raise DeliveryError("it does not answer")
        answers = []
        for n, file in enumerate(files):
            uid = str(dcmread(file).SOPInstanceUID)
            if self.cut_after is not None and n >= self.cut_after:
                raise DeliveryError("the association was lost")
            accepted = self.refuses != file.name
            if accepted:
                self.held.append(uid)
            answers.append(Stored(file, uid, accepted, "" if accepted else "no such class (0x0122)"))
        return tuple(answers)

    def holds(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:  # noqa: ARG002
        if self.is_away:
            raise FetchError("it does not answer")
        self.asked.append(sop_instance_uid)
        return sop_instance_uid in self.held if self.says else None


@dataclass
class Desk:
    store: JobStore
    job: Job
    folder: JobFolder

    def start(self, *archives: Archive, may_be_there: bool = False) -> None:
        addresses = [archive.address for archive in archives]
        planned = plan_deliveries(self.job, self.folder, addresses, may_be_there=may_be_there)
        self.job = self.store.start_sending(self.job, planned)

    def send(self, *archives: Archive) -> tuple[str, bool]:
        sent = deliver(self.job, self.folder, self.store, archives, threading.Event())
        return sent.reason, sent.is_away


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = JobFolder(tmp_path / "000001")
    folder.reading.mkdir(parents=True)
    for name in RESULTS:
        (folder.reading / name).write_bytes(result("1.2.3", "digest", name))
    (folder.reading / "reading.json").write_text("{}")
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = store.receive("1.2.3")
        for state in (State.COMPLETE, State.READING, State.READ):
            job = store.move(job, state)
        yield Desk(store, job, folder)


def test_every_dicom_file_goes_to_every_archive_once(desk: Desk) -> None:
    one, other = Archive("A"), Archive("B")
    desk.start(one, other)
    assert desk.send(one, other) == ("", False)
    assert len(one.held) == len(set(one.held)) == len(RESULTS)
    assert one.held == other.held
    assert one.asked == []
    assert desk.send(one, other) == ("", False)
    assert len(one.held) == len(RESULTS)


def test_nothing_is_planned_where_no_archive_is_named(desk: Desk) -> None:
    assert plan_deliveries(desk.job, desk.folder, (), may_be_there=False) == ()


def test_after_a_cut_only_what_is_missing_is_sent_again(desk: Desk) -> None:
    archive = Archive(cut_after=2)
    desk.start(archive)
    reason, is_away = desk.send(archive)
    assert is_away
    assert "lost" in reason
    archive.cut_after = None
    assert desk.send(archive) == ("", False)
    assert len(archive.asked) == len(RESULTS)
    assert len(archive.held) == len(set(archive.held)) == len(RESULTS)
    assert [d.reason for d in desk.store.deliveries(desk.job)].count("it was there") == 2


def test_an_archive_that_does_not_say_gets_the_same_objects_again(desk: Desk) -> None:
    archive = Archive(cut_after=2, says=False)
    desk.start(archive)
    desk.send(archive)
    archive.cut_after = None
    assert desk.send(archive) == ("", False)
    assert len(set(archive.held)) == len(RESULTS)


def test_an_archive_that_is_away_does_not_keep_another_waiting(desk: Desk) -> None:
    away, there = Archive("A", is_away=True), Archive("B")
    desk.start(away, there)
    assert desk.send(away, there) == ("it does not answer", True)
    assert len(there.held) == len(RESULTS)
    away.is_away = False
    assert desk.send(away, there) == ("", False)
    assert len(away.held) == len(there.held) == len(RESULTS)


def test_a_file_that_is_refused_is_named_with_the_reason(desk: Desk) -> None:
    archive = Archive(refuses="measurements.dcm")
    desk.start(archive)
    reason, is_away = desk.send(archive)
    assert not is_away
    assert reason == "dicom://A@127.0.0.1:1 refused measurements.dcm: no such class (0x0122)"
    assert len(archive.held) == len(RESULTS) - 1


def test_an_archive_that_is_no_longer_given_is_named(desk: Desk) -> None:
    desk.start(Archive("GONE"))
    assert "no longer given" in desk.send(Archive("A"))[0]


def test_a_later_generation_asks_before_it_sends(desk: Desk) -> None:
    archive = Archive(held=[result_uid("digest", name) for name in RESULTS])
    desk.start(archive, may_be_there=True)
    assert desk.send(archive) == ("", False)
    assert len(archive.held) == len(RESULTS)
