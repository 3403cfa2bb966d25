"""`hepalith pull` beside a real Orthanc, over DICOMweb and DIMSE."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset
from tests.dicom_files import make_hu, make_slice, save
from tests.server.conftest import Papers
from tests.server.odd_server import Asked, Says, odd_server
from tests.server.orthanc import Orthanc, Ways

from hepalith.cli import main
from hepalith.cli.pull import row, table
from hepalith.server.remote import FoundStudy

Said = pytest.CaptureFixture[str]
WAYS = ("web", "dimse")


def fill(orthanc: Orthanc, folder: Path, studies: int = 2, slices: int = 3) -> list[str]:
    """Put studies of two patients into an archive; return their UIDs."""
    folder.mkdir(exist_ok=True)
    hu = make_hu((slices, 16, 20))
    uids = [f"1.2.826.0.1.3680043.9.7.{n + 1}" for n in range(studies)]
    for n, uid in enumerate(uids):
        for k in range(slices):
            said = {
                "StudyInstanceUID": uid,
                "SeriesInstanceUID": f"{uid}.1",
                "SOPInstanceUID": f"{uid}.1.{k}",
                "PatientID": f"P{n}",
                "PatientName": f"Secret{n}^Name",
                "StudyDate": f"2024010{n + 1}",
            }
            orthanc.take(save(make_slice(hu[k], k, **said), folder / f"{n}-{k}.dcm"))
    return uids


@pytest.mark.parametrize("way", WAYS)
def test_a_study_comes_into_a_folder_of_its_own(
    orthanc: Orthanc, tmp_path: Path, capsys: Said, way: str
) -> None:
    uids = fill(orthanc, tmp_path / "made")
    address = getattr(orthanc, way)
    assert main(["pull", address, "--study", uids[1], "--out", str(tmp_path / "out")]) == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == [uids[1]]
    assert len(list((tmp_path / "out" / uids[1]).glob("*.dcm"))) == 3
    said = capsys.readouterr()
    assert "3 files of 1 study" in said.out
    assert "Secret" not in said.out + said.err


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "query", [["--patient-id", "P1"], ["--date", "20240102"], ["--date", "20240102-20240301"]]
)
def test_the_one_study_that_matches_is_found(
    orthanc: Orthanc, tmp_path: Path, way: str, query: list[str]
) -> None:
    uids = fill(orthanc, tmp_path / "made")
    assert main(["pull", getattr(orthanc, way), *query, "--out", str(tmp_path / "out")]) == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == [uids[1]]


def test_over_dimse_with_tls_both_show_who_they_are(
    start_orthanc: Callable[[Ways], Orthanc], papers: Papers, tmp_path: Path, capsys: Said
) -> None:
    orthanc = start_orthanc(Ways(certificate=papers.server, trusted=papers.authority))
    uids = fill(orthanc, tmp_path / "made", 1)
    trust = ["--tls-authorities", str(papers.authority)]
    words = ["pull", orthanc.dimse, "--study", uids[0], "--out", str(tmp_path / "out")]
    assert main([*words, *trust, "--timeout", "5"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*words, *trust, "--tls-certificate", str(papers.client)]) == 0
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 3


@pytest.mark.parametrize("way", WAYS)
def test_several_matches_are_listed_by_uid_without_a_name(
    orthanc: Orthanc, tmp_path: Path, capsys: Said, way: str
) -> None:
    uids = fill(orthanc, tmp_path / "made")
    out = tmp_path / "out"
    assert main(["pull", getattr(orthanc, way), "--modality", "CT", "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert all(uid in said.err for uid in uids)
    assert "Secret" not in said.err + said.out
    assert not out.exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_list_shows_what_there_is(orthanc: Orthanc, tmp_path: Path, capsys: Said, way: str) -> None:
    uids = fill(orthanc, tmp_path / "made", 3)
    assert main(["pull", getattr(orthanc, way), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["study", "date", "holds"]
    assert [line.split()[0] for line in lines[1:]] == uids
    assert "Secret2^Name" in lines[3]
    assert main(["pull", getattr(orthanc, way), "--list", "--limit", "2"]) == 0
    assert "more match than these 2" in capsys.readouterr().out
    assert main(["pull", getattr(orthanc, way), "--list", "--patient-id", "P9"]) == 0
    assert capsys.readouterr().out == "no study matches\n"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_there_ends_with_3_and_leaves_nothing(
    orthanc: Orthanc, tmp_path: Path, capsys: Said, way: str
) -> None:
    out = tmp_path / "out"
    for query in (["--study", "1.2.3"], ["--patient-id", "P9"]):
        assert main(["pull", getattr(orthanc, way), *query, "--out", str(out)]) == 3
        assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_archive_may_send_to_a_port_of_ours(orthanc: Orthanc, our_port: int, tmp_path: Path) -> None:
    uids = fill(orthanc, tmp_path / "made", 1)
    words = ["pull", orthanc.dimse, "--study", uids[0], "--port", str(our_port)]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out" / uids[0]).glob("*.dcm"))) == 3


def test_a_folder_in_use_is_left_as_it_is(orthanc: Orthanc, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["pull", orthanc.web, "--study", "1.2.3", "--out", str(tmp_path)]) == 5
    assert "is not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def start_pull(address: str, out: Path, **more: Any) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "hepalith", "pull", address, "--study", "1.2.3", "--out", str(out)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)  # noqa: S603


def test_a_pull_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    asked = threading.Event()

    def hang(question: Asked) -> Says:
        if "/series?" in question.path:
            return half(question)
        asked.set()
        stopped.wait(20)
        return Says(503)

    stopped = threading.Event()
    with odd_server(hang) as server:
        pulling = start_pull(server.web, tmp_path / "out")
        assert asked.wait(30)
        assert [p.name[:5] for p in tmp_path.iterdir()] == [".out."]
        pulling.terminate()
        _, err = pulling.communicate(timeout=30)
        stopped.set()
    assert pulling.returncode == 130
    assert err == "hepalith: stopped; nothing was written\n"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def shrink() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    with odd_server(half) as server:
        pulling = start_pull(server.web, tmp_path / "out", preexec_fn=shrink)
        _, err = pulling.communicate(timeout=60)
    assert pulling.returncode == 5
    assert "cannot be written" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def bytes_of(dataset: FileDataset) -> bytes:
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def half(asked: Asked) -> Says:
    """Answer as an archive that lists two series and gives one."""
    if "/series?" in asked.path:
        entries = [
            {"0020000E": {"vr": "UI", "Value": [f"1.2.3.{n}"]}, "00201209": {"vr": "IS", "Value": [1]}}
            for n in (1, 2)
        ]
        return Says(200, json.dumps(entries).encode())
    if asked.path.endswith("1.2.3.2"):
        return Says(404)
    dataset = make_slice(make_hu()[0], StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1")
    content = bytes_of(dataset)
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--b--"
    return Says(200, body, {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'})


def test_a_study_that_comes_in_part_is_kept_only_when_asked_for(tmp_path: Path, capsys: Said) -> None:
    out = tmp_path / "out"
    with odd_server(half) as server:
        words = ["pull", server.web, "--study", "1.2.3", "--out", str(out)]
        assert main(words) == 3
        assert "could not give 1 instance" in capsys.readouterr().err
        assert not out.exists()
        assert main([*words, "--incomplete"]) == 0
    assert "1 instance of study 1.2.3 is missing" in capsys.readouterr().out
    assert len(list(out.rglob("*.dcm"))) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--out", "x"],
        ["--study", "1.2"],
        ["--study", "1.2", "--patient-id", "P", "--out", "x"],
        ["--study", "../..", "--out", "x"],
        ["--study", "1.2", "--series", "first", "--out", "x"],
        ["--study", "1." * 32 + "1", "--out", "x"],
        ["--series", "1.2", "--patient-id", "P", "--out", "x"],
        ["--list", "--out", "x"],
        ["--list", "--limit", "0"],
        ["--date", "2024-01-01", "--out", "x"],
        ["--date", "20240230", "--out", "x"],
        ["--date", "20240301-20240201", "--out", "x"],
        ["--study", "1.2", "--out", "x", "--port", "0"],
        ["--study", "1.2", "--out", "x", "--port", "104"],
        ["--study", "1.2", "--out", "x", "--tls-key", "k.pem"],
        ["--study", "1.2", "--out", "x", "--tls-certificate", "k.pem"],
        ["--study", "1.2", "--out", "x", "--tls-authorities", "a.pem"],
        ["--study", "1.2", "--out", "x", "--timeout", "0"],
        ["--study", "1.2", "--out", "x", "--title", "MORE THAN SIXTEEN LETTERS"],
    ],
)
def test_what_cannot_be_meant_is_one_line_and_2(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pull", "http://127.0.0.1:9/dicom-web", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_password_comes_from_the_environment(
    start_orthanc: Callable[[Ways], Orthanc],
    papers: Papers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
) -> None:
    orthanc = start_orthanc(Ways("reader", "s3cret", certificate=papers.server, trusted=papers.authority))
    fill(orthanc, tmp_path / "made", 1)
    words = [
        "pull",
        orthanc.web,
        "--list",
        "--tls-authorities",
        str(papers.authority),
        "--tls-certificate",
        str(papers.client),
    ]
    assert main(words) == 3
    assert "HEPALITH_USER and HEPALITH_PASSWORD" in capsys.readouterr().err
    monkeypatch.setenv("HEPALITH_USER", "reader")
    monkeypatch.setenv("HEPALITH_PASSWORD", "s3cret")
    assert main(words) == 0
    assert "Secret0" in capsys.readouterr().out
    assert main(["pull", "http://pacs.example/dicom-web", "--list"]) == 2
    assert "is not encrypted" in capsys.readouterr().err


def test_a_table_of_chinese_names_stands_straight_and_steers_no_terminal() -> None:
    rows = [row(FoundStudy("1.2", patient_name="李伟\x1b[2J")), row(FoundStudy("1.23", patient_name="A"))]
    lines = table(rows).splitlines()
    assert "\x1b" not in lines[0]
    assert lines[0].startswith("1.2   -")
    assert lines[1].startswith("1.23  -")
