"""The store of jobs: every step is whole, and is there after any end."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hepalith.errors import OutputError, UsageError
from hepalith.server.job.job import Delivery, Job, State
from hepalith.server.job.store import JobMovedError, JobStore

STUDY = "1.2.3"
WAY = (State.COMPLETE, State.READING, State.READ)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with JobStore(tmp_path / "jobs.sqlite") as opened:
        yield opened


def walk(store: JobStore, job: Job, *states: State) -> Job:
    for state in states:
        job = store.move(job, state)
    return job


def a_delivery(job: Job, file: str = "segmentation.dcm") -> Delivery:
    return Delivery(job.id, "dicom://A@b:1", file, STUDY, "1.2.3.4", f"1.2.3.{file}", 0, False, "")


def test_every_step_is_kept_with_its_reason(store: JobStore) -> None:
    job = walk(store, store.receive(STUDY), *WAY)
    store.move(job, State.FAILED, reason="the disk is gone")
    steps = store.steps(job)
    assert [(s.before, s.after) for s in steps] == [
        ("receiving", "complete"), ("complete", "reading"), ("reading", "read"), ("read", "failed"),
    ]  # fmt: skip
    assert steps[-1].reason == store.job(job.id).reason == "the disk is gone"


def test_a_step_that_leads_nowhere_is_refused_and_changes_nothing(store: JobStore) -> None:
    job = store.receive(STUDY)
    with pytest.raises(ValueError, match="no step leads from receiving to read"):
        store.move(job, State.READ)
    assert store.job(job.id) == job
    assert store.steps(job) == ()


def test_of_two_who_take_a_job_one_gets_it(store: JobStore) -> None:
    job = walk(store, store.receive(STUDY), State.COMPLETE)
    with JobStore(store.path) as other:
        other.move(job, State.READING)
    with pytest.raises(JobMovedError):
        store.move(job, State.READING)


def test_many_threads_take_each_job_once(store: JobStore) -> None:
    for n in range(20):
        walk(store, store.receive(f"1.2.{n}"), State.COMPLETE)
    taken: list[int] = []

    def take() -> None:
        while (job := store.due(State.COMPLETE)) is not None:
            with contextlib.suppress(JobMovedError):
                taken.append(store.move(job, State.READING).id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [job.id for job in store.jobs()]


def test_an_image_for_a_study_that_waits_opens_its_job_again(store: JobStore) -> None:
    job = walk(store, store.receive(STUDY), State.COMPLETE)
    again = store.receive(STUDY)
    assert (again.id, again.generation, again.state) == (job.id, 1, State.RECEIVING)


@pytest.mark.parametrize("way", [WAY[:2], WAY, (*WAY, State.DONE), (State.FAILED,)])
def test_an_image_for_a_study_that_was_taken_makes_its_next_generation(
    store: JobStore, way: tuple[State, ...]
) -> None:
    first = walk(store, store.receive(STUDY), *way)
    second = store.receive(STUDY)
    assert (second.generation, second.state) == (2, State.RECEIVING)
    assert store.job(first.id) == first
    assert store.receive(STUDY) == second


def test_a_job_that_waits_is_due_when_its_time_has_come(tmp_path: Path) -> None:
    now = [1000.0]
    with JobStore(tmp_path / "jobs.sqlite", clock=lambda: now[0]) as store:
        late = store.move(
            walk(store, store.receive("1.1"), State.COMPLETE, State.READING),
            State.COMPLETE,
            not_before=1010.0,
        )
        soon = walk(store, store.receive("1.2"), State.COMPLETE)
        assert store.due(State.COMPLETE) == soon
        walk(store, soon, State.READING)
        assert store.due(State.COMPLETE) is None
        now[0] = 1010.0
        assert store.due(State.COMPLETE) == late


def test_what_was_planned_to_be_sent_is_there_with_the_step(store: JobStore) -> None:
    job = walk(store, store.receive(STUDY), *WAY)
    job = store.start_sending(job, [a_delivery(job)])
    (planned,) = store.deliveries(job)
    assert (planned.begun, planned.is_sent) == (0, False)
    store.begin_delivery(planned)
    store.end_delivery(planned, is_sent=True)
    (sent,) = store.deliveries(job)
    assert (sent.begun, sent.is_sent) == (1, True)


def test_what_was_sent_stays_sent_when_a_failed_job_is_tried_again(store: JobStore) -> None:
    job = walk(store, store.receive(STUDY), *WAY)
    job = store.start_sending(job, [a_delivery(job), a_delivery(job, "measurements.dcm")])
    store.end_delivery(store.deliveries(job)[0], is_sent=True)
    job = store.start_sending(walk(store, job, State.FAILED, State.READ), store.deliveries(job))
    assert [d.is_sent for d in store.deliveries(job)] == [True, False]


def test_jobs_are_there_after_the_store_was_closed(tmp_path: Path) -> None:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = walk(store, store.receive(STUDY), *WAY)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        assert store.jobs() == (job,)


def test_only_its_owner_may_read_the_store(store: JobStore) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    JobStore(path).close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="a later hepalith"):
        JobStore(path)


def test_a_file_that_is_no_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(OutputError, match="move it aside"):
        JobStore(path)


def test_an_unknown_job_is_refused(store: JobStore) -> None:
    with pytest.raises(UsageError, match="no job 7"):
        store.job(7)


def test_a_full_disk_changes_nothing_and_the_same_step_works_later(store: JobStore) -> None:
    job = store.receive(STUDY)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.move(job, State.FAILED, reason="x" * 10**6)
    assert store.job(job.id) == job
    store._database.execute("PRAGMA max_page_count = 1000000")
    assert store.move(job, State.FAILED, reason="x" * 10**6).state is State.FAILED


WRITER = """
import sys
from pathlib import Path
from hepalith.server.job.job import State
from hepalith.server.job.store import JobStore
store = JobStore(Path(sys.argv[1]))
print("ready", flush=True)
n = 0
while True:
    n += 1
    job = store.receive(f"{sys.argv[2]}.{n}")
    for state in (State.COMPLETE, State.READING, State.READ, State.DONE):
        job = store.move(job, state)
    print(job.id, flush=True)
"""


def test_a_store_whose_writer_was_killed_is_whole_and_has_all_that_was_said_to_be_done(
    tmp_path: Path,
) -> None:
    path, rng, said = tmp_path / "jobs.sqlite", random.Random(3), set()
    for turn in range(3):
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", WRITER, str(path), f"1.2.{turn}"], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.05, 0.2))
            writer.send_signal(signal.SIGKILL)
            said |= {int(line) for line in writer.stdout.read().split("\n")[:-1]}
    with JobStore(path) as store:
        assert store._database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        done = {job.id for job in store.jobs(State.DONE)}
        assert said
        assert said <= done
        for job in store.jobs():
            steps = store.steps(job)
            assert job.state == (steps[-1].after if steps else State.RECEIVING)


def test_a_store_with_a_damaged_page_is_told_and_not_worked_with(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with JobStore(path) as store:
        for number in range(50):
            store.receive(f"1.2.{number}")
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"x" * 4096
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"or damaged .*; move it aside and start again"):
        JobStore(path)


def test_a_job_does_not_wait_for_a_clock_that_was_set_back(tmp_path: Path) -> None:
    now = [2_000_000.0]
    with JobStore(tmp_path / "jobs.sqlite", clock=lambda: now[0]) as store:
        job = store.move(store.receive("1.2"), State.COMPLETE, not_before=now[0] + 60)
        assert store.due(State.COMPLETE) is None
        now[0] -= 1_000_000
        assert store.due(State.COMPLETE) == job


def test_numbers_begin_above_one_that_is_taken(tmp_path: Path) -> None:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.number_above(7)
        assert store.receive("1.2").id == 8
        store.number_above(3)
        assert store.receive("1.3").id == 9


def test_a_database_of_another_program_is_told_whatever_version_it_says(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as other:
        other.execute("CREATE TABLE job_of_another (a)")
        other.execute("PRAGMA user_version = 1")
    with pytest.raises(OutputError, match="is no database of jobs"):
        JobStore(tmp_path / "jobs.sqlite")
