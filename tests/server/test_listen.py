"""The listener as a whole, without a network: what becomes of jobs, and why."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from benchmarks.nothing_lost_listener import CountingArchive
from tests.server.arrivals import MR_IMAGE, put

from hepalith.errors import OutputError, OutputExistsError, UsageError
from hepalith.server.job.job import Job, Persistence, State
from hepalith.server.listen import Listener, Plan, retry
from hepalith.server.remote import Address, Stored
from hepalith.server.worker import Reader

HERE = Path(__file__).resolve().parents[2] / "benchmarks"
QUICK = Persistence(attempts=3, interruptions=3, first_s=0.05, longest_s=0.1, patience_s=60.0, refusals=2)
MADE = 3
T = TypeVar("T")


class Room:
    """A folder with listeners in it, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.archive = folder, folder / "archive"
        self.archive.mkdir()
        self.archives = CountingArchive
        self.ledger = folder / "ledger.txt"
        script = str(HERE / "nothing_lost_reader.py")
        self.stand_in = (sys.executable, "-S", script, "{input}", "{out}", str(self.ledger), "0.05")
        self.plan = Plan(
            folder / "data",
            Reader(self.stand_in, limit_s=20.0),
            quiet_s=0.1,
            addresses=(Address("dimse", "127.0.0.1", 1, "ARCHIVE"),),
            persistence=QUICK,
            tick_s=0.02,
        )

    def reading_by(self, program: str) -> None:
        command = (sys.executable, "-S", "-c", program, "{input}", "{out}", str(self.folder))
        self.plan = replace(self.plan, reader=Reader(command, limit_s=20.0))

    @contextlib.contextmanager
    def listening(self) -> Iterator[Listener]:
        with Listener(self.plan, lambda address: self.archives(address, self.archive, 0.0)) as listener:
            running = threading.Thread(target=listener.run)
            running.start()
            try:
                yield listener
            finally:
                listener.stop()
                running.join()

    def land(self, listener: Listener, *numbers: int, **said: str) -> None:
        for number in numbers:
            listener.intake.landed(put(listener.data.incoming, number, **said))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def wait_for(listener: Listener, *states: State, limit_s: float = 20.0) -> Job:
    """Wait until the newest job is in one of some states."""

    def find() -> Job | None:
        jobs = listener.store.jobs()
        return jobs[-1] if jobs and jobs[-1].state in states else None

    return until(find, limit_s)


def until(find: Callable[[], T | None], limit_s: float = 20.0) -> T:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if (found := find()) is not None:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def test_a_study_is_read_and_its_results_sent(room: Room) -> None:
    with room.listening() as listener:
        room.land(listener, 1, 2)
        job = wait_for(listener, State.DONE)
        assert [step.after for step in listener.store.steps(job)] == [
            "complete", "reading", "read", "sending", "done",
        ]  # fmt: skip
    assert len(list(room.archive.iterdir())) == MADE
    assert room.ledger.read_text().count("finished") == 1


def test_nothing_is_done_twice_by_a_listener_that_is_started_again(room: Room) -> None:
    for _ in range(3):
        with room.listening() as listener:
            room.land(listener, 1, 2)
            wait_for(listener, State.DONE)
            time.sleep(0.3)
            assert len(listener.store.jobs()) == 1
    assert len(list(room.archive.iterdir())) == MADE
    assert room.ledger.read_text().count("finished") == 1


def test_a_store_that_was_moved_aside_never_gives_a_study_the_reading_of_another(room: Room) -> None:
    with room.listening() as listener:
        room.land(listener, 1)
        wait_for(listener, State.DONE)
    shutil.rmtree(room.plan.data / "incoming")
    for part in room.plan.data.glob("jobs.sqlite*"):
        part.rename(part.with_name(f"{part.name}.damaged"))
    with room.listening() as listener:
        room.land(listener, 1, study="1.2.826.77")
        job = wait_for(listener, State.DONE)
        assert {one.study_uid for one in listener.store.deliveries(job)} == {"1.2.826.77"}
    assert len(list(room.archive.iterdir())) == 2 * MADE


def test_a_reading_that_answers_nothing_is_sent_and_says_why(room: Room) -> None:
    room.reading_by(
        f"import sys,pathlib; sys.path.insert(0, {str(HERE)!r}); from nothing_lost_reader import result;"
        "p=pathlib.Path(sys.argv[2]); p.mkdir(); (p/'reading.json').write_text('{}');"
        "(p/'measurements.dcm').write_bytes(result('1.2.3', 'digest', 'measurements.dcm'));"
        "print('hepalith: no liver in view', file=sys.stderr); sys.exit(4)"
    )
    with room.listening() as listener:
        room.land(listener, 1)
        assert wait_for(listener, State.DONE).reason == "no liver in view"
    assert len(list(room.archive.iterdir())) == 1


def test_late_images_make_one_more_reading_of_everything(room: Room) -> None:
    with room.listening() as listener:
        room.land(listener, 1, 2)
        wait_for(listener, State.DONE)
        room.land(listener, 3, 4)
        until(lambda: len(listener.store.jobs(State.DONE)) == 2 or None)
        assert listener.store.jobs()[-1].instances == 4
    assert len(list(room.archive.iterdir())) == 2 * MADE


def test_a_study_without_ct_and_ultrasound_is_done_unread(room: Room) -> None:
    with room.listening() as listener:
        room.land(listener, 1, sop_class=MR_IMAGE)
        job = wait_for(listener, State.DONE)
    assert job.reason.startswith("nothing to read")
    assert not room.ledger.exists()


def test_a_study_that_kills_its_reader_fails_with_the_reason_and_others_go_on(room: Room) -> None:
    room.reading_by(
        "import os,signal,sys,pathlib;"
        "bad = any('.7.7.' in n for n in os.listdir(sys.argv[1]));"
        "bad and os.kill(os.getpid(), signal.SIGKILL);"
        "p=pathlib.Path(sys.argv[2]); p.mkdir(); (p/'reading.json').write_text('{}')"
    )
    with room.listening() as listener:
        room.land(listener, 1, study="1.2.7.7")
        room.land(listener, 1, study="1.2.8.8")
        until(lambda: listener.is_all_done or None)
        bad, good = (listener.store.latest(uid) for uid in ("1.2.7.7", "1.2.8.8"))
    assert bad is not None
    assert good is not None
    assert (good.state, bad.state, bad.attempts) == (State.DONE, State.FAILED, 3)
    assert bad.reason == "the reader was ended by SIGKILL (out of memory?); 3 attempts"


def test_a_study_that_cannot_be_read_fails_at_once_with_what_the_reader_said(room: Room) -> None:
    room.reading_by("import sys; print('hepalith: a slice is corrupt', file=sys.stderr); sys.exit(3)")
    with room.listening() as listener:
        room.land(listener, 1)
        job = wait_for(listener, State.FAILED)
        assert (job.reason, job.attempts) == ("a slice is corrupt", 0)
        room.land(listener, 1)
        time.sleep(0.3)
        assert listener.store.jobs() == (job,)


def test_a_full_disk_is_waited_out(room: Room) -> None:
    room.reading_by(
        "import sys,pathlib; p=pathlib.Path(sys.argv[2]);"
        "full=not (pathlib.Path(sys.argv[3])/'room').exists();"
        "full and (print('hepalith: no space left', file=sys.stderr), sys.exit(5));"
        "p.mkdir(); (p/'reading.json').write_text('{}')"
    )
    with room.listening() as listener:
        room.land(listener, 1)
        until(lambda: next((j for j in listener.store.jobs() if j.tries >= 2), None))
        assert listener.store.jobs()[0].state in (State.COMPLETE, State.READING)
        (room.folder / "room").touch()
        job = wait_for(listener, State.DONE)
        assert job.attempts == 0


def test_trouble_that_does_not_end_is_given_up_with_the_reason(room: Room) -> None:
    room.plan = replace(room.plan, persistence=replace(QUICK, patience_s=0.3))
    (room.archive / "away").touch()
    with room.listening() as listener:
        room.land(listener, 1)
        job = wait_for(listener, State.FAILED)
    assert "does not answer" in job.reason
    assert "given up" in job.reason


def test_an_archive_that_is_away_for_a_while_gets_everything_once(room: Room) -> None:
    (room.archive / "away").touch()
    with room.listening() as listener:
        room.land(listener, 1)
        until(lambda: next((j for j in listener.store.jobs() if j.tries >= 2), None))
        (room.archive / "away").unlink()
        wait_for(listener, State.DONE)
    assert len(list(room.archive.iterdir())) == MADE


class Picky(CountingArchive):
    """An archive that takes no segmentation."""

    def store(self, files: Sequence[Path]) -> tuple[Stored, ...]:
        """Take all others."""
        return tuple(
            Stored(file, "", accepted=False, reason="no such class")
            if file.name == "segmentation.dcm"
            else super(Picky, self).store([file])[0]
            for file in files
        )


def test_what_an_archive_refuses_is_tried_again_and_what_it_took_is_not(room: Room) -> None:
    room.archives = Picky
    with room.listening() as listener:
        room.land(listener, 1)
        job = wait_for(listener, State.FAILED)
        sent = {one.file: (one.begun, one.is_sent) for one in listener.store.deliveries(job)}
    assert job.reason == "dicom://ARCHIVE@127.0.0.1:1 refused segmentation.dcm: no such class"
    assert job.attempts == QUICK.refusals
    assert sent.pop("segmentation.dcm") == (QUICK.refusals, False)
    assert set(sent.values()) == {(1, True)}
    assert {path.name.rpartition("#")[2] for path in room.archive.iterdir()} == {"1"}


def test_a_failed_job_is_sent_again_by_hand_where_it_was_read(room: Room) -> None:
    room.plan = replace(room.plan, persistence=replace(QUICK, patience_s=0.0))
    (room.archive / "away").touch()
    with room.listening() as listener:
        room.land(listener, 1)
        job = wait_for(listener, State.FAILED)
        (room.archive / "away").unlink()
        assert retry(listener.store, listener.data, job).state is State.READ
        wait_for(listener, State.DONE)
    assert room.ledger.read_text().count("finished") == 1
    assert len(list(room.archive.iterdir())) == MADE


def test_a_failed_job_is_read_again_by_hand(room: Room) -> None:
    room.reading_by("raise SystemExit(3)")
    with room.listening() as listener:
        room.land(listener, 1)
        job = wait_for(listener, State.FAILED)
        retry(listener.store, listener.data, job)
        job = until(lambda: next((j for j in listener.store.jobs(State.FAILED)), None))
        assert sum(s.after == State.READING for s in listener.store.steps(job)) == 2


def test_only_failed_jobs_are_tried_again_and_only_with_their_images(room: Room) -> None:
    with room.listening() as listener:
        room.land(listener, 1)
        job = wait_for(listener, State.DONE)
        with pytest.raises(UsageError, match="is done"):
            retry(listener.store, listener.data, job)
        gone = replace(job, state=State.FAILED)
        shutil.rmtree(listener.data.folder_of(job).path)
        with pytest.raises(UsageError, match="send the study again"):
            retry(listener.store, listener.data, gone)


def test_a_second_listener_in_the_same_folder_is_refused(room: Room) -> None:
    with room.listening(), pytest.raises(UsageError, match="another hepalith listens"):
        Listener(room.plan, lambda address: CountingArchive(address, room.archive, 0.0))


def test_a_folder_that_cannot_be_made_is_refused(room: Room) -> None:
    (room.folder / "file").touch()
    with pytest.raises(OutputError, match="choose another --data"):
        Listener(replace(room.plan, data=room.folder / "file" / "data"), lambda _: None)  # type: ignore[arg-type,return-value]


def test_a_folder_of_other_things_is_left_as_it_is(room: Room) -> None:
    other = room.folder / "other"
    other.mkdir()
    (other / "letter.txt").touch()
    with pytest.raises(OutputExistsError, match=r"holds letter\.txt.*choose another --data"):
        Listener(replace(room.plan, data=other), lambda _: None)  # type: ignore[arg-type,return-value]
    assert [path.name for path in other.iterdir()] == ["letter.txt"]


def test_a_mount_and_the_home_of_a_user_are_folders_to_listen_in(room: Room) -> None:
    for name in (".profile", "lost+found"):
        (room.folder / "mount" / name).mkdir(parents=True)
    room.plan = replace(room.plan, data=room.folder / "mount")
    with room.listening() as listener:
        assert listener.data.store.is_file()


def test_a_listener_that_is_stopped_ends_its_reader_and_gives_the_job_back(room: Room) -> None:
    stand_in = room.plan.reader
    room.reading_by("import time; time.sleep(60)")
    with room.listening() as listener:
        room.land(listener, 1)
        wait_for(listener, State.READING)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    room.plan = replace(room.plan, reader=stand_in)
    with room.listening() as listener:
        job = wait_for(listener, State.DONE)
        assert (job.attempts, job.interrupted) == (0, 0)


def test_a_study_whose_listener_dies_every_time_fails_in_the_end(room: Room) -> None:
    with room.listening() as listener:
        job = listener.store.receive("1.2.3")
        store, data = listener.store, listener.data
        put(data.incoming, 1, study="1.2.3")
        data.folder_of(job).seal(data.images("1.2.3"))
        store.move(job, State.COMPLETE, instances=1, not_before=time.time() + 1e6)
    room.reading_by("import time; time.sleep(60)")
    for lost in (1, 2, 3):
        listener = Listener(room.plan, lambda address: CountingArchive(address, room.archive, 0.0))
        (job,) = listener.store.jobs()
        if job.state is State.COMPLETE:
            listener.store.move(job, State.READING)
        listener._take_up()
        (job,) = listener.store.jobs()
        listener.store.close()
        os.close(listener._lock)
        assert job.interrupted == lost
    assert job.state is State.FAILED
    assert job.reason == "the listener was ended 3 times while it was read"


def test_a_reading_whose_results_were_deleted_fails_rather_than_passing_for_sent(room: Room) -> None:
    (room.archive / "away").touch()
    with room.listening() as listener:
        room.land(listener, 1)
        until(lambda: next((j for j in listener.store.jobs() if j.tries >= 1), None))
        shutil.rmtree(listener.data.folder_of(listener.store.jobs()[0]).reading)
        job = wait_for(listener, State.FAILED)
    assert "its reading is gone" in job.reason


def test_only_the_owner_may_enter_the_folder(room: Room) -> None:
    with room.listening() as listener:
        assert listener.data.path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="only root may mount a small disk"
)
def test_a_disk_that_is_really_full_loses_nothing(room: Room) -> None:
    data = room.folder / "data"
    data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(data)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("a small disk cannot be mounted here")
    try:
        with room.listening() as listener:
            room.land(listener, 1)
            filler = data / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(512)):
                    pass
            time.sleep(1.0)
            assert not listener.store.jobs(State.DONE)
            filler.unlink()
            wait_for(listener, State.DONE, limit_s=30)
            assert len(listener.store.jobs()) == 1
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)  # noqa: S603, S607
    assert len(list(room.archive.iterdir())) == MADE


def noted(lock: Path) -> int | None:
    """Return the reader that a lock names; none while it is 0, which to `killpg` would be ourselves."""
    said = lock.read_text().split() if lock.exists() else []
    return int(said[0]) or None if said else None


def test_signals_of_a_killed_reader_are_no_end_of_the_listener(room: Room) -> None:
    with room.listening() as listener:
        room.land(listener, 1, 2)
        wait_for(listener, State.READING, State.READ, State.SENDING, State.DONE)
        lock = listener.data.folder_of(listener.store.jobs()[0]).lock
        reader = until(lambda: noted(lock))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(reader, signal.SIGKILL)
        wait_for(listener, State.DONE)
    assert len(list(room.archive.iterdir())) == MADE
