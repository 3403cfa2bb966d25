"""`hepalith send` beside a real Orthanc, over DICOMweb and DIMSE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.dicom_files import make_hu, make_slice, save
from tests.server.orthanc import Orthanc

from hepalith.cli import main

Said = pytest.CaptureFixture[str]
WAYS = ("web", "dimse")


def make_reading(folder: Path, status: str = "preliminary", **changes: str) -> Path:
    """Write what a reading folder has for an archive: two objects of ours."""
    folder.mkdir()
    (folder / "reading.json").write_text(json.dumps({"reading": {"status": status}}))
    for n, name in enumerate(("segmentation.dcm", "measurements.dcm")):
        said = {"Manufacturer": "hepalith", "SOPInstanceUID": f"1.2.3.{n}"} | changes
        save(make_slice(make_hu()[0], **said), folder / name)
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_what_a_reading_folder_holds_arrives(
    orthanc: Orthanc, tmp_path: Path, capsys: Said, way: str
) -> None:
    folder = make_reading(tmp_path / "r")
    assert main(["send", getattr(orthanc, way), str(folder)]) == 0
    assert orthanc.instances() == ["1.2.3.0", "1.2.3.1"]
    said = capsys.readouterr().out
    assert said.startswith("sent 2 files, ")
    assert "nobody has accepted the reading yet" in said
    assert main(["send", getattr(orthanc, way), str(folder)]) == 0, "sent again, it is held once"
    assert len(orthanc.instances()) == 2


def test_only_what_is_named_is_sent(orthanc: Orthanc, tmp_path: Path, capsys: Said) -> None:
    folder = make_reading(tmp_path / "r", "final")
    assert main(["send", orthanc.web, str(folder), "--only", "sr"]) == 0
    assert orthanc.instances() == ["1.2.3.1"]
    assert "nobody has accepted" not in capsys.readouterr().out


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_refused_is_named_and_the_others_arrive(
    orthanc: Orthanc, tmp_path: Path, capsys: Said, way: str
) -> None:
    folder = make_reading(tmp_path / "r")
    (tmp_path / "note.txt").write_text("no DICOM")
    words = ["send", getattr(orthanc, way), str(tmp_path / "note.txt"), str(folder)]
    assert main(words) == 5
    said = capsys.readouterr()
    assert [line for line in said.out.splitlines() if line.startswith("refused: ")] == said.out.splitlines()
    assert "note.txt" in said.out
    assert said.err.count("\n") == 1
    assert "refused 1 of 3 files" in said.err
    assert len(orthanc.instances()) == 2


@pytest.mark.parametrize("changes", [{"PatientID": ""}, {"PatientIdentityRemoved": "YES"}])
def test_a_result_that_names_nobody_is_sent_only_when_it_is_meant(
    orthanc: Orthanc, tmp_path: Path, capsys: Said, changes: dict[str, str]
) -> None:
    folder = make_reading(tmp_path / "r", **changes)
    assert main(["send", orthanc.web, str(folder)]) == 2
    assert "names no patient" in capsys.readouterr().err
    assert orthanc.instances() == []
    assert main(["send", orthanc.web, str(folder), "--deidentified"]) == 0
    assert len(orthanc.instances()) == 2


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["http://127.0.0.1:9/dicom-web", "r"], 5, "nothing listens there"),
        (["dicom://ORTHANC@127.0.0.1:9", "r"], 5, "127.0.0.1:9"),
        (["http://127.0.0.1:9/dicom-web", "none"], 3, "is not there"),
        (["http://127.0.0.1:9/dicom-web", "r", "--only", "pdf"], 2, "choose from seg, sr"),
        (["ftp://127.0.0.1/x", "r"], 2, "is no address"),
        (["http://a:b@127.0.0.1/x", "r"], 2, "must hold no user and no password"),
    ],
)
def test_what_cannot_be_sent_is_one_line(
    words: list[str], status: int, said: str, tmp_path: Path, capsys: Said
) -> None:
    make_reading(tmp_path / "r")
    address, path, *more = words
    assert main(["send", address, str(tmp_path / path), *more]) == status
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
