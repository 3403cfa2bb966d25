"""When a study is complete, and what makes a job of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.server.arrivals import CAPTURE, MR_IMAGE, SEGMENTATION, STUDY, put

from hepalith.report.dicom.context import MAKER
from hepalith.server.dimse.incoming import Incoming
from hepalith.server.intake import OURS, Intake, Readable, sop_class_of
from hepalith.server.job.folder import DataFolder
from hepalith.server.job.job import Job, State
from hepalith.server.job.store import JobStore

QUIET = 10.0


@dataclass
class Desk:
    """An intake with a clock that stands still unless moved."""

    data: DataFolder
    store: JobStore
    now: float = 0.0
    modality: str | None = None

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """Begin as a listener does that was started again."""
        self.intake = Intake(
            self.store, self.data, Readable(self.modality), quiet_s=QUIET, clock=lambda: self.now
        )

    def land(self, *numbers: int, association: str | None = None, **said: str) -> Path:
        path = Path()
        for number in numbers:
            path = put(self.data.incoming, number, **said)
            self.intake.landed(path, association)
        return path

    def settle(self, after: float = QUIET) -> list[Job]:
        self.now += after
        return self.intake.settle()

    def finish(self, job: Job, *states: State) -> Job:
        for state in states or (State.READING, State.READ, State.DONE):
            job = self.store.move(job, state)
        return job

    def sealed(self, job: Job) -> list[str]:
        return sorted(path.stem.rpartition(".")[2] for path in self.data.folder_of(job).input.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    data = DataFolder(tmp_path / "data")
    data.make()
    with JobStore(data.store) as store:
        yield Desk(data, store)


def test_a_study_is_complete_when_nothing_came_for_a_while(desk: Desk) -> None:
    desk.land(1, 2)
    assert desk.settle(QUIET - 1) == []
    desk.land(3)
    assert desk.settle(QUIET - 1) == []
    (job,) = desk.settle(1)
    assert (job.state, job.instances) == (State.COMPLETE, 3)
    assert desk.sealed(job) == ["1", "2", "3"]
    assert desk.intake.is_idle


def test_a_study_is_not_complete_while_an_association_that_brought_of_it_is_open(desk: Desk) -> None:
    desk.land(1, association="a")
    desk.land(2, association="b")
    assert desk.settle(10 * QUIET) == []
    desk.intake.association_ended("a")
    assert desk.settle(10 * QUIET) == []
    desk.intake.association_ended("b")
    assert desk.settle(QUIET - 1) == []
    assert len(desk.settle(1)) == 1


def test_studies_that_come_interleaved_are_kept_apart(desk: Desk) -> None:
    for number in range(4):
        for study in ("1.2.1", "1.2.2", "1.2.3"):
            desk.land(number, study=study)
    jobs = desk.settle()
    assert sorted(job.study_uid for job in jobs) == ["1.2.1", "1.2.2", "1.2.3"]
    assert all(desk.sealed(job) == ["0", "1", "2", "3"] for job in jobs)


def test_what_is_read_does_not_change_when_more_comes(desk: Desk) -> None:
    desk.land(1, text="first")
    (job,) = desk.settle()
    before = (desk.data.folder_of(job).input / f"{STUDY}.1.1.dcm").read_bytes()
    desk.finish(job, State.READING)
    desk.land(1, text="other")
    desk.land(2)
    assert desk.sealed(job) == ["1"]
    assert (desk.data.folder_of(job).input / f"{STUDY}.1.1.dcm").read_bytes() == before


def test_images_that_come_after_a_study_was_read_make_one_job_that_reads_all(desk: Desk) -> None:
    desk.land(1, 2)
    desk.finish(desk.settle()[0])
    desk.land(3, 4)
    (job,) = desk.settle()
    assert (job.generation, job.instances) == (2, 4)
    assert desk.sealed(job) == ["1", "2", "3", "4"]
    desk.finish(job)
    assert desk.settle() == []


def test_images_that_come_before_a_reader_took_the_study_go_with_it(desk: Desk) -> None:
    desk.land(1)
    (first,) = desk.settle()
    desk.land(2)
    (job,) = desk.settle()
    assert (job.id, job.instances) == (first.id, 2)


def test_a_study_that_is_sent_twice_is_one_job(desk: Desk) -> None:
    desk.land(1, 2)
    (job,) = desk.settle()
    for states in ((), (State.READING,), (State.READ,), (State.DONE,)):
        job = desk.finish(job, *states) if states else job
        desk.land(1, 2)
        assert desk.settle() == []
    assert len(desk.store.jobs()) == 1


def test_our_own_results_coming_back_start_nothing(desk: Desk) -> None:
    desk.modality = "US"
    desk.again()
    desk.land(1, sop_class=CAPTURE)
    (job,) = desk.settle()
    assert job.instances == 1
    desk.finish(job)
    desk.land(2, sop_class=SEGMENTATION, maker="hepalith")
    desk.land(3, sop_class=CAPTURE, maker="hepalith")
    assert desk.settle() == []
    desk.again()
    assert desk.intake.take_up() == 0
    assert len(desk.store.jobs()) == 1


def test_our_own_results_are_not_among_what_is_read(desk: Desk) -> None:
    desk.land(1)
    desk.land(2, sop_class=SEGMENTATION, maker="hepalith")
    (job,) = desk.settle()
    assert desk.sealed(job) == ["1"]


@pytest.mark.parametrize("sop_class", [MR_IMAGE, SEGMENTATION, CAPTURE])
def test_a_study_without_ct_and_ultrasound_is_done_with_the_reason(desk: Desk, sop_class: str) -> None:
    desk.land(1, 2, sop_class=sop_class)
    (job,) = desk.settle()
    assert job.state is State.DONE
    assert job.reason == "nothing to read: none of its 2 objects is CT or US"
    assert len(desk.data.images(STUDY)) == 2


def test_a_study_whose_first_image_can_be_read_late_is_read_then(desk: Desk) -> None:
    desk.land(1, sop_class=MR_IMAGE)
    desk.settle()
    desk.land(2)
    (job,) = desk.settle()
    assert (job.state, job.generation, desk.sealed(job)) == (State.COMPLETE, 2, ["2"])


def test_what_landed_but_was_not_recorded_is_taken_up(desk: Desk) -> None:
    put(desk.data.incoming, 1)
    (desk.data.incoming / ".arriving").mkdir()
    assert desk.intake.take_up() == 1
    (job,) = desk.settle()
    assert desk.sealed(job) == ["1"]


def test_a_study_that_was_coming_in_waits_anew_after_a_restart(desk: Desk) -> None:
    desk.land(1, association="lost with the listener")
    desk.now += 10 * QUIET
    desk.again()
    assert desk.intake.take_up() == 1
    assert desk.intake.settle() == []
    (job,) = desk.settle()
    assert (job.state, job.generation) == (State.COMPLETE, 1)


def test_late_images_that_were_not_recorded_are_taken_up(desk: Desk) -> None:
    desk.land(1)
    desk.finish(desk.settle()[0])
    put(desk.data.incoming, 2)
    desk.again()
    assert desk.intake.take_up() == 1
    (job,) = desk.settle()
    assert desk.sealed(job) == ["1", "2"]


@pytest.mark.parametrize("last", [State.DONE, State.FAILED])
def test_what_is_over_is_not_taken_up_again(desk: Desk, last: State) -> None:
    desk.land(1)
    desk.finish(desk.settle()[0], State.READING, State.READ, last)
    desk.again()
    assert desk.intake.take_up() == 0


def test_a_failed_study_that_is_sent_again_unchanged_stays_failed(desk: Desk) -> None:
    path = desk.land(1)
    desk.finish(desk.settle()[0], State.FAILED)
    desk.intake.landed(path)
    assert desk.settle() == []


def test_a_failed_study_that_is_sent_again_mended_is_read_again(desk: Desk) -> None:
    desk.land(1, text="broken")
    desk.finish(desk.settle()[0], State.FAILED)
    desk.land(1, text="mended")
    (job,) = desk.settle()
    assert (job.generation, job.state) == (2, State.COMPLETE)


def test_an_image_is_not_lost_where_the_store_cannot_be_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> Job:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "receive", refuse)
        desk.land(1)
        assert desk.settle() == []
        assert not desk.intake.is_idle
    (job,) = desk.settle()
    assert (job.state, job.instances) == (State.COMPLETE, 1)


def test_a_job_whose_sealed_images_are_not_all_there_is_sealed_again(desk: Desk) -> None:
    desk.land(1, 2)
    (job,) = desk.settle()
    (desk.data.folder_of(job).input / f"{STUDY}.1.2.dcm").unlink()
    desk.intake.reopen(job)
    (again,) = desk.settle()
    assert (again.id, desk.sealed(again)) == (job.id, ["1", "2"])


def test_a_study_whose_files_vanished_fails_with_the_reason(desk: Desk) -> None:
    desk.land(1).unlink()
    (job,) = desk.settle()
    assert job.state is State.FAILED
    assert "gone" in job.reason


def test_dropping_a_study_keeps_what_came_later(desk: Desk) -> None:
    desk.land(1)
    job = desk.finish(desk.settle()[0])
    later = put(desk.data.incoming, 2)
    desk.intake.drop(job)
    assert desk.data.images(STUDY) == [later]


def test_our_objects_are_known_by_the_name_that_they_are_given() -> None:
    assert OURS == MAKER


def test_the_class_of_what_was_received_is_read_from_its_first_bytes(tmp_path: Path) -> None:
    path = put(tmp_path, 1, sop_class=MR_IMAGE)
    assert sop_class_of(path) == MR_IMAGE
    whole = path.read_bytes()
    arrival = Incoming(tmp_path / "incoming").begin(MR_IMAGE, f"{STUDY}.1.1", "1.2.840.10008.1.2.1")
    arrival.write(memoryview(whole[whole.index(b"\x08\0\x16\0UI") :]))
    assert sop_class_of(arrival.finish().path) == MR_IMAGE
    (tmp_path / "note.txt").write_text("no DICOM")
    assert sop_class_of(tmp_path / "note.txt") == sop_class_of(tmp_path / "absent") == ""
