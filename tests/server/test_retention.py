"""What is deleted, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.arrivals import MR_IMAGE, SEGMENTATION, STUDY, put

from hepalith.server.intake import Intake, Readable
from hepalith.server.job.folder import DataFolder
from hepalith.server.job.job import Job, State
from hepalith.server.job.store import JobStore
from hepalith.server.retention import DAY_S, Retention, sweep

KEEP = Retention(days=7, failed_days=30)


class Desk:
    def __init__(self, data: DataFolder) -> None:
        self.data, self.now = data, 1_000_000.0
        self.store = JobStore(data.store, clock=lambda: self.now)
        self.intake = Intake(self.store, data, Readable(), quiet_s=0.0)

    def come(self, *numbers: int, last: State = State.DONE, sop_class: str | None = None) -> Job:
        for number in numbers:
            said = {} if sop_class is None else {"sop_class": sop_class}
            self.intake.landed(put(self.data.incoming, number, **said))
        (job,) = self.intake.settle()
        if job.state is State.COMPLETE:
            job = self.store.move(self.store.move(job, State.READING), State.READ)
            (self.data.folder_of(job).reading).mkdir()
            job = self.store.move(job, last) if last is not State.READ else job
        return job

    def sweep(self, days: float) -> int:
        return sweep(self.store, self.data, self.intake, KEEP, now=self.now + days * DAY_S)

    def has(self, job: Job) -> tuple[bool, bool]:
        """Return whether images that came in, and the job's folder, are there."""
        return bool(self.data.images(job.study_uid)), self.data.folder_of(job).path.exists()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    data = DataFolder(tmp_path / "data")
    data.make()
    made = Desk(data)
    yield made
    made.store.close()


def test_a_done_study_is_deleted_after_its_days_and_not_before(desk: Desk) -> None:
    job = desk.come(1, 2)
    assert desk.sweep(6.9) == 0
    assert desk.has(job) == (True, True)
    assert desk.sweep(7.0) == 1
    assert desk.has(job) == (False, False)
    assert desk.store.job(job.id).swept_at
    assert desk.sweep(100) == 0


def test_a_failed_study_is_kept_longer(desk: Desk) -> None:
    job = desk.come(1, last=State.FAILED)
    assert desk.sweep(29) == 0
    assert desk.has(job) == (True, True)
    assert desk.sweep(30) == 1
    assert desk.has(job) == (False, False)


def test_what_is_not_over_is_never_deleted(desk: Desk) -> None:
    job = desk.come(1, last=State.READ)
    assert desk.sweep(10_000) == 0
    assert desk.has(job) == (True, True)


def test_a_study_with_nothing_to_read_is_deleted_too(desk: Desk) -> None:
    job = desk.come(1, sop_class=MR_IMAGE)
    assert desk.sweep(8) == 1
    assert desk.has(job) == (False, False)


def test_images_that_a_later_job_still_needs_are_kept(desk: Desk) -> None:
    first = desk.come(1)
    second = desk.come(2, last=State.FAILED)
    assert desk.sweep(8) == 1
    assert desk.has(first) == (True, False)
    assert desk.has(second) == (True, True)
    assert len(list(desk.data.folder_of(second).input.iterdir())) == 2


def test_a_sweep_that_was_cut_short_is_done_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.come(1)
    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "mark_swept", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.sweep(8)
    desk.intake.take_up()
    assert desk.intake.is_idle
    assert desk.sweep(8) == 1
    assert desk.store.job(job.id).swept_at


def test_a_study_that_comes_after_it_was_deleted_is_read_again(desk: Desk) -> None:
    desk.come(1)
    desk.sweep(8)
    assert desk.come(1).generation == 2
    assert [path.name for path in desk.data.images(STUDY)] == [f"{STUDY}.1.1.dcm"]


def test_results_that_come_back_after_a_study_was_deleted_do_not_stay_for_ever(desk: Desk) -> None:
    job = desk.come(1)
    assert desk.sweep(7) == 1
    late = put(desk.data.incoming, 9, sop_class=SEGMENTATION, maker="hepalith")
    desk.intake.landed(late)
    os.utime(late, (desk.now, desk.now))
    desk.sweep(6.9)
    assert late.exists()
    desk.sweep(7.0)
    assert not late.exists()
    assert not desk.data.study_folder(job.study_uid).exists()


def test_late_images_of_a_deleted_study_are_not_deleted_unread(desk: Desk) -> None:
    desk.come(1)
    assert desk.sweep(7) == 1
    late = put(desk.data.incoming, 9)
    os.utime(late, (desk.now, desk.now))
    desk.sweep(400)
    assert late.exists()


def test_folders_of_a_store_that_was_lost_are_deleted_after_the_days_of_failed_jobs(desk: Desk) -> None:
    stray = desk.data.path / "jobs" / "000042"
    stray.mkdir()
    os.utime(stray, (desk.now, desk.now))
    desk.sweep(29.9)
    assert stray.exists()
    desk.sweep(30.0)
    assert not stray.exists()
