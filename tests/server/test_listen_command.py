"""`hepalith listen` as it is run: from storescu through a real reading into a real Orthanc, and back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydicom import dcmread
from tests.dicom_files import make_hu, make_slice, save
from tests.server.arrivals import put
from tests.server.orthanc import Orthanc, free_ports

from hepalith.cli import main
from hepalith.phantom import make_demo_study
from hepalith.server.job.folder import DataFolder
from hepalith.server.job.job import State
from hepalith.server.job.store import JobStore
from hepalith.server.listen import Listener
from hepalith.server.retention import Retention

needs_storescu = pytest.mark.skipif(shutil.which("storescu") is None, reason="storescu (dcmtk) is not here")


class Running:
    """One `hepalith listen`, in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        (self.port,) = free_ports(1)
        self.data, self.said = folder / "data", folder / "said.txt"
        self.command = [
            sys.executable, "-m", "hepalith", "listen", "--data", str(self.data), "--port", str(self.port),
            "--quiet", "1", *options,
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(self.command, stdout=said, stderr=said)  # noqa: S603
        end = time.monotonic() + 60
        while "listening as" not in self.said.read_text() and time.monotonic() < end:
            assert self.process.poll() is None, self.said.read_text()
            time.sleep(0.05)

    def send(self, files: Sequence[Path]) -> None:
        command = ["storescu", "-aec", "HEPALITH", "127.0.0.1", str(self.port), *map(str, files)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)

    def wait_for(self, pattern: str, limit_s: float = 150.0) -> str:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if found := re.search(pattern, self.said.read_text()):
                return found.group()
            time.sleep(0.1)
        raise AssertionError(f"{pattern} was not said: {self.said.read_text()[-2000:]}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for pid in tmp_path.glob("data/jobs/*/reader.lock"):  # what a failed test may have left
        said = pid.read_text().split()
        if said and "hepalith" in command_of(int(said[0])):
            os.killpg(int(said[0]), signal.SIGKILL)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.slow
@needs_storescu
def test_a_study_goes_from_storescu_to_orthanc_through_a_real_reading_and_kills(
    folder: Path, orthanc: Orthanc
) -> None:
    make_demo_study(folder / "study", 1)
    files = sorted((folder / "study" / "dicom").glob("**/*.dcm")) or sorted(
        (folder / "study" / "dicom").iterdir()
    )
    running = Running(folder, "--send", orthanc.dimse)
    try:
        running.send(files)
        running.wait_for("job 1: reading")
        time.sleep(1.0)
        running.stop(signal.SIGKILL)  # the reader goes on alone
        running.start()
        running.wait_for("job 1: done")
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait()
    job_folder = folder / "data" / "jobs" / "000001"
    made = sorted(path.name for path in (job_folder / "reading").glob("*.dcm"))
    assert made == ["measurements.dcm", "report_pdf.dcm", "segmentation.dcm"]
    sent = sorted(str(dcmread(job_folder / "reading" / name).SOPInstanceUID) for name in made)
    assert sorted(orthanc.instances()) == sent
    name = str(dcmread(files[0]).PatientName)
    said = running.said.read_text()
    assert not name or name not in said
    assert said.count("job 1: read\n") == 1
    with JobStore(folder / "data" / "jobs.sqlite") as store:
        (job,) = store.jobs()
        assert job.state is State.DONE


@pytest.mark.slow
@needs_storescu
def test_an_orthanc_that_was_away_gets_the_results_when_it_is_back(folder: Path, orthanc: Orthanc) -> None:
    make_demo_study(folder / "study", 2)
    files = sorted((folder / "study" / "dicom").iterdir())
    running = Running(folder, "--send", orthanc.dimse, "--send", orthanc.web, "--write", "seg")
    try:
        running.send(files)
        running.wait_for("job 1: reading")
        orthanc.kill()
        running.wait_for(r"job 1: sending: .*nothing listens")
        time.sleep(5.0)
        orthanc.start()
        running.wait_for("job 1: done")
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait()
    made = folder / "data" / "jobs" / "000001" / "reading" / "segmentation.dcm"
    assert orthanc.instances() == [str(dcmread(made).SOPInstanceUID)]
    assert running.said.read_text().count("job 1: read\n") == 1


@pytest.mark.slow
@needs_storescu
def test_a_study_with_a_corrupt_slice_says_so_and_names_nobody(folder: Path) -> None:
    hu = make_hu((4, 16, 20))
    good = [save(make_slice(hu[n], n), folder / "study" / f"{n}.dcm") for n in range(4)]
    broken = dcmread(good[2])
    broken.PixelData = broken.PixelData[:40]
    broken.save_as(good[2])
    running = Running(folder, "--write", "calendar", "--once")
    try:
        running.send(good)
        assert running.process.wait(90) == 0
    finally:
        running.process.kill()
        running.process.wait()
    said = running.said.read_text()
    assert re.search(r"job 1: (failed|read): .+", said), said
    kept = b"".join(path.read_bytes() for path in (folder / "data").glob("jobs.sqlite*"))
    for name in (b"Secret^Name", b"Secret", b"19500101"):
        assert name not in kept
        assert name not in said.encode()


def test_the_jobs_are_listed_and_a_failed_one_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DataFolder(tmp_path)
    data.make()
    with JobStore(data.store) as store:
        job = store.receive("1.2.3")
        put(data.incoming, 1, study="1.2.3")
        data.folder_of(job).seal(data.images("1.2.3"))
        job = store.move(store.move(job, State.COMPLETE, instances=1), State.READING)
        store.move(job, State.FAILED, reason="a slice is corrupt")
        store.receive("1.2.4")
    assert main(["listen", "--data", str(tmp_path), "--status"]) == 0
    head, failed, receiving = capsys.readouterr().out.splitlines()
    assert head.split() == ["job", "state", "since", "(UTC)", "images", "tries", "study", "reason"]
    assert failed.startswith("1    failed ")
    assert failed.endswith("1.2.3  a slice is corrupt")
    assert receiving.split()[:2] == ["2", "receiving"]
    assert main(["listen", "--data", str(tmp_path), "--retry", "1"]) == 0
    assert capsys.readouterr().out == "job 1: complete\n"
    assert main(["listen", "--data", str(tmp_path), "--retry", "1"]) == 2
    assert "only a failed one" in capsys.readouterr().err
    assert main(["listen", "--data", str(tmp_path), "--retry", "all"]) == 0
    assert capsys.readouterr().out == "no job has failed\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--status"], "holds no jobs"),
        (["--retry", "x"], "holds no jobs"),
        (["--quiet", "-1"], "--quiet -1 cannot be"),
        (["--keep", "nan"], "--keep nan cannot be"),
        (["--port", "70000"], "--port 70000 cannot be"),
        (["--send", "pacs"], "names no host"),
        (["--send", "http://user:word@pacs/dicom-web"], "HEPALITH_PASSWORD"),
        (["--title", "A" * 17], "is no AE title"),
        (["--tls-key", "key.pem"], "needs --tls-certificate"),
        (["--tls-authorities", "ca.pem"], "checks no sender"),
        (["--write", "fax"], "has no 'fax'"),
        (["--policy", "nobody"], "nobody"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["listen", "--data", str(tmp_path / "data"), *options]) in (2, 3)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_refused_and_leaves_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["listen", "--data", str(tmp_path / "data"), "--port", port]) == 5
    assert "(address already in use); choose another port" in capsys.readouterr().err


def test_what_is_asked_for_reaches_the_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Listener] = []

    def run(listener: Listener, *, once: bool) -> None:
        assert once
        seen.append(listener)

    monkeypatch.setattr(Listener, "run", run)
    options = [
        "--port", "0", "--once", "--quiet", "3", "--keep", "2", "--keep-failed", "4", "--deidentify",
        "--modality", "US", "--write", "sr", "--language", "zh", "--send", "dicom://PACS@localhost:104",
        "--send", "http://localhost/dicom-web",
    ]  # fmt: skip
    assert main(["listen", "--data", str(tmp_path / "data"), *options]) == 0
    (listener,) = seen
    plan = listener.plan
    assert [str(a) for a in plan.addresses] == ["dicom://PACS@localhost:104", "http://localhost/dicom-web"]
    assert (plan.quiet_s, plan.retention, plan.readable.modality) == (3.0, Retention(2, 4), "US")
    command = " ".join(plan.reader.command)
    for part in ("--write seg,sr", "--language zh", "--modality US", "--deidentify", "--policy article"):
        assert part in command
