"""The files of the how-to that put hepalith beside an Orthanc do what the page says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.dicom_files import make_hu, make_slice, save
from tests.server.orthanc import Modality, Orthanc, Ways, free_ports

HERE = Path(__file__).resolve().parents[2] / "docs/how-to/orthanc"
ROOT = HERE.parents[2]


def neighbour(start: Callable[[Ways], Orthanc], port: int) -> Orthanc:
    """Start an Orthanc as the how-to sets it up, but for what differs on every machine."""
    said = json.loads((HERE / "orthanc.json").read_text(encoding="utf-8"))
    places = ("StorageDirectory", "IndexDirectory", "Plugins", "HttpPort", "DicomPort", "DicomModalities")
    more = {name: value for name, value in said.items() if name not in places}
    more |= {"LuaScripts": [str(HERE / "to_hepalith.lua")], "StableAge": 1, "RemoteAccessAllowed": False}
    return start(Ways("reader", "pass-word", {"hepalith": Modality("HEPALITH", port)}, more=more))


@contextmanager
def receiver(port: int, folder: Path) -> Iterator[Path]:
    """Run dcmtk's receiver in hepalith's place."""
    program = shutil.which("storescp")
    if program is None:
        pytest.skip("no storescp here: apt-get install dcmtk")
    folder.mkdir(exist_ok=True)
    # --unique-filenames: what is sent twice is seen twice
    words = [program, "-aet", "HEPALITH", "-od", str(folder), "--unique-filenames", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield folder
    finally:
        process.kill()
        process.wait(5)


def arrived(folder: Path, count: int, within_s: float = 15.0) -> int:
    """Wait for some files, then a little longer for one too many; return how many came."""
    end = time.monotonic() + within_s
    while time.monotonic() < end and len(list(folder.iterdir())) < count:
        time.sleep(0.1)
    time.sleep(2.5)
    return len(list(folder.iterdir()))


def write(folder: Path, study: str, modality: str, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    hu = make_hu((count, 16, 20))
    files = []
    for n in range(count):
        series = f"{study}.{len(modality)}{ord(modality[0])}"
        said = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": f"{series}.{n + 1}"}
        files.append(save(make_slice(hu[n], n, Modality=modality, **said), folder / f"{series}.{n}.dcm"))
    return files


@pytest.mark.slow
def test_images_are_sent_once_and_what_comes_back_starts_nothing(
    start_orthanc: Callable[[Ways], Orthanc], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORTHANC_PASSWORD", "pass-word")
    (port,) = free_ports(1)
    orthanc = neighbour(start_orthanc, port)
    images = write(tmp_path / "made", "1.2.3", "CT", 4)
    with receiver(port, tmp_path / "in") as folder:
        orthanc.take(*images[:3], *write(tmp_path / "made", "1.2.3", "MR", 2))
        assert arrived(folder, 3) == 3, "the CT, and not the MR"
        orthanc.take(*write(tmp_path / "made", "1.2.3", "SEG", 1))
        assert arrived(folder, 4, 2.0) == 3, "what comes back sends nothing"
        orthanc.take(images[3])
        assert arrived(folder, 7) == 7, "a series that grew is sent whole"


def test_a_study_that_was_not_taken_goes_with_the_next(
    start_orthanc: Callable[[Ways], Orthanc], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORTHANC_PASSWORD", "pass-word")
    (port,) = free_ports(1)
    orthanc = neighbour(start_orthanc, port)
    orthanc.take(*write(tmp_path / "made", "1.2.3", "CT", 2))
    log = orthanc.folder / "log.txt"
    end = time.monotonic() + 15
    while "Error in RestApiPost" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    with receiver(port, tmp_path / "in") as folder:
        orthanc.take(*write(tmp_path / "made", "1.2.4", "US", 1))
        assert arrived(folder, 3) == 3


def test_the_compose_example_names_what_is_there() -> None:
    text = (HERE / "compose.yaml").read_text(encoding="utf-8")
    named = re.findall(r"^\s+- \./(\S+?):", text, flags=re.MULTILINE)
    assert sorted(named) == ["orthanc.json", "to_hepalith.lua"]
    assert all((HERE / name).is_file() for name in named)
    contexts = re.findall(r"context: (\S+)", text)
    assert sorted(str((HERE / c).resolve().relative_to(ROOT)) for c in contexts) == [
        ".",
        "docs/how-to/orthanc",
    ]
    said = json.loads((HERE / "orthanc.json").read_text(encoding="utf-8"))
    assert said["DicomModalities"]["hepalith"] == ["HEPALITH", "hepalith", 11112]
    assert f"dicom://{said['DicomAet']}@orthanc:{said['DicomPort']}" in text
