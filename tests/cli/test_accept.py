"""`hepalith write` and `hepalith accept` on a folder: what they say, and what they leave."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.reading import factories

from hepalith.cli import main
from hepalith.report.folder import write_folder

Said = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(factories.make_reading(), tmp_path / "reading")


def status(folder: Path) -> tuple[str, int]:
    """Return the status and the revision of the reading in a folder."""
    said = json.loads((folder / "reading.json").read_text(encoding="utf-8"))["reading"]
    return said["status"], said["revision"]


def test_what_was_written_is_written_anew_as_final(folder: Path, capsys: Said) -> None:
    assert main(["write", str(folder), "--write", "fhir", "--fhir-version", "R5"]) == 0
    assert capsys.readouterr().out == f"{folder / 'bundle.fhir.json'}\n"
    assert main(["accept", str(folder), "--by", "Li^Hua", "--at", "2024-05-01T09:30:00+02:00"]) == 0
    assert capsys.readouterr().out == f"{folder}: revision 2, final, accepted by Li^Hua\n"
    assert status(folder) == ("final", 2)
    bundle = (folder / "bundle.fhir.json").read_text(encoding="utf-8")
    assert '"final"' in bundle
    assert '"preliminary"' not in bundle


def test_a_time_to_come_is_refused(folder: Path, capsys: Said) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert main(["accept", str(folder), "--by", "A", "--at", tomorrow]) == 2
    assert "is still to come" in capsys.readouterr().err
    assert status(folder) == ("preliminary", 1)


def test_a_file_of_ones_own_in_the_folder_is_neither_lost_nor_a_reason_to_name_an_option_there_is_not(
    folder: Path, capsys: Said
) -> None:
    (folder / "note.txt").write_text("mine", encoding="utf-8")
    assert main(["accept", str(folder), "--by", "A"]) == 5
    said = capsys.readouterr().err
    assert "holds note.txt" in said
    assert "--out" not in said
    assert (folder / "note.txt").read_text(encoding="utf-8") == "mine"
    assert status(folder) == ("preliminary", 1)


@pytest.mark.parametrize(
    "command", [["write", "--write", "fhir", "--language", "zh"], ["accept", "--by", "A"]]
)
@pytest.mark.parametrize("what", ["nothing", "empty", "file"])
def test_what_is_no_reading_folder_ends_with_3(
    tmp_path: Path, capsys: Said, command: list[str], what: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    name, *options = command
    assert main([name, str(tmp_path / what), *options]) == 3
    said = capsys.readouterr().err
    assert "holds no reading.json; name a folder that hepalith read wrote" in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
