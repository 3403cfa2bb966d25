"""Where a reading came from: which file each slice is of, what was made up, and what names nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hepalith.errors import ReadingFileError
from hepalith.geometry import Grid
from hepalith.reading import load_reading, load_source, write_folder
from hepalith.reading.origin import index_of, match_slices, rounded
from hepalith.reading.source import source_json, stand_in_source
from hepalith.settings import Settings
from hepalith.study import Encoding, Instance, Plane

ROWS, COLUMNS = 6, 5


def slice_at(z: float, *, x: float = 0.0, rows: int = ROWS) -> Instance:
    return Instance(
        Path("a.dcm"),
        plane=Plane(position=(x, 0.0, z), orientation=(1, 0, 0, 0, 1, 0), spacing_mm=(1.0, 1.0)),
        encoding=Encoding("1.2.840.10008.1.2.1", rows, COLUMNS),
    )


def grid_of(count: int, step_mm: float = 2.0) -> Grid:
    return Grid((count, ROWS, COLUMNS), np.eye(4)[[2, 1, 0, 3]] @ np.diag([step_mm, 1.0, 1.0, 1.0]))


def test_each_slice_is_of_the_file_that_lies_there() -> None:
    assert match_slices([slice_at(z) for z in (0, 2, 4)], grid_of(3)) == ((0, 1, 2), True)


def test_an_interpolated_slice_is_of_no_file() -> None:
    slices, aligned = match_slices([slice_at(z) for z in (0, 2, 6)], grid_of(4))
    assert slices == (0, 1, None, 2)
    assert aligned


def test_an_interpolated_slice_comes_from_the_files_on_both_sides_of_it(factories: ModuleType) -> None:
    files, grid = [slice_at(z) for z in (0, 2, 6.5, 9)], grid_of(6)
    slices, _ = match_slices(files, grid)
    index = index_of(files, grid)
    assert index is not None
    places = tuple(rounded(index[:, 0]))
    image = replace(factories.make_reading().source.primary, slices=slices, places=places)
    assert image.places == (0.0, 1.0, 3.25, 4.5)
    assert [image.shown_in(n) for n in range(6)] == [(0,), (1,), (1, 2), (2, 1), (3, 2), (3,)]


def test_slices_laid_elsewhere_do_not_share_pixels() -> None:
    assert match_slices([slice_at(0), slice_at(2, x=0.7)], grid_of(2)) == ((0, 1), False)
    assert match_slices([slice_at(z, rows=ROWS - 1) for z in (0, 2)], grid_of(2)) == ((0, 1), False)


def test_slices_without_a_position_lie_in_the_order_they_were_decoded() -> None:
    bare = [Instance(Path("a.dcm"), encoding=Encoding("1.2", ROWS, COLUMNS)) for _ in range(3)]
    assert match_slices(bare, grid_of(3)) == ((0, 1, 2), True)
    assert match_slices(bare, grid_of(4)) == ((None,) * 4, False)


def test_a_source_is_read_back_as_it_was_written(factories: ModuleType, tmp_path: Path) -> None:
    reading = factories.make_reading()
    write_folder(reading, tmp_path / "out")
    assert load_source(tmp_path / "out") == reading.source
    assert reading.source.primary.image == "ct_1"


def test_a_deidentified_reading_has_a_source_that_names_nobody(factories: ModuleType, tmp_path: Path) -> None:
    hidden = factories.make_reading(Settings(deidentify=True))
    shown = factories.make_reading()
    write_folder(hidden, tmp_path / "out")
    back = load_reading(tmp_path / "out")
    assert back.source == hidden.source
    assert back.source.is_hidden
    text = source_json(back.source)
    assert shown.source.identity.patient_id not in text
    assert shown.source.primary.study_uid not in text
    assert shown.source.primary.instances[0].sop_instance_uid not in text


def test_stand_ins_are_the_same_for_the_same_document(factories: ModuleType) -> None:
    reading = factories.make_reading()
    maps = reading.maps
    one, two = (stand_in_source(reading.document, maps.grid, maps.stored_order) for _ in range(2))
    assert one == two
    assert len(one.primary.slices) == maps.stored_order.stored_grid(maps.grid).shape[0]
    assert one.stand_ins == ("study", "series", "frame of reference", "instances")


@pytest.mark.parametrize("damage", ["{", "{}", '{"schema": "hepalith/source/1"}'])
def test_a_damaged_source_is_told_in_one_line(factories: ModuleType, tmp_path: Path, damage: str) -> None:
    write_folder(factories.make_reading(), tmp_path / "out")
    (tmp_path / "out" / "source.json").write_text(damage)
    with pytest.raises(ReadingFileError, match="read the study again"):
        load_source(tmp_path / "out")


def test_a_source_says_what_the_archive_files_results_under(factories: ModuleType) -> None:
    said = json.loads(source_json(factories.make_reading().source))
    assert set(said["images"][0]["general"]) >= {"accession_number", "date", "time", "referring_physician"}
