"""Formats are chosen by name, brought by what refers to them, and written whole or not at all."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from hepalith.errors import MissingExtraError, ReadingFileError, UsageError
from hepalith.reading import Reading, load_reading
from hepalith.reading.folder import FOLDER_FILES
from hepalith.report import formats as room
from hepalith.report.agree import disagreements
from hepalith.report.folder import write_folder
from hepalith.report.formats import FORMATS, Format, add_formats, check_extras, choose_formats
from hepalith.settings import Formats


def write_mark(reading: Reading, folder: Path, formats: Formats) -> None:
    (folder / "key_images.dcm").write_text(f"{reading.document.reading.id} {formats.language}")


def write_half(_reading: Reading, folder: Path, _formats: Formats) -> None:
    (folder / "segmentation.dcm").write_text("half")
    raise OSError(28, "No space left on device")


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        "seg": Format("half", ("segmentation.dcm",), "x", "x"),
        "calendar": Format("mark", ("key_images.dcm",), "x", "x"),
    }
    monkeypatch.setattr(room, "FORMATS", made)
    monkeypatch.setattr(
        Format, "writer", lambda self: write_half if self.says == "half" else write_mark, raising=True
    )


def test_every_format_has_a_writer_and_its_files_belong_to_a_reading_folder() -> None:
    for name, one in FORMATS.items():
        assert callable(one.writer()), name
        assert set(one.files) <= FOLDER_FILES, name


def test_a_report_brings_the_segmentation_that_it_refers_to() -> None:
    assert choose_formats(" sr , calendar") == ("seg", "sr", "calendar")


@pytest.mark.parametrize("named", ["", " , ", "sr,doc", "SR"])
def test_an_unknown_format_is_refused_with_the_list(named: str) -> None:
    with pytest.raises(UsageError, match="choose from pdf, seg, sr, fhir, calendar"):
        choose_formats(named)


def test_a_missing_extra_is_named_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(room, "find_spec", lambda name: None if name == "pylopdf_fonts_zh_cn" else real(name))
    check_extras(Formats(("seg", "calendar")))
    with pytest.raises(MissingExtraError, match=r"pip install 'hepalith\[pdf\]'"):
        check_extras(Formats(("seg", "pdf")))


@pytest.mark.usefixtures("stubs")
def test_formats_are_written_with_the_folder(factories: ModuleType, tmp_path: Path) -> None:
    reading = factories.make_reading()
    write_folder(reading, tmp_path / "out", formats=Formats(("calendar",), language="zh"))
    assert (tmp_path / "out" / "key_images.dcm").read_text() == f"{reading.document.reading.id} zh"


@pytest.mark.usefixtures("stubs")
def test_formats_written_later_leave_the_rest_as_it_was(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert add_formats(out, Formats(("calendar",))) == (out / "key_images.dcm",)
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    assert after.pop("key_images.dcm")
    assert after == before


def test_a_report_is_written_anew_with_another_kind_of_segmentation(
    factories: ModuleType, tmp_path: Path
) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out", formats=Formats(("seg", "sr")))
    made = add_formats(out, Formats(("seg",), segmentation="labelmap"))
    assert [path.name for path in made] == ["segmentation.dcm", "measurements.dcm"]
    assert disagreements(load_reading(out), out) == []


@pytest.mark.usefixtures("stubs")
def test_a_format_that_fails_leaves_nothing(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    before = sorted(path.name for path in out.iterdir())
    with pytest.raises(OSError, match="no space left"):
        add_formats(out, Formats(("calendar", "seg")))
    assert sorted(path.name for path in out.iterdir()) == before
    with pytest.raises(OSError, match="no space left"):
        write_folder(factories.make_reading(), tmp_path / "new", formats=Formats(("calendar", "seg")))
    assert not (tmp_path / "new").exists()


def test_a_folder_without_a_reading_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingFileError, match=r"no reading\.json"):
        add_formats(tmp_path, Formats(("calendar",)))
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for nowhere in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(ReadingFileError, match=r"no reading\.json"):
            add_formats(nowhere, Formats(("calendar",)))


@pytest.mark.parametrize("named", ["label", "finding"])
def test_a_term_of_another_version_is_told_in_one_line(
    factories: ModuleType, tmp_path: Path, named: str
) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    said = json.loads((out / "reading.json").read_text(encoding="utf-8"))
    entry = said["foci"][0] if named == "label" else said["findings"][0]
    entry["label" if named == "label" else "id"] = "sparkle"
    (out / "reading.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(ReadingFileError, match=r"names 'sparkle'.*use the version that wrote it"):
        add_formats(out, Formats(("fhir",)))
    assert not (out / "bundle.fhir.json").exists()
