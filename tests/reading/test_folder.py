"""The folder appears whole or not at all, keeps identity in one private file, and spares what is not ours."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from types import ModuleType

import nibabel
import numpy as np
import pytest

from hepalith.errors import OutputError, OutputExistsError
from hepalith.geometry import StoredOrder
from hepalith.reading import Reading, Run, load_reading, write_folder
from hepalith.settings import Settings

NAMES = {"reading.json", "liver.nii.gz", "foci.nii.gz", "liver_box.nii.gz", "source.json", "run.json"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fail_with(code: int) -> object:
    def write(_reading: Reading, path: Path) -> None:
        path.write_text("half")
        raise OSError(code, os.strerror(code))

    return write


def test_two_runs_differ_in_run_json_alone(factories: ModuleType, tmp_path: Path) -> None:
    reading = factories.make_reading()
    write_folder(reading, tmp_path / "a", run=lambda: Run(host="one", seconds={"decode": 1.0}))
    write_folder(
        factories.make_reading(), tmp_path / "b", run=lambda: Run(host="two", seconds={"decode": 2.0})
    )
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert set(first) == NAMES
    assert {name for name in first if first[name] != second[name]} == {"run.json"}


def test_what_was_written_is_read_back(factories: ModuleType, tmp_path: Path) -> None:
    reading = factories.make_reading()
    back = load_reading(write_folder(reading, tmp_path / "out"))
    assert back.document == reading.document
    assert back.maps.box == reading.maps.box
    assert np.array_equal(back.maps.hu, reading.maps.hu)
    assert np.array_equal(back.maps.liver, reading.maps.liver)
    assert np.array_equal(back.maps.foci, reading.maps.foci)
    assert back.maps.grid.is_close_to(reading.maps.grid)
    assert back.source == reading.source


@pytest.mark.parametrize(
    "order",
    [StoredOrder((2, 1, 0), (True, False, True)), StoredOrder((1, 0, 2), (False, True, False))],
    ids=str,
)
def test_maps_are_written_in_the_stored_order_and_read_back(
    factories: ModuleType, order: StoredOrder, tmp_path: Path
) -> None:
    examined = factories.make_examined(volume=factories.make_volume(order))
    reading = factories.assemble(examined, factories.make_assessment(), factories.Patient(), Settings())
    out = write_folder(reading, tmp_path / "out")
    stored = order.stored_grid(reading.maps.grid)
    assert nibabel.load(out / "liver.nii.gz").shape == stored.shape[::-1]
    back = load_reading(out)
    assert back.maps.box == reading.maps.box
    assert np.array_equal(back.maps.foci, reading.maps.foci)
    assert np.array_equal(back.maps.hu, reading.maps.hu)


def test_an_unanswerable_reading_is_written_and_read_back(factories: ModuleType, tmp_path: Path) -> None:
    reading = factories.assemble(
        factories.make_examined(), factories.unanswerable_assessment(), factories.Patient(), Settings()
    )
    out = write_folder(reading, tmp_path / "out")
    assert set(contents(out)) == NAMES - {"liver_box.nii.gz"}
    back = load_reading(out)
    assert not back.is_answerable
    assert back.document == reading.document


def test_source_json_is_private_and_names_the_patient(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    assert stat.S_IMODE((out / "source.json").stat().st_mode) == 0o600
    source = json.loads((out / "source.json").read_text())
    assert source["identity"]["patient_id"] == "MRN-4711"
    assert source["images"][0]["instances"][0]["sop_instance_uid"] == "1.2.3.4.5"
    for name in NAMES - {"source.json"}:
        assert b"MRN-4711" not in (out / name).read_bytes()


def test_a_deidentified_reading_has_no_source_json(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(Settings(deidentify=True)), tmp_path / "out")
    assert not (out / "source.json").exists()


def test_a_folder_that_holds_something_is_refused(factories: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="not empty; choose another --out, or add --overwrite"):
        write_folder(factories.make_reading(), tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_overwriting_never_removes_a_file_that_is_not_ours(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    with pytest.raises(OutputExistsError, match=r"holds notes\.txt, which is no file of a reading"):
        write_folder(factories.make_reading(), out, overwrite=True)
    assert contents(out) == before


def test_overwriting_a_folder_without_a_reading_is_refused(factories: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("of another program")
    with pytest.raises(OutputExistsError, match="holds no reading"):
        write_folder(factories.make_reading(), tmp_path, overwrite=True)
    assert contents(tmp_path) == {"report.html": b"of another program"}


def test_an_older_reading_is_replaced_as_a_whole(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    (out / "report.pdf").write_text("of the older reading")
    write_folder(factories.make_reading(Settings(deidentify=True)), out, overwrite=True)
    assert set(contents(out)) == NAMES - {"source.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing is left beside it"


def test_an_empty_folder_is_used(factories: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert set(contents(write_folder(factories.make_reading(), tmp_path / "out"))) == NAMES


def test_parent_folders_are_made(factories: ModuleType, tmp_path: Path) -> None:
    assert (write_folder(factories.make_reading(), tmp_path / "a" / "b") / "reading.json").exists()


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "free some space"), (errno.EACCES, "check the permissions")]
)
def test_a_full_disk_leaves_nothing_behind(
    factories: ModuleType, tmp_path: Path, code: int, said: str
) -> None:
    with pytest.raises(OutputError, match=said) as caught:
        write_folder(factories.make_reading(), tmp_path / "out", writers={"report.html": fail_with(code)})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_map_that_does_not_fit_on_the_disk_is_said_in_one_line(
    factories: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(self: Path, mode: str = "r", **options: object) -> object:
        return opened(Path("/dev/full") if self.name == "foci.nii.gz" else self, mode, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        write_folder(factories.make_reading(), tmp_path / "out")
    assert "free some space" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_older_reading_survives_a_failed_one(factories: ModuleType, tmp_path: Path) -> None:
    out = write_folder(factories.make_reading(), tmp_path / "out")
    before = contents(out)
    with pytest.raises(OutputError):
        write_folder(
            factories.make_reading(), out, overwrite=True, writers={"report.html": fail_with(errno.ENOSPC)}
        )
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_interruption_leaves_nothing_behind(factories: ModuleType, tmp_path: Path) -> None:
    def interrupt(_reading: Reading, _path: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(factories.make_reading(), tmp_path / "out", writers={"report.html": interrupt})
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(factories: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="is a file; name a folder"):
        write_folder(factories.make_reading(), tmp_path / "out", overwrite=True)


def test_a_parent_that_is_a_file_is_one_line(factories: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        write_folder(factories.make_reading(), tmp_path / "file" / "out")
    assert "\n" not in str(caught.value)


def test_a_folder_whose_parent_is_read_only_is_filled_from_inside(
    factories: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mount"
    out.mkdir()
    monkeypatch.setattr("hepalith.reading.folder.must_stage_inside", lambda _target: True)
    write_folder(factories.make_reading(), out)
    (out / "report.pdf").write_text("of the older reading")
    write_folder(factories.make_reading(Settings(deidentify=True)), out, overwrite=True)
    assert set(contents(out)) == NAMES - {"source.json"}


def test_a_writer_of_an_unknown_file_is_a_mistake(factories: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"notes\.txt"):
        write_folder(factories.make_reading(), tmp_path / "out", writers={"notes.txt": fail_with(0)})
