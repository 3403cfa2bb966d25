"""Readers: how they end, and that there is one at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from tests.server.arrivals import put

from hepalith.server.job.folder import JobFolder
from hepalith.server.worker import (
    Ending,
    Reader,
    Reading,
    boot,
    hide_identity,
    read_command,
    started_at,
)

WRITE = "import pathlib,sys; p=pathlib.Path(sys.argv[2]); p.mkdir(); (p/'reading.json').write_text('{}');"


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder(tmp_path / "000001")
    made.seal([put(tmp_path / "incoming", 1)])
    return made


def run(
    folder: JobFolder, program: str, *, limit_s: float = 20, stop: threading.Event | None = None
) -> Reading:
    reader = Reader((sys.executable, "-S", "-c", program, "{input}", "{out}"), limit_s)
    return reader.read(folder, stop or threading.Event())


def test_a_reading_that_was_made_is_there(folder: JobFolder) -> None:
    came = run(folder, WRITE)
    assert (came.ending, came.reason) == (Ending.READ, "")
    assert folder.is_read


def test_a_reading_that_answers_nothing_is_a_reading_with_its_reason(folder: JobFolder) -> None:
    came = run(folder, WRITE + "print('hepalith: no liver in view', file=sys.stderr); sys.exit(4)")
    assert (came.ending, came.reason) == (Ending.READ, "no liver in view")


@pytest.mark.parametrize(
    ("status", "ending"), [(1, Ending.DIED), (2, Ending.REFUSED), (3, Ending.REFUSED), (5, Ending.NO_ROOM)]
)
def test_the_exit_status_says_how_it_ended(folder: JobFolder, status: int, ending: Ending) -> None:
    came = run(folder, f"import sys; print('hepalith: why', file=sys.stderr); sys.exit({status})")
    assert (came.ending, came.reason) == (ending, "why")


def test_the_trace_of_a_bug_is_kept_where_the_reason_says(folder: JobFolder) -> None:
    came = run(
        folder,
        "import os,sys,pathlib; p=pathlib.Path(os.environ['TMPDIR'],'hepalith-trace-ab.txt');"
        "p.write_text('why'); print('hepalith: a bug of ours:', p, file=sys.stderr); sys.exit(1)",
    )
    assert (came.ending, came.reason) == (Ending.DIED, "a bug of ours: 000001/hepalith-trace-ab.txt")
    assert (folder.path.parent / came.reason.rpartition(" ")[2]).read_text() == "why"
    assert not folder.scratch.exists()


def test_a_reader_that_says_done_without_a_reading_died(folder: JobFolder) -> None:
    assert run(folder, "pass").ending is Ending.DIED


def test_a_reader_that_is_killed_died_and_says_by_what(folder: JobFolder) -> None:
    came = run(folder, "import os,signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert came.ending is Ending.DIED
    assert came.reason == "the reader was ended by SIGKILL (out of memory?)"


def test_a_reader_that_is_too_slow_is_ended_with_all_that_it_started(folder: JobFolder) -> None:
    began = time.monotonic()
    program = (
        "import subprocess,sys,pathlib,time;"
        "p=subprocess.Popen([sys.executable,'-S','-c','import time; time.sleep(60)']);"
        "pathlib.Path(sys.argv[1],'..','child').write_text(str(p.pid)); time.sleep(60)"
    )
    came = run(folder, program, limit_s=1.0)
    assert came.ending is Ending.DIED
    assert "longer than 1 s" in came.reason
    assert time.monotonic() - began < 10
    child = int((folder.path / "child").read_text())
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_reader_is_stopped_when_asked(folder: JobFolder) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert run(folder, "import time; time.sleep(60)", stop=stop).ending is Ending.STOPPED


def test_a_reading_that_is_there_is_not_made_again(folder: JobFolder) -> None:
    run(folder, WRITE)
    assert run(folder, "raise SystemExit(3)").ending is Ending.READ


def test_a_reading_from_before_the_machine_started_is_made_again(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepalith.server.worker.boot", lambda: "an-earlier-boot")
    run(folder, WRITE)
    monkeypatch.undo()
    assert run(folder, WRITE + "(p/'again').touch()").ending is Ending.READ
    assert (folder.reading / "again").is_file()


def test_a_reader_left_over_is_waited_for_and_its_reading_taken(folder: JobFolder) -> None:
    with folder.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = f"import time; time.sleep(0.5); {WRITE} (p/'by the first').touch()"
        command = [sys.executable, "-S", "-c", program, str(folder.input), str(folder.reading)]
        left = subprocess.Popen(command, pass_fds=(lock.fileno(),))  # noqa: S603
        lock.write(f"{left.pid} {started_at(left.pid)} {boot()}")
    came = run(folder, "raise SystemExit(3)")
    left.wait(10)
    assert came.ending is Ending.READ
    assert (folder.reading / "by the first").is_file()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_reading_is_kept_where_the_listener_ended_before_it_noted_who_reads(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hepalith.server.worker.started_at", end)
        with pytest.raises(KeyboardInterrupt):
            run(folder, WRITE + "(p/'by the first').touch()")
    assert run(folder, "raise SystemExit(3)").ending is Ending.READ
    assert (folder.reading / "by the first").is_file()


def test_a_reader_left_over_that_hangs_is_ended(folder: JobFolder) -> None:
    stop = threading.Event()
    hung = Reader((sys.executable, "-S", "-c", "import time; time.sleep(60)"), 60)
    thread = threading.Thread(target=hung.read, args=(folder, stop))
    thread.start()
    until = time.monotonic() + 10
    while not (folder.lock.exists() and folder.lock.read_text().split()) and time.monotonic() < until:
        time.sleep(0.02)
    assert run(folder, WRITE, limit_s=1.0).ending is Ending.READ
    stop.set()
    thread.join()


def test_what_a_killed_reader_left_is_swept_away(folder: JobFolder) -> None:
    (folder.path / ".reading.1234abcd").mkdir()
    (folder.path / ".reading.1234abcd" / "half.nii.gz").write_bytes(b"half")
    run(folder, WRITE + "import os; open(os.path.join(os.environ['TMPDIR'], 'trace.txt'), 'w').close()")
    assert sorted(p.name for p in folder.path.iterdir()) == [
        "input", "reader.lock", "reader.txt", "reading",
    ]  # fmt: skip


def test_a_reader_gives_way_and_is_the_first_to_go_without_memory(folder: JobFolder) -> None:
    look = "import os,time; time.sleep(0.3); p.joinpath('nice').write_text(str(os.nice(0)));"
    badness = "p.joinpath('badness').write_text(open('/proc/self/oom_score_adj').read())"
    run(folder, WRITE.replace("p.mkdir();", "p.mkdir();" + look + badness + ";"))
    assert int((folder.reading / "nice").read_text()) >= os.nice(0) + 10 or os.nice(0) > 9
    assert int((folder.reading / "badness").read_text()) == 800


def test_a_reason_names_nobody(folder: JobFolder) -> None:
    complaint = "hepalith: Plantedname^Secret (PID1234): the tag of SECRET, Secret or Plantedname is wrong"
    came = run(folder, f"import sys; print({complaint!r}, file=sys.stderr); sys.exit(3)")
    assert "the tag of" in came.reason
    for name in ("Plantedname", "PID1234", "Secret"):
        assert name.casefold() not in came.reason.casefold()


def test_a_sentence_without_names_is_kept_as_it_is(folder: JobFolder) -> None:
    said = "slice 12 has another size"
    assert hide_identity(said, folder.input) == said


def test_a_chinese_name_of_two_letters_is_hidden_too(folder: JobFolder) -> None:
    (image,) = folder.input.iterdir()
    header = dcmread(image)
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = "Wang^Wei=王^小伟"
    image.unlink()
    dcmwrite(image, header)
    said = hide_identity("cannot use 小伟 of 王 or 王小伟 or Wang", folder.input)
    assert not {"小", "伟", "王", "Wang"} & {*said, *said.split()}


def test_the_reading_command_is_ours() -> None:
    assert read_command(["--policy", "{odd}"])[2:] == (
        "hepalith", "read", "{input}", "--out", "{out}", "--policy", "{odd}",
    )  # fmt: skip


def test_ending_signals_are_named(folder: JobFolder) -> None:
    came = run(folder, f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})")
    assert came.reason == "the reader was ended by SIGSEGV"
