"""A folder that is no reading is refused in one line that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from hepalith.errors import ReadingFileError
from hepalith.reading import load_document, load_reading, write_folder

SAMPLES = Path(__file__).parent / "samples"
"""One `reading.json` of every released version; a release adds its own and changes none."""


@pytest.fixture
def out(factories: ModuleType, tmp_path: Path) -> Path:
    return Path(write_folder(factories.make_reading(), tmp_path / "out"))


def refused(folder: Path, said: str) -> None:
    with pytest.raises(ReadingFileError, match=said) as caught:
        load_reading(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_reading_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "holds no reading.json; name a folder")


def test_a_damaged_json_is_refused(out: Path) -> None:
    (out / "reading.json").write_text("{ not json")
    refused(out, "is no JSON")


def test_bytes_that_are_no_text_are_refused(out: Path) -> None:
    (out / "reading.json").write_bytes(b"\xff\xfe\x00")
    refused(out, "is no JSON")


@pytest.mark.parametrize("said", ["[]", '"hepalith/reading/1"', '{"schema": "hepalith/reading/2"}'])
def test_another_schema_is_refused(out: Path, said: str) -> None:
    (out / "reading.json").write_text(said)
    refused(out, "this version reads hepalith/reading/1")


def test_a_missing_key_is_named(out: Path) -> None:
    document = json.loads((out / "reading.json").read_text(encoding="utf-8"))
    del document["foci"][1]["tracking_uid"]
    (out / "reading.json").write_text(json.dumps(document))
    refused(out, r"foci\.1\.tracking_uid: field required")


def test_keys_of_a_later_version_are_ignored(out: Path, factories: ModuleType) -> None:
    document = json.loads((out / "reading.json").read_text(encoding="utf-8"))
    document["later"] = 1
    (out / "reading.json").write_text(json.dumps(document))
    assert load_document(out) == factories.make_reading().document


def test_a_missing_map_is_named(out: Path) -> None:
    (out / "foci.nii.gz").unlink()
    refused(out, "foci.nii.gz is missing")


def test_a_truncated_map_is_named(out: Path) -> None:
    path = out / "liver_box.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    refused(out, "liver_box.nii.gz is damaged")


def test_maps_of_two_readings_are_refused(out: Path) -> None:
    (out / "foci.nii.gz").write_bytes((out / "liver_box.nii.gz").read_bytes())
    refused(out, "differ in shape")


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("reading-*.json")), ids=lambda path: path.stem)
def test_a_sample_of_every_released_version_still_loads(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "reading.json").write_bytes(sample.read_bytes())
    document = load_document(tmp_path)
    assert document.provenance.version == sample.stem.removeprefix("reading-")
    assert len(document.foci) == 4
    assert document.differential[0].diagnosis == "simple_healed"


def test_there_are_samples_to_load() -> None:
    assert list(SAMPLES.glob("reading-*.json"))
